//! What a changed file says of what is made: keys, indexes, checks, foreign keys; and tables that come in.
//!
//! Small steps share a chunk, and which of them do depends on which tables there are. So steps are
//! compared part by part, each by its kind and name.

use std::collections::BTreeMap;

use protocol::id::ChunkId;
use protocol::plan::{Chunk, Entity, Part, Plan, Stage, Step, StepKind, Work};

use super::Merging;

/// What tells a part from all others of a plan.
type Name = (Stage, &'static str, String);

/// One change of the target's catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) kind: StepKind,
    pub(super) what: String,
    pub(super) statements: Vec<String>,
}

impl Change {
    fn name(&self, stage: Stage) -> Name {
        (stage, self.kind.as_str(), self.what.clone())
    }
}

impl Merging<'_> {
    /// Changes that are in one plan only, or otherwise in the other.
    pub(super) fn steps(&mut self) {
        let drawn = all_changes(self.drawn);
        for chunk in &self.stored.chunks {
            let Work::Step(step) = &chunk.work else { continue };
            let done = self.done.contains(&chunk.id);
            let mut changes = changes(step);
            let before = changes.clone();
            for change in &mut changes {
                let asked = asked_for(change.kind);
                match drawn.get(&change.name(chunk.stage)) {
                    Some((_, new)) if new.statements == change.statements => {}
                    Some((_, new)) if !done => {
                        self.taken.push(change.what.clone());
                        change.statements.clone_from(&new.statements);
                    }
                    Some(_) if asked => {
                        self.refused.push(format!("{}: it is made already", change.what));
                    }
                    None if !done && asked && self.still_meant(chunk) => {
                        self.taken.push(format!("{}: left out", change.what));
                        change.statements.clear();
                    }
                    Some(_) | None => {}
                }
            }
            if changes != before {
                let orphans = self.orphans_of(&changes);
                self.replace(chunk.id, Work::Step(rebuilt(step, &changes, orphans)));
            }
        }
    }

    /// The query that counts orphans, for a foreign key by itself: as drawn now.
    fn orphans_of(&self, changes: &[Change]) -> Option<String> {
        let [one] = changes else { return None };
        let same =
            |chunk: &&Chunk| matches!(&chunk.work, Work::Step(step) if step.what == one.what);
        match self.drawn.chunks.iter().find(same).map(|chunk| &chunk.work) {
            Some(Work::Step(step)) => step.orphans.clone(),
            Some(Work::Copy(_) | Work::Link(_) | Work::Verify { .. }) | None => None,
        }
    }

    /// Whether the table of a chunk is still to be moved: otherwise all of its chunks were seen to.
    fn still_meant(&self, chunk: &Chunk) -> bool {
        chunk.entity.is_none_or(|id| self.drawn_as(id).is_some())
    }

    /// Tables and changes that only the drawn plan has.
    pub(super) fn added(&mut self) {
        let known = self.stored.entities.len();
        let drawn = self.drawn;
        let mut new: Vec<_> = drawn.entities.iter().zip(self.ids.clone()).collect();
        new.retain(|(_, id)| id.index() >= known);
        new.sort_by_key(|(_, id)| *id);
        for (entity, id) in new {
            self.taken.push(format!("{}: comes in", entity.target));
            self.plan.entities.push(Entity { id, ..entity.clone() });
        }
        let stored = all_changes(self.stored);
        let mut merged: Vec<Option<ChunkId>> = vec![None; drawn.chunks.len()];
        for (at, chunk) in drawn.chunks.iter().enumerate() {
            let entity = chunk.entity.map(|id| self.ids[id.index()]);
            let comes_in = entity.is_some_and(|id| id.index() >= known);
            let work = match &chunk.work {
                Work::Step(step) => {
                    let parts = changes(step);
                    let there = parts.iter().find_map(|part| stored.get(&part.name(chunk.stage)));
                    merged[at] = there.map(|(id, _)| *id);
                    let only = |part: &Change| {
                        !stored.contains_key(&part.name(chunk.stage)) && !self.stays_behind(part)
                    };
                    let parts: Vec<_> = parts.into_iter().filter(only).collect();
                    if parts.is_empty() {
                        continue;
                    }
                    if !comes_in {
                        self.say_added(&parts);
                    }
                    Work::Step(rebuilt(step, &parts, step.orphans.clone()))
                }
                Work::Copy(_) | Work::Link(_) | Work::Verify { .. } if comes_in => {
                    chunk.work.clone()
                }
                Work::Copy(_) | Work::Link(_) | Work::Verify { .. } => continue,
            };
            let after = self.after(&chunk.after, &merged);
            merged[at] = Some(self.push(Chunk { entity, after, work, ..chunk.clone() }));
        }
    }

    /// Whether the plan was rehearsed without it, since the target refuses it.
    fn stays_behind(&self, change: &Change) -> bool {
        let said = format!("{} stays behind", change.what);
        self.stored.notes.iter().any(|note| note.text.starts_with(&said))
    }

    /// A table that comes in was named.
    fn say_added(&mut self, parts: &[Change]) {
        let named = parts.iter().filter(|part| part.kind != StepKind::Table);
        self.taken.extend(named.map(|part| part.what.clone()));
    }
}

/// The changes that a step is, each with its statements.
pub(super) fn changes(step: &Step) -> Vec<Change> {
    if step.parts.is_empty() {
        let (what, statements) = (step.what.clone(), step.statements.clone());
        return vec![Change { kind: step.kind, what, statements }];
    }
    let mut rest = step.statements.iter().cloned();
    let change = |part: &Part| Change {
        kind: part.kind,
        what: part.what.clone(),
        statements: rest.by_ref().take(part.statements).collect(),
    };
    step.parts.iter().map(change).collect()
}

/// All changes of a plan, with the chunk that each is done by.
fn all_changes(plan: &Plan) -> BTreeMap<Name, (ChunkId, Change)> {
    let mut all = BTreeMap::new();
    for chunk in &plan.chunks {
        if let Work::Step(step) = &chunk.work {
            for change in changes(step) {
                all.insert(change.name(chunk.stage), (chunk.id, change));
            }
        }
    }
    all
}

/// A step of these changes, in the place of one that was another.
fn rebuilt(step: &Step, changes: &[Change], orphans: Option<String>) -> Step {
    let part = |change: &Change| Part {
        kind: change.kind,
        what: change.what.clone(),
        statements: change.statements.len(),
    };
    let names: Vec<_> = changes.iter().map(|change| change.what.as_str()).collect();
    let nothing = changes.iter().all(|change| change.statements.is_empty());
    let what = if nothing { format!("{}, left out", names.join(", ")) } else { names.join(", ") };
    Step {
        kind: if nothing { StepKind::Statistics } else { step.kind },
        what,
        statements: changes.iter().flat_map(|change| change.statements.clone()).collect(),
        orphans: orphans.filter(|_| !nothing),
        parts: if changes.len() > 1 { changes.iter().map(part).collect() } else { Vec::new() },
        destructive: step.destructive,
    }
}

/// Whether a file can say that such a change is to be, or how. Numbers and statistics follow from rows.
fn asked_for(kind: StepKind) -> bool {
    match kind {
        StepKind::Key
        | StepKind::Index
        | StepKind::Check
        | StepKind::ForeignKey
        | StepKind::Routine
        | StepKind::View
        | StepKind::Trigger
        | StepKind::Rule
        | StepKind::Policy => true,
        StepKind::Schema
        | StepKind::Type
        | StepKind::Sequence
        | StepKind::Table
        | StepKind::Empty
        | StepKind::Identity
        | StepKind::Statistics
        | StepKind::Comment
        | StepKind::Refresh
        | StepKind::Grant => false,
    }
}
