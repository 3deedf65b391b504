//! What becomes of values that MySQL cannot hold, or that only MySQL can, and that each time is
//! counted.

use serde_json::{Value, json};
use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

fn moved(setting: &Setting, from: &str, to: &str, rule: &str, exit: i32) -> Value {
    setting.migration(from, to, &format!("entities: [{{ entity: pupil, {rule} }}]"));
    let report = setting.longhaul(&["run", "--output", "json"]).exits(exit).json();
    assert_eq!(report["verdict"], "verified", "{report:#}");
    report
}

fn policies(report: &Value) -> &Value {
    &report["entities"][0]["policies"]
}

/// Rows of PostgreSQL with values that MySQL has no place for.
const OF_POSTGRESQL: &str = "
    CREATE TABLE pupil (id BIGINT PRIMARY KEY, share DOUBLE PRECISION, fee NUMERIC, born DATE,
        seen TIMESTAMPTZ);
    INSERT INTO pupil VALUES
        (1, 1.5, 1.25, '2024-02-29', '2024-02-29 12:00+00'),
        (2, 'NaN', 1.25, '2024-02-29', '2024-02-29 12:00+00'),
        (3, '-Infinity', 'NaN', '2024-02-29', '2024-02-29 12:00+00'),
        (4, 1.5, 1.25, '0044-03-15 BC', '2024-02-29 12:00+00'),
        (5, 1.5, 1.25, 'infinity', '2039-01-01 00:00+00'),
        (6, 1.5, 1e40, '12024-02-29', '1969-12-31 00:00+00')";

#[tokio::test]
async fn what_mysql_lacks_is_mended_on_the_way_from_postgresql() {
    let setting = Setting::new(LONGHAUL);
    let from = Database::new().await;
    from.run(OF_POSTGRESQL).await;

    let to = Mysql::new().await;
    let report = moved(&setting, &from.url(), &to.url(), "on_unfit: null", 0);
    assert_eq!(
        policies(&report),
        &json!({
            "share": { "not_finite": 2 },
            "fee": { "not_finite": 1, "out_of_range": 1 },
            "born": { "not_finite": 1, "out_of_range": 2 },
            "seen": { "out_of_range": 2 },
        })
    );
    let rows =
        "SELECT id, share IS NULL, fee IS NULL, born IS NULL, seen IS NULL FROM pupil ORDER BY id";
    assert_eq!(
        to.rows(rows).await,
        ["1|0|0|0|0", "2|1|0|0|0", "3|1|1|0|0", "4|0|0|1|0", "5|0|0|1|1", "6|0|1|1|1"]
    );
    let _ = setting.longhaul(&["verify"]).exits(0);

    let to = Mysql::new().await;
    let rule = "policies: { seen: { replace: \"2038-01-19 03:14:07+00\" }, \
                born: { replace: \"1900-01-01\" }, share: { replace: 0 } }";
    let report = moved(&setting, &from.url(), &to.url(), rule, 4);
    assert_eq!(report["totals"]["rejected"], 2, "{report:#}");
    let rows = "SELECT id, share, born, seen FROM pupil ORDER BY id";
    assert_eq!(
        to.rows_after("SET time_zone = '+00:00'", rows).await,
        [
            "1|1.5|2024-02-29|2024-02-29 12:00:00.000000",
            "2|0|2024-02-29|2024-02-29 12:00:00.000000",
            "4|1.5|1900-01-01|2024-02-29 12:00:00.000000",
            "5|1.5|1900-01-01|2038-01-19 03:14:07.000000",
        ]
    );
    let _ = setting.longhaul(&["verify"]).exits(0);
}

/// Rows of MySQL with values that PostgreSQL has no place for.
const OF_MYSQL: &str = "
    CREATE TABLE pupil (id bigint PRIMARY KEY, born date, seen datetime(3), note varchar(20),
        made timestamp NULL);
    INSERT INTO pupil VALUES
        (1, '2024-02-29', '2024-02-29 12:00:00', 'fine', '2024-02-29 12:00:00'),
        (2, '0000-00-00', '2024-02-29 12:00:00', 'no day', '2024-02-29 12:00:00'),
        (3, '2024-00-15', '0000-00-00 00:00:00', 'partly', '0000-00-00 00:00:00'),
        (4, '2024-02-31', '2024-02-29 12:00:00', 'a\\0b', '2024-02-29 12:00:00')";

#[tokio::test]
async fn what_postgresql_lacks_is_mended_on_the_way_from_mysql() {
    let setting = Setting::new(LONGHAUL);
    let from = Mysql::new().await;
    from.run(OF_MYSQL).await;
    let expected = json!({
        "born": { "no_such_date": 3 },
        "seen": { "no_such_date": 1 },
        "note": { "nul_in_text": 1 },
        "made": { "no_such_date": 1 },
    });

    let to = Database::new().await;
    let report = moved(&setting, &from.url(), &to.url(), "on_unfit: null", 0);
    assert_eq!(policies(&report), &expected);
    let rows =
        "SELECT string_agg(concat_ws('|', id, born, seen, note), ' ' ORDER BY id) FROM pupil";
    assert_eq!(
        to.ask(rows).await,
        "1|2024-02-29|2024-02-29 12:00:00|fine 2|2024-02-29 12:00:00|no day 3|partly \
         4|2024-02-29 12:00:00"
    );
    let _ = setting.longhaul(&["verify"]).exits(0);

    let to = Database::new().await;
    let rule = "on_unfit: clamp, policies: { no_such_date: { replace: \"1970-01-01\" } }";
    let report = moved(&setting, &from.url(), &to.url(), rule, 4);
    assert_eq!(policies(&report)["note"], expected["note"], "{report:#}");
    assert_eq!(to.ask("SELECT note FROM pupil WHERE id = 4").await, "ab");
    assert_eq!(to.ask("SELECT born FROM pupil WHERE id = 2").await, "1970-01-01");
    let _ = setting.longhaul(&["verify"]).exits(0);

    // Another MySQL holds all of them.
    let to = Mysql::new().await;
    let report = moved(&setting, &from.url(), &to.url(), "on_unfit: null", 0);
    assert_eq!(policies(&report), &json!({}), "{report:#}");
    let all = "SELECT * FROM pupil ORDER BY id";
    assert_eq!(from.cells(all).await, to.cells(all).await);
}

/// Rows of SQLite whose cells are not what their columns say.
const OF_SQLITE: &str = "
    CREATE TABLE pupil (id INTEGER PRIMARY KEY, name VARCHAR(5), mark INTEGER, note TEXT);
    INSERT INTO pupil VALUES (1, 'Ada', 7, 'fine'), (2, 'Grace Hopper', 7, 'long'),
        (3, 'Ada', 99999, 'large'), (4, 'Ada', 'many', 'no number'),
        (5, 'Ada', 7, CAST(x'61ff62' AS TEXT)), (6, 'Ada', 7, 'a' || char(0) || 'b');";

#[tokio::test]
async fn what_an_existing_table_of_mysql_lacks_is_mended_on_the_way_from_sqlite() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", OF_SQLITE);
    let to = Mysql::new().await;
    to.run(
        "CREATE TABLE pupil (id bigint PRIMARY KEY, name varchar(5), mark smallint, note longtext)
         CHARACTER SET utf8mb4",
    )
    .await;
    let report = moved(&setting, &from, &to.url(), "on_unfit: clamp", 4);
    assert_eq!(
        (&policies(&report)["name"], &policies(&report)["mark"]),
        (&json!({ "too_long": 1 }), &json!({ "out_of_range": 1 })),
        "{report:#}"
    );
    let rows = "SELECT id, name, mark, hex(note) FROM pupil WHERE id IN (2, 3, 6) ORDER BY id";
    assert_eq!(
        to.rows(rows).await,
        ["2|Grace|7|6C6F6E67", "3|Ada|32767|6C61726765", "6|Ada|7|610062"]
    );
    assert_eq!(to.rows("SELECT count(*) FROM pupil WHERE id = 4").await, ["0"]);
    let _ = setting.longhaul(&["verify"]).exits(0);
}

/// A `tinytext` has 255 bytes, and latin1 one for each of these characters, where UTF-8 has two.
#[tokio::test]
async fn how_long_a_text_of_another_character_set_is_the_server_says() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite(
        "from.db",
        "CREATE TABLE pupil (id INTEGER PRIMARY KEY, note TEXT);
         INSERT INTO pupil VALUES (1, replace(hex(zeroblob(100)), '0', 'ä')),
            (2, replace(hex(zeroblob(128)), '0', 'ä'));",
    );
    let to = Mysql::new().await;
    to.run(
        "CREATE TABLE pupil (id bigint PRIMARY KEY, note tinytext CHARACTER SET latin1)
         CHARACTER SET utf8mb4",
    )
    .await;
    let report = moved(&setting, &from, &to.url(), "on_unfit: clamp", 4);
    assert_eq!(policies(&report), &json!({}), "{report:#}");
    let rows = "SELECT id, length(note), note = repeat('ä', 200) FROM pupil";
    assert_eq!(to.rows(rows).await, ["1|200|1"]);
    let rejected = &report["rejected"][0];
    assert_eq!(
        (&rejected["reason"], &rejected["examples"]),
        (&json!("too_long (1406)"), &json!(["2"])),
        "{report:#}"
    );
    let _ = setting.longhaul(&["verify"]).exits(0);
}

/// What was said of one reason holds for no other that shows only when the first is mended.
#[tokio::test]
async fn what_is_mended_for_one_reason_is_refused_for_another() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite(
        "from.db",
        "CREATE TABLE pupil (id INTEGER PRIMARY KEY, note TEXT);
         INSERT INTO pupil VALUES (1, 'a学bcdefgh'), (2, '学'), (3, 'abcdefgh'), (4, 'ok');
         CREATE TABLE story (id INTEGER PRIMARY KEY, note TEXT);
         INSERT INTO story VALUES (1, printf('%.*c', 70000, 'a') || '😀'), (2, '😀');",
    );
    let there = "CREATE TABLE pupil (id BIGINT PRIMARY KEY, note VARCHAR(5) CHARACTER SET latin1);
                 CREATE TABLE story (id BIGINT PRIMARY KEY, note TEXT CHARACTER SET utf8mb3)";
    let arrives = async |pupil: &str, story: &str| {
        let to = Mysql::new().await;
        to.run(there).await;
        let entities = format!(
            "entities: [{{ entity: pupil, policies: {pupil} }}, {{ entity: story, policies: {story} }}]"
        );
        setting.migration(&from, &to.url(), &entities);
        let said = setting.longhaul(&["run", "--output", "json"]);
        let report = said.json();
        assert_eq!(report["verdict"], "verified", "{report:#}");
        let rows = "SELECT id, note FROM pupil UNION ALL
                    SELECT id, left(note, 3) FROM story ORDER BY 1, 2";
        let mut reasons = Vec::new();
        for group in report["rejected"].as_array().unwrap() {
            reasons.push(format!("{}: {}", group["reason"], group["examples"]));
        }
        let counted = report["entities"].as_array().unwrap().iter();
        let counted: Vec<_> = counted.map(|entity| entity["policies"].clone()).collect();
        (to.rows(rows).await, reasons, counted)
    };

    let (rows, reasons, counted) = arrives(
        "{ too_long: clamp, no_such_character: reject }",
        "{ no_such_character: clamp, too_long: reject }",
    )
    .await;
    assert_eq!(rows, ["2|?", "3|abcde", "4|ok"]);
    assert_eq!(reasons, ["\"no_such_character\": [\"1\",\"2\"]", "\"too_long\": [\"1\"]"],);
    let (once, mended) =
        (json!({ "note": { "too_long": 1 } }), json!({ "note": { "no_such_character": 1 } }));
    assert_eq!(counted, [once, mended]);

    // Where both may be mended, both are counted.
    let (rows, reasons, counted) =
        arrives("{ note: clamp }", "{ no_such_character: clamp, too_long: null }").await;
    assert_eq!(rows, ["1|NULL", "1|a?bcd", "2|?", "2|?", "3|abcde", "4|ok"]);
    assert!(reasons.is_empty(), "{reasons:?}");
    let pupil = json!({ "note": { "too_long": 2, "no_such_character": 2 } });
    let story = json!({ "note": { "too_long": 1, "no_such_character": 1 } });
    assert_eq!(counted, [pupil, story]);
}
