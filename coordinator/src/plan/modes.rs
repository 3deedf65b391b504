//! How rows are written into a table, and which of its rows they mean.

use std::collections::BTreeSet;

use protocol::fault::{Code, Fault};
use protocol::mapping::Mode;
use protocol::plan::ColumnMap;
use protocol::schema::{Table, TableName};

use super::select::Chosen;

/// How rows are written. What the plan creates needs no more than that; only an update needs rows
/// that are there.
pub(super) fn mode(one: &Chosen<'_>, there: Option<&Table>) -> Result<Mode, Fault> {
    match (one.rule.mode, there) {
        (mode, Some(_)) => Ok(mode),
        (Mode::Update, None) => Err(Fault::new(Code::ModeUnable, one.target.to_string())
            .saying("mode update writes to rows that are there, and there is no such table")),
        (Mode::Create | Mode::Upsert | Mode::Replace | Mode::Append, None) => Ok(Mode::Create),
    }
}

/// The columns that say which row an upsert or an update means.
pub(super) fn conflict(
    one: &Chosen<'_>,
    mode: Mode,
    there: Option<&Table>,
) -> Result<Vec<String>, Fault> {
    let Some(there) = there.filter(|_| !mode.inserts()) else { return Ok(Vec::new()) };
    let primary = || there.primary_key.as_ref().map(|key| key.columns.clone());
    let wish = Some(one.rule.conflict.clone()).filter(|columns| !columns.is_empty());
    let Some(columns) = wish.or_else(primary) else {
        return Err(Fault::new(Code::KeyMissing, there.name.to_string())
            .saying("it has no primary key, and `conflict` names no columns"));
    };
    let wanted: BTreeSet<_> = columns.iter().collect();
    // A key that is checked late finds no row to update.
    let keys = there.primary_key.iter().chain(&there.uniques).filter(|k| k.deferrable.is_none());
    let keys = keys.map(|key| key.columns.clone());
    let indexes = there.indexes.iter().filter_map(|index| index.unique_columns());
    if keys.chain(indexes).any(|key| key.iter().collect::<BTreeSet<_>>() == wanted) {
        return Ok(columns);
    }
    let said = format!("no unique constraint covers exactly ({})", columns.join(", "));
    Err(Fault::new(Code::KeyMissing, there.name.to_string()).saying(said))
}

/// The second pass finds each row by its key, so all of the key must be there and moved.
pub(super) fn refuse_unnamed(
    target: &TableName,
    key: &[String],
    columns: &[ColumnMap],
    links: &[String],
) -> Result<(), Fault> {
    let moved = |name: &String| columns.iter().any(|column| column.source == *name);
    if !key.is_empty() && key.iter().all(moved) {
        return Ok(());
    }
    let said = format!("{} must be filled in a second pass, by a key", links.join(", "));
    Err(Fault::new(Code::KeyMissing, target.to_string()).saying(said).next(
        "Give the source a NOT NULL unique key and move all of it, or let Longhaul create the table.",
    ))
}
