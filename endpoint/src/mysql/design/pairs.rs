//! Foreign keys before their columns have types: which can be made at all, and what both sides must be.
//!
//! The server makes a foreign key only between columns of one type, and only to columns that begin an
//! index. What it would refuse is taken out here and said, before a text is cut to what a key can hold
//! for the sake of a foreign key that is never made.

use std::collections::BTreeMap;

use protocol::id::EntityId;
use protocol::plan::{Level, Note};
use protocol::schema::{Engine, ForeignKey, Index, IndexOn, Logical, Table, TableName};

use crate::Wanted;
use crate::mysql::types;
use crate::mysql::version::Server;

/// The tables with the foreign keys that can be made, between columns of one width, and what to say of
/// the others.
pub(super) fn settled(wanted: &Wanted, server: Server) -> (Vec<(EntityId, Table)>, Vec<Note>) {
    let mut tables = wanted.tables.clone();
    let mut notes = Vec::new();
    // Between equal engines both sides are as they were.
    if wanted.from.engine != Engine::MySql {
        widen(&mut tables, &wanted.existing.tables, &mut notes);
        let sides: BTreeMap<TableName, Table> = tables
            .iter()
            .map(|(_, table)| table)
            .chain(&wanted.existing.tables)
            .map(|table| (table.name.clone(), table.clone()))
            .collect();
        for (_, table) in &mut tables {
            let here = table.clone();
            table.foreign_keys.retain(|key| match refusal(&here, key, &sides, server) {
                None => true,
                Some(why) => {
                    let (columns, to) = (key.columns.join(", "), &key.references);
                    let text = format!("foreign key {columns} to {to} stays behind: {why}");
                    notes.push(note(Level::Left, &here, text));
                    false
                }
            });
        }
    }
    for (_, table) in &mut tables {
        forbid_null(table, &mut notes);
    }
    (tables, notes)
}

fn note(level: Level, table: &Table, text: String) -> Note {
    Note::new(level, Some(table.name.to_string()), text)
}

/// Integers that foreign keys lead between become as wide as the widest of them. Tables that are there
/// stay as they are.
fn widen(tables: &mut [(EntityId, Table)], there: &[Table], notes: &mut Vec<Note>) {
    let bits = |table: &Table, name: &str| {
        let Logical::Integer { bits } = table.column(name)?.logical else { return None };
        Some(bits)
    };
    let mut why: BTreeMap<(usize, String), String> = BTreeMap::new();
    loop {
        let mut wider: Option<(usize, String, u8, String)> = None;
        for (at, (_, table)) in tables.iter().enumerate() {
            for key in &table.foreign_keys {
                let new = tables.iter().position(|(_, other)| other.name == key.references);
                let old = || there.iter().find(|other| other.name == key.references);
                let Some(parent) = new.map(|place| &tables[place].1).or_else(old) else { continue };
                for (here, other) in key.columns.iter().zip(&key.referenced) {
                    let (Some(mine), Some(its)) = (bits(table, here), bits(parent, other)) else {
                        continue;
                    };
                    let name = |table: &Table, column: &str| format!("{}.{column}", table.name);
                    if mine < its {
                        wider = Some((at, here.clone(), its, name(parent, other)));
                    } else if let Some(place) = new.filter(|_| its < mine) {
                        wider = Some((place, other.clone(), mine, name(table, here)));
                    }
                }
            }
        }
        let Some((place, name, bits, other)) = wider else { break };
        let table = &mut tables[place].1;
        if let Some(column) = table.columns.iter_mut().find(|column| column.name == name) {
            column.logical = Logical::Integer { bits };
        }
        why.insert((place, name), other);
    }
    for ((place, name), other) in why {
        let table = &tables[place].1;
        let kind = if bits(table, &name) == Some(64) { "a bigint" } else { "an int" };
        let text =
            format!("{name} is {kind}, as wide as {other}, with which a foreign key joins it");
        notes.push(note(Level::Info, table, text));
    }
}

/// Why the server would not make the foreign key.
fn refusal(
    table: &Table,
    key: &ForeignKey,
    sides: &BTreeMap<TableName, Table>,
    server: Server,
) -> Option<String> {
    let Some(parent) = sides.get(&key.references) else {
        return Some("the table is not there".into());
    };
    if key.columns.len() != key.referenced.len() {
        return Some("it points to another number of columns".into());
    }
    for (here, there) in key.columns.iter().zip(&key.referenced) {
        let Some((one, other)) = table.column(here).zip(parent.column(there)) else {
            return Some("a column of it is not there".into());
        };
        let kind = |logical: &Logical| types::chosen(logical, server, None).native;
        let (mine, its) = (kind(&one.logical), kind(&other.logical));
        let text = |logical: &Logical| types::is_text(logical);
        let alike = mine == its
            || (text(&one.logical) && text(&other.logical))
            || (one.logical == Logical::Binary && other.logical == Logical::Binary);
        if !alike {
            return Some(format!("{here} is {mine}, and points to {its}"));
        }
    }
    (!begins_an_index(parent, &key.referenced))
        .then(|| "no key or index there begins with the columns it points to".to_owned())
}

fn begins_an_index(table: &Table, columns: &[String]) -> bool {
    let keys = table.primary_key.iter().chain(&table.uniques).map(|key| key.columns.clone());
    let indexes = table.indexes.iter().filter(|index| index.predicate.is_none());
    keys.chain(indexes.map(whole_columns)).any(|all| all.starts_with(columns))
}

/// The columns that an index begins with, each as a whole.
pub(super) fn whole_columns(index: &Index) -> Vec<String> {
    let column = |part: &protocol::schema::IndexPart| match &part.on {
        IndexOn::Column(name) => Some(name.clone()),
        IndexOn::Prefix { .. } | IndexOn::Expression(_) => None,
    };
    index.parts.iter().map_while(column).collect()
}

/// `SET NULL` on a column that forbids NULL does what `NO ACTION` does: the row that is pointed to
/// cannot go. The server takes only the latter.
fn forbid_null(table: &mut Table, notes: &mut Vec<Note>) {
    let primary = table.primary_key.as_ref().map(|key| key.columns.clone()).unwrap_or_default();
    let solid: Vec<_> = table
        .columns
        .iter()
        .filter(|column| !column.nullable || primary.contains(&column.name))
        .map(|column| column.name.clone())
        .collect();
    let mut said = Vec::new();
    for key in &mut table.foreign_keys {
        if !key.columns.iter().any(|name| solid.contains(name)) {
            continue;
        }
        for action in [&mut key.on_delete, &mut key.on_update] {
            if action == "SET NULL" {
                "NO ACTION".clone_into(action);
                said.push(format!(
                    "the link to {} is made without SET NULL, which a column that forbids NULL cannot \
                     do: the row there cannot go, as before",
                    key.references
                ));
            }
        }
    }
    said.dedup();
    notes.extend(said.into_iter().map(|text| note(Level::Info, table, text)));
}
