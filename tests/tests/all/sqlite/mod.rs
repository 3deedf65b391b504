//! A file with all that SQLite has, moved to SQLite: what the target says of itself is what the source
//! says, statement by statement.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use tests::command::between;
use tests::moving::{Engine, Move, Store};
use tests::scratch::{Database, Folder};

const MORTAL: &str = env!("CARGO_BIN_EXE_mortal");
const SINK: &str = include_str!("sink.sql");

/// The statements of a file by kind and name, each from its first bracket on; before that stand names,
/// which may be in quotes of another kind.
fn statements(path: &Path) -> BTreeMap<String, String> {
    let connection = Connection::open(path).unwrap();
    let mut all = connection
        .prepare(
            "SELECT type || ' ' || name || ' of ' || tbl_name, sql FROM sqlite_schema \
             WHERE sql IS NOT NULL AND tbl_name NOT LIKE 'longhaul!_%' ESCAPE '!' \
               AND name NOT LIKE 'sqlite!_stat%' ESCAPE '!'",
        )
        .unwrap();
    let rows = all.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
    let from_bracket = |(name, sql): (String, String)| {
        let at = sql.rfind(" [x]\"").map_or(0, |at| at + 5);
        let at = at + sql[at..].find('(').unwrap_or(0);
        let plain: Vec<_> = sql[at..].split_whitespace().collect();
        (name, plain.join(" "))
    };
    rows.map(|row| from_bracket(row.unwrap())).collect()
}

/// The rows of a file, each value with its type.
fn rows(path: &Path) -> BTreeMap<String, Vec<String>> {
    let connection = Connection::open(path).unwrap();
    let tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
                  AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name NOT LIKE 'longhaul!_%' ESCAPE '!'";
    let mut tables = connection.prepare(tables).unwrap();
    let names: Vec<String> =
        tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let of = |name: String| {
        let quoted = name.replace('"', "\"\"");
        let mut all = connection.prepare(&format!("SELECT * FROM \"{quoted}\"")).unwrap();
        let width = all.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let cells = (0..width).map(|at| row.get_ref(at).map(|cell| format!("{cell:?}")));
            cells.collect::<Result<Vec<_>, _>>().map(|cells| cells.join("|"))
        };
        let mut rows: Vec<String> = all.query_map([], row).unwrap().map(Result::unwrap).collect();
        rows.sort();
        (name, rows)
    };
    names.into_iter().map(of).collect()
}

#[tokio::test]
async fn a_file_is_made_anew_statement_by_statement() {
    let folder = Folder::new();
    let (from, to) = (folder.path().join("from.db"), folder.path().join("to.db"));
    Connection::open(&from).unwrap().execute_batch(SINK).unwrap();
    let (source, target) = (folder.sqlite("from.db"), folder.sqlite("to.db"));
    let said = between(MORTAL, folder.path(), "run", &source, &target).exits(0);
    let report = said.json();
    assert_eq!(report["verdict"], "verified", "{said}");
    assert_eq!(statements(&from), statements(&to), "{said}");
    assert_eq!(rows(&from), rows(&to));
    let losses = report["notes"].as_array().unwrap();
    let losses = losses.iter().filter(|note| note["level"] == "left" || note["level"] == "lost");
    assert_eq!(losses.count(), 0, "{said}");
    let there = Connection::open(&to).unwrap();
    there.execute("INSERT INTO parent (code) VALUES ('next')", []).unwrap();
    assert_eq!(there.last_insert_rowid(), 101);
}

/// Cells of a type that their column does not have are carried where the other engine can have them.
#[tokio::test]
async fn texts_in_columns_of_bytes_and_bytes_in_columns_of_text_are_carried() {
    let (folder, to) = (Folder::new(), Database::new().await);
    let statements = "
        CREATE TABLE session (id INTEGER PRIMARY KEY, body BLOB, name TEXT, n INTEGER);
        INSERT INTO session VALUES (1, 'abc', x'616263', 1), (2, x'00ff', 'x', 2);
        INSERT INTO session VALUES (3, NULL, x'ff', 3), (4, NULL, NULL, 12.5);
    ";
    Connection::open(folder.path().join("from.db")).unwrap().execute_batch(statements).unwrap();
    let said = between(MORTAL, folder.path(), "run", &folder.sqlite("from.db"), &to.url()).exits(4);
    let report = said.json();
    let rows = "SELECT string_agg(concat_ws('|', id, body, name, n), ',' ORDER BY id) FROM session";
    assert_eq!(to.ask(rows).await, "1|\\x616263|abc|1,2|\\x00ff|x|2", "{report:#}");
    let reasons = report["rejected"].to_string();
    assert!(reasons.contains("too_precise") && reasons.contains("wrong_type"), "{reasons}");
}

#[tokio::test]
async fn views_and_triggers_move_where_they_are_asked_for() {
    let this = Move::new(MORTAL, (Engine::Sqlite, Engine::Sqlite)).await;
    let (Store::Sqlite(from), Store::Sqlite(to)) = (&this.from, &this.to) else { unreachable!() };
    let beside = "
        CREATE TABLE sale (id INTEGER PRIMARY KEY, v INT, note TEXT);
        INSERT INTO sale VALUES (1, 2, 'a');
        CREATE VIEW z_first AS SELECT id, v * 2 AS w FROM sale;
        CREATE VIEW a_second AS SELECT max(w) AS most FROM z_first;
        CREATE TRIGGER stamp AFTER INSERT ON sale BEGIN UPDATE sale SET note = note || '!' WHERE id = new.id; END;
        CREATE VIRTUAL TABLE words USING fts5(body);
        CREATE TRIGGER indexed AFTER INSERT ON sale BEGIN INSERT INTO words (body) VALUES (new.note); END;
    ";
    Connection::open(from).unwrap().execute_batch(beside).unwrap();
    this.file("include: [views, triggers]");
    let report = this.verified();
    let there = Connection::open(to).unwrap();
    let ask = |sql: &str| there.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(ask("SELECT most || '' FROM a_second"), "4");
    assert_eq!(ask("SELECT note FROM sale"), "a", "no trigger fired");
    there.execute("INSERT INTO sale VALUES (9, 9, 'x')", []).unwrap();
    assert_eq!(ask("SELECT note FROM sale WHERE id = 9"), "x!");
    let said = report["notes"].to_string();
    assert!(
        said.contains("trigger indexed stays behind: it refers to virtual table words"),
        "{said}"
    );
}
