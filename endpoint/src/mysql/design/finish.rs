//! What a table gets when its rows are there.

use std::collections::BTreeSet;

use protocol::id::EntityId;
use protocol::plan::{Level, Stage, StepKind};
use protocol::schema::{ForeignKey, Identity, Index, IndexOn, Logical, Table};

use super::{CHAR_BYTES, Draft, INDEX_BYTES, Made, key_parts, names};
use crate::mysql::{types, words};
use crate::sql::links;

/// What the server can do about a link when the other end goes or changes.
const ACTIONS: [&str; 5] = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"];

/// Characters of a long text that an index looks at.
const PREFIX: u32 = 191;

impl Draft<'_> {
    pub(super) fn finish(&mut self, id: EntityId, table: &Table) {
        let on = words::table(&table.name);
        for key in &table.uniques {
            let what = format!("unique {} of {}", key.columns.join(", "), table.name);
            let columns = key.columns.join(", ");
            if self.at_once(table, key)
                || !self.has_room(table, &format!("unique ({columns})"), &key.columns)
            {
                continue;
            }
            let name = self.key_name(table, key);
            self.made(table, &name, key.columns.clone());
            let parts = self.key_parts(key);
            let add = format!("ALTER TABLE {on} ADD UNIQUE KEY {} {parts}", words::name(&name));
            self.next(id, table, Made::new(StepKind::Key, what, add));
        }
        for index in &table.indexes {
            if self.numbers_by_index(table, index) {
                self.made(table, &index.name, names::columns_of(index));
                continue;
            }
            if let Some(add) = self.index(table, index) {
                let what = format!("index {} of {}", index.name, table.name);
                self.next(
                    id,
                    table,
                    Made::new(StepKind::Index, what, format!("ALTER TABLE {on} {add}")),
                );
            }
        }
        if let Some(statement) = go_on(table) {
            let what = format!("numbering of {}", table.name);
            self.next(id, table, Made::new(StepKind::Identity, what, statement));
        }
        let what = format!("statistics of {}", table.name);
        self.next(id, table, Made::new(StepKind::Statistics, what, format!("ANALYZE TABLE {on}")));
    }

    /// Adds a finish step behind the others of the table.
    fn next(&mut self, id: EntityId, table: &Table, made: Made) -> usize {
        let key = table.name.to_string();
        let after = self.last.get(&key).copied().into_iter().collect();
        let at = self.step(Stage::Finish, Some(id), made, after);
        self.last.insert(key, at);
        at
    }

    /// `ADD INDEX …`, where the server has something like it.
    fn index(&mut self, table: &Table, index: &Index) -> Option<String> {
        match self.built(table, index) {
            Ok((kind, parts)) => {
                // Whatever they stand on, they count.
                let all = vec![String::new(); index.parts.len()];
                if !self.has_room(table, &format!("index {}", index.name), &all) {
                    return None;
                }
                let name = self.index_name(table, &index.name, &|_| false);
                self.made(table, &name, names::columns_of(index));
                Some(format!("ADD {kind} {} {parts}", words::name(&name)))
            }
            Err(why) => {
                let text = format!("index {} stays behind: {why}", index.name);
                self.note(Level::Left, table, text);
                None
            }
        }
    }

    /// Whether the server numbers rows by it, and so wants it as soon as the table is there.
    pub(super) fn numbers_by_index(&self, table: &Table, index: &Index) -> bool {
        let Some(column) = self.numbered_alone(table) else { return false };
        let able = |one: &&Index| {
            let tree = one.predicate.is_none() && matches!(&*one.method, "btree" | "hash");
            tree && starts_with(one, &column)
        };
        table.indexes.iter().find(able) == Some(index)
    }

    /// What kind of index it is, and all behind its name.
    pub(super) fn built(
        &mut self,
        table: &Table,
        index: &Index,
    ) -> Result<(&'static str, String), String> {
        let own = self.is_same_engine();
        if index.predicate.is_some() {
            return Err("it holds a part of the rows only".into());
        }
        let kind = match &*index.method {
            "fulltext" if own => "FULLTEXT INDEX",
            "spatial" if own => "SPATIAL INDEX",
            "btree" | "hash" if index.unique => "UNIQUE INDEX",
            "btree" | "hash" => "INDEX",
            method => return Err(format!("the server has no {method}")),
        };
        if let Some(tail) = index.tail.as_ref().filter(|_| self.alike) {
            return Ok((kind, tail.clone()));
        }
        if index.tail.as_ref().is_some_and(|tail| tail.to_ascii_uppercase().contains("COLLATE")) {
            return Err("it has a collation of its own".into());
        }
        if !index.include.is_empty() {
            let text = format!("index {} is made without the columns it includes", index.name);
            self.note(Level::Left, table, text);
        }
        let parts = index.parts.iter().map(|part| {
            let on = match &part.on {
                IndexOn::Column(column) => self.part(table, column, index),
                IndexOn::Prefix { column, length } => format!("{}({length})", words::name(column)),
                IndexOn::Expression(text) if self.server.has_index_expressions() => {
                    format!("({})", self.expression(table, text)?)
                }
                IndexOn::Expression(_) => return Err("it stands on an expression".to_owned()),
            };
            Ok(if part.descending { format!("{on} DESC") } else { on })
        });
        Ok((kind, format!("({})", parts.collect::<Result<Vec<_>, _>>()?.join(", "))))
    }

    /// A column of an index; the beginning of it, where all of it would be too long.
    fn part(&self, table: &Table, column: &str, index: &Index) -> String {
        let name = words::name(column);
        let many = u32::try_from(index.parts.len()).unwrap_or(u32::MAX);
        let most = INDEX_BYTES / CHAR_BYTES / many.max(1);
        let long = table.column(column).is_some_and(|c| match types::length(&c.logical) {
            Some(n) => n > most,
            None if matches!(c.logical, Logical::Enum { .. }) => false,
            None => types::is_text(&c.logical) || c.logical == Logical::Binary,
        });
        if long && index.unique_columns().is_none() && !self.is_same_engine() {
            format!("{name}({})", PREFIX.min(most))
        } else {
            name
        }
    }

    /// Foreign keys, one after another: each looks at two tables.
    pub(super) fn links(&mut self, tables: &[(EntityId, Table)]) {
        let mut before: Option<usize> = None;
        let there = self.wanted.existing.tables.iter().flat_map(|table| &table.foreign_keys);
        let mut taken = there.filter_map(|link| Some(link.name.as_ref()?.to_lowercase())).collect();
        for (id, table) in tables {
            for (at, link) in table.foreign_keys.iter().enumerate() {
                let own = self.has_index_of(table, &link.columns);
                let what =
                    format!("foreign key {} to {}", link.columns.join(", "), link.references);
                if !own && !self.has_room(table, &what, &link.columns) {
                    continue;
                }
                let name = self.link_name(table, link, at, &mut taken);
                if !own {
                    self.made(table, &name, link.columns.clone());
                }
                let add = self.link(table, link, &name);
                let mut after: Vec<_> = before.into_iter().collect();
                for name in [table.name.to_string(), link.references.to_string()] {
                    after.extend(self.last.get(&name));
                }
                after.sort_unstable();
                after.dedup();
                let what = format!("foreign key {} of {}", link.columns.join(", "), table.name);
                let made = Made {
                    kind: StepKind::ForeignKey,
                    what,
                    statements: add,
                    orphans: link.validated.then(|| orphans(table, link)),
                };
                before = Some(self.step(Stage::Finish, Some(*id), made, after));
            }
        }
    }

    /// The name of a foreign key: no other of the database has it, nor an index of the table that it
    /// could not use.
    fn link_name(
        &mut self,
        table: &Table,
        link: &ForeignKey,
        at: usize,
        taken: &mut BTreeSet<String>,
    ) -> String {
        let invented = || format!("{}_link_{}", table.name.name, at + 1);
        let wish = link.name.clone().unwrap_or_else(invented);
        let free = |name: &str| {
            !taken.contains(&name.to_lowercase()) && !self.is_in_the_way(table, name, &link.columns)
        };
        let name = names::fitting(&wish, &table.name.name, &free);
        taken.insert(name.to_lowercase());
        if link.name.as_ref().is_some_and(|own| *own != name) {
            self.note(Level::Info, table, format!("foreign key {wish} is called {name}"));
        }
        name
    }

    fn link(&mut self, table: &Table, link: &ForeignKey, name: &str) -> Vec<String> {
        let short = |action: &str| ACTIONS.contains(&action) && action != "SET DEFAULT";
        for (event, action) in [("delete", &link.on_delete), ("update", &link.on_update)] {
            if !short(action) {
                let text =
                    format!("on {event}, the link to {} does nothing: {action}", link.references);
                self.note(Level::Left, table, text);
            }
        }
        if link.deferrable.is_some() {
            let text = format!(
                "the link to {} is checked at once: it cannot be deferred",
                link.references
            );
            self.note(Level::Left, table, text);
        }
        let action =
            |action: &str| if short(action) { action.to_owned() } else { "NO ACTION".into() };
        let add = format!(
            "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}",
            words::table(&table.name),
            words::name(name),
            key_parts(&link.columns),
            words::table(&link.references),
            key_parts(&link.referenced),
            action(&link.on_delete),
            action(&link.on_update)
        );
        if link.validated {
            return vec![add];
        }
        let text = format!(
            "the link to {} is made without a look at the rows: it binds those that come later",
            link.references
        );
        self.note(Level::Warning, table, text);
        let looks = |on: u8| format!("SET SESSION foreign_key_checks = {on}");
        vec![looks(0), add, looks(1)]
    }
}

fn starts_with(index: &Index, column: &str) -> bool {
    let first = index.parts.first().map(|part| &part.on);
    matches!(first, Some(IndexOn::Column(name)) if name == column)
}

/// What counts the rows that the link forbids.
fn orphans(table: &Table, link: &ForeignKey) -> String {
    let names = |columns: &[String]| columns.iter().map(|c| words::name(c)).collect::<Vec<_>>();
    let pairs: Vec<_> = names(&link.columns).into_iter().zip(names(&link.referenced)).collect();
    links::orphans(&words::table(&table.name), &words::table(&link.references), &pairs)
}

/// Lets the server go on with the number that the source would give next. It goes on after the
/// greatest that a row holds by itself, and never back.
fn go_on(table: &Table) -> Option<String> {
    let column = table.columns.iter().find(|column| column.identity.is_some())?;
    let next = column.identity.as_ref().and_then(Identity::next).filter(|next| *next > 1)?;
    Some(format!("ALTER TABLE {} AUTO_INCREMENT = {next}", words::table(&table.name)))
}
