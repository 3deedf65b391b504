//! What a chunk comes after, as ranges of chunks whose receipts can be counted.
//!
//! The ledger releases chunks in order, but it may lie, and a message may be forged or come early.
//! So a worker asks the receipts themselves before it does anything that rests on them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use protocol::id::{ChunkId, EntityId};
use protocol::plan::{After, Chunk, Plan, Stage};

/// Chunks, as ranges of ids in their order that do not touch each other.
type Ranges = Vec<RangeInclusive<ChunkId>>;

/// Which chunks a plan has in each stage, and of each entity in it. Drawn up once, so that asking for
/// one chunk does not look at all of a large plan. What stands beside rows is not among them: nothing rests on
/// one but the end of the run, and a parked one holds nothing up.
pub(crate) struct Prior {
    stages: [Ranges; Stage::ALL.len()],
    entities: BTreeMap<(EntityId, Stage), Ranges>,
}

impl Prior {
    pub(crate) fn of_plan(plan: &Plan) -> Self {
        let mut prior = Self { stages: Default::default(), entities: BTreeMap::new() };
        for chunk in plan.chunks.iter().filter(|chunk| !chunk.stands_beside_rows()) {
            add(&mut prior.stages[chunk.stage as usize], chunk.id..=chunk.id);
            if let Some(entity) = chunk.entity {
                let of = prior.entities.entry((entity, chunk.stage)).or_default();
                add(of, chunk.id..=chunk.id);
            }
        }
        prior
    }

    /// What must be done before the chunk, each chunk named once.
    pub(crate) fn of(&self, plan: &Plan, chunk: &Chunk) -> Ranges {
        let mut named = Ranges::new();
        for after in &chunk.after {
            match after {
                After::Stage(stage) => named.extend_from_slice(&self.stages[*stage as usize]),
                After::Entity(entity, stage) => {
                    let of = self.entities.get(&(*entity, *stage));
                    named.extend_from_slice(of.map_or(&[], Vec::as_slice));
                }
                After::Chunk(other) => {
                    let rests = plan.chunk(*other).is_some_and(|other| !other.stands_beside_rows());
                    named.extend(rests.then_some(*other..=*other));
                }
            }
        }
        named.sort_unstable_by_key(|range| *range.start());
        let mut all = Ranges::new();
        named.into_iter().for_each(|range| add(&mut all, range));
        all
    }
}

/// Adds a range that begins no earlier than the last one.
fn add(ranges: &mut Ranges, range: RangeInclusive<ChunkId>) {
    match ranges.last_mut() {
        Some(last) if range.start().0 <= last.end().0.saturating_add(1) => {
            let end = *last.end().max(range.end());
            *last = *last.start()..=end;
        }
        Some(_) | None => ranges.push(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ranges: &[RangeInclusive<ChunkId>]) -> Vec<(u32, u32)> {
        ranges.iter().map(|range| (range.start().0, range.end().0)).collect()
    }

    #[test]
    fn ranges_that_touch_or_overlap_become_one() {
        let mut all = Ranges::new();
        for (first, last) in [(0, 0), (1, 1), (3, 9), (4, 5), (9, 12), (14, 14)] {
            add(&mut all, ChunkId(first)..=ChunkId(last));
        }
        assert_eq!(ids(&all), [(0, 1), (3, 12), (14, 14)]);
    }
}
