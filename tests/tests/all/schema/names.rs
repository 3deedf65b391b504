//! Names that break what pastes them into SQL, in all directions; and those that a target cannot
//! have, which the plan refuses.

use std::collections::BTreeMap;

use rusqlite::Connection;
use tests::command::between;
use tests::scratch::{Database, Folder};
use tokio_postgres::Client;

use super::{MORTAL, carry};

/// Names that both engines have, if they are quoted.
const HOSTILE: &[&str] = &[
    "select",
    "table",
    "a\"b",
    "\"",
    "a'b",
    "a''b",
    "a;DROP TABLE x;--",
    "/* x */",
    "--",
    " lead and trail ",
    "tab\there",
    "new\nline",
    "ünï 😀 e\u{301}",
    "MiXeD",
    "a.b",
    "*",
    "%s %1$s",
    "{x} ${y}",
    "\\",
    "?1",
    "$1",
    ":x",
    "[brackets]",
    "`tick`",
    "1",
    "NULL",
    "rowid",
    "oid",
    "longhaul",
    "Ä",
    "ä",
    // 63 bytes.
    "n23456789012345678901234567890123456789012345678901234567890123",
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(name: &str) -> String {
    format!("'{}'", name.replace('\'', "''"))
}

/// A table of each name, with key, link, check and index of that name; and one with all of them
/// as columns.
fn schema() -> String {
    let mut sql = String::new();
    for (n, name) in HOSTILE.iter().enumerate() {
        let (name, text) = (quoted(name), literal(name));
        // Indexes share their names with tables, so this one has a name of its own where the
        // table's would be too long with it.
        let index = if n + 1 == HOSTILE.len() {
            "\"long\"".into()
        } else {
            format!("{}i\"", &name[..name.len() - 1])
        };
        sql += &format!(
            "CREATE TABLE {name} ({name} BIGINT NOT NULL PRIMARY KEY, v TEXT DEFAULT {text},
                 up BIGINT REFERENCES {name} ({name}), CONSTRAINT {name} CHECK ({name} > 0));
             INSERT INTO {name} ({name}, v, up) VALUES (1, {text}, NULL), (2, NULL, 1), (3, 'x', 3);
             CREATE INDEX {index} ON {name} (v, {name});\n"
        );
    }
    let columns: Vec<_> = HOSTILE.iter().map(|name| format!("{} TEXT", quoted(name))).collect();
    let values: Vec<_> = HOSTILE.iter().map(|name| literal(name)).collect();
    sql + &format!(
        "CREATE TABLE wide ({});\nINSERT INTO wide VALUES ({});\n",
        columns.join(", "),
        values.join(", ")
    )
}

/// What is asked of each table, and what every table answers.
fn questions() -> BTreeMap<String, String> {
    let rows = |name: &str| {
        let sum = format!(
            "SELECT count(*) || ' ' || sum({0}) || ' ' || sum(up) || ' ' || max(v) FROM {0} WHERE {0} <> 3",
            quoted(name)
        );
        (sum, format!("2 3 1 {name}"))
    };
    let wide = |name: &str| (format!("SELECT {} FROM wide", quoted(name)), name.to_owned());
    HOSTILE.iter().flat_map(|name| [rows(name), wide(name)]).collect()
}

async fn asked(client: &Client) -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    for question in questions().into_keys() {
        let row = client.query_one(&question, &[]).await.unwrap();
        answers.insert(question, row.get(0));
    }
    answers
}

fn asked_of_sqlite(path: &std::path::Path) -> BTreeMap<String, String> {
    let connection = Connection::open(path).unwrap();
    let answer = |question: String| {
        let answer = connection.query_row(&question, [], |row| row.get(0)).unwrap();
        (question, answer)
    };
    questions().into_keys().map(answer).collect()
}

#[tokio::test]
async fn hostile_names_go_everywhere_and_mean_only_themselves() {
    let (folder, one, two, three) =
        (Folder::new(), Database::new().await, Database::new().await, Database::new().await);
    one.client().await.batch_execute(&schema()).await.unwrap();
    let first = folder.sqlite("first.db");
    let second = folder.sqlite("second.db");
    for (from, to) in [
        (one.url(), two.url()),
        (two.url(), first.clone()),
        (first.clone(), second.clone()),
        (second, three.url()),
    ] {
        carry(&from, &to);
    }
    let expected = questions();
    assert_eq!(asked(&two.client().await).await, expected);
    assert_eq!(asked_of_sqlite(&folder.path().join("first.db")), expected);
    assert_eq!(asked_of_sqlite(&folder.path().join("second.db")), expected);
    assert_eq!(asked(&three.client().await).await, expected);
}

#[tokio::test]
async fn hostile_schemas_types_and_sequences_go_from_postgresql_to_postgresql() {
    let (from, to) = (Database::new().await, Database::new().await);
    let mut sql = String::new();
    // The schema `longhaul` is Longhaul's own, on every server.
    let names: Vec<_> = HOSTILE.iter().filter(|name| **name != "longhaul").collect();
    for name in &names {
        let (name, text) = (quoted(name), literal(name));
        let next = literal(&format!("{name}.\"the sequence\""));
        sql += &format!(
            "CREATE SCHEMA {name}; CREATE TYPE {name}.{name} AS ENUM ({text});
             CREATE SEQUENCE {name}.\"the sequence\"; SELECT nextval({next});
             CREATE TABLE {name}.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n serial,
                 {name} {name}.{name} DEFAULT {text}, s bigint DEFAULT nextval({next}));
             COMMENT ON COLUMN {name}.t.{name} IS {text}; INSERT INTO {name}.t DEFAULT VALUES;\n"
        );
    }
    from.client().await.batch_execute(&sql).await.unwrap();
    carry(&from.url(), &to.url());
    let target = to.client().await;
    for name in names {
        let sql = format!(
            "INSERT INTO {0}.t DEFAULT VALUES RETURNING id || ' ' || n || ' ' || {0}::text || ' ' || s",
            quoted(name)
        );
        let row = target.query_one(&sql, &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), format!("2 2 {name} 3"));
    }
}

#[tokio::test]
async fn names_that_the_target_cannot_have_are_refused_by_the_plan() {
    let long = "x".repeat(64);
    for (sql, place) in [
        ("CREATE TABLE \"Case\" (a int); CREATE TABLE \"case\" (a int)", "case"),
        ("CREATE TABLE t (\"Case\" int, \"case\" int)", "t.case"),
        ("CREATE TABLE sqlite_x (a int)", "sqlite_x"),
        ("CREATE TABLE longhaul_run (a int)", "longhaul_run"),
        (
            "CREATE SCHEMA a; CREATE SCHEMA a_b; CREATE TABLE a.b_c (x int); CREATE TABLE a_b.c (x int)",
            "a_b_c",
        ),
    ] {
        let (folder, from) = (Folder::new(), Database::new().await);
        from.client().await.batch_execute(sql).await.unwrap();
        refused(&folder, &from.url(), &folder.sqlite("to.db"), place);
    }
    for sql in [
        format!("CREATE TABLE {long} (a int)"),
        format!("CREATE TABLE t ({long} int)"),
        format!("CREATE TABLE t (a int); CREATE INDEX {long} ON t (a)"),
        format!("CREATE TABLE t (a int CONSTRAINT {long} CHECK (a > 0))"),
    ] {
        let (folder, to) = (Folder::new(), Database::new().await);
        Connection::open(folder.path().join("from.db")).unwrap().execute_batch(&sql).unwrap();
        let from = folder.sqlite("from.db");
        let said = between(MORTAL, folder.path(), "plan", &from, &to.url()).exits(0);
        assert!(said.stdout.contains(&format!("{long} is called ")), "{sql}: {said}");
        let _ = between(MORTAL, folder.path(), "run", &from, &to.url()).exits(0);
    }
    let (folder, to) = (Folder::new(), Database::new().await);
    let sql = "CREATE TABLE t (ctid int)";
    Connection::open(folder.path().join("from.db")).unwrap().execute_batch(sql).unwrap();
    refused(&folder, &folder.sqlite("from.db"), &to.url(), "t.ctid");
}

fn refused(folder: &Folder, from: &str, to: &str, place: &str) {
    for command in ["plan", "run"] {
        let said = between(MORTAL, folder.path(), command, from, to).exits(6);
        assert!(said.stderr.contains("identifier-unfit"), "{said}");
        assert!(said.stderr.contains(place), "{place}: {said}");
    }
}
