//! How far a run is, added up from its receipts and events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::event::Fact;
use protocol::id::{ChunkId, EntityId};
use protocol::plan::{Plan, Stage};
use protocol::receipt::Receipt;

/// How far one entity is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Far {
    /// Rows written in finished chunks.
    pub(super) rows: u64,
    /// Rows rejected.
    pub(super) rejected: u64,
    /// Rows and bytes so far in chunks under way.
    pub(super) moving: BTreeMap<ChunkId, (u64, u64)>,
    /// Chunks of rows that are not finished.
    pub(super) left: usize,
}

impl Far {
    /// All rows, finished and under way.
    pub(super) fn total(&self) -> u64 {
        self.rows + self.moving.values().map(|(rows, _)| rows).sum::<u64>()
    }
}

/// How far a run is.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) plan: Arc<Plan>,
    pub(super) entities: BTreeMap<EntityId, Far>,
    done: BTreeSet<ChunkId>,
    /// Chunks done, by stage.
    stages: BTreeMap<Stage, u64>,
    /// Bytes written in finished chunks.
    bytes: u64,
    /// Rows and bytes that were written before we looked.
    before: (u64, u64),
}

impl Tally {
    /// Of a run of which these receipts are there already.
    pub(super) fn new(plan: Arc<Plan>, receipts: &[Receipt]) -> Self {
        let mut entities = BTreeMap::<EntityId, Far>::new();
        for chunk in plan.chunks.iter().filter(|chunk| chunk.stage == Stage::Copy) {
            chunk.entity.iter().for_each(|id| entities.entry(*id).or_default().left += 1);
        }
        let (done, stages) = (BTreeSet::new(), BTreeMap::new());
        let mut tally = Self { plan, entities, done, stages, bytes: 0, before: (0, 0) };
        for receipt in receipts {
            tally.count(receipt.chunk, receipt.written.rows, receipt.rejected, receipt.bytes);
        }
        tally.before = tally.total();
        tally
    }

    /// Counts a chunk that is done. False if it was counted before.
    fn count(&mut self, chunk: ChunkId, rows: u64, rejected: u64, bytes: u64) -> bool {
        let Some(planned) = self.plan.chunk(chunk) else { return false };
        if !self.done.insert(chunk) {
            return false;
        }
        *self.stages.entry(planned.stage).or_default() += 1;
        if let (Some(entity), Stage::Copy) = (planned.entity, planned.stage) {
            let far = self.entities.entry(entity).or_default();
            far.moving.remove(&chunk);
            far.rows += rows;
            far.rejected += rejected;
            far.left = far.left.saturating_sub(1);
            self.bytes += bytes;
        }
        true
    }

    /// Takes an event in. Returns the entity whose rows moved, if any did.
    pub(super) fn hear(&mut self, fact: &Fact) -> Option<EntityId> {
        match fact {
            Fact::Moving { chunk, entity, rows, bytes } => {
                if !self.done.contains(chunk) {
                    let far = self.entities.entry(*entity).or_default();
                    far.moving.insert(*chunk, (*rows, *bytes));
                }
                Some(*entity)
            }
            Fact::Done { chunk, entity, stage, rows, rejected, bytes, again, .. } => {
                let counted = self.count(*chunk, *rows, *rejected, *bytes);
                if counted && *again && *stage == Stage::Copy {
                    self.before = (self.before.0 + rows, self.before.1 + bytes);
                }
                entity.filter(|_| *stage == Stage::Copy)
            }
            // A try that failed starts again from nothing.
            Fact::Faulted { chunk, entity: Some(entity), .. } => {
                self.entities.entry(*entity).or_default().moving.remove(chunk);
                Some(*entity)
            }
            Fact::Run { .. }
            | Fact::Stage { .. }
            | Fact::Entity { .. }
            | Fact::Claimed { .. }
            | Fact::Faulted { .. }
            | Fact::Finding { .. }
            | Fact::Worker { .. }
            | Fact::Gap { .. } => None,
        }
    }

    /// Rows and bytes over all entities.
    pub(super) fn total(&self) -> (u64, u64) {
        let moving = self.entities.values().flat_map(|far| far.moving.values());
        let bytes = self.bytes + moving.map(|(_, bytes)| bytes).sum::<u64>();
        (self.entities.values().map(Far::total).sum(), bytes)
    }

    /// Those of them that moved since we look.
    pub(super) fn moved(&self) -> (u64, u64) {
        let (rows, bytes) = self.total();
        (rows.saturating_sub(self.before.0), bytes.saturating_sub(self.before.1))
    }

    /// About how many rows there are; at least those that were seen.
    pub(super) fn expected(&self) -> u64 {
        let expected = |(id, far): (&EntityId, &Far)| match far.left {
            0 => far.rows,
            _ => self.plan.entity(*id).rows_estimate.max(far.total()),
        };
        self.entities.iter().map(expected).sum()
    }

    /// Chunks of a stage that are done, and all.
    pub(super) fn stage(&self, stage: Stage) -> (u64, u64) {
        let planned = self.plan.chunks.iter().filter(|chunk| chunk.stage == stage).count();
        (self.stages.get(&stage).copied().unwrap_or(0), planned as u64)
    }

    /// Tables whose rows are all written, and all.
    pub(super) fn tables(&self) -> (usize, usize) {
        let done = self.entities.values().filter(|far| far.left == 0).count();
        (done, self.entities.len())
    }

    /// How much of the rows is written, in percent; 100 only when all chunks of them are done.
    pub(super) fn percent(&self) -> u64 {
        let (done, planned) = self.stage(Stage::Copy);
        if done >= planned {
            return 100;
        }
        percent(self.total().0, self.expected()).min(99)
    }
}

/// A part of a whole, in percent, rounded down.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    let share = u128::from(part) * 100 / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(100).min(100)
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1,234`, of a rate or another number with a fraction.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is not negative")]
pub(crate) fn whole(number: f64) -> u64 {
    number.clamp(0.0, 1e15).round() as u64
}

/// A number of things: `1 chunk`, `1,200 chunks`.
pub(crate) fn counted(number: u64, one: &str, several: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { several })
}

/// `23 s`, `1 min 05 s`, `2 h 03 min`.
pub(crate) fn span(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes} min {rest:02} s"),
        (1..=47, _) => format!("{hours} h {minutes:02} min"),
        (_, _) => format!("{} days", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
        assert_eq!(counted(1, "chunk", "chunks"), "1 chunk");
        assert_eq!(counted(0, "chunk", "chunks"), "0 chunks");
    }

    #[test]
    fn times_are_said_in_the_units_that_matter() {
        assert_eq!(
            [0, 59, 65, 3_725, 200_000].map(span),
            ["0 s", "59 s", "1 min 05 s", "1 h 02 min", "2 days"]
        );
    }

    #[test]
    fn a_percentage_is_rounded_down() {
        assert_eq!((percent(0, 0), percent(999, 1000), percent(5, 3)), (0, 99, 100));
    }
}
