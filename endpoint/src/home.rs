//! Where a run is kept: inside its target.

use std::collections::BTreeMap;

use async_trait::async_trait;
use protocol::fault::Fault;
use protocol::history::Entry;
use protocol::id::{ChunkId, RunId, WorkerId};
use protocol::plan::Plan;
use protocol::receipt::{Receipt, Reject};
use protocol::run::{self, Record, Steering};

/// How long a worker counts that said that it is at a run.
pub const CREW_MS: i64 = 10_000;

/// The bookkeeping of runs inside a target: `run`, `plan`, `receipt`, `reject`, `owner`, `history`.
///
/// Reads see what is committed. Every change is one transaction. Tables that an earlier build did not
/// know are made when something is first kept in them; until then reads find nothing there.
#[async_trait]
pub trait Home: Send + Sync {
    /// Creates the bookkeeping tables where they are missing, those that an earlier build did not know
    /// among them. `Code::PlanFormat` when a newer build made them.
    async fn install(&mut self) -> Result<(), Fault>;

    /// Stores a run in state planning, its plan, and its ownership of the target entities, all in
    /// one transaction; then opens it. Storing the same run again changes nothing.
    ///
    /// # Errors
    /// `Code::TargetOwned` when another unfinished run owns one of the entities.
    async fn store(&mut self, record: &Record, plan: &Plan) -> Result<(), Fault>;

    /// All runs, latest first. Empty when nothing was ever installed.
    async fn runs(&mut self) -> Result<Vec<Record>, Fault>;

    /// One run. `Code::RunUnknown` when it is not here.
    async fn run(&mut self, run: RunId) -> Result<Record, Fault>;

    /// The plan of a run.
    async fn plan(&mut self, run: RunId) -> Result<Plan, Fault>;

    /// Begins to lead: adds one to the run's epoch and returns it. Durable before it returns. With
    /// `after`, only while that is the epoch: of those who found the run without a leader at the same
    /// moment, one leads.
    ///
    /// # Errors
    /// `Code::Deposed` when the epoch is another than `after`.
    async fn lead(&mut self, run: RunId, after: Option<u64>) -> Result<u64, Fault>;

    /// Tells that the leader of this epoch is alive, and returns what is known of the run.
    ///
    /// # Errors
    /// `Code::Deposed` when somebody else leads it.
    async fn beat(&mut self, run: RunId, epoch: u64) -> Result<Record, Fault>;

    /// Keeps what operators ask of a run, in place of what they asked before. Durable before it
    /// returns.
    async fn steer(&mut self, run: RunId, steering: &Steering) -> Result<(), Fault>;

    /// Notes under which name the leader of this epoch holds the source. Forgotten when another
    /// begins to lead.
    ///
    /// # Errors
    /// `Code::Deposed` when somebody else leads it.
    async fn note_held(&mut self, run: RunId, epoch: u64, held: &str) -> Result<(), Fault>;

    /// Rejects of each done chunk that has any.
    async fn rejected(&mut self, run: RunId) -> Result<BTreeMap<ChunkId, u64>, Fault>;

    /// The epoch now.
    async fn epoch(&mut self, run: RunId) -> Result<u64, Fault>;

    /// Ids of all done chunks: what the anti-join of plan and receipts leaves out. Durable before
    /// it returns: no crash of the target takes back one that was named, so what waits for these
    /// chunks may begin.
    async fn done(&mut self, run: RunId) -> Result<Vec<ChunkId>, Fault>;

    /// Which of these chunks are done, as far as is seen now: a crash of the target may take them back,
    /// so what waits for them asks [`Home::done`]. They are looked up one by one: ask for few.
    async fn done_of(&mut self, run: RunId, chunks: &[ChunkId]) -> Result<Vec<ChunkId>, Fault>;

    /// All done receipts, in chunk order.
    async fn receipts(&mut self, run: RunId) -> Result<Vec<Receipt>, Fault>;

    /// Rejects of a run, in chunk order, at most `limit`.
    async fn rejects(&mut self, run: RunId, limit: u64) -> Result<Vec<Reject>, Fault>;

    /// Rejects of the chunks `from..=upto` of a run, in chunk order: to read all of them page by
    /// page, with [`Home::rejected`] to say how long the pages are.
    async fn rejects_of(
        &mut self,
        run: RunId,
        from: ChunkId,
        upto: ChunkId,
    ) -> Result<Vec<Reject>, Fault>;

    /// Keeps a bounded sample of rows that were refused by a chunk that was rolled back. They are
    /// evidence, not outcome: replaced by the next sample of that chunk, and gone once it is done.
    async fn keep_sample(&mut self, run: RunId, sample: &[Reject]) -> Result<(), Fault>;

    /// The samples kept.
    async fn samples(&mut self, run: RunId) -> Result<Vec<Reject>, Fault>;

    /// Moves the run along `protocol::run`. An event that shuts the door takes the gate exclusively:
    /// chunks in flight end first. Where an engine has several writers, others wait for no chunk.
    /// `Completed` is refused with `Code::Parked` unless every planned chunk is done, and releases
    /// the owners; `Code::RunBusy` when the run cannot go that way, or somebody else moved it in
    /// between. Durable before it returns.
    async fn change(
        &mut self,
        run: RunId,
        event: run::Event,
        now: protocol::clock::Instant,
    ) -> Result<run::State, Fault>;

    /// Notes what the source's change counters said, and whether the run drifted.
    async fn note_source(&mut self, run: RunId, counters: &str, drifted: bool)
    -> Result<(), Fault>;

    /// Adds to what was done to a run. Durable before it returns.
    async fn note(&mut self, run: RunId, entry: &Entry) -> Result<(), Fault>;

    /// What was done to a run, the oldest first.
    async fn history(&mut self, run: RunId) -> Result<Vec<Entry>, Fault>;

    /// Says that a worker is at the run with so many slots, and returns how many all have together that
    /// said so within [`CREW_MS`] by the target's clock: so rates can be shared where no ledger does it.
    async fn crew(&mut self, run: RunId, worker: &WorkerId, slots: u32) -> Result<u64, Fault>;

    /// Removes all bookkeeping of a run that is over. Rows that were moved are not touched.
    /// `Code::RunBusy` when it is not over.
    async fn forget(&mut self, run: RunId) -> Result<(), Fault>;
}
