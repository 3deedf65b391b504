//! The chunks of a plan: steps, ranges, links and verification slices, with what each waits for.

use std::collections::BTreeSet;

use endpoint::{Cut, DesignedStep, Read, Source};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use protocol::fault::Fault;
use protocol::id::{ChunkId, EntityId};
use protocol::mapping::Limits;
use protocol::plan::{After, Bound, Chunk, Entity, Range, Stage, StepKind, Work};

/// A slice of the target that verification reads in one go.
const SLICE_BYTES: u64 = 64 << 20;

/// Most slices of one entity; past this, slices grow instead.
const SLICES_MAX: u64 = 1024;

/// Rows of unknown width are taken to be so wide.
const ROW_BYTES_UNKNOWN: u64 = 100;

/// Fewer rows than this are not worth a chunk of their own.
const CHUNK_ROWS_MIN: u64 = 1000;

/// Entities that the source is asked about at the same time: enough that small ones do not wait for
/// a large one, few enough for a server in use.
const ASKED_AT_ONCE: usize = 4;

/// An entity with what only the planner knows of it.
pub(super) struct Planned {
    pub(super) entity: Entity,
    /// Entities whose rows must be there before.
    pub(super) parents: BTreeSet<EntityId>,
    /// Entities whose rows must be there before the links are filled.
    pub(super) linked: BTreeSet<EntityId>,
    /// Rows a chunk aims at, where a rule says so.
    pub(super) chunk_rows: Option<u64>,
    /// Whether reading back the whole target entity proves anything.
    pub(super) verifiable: bool,
}

/// All chunks of the plan, in the order in which one worker alone would do them.
///
/// # Errors
/// What the source says when it is asked where to cut.
pub(super) async fn chunks(
    planned: &[Planned],
    steps: Vec<DesignedStep>,
    limits: &Limits,
    source: &dyn Source,
) -> Result<Vec<Chunk>, Fault> {
    let mut chunks = Chunks::default();
    // Positions of the design become chunk ids; steps are numbered stage by stage.
    let mut ids = vec![ChunkId(0); steps.len()];
    let size = |step: &DesignedStep| {
        let entity = planned.iter().find(|one| Some(one.entity.id) == step.entity);
        entity.map_or(0, |one| one.entity.bytes_estimate)
    };
    let linked = planned.iter().map(|one| &one.entity).filter(|one| !one.links.is_empty());
    let linked: Vec<_> = linked.map(|entity| entity.id).collect();
    chunks.steps(&steps, Stage::Prepare, &mut ids, &size, &linked);
    let asked: Vec<_> = planned.iter().map(|one| cut(one, limits, source).boxed()).collect();
    let ranges: Vec<_> = stream::iter(asked).buffered(ASKED_AT_ONCE).try_collect().await?;
    for (one, ranges) in planned.iter().zip(ranges) {
        chunks.copies(one, ranges);
    }
    chunks.steps(&steps, Stage::Finish, &mut ids, &size, &linked);
    for one in planned {
        chunks.links(one);
    }
    for one in planned.iter().filter(|one| one.verifiable) {
        chunks.slices(&one.entity);
    }
    Ok(chunks.0)
}

#[derive(Default)]
struct Chunks(Vec<Chunk>);

impl Chunks {
    fn push(
        &mut self,
        stage: Stage,
        entity: Option<EntityId>,
        work: Work,
        after: Vec<After>,
        weight: u64,
    ) -> ChunkId {
        let id = u32::try_from(self.0.len()).map(ChunkId).expect("fewer than 2^32 chunks");
        self.0.push(Chunk { id, stage, entity, work, after, weight });
        id
    }

    fn steps(
        &mut self,
        steps: &[DesignedStep],
        stage: Stage,
        ids: &mut [ChunkId],
        size: &dyn Fn(&DesignedStep) -> u64,
        linked: &[EntityId],
    ) {
        for (at, step) in steps.iter().enumerate().filter(|(_, step)| step.stage == stage) {
            // Prepare is over before any row moves, so only steps of one stage name each other.
            let same = |other: &&usize| steps[**other].stage == stage;
            let mut after: Vec<_> =
                step.after.iter().filter(same).map(|other| After::Chunk(ids[*other])).collect();
            if stage == Stage::Finish {
                after.push(match step.entity {
                    // A foreign key looks into another table, which must be complete.
                    Some(_) if step.step.kind == StepKind::ForeignKey => After::Stage(Stage::Copy),
                    Some(entity) => After::Entity(entity, Stage::Copy),
                    None => After::Stage(Stage::Copy),
                });
                // What is computed from rows is computed from all of them, links too.
                let refresh = step.step.kind == StepKind::Refresh;
                let links = linked.iter().filter(|_| refresh);
                after.extend(links.map(|id| After::Entity(*id, stage)));
                after.extend(step.verified.iter().map(|id| After::Entity(*id, Stage::Verify)));
            }
            let work = Work::Step(step.step.clone());
            ids[at] = self.push(stage, step.entity, work, after, size(step));
        }
    }

    fn copies(&mut self, planned: &Planned, ranges: Vec<Range>) {
        let entity = &planned.entity;
        let weight = entity.bytes_estimate / ranges.len().max(1) as u64;
        for range in ranges {
            let mut after = vec![After::Stage(Stage::Prepare)];
            after.extend(planned.parents.iter().map(|p| After::Entity(*p, Stage::Copy)));
            self.push(Stage::Copy, Some(entity.id), Work::Copy(range), after, weight);
        }
    }

    fn links(&mut self, planned: &Planned) {
        let entity = &planned.entity;
        if entity.links.is_empty() {
            return;
        }
        // The same ranges once more: each pass over a chunk is a chunk of its own.
        let copies: Vec<_> = self.0.iter().filter(|c| c.entity == Some(entity.id)).collect();
        let ranges = copies.iter().filter_map(|c| match &c.work {
            Work::Copy(range) => Some((range.clone(), c.weight)),
            Work::Link(_) | Work::Step(_) | Work::Verify { .. } => None,
        });
        for (range, weight) in ranges.collect::<Vec<_>>() {
            let mut after = vec![After::Entity(entity.id, Stage::Copy)];
            after.extend(planned.linked.iter().map(|p| After::Entity(*p, Stage::Copy)));
            after.dedup();
            self.push(Stage::Finish, Some(entity.id), Work::Link(range), after, weight);
        }
    }

    fn slices(&mut self, entity: &Entity) {
        let of = (entity.bytes_estimate / SLICE_BYTES).clamp(1, SLICES_MAX);
        let after =
            || vec![After::Entity(entity.id, Stage::Copy), After::Entity(entity.id, Stage::Finish)];
        for index in 0..of {
            let index = u32::try_from(index).expect("bounded by SLICES_MAX");
            let work = Work::Verify { index, of: u32::try_from(of).expect("bounded") };
            let weight = entity.bytes_estimate / of;
            self.push(Stage::Verify, Some(entity.id), work, after(), weight);
        }
    }
}

/// Where an entity is cut, once it was seen that it can be read.
async fn cut(planned: &Planned, limits: &Limits, source: &dyn Source) -> Result<Vec<Range>, Fault> {
    let within = |fault: Fault| fault.within(&planned.entity.source);
    taste(&planned.entity, source).await.map_err(within)?;
    ranges(&planned.entity, planned.chunk_rows, limits, source).await.map_err(within)
}

/// Reads one row as it will be read later, so that a missing right, a policy that hides rows, or a
/// condition that the source does not understand is told before anything is written.
async fn taste(entity: &Entity, source: &dyn Source) -> Result<(), Fault> {
    let read = Read {
        table: entity.source.clone(),
        columns: entity.reads(),
        key: entity.key.clone(),
        range: Range::default(),
        filter: entity.filter.clone(),
        top: Some(1),
        lane: entity.lane,
        batch_bytes: 1,
        label: "longhaul:plan".into(),
    };
    source.read(&read).await?.next().await.map(drop)
}

/// The ranges of an entity: together all its rows, first and last open-ended.
async fn ranges(
    entity: &Entity,
    chunk_rows: Option<u64>,
    limits: &Limits,
    source: &dyn Source,
) -> Result<Vec<Range>, Fault> {
    // Without a key there is nothing to cut by; with `top`, "the first n" is one question.
    if entity.key.is_empty() || entity.top.is_some() {
        try_filter(entity, source).await.map_err(|fault| fault.within(&entity.source))?;
        return Ok(vec![Range::default()]);
    }
    let cut = Cut {
        table: entity.source.clone(),
        key: entity.key.clone(),
        filter: entity.filter.clone(),
        rows: chunk_rows.unwrap_or_else(|| rows_per_chunk(entity, limits)).max(1),
        about: chunk_rows.is_none().then_some(entity.rows_estimate),
    };
    let bounds = source.cut(&cut).await.map_err(|fault| fault.within(&entity.source))?;
    Ok(between(bounds))
}

/// Lets the source read the condition of an entity that is not cut, and so would first hear of it
/// when the run is under way. No row is asked for.
async fn try_filter(entity: &Entity, source: &dyn Source) -> Result<(), Fault> {
    if entity.filter.is_none() {
        return Ok(());
    }
    let read = Read {
        table: entity.source.clone(),
        columns: entity.reads(),
        key: entity.key.clone(),
        range: Range::default(),
        filter: entity.filter.clone(),
        top: Some(0),
        lane: entity.lane,
        batch_bytes: 1,
        label: "longhaul:plan".into(),
    };
    source.read(&read).await?.next().await.map(drop)
}

fn rows_per_chunk(entity: &Entity, limits: &Limits) -> u64 {
    let width = match entity.rows_estimate {
        0 => ROW_BYTES_UNKNOWN,
        rows => (entity.bytes_estimate / rows).max(1),
    };
    (limits.chunk_bytes / width).max(CHUNK_ROWS_MIN)
}

fn between(bounds: Vec<Bound>) -> Vec<Range> {
    let mut ranges = Vec::with_capacity(bounds.len() + 1);
    let mut after = None;
    for bound in bounds {
        ranges.push(Range { after: after.take(), upto: Some(bound.clone()) });
        after = Some(bound);
    }
    ranges.push(Range { after, upto: None });
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_leave_no_gap_and_are_open_at_both_ends() {
        let bound = |text: &str| Bound(vec![text.into()]);
        let ranges = between(vec![bound("10"), bound("20")]);
        assert_eq!(
            ranges,
            [
                Range { after: None, upto: Some(bound("10")) },
                Range { after: Some(bound("10")), upto: Some(bound("20")) },
                Range { after: Some(bound("20")), upto: None },
            ]
        );
        assert_eq!(between(vec![]), [Range::default()]);
    }
}
