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

mod ahead;
mod bulk;
mod charset;
mod coarse;
mod home;
mod knock;
mod login;
mod memory;
pub mod mysql;
mod open;
pub mod postgres;
mod rehearse;
mod session;
pub mod sql;
pub mod sqlite;
mod undo;
mod wanted;

pub mod conformance;
pub mod faulty;

use async_trait::async_trait;
use protocol::batch::Batch;
use protocol::fault::Fault;
use protocol::finding::Finding;
use protocol::id::{ChunkId, RunId};
use protocol::mapping::Consistency;
use protocol::plan::{Bound, Entity, Lane, Range, Step};
use protocol::schema::{Catalogue, Engine, Logical, Table, TableName};

pub use charset::Lacking;
pub use coarse::{CoarseKey, Coincidence, KeyTexts};
pub use home::{CREW_MS, Home, Revision};
pub use memory::Memory;
pub use open::{Address, open_source, open_target};
pub use rehearse::{Flaw, Rehearsal};
pub use session::{Begun, Session, Write};
pub use sql::links::{Link, Strays};
pub use sql::names::shortened;
pub use undo::{Made, Undo, made_by};
pub use wanted::{Beside, Design, DesignedColumn, DesignedStep, Wanted};

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
    /// Longest name, in characters.
    pub name_chars_max: usize,
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
///
/// Beyond what was given, at most one batch is in memory, and what the driver holds of one row more:
/// the first, read as soon as the read is opened, or one that was asked for by [`Rows::read_ahead`].
#[async_trait]
pub trait Rows: Send {
    /// The next batch; `None` when all rows were given. Never an empty batch.
    async fn next(&mut self) -> Result<Option<Batch>, Fault>;

    /// Lets the next batch be read while the last one is being worked on, where the engine can. Not
    /// told so, it reads when it is asked for the batch: whoever counts memory decides.
    ///
    /// Returns whether one is read, or was: if not, none is in memory before it is asked for.
    fn read_ahead(&mut self) -> bool {
        false
    }
}

/// A place where rows are read.
#[async_trait]
pub trait Source: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Where it is, for messages: `postgres://db.example:5432/school`, without user or password.
    fn place(&self) -> &str;

    /// Which server it is, and its version: `PostgreSQL 15.6`.
    async fn server(&self) -> Result<String, Fault> {
        Ok(self.capabilities().engine.to_string())
    }

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

    /// [`Source::cut`] of many entities, in their order. An engine to which each question is a way asks
    /// few: most tables are too small to be cut, and that can be asked of many at once.
    ///
    /// # Errors
    /// The first fault, with the table in its place.
    async fn cuts(&self, cuts: &[Cut]) -> Result<Vec<Vec<Bound>>, Fault> {
        bulk::cut_each(self, cuts).await
    }

    /// Whether these reads can be made: rights, policies that hide rows, and conditions are seen to as
    /// they will be when rows are read. No row is given.
    ///
    /// # Errors
    /// The first fault, with the table in its place.
    async fn taste(&self, reads: &[Read]) -> Result<(), Fault> {
        bulk::taste_each(self, reads).await
    }

    /// Closes what is kept open for later and used by nobody.
    fn let_go(&self) {}

    /// Reads rows. `Code::FilterInvalid` when the engine does not understand `read.filter`.
    async fn read(&self, read: &Read) -> Result<Box<dyn Rows>, Fault>;

    /// How many more connections the server takes from this user now; none where nobody counts them.
    async fn connections_free(&self) -> Result<Option<u64>, Fault> {
        Ok(None)
    }

    /// Counts the rows of each foreign key that lead nowhere, as many as can be counted in a bounded
    /// time; nothing for the others, nor where the engine does not count.
    async fn strays(&self, links: &[Link]) -> Result<Vec<Option<Strays>>, Fault> {
        Ok(vec![None; links.len()])
    }

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

    /// Which server it is, and its version: `PostgreSQL 15.6`.
    async fn server(&self) -> Result<String, Fault> {
        Ok(self.capabilities().engine.to_string())
    }

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

    /// What drops and empties that: statements for [`Home::undo`]. Pure.
    fn undoing(&self, run: RunId, undo: &Undo) -> Vec<String>;

    /// Whether the table holds any row.
    async fn holds_rows(&self, table: &TableName) -> Result<bool, Fault>;

    /// How many rows the table holds; one that has more counts as `at_most`.
    async fn count_rows(&self, table: &TableName, at_most: u64) -> Result<u64, Fault>;

    /// [`Target::holds_rows`] of many tables, in their order.
    async fn hold_rows(&self, tables: &[TableName]) -> Result<Vec<bool>, Fault> {
        let mut hold = Vec::with_capacity(tables.len());
        for table in tables {
            hold.push(self.holds_rows(table).await?);
        }
        Ok(hold)
    }

    /// Closes what is kept open for later and used by nobody.
    fn let_go(&self) {}

    /// Which characters the set has that `protocol::cell::charset` names for a column; none where it
    /// has all, or where only the server can tell.
    async fn repertoire(&self, _charset: &str) -> Result<Option<Lacking>, Fault> {
        Ok(None)
    }

    /// The unique keys of an *existing* table that take some texts that differ for one.
    async fn coarse_keys(&self, _table: &Table) -> Result<Vec<CoarseKey>, Fault> {
        Ok(Vec::new())
    }

    /// Which of these rows have keys that are one under a key of [`Target::coarse_keys`], by the
    /// target's own comparison. All are sent in one question, so ask about few.
    async fn coincide(
        &self,
        _key: &CoarseKey,
        _rows: &[KeyTexts],
    ) -> Result<Vec<Coincidence>, Fault> {
        Ok(Vec::new())
    }

    /// Whether the user may create the new ones of these entities and write to all, as far as can
    /// be told without writing, so that a run that must fail does not begin. An engine that knows
    /// no rights refuses nothing.
    ///
    /// # Errors
    /// `Code::RightsMissing`, naming the entity or its schema.
    async fn may_write(&self, entities: &[&Entity]) -> Result<(), Fault>;

    /// Tries the steps of a design on empty tables, under their real names, and leaves nothing of them:
    /// see [`rehearse`]. Steps that only gather statistics are not tried.
    ///
    /// # Errors
    /// What hinders the rehearsal, such as a connection that breaks; what the target refuses is in the
    /// answer.
    async fn rehearse(&self, steps: &[DesignedStep]) -> Result<Rehearsal, Fault>;

    /// Reads back slice `index` of `of` of a target entity, in any order: columns by their target
    /// names, cells as `entity.lane` says. The slices partition the table.
    async fn read_back(
        &self,
        entity: &Entity,
        index: u32,
        of: u32,
        batch_bytes: usize,
    ) -> Result<Box<dyn Rows>, Fault>;

    /// How many more connections the server takes from this user now; none where nobody counts them.
    async fn connections_free(&self) -> Result<Option<u64>, Fault> {
        Ok(None)
    }

    /// What to know of it before it is written: version, encryption, rights, settings, room.
    /// Changes nothing, and what it cannot find out is a finding.
    async fn examine(&self) -> Vec<Finding> {
        Vec::new()
    }

    /// The place in this target where runs are kept.
    async fn home(&self) -> Result<Box<dyn Home>, Fault>;

    /// Which of these chunks of a run have a session in the middle of their transaction, as far as the
    /// target can tell: where nobody else says who is at work, these need not be rung for. An engine that
    /// cannot tell names none.
    async fn at_work(&self, _run: RunId, _chunks: &[ChunkId]) -> Result<Vec<ChunkId>, Fault> {
        Ok(Vec::new())
    }

    /// Ends the sessions whose label begins so, whoever opened them, and returns how many there
    /// were: the only way on where a stopped process sits on a chunk. An engine that lives in the
    /// process of its user ends none: there, the end of a process is the end of its sessions.
    async fn end_sessions(&self, label: &str) -> Result<u64, Fault>;

    /// A connection of its own for the chunk transactions of one slot.
    async fn session(&self, label: &str) -> Result<Box<dyn Session>, Fault>;
}
