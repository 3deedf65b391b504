//! What becomes of values that their column cannot hold, and that each time is counted.

use serde_json::{Value, json};
use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Rows of SQLite whose cells are not what their columns say.
const UNFIT: &str = "
    CREATE TABLE pupil (id INTEGER PRIMARY KEY, name VARCHAR(5), mark SMALLINT, fee DECIMAL(5,2),
        born DATE, note TEXT NOT NULL);
    INSERT INTO pupil VALUES
        (1, 'Ada', 7, 1.25, '2024-02-29', 'fine'),
        (2, 'Grace Hopper', 7, 1.25, '2024-02-29', 'long'),
        (3, 'Ada', 99999, 1.256, '2024-02-29', 'large'),
        (4, 'Ada', 7, 1.25, '2024-02-31', 'no day'),
        (5, 'Ada', 'many', 1.25, '2024-02-29', 'no number'),
        (6, 'Ada', 7, 1.25, '2024-02-29', 'a' || char(0) || 'b'),
        (7, 'Ada', 'none', 1.25, 'yesterday', 'two');";

fn rule(setting: &Setting, to: &str, rule: &str) {
    let from = setting.sqlite("from.db", "");
    setting.migration(&from, to, &format!("entities: [{{ entity: pupil, {rule} }}]"));
}

fn policies(report: &Value) -> &Value {
    &report["entities"][0]["policies"]
}

#[tokio::test]
async fn each_policy_does_what_it_says_and_is_counted() {
    let setting = Setting::new(LONGHAUL);
    let _ = setting.sqlite("from.db", UNFIT);
    let run = async |text: &str, exit: i32| {
        let to = Database::new().await;
        rule(&setting, &to.url(), text);
        let said = setting.longhaul(&["run", "--output", "json"]).exits(exit);
        (to, said.json())
    };
    let rows = "SELECT string_agg(concat_ws('|', id, name, mark, fee, born, note), ' ' ORDER BY id) \
                FROM pupil WHERE id > 1";

    let (to, report) = run("on_unfit: clamp", 4).await;
    assert_eq!(report["verdict"], "verified");
    assert_eq!(
        policies(&report),
        &json!({
            "name": { "too_long": 1 }, "fee": { "too_precise": 1 },
            "born": { "no_such_date": 1 }, "note": { "nul_in_text": 1 },
        })
    );
    assert_eq!(
        to.ask(rows).await,
        "2|Grace|7|1.25|2024-02-29|long 3|Ada|99999|1.26|2024-02-29|large \
         4|Ada|7|1.25|2024-02-29|no day 6|Ada|7|1.25|2024-02-29|ab"
    );
    // What has no nearest value is still refused, and no policy is counted for such a row.
    assert_eq!(report["rejected"][0]["reason"], "wrong_type");
    assert_eq!((&report["totals"]["rejected"], &report["totals"]["read"]), (&json!(2), &json!(7)));
    let _ = setting.longhaul(&["verify"]).exits(0);
    let _ = setting.longhaul(&["report"]).says(&["policy: name, too_long, 1 times"]);

    let (to, report) = run("on_unfit: null, policies: { note: { replace: \"?\" } }", 0).await;
    assert_eq!(policies(&report)["mark"], json!({ "wrong_type": 2 }));
    assert_eq!(report["totals"]["written"], 7);
    assert_eq!(
        to.ask(
            "SELECT concat_ws(' ', (SELECT count(*) FROM pupil WHERE mark IS NULL), \
                (SELECT note FROM pupil WHERE id = 6))"
        )
        .await,
        "2 ?"
    );
    let _ = setting.longhaul(&["verify"]).exits(0);

    let (to, report) = run("policies: { wrong_type: { replace: 0 }, too_long: clamp }", 4).await;
    // A date is not `0`: the wide policy does not hold there.
    assert_eq!(
        policies(&report),
        &json!({ "name": { "too_long": 1 }, "mark": { "wrong_type": 1 } })
    );
    assert_eq!(to.ask("SELECT mark FROM pupil WHERE id = 5").await, "0");
    assert_eq!(report["totals"]["rejected"], 4);
}

/// A text that is not well encoded has a nearest one, a fraction in a column of whole numbers too; bytes
/// that are a text are one, and bytes in a column of numbers have nothing near them.
#[tokio::test]
async fn clamp_mends_broken_text_and_leaves_bytes_to_a_person() {
    let setting = Setting::new(LONGHAUL);
    let _ = setting.sqlite(
        "from.db",
        "CREATE TABLE pupil (id INTEGER PRIMARY KEY, name TEXT, mark INTEGER);
         INSERT INTO pupil VALUES (1, CAST(x'41ff42' AS TEXT), 1), (2, x'4142', 1), (3, 'Ada', 1.5),
             (4, 7, 1), (5, 'Ada', x'31'), (6, CAST(x'c3' AS TEXT), 1)",
    );
    let to = Database::new().await;
    rule(&setting, &to.url(), "on_unfit: clamp");
    let report = setting.longhaul(&["run", "--output", "json"]).exits(4).json();
    let changed = json!({ "name": { "invalid_encoding": 2 }, "mark": { "too_precise": 1 } });
    assert_eq!(policies(&report), &changed);
    let rows = "SELECT string_agg(concat_ws('|', id, name, mark), ' ' ORDER BY id) FROM pupil";
    let expected = "1|A\u{fffd}B|1 2|AB|1 3|Ada|2 4|7|1 6|\u{fffd}|1";
    assert_eq!(to.ask(rows).await, expected);
    assert_eq!(report["totals"]["rejected"], 1, "{report:#}");
    let _ = setting.longhaul(&["verify"]).exits(0);
}

#[tokio::test]
async fn a_policy_that_is_not_possible_is_refused_by_the_plan() {
    let setting = Setting::new(LONGHAUL);
    let _ = setting.sqlite("from.db", UNFIT);
    let to = Database::new().await;
    for (text, words) in [
        ("policies: { note: null }", ["public.pupil.note", "may not be NULL"]),
        ("policies: { mark: { replace: x } }", ["public.pupil.mark", "wrong_type"]),
        ("policies: { name: { replace: Hopper } }", ["public.pupil.name", "too_long"]),
        ("policies: { id: clamp }", ["public.pupil.id", "rows are known by it"]),
    ] {
        rule(&setting, &to.url(), text);
        let _ = setting.longhaul(&["plan"]).fault("policy-unfit", 6, &words);
    }
    rule(&setting, &to.url(), "policies: { nmae: clamp }");
    let _ = setting.longhaul(&["plan"]).fault("column-unknown", 6, &["nmae", "too_long"]);
    rule(&setting, &to.url(), "on_unfit: null");
    let _ = setting.longhaul(&["plan"]).exits(0).says(&[
        "born, fee, mark, name: values that do not fit become NULL (policy null)",
        "id, note: no policy applies there",
    ]);
    let fingerprint =
        || setting.longhaul(&["plan", "--output", "json"]).json()["fingerprint"].clone();
    let nulls = fingerprint();
    rule(&setting, &to.url(), "");
    assert_ne!(nulls, fingerprint());
}

#[tokio::test]
async fn what_sqlite_lacks_is_mended_on_the_way_from_postgresql() {
    let setting = Setting::new(LONGHAUL);
    let from = Database::new().await;
    from.run(
        "CREATE TABLE reading (id BIGINT PRIMARY KEY, v DOUBLE PRECISION);
         INSERT INTO reading VALUES (1, 1.5), (2, 'NaN'), (3, 'Infinity'), (4, NULL)",
    )
    .await;
    setting.migration(
        &from.url(),
        "sqlite:to.db",
        "entities: [{ entity: reading, on_unfit: null }]",
    );
    let report = setting.longhaul(&["run", "--output", "json"]).exits(0).json();
    assert_eq!(policies(&report)["v"], json!({ "not_finite": 1 }));
    let nulls: i64 = setting
        .open("to.db")
        .query_row("SELECT count(*) FROM reading WHERE v IS NULL", [], |row| row.get(0))
        .unwrap();
    assert_eq!(nulls, 2);
    let _ = setting.longhaul(&["verify"]).exits(0);
}

/// A row that a policy mended and the target then refused for something else is a reject, and its
/// mending is not counted.
#[tokio::test]
async fn a_mended_row_that_is_refused_all_the_same_counts_as_refused() {
    let setting = Setting::new(LONGHAUL);
    let _ = setting.sqlite("from.db", UNFIT);
    let to = Database::new().await;
    to.run(
        "CREATE TABLE pupil (id BIGINT PRIMARY KEY, name VARCHAR(5), mark SMALLINT,
         fee DECIMAL(5,2), born DATE, note TEXT NOT NULL, CHECK (name <> 'Grace'))",
    )
    .await;
    rule(&setting, &to.url(), "on_unfit: clamp, rejects: 3");
    let report = setting.longhaul(&["run", "--output", "json"]).exits(4).json();
    assert_eq!(report["verdict"], "verified");
    assert_eq!(policies(&report)["name"], Value::Null);
    assert_eq!(policies(&report)["mark"], json!({ "out_of_range": 1 }));
    assert_eq!(to.ask("SELECT mark FROM pupil WHERE id = 3").await, "32767");
    assert_eq!(report["totals"]["rejected"], 3);
    let _ = setting.longhaul(&["rejects", "list", "--reason", "23514"]).exits(0).says(&["2  "]);
    // The entity's own limit, not that of the migration.
    let other = Database::new().await;
    other
        .run(
            "CREATE TABLE pupil (id BIGINT PRIMARY KEY, name VARCHAR(5) CHECK (name <> 'Grace'), \
               mark SMALLINT, fee DECIMAL(5,2), born DATE, note TEXT NOT NULL)",
        )
        .await;
    rule(&setting, &other.url(), "on_unfit: clamp, rejects: 2");
    let _ = setting.longhaul(&["run"]).exits(1).says(&["too many rows were rejected", "2 allowed"]);
    let _ = setting.longhaul(&["rejects", "list", "--evidence"]).exits(0).says(&["wrong_type"]);
}
