//! What a run remembers while it runs, who works on what, and who is watching.
//!
//! # Promises
//! [`conformance`] holds every ledger to these.
//! 1. A chunk moves only as `protocol::chunk::State::on` allows. An event out of turn changes
//!    nothing. A receipt ends a chunk from any state.
//! 2. A chunk is claimed by one attempt at a time, measured by the ledger's own clock.
//! 3. The events of one run come back in the order in which they were published, under numbers
//!    that rise.
//! 4. A reader of events whose position is gone is told so, with a `Fact::Gap`, before it is given
//!    what is left.
//! 5. Memory is bounded: one state per chunk, one claim per chunk in hands, and the latest
//!    [`EVENTS_MAX`] events of a run. A presence and a permit last as long as they are renewed.
//!
//! # Not promised
//! Memory. A ledger may wake up empty at any moment, and answers *unknown* then; it is rebuilt
//! from the plan and the receipts, which stand in the target. Nor that whoever lost a claim has
//! stopped: claims advise, receipts decide. Nor that the numbers of events have no gaps.
//!
//! # Who calls what
//! The coordinator calls [`Ledger::open`], [`Ledger::restore`], [`Ledger::release`],
//! [`Ledger::reap`], [`Ledger::checkpoints`] and [`Ledger::wait`]; a worker [`Ledger::claim`],
//! [`Ledger::renew`], [`Ledger::record`] and [`Ledger::hand_back`]; both [`Ledger::publish`].
//! Both say that they are there with [`Ledger::present`], and ask [`Ledger::admit`] and
//! [`Ledger::enter`] before they burden an endpoint that the whole fleet shares.
//! Commands and consoles read [`Ledger::presences`], [`Ledger::runs`], [`Ledger::notes`], [`Ledger::checkpoints`],
//! [`Ledger::events`] and [`Ledger::subscribe`].

#[cfg(test)]
mod agreement;
mod chunks;
pub mod conformance;
mod faulty;
mod fleet;
mod gap;
mod local;
mod memory;
mod pulse;
mod redis;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use protocol::chunk;
use protocol::clock::Instant;
use protocol::event::{Event, Fact};
use protocol::fault::Fault;
use protocol::finding::Finding;
use protocol::id::{AttemptId, ChunkId, RunId, WorkerId};
use protocol::presence::Presence;
use tokio::sync::broadcast;

pub use self::redis::{Redis, RedisOptions};
pub use faulty::{Faulty, Mood, Operation};
pub use local::Local;
pub use memory::Memory;

/// How many events of a run are kept; older ones are dropped first.
pub const EVENTS_MAX: usize = 100_000;

/// The most chunks that are remembered of a run. A number beyond it was written by somebody else, and
/// no memory is set aside for it.
pub const CHUNKS_MAX: u32 = 1 << 24;

/// How many events a watcher may lie behind before it is told that it missed some.
const WATCH_MAX: usize = 1024;

/// What a claim was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is yours.
    Claimed {
        /// Which try this is, from 1: one more than the faults and lapsed claims before it.
        tries: u32,
    },
    /// Another attempt holds it, and its time is not over.
    AliveElsewhere,
    /// Its receipt was seen.
    Done,
    /// It waits for a person.
    Parked,
    /// It was not released yet.
    Waiting,
    /// The ledger does not know it. Go on without a claim.
    Unknown,
}

/// What a renewal was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It is still yours, for another while.
    Held,
    /// It is somebody else's, done or parked: abandon the chunk.
    Taken,
    /// Nobody holds it, as far as the ledger knows. Go on.
    Unknown,
}

/// All that the ledger remembers of a run's chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoints {
    /// `states[i]` is the state of chunk `i`.
    pub states: Vec<chunk::State>,
    /// How often a chunk met a fault or lost its claim; only chunks that did, and counted anew
    /// from when a person reopened it.
    pub attempts: BTreeMap<ChunkId, u32>,
    /// Who holds a claim; exactly the chunks that are `Claimed`.
    pub holders: BTreeMap<ChunkId, Holder>,
}

/// Who works on a chunk, and until when that may be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Who.
    pub worker: WorkerId,
    /// When the claim runs out unless it is renewed, by the ledger's clock.
    pub until: Instant,
}

/// The working memory of runs.
///
/// Every method may fail with `Code::Unreachable` or `Code::LedgerUnusable`; the caller goes on
/// without the ledger, since nothing true is only here.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Remembers a run with so many chunks, all waiting, unless it is known already. Returns true
    /// when it was unknown; the caller then rebuilds it with [`Ledger::restore`]. A memory with
    /// another number of chunks is of another plan, and is thrown away as if unknown.
    async fn open(&self, run: RunId, chunks: u32) -> Result<bool, Fault>;

    /// Tells the ledger which chunks have receipts, any number of times. It never takes a
    /// receipt back; for that, [`Ledger::forget`] the run and open it again.
    async fn restore(&self, run: RunId, done: &[ChunkId]) -> Result<(), Fault>;

    /// Makes those of these chunks ready that are waiting.
    async fn release(&self, run: RunId, chunks: &[ChunkId]) -> Result<(), Fault>;

    /// Takes a claim for `ttl`, by the ledger's own clock. A claim that ran out is counted and
    /// taken over. Asking twice with one attempt is asking once.
    async fn claim(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
        worker: &WorkerId,
        ttl: Duration,
    ) -> Result<Claim, Fault>;

    /// Holds a claim for another `ttl` from now, even one that ran out if nobody noticed yet.
    /// After [`Hold::Unknown`], go on, and claim again if you like.
    async fn renew(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
        ttl: Duration,
    ) -> Result<Hold, Fault>;

    /// Moves the chunk along `protocol::chunk::State::on`. Returns whether the event had its
    /// place; one out of turn, or about a chunk unknown here, changes nothing.
    ///
    /// `Lapsed` and `Parked` count a try, `Reopened` begins to count anew. `Claimed` through this
    /// door has no holder and no time: it runs out at once. Use [`Ledger::claim`].
    async fn record(&self, run: RunId, chunk: ChunkId, event: chunk::Event) -> Result<bool, Fault>;

    /// Gives a claim back without counting a try: a shutdown, a pause, a fence. Returns whether
    /// the attempt held it.
    async fn hand_back(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
    ) -> Result<bool, Fault>;

    /// All that is remembered of the run's chunks; `None` when it is not known here.
    async fn checkpoints(&self, run: RunId) -> Result<Option<Checkpoints>, Fault>;

    /// Makes claims that ran out ready again, counts a try for each, and returns their chunks.
    async fn reap(&self, run: RunId) -> Result<Vec<ChunkId>, Fault>;

    /// Makes every claim of the run lapse, whatever its time, counts a try for each, and returns
    /// their chunks. For one who knows that nobody can be at work: the first step of a run that
    /// lives in one process.
    async fn lapse_all(&self, run: RunId) -> Result<Vec<ChunkId>, Fault>;

    /// Publishes a fact to whoever watches, and returns its number. `Fact::Moving` goes only to
    /// those who watch at this moment and is not kept. The run need not have been opened.
    async fn publish(&self, run: RunId, fact: Fact) -> Result<u64, Fault>;

    /// Kept events with numbers above `after`, at most `limit`, oldest first; read on after the
    /// number of the last one. When `after` is not zero and what came next is gone, or the stream
    /// began anew, the first one is a `Fact::Gap` (see there for its number). After zero is what
    /// is left, from its beginning.
    async fn events(&self, run: RunId, after: u64, limit: usize) -> Result<Vec<Event>, Fault>;

    /// Events of all runs from now on, `Fact::Moving` included, as they are published through
    /// this ledger's handle. Whoever reads too slowly is told how many were missed, and finds the
    /// kept ones with [`Ledger::events`].
    fn subscribe(&self) -> broadcast::Receiver<Event>;

    /// Says that a process is there, and what it does, for the next `ttl`. An older presence of
    /// that id is replaced.
    async fn present(&self, presence: &Presence, ttl: Duration) -> Result<(), Fault>;

    /// Says that a process goes.
    async fn leave(&self, who: &WorkerId) -> Result<(), Fault>;

    /// Who is there: those who said so and whose time is not over, by id.
    async fn presences(&self) -> Result<Vec<Presence>, Fault>;

    /// Takes an amount (rows, bytes) out of a bucket that the whole fleet shares, and says how
    /// long to wait before using it. The bucket fills at `per_second` (at least one), by the
    /// ledger's clock, and holds what one second fills: that much can be had at once. What is
    /// taken stays taken, so a large amount makes the next ones wait. A changed `per_second`
    /// holds from this call on, for what was taken before, too.
    async fn admit(&self, bucket: &str, per_second: u64, amount: u64) -> Result<Duration, Fault>;

    /// Asks for one of `max` permits to be in a place (a connection to an endpoint), for `ttl` by
    /// the ledger's clock. Entering again renews it, and never fails while it lasts, even if
    /// `max` is smaller by now.
    async fn enter(
        &self,
        place: &str,
        max: u32,
        holder: &str,
        ttl: Duration,
    ) -> Result<bool, Fault>;

    /// Gives a permit back.
    async fn depart(&self, place: &str, holder: &str) -> Result<(), Fault>;

    /// What is wrong with the ledger at this moment, in one line for people; `None` when it does
    /// all that it should. A ledger in this process is never in trouble.
    async fn trouble(&self) -> Option<String>;

    /// What to know of it before work begins: version, encryption, persistence, memory. Changes
    /// nothing.
    async fn examine(&self) -> Result<Vec<Finding>, Fault> {
        Ok(Vec::new())
    }

    /// Waits until something about the run's chunks or notes may have changed since the last
    /// [`Ledger::checkpoints`] or wait, or until `at_most` passed. A nudge: it carries no
    /// information, may come for nothing, and may be missed across processes. Published facts do
    /// not nudge.
    async fn wait(&self, run: RunId, at_most: Duration);

    /// Keeps a note about a run for people and later commands: how it was invoked, where its
    /// report lies. Never a secret. An older note of that key is replaced. The run need not have
    /// been opened.
    async fn note(&self, run: RunId, key: &str, value: &str) -> Result<(), Fault>;

    /// All notes about a run.
    async fn notes(&self, run: RunId) -> Result<BTreeMap<String, String>, Fault>;

    /// Runs of which anything is known, latest first.
    async fn runs(&self) -> Result<Vec<RunId>, Fault>;

    /// Forgets all about a run.
    async fn forget(&self, run: RunId) -> Result<(), Fault>;
}

/// Whether an event of this fact is kept for those who come later.
pub(crate) fn is_kept(fact: &Fact) -> bool {
    match fact {
        Fact::Moving { .. } => false,
        Fact::Run { .. }
        | Fact::Stage { .. }
        | Fact::Entity { .. }
        | Fact::Claimed { .. }
        | Fact::Done { .. }
        | Fact::Faulted { .. }
        | Fact::Finding { .. }
        | Fact::Worker { .. }
        | Fact::Gap { .. } => true,
    }
}
