//! A ledger that misbehaves on request, around one that does not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use protocol::chunk;
use protocol::event::{Event, Fact};
use protocol::fault::{Code, Fault};
use protocol::id::{AttemptId, ChunkId, RunId, WorkerId};
use protocol::presence::Presence;
use tokio::sync::broadcast;

use crate::{Checkpoints, Claim, Hold, Ledger};

/// What can go wrong separately: every method of [`Ledger`] that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named after its method")]
pub enum Operation {
    Open,
    Restore,
    Release,
    Claim,
    Renew,
    Record,
    HandBack,
    Checkpoints,
    Reap,
    LapseAll,
    Publish,
    Events,
    Note,
    Notes,
    Runs,
    Forget,
    Present,
    Leave,
    Presences,
    Admit,
    Enter,
    Depart,
}

/// How one call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mood {
    /// As it should.
    Well,
    /// An error, and nothing was done.
    Refuse,
    /// It was done, and the answer was lost: an error.
    DoThenFail,
    /// Just before it, everything was forgotten: a ledger that woke up empty.
    Forget,
}

/// A ledger with scripted moods: each call of an operation uses up the first mood that was
/// scripted for it, and goes well when there is none. Copies share one script.
#[derive(Clone)]
pub struct Faulty {
    inner: Arc<dyn Ledger>,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    moods: BTreeMap<Operation, VecDeque<Mood>>,
    at: BTreeMap<u64, Mood>,
    calls: u64,
    away: bool,
}

impl Faulty {
    /// Wraps a ledger; it behaves well until told otherwise.
    pub fn new(inner: Arc<dyn Ledger>) -> Self {
        Self { inner, script: Arc::default() }
    }

    /// Appends moods for the next calls of an operation.
    pub fn script(&self, operation: Operation, moods: impl IntoIterator<Item = Mood>) {
        self.lock().moods.entry(operation).or_default().extend(moods);
    }

    /// Sets the mood of one call, counted over all operations from 1 since this was made. So a
    /// test can try a mishap at every step of a run, until [`Faulty::calls`] is reached.
    pub fn at(&self, call: u64, mood: Mood) {
        self.lock().at.insert(call, mood);
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Refuses everything, until told otherwise.
    pub fn away(&self, away: bool) {
        self.lock().away = away;
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mood(&self, operation: Operation) -> Mood {
        let mut script = self.lock();
        script.calls += 1;
        let call = script.calls;
        if script.away {
            return Mood::Refuse;
        }
        if let Some(mood) = script.at.remove(&call) {
            return mood;
        }
        script.moods.get_mut(&operation).and_then(VecDeque::pop_front).unwrap_or(Mood::Well)
    }

    /// Lets a call through in its mood. The call itself is lazy: unless it is awaited, nothing
    /// was done.
    async fn through<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        match self.mood(operation) {
            Mood::Well => call.await,
            Mood::Refuse => Err(lost()),
            Mood::DoThenFail => call.await.and(Err(lost())),
            Mood::Forget => {
                for run in self.inner.runs().await? {
                    self.inner.forget(run).await?;
                }
                call.await
            }
        }
    }
}

fn lost() -> Fault {
    Fault::new(Code::Unreachable, "the ledger").saying("a scripted fault")
}

#[async_trait]
impl Ledger for Faulty {
    async fn open(&self, run: RunId, chunks: u32) -> Result<bool, Fault> {
        self.through(Operation::Open, self.inner.open(run, chunks)).await
    }

    async fn restore(&self, run: RunId, done: &[ChunkId]) -> Result<(), Fault> {
        self.through(Operation::Restore, self.inner.restore(run, done)).await
    }

    async fn release(&self, run: RunId, chunks: &[ChunkId]) -> Result<(), Fault> {
        self.through(Operation::Release, self.inner.release(run, chunks)).await
    }

    async fn claim(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
        worker: &WorkerId,
        ttl: Duration,
    ) -> Result<Claim, Fault> {
        let call = self.inner.claim(run, chunk, attempt, worker, ttl);
        self.through(Operation::Claim, call).await
    }

    async fn renew(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
        ttl: Duration,
    ) -> Result<Hold, Fault> {
        self.through(Operation::Renew, self.inner.renew(run, chunk, attempt, ttl)).await
    }

    async fn record(&self, run: RunId, chunk: ChunkId, event: chunk::Event) -> Result<bool, Fault> {
        self.through(Operation::Record, self.inner.record(run, chunk, event)).await
    }

    async fn hand_back(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
    ) -> Result<bool, Fault> {
        self.through(Operation::HandBack, self.inner.hand_back(run, chunk, attempt)).await
    }

    async fn checkpoints(&self, run: RunId) -> Result<Option<Checkpoints>, Fault> {
        self.through(Operation::Checkpoints, self.inner.checkpoints(run)).await
    }

    async fn reap(&self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        self.through(Operation::Reap, self.inner.reap(run)).await
    }

    async fn lapse_all(&self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        self.through(Operation::LapseAll, self.inner.lapse_all(run)).await
    }

    async fn publish(&self, run: RunId, fact: Fact) -> Result<u64, Fault> {
        self.through(Operation::Publish, self.inner.publish(run, fact)).await
    }

    async fn events(&self, run: RunId, after: u64, limit: usize) -> Result<Vec<Event>, Fault> {
        self.through(Operation::Events, self.inner.events(run, after, limit)).await
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.inner.subscribe()
    }

    async fn wait(&self, run: RunId, at_most: Duration) {
        self.inner.wait(run, at_most).await;
    }

    async fn note(&self, run: RunId, key: &str, value: &str) -> Result<(), Fault> {
        self.through(Operation::Note, self.inner.note(run, key, value)).await
    }

    async fn notes(&self, run: RunId) -> Result<BTreeMap<String, String>, Fault> {
        self.through(Operation::Notes, self.inner.notes(run)).await
    }

    async fn runs(&self) -> Result<Vec<RunId>, Fault> {
        self.through(Operation::Runs, self.inner.runs()).await
    }

    async fn forget(&self, run: RunId) -> Result<(), Fault> {
        self.through(Operation::Forget, self.inner.forget(run)).await
    }

    async fn present(&self, presence: &Presence, ttl: Duration) -> Result<(), Fault> {
        self.through(Operation::Present, self.inner.present(presence, ttl)).await
    }

    async fn leave(&self, who: &WorkerId) -> Result<(), Fault> {
        self.through(Operation::Leave, self.inner.leave(who)).await
    }

    async fn presences(&self) -> Result<Vec<Presence>, Fault> {
        self.through(Operation::Presences, self.inner.presences()).await
    }

    async fn admit(&self, bucket: &str, per_second: u64, amount: u64) -> Result<Duration, Fault> {
        self.through(Operation::Admit, self.inner.admit(bucket, per_second, amount)).await
    }

    async fn enter(
        &self,
        place: &str,
        max: u32,
        holder: &str,
        ttl: Duration,
    ) -> Result<bool, Fault> {
        self.through(Operation::Enter, self.inner.enter(place, max, holder, ttl)).await
    }

    async fn depart(&self, place: &str, holder: &str) -> Result<(), Fault> {
        self.through(Operation::Depart, self.inner.depart(place, holder)).await
    }

    async fn trouble(&self) -> Option<String> {
        if self.lock().away {
            return Some("a scripted fault".to_owned());
        }
        self.inner.trouble().await
    }
}

#[cfg(test)]
mod tests {
    use protocol::chunk::{Event, State};
    use uuid::Uuid;

    use super::*;
    use crate::Memory;
    use crate::conformance::{Bench, SteppedClock};

    const RUN: RunId = RunId(Uuid::from_u128(1));
    const CHUNK: ChunkId = ChunkId(0);

    async fn faulty() -> Faulty {
        let faulty = Faulty::new(Arc::new(Memory::new(Arc::new(SteppedClock::default()))));
        faulty.open(RUN, 1).await.unwrap();
        faulty
    }

    async fn state(faulty: &Faulty) -> State {
        faulty.checkpoints(RUN).await.unwrap().unwrap().states[0]
    }

    // Without a script, it is a ledger like any other.
    crate::ledger_conformance!(async {
        let clock = Arc::new(SteppedClock::default());
        let inner = Arc::new(Memory::new(clock.clone()));
        Bench { ledger: Arc::new(Faulty::new(inner)), time: clock, litter: None }
    });

    #[tokio::test]
    async fn what_is_refused_is_not_done() {
        let faulty = faulty().await;
        faulty.script(Operation::Record, [Mood::Refuse]);
        faulty.record(RUN, CHUNK, Event::Receipt).await.unwrap_err();
        assert_eq!(state(&faulty).await, State::Waiting);
    }

    #[tokio::test]
    async fn what_is_done_may_not_be_answered() {
        let faulty = faulty().await;
        faulty.script(Operation::Record, [Mood::DoThenFail]);
        faulty.record(RUN, CHUNK, Event::Receipt).await.unwrap_err();
        assert_eq!(state(&faulty).await, State::Done);
    }

    #[tokio::test]
    async fn it_forgets_everything_at_a_chosen_call() {
        let faulty = faulty().await;
        faulty.at(3, Mood::Forget);
        assert_eq!(faulty.runs().await.unwrap(), [RUN]);
        assert!(!faulty.record(RUN, CHUNK, Event::Receipt).await.unwrap());
        assert_eq!(faulty.checkpoints(RUN).await.unwrap(), None);
        assert_eq!(faulty.calls(), 4);
    }

    #[tokio::test]
    async fn it_goes_away_and_comes_back() {
        let faulty = faulty().await;
        faulty.away(true);
        faulty.runs().await.unwrap_err();
        faulty.away(false);
        assert_eq!(faulty.runs().await.unwrap(), [RUN]);
    }
}
