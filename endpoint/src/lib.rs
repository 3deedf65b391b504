//! Where rows come from and go to.
//!
//! One outside thing each: a PostgreSQL server, a SQLite file, or the memory of this process.
//! Callers see three traits and never a driver's type.
//!
//! # Promises
//! `conformance` holds every engine to these.
//! 1. [`Source::read`] gives every row of its range once, and the ranges between the bounds of
//!    [`Source::cut`] partition the entity, for the source alone compares keys.
//! 2. What a [`Session`] writes between [`Session::begin`] and [`Session::commit`] becomes visible
//!    with its receipt, or not at all.
//! 3. Of two sessions that begin the same chunk, at most one completes it; the other gets the
//!    receipt of the first, waiting for it if need be.
//! 4. After the run left `running` and `paused`, no session commits a chunk of it.
//! 5. A fault holds no row value and no secret.
//!
//! # Not promised
//! Retries. A fault says what it is; who called decides. A session that returned a fault is
//! closed by dropping it, and its transaction is rolled back by the server.
//!
//! # Who calls what
//! The planner calls [`Source::catalogue`], [`Source::cut`], [`Target::catalogue`] and
//! [`Target::design`]. The coordinator keeps the run in the target's [`Home`]. A worker reads with
//! [`Source::read`] and writes with a [`Session`]; verification reads with [`Target::read_back`].
//! `cli` alone calls [`open`].

mod memory;
pub mod mysql;
mod open;
pub mod postgres;
pub mod sql;
pub mod sqlite;

pub mod conformance;
pub mod faulty;

use std::collections::BTreeMap;

use async_trait::async_trait;
use protocol::batch::Batch;
use protocol::fault::Fault;
use protocol::finding::Finding;
use protocol::id::{AttemptId, ChunkId, EntityId, RunId};
use protocol::mapping::Consistency;
use protocol::plan::{Bound, Chunk, ColumnMap, Entity, Lane, Note, Plan, Range, Stage, Step};
use protocol::receipt::{Receipt, Reject};
use protocol::run::{self, Record, Steering};
use protocol::schema::{Catalogue, Engine, Logical, Table, TableName};

pub use memory::Memory;
pub use open::{Address, open_source, open_target};

/// What an engine can and cannot do. Data, so that no caller asks "is it SQLite?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Which engine.
    pub engine: Engine,
    /// Keys, checks and foreign keys can be added to a table that holds rows.
    pub constraints_later: bool,
    /// Foreign keys of an existing target are enforced while chunks are written.
    pub enforces_foreign_keys: bool,
    /// How many sessions can write at once.
    pub writers_max: u32,
    /// Whether a second reader can join the snapshot that [`Source::hold`] took.
    pub shared_snapshot: bool,
    /// Longest name, in bytes.
    pub name_bytes_max: usize,
    /// Whether names that differ only by case are the same name.
    pub folds_case: bool,
    /// Whether a step that fails, or that finds the run over, leaves nothing of what it did. Where
    /// not, the next attempt finds what is there and goes on.
    pub transactional_steps: bool,
    /// Whether triggers of a table can be off for the rows of one transaction, and for nobody else.
    pub silences_triggers: bool,
}

/// Which rows and columns to read, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The table.
    pub table: TableName,
    /// The columns, in the order of the cells, with what they mean.
    pub columns: Vec<(String, Logical)>,
    /// The key columns the range speaks of; also the order of rows when `top` is given.
    pub key: Vec<String>,
    /// Which rows.
    pub range: Range,
    /// A condition in the engine's own SQL, as written by the operator.
    pub filter: Option<String>,
    /// At most so many rows, in key order.
    pub top: Option<u64>,
    /// Cells as the engine's own bytes, or as canonical text.
    pub lane: Lane,
    /// Batches close when they reach so many bytes. A single larger row is a batch of its own.
    pub batch_bytes: usize,
    /// What the session is called in the server's own lists.
    pub label: String,
}

/// Where an entity is to be cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The table.
    pub table: TableName,
    /// The key columns, all NOT NULL, unique together.
    pub key: Vec<String>,
    /// A condition in the engine's own SQL.
    pub filter: Option<String>,
    /// A bound after every so many rows along the key.
    pub rows: u64,
    /// About how many rows there are, where bounds after *about* so many rows will do; an engine
    /// that can then asks a sample. Absent: the rows are counted.
    pub about: Option<u64>,
}

/// Rows on their way out of an endpoint. Dropping it ends the read.
#[async_trait]
pub trait Rows: Send {
    /// The next batch; `None` when all rows were given. Never an empty batch.
    async fn next(&mut self) -> Result<Option<Batch>, Fault>;
}

/// A place where rows are read.
#[async_trait]
pub trait Source: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Where it is, for messages: `postgres://db.example:5432/school`, without user or password.
    fn place(&self) -> &str;

    /// Something that is equal for two endpoints only when they are one database.
    async fn identity(&self) -> Result<String, Fault>;

    /// All that it says about itself.
    async fn catalogue(&self) -> Result<Catalogue, Fault>;

    /// Why the catalogue may lack tables or columns that are there, in a sentence; none where it shows
    /// all of them.
    async fn hides(&self) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    /// Takes hold of the moment that later reads are to see, according to `consistency`. Held
    /// until the source is dropped. Calling it again holds nothing new, unless what was held is gone
    /// with its connection: then it holds what is there now. Returns the name under which other
    /// processes may [`Source::join`], where the engine shares what is held.
    async fn hold(&self, consistency: Consistency) -> Result<Option<String>, Fault>;

    /// Lets later reads see what somebody else holds under that name, in place of what they saw
    /// before. That it is over is found by the reads: `Code::SnapshotLost`.
    ///
    /// # Errors
    /// `Code::SnapshotLost` where the engine does not share what is held.
    async fn join(&self, held: &str) -> Result<(), Fault>;

    /// Change counters over these tables, as an opaque text: equal texts mean that nobody wrote
    /// in between, as far as the engine can tell cheaply.
    async fn counters(&self, tables: &[TableName]) -> Result<String, Fault>;

    /// Whether two texts of [`Source::counters`] say that nobody wrote between them. Unequal ones may,
    /// where the engine can tell a change from counters that it forgot.
    fn unchanged(&self, then: &str, now: &str) -> bool {
        then == now
    }

    /// The keys at which the entity is cut: the last key of every `cut.rows` rows, without the
    /// last of all. Taken from the engine's own ORDER BY.
    async fn cut(&self, cut: &Cut) -> Result<Vec<Bound>, Fault>;

    /// Reads rows. `Code::FilterInvalid` when the engine does not understand `read.filter`.
    async fn read(&self, read: &Read) -> Result<Box<dyn Rows>, Fault>;

    /// What to know of it before it is read: version, encryption, rights, settings. Changes
    /// nothing, and what it cannot find out is a finding.
    async fn examine(&self) -> Vec<Finding> {
        Vec::new()
    }
}

/// A place where rows are written, proven and read back.
#[async_trait]
pub trait Target: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Where it is, for messages, without user or password.
    fn place(&self) -> &str;

    /// Something that is equal for two endpoints only when they are one database.
    async fn identity(&self) -> Result<String, Fault>;

    /// All that it says about itself; Longhaul's own tables left out.
    async fn catalogue(&self) -> Result<Catalogue, Fault>;

    /// What this engine makes of tables that came from elsewhere: types, statements, and notes on
    /// what it cannot express. Pure: asks nobody, changes nothing.
    ///
    /// # Errors
    /// `Code::TypeUnsupported` or `Code::IdentifierUnfit`, naming table and column.
    fn design(&self, wanted: &Wanted) -> Result<Design, Fault>;

    /// What this engine's column gives back for values of `from`, when rows are written into an
    /// *existing* column; `None` when the two do not agree.
    fn accepts(&self, from: &Logical, column: &protocol::schema::Column) -> Option<Logical>;

    /// What lets an *existing* table number its rows on from the greatest number that was written,
    /// and never back; nothing where none of these columns is numbered, or it follows by itself.
    fn numbering(&self, table: &Table, columns: &[String]) -> Option<Step>;

    /// What empties *existing* tables together, in the step's own transaction; nothing where the
    /// engine cannot.
    fn emptying(&self, _tables: &[TableName]) -> Option<Step> {
        None
    }

    /// Whether the table holds any row.
    async fn holds_rows(&self, table: &TableName) -> Result<bool, Fault>;

    /// Whether the user may create the new ones of these entities and write to all, as far as can
    /// be told without writing, so that a run that must fail does not begin. An engine that knows
    /// no rights refuses nothing.
    ///
    /// # Errors
    /// `Code::RightsMissing`, naming the entity or its schema.
    async fn may_write(&self, entities: &[&Entity]) -> Result<(), Fault>;

    /// Reads back slice `index` of `of` of a target entity, in any order: columns by their target
    /// names, cells as `entity.lane` says. The slices partition the table.
    async fn read_back(
        &self,
        entity: &Entity,
        index: u32,
        of: u32,
        batch_bytes: usize,
    ) -> Result<Box<dyn Rows>, Fault>;

    /// What to know of it before it is written: version, encryption, rights, settings, room.
    /// Changes nothing, and what it cannot find out is a finding.
    async fn examine(&self) -> Vec<Finding> {
        Vec::new()
    }

    /// The place in this target where runs are kept.
    async fn home(&self) -> Result<Box<dyn Home>, Fault>;

    /// Ends the sessions whose label begins so, whoever opened them, and returns how many there
    /// were: the only way on where a stopped process sits on a chunk. An engine that lives in the
    /// process of its user ends none: there, the end of a process is the end of its sessions.
    async fn end_sessions(&self, label: &str) -> Result<u64, Fault>;

    /// A connection of its own for the chunk transactions of one slot.
    async fn session(&self, label: &str) -> Result<Box<dyn Session>, Fault>;
}

/// Tables that a target is to have, in the words of the engine they come from.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The catalogue they come from: its engine, enums and sequences.
    pub from: Catalogue,
    /// The tables, already under their target names and without excluded columns, keys and indexes
    /// over those; each with its place in the plan. Foreign keys name target tables, and those to
    /// tables that are not moved and not there are already left out.
    pub tables: Vec<(EntityId, Table)>,
    /// Schemas, types and sequences that the target has already.
    pub existing: Catalogue,
}

/// What a target makes of [`Wanted`].
#[derive(Debug, Clone, Default)]
pub struct Design {
    /// For each wanted table, in the same order: the type of each of its columns. Generated
    /// columns that the target generates itself are marked and not written.
    pub columns: Vec<Vec<DesignedColumn>>,
    /// Steps in an order in which they could run one by one.
    pub steps: Vec<DesignedStep>,
    /// What it cannot express, and what a person should know.
    pub notes: Vec<Note>,
    /// Whether everything designed survives a crash of the server.
    pub durable: bool,
}

/// The type a target gives a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesignedColumn {
    /// The column's name.
    pub name: String,
    /// The target's own type.
    pub native: String,
    /// What the target's type means, and so what it gives back.
    pub logical: Logical,
    /// Whether the target computes it, so that no value may be written.
    pub generated: bool,
    /// Whether what it gives back for a value can be foretold; see `ColumnMap::compared`.
    pub compared: bool,
}

/// A step with its place among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesignedStep {
    /// The step.
    pub step: Step,
    /// `Stage::Prepare` or `Stage::Finish`.
    pub stage: Stage,
    /// The entity it belongs to, if to one.
    pub entity: Option<EntityId>,
    /// Positions in [`Design::steps`] of those that must be done before, beyond what the stages
    /// already order: a foreign key waits for the key it points to.
    pub after: Vec<usize>,
}

/// The bookkeeping of runs inside a target: `run`, `plan`, `receipt`, `reject`, `owner`.
///
/// Reads see what is committed. Every change is one transaction.
#[async_trait]
pub trait Home: Send + Sync {
    /// Creates the bookkeeping tables where they are missing. `Code::PlanFormat` when a newer
    /// build made them.
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

    /// Removes all bookkeeping of a run that is over. Rows that were moved are not touched.
    /// `Code::RunBusy` when it is not over.
    async fn forget(&mut self, run: RunId) -> Result<(), Fault>;
}

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

    /// Completes the receipt: exactly one row must change from `open`. `Code::NotMine` when none
    /// does: then nothing of this transaction is true.
    async fn complete(&mut self, receipt: &Receipt) -> Result<(), Fault>;

    /// Commits. An error or silence is ambiguous: drop the session and begin the chunk again.
    async fn commit(&mut self) -> Result<(), Fault>;

    /// Gives the transaction up.
    async fn rollback(&mut self) -> Result<(), Fault>;
}
