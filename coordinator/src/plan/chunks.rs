//! The chunks of a plan: steps, ranges, links and verification slices, with what each waits for.

use std::collections::BTreeSet;

use super::batch::batch;
use endpoint::{Cut, DesignedStep, Read, Source};
use protocol::fault::Fault;
use protocol::id::{ChunkId, EntityId};
use protocol::mapping::Limits;
use protocol::plan::{After, Bound, Chunk, Entity, Range, Stage, StepKind, Work};

/// The least that is worth a slice of its own when the target is read back.
const SLICE_BYTES_MIN: u64 = 8 << 20;

/// What is made of a table of at most so many bytes, when its rows are there, is made in one chunk.
const SMALL_BYTES: u64 = 1 << 20;

/// Most slices of one entity; past this, slices grow instead.
const SLICES_MAX: u64 = 1024;

/// Rows of unknown width are taken to be so wide.
const ROW_BYTES_UNKNOWN: u64 = 100;

/// Fewer rows than this are not worth a chunk of their own.
const CHUNK_ROWS_MIN: u64 = 1000;

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
/// `read_meanwhile` says that the target can be read back while foreign keys are made, `alike` that both
/// sides are of one engine.
///
/// # Errors
/// What the source says when it is asked where to cut.
pub(super) async fn chunks(
    planned: &[Planned],
    steps: Vec<DesignedStep>,
    limits: &Limits,
    source: &dyn Source,
    read_meanwhile: bool,
    alike: bool,
) -> Result<Vec<Chunk>, Fault> {
    let small = |id: EntityId| {
        planned.get(id.index()).is_some_and(|one| one.entity.bytes_estimate <= SMALL_BYTES)
    };
    let steps = batch(steps, &small, alike);
    let mut chunks = Chunks::default();
    // Positions of the design become chunk ids; steps are numbered stage by stage.
    let mut ids = vec![ChunkId(0); steps.len()];
    let size = |step: &DesignedStep| {
        let entity = step.entity.and_then(|id| planned.get(id.index()));
        entity.map_or(0, |one| one.entity.bytes_estimate)
    };
    let linked = planned.iter().map(|one| &one.entity).filter(|one| !one.links.is_empty());
    let linked: Vec<_> = linked.map(|entity| entity.id).collect();
    chunks.steps(&steps, Stage::Prepare, &mut ids, &size, &linked);
    source.taste(&tastes(planned)).await?;
    let ranges = ranges(planned, limits, source).await?;
    for (one, ranges) in planned.iter().zip(ranges) {
        chunks.copies(one, ranges);
    }
    chunks.steps(&steps, Stage::Finish, &mut ids, &size, &linked);
    for one in planned {
        chunks.links(one);
    }
    for one in planned.iter().filter(|one| one.verifiable) {
        chunks.slices(&one.entity, limits, read_meanwhile);
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
        self.0.push(Chunk { id, stage, entity, work, after, weight, retries: None });
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

    /// Reading back is cut as copies are: by bytes, and so that all slots have a share of it.
    ///
    /// Whether a foreign key holds changes no row, so where the target lets one read meanwhile, neither
    /// waits for the other.
    fn slices(&mut self, entity: &Entity, limits: &Limits, read_meanwhile: bool) {
        let bytes = entity.bytes_estimate;
        let shares = u64::from(limits.slots).min(bytes / SLICE_BYTES_MIN);
        let of = bytes.div_ceil(limits.chunk_bytes.max(1)).max(shares).clamp(1, SLICES_MAX);
        let own = self.0.iter().filter(|c| c.entity == Some(entity.id) && c.stage == Stage::Finish);
        let others = own.filter(|chunk| !chunk.makes_link()).map(|chunk| After::Chunk(chunk.id));
        let finished = match read_meanwhile {
            true => others.collect(),
            false => vec![After::Entity(entity.id, Stage::Finish)],
        };
        let mut after = vec![After::Entity(entity.id, Stage::Copy)];
        after.extend(finished);
        for index in 0..of {
            let index = u32::try_from(index).expect("bounded by SLICES_MAX");
            let work = Work::Verify { index, of: u32::try_from(of).expect("bounded") };
            self.push(Stage::Verify, Some(entity.id), work, after.clone(), bytes / of);
        }
    }
}

/// Reads as entities will be read, one row of each: so that a missing right, a policy that hides rows,
/// or a condition that the source does not understand is told before anything is written.
fn tastes(planned: &[Planned]) -> Vec<Read> {
    let taste = |one: &Planned| {
        let entity = &one.entity;
        Read {
            table: entity.source.clone(),
            columns: entity.reads(),
            key: entity.key.clone(),
            range: Range::default(),
            filter: entity.filter.clone(),
            top: Some(1),
            lane: entity.lane,
            batch_bytes: 1,
            label: "longhaul:plan".into(),
        }
    };
    planned.iter().map(taste).collect()
}

/// The ranges of each entity: together all its rows, first and last open-ended. Without a key there is
/// nothing to cut by; with `top`, "the first n" is one question.
async fn ranges(
    planned: &[Planned],
    limits: &Limits,
    source: &dyn Source,
) -> Result<Vec<Vec<Range>>, Fault> {
    let cuttable = |one: &&Planned| !one.entity.key.is_empty() && one.entity.top.is_none();
    let cut = |one: &Planned| Cut {
        table: one.entity.source.clone(),
        key: one.entity.key.clone(),
        filter: one.entity.filter.clone(),
        rows: one.chunk_rows.unwrap_or_else(|| rows_per_chunk(&one.entity, limits)).max(1),
        about: one.chunk_rows.is_none().then_some(one.entity.rows_estimate),
    };
    let cuts: Vec<_> = planned.iter().filter(cuttable).map(cut).collect();
    let mut bounds = source.cuts(&cuts).await?.into_iter();
    let ranges = |one: &Planned| match cuttable(&one) {
        true => between(bounds.next().unwrap_or_default()),
        false => vec![Range::default()],
    };
    Ok(planned.iter().map(ranges).collect())
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
