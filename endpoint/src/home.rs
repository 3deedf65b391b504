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

/// Another plan for a stored run.
#[derive(Debug, Clone)]
pub struct Revision {
    /// The fingerprint of the plan that it was drawn from.
    pub of: String,
    /// The plan as it is to be. Its chunks have the ids they had; new ones come last.
    pub plan: Plan,
    /// The chunks that are not as they were, the new ones among them.
    pub changed: Vec<ChunkId>,
    /// Done chunks that are to be done again: their receipts are taken back.
    pub undone: Vec<ChunkId>,
    /// What is kept of it.
    pub entry: Entry,
}

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

    /// Puts another plan in the place of the one that is stored, behind the gate: chunks in flight end
    /// first, and whoever still goes by the old one is fenced and deposed. A run that was complete is
    /// opened again, and owns its entities again. Durable before it returns.
    ///
    /// # Errors
    /// `Code::RunBusy` when the run was cancelled, when its plan is another by now than the revision was
    /// drawn from, or when a chunk that changes was done meanwhile; `Code::TargetOwned` when another run
    /// owns one of the entities.
    async fn revise(&mut self, run: RunId, revision: &Revision) -> Result<run::State, Fault>;

    /// Rows that were rejected and were written later after all, in chunk order, at most `limit`.
    async fn resolved(&mut self, run: RunId, limit: u64) -> Result<Vec<Reject>, Fault>;

    /// Steps that began without having a receipt, as far as the engine notes that: what they made may
    /// be there.
    async fn begun(&mut self, run: RunId) -> Result<Vec<ChunkId>, Fault>;

    /// Runs the statements of [`crate::Target::undoing`] and rolls the run back, which must be cancelled
    /// or complete: all in one transaction, where the engine's catalogue takes part in those. Where not,
    /// it may be called again.
    async fn undo(
        &mut self,
        run: RunId,
        statements: &[String],
        entry: &Entry,
    ) -> Result<run::State, Fault>;

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
