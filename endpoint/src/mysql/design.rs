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
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use protocol::fault::Fault;
use protocol::id::EntityId;
use protocol::plan::{Level, Note, Said, Stage, Step, StepKind};
use protocol::schema::{Engine, Table};

use super::version::Server;
use super::words;
use crate::sql::portable;
use crate::{Design, DesignedStep, Wanted};

/// Longest name, in characters.
pub(super) const NAME_CHARS_MAX: usize = 64;

/// Longest index entry, in bytes, and bytes of a character.
const INDEX_BYTES: u32 = 3072;
const CHAR_BYTES: u32 = 4;

/// Designs the tables.
///
/// # Errors
/// `Code::TypeUnsupported` or `Code::IdentifierUnfit`, naming table and column.
pub(super) fn design(wanted: &Wanted) -> Result<Design, Fault> {
    let server = Server::of(&wanted.existing.version);
    let design = Design { durable: true, ..Design::default() };
    let mut draft =
        Draft { wanted, from: wanted.from.engine, server, design, last: BTreeMap::new() };
    names::refuse_unfit(wanted)?;
    for (id, table) in &wanted.tables {
        draft.table(*id, table)?;
    }
    for (id, table) in &wanted.tables {
        draft.finish(*id, table);
    }
    draft.links();
    draft.say_what_stays();
    Ok(draft.design)
}

/// A design in the making.
struct Draft<'a> {
    wanted: &'a Wanted,
    from: Engine,
    server: Server,
    design: Design,
    /// The last finish step of each table so far.
    last: BTreeMap<String, usize>,
}

impl Draft<'_> {
    fn is_same_engine(&self) -> bool {
        self.from == Engine::MySql
    }

    fn note(&mut self, level: Level, table: &Table, said: impl Into<Said>) {
        self.design.notes.push(Note::new(level, Some(table.name.to_string()), said));
    }

    /// Adds a step, and returns its position.
    fn step(&mut self, stage: Stage, entity: EntityId, step: Made, after: Vec<usize>) -> usize {
        let Made { kind, what, statements, orphans } = step;
        let step = Step { kind, what, statements, destructive: false, orphans };
        self.design.steps.push(DesignedStep { step, stage, entity: Some(entity), after });
        self.design.steps.len() - 1
    }

    /// An expression over the table's columns in MySQL's words, or why there is none.
    fn expression(&self, table: &Table, expression: &str) -> Result<String, String> {
        portable::translate_over(expression, &table.columns, self.from, Engine::MySql)
            .ok_or_else(|| format!("`{expression}` may not mean the same there"))
    }

    /// The step that creates the table.
    fn table(&mut self, id: EntityId, table: &Table) -> Result<(), Fault> {
        let (mut lines, mut designed) = (Vec::new(), Vec::new());
        for column in self.columns(table)? {
            lines.push(column.clause);
            designed.push(column.designed);
        }
        self.design.columns.push(designed);
        if let Some(key) = &table.primary_key {
            lines.push(format!("PRIMARY KEY ({})", key_parts(&key.columns)));
        }
        for key in table.uniques.iter().filter(|key| self.numbers_by(table, &key.columns)) {
            let name = key.name.as_deref().map(words::name).unwrap_or_default();
            lines.push(format!("UNIQUE KEY {name} ({})", key_parts(&key.columns)));
        }
        for check in &table.checks {
            let name = check.name.as_deref();
            match self.expression(table, &check.expression) {
                Ok(expression) => {
                    let name = name.map(|name| format!("CONSTRAINT {} ", words::name(name)));
                    lines.push(format!("{}CHECK ({expression})", name.unwrap_or_default()));
                }
                Err(why) => {
                    let name = name.unwrap_or(&check.expression).to_owned();
                    self.note(Level::Left, table, format!("check {name} stays behind: {why}"));
                }
            }
        }
        if self.is_same_engine() && !table.durable {
            let text = "is InnoDB here: its engine in the source knows no transactions";
            self.note(Level::Info, table, text);
        }
        let by = self.partitions(table);
        let comment = table.comment.as_deref().map(|text| self.comment(table, "table", text, 2048));
        let create = format!(
            "CREATE TABLE {} (\n  {}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={}{}{by}",
            words::table(&table.name),
            lines.join(",\n  "),
            self.server.collation(),
            comment.unwrap_or_default(),
        );
        let made = Made::new(StepKind::Table, format!("table {}", table.name), create);
        self.step(Stage::Prepare, id, made, Vec::new());
        Ok(())
    }

    /// Whether the server wants this key as soon as the table is there, since it numbers rows by it.
    fn numbers_by(&self, table: &Table, columns: &[String]) -> bool {
        let in_primary = table.primary_key.as_ref().and_then(|key| key.columns.first());
        let numbered = table.columns.iter().find(|column| column.identity.is_some());
        numbered.is_some_and(|column| {
            in_primary != Some(&column.name) && columns.first() == Some(&column.name)
        })
    }

    fn partitions(&mut self, table: &Table) -> String {
        match &table.partitioning {
            Some(partitioning) if self.is_same_engine() => {
                format!("\nPARTITION BY {}", partitioning.by)
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

    fn say_what_stays(&mut self) {
        let sequences: Vec<_> =
            self.wanted.from.sequences.iter().map(|one| one.name.to_string()).collect();
        if !sequences.is_empty() && !self.wanted.tables.is_empty() {
            let text = format!("sequences stay behind: {}", sequences.join(", "));
            self.design.notes.push(Note::new(Level::Left, None, text));
        }
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
