//! Source tables as the migration file wants them before they are given to the target: names of indexes,
//! and what becomes of each foreign key, by what was asked for and by the rows that break it.
//!
//! Engines differ in how far they vouch for a foreign key. MySQL takes rows that lead nowhere while its
//! checks are off and forgets that it did, SQLite looks only where a connection asks for it, and a
//! condition on the table that is pointed to leaves rows behind. So the rows are counted, where anything
//! could be wrong.

use std::collections::BTreeMap;

use endpoint::{Link, Source, Strays};
use protocol::fault::Fault;
use protocol::mapping::{EntityRule, ForeignKeyRule};
use protocol::plan::{Level, Note, said, said_of_all};
use protocol::schema::{Engine, ForeignKey, Table};

use super::select::Chosen;

/// The tables of `chosen`, as they are to be designed, and what to say of that.
pub(super) async fn prepared(
    chosen: &[Chosen<'_>],
    is_new: &(dyn Fn(&Chosen<'_>) -> bool + Sync),
    engines: (Engine, Engine),
    source: &dyn Source,
) -> Result<(Vec<Table>, Vec<Note>), Fault> {
    let mut places = Vec::new();
    let mut links = Vec::new();
    for (at, one) in chosen.iter().enumerate().filter(|(_, one)| is_new(one)) {
        for (place, key) in one.table.foreign_keys.iter().enumerate() {
            if let Some(link) = link(chosen, one, key, engines) {
                places.push((at, place));
                links.push(link);
            }
        }
    }
    let counted = source.strays(&links).await?;
    let counted: BTreeMap<_, _> = places.into_iter().zip(counted).collect();
    let (mut tables, mut notes) = (Vec::new(), Vec::new());
    for (at, one) in chosen.iter().enumerate() {
        let mut table = one.table.clone();
        if is_new(one) {
            let mut seen = Seen { one, engines, notes: &mut notes };
            let keys = std::mem::take(&mut table.foreign_keys);
            let kept = keys
                .into_iter()
                .enumerate()
                .filter_map(|(place, key)| seen.key(key, counted.get(&(at, place)).copied()));
            table.foreign_keys = kept.collect();
            seen.rename(&mut table);
            seen.compute(&mut table);
        }
        tables.push(table);
    }
    Ok((tables, notes))
}

/// What is to be counted of a foreign key; nothing where the source vouches for it and all rows that it
/// leads to move, or where the file leaves it behind anyway.
fn link(
    chosen: &[Chosen<'_>],
    one: &Chosen<'_>,
    key: &ForeignKey,
    (from, to): (Engine, Engine),
) -> Option<Link> {
    let rule = one.rule.foreign_key(key.name.as_deref(), &key.columns);
    let parent = chosen.iter().find(|other| other.table.name == key.references)?;
    let narrowed = parent.rule.filter.is_some();
    let vouched = key.validated && from != Engine::MySql && !narrowed;
    if rule == ForeignKeyRule::Skip || vouched || key.columns.len() != key.referenced.len() {
        return None;
    }
    // PostgreSQL goes on not vouching for it.
    if from == to && from == Engine::Postgres && !narrowed {
        return None;
    }
    let collated = |name: &&String| {
        let native = one.table.column(name).map(|column| column.native.as_str());
        native.is_some_and(|native| native.contains(" COLLATE "))
    };
    let exact = key.columns.iter().filter(collated).filter(|_| from != to).cloned().collect();
    Some(Link {
        table: one.table.name.clone(),
        columns: key.columns.clone(),
        references: key.references.clone(),
        referenced: key.referenced.clone(),
        filter: one.rule.filter.clone(),
        their_filter: parent.rule.filter.clone(),
        exact,
    })
}

/// One table, seen with its rule.
struct Seen<'a, 'b> {
    one: &'a Chosen<'a>,
    engines: (Engine, Engine),
    notes: &'b mut Vec<Note>,
}

impl Seen<'_, '_> {
    fn say(&mut self, level: Level, object: &str, text: String) {
        let entity = Some(self.one.target.to_string());
        let said = match object.is_empty() {
            true => said_of_all("foreign key", text),
            false => said("foreign key", object, text),
        };
        self.notes.push(Note::new(level, entity, said));
    }

    /// The foreign key as it is to be made, if it is. `counted` is there where it was to be counted.
    fn key(&mut self, key: ForeignKey, counted: Option<Option<Strays>>) -> Option<ForeignKey> {
        let rule = self.one.rule.foreign_key(key.name.as_deref(), &key.columns);
        let columns = key.columns.join(", ");
        let name = key.name.clone().unwrap_or_else(|| columns.clone());
        let what = format!("foreign key {name} ({columns}) to {}", key.references);
        if rule == ForeignKeyRule::Skip {
            self.say(Level::Left, &name, format!("{what} stays behind, as the migration says"));
            return None;
        }
        let broken = match counted {
            None => None,
            Some(None) => {
                let text = format!(
                    "{what}: the rows that lead nowhere were not counted, since it would take too long; \
                     it is made when the rows are there, or named then"
                );
                self.say(Level::Info, &name, text);
                None
            }
            Some(Some(strays)) => Some(strays),
        };
        let rows = broken.map_or(0, |strays| strays.none + strays.inexact);
        if let Some(strays) = broken.filter(|_| rows > 0) {
            let text = format!(
                "{what}: {}; it is made without a look at the rows and binds those that come later, \
                 `foreign_keys: {{ {name}: skip }}` leaves it behind",
                counts(strays)
            );
            self.say(Level::Warning, &name, text);
        }
        let asked = rule == ForeignKeyRule::NotValid;
        let validated = match broken {
            // Rows that were counted are known better than by what the source says of them.
            Some(_) => rows == 0 && !asked,
            None => key.validated && !asked,
        };
        Some(ForeignKey { validated, ..key })
    }

    /// Gives what has a name the one that the file says.
    fn rename(&mut self, table: &mut Table) {
        let rule: &EntityRule = &self.one.rule;
        let mut unknown: Vec<&String> = rule.rename_indexes.keys().collect();
        let mut renamed = |name: &mut String| {
            if let Some(new) = rule.rename_indexes.get(name) {
                unknown.retain(|other| *other != name);
                name.clone_from(new);
            }
        };
        table.indexes.iter_mut().for_each(|index| renamed(&mut index.name));
        let keys = table.primary_key.iter_mut().chain(&mut table.uniques);
        keys.filter_map(|key| key.name.as_mut()).for_each(&mut renamed);
        table.foreign_keys.iter_mut().filter_map(|key| key.name.as_mut()).for_each(&mut renamed);
        table.checks.iter_mut().filter_map(|check| check.name.as_mut()).for_each(&mut renamed);
        for name in unknown {
            let entity = Some(self.one.target.to_string());
            let text = format!("the file renames {name}, and no index, key or check has that name");
            self.notes.push(Note::new(Level::Warning, entity, said("rename", name, text)));
        }
    }

    /// MySQL neither takes nor gives a row of a table without naming a column.
    fn compute(&mut self, table: &mut Table) {
        let all = table.columns.iter().all(|column| column.generated.is_some());
        let engines = [self.engines.0, self.engines.1];
        if !engines.contains(&Engine::MySql) || !all {
            return;
        }
        for column in &mut table.columns {
            (column.generated, column.own) = (None, None);
        }
        let entity = Some(self.one.target.to_string());
        let text = "all of its columns are computed, and become plain data";
        self.notes.push(Note::new(Level::Left, entity, said_of_all("computed column", text)));
    }
}

/// `3 rows lead to rows that are not there, and 2 only where letter case …`.
fn counts(strays: Strays) -> String {
    let rows = |n: u64| match n {
        1 => "1 row leads".to_owned(),
        n => format!("{n} rows lead"),
    };
    let none = format!("{} to no row", rows(strays.none));
    let inexact = format!(
        "{} to one only where letter case, accents or blanks at the end mean nothing",
        rows(strays.inexact)
    );
    match (strays.none, strays.inexact) {
        (_, 0) => none,
        (0, _) => inexact,
        _ => format!("{none}, and {inexact}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_said_in_the_right_number() {
        let strays = |none, inexact| counts(Strays { none, inexact });
        assert_eq!(strays(1, 0), "1 row leads to no row");
        assert!(strays(0, 2).starts_with("2 rows lead to one only where letter case"));
        assert!(strays(3, 1).starts_with("3 rows lead to no row, and 1 row leads to one only"));
    }
}
