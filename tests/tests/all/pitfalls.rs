//! What other tools of this kind stumble over: texts in an encoding that nobody vouches for, names
//! that become one, things that are no tables, indexes that rows do not fit into.

use serde_json::{Value, json};
use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

fn run(setting: &Setting, from: &str, to: &str, rule: &str, exit: i32) -> Value {
    setting.migration(from, to, &format!("entities: [{{ entity: \"*\", {rule} }}]"));
    let report = setting.longhaul(&["run", "--output", "json"]).exits(exit).json();
    assert_eq!(report["verdict"], "verified", "{report:#}");
    report
}

/// Keys and reasons of what was rejected.
fn rejected(report: &Value) -> Vec<String> {
    let text = |reject: &Value, key: &str| reject[key].as_str().unwrap_or("?").to_owned();
    let rejects = report["rejects"].as_array().unwrap();
    let line =
        |r: &Value| format!("{} {} {}", text(r, "key"), text(r, "column"), text(r, "reason"));
    let mut lines: Vec<_> = rejects.iter().map(line).collect();
    lines.sort();
    lines
}

/// Texts of a PostgreSQL database that takes any bytes.
const ANY_BYTES: &str = r"
    CREATE TABLE note (id INT PRIMARY KEY, v TEXT, c CHAR(5), n INT, b BYTEA);
    INSERT INTO note VALUES (1, 'Zoë 学 \', 'Zoë', 1, '\xff'), (2, E'caf\xe9', 'a', 2, ''),
        (3, 'a', E'\xff', 3, NULL), (4, E'\t\xc3\n', E'\xfe', 4, NULL), (5, NULL, '', NULL, NULL);";

#[tokio::test]
async fn a_database_without_encoding_gives_what_is_utf_8_and_names_the_rest() {
    let setting = Setting::new(LONGHAUL);
    let from = Database::without_encoding().await;
    from.run(ANY_BYTES).await;
    let bad = ["2 v invalid_encoding", "3 c invalid_encoding", "4 v invalid_encoding"];
    let rows = "SELECT string_agg(concat_ws('|', id, v, c, n, b::text), ' ' ORDER BY id) FROM note";

    let to = Database::new().await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: reject", 4);
    assert_eq!(rejected(&report), bad);
    assert_eq!(to.ask(rows).await, r"1|Zoë 学 \|Zoë  |1|\xff 5|     ");
    let _ = setting.longhaul(&["verify"]).exits(0);

    for target in ["sqlite:to.db".to_owned(), Mysql::new().await.url()] {
        let report = run(&setting, &from.url(), &target, "on_unfit: reject", 4);
        assert_eq!(rejected(&report), bad, "{target}");
    }

    let to = Database::new().await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: clamp", 0);
    assert_eq!(
        report["entities"][0]["policies"],
        json!({ "v": { "invalid_encoding": 2 }, "c": { "invalid_encoding": 2 } })
    );
    let mended = "SELECT string_agg(concat_ws('|', v, rtrim(c)), ' ' ORDER BY id) FROM note \
                  WHERE id BETWEEN 2 AND 4";
    assert_eq!(to.ask(mended).await, "caf\u{fffd}|a a|\u{fffd} \t\u{fffd}\n|\u{fffd}");
    let _ = setting.longhaul(&["verify"]).exits(0);
}

/// Keys are bounds of chunks, and one that is no text in UTF-8 cannot be one.
#[tokio::test]
async fn keys_without_encoding_break_nothing() {
    let setting = Setting::new(LONGHAUL);
    let (from, to) = (Database::without_encoding().await, Database::new().await);
    from.run(
        "CREATE TABLE word (w TEXT PRIMARY KEY);
         INSERT INTO word SELECT 'w' || i FROM generate_series(1000, 1099) AS i;
         INSERT INTO word SELECT convert_from(set_byte('w____', 1, 128 + i), 'SQL_ASCII')
           FROM generate_series(0, 99) AS i",
    )
    .await;
    let report = run(&setting, &from.url(), &to.url(), "chunk_rows: 20", 4);
    assert_eq!(
        (&report["totals"]["written"], &report["totals"]["rejected"]),
        (&json!(100), &json!(100))
    );
    assert_eq!(to.ask("SELECT count(*) || max(w) FROM word").await, "100w1099");
}

/// MySQL puts any byte into a column of one byte a character, and shows what is no character as `?`.
#[tokio::test]
async fn text_of_mysql_that_its_character_set_does_not_have_is_never_a_question_mark() {
    let setting = Setting::new(LONGHAUL);
    let from = Mysql::new().await;
    from.run(
        "CREATE TABLE note (id int PRIMARY KEY, a varchar(9) CHARACTER SET ascii,
            c text CHARACTER SET cp932, w varchar(9) CHARACTER SET utf16);\n
         INSERT INTO note VALUES (1, 'why?', 'なぜ?', 'Zoë 学?'), (2, x'41ff', 'x', 'x'),
            (3, x'c3a9', 'x', 'x'), (4, 'x', x'879a', NULL), (5, x'3fff3f', '?', 'x')",
    )
    .await;
    let rows = "SELECT string_agg(concat_ws('|', id, a, c, w), ' ' ORDER BY id) FROM note";

    let to = Database::new().await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: reject", 4);
    let bad = ["2 a invalid_encoding", "3 a invalid_encoding", "5 a invalid_encoding"];
    assert_eq!(rejected(&report), bad);
    assert_eq!(to.ask(rows).await, "1|why?|なぜ?|Zoë 学? 4|x|∵");
    let _ = setting.longhaul(&["verify"]).exits(0);

    let to = Database::new().await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: clamp", 0);
    assert_eq!(report["entities"][0]["policies"], json!({ "a": { "invalid_encoding": 3 } }));
    let mended = "SELECT string_agg(a, ' ' ORDER BY id) FROM note WHERE id IN (2, 3, 5)";
    assert_eq!(to.ask(mended).await, "A\u{fffd} é ?\u{fffd}?");

    // Another MySQL could take the bytes, but not as text.
    let report = run(&setting, &from.url(), &Mysql::new().await.url(), "on_unfit: reject", 4);
    assert_eq!(rejected(&report), bad);
}

/// UTF-8 that somebody wrote into latin1 says two characters for one, and so it arrives: to the server
/// it is what it says.
#[tokio::test]
async fn latin1_arrives_as_the_server_says_it_is() {
    let setting = Setting::new(LONGHAUL);
    let from = Mysql::new().await;
    from.run(
        "CREATE TABLE note (id int PRIMARY KEY, v varchar(9) CHARACTER SET latin1);\n
         INSERT INTO note VALUES (1, 'é€'), (2, x'c3a9'), (3, x'818d8f909d')",
    )
    .await;
    let to = Database::new().await;
    let _ = run(&setting, &from.url(), &to.url(), "on_unfit: reject", 0);
    let rows = "SELECT string_agg(v, ' ' ORDER BY id) FROM note WHERE id < 3";
    assert_eq!(to.ask(rows).await, "é€ Ã©");
    let bytes = "SELECT encode(convert_to(v, 'LATIN1'), 'hex') FROM note WHERE id = 3";
    assert_eq!(to.ask(bytes).await, "818d8f909d");
    // The condition under which it is one character again is the operator's to know.
    let repaired = "SELECT convert_from(convert_to(v, 'LATIN1'), 'UTF8') FROM note WHERE id = 2";
    assert_eq!(to.ask(repaired).await, "é");
}

/// A character that the column's set lacks is one of the encoding, and is not made into another.
#[tokio::test]
async fn characters_that_a_column_of_mysql_lacks_are_refused_by_name() {
    let setting = Setting::new(LONGHAUL);
    let (from, to) = (Database::new().await, Mysql::new().await);
    from.run("CREATE TABLE note (id INT PRIMARY KEY, v TEXT, w TEXT)").await;
    from.run("INSERT INTO note VALUES (1, 'Zoë', 'Zoë 学'), (2, '学', 'x'), (3, 'x', '🦄')").await;
    to.run(
        "CREATE TABLE note (id int PRIMARY KEY, v varchar(9) CHARACTER SET latin1,
            w varchar(9) CHARACTER SET utf8mb3)",
    )
    .await;
    let report = run(&setting, &from.url(), &to.url(), "on_unfit: reject", 4);
    assert_eq!(rejected(&report), ["2 v invalid_encoding (1366)", "3 w invalid_encoding (1366)"]);
    assert_eq!(to.rows("SELECT id, v, w FROM note").await, ["1|Zoë|Zoë 学"]);
}
