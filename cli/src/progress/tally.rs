//! How far a run is, added up from its events.

use std::collections::BTreeMap;

use protocol::event::Fact;
use protocol::id::{ChunkId, EntityId};
use protocol::plan::{Plan, Stage};

/// How far one entity is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Far {
    /// Rows written in finished chunks of this process.
    pub(super) rows: u64,
    /// Rows rejected.
    pub(super) rejected: u64,
    /// Rows so far in chunks under way.
    pub(super) moving: BTreeMap<ChunkId, u64>,
}

impl Far {
    /// All rows, finished and under way.
    pub(super) fn total(&self) -> u64 {
        self.rows + self.moving.values().sum::<u64>()
    }
}

/// How far every entity is in the copy stage.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) entities: BTreeMap<EntityId, Far>,
}

impl Tally {
    /// Takes an event in. Returns the entity whose rows moved, if any did.
    pub(super) fn hear(&mut self, fact: &Fact) -> Option<EntityId> {
        match fact {
            Fact::Moving { chunk, entity, rows, .. } => {
                self.entities.entry(*entity).or_default().moving.insert(*chunk, *rows);
                Some(*entity)
            }
            Fact::Done {
                chunk, entity: Some(entity), stage: Stage::Copy, rows, rejected, ..
            } => {
                let far = self.entities.entry(*entity).or_default();
                far.moving.remove(chunk);
                far.rows += rows;
                far.rejected += rejected;
                Some(*entity)
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
            | Fact::Done { .. }
            | Fact::Faulted { .. }
            | Fact::Finding { .. }
            | Fact::Worker { .. }
            | Fact::Gap { .. } => None,
        }
    }

    /// Rows over all entities.
    pub(super) fn total(&self) -> u64 {
        self.entities.values().map(Far::total).sum()
    }
}

/// About how many rows a plan moves.
pub(super) fn expected(plan: &Plan) -> u64 {
    plan.entities.iter().map(|entity| entity.rows_estimate).sum()
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

#[cfg(test)]
mod tests {
    use protocol::receipt::Spent;

    use super::*;

    #[test]
    fn a_chunk_under_way_counts_once_when_it_is_done() {
        let (chunk, entity) = (ChunkId(1), EntityId(0));
        let mut tally = Tally::default();
        tally.hear(&Fact::Moving { chunk, entity, rows: 40, bytes: 0 });
        assert_eq!(tally.total(), 40);
        tally.hear(&Fact::Done {
            chunk,
            entity: Some(entity),
            stage: Stage::Copy,
            what: String::new(),
            rows: 100,
            rejected: 0,
            bytes: 0,
            again: false,
            spent: Spent::default(),
        });
        assert_eq!(tally.total(), 100);
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
    }
}
