//! Foreign keys that SQLite would take and then trip over: where no key makes the rows unique that one
//! leads to, each change of either table fails as soon as foreign keys are enforced.

use std::collections::{BTreeMap, BTreeSet};

use protocol::id::EntityId;
use protocol::plan::{Level, Note};
use protocol::schema::{Engine, ForeignKey, Table, TableName};

use crate::Wanted;

/// The tables without such foreign keys, and what to say of those.
pub(super) fn settled(wanted: &Wanted) -> (Vec<(EntityId, Table)>, Vec<Note>) {
    let mut tables = wanted.tables.clone();
    let mut notes = Vec::new();
    // Between equal engines a table is as it was.
    if wanted.from.engine == Engine::Sqlite {
        return (tables, notes);
    }
    let keys: BTreeMap<TableName, Vec<BTreeSet<String>>> = tables
        .iter()
        .map(|(_, table)| table)
        .chain(&wanted.existing.tables)
        .map(|table| (table.name.clone(), unique(table)))
        .collect();
    for (_, table) in &mut tables {
        let (name, mut left) = (table.name.to_string(), Vec::new());
        table.foreign_keys.retain(|key| {
            let fits = fits(key, &keys);
            if !fits {
                left.push(format!(
                    "foreign key {} to {} stays behind: no key there makes the rows it points to unique",
                    key.columns.join(", "),
                    key.references
                ));
            }
            fits
        });
        notes.extend(left.into_iter().map(|text| Note::new(Level::Left, Some(name.clone()), text)));
    }
    (tables, notes)
}

fn fits(key: &ForeignKey, keys: &BTreeMap<TableName, Vec<BTreeSet<String>>>) -> bool {
    let Some(there) = keys.get(&key.references) else { return true };
    let wanted: BTreeSet<_> = key.referenced.iter().cloned().collect();
    there.contains(&wanted)
}

/// The sets of columns that a table keeps unique.
fn unique(table: &Table) -> Vec<BTreeSet<String>> {
    let keys = table.primary_key.iter().chain(&table.uniques).map(|key| key.columns.clone());
    let indexes = table.indexes.iter().filter_map(|index| index.unique_columns());
    keys.chain(indexes).map(|columns| columns.into_iter().collect()).collect()
}
