//! The log of a round: what was done to whom, when, and how often.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// What happened in a round.
#[derive(Debug)]
pub struct Log {
    began: Instant,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: Vec<String>,
    counts: BTreeMap<&'static str, u64>,
}

impl Log {
    pub(super) fn begin() -> Self {
        Self { began: Instant::now(), kept: Mutex::default() }
    }

    /// Notes that something happened, and counts it.
    pub(super) fn note(&self, what: &'static str, said: &str) {
        self.count(what, 1);
        let at = self.began.elapsed().as_secs_f64();
        self.kept().lines.push(format!("{at:9.3} s  {what}: {said}"));
    }

    /// Counts something that has no line of its own.
    pub(super) fn count(&self, what: &'static str, times: u64) {
        *self.kept().counts.entry(what).or_default() += times;
    }

    /// All lines.
    pub fn lines(&self) -> Vec<String> {
        self.kept().lines.clone()
    }

    /// How often what happened.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.kept().counts.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
