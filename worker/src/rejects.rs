//! How many rows an entity may lose before it stops.
//!
//! Two looks: as rows are refused, against what this worker knows, so that a chunk with too many ends
//! early; and before its commit, against what all workers committed, so that the limit holds.

use std::collections::BTreeMap;

use endpoint::Session;
use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, EntityId};
use protocol::plan::{Chunk, Stage};

use crate::carrier::Carrier;
use crate::tally::{Tally, timed};

impl Carrier {
    /// Takes over what the home says of chunks that are done, and leaves those in flight here alone.
    pub(crate) fn learn_rejects(&self, done: BTreeMap<ChunkId, u64>) {
        self.rejected.lock().expect("nothing panics while it is held").extend(done);
    }

    /// Notes that a chunk has so many rejects, in place of what was noted of it before.
    pub(crate) fn count_rejects(&self, chunk: ChunkId, rejects: u64) {
        let mut rejected = self.rejected.lock().expect("nothing panics while it is held");
        match rejects {
            // Most chunks have none, and there may be a million.
            0 => rejected.remove(&chunk),
            _ => rejected.insert(chunk, rejects),
        };
    }

    /// Rejects of an entity, as far as this worker knows.
    pub(crate) fn rejected_of(&self, entity: EntityId) -> u64 {
        let rejected = self.rejected.lock().expect("nothing panics while it is held");
        let mine = rejected.iter().filter(|(chunk, rejects)| {
            let owner = || self.parts.plan.chunk(**chunk).and_then(|chunk| chunk.entity);
            **rejects > 0 && owner() == Some(entity)
        });
        mine.map(|(_, rejects)| rejects).sum()
    }

    /// The same as [`Self::within_reject_limit`], but for rows that were rejected before: none of them is
    /// lost anew.
    pub(crate) fn within_limit(&self, chunk: &Chunk, rejects: usize) -> Result<(), Fault> {
        if chunk.retries.is_some() { Ok(()) } else { self.within_reject_limit(chunk, rejects) }
    }

    /// Whether the chunk may have so many rejects, beside those of its entity's other chunks. They
    /// are noted at once, so that chunks in flight together do not each find room for themselves.
    fn within_reject_limit(&self, chunk: &Chunk, rejects: usize) -> Result<(), Fault> {
        let Some(entity) = chunk.entity.filter(|_| rejects > 0) else { return Ok(()) };
        self.count_rejects(chunk.id, rejects as u64);
        let (total, limit) = (self.rejected_of(entity), self.reject_limit(entity));
        if total <= limit {
            return Ok(());
        }
        Err(self.over_reject_limit(entity, total, limit))
    }

    /// Keeps a chunk's rejects, unless they and those that all workers committed before are too many.
    /// What other workers did since the home was last asked is not known here, so the target is asked,
    /// in the chunk's own transaction: the limit holds at each commit.
    pub(crate) async fn keep_rejects(
        &self,
        chunk: &Chunk,
        session: &mut dyn Session,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        timed(&mut tally.spent.write, session.reject(&tally.rejects)).await?;
        let Some(entity) = chunk.entity else { return Ok(()) };
        let plan = &self.parts.plan;
        let mut copies = plan.chunks_of(entity, Stage::Copy).map(|chunk| chunk.id);
        let first = copies.next().unwrap_or(chunk.id);
        let chunks = first..=copies.next_back().unwrap_or(first);
        let asked = session.rejected_by(&plan.entity(entity).target, chunks);
        let total = timed(&mut tally.spent.lock, asked).await? + tally.rejects.len() as u64;
        let limit = self.reject_limit(entity);
        if total <= limit { Ok(()) } else { Err(self.over_reject_limit(entity, total, limit)) }
    }

    /// How many rows of an entity may be rejected: as planned, or as operators said since.
    fn reject_limit(&self, entity: EntityId) -> u64 {
        let plan = &self.parts.plan;
        let planned = plan.entity(entity).rejects_max.unwrap_or(plan.limits.rejects);
        self.asked().rejects.unwrap_or(planned)
    }

    fn over_reject_limit(&self, entity: EntityId, total: u64, limit: u64) -> Fault {
        let name = self.parts.plan.entity(entity).target.to_string();
        Fault::new(Code::RejectLimit, name).saying(format!("{total} rejected, {limit} allowed"))
    }
}
