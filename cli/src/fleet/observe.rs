//! A ledger that counts what passes through it, for the metrics and traces of this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ledger::{Checkpoints, Claim, Hold, Ledger};
use protocol::chunk;
use protocol::event::{Event, Fact};
use protocol::fault::Fault;
use protocol::id::{AttemptId, ChunkId, RunId, WorkerId};
use protocol::presence::Presence;
use tokio::sync::broadcast;

use super::health::Health;
use super::traces::Journeys;

/// Passes everything on, and tells [`Health`] and [`Journeys`] what it saw.
pub(crate) struct Observed {
    pub(crate) inner: Arc<dyn Ledger>,
    pub(crate) health: Arc<Health>,
    /// Where chunks are traced, if they are.
    pub(crate) journeys: Option<Arc<Journeys>>,
}

impl Observed {
    /// Notes how the ledger answered this question.
    fn heard<T>(&self, question: &'static str, answer: Result<T, Fault>) -> Result<T, Fault> {
        self.health.ledger(question, answer.as_ref().err());
        answer
    }
}

#[async_trait]
impl Ledger for Observed {
    async fn open(&self, run: RunId, chunks: u32) -> Result<bool, Fault> {
        self.heard("open", self.inner.open(run, chunks).await)
    }

    async fn restore(&self, run: RunId, done: &[ChunkId]) -> Result<(), Fault> {
        self.heard("restore", self.inner.restore(run, done).await)
    }

    async fn release(&self, run: RunId, chunks: &[ChunkId]) -> Result<(), Fault> {
        self.heard("release", self.inner.release(run, chunks).await)
    }

    async fn claim(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
        worker: &WorkerId,
        ttl: Duration,
    ) -> Result<Claim, Fault> {
        self.heard("claim", self.inner.claim(run, chunk, attempt, worker, ttl).await)
    }

    async fn renew(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
        ttl: Duration,
    ) -> Result<Hold, Fault> {
        self.heard("renew", self.inner.renew(run, chunk, attempt, ttl).await)
    }

    async fn record(&self, run: RunId, chunk: ChunkId, event: chunk::Event) -> Result<bool, Fault> {
        self.heard("record", self.inner.record(run, chunk, event).await)
    }

    async fn hand_back(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
    ) -> Result<bool, Fault> {
        self.heard("hand_back", self.inner.hand_back(run, chunk, attempt).await)
    }

    /// Only who leads a run asks this.
    async fn checkpoints(&self, run: RunId) -> Result<Option<Checkpoints>, Fault> {
        let known = self.heard("checkpoints", self.inner.checkpoints(run).await)?;
        if let Some(known) = &known {
            self.health.metrics.saw(run, known);
        }
        Ok(known)
    }

    async fn reap(&self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        self.heard("reap", self.inner.reap(run).await)
    }

    async fn lapse_all(&self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        self.heard("lapse_all", self.inner.lapse_all(run).await)
    }

    /// Counted whether or not the ledger takes it: it is a fact.
    async fn publish(&self, run: RunId, fact: Fact) -> Result<u64, Fault> {
        self.health.metrics.hear(&fact);
        if let Some(journeys) = &self.journeys {
            journeys.hear(run, &fact);
        }
        self.heard("publish", self.inner.publish(run, fact).await)
    }

    async fn events(&self, run: RunId, after: u64, limit: usize) -> Result<Vec<Event>, Fault> {
        self.heard("events", self.inner.events(run, after, limit).await)
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.inner.subscribe()
    }

    async fn present(&self, presence: &Presence, ttl: Duration) -> Result<(), Fault> {
        let busy = u32::try_from(presence.on.len()).unwrap_or(presence.slots);
        self.health.metrics.slots(busy, presence.slots);
        self.heard("present", self.inner.present(presence, ttl).await)
    }

    async fn leave(&self, who: &WorkerId) -> Result<(), Fault> {
        self.heard("leave", self.inner.leave(who).await)
    }

    async fn presences(&self) -> Result<Vec<Presence>, Fault> {
        self.heard("presences", self.inner.presences().await)
    }

    async fn admit(&self, bucket: &str, per_second: u64, amount: u64) -> Result<Duration, Fault> {
        self.heard("admit", self.inner.admit(bucket, per_second, amount).await)
    }

    async fn enter(
        &self,
        place: &str,
        max: u32,
        holder: &str,
        ttl: Duration,
    ) -> Result<bool, Fault> {
        self.heard("enter", self.inner.enter(place, max, holder, ttl).await)
    }

    async fn depart(&self, place: &str, holder: &str) -> Result<(), Fault> {
        self.heard("depart", self.inner.depart(place, holder).await)
    }

    async fn trouble(&self) -> Option<String> {
        self.inner.trouble().await
    }

    async fn wait(&self, run: RunId, at_most: Duration) {
        self.inner.wait(run, at_most).await;
    }

    async fn note(&self, run: RunId, key: &str, value: &str) -> Result<(), Fault> {
        self.heard("note", self.inner.note(run, key, value).await)
    }

    async fn notes(&self, run: RunId) -> Result<BTreeMap<String, String>, Fault> {
        self.heard("notes", self.inner.notes(run).await)
    }

    async fn runs(&self) -> Result<Vec<RunId>, Fault> {
        self.heard("runs", self.inner.runs().await)
    }

    async fn forget(&self, run: RunId) -> Result<(), Fault> {
        self.heard("forget", self.inner.forget(run).await)
    }
}
