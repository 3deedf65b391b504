//! Keeps a claim alive, apart from the data path.
//!
//! Only *taken* abandons a chunk. A ledger that is away, or that forgot the claim, changes nothing:
//! the claim saves work and protects nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger::{Hold, Ledger};
use protocol::id::{AttemptId, ChunkId, RunId, WorkerId};

/// How long a claim lasts in one process: nobody else is there to take over.
pub(crate) const CLAIM_TTL_ALONE: Duration = Duration::from_secs(30);

/// How long it lasts in a fleet: so soon the chunk of a worker that was killed runs elsewhere.
pub(crate) const CLAIM_TTL_FLEET: Duration = Duration::from_secs(3);

/// One claim that is kept alive.
pub(crate) struct Heartbeat {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) run: RunId,
    pub(crate) chunk: ChunkId,
    pub(crate) claim: AttemptId,
    pub(crate) worker: WorkerId,
    pub(crate) ttl: Duration,
    /// Whether the ledger gave the claim, and answered every renewal that it is held.
    pub(crate) unbroken: AtomicBool,
}

impl Heartbeat {
    /// Waits until somebody else holds the claim; renews it meanwhile. Cancel it when the chunk
    /// ends.
    pub(crate) async fn until_taken(&self) {
        let (run, chunk, ttl) = (self.run, self.chunk, self.ttl);
        loop {
            tokio::time::sleep(ttl / 3).await;
            match self.ledger.renew(run, chunk, self.claim, ttl).await {
                Ok(Hold::Taken) => return,
                Ok(Hold::Held) => {}
                Ok(Hold::Unknown) => {
                    self.unbroken.store(false, Ordering::Relaxed);
                    // It forgot. Told again, it keeps others from beginning what is half done; what
                    // it answers is heard at the next renewal.
                    let _ = self.ledger.claim(run, chunk, self.claim, &self.worker, ttl).await;
                }
                Err(_) => self.unbroken.store(false, Ordering::Relaxed),
            }
        }
    }

    /// Whether nobody else can have been given the chunk since it was claimed, so that whoever is in
    /// its way has outlived a claim of their own.
    pub(crate) fn is_unbroken(&self) -> bool {
        self.unbroken.load(Ordering::Relaxed)
    }
}
