//! What PostgreSQL makes of tables that came from elsewhere.
//!
//! Prepare makes schemas, types, sequences and bare tables: columns, NOT NULL, defaults, numbering,
//! generated columns and partitions. Finish adds keys, checks, indexes, foreign keys, the numbers
//! to go on with, and statistics, each a step of its own, ordered so that no two steps that lock
//! one table in conflicting ways run at the same time.
//!
//! Pure: it reads two catalogues and writes text.

mod beside;
mod columns;
mod finish;
mod links;
mod names;
mod numbers;
mod objects;
mod peculiar;
mod tables;
#[cfg(test)]
mod tests;
mod types;
mod words;

use std::collections::BTreeMap;

use protocol::fault::Fault;
use protocol::id::{EntityId, RunId};
use protocol::plan::{Level, Note, Said, Stage, Step, StepKind};
use protocol::schema::{Column, Engine, OwnType, Table, TableName};

use crate::sql::quote;
use crate::{Design, DesignedStep, Undo, Wanted};
use beside::Beside;
pub(super) use finish::emptying;
use names::Names;
use numbers::Sequences;
pub(super) use numbers::numbering;

/// Longest name, in bytes. The server cuts longer ones without an error.
pub(super) const NAME_BYTES_MAX: usize = 63;

/// The schema of a name that comes without one, where the target names none.
const FALLBACK_SCHEMA: &str = "public";

/// Designs the tables.
///
/// # Errors
/// `Code::TypeUnsupported` or `Code::IdentifierUnfit`, naming table and column.
pub(super) fn design(wanted: &Wanted) -> Result<Design, Fault> {
    let mut tables: Vec<_> = wanted.tables.iter().map(|(id, t)| (*id, placed(wanted, t))).collect();
    let mut draft = Draft {
        wanted,
        names: Names::of(&wanted.existing),
        design: Design { durable: true, ..Design::default() },
        sequences: Sequences::default(),
        types: Vec::new(),
        finished: BTreeMap::new(),
        beside: Beside::default(),
        made: BTreeMap::new(),
    };
    if !draft.is_same_engine() {
        tables.iter_mut().for_each(|(_, table)| draft.take_in(table));
    }
    for (_, table) in &tables {
        draft.names.claim_table(table)?;
    }
    draft.name_sequences(&tables);
    draft.choose_types(&tables)?;
    draft.decide(&tables);
    let mut ground = draft.objects(&tables)?;
    ground.extend(draft.early_routines(&ground));
    ground.extend(draft.make_types(&ground, true));
    draft.refuse_missing_types(&tables)?;
    draft.settle_heirs(&mut tables);
    let order = peculiar::parents_first(&tables);
    draft.design.columns = vec![Vec::new(); tables.len()];
    for at in &order {
        draft.design.columns[*at] = draft.table(tables[*at].0, &tables, *at, &ground)?;
    }
    draft.late_routines();
    for at in &order {
        draft.finish_whole(&tables[*at])?;
    }
    draft.links(&tables)?;
    draft.after_rows(&tables);
    draft.design.durable = tables.iter().all(|(_, table)| table.durable);
    Ok(draft.design)
}

/// The schema of names that come without one.
fn home(wanted: &Wanted) -> &str {
    wanted.existing.default_schema.as_deref().unwrap_or(FALLBACK_SCHEMA)
}

/// What drops and empties that. A schema goes only if it is the one that the step made, which shows by the
/// transaction, and if nothing stands in it any more.
pub(super) fn undoing(run: RunId, undo: &Undo) -> Vec<String> {
    let schema = |made: &crate::Made| {
        let crate::Made { name, chunk, .. } = made;
        let literal = quote::literal(&unquoted(name));
        Some(format!(
            "DO $longhaul$ BEGIN IF EXISTS (SELECT FROM pg_namespace n \
             JOIN longhaul.receipt r ON r.xmin = n.xmin AND r.run = '{run}' AND r.chunk = {chunk} \
             WHERE n.nspname = {literal} AND NOT EXISTS (SELECT FROM pg_depend d \
             WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid)) \
             THEN DROP SCHEMA {name}; END IF; END $longhaul$"
        ))
    };
    crate::undo::statements(undo, &|name| quote::table(name).to_string(), true, &schema)
}

/// The name that `"a ""b"""` quotes.
fn unquoted(quoted: &str) -> String {
    let bare = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    bare.map_or_else(|| quoted.to_owned(), |bare| bare.replace("\"\"", "\""))
}

/// The table with a schema in front of every name, as this engine wants it.
fn placed(wanted: &Wanted, table: &Table) -> Table {
    let home = home(wanted);
    let place = |name: &mut TableName| {
        name.schema.get_or_insert_with(|| home.to_owned());
    };
    let mut table = table.clone();
    place(&mut table.name);
    for key in &mut table.foreign_keys {
        place(&mut key.references);
    }
    table
}

/// A design in the making.
struct Draft<'a> {
    wanted: &'a Wanted,
    names: Names,
    design: Design,
    sequences: Sequences,
    /// Types of the source's own that the target gets.
    types: Vec<OwnType>,
    /// The finish steps of each table so far, all of which lock it.
    finished: BTreeMap<String, Vec<usize>>,
    beside: Beside,
    /// The steps that make tables.
    made: BTreeMap<TableName, usize>,
}

impl Draft<'_> {
    fn is_same_engine(&self) -> bool {
        self.wanted.from.engine == Engine::Postgres
    }

    /// Leaves of a table of another engine only what means something here, and says the rest.
    fn take_in(&mut self, table: &mut Table) {
        // UNLOGGED is a wish of PostgreSQL's own; nobody asked for it.
        table.durable = true;
        if table.partitioning.take().is_some() {
            let text = "is partitioned in the source, and one table here";
            self.note(Level::Info, &table.name, text);
        }
        let collated = |c: &Column| {
            let (_, collation) = c.native.split_once(" COLLATE ")?;
            Some(format!("{} is compared without its collation {collation}", c.name))
        };
        for text in table.columns.iter().filter_map(collated).collect::<Vec<_>>() {
            self.note(Level::Left, &table.name, text);
        }
        let sets = table.columns.iter().filter(|c| c.native.starts_with("set("));
        for name in sets.map(|c| c.name.clone()).collect::<Vec<_>>() {
            let text = format!("{name} is a set, and becomes text: its words with commas between");
            self.note(Level::Info, &table.name, text);
        }
    }

    fn note(&mut self, level: Level, table: &TableName, said: impl Into<Said>) {
        self.design.notes.push(Note::new(level, Some(table.to_string()), said));
    }

    /// Adds a step, and returns its position.
    fn step(
        &mut self,
        stage: Stage,
        entity: Option<EntityId>,
        step: Made,
        after: &[usize],
    ) -> usize {
        let Made { kind, what, statements, orphans } = step;
        let step = Step { kind, what, statements, destructive: false, orphans, parts: Vec::new() };
        let after = after.to_vec();
        self.design.steps.push(DesignedStep { step, stage, entity, after, verified: Vec::new() });
        self.design.steps.len() - 1
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
    fn new(kind: StepKind, what: impl Into<String>, statements: Vec<String>) -> Self {
        Self { kind, what: what.into(), statements, orphans: None }
    }

    fn one(kind: StepKind, what: impl Into<String>, statement: impl Into<String>) -> Self {
        Self::new(kind, what, vec![statement.into()])
    }
}
