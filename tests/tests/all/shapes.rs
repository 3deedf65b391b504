//! Rows reshaped by expressions of the migration file: left out, refused, computed.

use serde_json::Value;
use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// In words that all three engines understand.
const PEOPLE: &str = "
    CREATE TABLE people (id INTEGER PRIMARY KEY, first VARCHAR(20), last VARCHAR(20), price DECIMAL(8,2),
                         status VARCHAR(10), boss INTEGER REFERENCES people (id));
    INSERT INTO people VALUES (1, ' Ada', 'Lovelace', 10.00, 'active', NULL),
                              (2, 'Bob', 'Gone', 1.00, 'deleted', 1),
                              (3, 'Cy', 'Cheap', -1.00, 'active', 1),
                              (4, 'Di', NULL, 0.00, NULL, 1),
                              (5, 'Ed', 'Even', 2.50, 'active', 4);";

const SHAPE: &str = "entities:
  - entity: people
    when: \"status is distinct from 'deleted'\"
    check: { priced: \"price >= 0\" }
    exclude_columns: [status]
    compute:
      full_name: \"trim(first || ' ' || coalesce(last, '?'))\"
      half: \"10 / price\"
      last: \"upper(last)\"
limits: { rejects: 9 }";

/// Moves them, and says what the report counts.
fn moved(setting: &Setting, from: &str, to: &str, more: &str) -> Value {
    setting.migration(from, to, &format!("{SHAPE}\n{more}"));
    // Rows were rejected.
    let said = setting.longhaul(&["run", "--progress", "plain", "--output", "json"]).exits(4);
    serde_json::from_str(&said.stdout).unwrap()
}

/// What must be there of [`PEOPLE`]: 2 is left out, 3 is refused by the check, 4 divides by zero.
const EXPECTED: &str =
    "1|Ada Lovelace|LOVELACE|1.00000000000000000000 5|Ed Even|EVEN|4.0000000000000000";

fn counted(report: &Value) {
    let totals = &report["totals"];
    let counts =
        ["read", "written", "filtered", "rejected"].map(|key| totals[key].as_u64().unwrap());
    assert_eq!(counts, [5, 2, 1, 2], "{report}");
}

#[tokio::test]
async fn rows_are_left_out_refused_and_computed_on_their_way_into_a_new_table_of_postgresql() {
    let (setting, to) = (Setting::new(LONGHAUL), Database::new().await);
    // Nobody links to a row that does not move.
    let from = setting.sqlite("from.db", &PEOPLE.replace("'active', 4)", "'active', 1)"));
    counted(&moved(&setting, &from, &to.url(), ""));
    let people =
        "SELECT string_agg(concat_ws('|', id, full_name, last, half), ' ' ORDER BY id) FROM people";
    assert_eq!(to.ask(people).await, EXPECTED);
    let rejects = setting.longhaul(&["rejects", "list", "--output", "json"]).exits(0).stdout;
    assert!(rejects.contains("\"check\"") && rejects.contains("\"priced\""), "{rejects}");
    assert!(rejects.contains("\"division_by_zero\"") && rejects.contains("\"half\""), "{rejects}");
    let _ = setting.longhaul(&["verify"]).exits(0);
}

#[tokio::test]
async fn the_same_rows_come_out_between_any_engines() {
    let rows = "SELECT id || '|' || full_name || '|' || last FROM people ORDER BY id";
    let mysql_rows = "SELECT concat_ws('|', id, full_name, last) FROM people ORDER BY id";
    let people = PEOPLE.replace("'active', 4)", "'active', 1)");
    let setting = Setting::new(LONGHAUL);
    let (pg, pg_to) = (Database::new().await, Database::new().await);
    pg.run(&people).await;
    counted(&moved(&setting, &pg.url(), &pg_to.url(), ""));
    let all = format!("SELECT string_agg(r, ' ') FROM ({rows}) q (r)");
    assert_eq!(pg_to.ask(&all).await, "1|Ada Lovelace|LOVELACE 5|Ed Even|EVEN");
    let setting = Setting::new(LONGHAUL);
    let (my, my_to) = (Mysql::new().await, Mysql::new().await);
    my.run(&people).await;
    counted(&moved(&setting, &my.url(), &my_to.url(), ""));
    assert_eq!(my_to.rows(mysql_rows).await, ["1|Ada Lovelace|LOVELACE", "5|Ed Even|EVEN"]);
    let setting = Setting::new(LONGHAUL);
    let (lite, lite_to) = (setting.sqlite("from.db", &people), setting.sqlite("to.db", ""));
    counted(&moved(&setting, &lite, &lite_to, ""));
    let there = setting.open("to.db");
    let there: Vec<String> = there
        .prepare(rows)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(there, ["1|Ada Lovelace|LOVELACE", "5|Ed Even|EVEN"]);
}

#[tokio::test]
async fn what_is_computed_goes_into_a_table_that_is_there() {
    let (setting, to) = (Setting::new(LONGHAUL), Database::new().await);
    let from = setting.sqlite("from.db", &PEOPLE.replace("'active', 4)", "'active', 1)"));
    to.run(
        "CREATE TABLE people (id INT PRIMARY KEY, full_name TEXT NOT NULL, first TEXT, last TEXT,
                              price NUMERIC, boss INT REFERENCES people (id), half NUMERIC(4,1))",
    )
    .await;
    setting.migration(&from, &to.url(), SHAPE);
    // 10 / 10 and 10 / 2.50 fit into one place behind the point; nothing is rounded unasked.
    let _ = setting.longhaul(&["run", "--progress", "plain"]).exits(4);
    let people =
        "SELECT string_agg(concat_ws('|', id, full_name, half), ' ' ORDER BY id) FROM people";
    assert_eq!(to.ask(people).await, "1|Ada Lovelace|1.0 5|Ed Even|4.0");
}

#[test]
fn a_wrong_expression_is_shown_with_its_place_before_anything_is_written() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", PEOPLE);
    let to = setting.sqlite("to.db", "");
    for (line, words) in [
        (
            "when: \"statuss = 'x'\"",
            &["there is no column `statuss`", "did you mean `status`?", "^^^^^^^"][..],
        ),
        ("when: \"price\"", &["`price` is numeric, and boolean is needed"]),
        ("check: { a: \"now() > price\" }", &["another value on every run"]),
        ("compute: { last: \"price + 1\" }", &["does not go into", "cast("]),
        ("compute: { boss: \"id + 1\" }", &[][..]),
    ] {
        setting.migration(&from, &to, &format!("entities:\n  - entity: people\n    {line}"));
        let said = setting.longhaul(&["plan"]);
        match words.is_empty() {
            true => {
                let _ = said.exits(0);
            }
            false => {
                let _ = said.fault("expression-invalid", 6, words);
            }
        }
    }
}
