//! The one way of a chunk into a target.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use protocol::batch::Batch;
use protocol::fault::Fault;
use protocol::id::{AttemptId, ChunkId, RunId};
use protocol::plan::{Chunk, ColumnMap, Entity, Step};
use protocol::receipt::{Receipt, Reject};
use protocol::schema::TableName;

/// What [`Session::begin`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The chunk is ours: its receipt is open, under our attempt.
    Open,
    /// It was decided before. The transaction is closed again.
    Decided(Box<Receipt>),
    /// The run is in a state that admits no chunks, or no longer owns the entity. The transaction
    /// is closed again.
    Fenced,
}

/// What rows a session is about to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Rows of all columns of the entity, as its mode says; columns in `entity.links` are left
    /// NULL where `blank_links`.
    Rows {
        /// Whether links are left NULL for a second pass.
        blank_links: bool,
    },
    /// Key columns and then link columns: fills the links of rows that are there. `columns` are
    /// the entity's columns for each cell: first those of the key, then those of the links.
    Links {
        /// How many of the cells are the key.
        key: usize,
        /// The columns of the cells.
        columns: Vec<ColumnMap>,
    },
}

/// One connection for chunk transactions, of one slot, reused between chunks.
///
/// The order of calls is the chunk protocol: `begin`, then for a copy `start`, `write`…, `finish`
/// (in careful gear many times, between savepoints), or for a step `execute`; then `reject`,
/// `complete`, `commit`. After any fault the session is dropped, except where `rollback_to` is
/// allowed.
#[async_trait]
pub trait Session: Send {
    /// Begins the chunk's transaction: takes the gate shared, reads state and owner, and inserts
    /// the receipt as `open`. Waits while another attempt at the same chunk is in flight, at most
    /// as long as the engine's bound; then `Code::Busy`.
    ///
    /// For a step (`Work::Step`) the order inside is the session lock of the chunk first, and the
    /// gate at `complete`, so that an index build of hours does not hold the gate.
    async fn begin(
        &mut self,
        run: RunId,
        chunk: &Chunk,
        attempt: AttemptId,
    ) -> Result<Begun, Fault>;

    /// Whether every one of these chunks has its receipt: what a chunk comes after is asked here, on
    /// the connection that will commit it, and after `begin` inside its transaction. The ledger may
    /// lie about order; the receipts cannot.
    ///
    /// What a session was told to be done it does not ask again: only a crash of the server takes a
    /// receipt back, and that ends the session. So each range is counted once in a session's life.
    async fn all_done(
        &mut self,
        run: RunId,
        chunks: &[RangeInclusive<ChunkId>],
    ) -> Result<bool, Fault>;

    /// Says which plan its chunks are of, by fingerprint: where the run's is another by then,
    /// [`Session::begin`] finds itself fenced. Holds for every chunk from now on.
    fn believe(&mut self, fingerprint: &str);

    /// Opens the way for rows into the entity. `immediate` makes deferred constraints speak at once.
    async fn start(&mut self, entity: &Entity, write: &Write, immediate: bool)
    -> Result<(), Fault>;

    /// Writes a batch. The cells are as `entity.lane` says, in the order of `entity.columns`
    /// (or of `Write::Links::columns`). A fault of this or of `finish` names the row it is about
    /// (`Fault::row`) where the engine says which, and only one batch was written.
    async fn write(&mut self, batch: Batch) -> Result<(), Fault>;

    /// Closes the way again, and returns how many rows the target counted as written. (For
    /// `Write::Links`: rows found and filled.)
    async fn finish(&mut self) -> Result<u64, Fault>;

    /// Marks a point to come back to. Only one at a time.
    async fn savepoint(&mut self) -> Result<(), Fault>;

    /// Undoes everything since the savepoint, after a fault in `start`, `write` or `finish` too,
    /// and forgets it.
    async fn rollback_to(&mut self) -> Result<(), Fault>;

    /// Keeps everything since the savepoint, and forgets it.
    async fn release(&mut self) -> Result<(), Fault>;

    /// Runs the statements of a step.
    async fn execute(&mut self, step: &Step) -> Result<(), Fault>;

    /// Keeps rejected rows, in this transaction.
    async fn reject(&mut self, rejects: &[Reject]) -> Result<(), Fault>;

    /// Settles rejects of the chunk `of`, in this transaction: those of the `resolved` keys are in the
    /// target now, written by the chunk `by`; those in `again` were refused once more, and stand in the
    /// place of what was kept of them.
    async fn settle(
        &mut self,
        by: ChunkId,
        of: ChunkId,
        resolved: &[String],
        again: &[Reject],
    ) -> Result<(), Fault>;

    /// How many rows the done ones of these chunks of an entity rejected. Whoever else asks this of
    /// the entity waits until this transaction ends, so the number is still true at its commit. To be
    /// asked shortly before that.
    ///
    /// # Errors
    /// `Code::TargetOwned` when the run no longer owns the entity; `Code::Busy` when the wait is too
    /// long.
    async fn rejected_by(
        &mut self,
        entity: &TableName,
        chunks: RangeInclusive<ChunkId>,
    ) -> Result<u64, Fault>;

    /// Completes the receipt: exactly one row must change from `open`. `Code::NotMine` when none
    /// does: then nothing of this transaction is true.
    async fn complete(&mut self, receipt: &Receipt) -> Result<(), Fault>;

    /// Commits. An error or silence is ambiguous: drop the session and begin the chunk again.
    async fn commit(&mut self) -> Result<(), Fault>;

    /// Gives the transaction up.
    async fn rollback(&mut self) -> Result<(), Fault>;
}
