//! Keeps a claim alive, apart from the data path.
//!
//! Only *taken* abandons a chunk. A ledger that is away, or that forgot the claim, changes nothing:
//! the claim saves work and protects nothing.

use std::sync::Arc;
use std::time::Duration;

use ledger::{Hold, Ledger};
use protocol::id::{AttemptId, ChunkId, RunId};

/// How long a claim lasts unless it is renewed.
pub(crate) const CLAIM_TTL: Duration = Duration::from_secs(30);

/// Waits until somebody else holds the claim; renews it meanwhile. Cancel it when the chunk ends.
pub(crate) async fn until_taken(
    ledger: Arc<dyn Ledger>,
    run: RunId,
    chunk: ChunkId,
    attempt: AttemptId,
) {
    loop {
        tokio::time::sleep(CLAIM_TTL / 3).await;
        match ledger.renew(run, chunk, attempt, CLAIM_TTL).await {
            Ok(Hold::Taken) => return,
            Ok(Hold::Held | Hold::Unknown) | Err(_) => {}
        }
    }
}
