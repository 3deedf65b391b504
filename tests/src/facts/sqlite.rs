//! SQLite's own catalogue, in the words of these tests.

use std::path::Path;

use rusqlite::Connection;

const FACTS: &str = "
WITH base AS (
  SELECT t.name, m.sql FROM pragma_table_list t JOIN sqlite_master m USING (name)
   WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
     AND t.name NOT LIKE 'longhaul\\_%' ESCAPE '\\'), facts (kind, part, name) AS (
SELECT 'table', '', name FROM base
UNION ALL SELECT CASE type WHEN 'virtual' THEN 'virtual table' ELSE 'view' END, '', name
     FROM pragma_table_list WHERE schema = 'main' AND type IN ('virtual', 'view')
UNION ALL SELECT 'trigger', tbl_name, name FROM sqlite_master WHERE type = 'trigger'
UNION ALL SELECT DISTINCT 'primary key', b.name, b.name FROM base b, pragma_table_xinfo(b.name) c
    WHERE c.pk > 0
UNION ALL SELECT CASE WHEN i.\"unique\" THEN 'unique' ELSE 'index' END, b.name, i.name
     FROM base b, pragma_index_list(b.name) i WHERE i.origin <> 'pk'
UNION ALL SELECT DISTINCT 'foreign key', b.name, f.id FROM base b, pragma_foreign_key_list(b.name) f
UNION ALL SELECT 'column', b.name, c.name FROM base b, pragma_table_xinfo(b.name) c
UNION ALL SELECT 'generated', b.name, c.name FROM base b, pragma_table_xinfo(b.name) c
    WHERE c.hidden IN (2, 3)
UNION ALL SELECT 'default', b.name, c.name FROM base b, pragma_table_xinfo(b.name) c
    WHERE c.dflt_value IS NOT NULL AND upper(c.dflt_value) <> 'NULL' AND c.hidden = 0
UNION ALL SELECT 'numbering', b.name, c.name FROM base b, pragma_table_xinfo(b.name) c
    WHERE c.pk = 1 AND upper(c.type) = 'INTEGER'
      AND (SELECT count(*) FROM pragma_table_xinfo(b.name) WHERE pk > 0) = 1)
SELECT kind, part, CAST(name AS text) FROM facts";

/// A row per fact, its four cells joined by a character that no name has. A check has no place in
/// this catalogue but the statement that made its table.
pub(super) fn facts(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).expect("the file can be opened");
    let mut statement = connection.prepare(FACTS).expect("the query is understood");
    let line = |row: &rusqlite::Row<'_>| {
        let cell = |at| row.get::<_, String>(at);
        Ok([cell(0)?, String::new(), cell(1)?, cell(2)?].join("\u{1f}"))
    };
    let rows = statement.query_map([], line).expect("the query runs");
    let mut lines: Vec<_> = rows.map(|row| row.expect("a row")).collect();
    lines.extend(checks(&connection));
    lines
}

fn checks(connection: &Connection) -> Vec<String> {
    let tables = "SELECT name, sql FROM sqlite_master WHERE type = 'table' \
                  AND name NOT LIKE 'longhaul\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%'";
    let mut statement = connection.prepare(tables).expect("the query is understood");
    let table = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let rows = statement.query_map([], table).expect("the query runs");
    let tables: Vec<_> = rows.map(|row| row.expect("a row")).collect();
    let check = |(name, sql): &(String, String)| {
        let of = sql.to_uppercase().matches("CHECK").count();
        (0..of).map(|at| ["check", "", name, &at.to_string()].join("\u{1f}")).collect::<Vec<_>>()
    };
    tables.iter().flat_map(check).collect()
}
