//! Both engines asked: an expression that is carried over gives the same for every row.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio_postgres::SimpleQueryMessage;

use super::*;

/// The rows that expressions are tried on: `a`, `b` whole, `s`, `t` text, `f` boolean.
const ROWS: &str = "(1, 2, 'x', 'y', TRUE), (-3, 0, '', 'x', FALSE), (0, 0, 'X', NULL, NULL), \
                    (NULL, 7, NULL, 'a b', TRUE), (5, NULL, 'it''s', 'ü', FALSE)";

fn columns() -> [Column; 5] {
    let int = Logical::Integer { bits: 32 };
    let text = Logical::Text { length: None };
    [
        column("a", int.clone()),
        column("b", int),
        column("s", text.clone()),
        column("t", text),
        column("f", Logical::Boolean),
    ]
}

/// Numbers, texts and truths, put together as people and engines do, with parentheses and without.
fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => prop::sample::select(vec!["a", "b", "A"]),
        3 => prop::sample::select(vec!["s", "t", "'x'", "''", "'it''s'", "'1'"]),
        3 => prop::sample::select(vec!["0", "1", "-1", "2", "1.5", "NULL"]),
        2 => prop::sample::select(vec!["f", "TRUE", "FALSE"]),
    ];
    leaf.prop_map(str::to_owned).prop_recursive(4, 24, 3, |inner| {
        let op = prop::sample::select(vec![
            "=", "<>", "==", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "||", "AND", "OR",
        ]);
        let two = (inner.clone(), op, inner.clone());
        let three = (inner.clone(), inner.clone(), inner.clone());
        prop_oneof![
            3 => two.clone().prop_map(|(l, op, r)| format!("({l}) {op} ({r})")),
            2 => two.prop_map(|(l, op, r)| format!("{l} {op} {r}")),
            1 => inner.clone().prop_map(|e| format!("NOT {e}")),
            1 => inner.clone().prop_map(|e| format!("-({e})")),
            1 => inner.clone().prop_map(|e| format!("{e} IS NULL")),
            1 => inner.clone().prop_map(|e| format!("({e}) IS NOT NULL")),
            1 => inner.clone().prop_map(|e| format!("length({e})")),
            1 => inner.clone().prop_map(|e| format!("abs({e})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(l, r)| format!("coalesce({l}, {r})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(l, r)| format!("nullif({l}, {r})")),
            1 => three.clone().prop_map(|(e, l, h)| format!("{e} BETWEEN {l} AND {h}")),
            1 => three.clone().prop_map(|(e, l, h)| format!("({e}) NOT IN ({l}, {h})")),
            1 => three.clone().prop_map(|(c, l, r)| format!("CASE WHEN {c} THEN {l} ELSE {r} END")),
            1 => three.prop_map(|(e, w, r)| format!("CASE {e} WHEN {w} THEN {r} END")),
        ]
    })
}

fn in_sqlite(sqlite: &rusqlite::Connection, expression: &str) -> Vec<Option<String>> {
    let select = format!("SELECT CAST(({expression}) AS TEXT) FROM r ORDER BY rowid");
    let mut statement = sqlite.prepare(&select).unwrap_or_else(|e| panic!("{expression}: {e}"));
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(|cell| cell.unwrap_or_else(|e| panic!("{expression}: {e}"))).collect()
}

/// Truths as SQLite has them.
fn in_postgres(
    runtime: &tokio::runtime::Runtime,
    client: &tokio_postgres::Client,
    expression: &str,
) -> Vec<Option<String>> {
    let select = format!(
        "SELECT v::text, pg_typeof(v)::text FROM (SELECT n, ({expression}) AS v FROM r) q \
         ORDER BY n"
    );
    let answer = runtime.block_on(client.simple_query(&select));
    let mut cells = Vec::new();
    for message in answer.unwrap_or_else(|e| panic!("{expression}: {:?}", e.as_db_error())) {
        let SimpleQueryMessage::Row(row) = message else { continue };
        cells.push(match (row.get(0), row.get(1)) {
            (Some("true"), Some("boolean")) => Some("1".to_owned()),
            (Some("false"), Some("boolean")) => Some("0".to_owned()),
            (other, _) => other.map(str::to_owned),
        });
    }
    cells
}

#[test]
fn what_is_carried_from_sqlite_gives_the_same_in_postgresql() {
    let sqlite = rusqlite::Connection::open_in_memory().unwrap();
    let table = "(a integer, b integer, s text, t text, f boolean)";
    sqlite.execute_batch(&format!("CREATE TABLE r {table}; INSERT INTO r VALUES {ROWS}")).unwrap();

    let fallback = "postgres://postgres@127.0.0.1:5432/postgres";
    let url = std::env::var("LONGHAUL_TEST_POSTGRES").unwrap_or_else(|_| fallback.to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (client, connection) = runtime
        .block_on(tokio_postgres::connect(&url, tokio_postgres::NoTls))
        .expect("this test needs the PostgreSQL at LONGHAUL_TEST_POSTGRES");
    runtime.spawn(async move { connection.await.unwrap() });
    let create = format!(
        "CREATE TEMPORARY TABLE r (a integer, b integer, s text, t text, f boolean, n serial); \
         INSERT INTO r VALUES {ROWS}"
    );
    runtime.block_on(client.batch_execute(&create)).unwrap();

    let columns = columns();
    let carried = std::cell::Cell::new(0);
    let config = Config { cases: 3000, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&expressions(), |expression| {
            let Some(there) = translate_over(&expression, &columns, LITE, PG) else {
                return Ok(());
            };
            carried.set(carried.get() + 1);
            let here = in_sqlite(&sqlite, &expression);
            prop_assert_eq!(here, in_postgres(&runtime, &client, &there), "{}", there);
            // And what PostgreSQL would be given means the same on its way back.
            if let Some(back) = translate_over(&there, &columns, PG, LITE) {
                let (here, again) = (in_sqlite(&sqlite, &expression), in_sqlite(&sqlite, &back));
                prop_assert_eq!(here, again, "{}", back);
            }
            Ok(())
        })
        .unwrap();
    let carried = carried.get();
    assert!(carried > 300, "only {carried} of 3000 expressions were carried");
}
