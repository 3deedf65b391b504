//! Numbered columns whose numbers another engine cannot give out.
//!
//! MySQL numbers unsigned integers of 64 bits, and `bigint unsigned AUTO_INCREMENT` is what frameworks
//! make of every key. Nobody else gives out such numbers; so where none of them is beyond what 64 bits
//! with a sign hold, the column is one of those, and stays numbered; and the columns that foreign keys
//! lead to it from are the same.

use std::collections::BTreeSet;

use protocol::id::EntityId;
use protocol::plan::{Level, Note, said};
use protocol::schema::{Column, Logical, Table, TableName};

/// A column of one of the tables.
type Place = (TableName, String);

/// Gives numbered columns, and those that refer to them, a type that other engines number.
pub(super) fn narrowed(tables: &mut [(EntityId, Table)]) -> Vec<Note> {
    let all = || tables.iter().map(|(_, table)| table);
    let mut found: BTreeSet<Place> = all().flat_map(numbered).collect();
    loop {
        let linked: Vec<Place> = all()
            .flat_map(links)
            .flat_map(|(one, other)| [(one.clone(), other.clone()), (other, one)])
            .filter(|(one, other)| found.contains(one) && !found.contains(other))
            .map(|(_, other)| other)
            .filter(|place| all().any(|table| is_unsigned_there(table, place)))
            .collect();
        if linked.is_empty() {
            break;
        }
        found.extend(linked);
    }
    let mut notes = Vec::new();
    for (_, table) in tables {
        let name = table.name.clone();
        for column in &mut table.columns {
            if found.contains(&(name.clone(), column.name.clone())) {
                column.logical = Logical::Integer { bits: 64 };
                let text = format!("{} is a bigint: numbers from 2^63 on are refused", column.name);
                let said = said("unsigned number", &column.name, text);
                notes.push(Note::new(Level::Info, Some(name.to_string()), said));
            }
        }
    }
    notes
}

fn numbered(table: &Table) -> Vec<Place> {
    let small = |column: &&Column| {
        // The last number is the greatest there is where it is beyond that.
        column.identity.as_ref().is_some_and(|identity| identity.last != Some(i64::MAX))
    };
    let columns = table.columns.iter().filter(|column| is_unsigned(column)).filter(small);
    columns.map(|column| (table.name.clone(), column.name.clone())).collect()
}

fn links(table: &Table) -> Vec<(Place, Place)> {
    let pairs = table.foreign_keys.iter().flat_map(|key| {
        let there =
            key.referenced.iter().map(move |column| (key.references.clone(), column.clone()));
        key.columns.iter().map(move |column| (table.name.clone(), column.clone())).zip(there)
    });
    pairs.collect()
}

fn is_unsigned_there(table: &Table, (name, column): &Place) -> bool {
    table.name == *name && table.column(column).is_some_and(is_unsigned)
}

/// A whole number of 64 bits without a sign.
fn is_unsigned(column: &Column) -> bool {
    column.logical == Logical::Decimal { precision: Some(20), scale: Some(0) }
}

#[cfg(test)]
mod tests {
    use protocol::schema::{ForeignKey, Identity, IdentityKind};

    use super::*;

    fn table(name: &str, identity: Option<Identity>, links: &[(&str, &str)]) -> Table {
        let unsigned = Logical::Decimal { precision: Some(20), scale: Some(0) };
        let column = |name: &str| Column {
            name: name.into(),
            logical: unsigned.clone(),
            ..Column::default()
        };
        let mut columns = vec![column("id")];
        columns[0].identity = identity;
        columns.extend(links.iter().map(|(name, _)| column(name)));
        columns.push(column("other"));
        let key = |(name, to): &(&str, &str)| ForeignKey {
            columns: vec![(*name).into()],
            references: TableName::bare(*to),
            referenced: vec!["id".into()],
            ..ForeignKey::default()
        };
        Table {
            name: TableName::bare(name),
            columns,
            foreign_keys: links.iter().map(key).collect(),
            ..Table::default()
        }
    }

    #[test]
    fn numbered_columns_and_those_that_refer_to_them_become_integers() {
        let numbered = |last| Some(Identity::new(IdentityKind::AutoIncrement, last));
        let mut tables: Vec<_> = [
            table("school", numbered(Some(7)), &[]),
            table("class", numbered(None), &[("school", "school")]),
            table("extra", None, &[("class", "class"), ("school", "school")]),
            table("large", numbered(Some(i64::MAX)), &[]),
            table("of_large", None, &[("large", "large")]),
        ]
        .into_iter()
        .map(|table| (EntityId(0), table))
        .collect();
        let notes = narrowed(&mut tables);
        let integers: Vec<_> = tables
            .iter()
            .flat_map(|(_, table)| {
                let integer = |c: &&Column| c.logical == Logical::Integer { bits: 64 };
                let names = table.columns.iter().filter(integer).map(|c| c.name.as_str());
                names.map(|name| format!("{}.{name}", table.name)).collect::<Vec<_>>()
            })
            .collect();
        let expected = ["school.id", "class.id", "class.school", "extra.class", "extra.school"];
        assert_eq!(integers, expected);
        assert_eq!(notes.len(), 5);
    }
}
