//! What a table gets when its rows are there.

use std::collections::BTreeSet;

use protocol::id::EntityId;
use protocol::plan::{Level, Stage, StepKind};
use protocol::schema::{ForeignKey, Identity, Index, IndexOn, Key, Logical, Table};

use super::{CHAR_BYTES, Draft, INDEX_BYTES, Made, key_parts};
use crate::mysql::{types, words};
use crate::sql::links;

/// What the server can do about a link when the other end goes or changes.
const ACTIONS: [&str; 5] = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"];

/// Characters of a long text that an index looks at.
const PREFIX: u32 = 191;

impl Draft<'_> {
    pub(super) fn finish(&mut self, id: EntityId, table: &Table) {
        let on = words::table(&table.name);
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for key in &table.uniques {
            taken.extend(key.name.as_deref().map(str::to_lowercase));
            if self.at_once(table, key) {
                continue;
            }
            let name = key_name(table, key);
            let parts = self.key_parts(key);
            let add = format!("ALTER TABLE {on} ADD UNIQUE KEY {name} {parts}");
            let what = format!("unique {} of {}", key.columns.join(", "), table.name);
            self.next(id, table, Made::new(StepKind::Key, what, add));
        }
        for index in &table.indexes {
            if self.numbers_by_index(table, index) {
                taken.insert(index.name.to_lowercase());
                continue;
            }
            if let Some(add) = self.index(table, index, &mut taken) {
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
    fn index(
        &mut self,
        table: &Table,
        index: &Index,
        taken: &mut BTreeSet<String>,
    ) -> Option<String> {
        match self.built(table, index) {
            Ok((kind, parts)) => {
                let mut name = index.name.clone();
                while !taken.insert(name.to_lowercase()) || name.eq_ignore_ascii_case("PRIMARY") {
                    name = format!("{}_{name}", table.name.name);
                }
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
    pub(super) fn links(&mut self) {
        let mut before: Option<usize> = None;
        let there = self.wanted.existing.tables.iter().flat_map(|table| &table.foreign_keys);
        let mut taken = there.filter_map(|link| Some(link.name.as_ref()?.to_lowercase())).collect();
        for (id, table) in &self.wanted.tables {
            for (at, link) in table.foreign_keys.iter().enumerate() {
                let Some(add) = self.link(table, link, at, &mut taken) else { continue };
                let mut after: Vec<_> = before.into_iter().collect();
                for name in [table.name.to_string(), link.references.to_string()] {
                    after.extend(self.last.get(&name));
                }
                after.sort_unstable();
                after.dedup();
                let what = format!("foreign key {} of {}", link.columns.join(", "), table.name);
                let made = Made::new(StepKind::ForeignKey, what, add);
                let made = Made { orphans: Some(orphans(table, link)), ..made };
                before = Some(self.step(Stage::Finish, Some(*id), made, after));
            }
        }
    }

    fn link(
        &mut self,
        table: &Table,
        link: &ForeignKey,
        at: usize,
        taken: &mut BTreeSet<String>,
    ) -> Option<String> {
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
        if !link.validated {
            let text = format!(
                "the link to {} stays behind: the source does not vouch for it",
                link.references
            );
            self.note(Level::Warning, table, text);
            return None;
        }
        let name =
            link.name.clone().unwrap_or_else(|| format!("{}_link_{}", table.name.name, at + 1));
        let name = unlike(name, taken);
        let action =
            |action: &str| if short(action) { action.to_owned() } else { "NO ACTION".into() };
        Some(format!(
            "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}",
            words::table(&table.name),
            words::name(&name),
            key_parts(&link.columns),
            words::table(&link.references),
            key_parts(&link.referenced),
            action(&link.on_delete),
            action(&link.on_update)
        ))
    }
}

fn starts_with(index: &Index, column: &str) -> bool {
    let first = index.parts.first().map(|part| &part.on);
    matches!(first, Some(IndexOn::Column(name)) if name == column)
}

/// The name of a unique key; another, where it is the one that the server keeps for primary keys.
pub(super) fn key_name(table: &Table, key: &Key) -> String {
    match key.name.as_deref() {
        Some(name) if name.eq_ignore_ascii_case("PRIMARY") => {
            words::name(&format!("{}_{name}", table.name.name))
        }
        Some(name) => words::name(name),
        None => String::new(),
    }
}

/// What counts the rows that the link forbids.
fn orphans(table: &Table, link: &ForeignKey) -> String {
    let names = |columns: &[String]| columns.iter().map(|c| words::name(c)).collect::<Vec<_>>();
    let pairs: Vec<_> = names(&link.columns).into_iter().zip(names(&link.referenced)).collect();
    links::orphans(&words::table(&table.name), &words::table(&link.references), &pairs)
}

/// The name, or one like it that no other link of the database has: the server tells them apart by all
/// but case, whichever tables they are of.
fn unlike(name: String, taken: &mut BTreeSet<String>) -> String {
    if taken.insert(name.to_lowercase()) {
        return name;
    }
    let short: String = name.chars().take(super::NAME_CHARS_MAX - 8).collect();
    let others = (2..).map(|number| format!("{short}_{number}"));
    let mut free = others.filter(|name| taken.insert(name.to_lowercase()));
    free.next().unwrap_or(name)
}

/// Lets the server go on with the number that the source would give next. It goes on after the
/// greatest that a row holds by itself, and never back.
fn go_on(table: &Table) -> Option<String> {
    let column = table.columns.iter().find(|column| column.identity.is_some())?;
    let next = column.identity.as_ref().and_then(Identity::next).filter(|next| *next > 1)?;
    Some(format!("ALTER TABLE {} AUTO_INCREMENT = {next}", words::table(&table.name)))
}
