//! A ledger in this process, without a file; and the hands of the one with a file.
//!
//! For [`crate::Local`] the events and notes in here are an outbox: its writer takes them away
//! with whatever else is not written yet. So the writer may be slow or fail, and this stays
//! bounded: a chunk that moves twice is written once, and events beyond the limit are dropped.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use protocol::chunk;
use protocol::clock::{Clock, Instant};
use protocol::event::{Event, Fact};
use protocol::fault::Fault;
use protocol::id::{AttemptId, ChunkId, RunId, WorkerId};
use protocol::presence::Presence;
use tokio::sync::broadcast;

use crate::chunks::{Chunks, Row};
use crate::fleet::Fleet;
use crate::gap::Kept;
use crate::pulse::Pulses;
use crate::{Checkpoints, Claim, EVENTS_MAX, Hold, Ledger, WATCH_MAX, is_kept};

/// The ledger of one process. Copies are handles on the same memory.
#[derive(Clone)]
pub struct Memory {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    events_max: usize,
    runs: Mutex<Runs>,
    fleet: Mutex<Fleet>,
    pulses: Pulses,
    watchers: broadcast::Sender<Event>,
}

#[derive(Default)]
struct Runs {
    known: BTreeMap<RunId, Run>,
}

/// What is remembered of one run.
#[derive(Default)]
struct Run {
    chunks: Option<Chunks>,
    /// Whether the chunks were opened anew, and no older rows about them are true.
    fresh: bool,
    /// The number of the latest event, if it is known here.
    last: Option<u64>,
    events: VecDeque<Event>,
    notes: BTreeMap<String, String>,
}

/// What a run's file does not say yet.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) run: RunId,
    /// The number of chunks, when older rows about them are void.
    pub(crate) opened: Option<usize>,
    pub(crate) rows: Vec<Row>,
    pub(crate) events: Vec<Event>,
    pub(crate) notes: BTreeMap<String, String>,
}

impl Memory {
    /// An empty ledger that takes its time from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_events(clock, EVENTS_MAX)
    }

    pub(crate) fn with_events(clock: Arc<dyn Clock>, events_max: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                clock,
                events_max,
                runs: Mutex::default(),
                fleet: Mutex::default(),
                pulses: Pulses::default(),
                watchers: broadcast::Sender::new(WATCH_MAX),
            }),
        }
    }

    /// The runs. No panic can leave them half changed, so poison means nothing here.
    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.shared.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the fleet shares, and what time it is.
    fn fleet(&self) -> (MutexGuard<'_, Fleet>, Instant) {
        let fleet = self.shared.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        (fleet, self.shared.clock.now())
    }

    /// Does something to the chunks of a run, if they are known, and tells whoever waits.
    fn with_chunks<T>(&self, run: RunId, act: impl FnOnce(&mut Chunks, Instant) -> T) -> Option<T> {
        let now = self.shared.clock.now();
        let (answer, moved) = {
            let mut runs = self.runs();
            let chunks = runs.known.get_mut(&run)?.chunks.as_mut()?;
            let answer = act(chunks, now);
            (answer, chunks.take_moved())
        };
        if moved {
            self.shared.pulses.stir(run);
        }
        Some(answer)
    }

    /// Whether the chunks of a run are known, and so many.
    pub(crate) fn knows(&self, run: RunId, count: u32) -> bool {
        let runs = self.runs();
        let chunks = runs.known.get(&run).and_then(|known| known.chunks.as_ref());
        chunks.is_some_and(|chunks| chunks.count() == count as usize)
    }

    /// Takes over chunks that were written down.
    pub(crate) fn adopt(&self, run: RunId, chunks: Chunks) {
        let mut runs = self.runs();
        let known = runs.known.entry(run).or_default();
        known.chunks = Some(chunks);
        known.fresh = false;
    }

    /// Whether it is known how far the run's events have come.
    pub(crate) fn counts_events(&self, run: RunId) -> bool {
        self.runs().known.get(&run).is_some_and(|known| known.last.is_some())
    }

    /// How far the run's events have come; zero when it is not known.
    pub(crate) fn last_event(&self, run: RunId) -> u64 {
        self.runs().known.get(&run).and_then(|known| known.last).unwrap_or(0)
    }

    /// What time it is here.
    pub(crate) fn now(&self) -> Instant {
        self.shared.clock.now()
    }

    /// Tells how far the run's events have come elsewhere.
    pub(crate) fn count_events(&self, run: RunId, last: u64) {
        let mut runs = self.runs();
        let known = runs.known.entry(run).or_default();
        known.last = known.last.max(Some(last));
    }

    /// What is not written down yet. It counts as written down from now on.
    pub(crate) fn take_news(&self) -> Vec<News> {
        let mut runs = self.runs();
        let take = |(run, known): (&RunId, &mut Run)| {
            let chunks = known.chunks.as_mut();
            let fresh = std::mem::take(&mut known.fresh);
            let news = News {
                run: *run,
                opened: chunks.as_ref().filter(|_| fresh).map(|chunks| chunks.count()),
                rows: chunks.map(Chunks::take_rows).unwrap_or_default(),
                events: std::mem::take(&mut known.events).into(),
                notes: std::mem::take(&mut known.notes),
            };
            (!news.is_empty()).then_some(news)
        };
        runs.known.iter_mut().filter_map(take).collect()
    }

    /// Counts all chunks as not written down: the place where they were written is gone.
    pub(crate) fn touch_all(&self) {
        for known in self.runs().known.values_mut() {
            if let Some(chunks) = &mut known.chunks {
                chunks.touch_all();
                known.fresh = true;
            }
        }
    }
}

impl News {
    fn is_empty(&self) -> bool {
        self.opened.is_none()
            && self.rows.is_empty()
            && self.events.is_empty()
            && self.notes.is_empty()
    }
}

#[async_trait]
impl Ledger for Memory {
    async fn open(&self, run: RunId, chunks: u32) -> Result<bool, Fault> {
        if self.knows(run, chunks) {
            return Ok(false);
        }
        {
            let mut runs = self.runs();
            let known = runs.known.entry(run).or_default();
            known.chunks = Some(Chunks::waiting(chunks));
            known.fresh = true;
        }
        self.shared.pulses.stir(run);
        Ok(true)
    }

    async fn restore(&self, run: RunId, done: &[ChunkId]) -> Result<(), Fault> {
        self.with_chunks(run, |chunks, now| {
            for chunk in done {
                chunks.record(*chunk, chunk::Event::Receipt, now);
            }
        });
        Ok(())
    }

    async fn release(&self, run: RunId, released: &[ChunkId]) -> Result<(), Fault> {
        self.with_chunks(run, |chunks, now| {
            for chunk in released {
                chunks.record(*chunk, chunk::Event::Released, now);
            }
        });
        Ok(())
    }

    async fn claim(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
        worker: &WorkerId,
        ttl: Duration,
    ) -> Result<Claim, Fault> {
        let claim = |chunks: &mut Chunks, now| chunks.claim(chunk, attempt, worker, now, ttl);
        Ok(self.with_chunks(run, claim).unwrap_or(Claim::Unknown))
    }

    async fn renew(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
        ttl: Duration,
    ) -> Result<Hold, Fault> {
        let renew = |chunks: &mut Chunks, now| chunks.renew(chunk, attempt, now, ttl);
        Ok(self.with_chunks(run, renew).unwrap_or(Hold::Unknown))
    }

    async fn record(&self, run: RunId, chunk: ChunkId, event: chunk::Event) -> Result<bool, Fault> {
        let record = |chunks: &mut Chunks, now| chunks.record(chunk, event, now);
        Ok(self.with_chunks(run, record).unwrap_or(false))
    }

    async fn hand_back(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
    ) -> Result<bool, Fault> {
        let hand_back = |chunks: &mut Chunks, _| chunks.hand_back(chunk, attempt);
        Ok(self.with_chunks(run, hand_back).unwrap_or(false))
    }

    async fn checkpoints(&self, run: RunId) -> Result<Option<Checkpoints>, Fault> {
        // Looked before reading: a change in between nudges once for nothing, and none is missed.
        self.shared.pulses.look(run);
        Ok(self.with_chunks(run, |chunks, _| chunks.checkpoints()))
    }

    async fn reap(&self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        Ok(self.with_chunks(run, Chunks::reap).unwrap_or_default())
    }

    async fn lapse_all(&self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        Ok(self.with_chunks(run, Chunks::lapse_all).unwrap_or_default())
    }

    async fn publish(&self, run: RunId, fact: Fact) -> Result<u64, Fault> {
        let at = self.shared.clock.now();
        // Numbered, kept and sent under one lock, so that all see one order.
        let mut runs = self.runs();
        let known = runs.known.entry(run).or_default();
        let sequence = known.last.unwrap_or(0) + 1;
        known.last = Some(sequence);
        let event = Event { sequence, run, at, fact };
        if is_kept(&event.fact) {
            known.events.push_back(event.clone());
            if known.events.len() > self.shared.events_max {
                known.events.pop_front();
            }
        }
        // An error only says that nobody watches.
        let _ = self.shared.watchers.send(event);
        Ok(sequence)
    }

    async fn events(&self, run: RunId, after: u64, limit: usize) -> Result<Vec<Event>, Fault> {
        let runs = self.runs();
        let known = runs.known.get(&run);
        let kept = known.map_or_else(Kept::default, |known| Kept {
            first: known.events.front().map(|event| event.sequence),
            last: known.last.unwrap_or(0),
            begun: 0,
        });
        let (gap, after) = kept.find(run, after, self.shared.clock.now());
        let events = known.map(|known| &known.events).into_iter().flatten();
        let left = events.filter(|event| event.sequence > after).cloned();
        Ok(gap.into_iter().chain(left).take(limit).collect())
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.shared.watchers.subscribe()
    }

    async fn wait(&self, run: RunId, at_most: Duration) {
        self.shared.pulses.wait(run, at_most).await;
    }

    async fn note(&self, run: RunId, key: &str, value: &str) -> Result<(), Fault> {
        {
            let mut runs = self.runs();
            let known = runs.known.entry(run).or_default();
            known.notes.insert(key.to_owned(), value.to_owned());
        }
        self.shared.pulses.stir(run);
        Ok(())
    }

    async fn notes(&self, run: RunId) -> Result<BTreeMap<String, String>, Fault> {
        Ok(self.runs().known.get(&run).map(|known| known.notes.clone()).unwrap_or_default())
    }

    async fn runs(&self) -> Result<Vec<RunId>, Fault> {
        Ok(self.runs().known.keys().rev().copied().collect())
    }

    async fn forget(&self, run: RunId) -> Result<(), Fault> {
        self.runs().known.remove(&run);
        self.shared.pulses.stir(run);
        Ok(())
    }

    async fn present(&self, presence: &Presence, ttl: Duration) -> Result<(), Fault> {
        let (mut fleet, now) = self.fleet();
        fleet.present(presence, now, ttl);
        Ok(())
    }

    async fn leave(&self, who: &WorkerId) -> Result<(), Fault> {
        self.fleet().0.leave(who);
        Ok(())
    }

    async fn presences(&self) -> Result<Vec<Presence>, Fault> {
        let (mut fleet, now) = self.fleet();
        Ok(fleet.presences(now))
    }

    async fn admit(&self, bucket: &str, per_second: u64, amount: u64) -> Result<Duration, Fault> {
        let (mut fleet, now) = self.fleet();
        Ok(fleet.admit(bucket, per_second, amount, now))
    }

    async fn enter(
        &self,
        place: &str,
        max: u32,
        holder: &str,
        ttl: Duration,
    ) -> Result<bool, Fault> {
        let (mut fleet, now) = self.fleet();
        Ok(fleet.enter(place, max, holder, now, ttl))
    }

    async fn depart(&self, place: &str, holder: &str) -> Result<(), Fault> {
        self.fleet().0.depart(place, holder);
        Ok(())
    }

    async fn trouble(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use protocol::run;
    use uuid::Uuid;

    use super::*;
    use crate::conformance::{Bench, SteppedClock};

    crate::ledger_conformance!(async {
        let clock = Arc::new(SteppedClock::default());
        let ledger = Arc::new(Memory::new(clock.clone()));
        Bench { ledger, time: clock, litter: None }
    });

    #[tokio::test]
    async fn only_the_latest_events_are_kept() {
        let memory = Memory::with_events(Arc::new(SteppedClock::default()), 3);
        let run = RunId(Uuid::nil());
        for epoch in 1..=5 {
            let fact = Fact::Run { state: run::State::Running, epoch };
            memory.publish(run, fact).await.unwrap();
        }
        let kept = memory.events(run, 0, 10).await.unwrap();
        assert_eq!(kept.iter().map(|event| event.sequence).collect::<Vec<_>>(), [3, 4, 5]);

        let late = memory.events(run, 1, 2).await.unwrap();
        assert_eq!(late[0].fact, Fact::Gap { missed: Some(1) });
        assert_eq!(late.iter().map(|event| event.sequence).collect::<Vec<_>>(), [2, 3]);
    }
}
