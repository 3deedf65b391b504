//! Keys that are two in the source and one in the target: told before anything is written, and
//! rejected by name when they come.

use serde_json::Value;
use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::{Setting, VALUE};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// `Ann` twice but for case, `Bob` twice but for a blank at the end and case, `Emil` twice but for case
/// and an accent; a NULL is equal to nothing, and 8 and 9 are of two shops.
fn source() -> String {
    format!(
        "CREATE TABLE pupil (id INTEGER PRIMARY KEY, shop INTEGER NOT NULL, code TEXT, note TEXT);
         INSERT INTO pupil VALUES (1, 1, 'Ann', '{VALUE}'), (2, 1, 'ann', ''), (3, 1, 'Bob', ''),
         (4, 1, 'bob ', ''), (5, 1, 'Émil', ''), (6, 1, 'emil', ''), (7, 1, NULL, ''),
         (8, 1, 'Zoe', ''), (9, 2, 'zoe', ''), (10, 1, NULL, '')"
    )
}

fn migration(setting: &Setting, to: &str, more: &str) {
    let from = setting.sqlite("from.db", "");
    setting.migration(&from, to, &format!("entities: [pupil]\n{more}"));
}

/// What the plan says of keys, most serious first.
fn notes(setting: &Setting) -> Vec<(String, String)> {
    let plan = setting.longhaul(&["plan", "--output", "json"]).exits(0).json();
    let plan = plan.get("plan").unwrap_or(&plan);
    let text = |note: &Value, name: &str| note[name].as_str().unwrap().to_owned();
    let notes = plan["notes"].as_array().unwrap().iter();
    let notes = notes.map(|note| (text(note, "level"), text(note, "text")));
    notes.filter(|(_, text)| text.starts_with("key ")).collect()
}

/// The plan names so many pairs and these rows, nothing was written meanwhile, and a run rejects as
/// many and verifies the rest.
fn told_and_rejected(setting: &Setting, pairs: usize, words: &[&str]) {
    let notes = notes(setting);
    let (level, text) = notes.first().unwrap_or_else(|| panic!("nothing was said"));
    let counted = if pairs == 1 { "1 pair of".to_owned() } else { format!("{pairs} pairs of") };
    assert_eq!((level.as_str(), notes.len()), ("warning", 1), "{notes:?}");
    assert!(text.contains(&counted) && !text.contains("at least"), "{text}");
    for word in words {
        assert!(text.contains(word), "no {word} in {text}");
    }
    let said = setting.longhaul(&["run", "--output", "json"]).exits(4);
    assert!(said.stderr.contains("warning: ") && said.stderr.contains(text), "{said}");
    let report = said.json();
    assert_eq!(report["totals"]["rejected"], pairs, "{report:#}");
    assert_eq!(report["verdict"], "verified", "{report:#}");
    let reasons = report["rejects"].as_array().unwrap();
    assert!(reasons.iter().all(|r| r["reason"].as_str().unwrap().contains("unique")), "{report:#}");
}

fn new(source: &str) -> Setting {
    let setting = Setting::new(LONGHAUL);
    let _ = setting.sqlite("from.db", source);
    setting
}

#[tokio::test]
async fn mariadb_that_ignores_case_accents_and_blanks_is_asked_before_the_run() {
    let (setting, to) = (new(&source()), Mysql::new().await);
    to.run(
        "CREATE TABLE pupil (id BIGINT PRIMARY KEY, shop INT NOT NULL, \
         code VARCHAR(20) COLLATE utf8mb4_general_ci, note TEXT, UNIQUE KEY by_code (shop, code))",
    )
    .await;
    migration(&setting, &to.url(), "");
    let words = ["by_code", "utf8mb4_general_ci", "1 and 2", "3 and 4", "5 and 6", "rejected"];
    told_and_rejected(&setting, 3, &words);
}

#[tokio::test]
async fn mariadb_that_compares_bytes_and_ignores_blanks_has_its_own_answer() {
    let (setting, to) = (
        new("CREATE TABLE pupil (code TEXT NOT NULL PRIMARY KEY); INSERT INTO pupil VALUES \
         ('a'), ('a  '), ('A'), ('b'), (' b')"),
        Mysql::new().await,
    );
    to.run("CREATE TABLE pupil (code VARCHAR(20) COLLATE utf8mb4_bin PRIMARY KEY)").await;
    migration(&setting, &to.url(), "");
    told_and_rejected(&setting, 1, &["PRIMARY", "utf8mb4_bin", "rows a and a"]);
}

#[tokio::test]
async fn postgres_with_a_collation_that_is_not_deterministic_is_asked_before_the_run() {
    let (setting, to) = (new(&source()), Database::new().await);
    to.run(
        "CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE pupil (id bigint PRIMARY KEY, shop int NOT NULL, code text COLLATE no_case, \
         note text, CONSTRAINT by_code UNIQUE (shop, code))",
    )
    .await;
    migration(&setting, &to.url(), "");
    told_and_rejected(&setting, 1, &["by_code", "no_case", "1 and 2"]);
}

#[tokio::test]
async fn sqlite_that_ignores_case_is_asked_before_the_run() {
    let setting = new(&source());
    let to = setting.sqlite(
        "to.db",
        "CREATE TABLE pupil (id INTEGER PRIMARY KEY, shop INTEGER NOT NULL, code TEXT, note TEXT);
         CREATE UNIQUE INDEX by_code ON pupil (shop, code COLLATE NOCASE)",
    );
    migration(&setting, &to, "");
    told_and_rejected(&setting, 1, &["by_code", "NOCASE", "1 and 2"]);
}

#[tokio::test]
async fn a_target_that_compares_as_the_source_does_is_asked_nothing() {
    let rows = "CREATE TABLE pupil (code TEXT COLLATE NOCASE PRIMARY KEY); \
         INSERT INTO pupil VALUES ('a'), ('b')";
    let setting = new(rows);
    let to = setting.sqlite("to.db", "CREATE TABLE pupil (code TEXT COLLATE NOCASE PRIMARY KEY)");
    migration(&setting, &to, "");
    assert_eq!(notes(&setting), []);
    // And one where no two of its rows are one is passed over in silence.
    let to = setting.sqlite("other.db", "CREATE TABLE pupil (code TEXT COLLATE RTRIM PRIMARY KEY)");
    migration(&setting, &to, "");
    assert_eq!(notes(&setting), []);
}

#[tokio::test]
async fn an_upsert_says_that_rows_overwrite_each_other() {
    let setting =
        new("CREATE TABLE pupil (code TEXT PRIMARY KEY); INSERT INTO pupil VALUES ('a'), ('A')");
    let to = setting.sqlite("to.db", "CREATE TABLE pupil (code TEXT COLLATE NOCASE PRIMARY KEY)");
    migration(&setting, &to, "mode: upsert");
    let notes = notes(&setting);
    assert!(
        notes[0].1.contains("1 pair of rows") && notes[0].1.contains("overwrites"),
        "{notes:?}"
    );
}

/// More keys than fit into one question: those that are alike but for case are found all the same, and
/// what is not known is said.
#[tokio::test]
async fn of_too_many_keys_to_ask_the_likely_ones_are_asked_and_the_rest_is_said() {
    let many = "CREATE TABLE pupil (code TEXT PRIMARY KEY);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
         INSERT INTO pupil SELECT printf('pupil %0100d', i) FROM n";
    let setting = new(many);
    let to = Mysql::new().await;
    to.run("CREATE TABLE pupil (code VARCHAR(200) COLLATE utf8mb4_general_ci PRIMARY KEY)").await;
    migration(&setting, &to.url(), "");
    let notes_of_none = notes(&setting);
    let [(level, text)] = notes_of_none.as_slice() else { panic!("{notes_of_none:?}") };
    assert!(level == "info" && text.contains("first 60000"), "{text}");
    let twice = "INSERT INTO pupil VALUES (printf('Pupil %0100d', 7)), (printf('PUPIL %0100d', 9))";
    setting.open("from.db").execute(twice, []).unwrap();
    let notes = notes(&setting);
    let [(level, text)] = notes.as_slice() else { panic!("{notes:?}") };
    assert!(level == "warning" && text.contains("at least 2 pairs of rows"), "{text}");
}
