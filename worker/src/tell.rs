//! What a carrier tells the ledger and whoever watches. Best effort: nothing true is only there.

use std::sync::atomic::Ordering;

use protocol::chunk;
use protocol::event::Fact;
use protocol::fault::Fault;
use protocol::id::{AttemptId, WorkerId};
use protocol::plan::Chunk;
use protocol::receipt::Receipt;
use tracing::warn;

use crate::Point;
use crate::carrier::Carrier;

impl Carrier {
    pub(crate) async fn done(&self, chunk: &Chunk, receipt: &Receipt, again: bool) {
        self.count_rejects(chunk.id, receipt.rejected);
        self.starved.store(0, Ordering::Relaxed);
        let told = self.tell(Fact::Done {
            chunk: chunk.id,
            entity: chunk.entity,
            stage: chunk.stage,
            what: self.parts.plan.what(chunk),
            rows: receipt.written.rows,
            rejected: receipt.rejected,
            bytes: receipt.bytes,
            again,
            spent: receipt.spent,
        });
        // Sent together, and told first, so that whoever hears that an entity is through has heard of
        // all its chunks.
        tokio::join!(biased; told, self.record(chunk, chunk::Event::Receipt));
        self.passed(Point::Recorded);
    }

    pub(crate) async fn faulted(&self, chunk: &Chunk, fault: &Fault, attempt: u32, parked: bool) {
        warn!(chunk = %chunk.id, code = %fault.code(), error = %fault, attempt, parked, "chunk met a fault");
        self.tell(Fact::Faulted {
            chunk: chunk.id,
            entity: chunk.entity,
            what: self.parts.plan.what(chunk),
            code: fault.code().to_string(),
            message: fault.to_string(),
            advice: fault.advice().to_string(),
            attempt,
            parked,
        })
        .await;
    }

    pub(crate) fn claimed(&self, chunk: &Chunk, worker: &WorkerId) -> Fact {
        Fact::Claimed {
            chunk: chunk.id,
            entity: chunk.entity,
            stage: chunk.stage,
            what: self.parts.plan.what(chunk),
            worker: worker.clone(),
        }
    }

    /// Best effort: the ledger may be away, and the receipt stands without it.
    pub(crate) async fn record(&self, chunk: &Chunk, event: chunk::Event) {
        if let Err(fault) = self.parts.ledger.record(self.parts.run, chunk.id, event).await {
            warn!(chunk = %chunk.id, error = %fault, "the ledger was not told");
        }
    }

    /// Best effort, like [`Carrier::record`]; a claim that stays behind runs out.
    pub(crate) async fn hand_back(&self, chunk: &Chunk, claim: AttemptId) {
        let _ = self.parts.ledger.hand_back(self.parts.run, chunk.id, claim).await;
    }

    /// Best effort, like [`Carrier::record`].
    pub(crate) async fn tell(&self, fact: Fact) {
        if let Err(fault) = self.parts.ledger.publish(self.parts.run, fact).await {
            warn!(error = %fault, "an event was not published");
        }
    }
}
