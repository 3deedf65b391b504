//! What a try came to so far: rows, rejects, and where its time went.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::batch::Digest;
use protocol::cell::Reason;
use protocol::receipt::{Reject, Spent};
use tokio::time::Instant;

/// What moved so far in a try.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) read: Digest,
    pub(crate) written: Digest,
    pub(crate) filtered: u64,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) bytes: u64,
    pub(crate) policies: BTreeMap<String, BTreeMap<Reason, u64>>,
    pub(crate) spent: Spent,
}

impl Tally {
    /// Takes back that a policy was applied: its row was refused for something else.
    pub(crate) fn unchange(&mut self, column: &str, reason: Reason) {
        let Some(reasons) = self.policies.get_mut(column) else { return };
        if let Some(times) = reasons.get_mut(&reason) {
            *times -= 1;
        }
        reasons.retain(|_, times| *times > 0);
        if reasons.is_empty() {
            self.policies.remove(column);
        }
    }
}

/// Does something, and adds how long that took to a part of the time.
pub(crate) async fn timed<T>(part: &mut u64, doing: impl Future<Output = T>) -> T {
    let since = Instant::now();
    let done = doing.await;
    add(part, since.elapsed());
    done
}

/// Adds to a part of the time.
pub(crate) fn add(part: &mut u64, time: Duration) {
    *part = part.saturating_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
}
