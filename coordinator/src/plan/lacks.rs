//! What the source says of a table and a table that is there does not: a run writes rows into it and
//! changes nothing about it, so rules of the source may hold there no longer.

use std::collections::BTreeSet;

use protocol::mapping::EntityRule;
use protocol::plan::{Level, said_of_all};
use protocol::schema::{Check, Column, ForeignKey, Index, IndexOn, Table};

use super::Draft;
use super::columns::new_name;
use super::select::Chosen;

impl Draft<'_> {
    /// Says in one note what the source has more than a table that is there.
    pub(super) fn say_what_lacks(&mut self, one: &Chosen<'_>, there: &Table) {
        let lacking = lacks(one.table, &one.rule, there);
        if !lacking.is_empty() {
            let text =
                format!("is there and stays as it is; the source has more: {}", lacking.join(", "));
            self.note(Level::Warning, Some(&there.name), said_of_all("lacking", text));
        }
    }
}

/// Keys, rules and indexes of the source that a table which is there lacks, in words. Names do not
/// matter where columns say what is meant.
fn lacks(source: &Table, rule: &EntityRule, there: &Table) -> Vec<String> {
    let named = |columns: &[String]| -> Option<Vec<String>> {
        columns.iter().map(|column| new_name(rule, column)).collect()
    };
    let keys = there.primary_key.iter().chain(&there.uniques).map(|key| key.columns.clone());
    let indexes = there.indexes.iter().filter_map(Index::unique_columns);
    let unique: Vec<BTreeSet<String>> =
        keys.chain(indexes).map(|columns| columns.into_iter().collect()).collect();
    let mut lacking = Vec::new();
    let primary = source.primary_key.iter().map(|key| ("primary key", key));
    for (kind, key) in primary.chain(source.uniques.iter().map(|key| ("unique key", key))) {
        let Some(columns) = named(&key.columns) else { continue };
        if !unique.contains(&columns.iter().cloned().collect()) {
            lacking.push(format!("{kind} ({})", columns.join(", ")));
        }
    }
    for key in &source.foreign_keys {
        let Some(columns) = named(&key.columns) else { continue };
        let same = |other: &ForeignKey| other.columns == columns;
        if !there.foreign_keys.iter().any(same) {
            lacking.push(format!("foreign key ({}) to {}", columns.join(", "), key.references));
        }
    }
    for check in &source.checks {
        let same = |other: &Check| {
            other.name.is_some() && other.name == check.name || other.expression == check.expression
        };
        if !there.checks.iter().any(same) {
            let name = check.name.as_deref().unwrap_or(&check.expression);
            lacking.push(format!("check {name}"));
        }
    }
    for index in &source.indexes {
        let wanted: Option<Vec<_>> = index.parts.iter().map(|p| moved(&p.on, rule)).collect();
        let Some(wanted) = wanted else { continue };
        let columns = index.unique_columns().and_then(|columns| named(&columns));
        let by_key = columns.is_some_and(|c| unique.contains(&c.into_iter().collect()));
        let same = |other: &Index| {
            let parts = other.parts.iter().map(|part| &part.on);
            (other.unique || !index.unique) && parts.eq(&wanted)
        };
        if !by_key && !there.indexes.iter().any(same) {
            lacking.push(format!("index {}", index.name));
        }
    }
    for column in &source.columns {
        let found = new_name(rule, &column.name).and_then(|name| there.column(&name));
        lacking.extend(found.and_then(|there| lacking_of(column, there)));
    }
    lacking
}

fn moved(on: &IndexOn, rule: &EntityRule) -> Option<IndexOn> {
    Some(match on {
        IndexOn::Column(column) => IndexOn::Column(new_name(rule, column)?),
        IndexOn::Prefix { column, length } => {
            IndexOn::Prefix { column: new_name(rule, column)?, length: *length }
        }
        IndexOn::Expression(_) => on.clone(),
    })
}

/// What a column does not do by itself, or does not forbid.
fn lacking_of(source: &Column, there: &Column) -> Option<String> {
    let by_itself =
        there.default.is_some() || there.identity.is_some() || there.generated.is_some();
    let name = &there.name;
    if source.identity.is_some() && there.identity.is_none() && there.default.is_none() {
        Some(format!("numbering of {name}"))
    } else if source.default.is_some() && !by_itself {
        Some(format!("default of {name}"))
    } else {
        (!source.nullable && there.nullable).then(|| format!("NOT NULL of {name}"))
    }
}

#[cfg(test)]
mod tests {
    use protocol::schema::{Key, Logical, TableName};

    use super::*;

    fn rule() -> EntityRule {
        EntityRule { rename: [("a".to_owned(), "b".to_owned())].into(), ..EntityRule::plain("t") }
    }

    #[test]
    fn a_table_that_has_everything_under_other_names_lacks_nothing() {
        let int = Logical::Integer { bits: 32 };
        let mut source = Table::new(TableName::bare("t"));
        source.columns = vec![Column { nullable: false, ..Column::new("a", "int", int) }];
        source.primary_key = Some(Key::new(Some("pk".into()), vec!["a".into()]));
        source.checks = vec![Check::new(Some("c".into()), "a > 0")];
        let mut there = source.clone();
        there.columns[0].name = "b".into();
        there.primary_key = Some(Key::new(None, vec!["b".into()]));
        assert_eq!(lacks(&source, &rule(), &there), [""; 0]);
        (there.primary_key, there.checks, there.columns[0].nullable) = (None, Vec::new(), true);
        assert_eq!(
            lacks(&source, &rule(), &there),
            ["primary key (b)", "check c", "NOT NULL of b"]
        );
    }
}
