//! What a SQLite file says about itself, from its pragmas and the text of its statements.

mod ddl;
mod links;
mod objects;
mod size;
#[cfg(test)]
mod tests;

use protocol::schema::{
    Catalogue, Column, Engine, Generated, Identity, IdentityKind, Index, IndexOn, IndexPart, Key,
    Own, Peculiar, Table, TableName, Unmoved,
};
use rusqlite::{Connection, OptionalExtension, Result};

use self::ddl::Declared;
use super::types;
use crate::sql::quote;

/// Names that are ours in a target.
pub(super) const OURS: &str = "longhaul_";

/// All that the file says, Longhaul's own tables left out.
pub(super) fn catalogue(connection: &Connection) -> Result<Catalogue> {
    let mut listed = listed(connection, None)?;
    listed.retain(|one| one.name != "sqlite_schema" && !is_internal(&one.name));
    let mut tables = Vec::new();
    let mut unmoved = Vec::new();
    for one in &listed {
        match one.kind.as_str() {
            "table" => {
                tables.push(table(connection, one)?);
                unmoved.extend(one.ways.iter().map(|way| stays(way, &one.name)));
            }
            // Tables that a virtual table keeps its own things in.
            "shadow" => {}
            // An object of its own.
            "view" => {}
            "virtual" => unmoved.push(stays("virtual table", &one.name)),
            kind => unmoved.push(stays(kind, &one.name)),
        }
    }
    links::resolve_links(&mut tables);
    let objects = objects::objects(connection, &tables, &unmoved)?;
    Ok(Catalogue { tables, objects, unmoved, ..nothing() })
}

/// How many foreign keys stand between the brackets of a `CREATE TABLE`.
pub(super) fn links_in(body: &str) -> usize {
    ddl::table(&format!("CREATE TABLE t ({body})")).links.len()
}

/// What an empty file says.
pub(super) fn nothing() -> Catalogue {
    Catalogue::new(Engine::Sqlite, rusqlite::version())
}

fn is_internal(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("sqlite_") || name.starts_with(OURS)
}

fn stays(kind: &str, name: &str) -> Unmoved {
    Unmoved { kind: kind.to_owned(), name: TableName::bare(name) }
}

/// A line of `table_list`.
struct Listed {
    name: String,
    kind: String,
    without_rowid: bool,
    /// Ways of the whole table that a [`Table`] has no word for.
    ways: Vec<&'static str>,
}

/// All tables and views, or those of one name.
fn listed(connection: &Connection, name: Option<&str>) -> Result<Vec<Listed>> {
    let mut list = connection.prepare(
        "SELECT l.name, l.type, l.wr, l.strict, coalesce(s.sql, '') \
         FROM pragma_table_list AS l LEFT JOIN sqlite_schema AS s \
           ON s.type = 'table' AND s.name = l.name \
         WHERE l.schema = 'main' AND (?1 IS NULL OR lower(l.name) = lower(?1)) ORDER BY l.name",
    )?;
    let rows = list.query_map([name], |row| {
        let (without_rowid, strict): (bool, bool) = (row.get(2)?, row.get(3)?);
        let clause = row.get::<_, String>(4)?.to_ascii_uppercase().contains(" ON CONFLICT ");
        let ways = [
            (Unmoved::WITHOUT_ROWID, without_rowid),
            (Unmoved::STRICT, strict),
            (Unmoved::ON_CONFLICT, clause),
        ];
        let ways = ways.into_iter().filter(|(_, has)| *has).map(|(way, _)| way).collect();
        Ok(Listed { name: row.get(0)?, kind: row.get(1)?, without_rowid, ways })
    })?;
    rows.collect()
}

/// Triggers of one table, or of views and virtual tables as well.
fn triggers(connection: &Connection, table: Option<&str>) -> Result<Vec<String>> {
    let mut list = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' \
         AND (?1 IS NULL OR lower(tbl_name) = lower(?1)) ORDER BY name",
    )?;
    let rows = list.query_map([table], |row| row.get(0))?;
    rows.collect()
}

fn table(connection: &Connection, listed: &Listed) -> Result<Table> {
    let sql: String = connection.query_row(
        "SELECT coalesce(sql, '') FROM sqlite_schema WHERE type = 'table' AND name = ?1",
        [&listed.name],
        |row| row.get(0),
    )?;
    let declared = ddl::table(&sql);
    let rows = rows_of(connection, &listed.name)?;
    let indexes = indexes_of(connection, &listed.name)?;
    let primary = primary_key(&rows, &declared);
    let alias = rowid_alias(listed, &rows, &indexes);
    let mut columns = Vec::new();
    for row in rows.iter().filter(|row| row.hidden != HIDDEN) {
        columns.push(column(connection, listed, row, &declared, alias.as_deref())?);
    }
    let (rows_estimate, bytes_estimate) = size::estimate(connection, listed, &columns)?;
    let uniques = indexes.iter().filter(|index| index.origin == "u");
    let plain = indexes.iter().filter(|index| index.origin == "c");
    Ok(Table {
        name: TableName::bare(&listed.name),
        primary_key: primary,
        uniques: uniques.map(|index| index.key(&declared)).collect(),
        foreign_keys: links::foreign_keys(connection, &listed.name, &declared, rows_estimate)?,
        indexes: plain.map(FoundIndex::index).collect(),
        checks: declared.checks.clone(),
        partitioning: None,
        comment: None,
        triggers: triggers(connection, Some(&listed.name))?,
        durable: true,
        rows_estimate,
        bytes_estimate,
        columns,
        peculiar: Peculiar::default(),
        own: Own { lines: vec![declared.body], options: declared.options },
    })
}

/// A line of `table_xinfo`.
struct Row {
    name: String,
    declared: String,
    not_null: bool,
    default: Option<String>,
    /// Its place in the primary key, from 1.
    key: u32,
    hidden: u32,
}

/// Values of `table_xinfo.hidden`.
const HIDDEN: u32 = 1;
const COMPUTED: u32 = 2;
const COMPUTED_AND_STORED: u32 = 3;

fn rows_of(connection: &Connection, table: &str) -> Result<Vec<Row>> {
    let mut list = connection.prepare(
        "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) \
         ORDER BY cid",
    )?;
    let rows = list.query_map([table], |row| {
        Ok(Row {
            name: row.get(0)?,
            declared: row.get(1)?,
            not_null: row.get(2)?,
            default: row.get(3)?,
            key: row.get(4)?,
            hidden: row.get(5)?,
        })
    })?;
    rows.collect()
}

fn primary_key(rows: &[Row], declared: &Declared) -> Option<Key> {
    let mut parts: Vec<_> = rows.iter().filter(|row| row.key > 0).collect();
    parts.sort_by_key(|row| row.key);
    let columns: Vec<_> = parts.iter().map(|row| row.name.clone()).collect();
    (!columns.is_empty()).then(|| Key::new(key_name(declared, &columns), columns))
}

fn key_name(declared: &Declared, columns: &[String]) -> Option<String> {
    let folded: Vec<_> = columns.iter().map(|column| column.to_ascii_lowercase()).collect();
    declared.keys.get(&folded).cloned()
}

/// The column that *is* the rowid: a single INTEGER primary key for which SQLite keeps no index.
fn rowid_alias(listed: &Listed, rows: &[Row], indexes: &[FoundIndex]) -> Option<String> {
    let mut keys = rows.iter().filter(|row| row.key > 0);
    let (Some(only), None) = (keys.next(), keys.next()) else { return None };
    let integer = only.declared.eq_ignore_ascii_case("INTEGER");
    let indexed = indexes.iter().any(|index| index.origin == "pk");
    (integer && !listed.without_rowid && !indexed).then(|| only.name.clone())
}

/// The column of a table that is its rowid, if one is.
pub(super) fn alias_of(connection: &Connection, table: &str) -> Result<Option<String>> {
    let listed = listed(connection, Some(table))?.pop();
    let Some(listed) = listed else { return Ok(None) };
    let rows = rows_of(connection, table)?;
    Ok(rowid_alias(&listed, &rows, &indexes_of(connection, table)?))
}

fn column(
    connection: &Connection,
    listed: &Listed,
    row: &Row,
    declared: &Declared,
    alias: Option<&str>,
) -> Result<Column> {
    let folded = row.name.to_ascii_lowercase();
    let is_alias = alias == Some(&row.name);
    // SQLite lets NULL into primary keys, but for the rowid and tables that have none.
    let solid = row.not_null || is_alias || (listed.without_rowid && row.key > 0);
    let native = match declared.collations.get(&folded) {
        Some(collation) if !collation.eq_ignore_ascii_case("BINARY") => {
            format!("{} COLLATE {}", row.declared, quote::name(collation)).trim_start().to_owned()
        }
        Some(_) | None => row.declared.clone(),
    };
    let computed = row.hidden == COMPUTED || row.hidden == COMPUTED_AND_STORED;
    let expression = declared.generated.get(&folded).filter(|_| computed).cloned();
    let generated = expression
        .map(|expression| Generated { expression, stored: row.hidden == COMPUTED_AND_STORED });
    let identity =
        if is_alias { Some(identity(connection, &listed.name, declared)?) } else { None };
    Ok(Column {
        name: row.name.clone(),
        native,
        logical: types::logical(&row.declared),
        nullable: !solid,
        default: row.default.as_deref().map(default),
        identity,
        generated,
        comment: None,
        raw: true,
        on_update: None,
        own: None,
        domain: None,
    })
}

/// A default in double quotes is a text, if no column has that name, and none can.
fn default(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map_or_else(|| text.to_owned(), |inner| quote::literal(&inner.replace("\"\"", "\"")))
}

/// A rowid numbers rows where none is given; AUTOINCREMENT remembers the last one.
fn identity(connection: &Connection, table: &str, declared: &Declared) -> Result<Identity> {
    if !declared.autoincrement {
        return Ok(Identity::new(IdentityKind::ByDefault, None));
    }
    let last = connection
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = ?1", [table], |row| row.get(0))
        .optional()?;
    Ok(Identity::new(IdentityKind::AutoIncrement, last))
}

/// An index with what the pragmas and its text say.
struct FoundIndex {
    name: String,
    unique: bool,
    /// `c`: made by CREATE INDEX, `u`: shadow of UNIQUE, `pk`: shadow of the primary key.
    origin: String,
    /// Columns, or none for an expression; and whether it runs downwards.
    parts: Vec<(Option<String>, bool)>,
    sql: Option<String>,
}

impl FoundIndex {
    fn key(&self, declared: &Declared) -> Key {
        let columns: Vec<_> = self.parts.iter().filter_map(|(column, _)| column.clone()).collect();
        Key::new(key_name(declared, &columns), columns)
    }

    fn index(&self) -> Index {
        let written = ddl::index(self.sql.as_deref().unwrap_or_default());
        let part = |(at, (column, descending)): (usize, &(Option<String>, bool))| IndexPart {
            on: match column {
                Some(column) => IndexOn::Column(column.clone()),
                None => IndexOn::Expression(written.parts.get(at).cloned().unwrap_or_default()),
            },
            descending: *descending,
        };
        Index {
            name: self.name.clone(),
            unique: self.unique,
            method: "btree".to_owned(),
            parts: self.parts.iter().enumerate().map(part).collect(),
            include: Vec::new(),
            predicate: written.predicate.clone(),
            tail: Some(written.tail.clone()),
        }
    }
}

fn indexes_of(connection: &Connection, table: &str) -> Result<Vec<FoundIndex>> {
    let mut list = connection.prepare(
        "SELECT l.name, l.\"unique\", l.origin, s.sql FROM pragma_index_list(?1) AS l \
         LEFT JOIN sqlite_schema AS s ON s.type = 'index' AND s.name = l.name ORDER BY l.seq DESC",
    )?;
    let found = list.query_map([table], |row| {
        Ok(FoundIndex {
            name: row.get(0)?,
            unique: row.get(1)?,
            origin: row.get(2)?,
            parts: Vec::new(),
            sql: row.get(3)?,
        })
    })?;
    let mut found: Vec<_> = found.collect::<Result<_>>()?;
    for index in &mut found {
        index.parts = index_parts(connection, &index.name)?;
    }
    Ok(found)
}

fn index_parts(connection: &Connection, index: &str) -> Result<Vec<(Option<String>, bool)>> {
    let mut list = connection
        .prepare("SELECT name, \"desc\" FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno")?;
    let rows = list.query_map([index], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
