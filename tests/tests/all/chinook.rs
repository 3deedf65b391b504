//! A real sample database there and back: SQLite → PostgreSQL → SQLite, and equal to where it
//! began, read by queries of this test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use tests::command::between;
use tests::scratch::{Database, Folder};

const MORTAL: &str = env!("CARGO_BIN_EXE_mortal");

/// The variable that says in which folder the sample lies.
const CHINOOK: &str = "LONGHAUL_TEST_CHINOOK";

/// Where the sample's SQLite file is, if it is there.
fn sample() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/chinook");
    let folder = std::env::var_os(CHINOOK).map_or_else(beside, PathBuf::from);
    Some(folder.join("Chinook_Sqlite.sqlite")).filter(|path| path.is_file())
}

fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn strings(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Tables that are not the bookkeeping of SQLite or of Longhaul.
fn tables(connection: &Connection) -> Vec<String> {
    strings(
        connection,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         AND name NOT LIKE 'longhaul\\_%' ESCAPE '\\' ORDER BY name",
    )
}

/// All rows in the order of their cells, each cell with its storage class.
fn rows(connection: &Connection, table: &str) -> Vec<Vec<String>> {
    let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
    let width = statement.column_count();
    let cell = |value| match value {
        Value::Real(number) => format!("Real({:x}) {number}", f64::to_bits(number)),
        other @ (Value::Null | Value::Integer(_) | Value::Text(_) | Value::Blob(_)) => {
            format!("{other:?}")
        }
    };
    let rows = statement.query_map([], |row| {
        (0..width).map(|at| row.get::<_, Value>(at).map(cell)).collect::<Result<Vec<_>, _>>()
    });
    let mut rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
    rows.sort();
    rows
}

/// What a table says of itself beside its rows, one line per fact. PostgreSQL has no `NVARCHAR`, so
/// that word does not come back from it.
fn structure(connection: &Connection, table: &str) -> BTreeSet<String> {
    let facts = [
        format!(
            "SELECT 'column ' || name || ' ' || replace(upper(type), 'NVARCHAR', 'VARCHAR') || ' not null ' || \"notnull\" || ' key ' || pk \
             FROM pragma_table_info('{table}')"
        ),
        format!(
            "SELECT 'link ' || group_concat(\"from\" || '>' || \"table\" || '.' || \"to\") || ' ' || on_delete || ' ' || on_update \
             FROM (SELECT * FROM pragma_foreign_key_list('{table}') ORDER BY id, seq) GROUP BY id"
        ),
        format!(
            "SELECT 'index ' || l.name || ' ' || l.\"unique\" || ' ' || \
             (SELECT group_concat(name || ' ' || \"desc\") FROM pragma_index_xinfo(l.name) WHERE key) \
             FROM pragma_index_list('{table}') AS l WHERE l.origin = 'c'"
        ),
    ];
    facts.iter().flat_map(|sql| strings(connection, sql)).collect()
}

#[tokio::test]
async fn chinook_goes_to_postgresql_and_comes_back_equal() {
    let Some(sample) = sample() else {
        println!("SKIPPED: no Chinook here; name its folder with {CHINOOK}");
        return;
    };
    let (folder, middle) = (Folder::new(), Database::new().await);
    let (first, last) = (folder.path().join("first.db"), folder.path().join("last.db"));
    std::fs::copy(sample, &first).unwrap();
    let legs =
        [(folder.sqlite("first.db"), middle.url()), (middle.url(), folder.sqlite("last.db"))];
    for (from, to) in legs {
        let said = between(MORTAL, Folder::new().path(), "run", &from, &to).exits(0);
        let report = said.json();
        assert_eq!(report["verdict"], "verified", "{said}");
        assert_eq!(report["totals"]["rejected"], 0, "{said}");
    }
    let (before, after) = (open(&first), open(&last));
    let names = tables(&before);
    assert_eq!(names, tables(&after));
    assert!(names.len() >= 11, "{names:?}");
    let mut counts = BTreeMap::new();
    for table in &names {
        let there = rows(&before, table);
        assert_eq!(there, rows(&after, table), "{table}");
        assert_eq!(structure(&before, table), structure(&after, table), "{table}");
        counts.insert(table.as_str(), there.len());
    }
    assert_eq!(counts.get("Track"), Some(&3503));
}
