//! The modes: what each does to rows that are there, and what is then proven.

use serde_json::{Value, json};
use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// What the source holds, and what stands in the target before.
const SOURCE: &str = "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT, mark BIGINT);
    INSERT INTO pupil VALUES (1, 'Ada', 10), (2, 'Bo', 20), (3, 'Cy', NULL)";
const THERE: &str = "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT, mark BIGINT);
    INSERT INTO pupil VALUES (2, 'old', 2), (9, 'other', 9)";

/// For each mode: exit code, verdict, rows rejected, and what stands there afterwards.
const CASES: [(&str, i32, &str, u64, &str); 4] = [
    ("update", 4, "not_verified", 2, "2|Bo|20 9|other|9"),
    ("replace", 0, "verified", 0, "1|Ada|10 2|Bo|20 3|Cy|"),
    ("append", 4, "not_verified", 1, "1|Ada|10 2|old|2 3|Cy| 9|other|9"),
    ("upsert", 0, "not_verified", 0, "1|Ada|10 2|Bo|20 3|Cy| 9|other|9"),
];

fn moved(setting: &Setting, to: &str, mode: &str, exit: i32) -> Value {
    let from = setting.sqlite("from.db", "");
    setting.migration(&from, to, &format!("mode: {mode}\nentities: [pupil]"));
    let plan = setting.longhaul(&["plan"]).exits(0);
    let destructive = plan.stdout.contains("DESTRUCTIVE");
    assert_eq!(destructive, mode == "replace", "{plan}");
    assert_eq!(plan.stdout.contains("! emptying of"), destructive, "{plan}");
    if destructive {
        // Nobody can be asked here.
        let words = ["all rows of", "pupil (2 rows)", "--yes"];
        let _ = setting.longhaul(&["run"]).fault("not-agreed", 2, &words);
    }
    setting.longhaul(&["run", "--output", "json", "--yes"]).exits(exit).json()
}

fn judged(report: &Value, (mode, _, verdict, rejected, _): (&str, i32, &str, u64, &str)) {
    assert_eq!(report["verdict"], verdict, "{mode}");
    assert_eq!(report["totals"]["rejected"], rejected, "{mode}");
    assert_eq!(report["totals"]["read"], 3, "{mode}");
    assert_eq!(report["entities"][0]["mode"], mode);
    if mode == "update" {
        let groups = &report["rejected"][0];
        assert_eq!(
            (&groups["reason"], &groups["examples"]),
            (&json!("no_such_row"), &json!(["1", "3"]))
        );
    }
}

#[tokio::test]
async fn each_mode_does_what_it_says_in_postgresql() {
    for case in CASES {
        let setting = Setting::new(LONGHAUL);
        let _ = setting.sqlite("from.db", SOURCE);
        let to = Database::new().await;
        to.run(THERE).await;
        judged(&moved(&setting, &to.url(), case.0, case.1), case);
        let rows = "SELECT string_agg(id || '|' || name || '|' || coalesce(mark::text, ''), ' ' ORDER BY id) \
                    FROM pupil";
        assert_eq!(to.ask(rows).await, case.4, "{}", case.0);
    }
}

#[tokio::test]
async fn each_mode_does_what_it_says_in_mysql() {
    for case in CASES {
        let setting = Setting::new(LONGHAUL);
        let _ = setting.sqlite("from.db", SOURCE);
        let to = Mysql::new().await;
        to.run(THERE).await;
        judged(&moved(&setting, &to.url(), case.0, case.1), case);
        let rows = "SELECT group_concat(concat_ws('|', id, name, coalesce(mark, '')) \
                    ORDER BY id SEPARATOR ' ') FROM pupil";
        assert_eq!(to.rows(rows).await, [case.4], "{}", case.0);
    }
}

#[test]
fn each_mode_does_what_it_says_in_sqlite() {
    for case in CASES {
        let setting = Setting::new(LONGHAUL);
        let _ = setting.sqlite("from.db", SOURCE);
        let to = setting.sqlite("to.db", THERE);
        judged(&moved(&setting, &to, case.0, case.1), case);
        let rows = "SELECT group_concat(id || '|' || name || '|' || coalesce(mark, ''), ' ') \
                    FROM (SELECT * FROM pupil ORDER BY id)";
        let found: String = setting.open("to.db").query_row(rows, [], |row| row.get(0)).unwrap();
        assert_eq!(found, case.4, "{}", case.0);
    }
}

#[tokio::test]
async fn a_mode_that_is_not_possible_is_refused_by_the_plan() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", SOURCE);
    let to = Database::new().await;
    setting.migration(&from, &to.url(), "mode: update");
    let _ = setting.longhaul(&["plan"]).fault("mode-unable", 6, &["there is no such table"]);
    to.run(THERE).await;
    to.run("CREATE TABLE mark (pupil_id BIGINT REFERENCES pupil ON DELETE CASCADE)").await;
    setting.migration(&from, &to.url(), "mode: replace");
    let _ =
        setting.longhaul(&["run"]).fault("replace-referenced", 6, &["public.mark refers to it"]);
    assert_eq!(to.ask("SELECT count(*) FROM pupil").await, "2");
}
