//! Another plan for a run that has begun: what a changed migration file may still change.
//!
//! The file is planned once more, over the databases as they would be without the run, and with the
//! tables cut as they are. What differs from the stored plan is taken over where no done chunk is
//! touched, and named where one is.
//!
//! # Promises
//! 1. Every chunk keeps its id; new ones come last. A chunk that is done stays as it is.
//! 2. What was not taken over is named.

mod again;
mod entities;
mod hidden;
mod steps;

use std::collections::BTreeSet;

use endpoint::{Source, Target};
use protocol::fault::Fault;
use protocol::id::{ChunkId, EntityId};
use protocol::mapping::{Limits, Migration};
use protocol::plan::{After, Chunk, Entity, Note, Plan, Stage, StepKind, Work};

pub use again::{Again, again};
use hidden::{AsCut, Without};

/// A plan with what was taken over.
#[derive(Debug, Clone)]
pub struct Revised {
    /// The plan.
    pub plan: Plan,
    /// Chunks that are not as they were, the new ones among them.
    pub changed: BTreeSet<ChunkId>,
    /// What was taken over, a line each.
    pub taken: Vec<String>,
    /// What was not, a line each, with the reason.
    pub refused: Vec<String>,
}

/// Plans a changed migration for a run that has begun. Changes nothing.
///
/// # Errors
/// What planning answers: a changed migration may be refused like any other.
pub async fn revise(
    stored: &Plan,
    done: &BTreeSet<ChunkId>,
    migration: &Migration,
    source: &dyn Source,
    target: &dyn Target,
) -> Result<Revised, Fault> {
    let source = AsCut { inner: source, plan: stored };
    let target = Without { inner: target, plan: stored };
    let drawn = crate::plan::draw(migration, &source, &target).await?;
    Ok(merge(stored, done, drawn))
}

/// What of a newly drawn plan a run can take over.
fn merge(stored: &Plan, done: &BTreeSet<ChunkId>, drawn: Plan) -> Revised {
    let ids = entity_ids(stored, &drawn);
    let mut merging = Merging {
        stored,
        done,
        drawn: &drawn,
        ids,
        plan: stored.clone(),
        changed: BTreeSet::new(),
        taken: Vec::new(),
        refused: Vec::new(),
    };
    merging.whole();
    merging.entities();
    merging.steps();
    merging.rows();
    merging.added();
    let Merging { plan, changed, taken, refused, .. } = merging;
    Revised { plan, changed, taken, refused }
}

/// The chunks that make the table of an entity; others may be made by the same.
pub(crate) fn makers(plan: &Plan, id: EntityId) -> impl Iterator<Item = ChunkId> {
    let named = format!("table {}", plan.entity(id).target);
    let makes = move |chunk: &&Chunk| match &chunk.work {
        Work::Step(step) => step.changes().into_iter().any(|(kind, what)| {
            kind == StepKind::Table && (chunk.entity == Some(id) || what == named)
        }),
        Work::Copy(_) | Work::Link(_) | Work::Verify { .. } => false,
    };
    plan.chunks.iter().filter(makes).map(|chunk| chunk.id)
}

/// For each entity of the drawn plan its id in the stored one, or the next that is free.
fn entity_ids(stored: &Plan, drawn: &Plan) -> Vec<EntityId> {
    let mut next = u32::try_from(stored.entities.len()).expect("entity ids are u32");
    let id = |entity: &Entity| {
        let same = |old: &&Entity| old.source == entity.source && old.target == entity.target;
        match stored.entities.iter().find(same) {
            Some(old) => old.id,
            None => {
                next += 1;
                EntityId(next - 1)
            }
        }
    };
    drawn.entities.iter().map(id).collect()
}

/// A plan on its way from the stored one to the drawn one.
struct Merging<'a> {
    stored: &'a Plan,
    done: &'a BTreeSet<ChunkId>,
    drawn: &'a Plan,
    /// The ids of the drawn plan's entities in the merged one.
    ids: Vec<EntityId>,
    plan: Plan,
    changed: BTreeSet<ChunkId>,
    taken: Vec<String>,
    refused: Vec<String>,
}

impl Merging<'_> {
    /// What is said of the whole run.
    fn whole(&mut self) {
        self.limits();
        let drawn = self.drawn;
        if self.plan.on_snapshot_lost != drawn.on_snapshot_lost {
            self.plan.on_snapshot_lost = drawn.on_snapshot_lost;
            self.taken.push("on_snapshot_lost".into());
        }
        if self.plan.consistency != drawn.consistency {
            let read = crate::hold::readers(self.stored).any(|chunk| self.done.contains(&chunk));
            if read {
                self.refused.push("consistency: rows were read already".into());
            } else {
                self.plan.consistency = drawn.consistency;
                self.taken.push("consistency".into());
            }
        }
        if self.plan.migration != drawn.migration {
            self.refused.push("name: the run has its name already".into());
        }
        self.plan.charsets.clone_from(&drawn.charsets);
        // What the rehearsal of the stored plan took out of it stays out, and goes on being said.
        let out = |note: &&Note| note.text.contains(" stays behind") && !drawn.notes.contains(note);
        let out: Vec<_> = self.stored.notes.iter().filter(out).cloned().collect();
        self.plan.notes = drawn.notes.iter().cloned().chain(out).collect();
        self.plan.drawn_from = drawn.drawn_from.clone();
    }

    fn limits(&mut self) {
        let (now, new) = (self.plan.limits.clone(), &self.drawn.limits);
        if now.chunk_bytes != new.chunk_bytes {
            self.refused.push("limits.chunk_bytes: the tables are cut already".into());
        }
        let differ = [
            ("slots", now.slots != new.slots),
            ("rows_per_second", now.rows_per_second != new.rows_per_second),
            ("megabytes_per_second", now.bytes_per_second != new.bytes_per_second),
            ("memory", now.memory_bytes != new.memory_bytes),
            ("rejects", now.rejects != new.rejects),
        ];
        let named = differ.iter().filter(|(_, differ)| *differ);
        self.taken.extend(named.map(|(name, _)| format!("limits.{name}")));
        if now.attempts != new.attempts {
            self.taken.push("retry.attempts".into());
        }
        self.plan.limits = Limits { chunk_bytes: now.chunk_bytes, ..new.clone() };
    }

    /// The drawn entity that stands for a stored one.
    fn drawn_as(&self, id: EntityId) -> Option<&Entity> {
        let at = self.ids.iter().position(|known| *known == id)?;
        self.drawn.entities.get(at)
    }

    /// Whether rows of an entity were copied.
    fn begun(&self, id: EntityId) -> bool {
        let mut copies = self.stored.chunks_of(id, Stage::Copy);
        copies.any(|chunk| self.done.contains(&chunk.id))
    }

    /// Puts other work in the place of a chunk's, which must not be done.
    fn replace(&mut self, id: ChunkId, work: Work) {
        if let Some(chunk) = self.plan.chunks.get_mut(id.index()) {
            chunk.work = work;
            self.changed.insert(id);
        }
    }

    /// Adds a chunk at the end.
    fn push(&mut self, chunk: Chunk) -> ChunkId {
        let id = ChunkId(u32::try_from(self.plan.chunks.len()).expect("chunk ids are u32"));
        self.plan.chunks.push(Chunk { id, ..chunk });
        self.changed.insert(id);
        id
    }

    /// What a chunk of the drawn plan waits for, in the words of the merged one. `chunks` are the merged
    /// ids of drawn chunks.
    fn after(&self, after: &[After], chunks: &[Option<ChunkId>]) -> Vec<After> {
        let one = |after: &After| match after {
            After::Stage(stage) => Some(After::Stage(*stage)),
            After::Entity(id, stage) => {
                self.ids.get(id.index()).map(|id| After::Entity(*id, *stage))
            }
            After::Chunk(id) => chunks.get(id.index()).copied().flatten().map(After::Chunk),
        };
        after.iter().filter_map(one).collect()
    }
}

#[cfg(test)]
mod tests;
