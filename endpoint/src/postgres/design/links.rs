//! Foreign keys. Each locks the table it is on and the table it points to, so that those which
//! meet in one table follow one another.

use std::collections::BTreeSet;

use protocol::fault::Fault;
use protocol::id::EntityId;
use protocol::plan::{Level, Stage, StepKind};
use protocol::schema::{ForeignKey, Logical, Table};

use super::finish::{add, comment_on, deferrable};
use super::tables::parts;
use super::{Draft, Made};
use crate::sql::{links, quote};

/// What the rows of a foreign key point to, as far as it matters here.
struct Pointed {
    columns: Vec<String>,
    types: Vec<(String, Logical)>,
    has_key: bool,
}

impl Draft<'_> {
    /// Designs the foreign keys of all tables.
    pub(super) fn links(&mut self, tables: &[(EntityId, Table)]) -> Result<(), Fault> {
        let parts: Vec<_> = tables.iter().map(|(_, table)| parts(table)).collect();
        let all =
            tables.iter().zip(&parts).enumerate().flat_map(|(place, ((id, table), parts))| {
                [table].into_iter().chain(parts).map(move |table| (place, id, table))
            });
        for (place, id, table) in all {
            let mut constraints = constraint_names(table);
            for key in &table.foreign_keys {
                match self.link(tables, place, key) {
                    Ok(pointed) => self.add_link(*id, table, key, &pointed, &mut constraints)?,
                    Err(why) => {
                        let text = format!("foreign key to {} stays behind: {why}", key.references);
                        self.note(Level::Left, &table.name, text);
                    }
                }
            }
        }
        Ok(())
    }

    /// What the key points to, or why the server would not take it.
    fn link(
        &self,
        tables: &[(EntityId, Table)],
        place: usize,
        key: &ForeignKey,
    ) -> Result<Pointed, String> {
        let pointed = self.pointed(tables, key)?;
        if pointed.columns.len() != key.columns.len() {
            return Err("it points to another number of columns".into());
        }
        if !pointed.has_key {
            return Err("no key there makes the rows it points to unique".into());
        }
        for (column, there) in key.columns.iter().zip(&pointed.types) {
            let here = self.design.columns[place].iter().find(|d| d.name == *column);
            let here = here.ok_or_else(|| format!("there is no column {column}"))?;
            if !comparable((&here.native, &here.logical), (&there.0, &there.1)) {
                return Err(format!("{column} is {}, and points to {}", here.native, there.0));
            }
        }
        Ok(pointed)
    }

    fn pointed(&self, tables: &[(EntityId, Table)], key: &ForeignKey) -> Result<Pointed, String> {
        let new = tables.iter().position(|(_, table)| table.name == key.references);
        let table = match new {
            Some(place) => &tables[place].1,
            None => self.wanted.existing.table(&key.references).ok_or("the table is not there")?,
        };
        let primary = || table.primary_key.as_ref().map(|key| key.columns.clone());
        let columns = match key.referenced.is_empty() {
            true => primary().ok_or("the table has no primary key")?,
            false => key.referenced.clone(),
        };
        let kind = |name: &String| match new {
            Some(place) => {
                let column = self.design.columns[place].iter().find(|d| d.name == *name);
                column.map(|d| (d.native.clone(), d.logical.clone()))
            }
            None => table.column(name).map(|c| (c.native.clone(), c.logical.clone())),
        };
        let types = columns.iter().map(kind).collect::<Option<_>>();
        let types = types.ok_or("a column it points to is not there")?;
        let wanted: BTreeSet<_> = columns.iter().collect();
        // The server takes no key for it that is checked late.
        let keys = table.primary_key.iter().chain(&table.uniques);
        let keys = keys.filter(|key| key.deferrable.is_none()).map(|key| key.columns.clone());
        let indexes = table.indexes.iter().filter_map(|index| index.unique_columns());
        let has_key = keys.chain(indexes).any(|k| k.iter().collect::<BTreeSet<_>>() == wanted);
        Ok(Pointed { columns, types, has_key })
    }

    fn add_link(
        &mut self,
        id: EntityId,
        table: &Table,
        key: &ForeignKey,
        pointed: &Pointed,
        constraints: &mut BTreeSet<String>,
    ) -> Result<(), Fault> {
        if !key.validated && !self.is_same_engine() {
            let text = format!(
                "foreign key to {} is NOT VALID: it is made without a look at the rows",
                key.references
            );
            self.note(Level::Warning, &table.name, text);
        }
        let name = self.constraint_name(table, key.name.as_deref(), constraints, false)?;
        let statement = add(table, name.as_deref(), &clause(key, &pointed.columns));
        let (here, there) = (table.name.to_string(), key.references.to_string());
        let mut after: Vec<usize> = Vec::new();
        for name in BTreeSet::from([&here, &there]) {
            after.extend(self.finished.get(name).into_iter().flatten());
        }
        after.sort_unstable();
        after.dedup();
        let what = format!("foreign key of {} to {}", table.name, key.references);
        let comment = comment_on(table, key.name.as_deref(), name.as_deref());
        let statements = [statement].into_iter().chain(comment).collect();
        let made = Made::new(StepKind::ForeignKey, what, statements);
        let made = Made { orphans: Some(orphans(table, key, pointed)), ..made };
        let place = self.step(Stage::Finish, Some(id), made, &after);
        for name in BTreeSet::from([here, there]) {
            self.finished.entry(name).or_default().push(place);
        }
        Ok(())
    }
}

/// Names of constraints that the table has before its foreign keys.
fn constraint_names(table: &Table) -> BTreeSet<String> {
    let keys = table.primary_key.iter().chain(&table.uniques).filter_map(|key| key.name.clone());
    keys.chain(table.checks.iter().filter_map(|check| check.name.clone())).collect()
}

/// What counts the rows that the key forbids, comparing as the key itself does.
fn orphans(table: &Table, key: &ForeignKey, pointed: &Pointed) -> String {
    let quoted = |name: &String| quote::name(name).to_string();
    let here: Vec<_> = key.columns.iter().map(quoted).collect();
    let there = pointed.columns.iter().map(quoted).zip(&pointed.types);
    let same =
        here.iter().zip(there).map(|(here, (there, (native, _)))| same(here, &there, native));
    links::orphans_unless(
        &quote::table(&table.name).to_string(),
        &quote::table(&key.references).to_string(),
        here.iter().map(String::as_str),
        same,
    )
}

/// Whether two columns hold the same, the second of a type that is spelled so.
///
/// A key compares by the type of what it points to. Our sessions look for `=` among the server's own
/// operators only, and there `citext` is text, which is not the same. Arrays are compared by what the
/// type of their elements brings along, wherever that stands. That takes longer, so the server's own
/// types are compared as they are.
fn same(here: &str, there: &str, native: &str) -> String {
    // The server spells its own types without a schema.
    match native.contains('.') {
        true => format!("ARRAY[p.{there}] = ARRAY[c.{here}::{native}]"),
        false => format!("p.{there} = c.{here}"),
    }
}

fn clause(key: &ForeignKey, referenced: &[String]) -> String {
    let mut clause = format!(
        "FOREIGN KEY ({}) REFERENCES {} ({})",
        quote::names(key.columns.iter().map(String::as_str)),
        quote::table(&key.references),
        quote::names(referenced.iter().map(String::as_str))
    );
    if key.full {
        clause += " MATCH FULL";
    }
    for (event, action) in [("DELETE", &key.on_delete), ("UPDATE", &key.on_update)] {
        if !(action.is_empty() || action == "NO ACTION") {
            clause += &format!(" ON {event} {action}");
        }
    }
    clause += deferrable(key.deferrable);
    if !key.validated {
        clause += " NOT VALID";
    }
    clause
}

/// Whether the server compares values of the two types with an index of the second.
fn comparable(here: (&str, &Logical), there: (&str, &Logical)) -> bool {
    use Logical as L;
    let families = matches!(
        (here.1, there.1),
        (L::Integer { .. }, L::Integer { .. })
            | (L::Decimal { .. } | L::Integer { .. }, L::Decimal { .. })
            | (L::Float { .. }, L::Float { .. })
            | (L::Text { .. } | L::Char { .. }, L::Text { .. })
            | (L::Char { .. }, L::Char { .. })
    );
    families || here.0 == there.0
}
