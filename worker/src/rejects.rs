//! How many rows an entity may lose before it stops.

use std::collections::BTreeMap;

use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, EntityId};
use protocol::plan::Chunk;

use crate::carrier::Carrier;

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

    /// Whether the chunk may have so many rejects, beside those of its entity's other chunks. They
    /// are noted at once, so that chunks in flight together do not each find room for themselves.
    pub(crate) fn within_reject_limit(&self, chunk: &Chunk, rejects: usize) -> Result<(), Fault> {
        let Some(entity) = chunk.entity.filter(|_| rejects > 0) else { return Ok(()) };
        self.count_rejects(chunk.id, rejects as u64);
        let planned =
            self.parts.plan.entity(entity).rejects_max.unwrap_or(self.parts.plan.limits.rejects);
        let (total, limit) = (self.rejected_of(entity), self.asked().rejects.unwrap_or(planned));
        if total <= limit {
            return Ok(());
        }
        let name = self.parts.plan.entity(entity).target.to_string();
        Err(Fault::new(Code::RejectLimit, name)
            .saying(format!("{total} rejected, {limit} allowed")))
    }
}
