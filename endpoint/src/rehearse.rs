//! A design tried out on empty tables before it is carried out.
//!
//! # Promises
//! 1. Nothing of it stays: not in the target's tables, nor beside them, also when it fails or is
//!    killed halfway.
//! 2. What the server refuses is found all at once, and told in the server's own words, which hold
//!    no row value: there is no row.
//! 3. What could not be tried is said.

use std::collections::{BTreeMap, BTreeSet};

use protocol::fault::{Code, Fault};
use protocol::id::EntityId;
use protocol::plan::{Level, Note, Stage, StepKind, said_of_all};

use crate::DesignedStep;

/// Longest part of a statement that is repeated, in characters.
const STATEMENT_CHARS_MAX: usize = 200;

/// A step that the target refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Its place among the steps.
    pub step: usize,
    /// The beginning of the statement that was refused.
    pub statement: String,
    /// The server's own code.
    pub code: String,
    /// The server's own words, on one line.
    pub said: String,
    /// Whether only a right is missing.
    pub right: bool,
}

/// What came of a rehearsal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// What the target refuses, in the order of the steps. What rests on a table that is refused is
    /// not among them.
    pub flaws: Vec<Flaw>,
    /// Where it took place, where that is worth knowing, and what could not be tried.
    pub notes: Vec<Note>,
}

/// Words of a server about a statement.
#[derive(Debug)]
pub(crate) struct Refused {
    /// What becomes of it; without the server's words.
    pub(crate) fault: Fault,
    /// The server's own words; none where it said nothing.
    pub(crate) words: Option<String>,
}

/// Which steps can still be tried, and what was found so far.
pub(crate) struct Cast<'a> {
    steps: &'a [DesignedStep],
    tables: BTreeMap<EntityId, usize>,
    ground: Vec<usize>,
    gone: BTreeSet<usize>,
    found: BTreeMap<usize, Flaw>,
    aside: BTreeMap<String, Vec<String>>,
    notes: Vec<Note>,
}

impl<'a> Cast<'a> {
    pub(crate) fn new(steps: &'a [DesignedStep]) -> Self {
        let mut tables = BTreeMap::new();
        let mut ground = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            match (step.stage, step.entity, step.step.kind) {
                (Stage::Prepare, Some(entity), StepKind::Table) => {
                    tables.insert(entity, at);
                }
                // What comes before any table; a routine that speaks of tables comes later.
                (Stage::Prepare, None, _) if tables.is_empty() => ground.push(at),
                _ => {}
            }
        }
        let (gone, found) = (BTreeSet::new(), BTreeMap::new());
        Self { steps, tables, ground, gone, found, aside: BTreeMap::new(), notes: Vec::new() }
    }

    /// Whether a step says anything about the design: statistics of empty tables do not, and what
    /// empties tables is about tables that are there.
    pub(crate) fn is_worth_it(&self, at: usize) -> bool {
        !matches!(
            self.steps[at].step.kind,
            StepKind::Statistics | StepKind::Empty | StepKind::Refresh
        )
    }

    /// What must be there for a step to be tried: what stands around tables, its own table, and for
    /// a foreign key the table that it points to, where the design makes it.
    pub(crate) fn rests_on(&self, at: usize) -> BTreeSet<usize> {
        let step = &self.steps[at];
        let own = step.entity.into_iter();
        let others = step.after.iter().filter_map(|other| self.steps[*other].entity);
        let others = others.filter(|_| step.step.kind == StepKind::ForeignKey);
        let tables = own.chain(others).filter_map(|entity| self.tables.get(&entity));
        tables.chain(&self.ground).copied().filter(|other| *other != at).collect()
    }

    /// The tables that a foreign key of the design leads between; only its own where it points to
    /// itself, or to a table that is there already.
    pub(crate) fn entities(&self, at: usize) -> BTreeSet<EntityId> {
        let step = &self.steps[at];
        let others = step.after.iter().filter_map(|other| self.steps[*other].entity);
        step.entity.into_iter().chain(others).collect()
    }

    /// Whether all that it rests on was taken by the target.
    pub(crate) fn can_play(&self, at: usize) -> bool {
        // Mostly nothing is gone, and there are thousands of steps.
        if self.gone.is_empty() {
            return true;
        }
        let before: Vec<_> = match self.ground.contains(&at) {
            true => self.steps[at].after.clone(),
            false => self.rests_on(at).into_iter().collect(),
        };
        !before.iter().any(|other| self.gone.contains(other))
    }

    /// Takes the answer to a step that failed: a refusal is found, a lock that others hold is said, and
    /// what is neither ends the rehearsal.
    ///
    /// # Errors
    /// What is wrong with the connection, not with the design.
    pub(crate) fn fails(
        &mut self,
        at: usize,
        statement: &str,
        refused: Refused,
    ) -> Result<(), Fault> {
        let Refused { fault, words } = refused;
        let right = fault.code() == Code::RightsMissing;
        if matches!(fault.code(), Code::Busy | Code::Slow | Code::Full) {
            let why = fault.said().unwrap_or("the server is busy").to_owned();
            self.set_aside(at, &why);
            return Ok(());
        }
        if fault.named().is_none() {
            return Err(fault);
        }
        let said = words.or_else(|| fault.said().map(str::to_owned)).unwrap_or_default();
        let code = fault.named().map(|native| native.code.clone()).unwrap_or_default();
        let statement = shortened(&one_line(statement));
        let flaw = Flaw { step: at, statement, code, said: one_line(&said), right };
        self.found.insert(at, flaw);
        self.goes(at);
        Ok(())
    }

    /// A step could not be tried.
    pub(crate) fn set_aside(&mut self, at: usize, why: &str) {
        self.aside.entry(why.to_owned()).or_default().push(self.steps[at].step.what.clone());
        self.goes(at);
    }

    /// What rests on something that is not there says nothing of its own.
    fn goes(&mut self, at: usize) {
        if matches!(
            self.steps[at].step.kind,
            StepKind::Schema | StepKind::Type | StepKind::Sequence | StepKind::Table
        ) {
            self.gone.insert(at);
        }
    }

    /// What is made before any table.
    pub(crate) fn is_ground(&self, at: usize) -> bool {
        self.ground.contains(&at)
    }

    /// Says something of the rehearsal as a whole.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(Note::new(Level::Info, None, said_of_all("rehearsal", text)));
    }

    /// What came of it.
    pub(crate) fn ends(mut self) -> Rehearsal {
        for (why, all) in std::mem::take(&mut self.aside) {
            let text = match &all[..] {
                [one] => format!("not rehearsed: {one}: {why}"),
                all => format!("not rehearsed: {} and {} more: {why}", all[0], all.len() - 1),
            };
            self.note(text);
        }
        Rehearsal { flaws: self.found.into_values().collect(), notes: self.notes }
    }
}

/// The text on one line, without characters that steer a terminal.
fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(STATEMENT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
