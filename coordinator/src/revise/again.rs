//! Rejected rows put in line to be read and written again.

use std::collections::{BTreeMap, BTreeSet};

use protocol::id::{ChunkId, EntityId};
use protocol::plan::{After, Chunk, Entity, Plan, Stage, Step, StepKind, Work};

use super::Revised;
use super::steps::{Change, changes};

/// What is put in line.
#[derive(Debug, Clone, Default)]
pub struct Again {
    /// Rejected rows.
    pub rows: u64,
    /// The target tables that they belong to.
    pub tables: Vec<String>,
    /// Done chunks that have to be done again after them: what was read back.
    pub undone: Vec<ChunkId>,
    /// Tables whose rejected rows cannot be found again, and why.
    pub refused: Vec<String>,
}

/// Adds to a plan what reads and writes rejected rows again. `rejects` are the open ones of each chunk;
/// `chosen` says of which tables.
///
/// A row is found by its key among those of the chunk that rejected it, so that a table without a key
/// is refused. What a chunk's retry waits for is what the chunk waited for: rows of parents are written
/// first, those that are tried again among them.
pub fn again(
    revised: &mut Revised,
    done: &BTreeSet<ChunkId>,
    rejects: &BTreeMap<ChunkId, u64>,
    chosen: &dyn Fn(&Entity) -> bool,
) -> Again {
    let mut again = Again::default();
    let mut entities = BTreeSet::new();
    for (of, rows) in rejects {
        let Some(chunk) = revised.plan.chunk(*of).cloned() else { continue };
        let (Work::Copy(_), Some(id)) = (&chunk.work, chunk.entity) else { continue };
        let entity = revised.plan.entity(id);
        if !chosen(entity) {
            continue;
        }
        if entity.key.is_empty() {
            let why = "it has no key by which its rejected rows could be found again";
            again.refused.push(format!("{}: {why}", entity.target));
            continue;
        }
        again.rows += rows;
        entities.insert(id);
        let waits = |other: &Chunk| other.retries == Some(*of) && !done.contains(&other.id);
        if !revised.plan.chunks.iter().any(waits) {
            push(revised, Chunk { retries: Some(*of), ..chunk.clone() });
        }
    }
    again.refused.dedup();
    for id in entities {
        again.tables.push(revised.plan.entity(id).target.to_string());
        links(revised, id, rejects);
        numbers(revised, id, done);
        again.undone.extend(undone(&revised.plan, id, done));
    }
    again
}

fn push(revised: &mut Revised, chunk: Chunk) {
    let id = ChunkId(u32::try_from(revised.plan.chunks.len()).expect("chunk ids are u32"));
    revised.plan.chunks.push(Chunk { id, ..chunk });
    revised.changed.insert(id);
}

/// The second pass over the ranges of the chunks that are tried again.
fn links(revised: &mut Revised, id: EntityId, rejects: &BTreeMap<ChunkId, u64>) {
    let ranges: BTreeMap<_, _> = rejects
        .keys()
        .filter_map(|of| revised.plan.chunk(*of))
        .filter(|chunk| chunk.entity == Some(id))
        .filter_map(|chunk| match &chunk.work {
            Work::Copy(range) => Some((chunk.id, range.clone())),
            Work::Link(_) | Work::Step(_) | Work::Verify { .. } => None,
        })
        .collect();
    let same = |chunk: &&Chunk| match &chunk.work {
        Work::Link(range) => chunk.entity == Some(id) && ranges.values().any(|one| one == range),
        Work::Copy(_) | Work::Step(_) | Work::Verify { .. } => false,
    };
    let passes: Vec<Chunk> = revised.plan.chunks.iter().filter(same).cloned().collect();
    for chunk in passes {
        let mut after = chunk.after.clone();
        after.push(After::Entity(id, Stage::Copy));
        push(revised, Chunk { after, ..chunk });
    }
}

/// What was read back before these rows came.
fn undone(plan: &Plan, id: EntityId, done: &BTreeSet<ChunkId>) -> Vec<ChunkId> {
    let reads_back = |chunk: &&Chunk| matches!(chunk.work, Work::Verify { .. });
    let mine = plan.chunks.iter().filter(|chunk| chunk.entity == Some(id));
    mine.filter(reads_back).map(|chunk| chunk.id).filter(|chunk| done.contains(chunk)).collect()
}

/// Numbers go on after these rows: what was done for the others is done once more, by itself.
fn numbers(revised: &mut Revised, id: EntityId, done: &BTreeSet<ChunkId>) {
    let mut again = BTreeMap::new();
    for chunk in revised.plan.chunks.iter().filter(|chunk| done.contains(&chunk.id)) {
        let Work::Step(step) = &chunk.work else { continue };
        let mine = chunk.entity == Some(id);
        for change in changes(step).into_iter().filter(|one| mine && one.kind == StepKind::Identity)
        {
            again.insert(change.what.clone(), change);
        }
    }
    for Change { kind, what, statements } in again.into_values() {
        let step =
            Step { kind, what, statements, destructive: false, orphans: None, parts: Vec::new() };
        let after = vec![After::Entity(id, Stage::Copy)];
        let chunk = Chunk {
            id: ChunkId(0),
            stage: Stage::Finish,
            entity: Some(id),
            work: Work::Step(step),
            after,
            weight: 0,
            retries: None,
        };
        push(revised, chunk);
    }
}
