//! What MySQL makes of tables that came from elsewhere.
//!
//! InnoDB keeps rows in the order of the primary key, so a table gets its primary key, its columns
//! with their checks and comments when it is created. Unique constraints, indexes, foreign keys, the
//! number to go on with and statistics come in the finish stage, one after another on one table,
//! for each of them takes it for itself.
//!
//! A new table compares its texts byte by byte, blanks at the end included, as keys of PostgreSQL and
//! SQLite do: under a collation that takes `a` for `A` two rows of the source would be one.
//!
//! Pure: it reads two catalogues and writes text.

mod column;
mod finish;
mod names;
mod own;
mod pairs;
mod sequences;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use protocol::fault::Fault;
use protocol::id::EntityId;
use protocol::plan::{Level, Note, Said, Stage, Step, StepKind, said};
use protocol::schema::{Engine, Key, Table, TableName};

use super::version::Server;
use super::{introspect, words};
use crate::Undo;
use crate::sql::{beside, portable};
use crate::{Design, DesignedStep, Wanted};

/// Longest name, in characters.
pub(super) const NAME_CHARS_MAX: usize = 64;

/// Longest index entry, in bytes, and bytes of a character.
const INDEX_BYTES: u32 = 3072;
const CHAR_BYTES: u32 = 4;

/// What drops and empties that. Nothing outside refers to these tables, so the keys between them need not
/// be looked at.
pub(super) fn undoing(undo: &Undo) -> Vec<String> {
    let mut said = vec!["SET SESSION foreign_key_checks = 0".to_owned()];
    said.extend(crate::undo::statements(undo, &words::table, false, &|_| None));
    said.push("SET SESSION foreign_key_checks = 1".to_owned());
    said
}

/// Designs the tables.
///
/// # Errors
/// `Code::TypeUnsupported` or `Code::IdentifierUnfit`, naming table and column.
pub(super) fn design(wanted: &Wanted) -> Result<Design, Fault> {
    let server = Server::of(&wanted.existing.version);
    let design = Design { durable: true, ..Design::default() };
    let from = Server::of(&wanted.from.version);
    let alike = wanted.from.engine == Engine::MySql && from.is_alike(server);
    let (tables, notes) = pairs::settled(wanted, server);
    let mut draft = Draft {
        wanted,
        from: wanted.from.engine,
        alike,
        server,
        design,
        sequences: BTreeMap::new(),
        last: BTreeMap::new(),
        indexes: BTreeMap::new(),
        checks: BTreeSet::new(),
    };
    names::refuse_unfit(wanted)?;
    let ground = draft.sequences();
    for (id, table) in &tables {
        draft.table(*id, table, &ground)?;
    }
    for (id, table) in &tables {
        draft.finish(*id, table);
    }
    draft.links(&tables);
    draft.design.notes.extend(notes);
    draft.beside();
    draft.say_what_stays();
    Ok(draft.design)
}

/// A design in the making.
struct Draft<'a> {
    wanted: &'a Wanted,
    from: Engine,
    /// Whether the source is a server of the same kind, whose words are understood here.
    alike: bool,
    server: Server,
    design: Design,
    /// Sequences of the source that the target will have, by the name that they have there.
    sequences: BTreeMap<TableName, String>,
    /// The last finish step of each table so far.
    last: BTreeMap<String, usize>,
    /// The indexes of each table so far: names in lower case, and the whole columns they begin with.
    indexes: BTreeMap<String, Vec<(String, Vec<String>)>>,
    /// Names of checks in lower case: MySQL has one space of them for all tables.
    checks: BTreeSet<String>,
}

impl Draft<'_> {
    fn is_same_engine(&self) -> bool {
        self.from == Engine::MySql
    }

    fn note(&mut self, level: Level, table: &Table, said: impl Into<Said>) {
        self.design.notes.push(Note::new(level, Some(table.name.to_string()), said));
    }

    /// Adds a step, and returns its position.
    fn step(
        &mut self,
        stage: Stage,
        entity: Option<EntityId>,
        step: Made,
        after: Vec<usize>,
    ) -> usize {
        let Made { kind, what, statements, orphans } = step;
        let step = Step { kind, what, statements, destructive: false, orphans, parts: Vec::new() };
        self.design.steps.push(DesignedStep { step, stage, entity, after, verified: Vec::new() });
        self.design.steps.len() - 1
    }

    /// An expression over the table's columns in MySQL's words, or why there is none.
    fn expression(&self, table: &Table, expression: &str) -> Result<String, String> {
        portable::translate_over(expression, &table.columns, self.from, Engine::MySql)
            .ok_or_else(|| format!("`{expression}` may not mean the same there"))
    }

    /// The step that creates the table.
    fn table(&mut self, id: EntityId, table: &Table, ground: &[usize]) -> Result<(), Fault> {
        let (mut lines, mut designed) = (Vec::new(), Vec::new());
        for column in self.columns(table)? {
            lines.push(column.clause);
            designed.push(column.designed);
        }
        self.design.columns.push(designed);
        if let Some(key) = &table.primary_key
            && self.has_room(table, "the primary key", &key.columns)
        {
            lines.push(format!("PRIMARY KEY {}", self.key_parts(key)));
            self.made(table, "PRIMARY", key.columns.clone());
        }
        for key in &table.uniques {
            if !self.at_once(table, key) {
                continue;
            }
            let name = self.key_name(table, key);
            self.made(table, &name, key.columns.clone());
            lines.push(format!("UNIQUE KEY {} {}", words::name(&name), self.key_parts(key)));
        }
        lines.extend(self.numbering_index(table));
        lines.extend(self.checks(table));
        lines.extend(self.own_lines(table));
        let by = self.partitions(table);
        let comment = table.comment.as_deref().map(|text| self.comment(table, "table", text, 2048));
        let create = format!(
            "CREATE TABLE {} (\n  {}\n){}{}{by}",
            words::table(&table.name),
            lines.join(",\n  "),
            self.options(table),
            comment.unwrap_or_default(),
        );
        let made = Made::new(StepKind::Table, format!("table {}", table.name), create);
        self.step(Stage::Prepare, Some(id), made, ground.to_vec());
        Ok(())
    }

    /// The checks of a table, each as it stands inside CREATE TABLE.
    fn checks(&mut self, table: &Table) -> Vec<String> {
        let mut lines = Vec::new();
        for check in &table.checks {
            let name = check.name.as_deref();
            // What has no name stands in a column's own clause, or with a period.
            if name.is_none() && self.has_own_words(table) {
                continue;
            }
            let numbered = table.columns.iter().find(|column| column.identity.is_some());
            let made = self.expression(table, &check.expression).and_then(|expression| {
                match numbered.filter(|column| expression.contains(&words::name(&column.name))) {
                    Some(column) => Err(format!(
                        "the server allows none on the numbered column {}",
                        column.name
                    )),
                    None => Ok(expression),
                }
            });
            match made {
                Ok(expression) => {
                    let name = name.map(|name| self.check_name(table, name));
                    let name = name.map(|name| format!("CONSTRAINT {} ", words::name(&name)));
                    lines.push(format!("{}CHECK ({expression})", name.unwrap_or_default()));
                }
                Err(why) => {
                    let name = name.unwrap_or(&check.expression).to_owned();
                    self.note(Level::Left, table, format!("check {name} stays behind: {why}"));
                }
            }
        }
        lines
    }

    /// The columns of a key in parentheses, with all that the source says of it.
    fn key_parts(&self, key: &Key) -> String {
        match &key.own {
            Some(own) if self.alike => own.clone(),
            Some(_) | None => format!("({})", key_parts(&key.columns)),
        }
    }

    /// Whether the server wants this key as soon as the table is there: since it numbers rows by it, or
    /// adds none like it to rows that are there.
    fn at_once(&self, table: &Table, key: &Key) -> bool {
        let periods = key.own.as_ref().is_some_and(|own| own.contains("WITHOUT OVERLAPS"));
        self.numbers_by(table, &key.columns)
            || self.alike && (periods || introspect::is_versioned(&table.own))
    }

    /// Whether rows are numbered by a key of these columns, and not by the primary key.
    fn numbers_by(&self, table: &Table, columns: &[String]) -> bool {
        let in_primary = table.primary_key.as_ref().and_then(|key| key.columns.first());
        let numbered = table.columns.iter().find(|column| column.identity.is_some());
        numbered.is_some_and(|column| {
            in_primary != Some(&column.name) && columns.first() == Some(&column.name)
        })
    }

    fn partitions(&mut self, table: &Table) -> String {
        match &table.partitioning {
            Some(partitioning) if self.alike => {
                format!("\nPARTITION BY {}", self.own_partitioning(table, &partitioning.by))
            }
            Some(_) => {
                self.note(Level::Info, table, "is partitioned in the source, and one table here");
                String::new()
            }
            None => String::new(),
        }
    }

    /// ` COMMENT '…'`, when the server takes it whole.
    fn comment(&mut self, table: &Table, of: &str, text: &str, most: usize) -> String {
        if text.chars().count() > most {
            self.note(
                Level::Left,
                table,
                format!("the comment of {of} is too long, and stays behind"),
            );
            return String::new();
        }
        format!(" COMMENT {}", words::literal(text))
    }

    /// Views, routines and triggers, one after the other, when all else is done. A server of another kind
    /// does not read them.
    fn beside(&mut self) {
        if !self.alike {
            return;
        }
        let chosen = beside::chosen(self.wanted);
        self.design.notes.extend(chosen.notes);
        self.design.settled.extend(chosen.settled);
        beside::add(&chosen.made, &mut self.design.steps);
    }

    /// What a server of another kind has again, and this one has not.
    fn say_what_stays(&mut self) {
        if self.alike || !self.is_same_engine() {
            return;
        }
        let of = |name: &str, table: &Table| {
            let rest = name.strip_prefix(table.name.name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let tables = &self.wanted.tables;
        let moved = |name: &str| tables.iter().any(|(_, table)| of(name, table));
        let left = self.wanted.from.unmoved.iter().filter(|one| one.is_of_mysql());
        let left = left.filter(|one| moved(&one.name.name));
        let notes = left.map(|one| {
            let text = format!("{} stays behind: {}", one.kind, one.name);
            Note::new(Level::Left, None, said(&one.kind, &one.name, text))
        });
        self.design.notes.extend(notes.collect::<Vec<_>>());
    }
}

/// A step before it has its place.
struct Made {
    kind: StepKind,
    what: String,
    statements: Vec<String>,
    orphans: Option<String>,
}

impl Made {
    fn new(kind: StepKind, what: impl Into<String>, statement: impl Into<String>) -> Self {
        Self { kind, what: what.into(), statements: vec![statement.into()], orphans: None }
    }
}

fn key_parts(columns: &[String]) -> String {
    words::names(columns.iter().map(String::as_str))
}
