//! Whether a run changed since somebody looked, and waking whoever waits for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::id::RunId;
use tokio::sync::watch;
use tokio::time::timeout;

/// The pulses of all runs.
#[derive(Debug, Default)]
pub(crate) struct Pulses {
    runs: Mutex<BTreeMap<RunId, Pulse>>,
    /// Rises whenever any run changed.
    changed: watch::Sender<u64>,
}

/// How often a run changed, and up to where somebody has looked.
#[derive(Debug, Default)]
struct Pulse {
    changes: u64,
    seen: u64,
}

impl Pulses {
    /// No panic can leave them half changed, so poison means nothing here.
    fn runs(&self) -> MutexGuard<'_, BTreeMap<RunId, Pulse>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits for a change of this run.
    pub(crate) fn stir(&self, run: RunId) {
        self.runs().entry(run).or_default().changes += 1;
        self.changed.send_modify(|times| *times += 1);
    }

    /// Wakes everybody: something may have been missed.
    pub(crate) fn stir_all(&self) {
        self.runs().values_mut().for_each(|pulse| pulse.changes += 1);
        self.changed.send_modify(|times| *times += 1);
    }

    /// Up to where somebody looked at the run; counts as a look.
    pub(crate) fn look(&self, run: RunId) -> u64 {
        let mut runs = self.runs();
        let pulse = runs.entry(run).or_default();
        std::mem::replace(&mut pulse.seen, pulse.changes)
    }

    fn changes(&self, run: RunId) -> u64 {
        self.runs().get(&run).map_or(0, |pulse| pulse.changes)
    }

    /// See [`crate::Ledger::wait`].
    pub(crate) async fn wait(&self, run: RunId, at_most: Duration) {
        let mut changed = self.changed.subscribe();
        let seen = self.look(run);
        let change = async {
            // The sender lives as long as `self`, so the error cannot come.
            while self.changes(run) <= seen && changed.changed().await.is_ok() {}
        };
        // Running out of time is an answer like any other.
        let _ = timeout(at_most, change).await;
        self.look(run);
    }
}
