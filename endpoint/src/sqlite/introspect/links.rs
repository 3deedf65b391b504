//! Foreign keys, and whether the rows keep them.

use std::collections::BTreeMap;

use protocol::schema::{ForeignKey, Table, TableName};
use rusqlite::{Connection, Result};

use super::ddl::{self, Declared};

/// Rows up to which links are looked at one by one.
const VALIDATED_MAX: u64 = 1_000_000;

/// Foreign keys as SQLite lists them: the last one that is written comes first.
pub(super) fn foreign_keys(
    connection: &Connection,
    table: &str,
    declared: &Declared,
    rows: u64,
) -> Result<Vec<ForeignKey>> {
    let mut list = connection.prepare(
        "SELECT id, \"table\", \"from\", coalesce(\"to\", ''), on_update, on_delete \
         FROM pragma_foreign_key_list(?1) ORDER BY id DESC, seq",
    )?;
    let mut found: Vec<(i64, ForeignKey)> = Vec::new();
    let mut lines = list.query([table])?;
    while let Some(row) = lines.next()? {
        let id: i64 = row.get(0)?;
        if found.last().is_none_or(|(last, _)| *last != id) {
            let written = declared.links.get(found.len()).cloned().unwrap_or_default();
            found.push((id, foreign_key(row, written)?));
        }
        if let Some((_, key)) = found.last_mut() {
            key.columns.push(row.get(2)?);
            key.referenced.push(row.get(3)?);
        }
    }
    for (id, key) in &mut found {
        key.validated = rows > VALIDATED_MAX || holds(connection, table, *id)?;
    }
    Ok(found.into_iter().map(|(_, key)| key).collect())
}

/// Whether every link leads somewhere. SQLite enforces them only where a connection asks for it,
/// so orphans are common. In a table too large to look, the declaration is believed; the finish
/// stage of a target finds out.
fn holds(connection: &Connection, table: &str, id: i64) -> Result<bool> {
    let orphan = "SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_check(?1) WHERE fkid = ?2)";
    match connection.query_row(orphan, rusqlite::params![table, id], |row| row.get::<_, bool>(0)) {
        Ok(orphan) => Ok(!orphan),
        // Some parent has no such key ("foreign key mismatch"), and no link of the table is looked
        // at.
        Err(rusqlite::Error::SqliteFailure(error, _))
            if error.extended_code == rusqlite::ffi::SQLITE_ERROR =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn foreign_key(row: &rusqlite::Row<'_>, written: ddl::Link) -> Result<ForeignKey> {
    Ok(ForeignKey {
        name: written.name,
        columns: Vec::new(),
        references: TableName::bare(row.get::<_, String>(1)?),
        referenced: Vec::new(),
        on_update: row.get(4)?,
        on_delete: row.get(5)?,
        deferrable: written.deferrable,
        validated: false,
        full: false,
    })
}

/// Gives foreign keys the names that the tables themselves use, which may differ in case, and the
/// parent's primary key where no columns are written.
pub(super) fn resolve_links(tables: &mut [Table]) {
    let known: BTreeMap<String, Table> =
        tables.iter().map(|table| (table.name.name.to_ascii_lowercase(), table.clone())).collect();
    for table in tables {
        let own: Vec<_> = table.columns.iter().map(|column| column.name.clone()).collect();
        for key in &mut table.foreign_keys {
            respell(&mut key.columns, &own);
            let Some(parent) = known.get(&key.references.name.to_ascii_lowercase()) else {
                continue;
            };
            key.references = parent.name.clone();
            if key.referenced.iter().all(String::is_empty) {
                let primary = parent.primary_key.as_ref().map(|primary| primary.columns.clone());
                key.referenced = primary.unwrap_or_default();
            }
            let there: Vec<_> = parent.columns.iter().map(|column| column.name.clone()).collect();
            respell(&mut key.referenced, &there);
        }
        // A link to a table that is not there, or whose columns do not pair up, binds nothing.
        table.foreign_keys.retain(|key| key.columns.len() == key.referenced.len());
    }
}

fn respell(names: &mut [String], known: &[String]) {
    for name in names {
        if let Some(spelled) = known.iter().find(|known| known.eq_ignore_ascii_case(name)) {
            name.clone_from(spelled);
        }
    }
}
