//! MySQL 8 or later and MariaDB 10.11 or later, as a source and as a target.
//!
//! # Promises
//! Beyond those of [`crate::Source`] and [`crate::Target`]:
//! 1. Every read and every session has a connection of its own, which is killed when it is dropped in
//!    the middle of something.
//! 2. No default of server or user changes what is read or written.
//! 3. What LOAD DATA would swallow is a refusal. Nothing is cut, rounded or made up.
//!
//! # Not promised
//! A moment that several readers share: who holds one reads alone. Change counters are what InnoDB
//! remembers of the last change of each table, to the second, since it was started; what it forgot is
//! made good by the position in the server's log of changes, where it keeps one. And steps are
//! not undone when the run ends while they are at work: MySQL commits a change of the catalogue at
//! once.

mod address;
mod ask;
mod bulk;
mod charset;
mod coarse;
mod connect;
mod design;
mod examine;
mod faults;
mod idle;
mod introspect;
mod range;
mod read;
mod rehearse;
mod render;
mod rights;
mod sentence;
mod session;
mod spell;
mod sql;
mod stamp;
mod strays;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod types;
mod version;
mod way;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use protocol::fault::{Code, Fault};
use protocol::finding::Finding;
use protocol::id::{ChunkId, RunId};
use protocol::mapping::Consistency;
use protocol::plan::{Bound, Entity, Step, StepKind};
use protocol::schema::{Catalogue, Column, Engine, Logical, Table, TableName};
use tokio::sync::Mutex;

use crate::sql::control::Control;
use crate::{
    Address, Capabilities, CoarseKey, Coincidence, Cut, Design, DesignedStep, Home, KeyTexts,
    Lacking, Link as Lead, Read, Rehearsal, Rows, Session, Source, Strays, Target, Undo, Wanted,
};
use connect::{Door, Duty, Link, Met};
use idle::Idle;
#[cfg(test)]
pub(crate) use testing::Scratch;

/// A database on a MySQL server.
struct MySql {
    door: Arc<Door>,
    /// Connections that stay open between questions.
    idle: Idle,
    met: Met,
    /// The session that stands in the moment which is held.
    held: Arc<Mutex<Option<Link>>>,
    /// Whether a moment is held, or was.
    holds: std::sync::atomic::AtomicBool,
    /// Of each table that was read: the texts that are selected with care.
    careful: Mutex<BTreeMap<TableName, Arc<BTreeSet<String>>>>,
}

/// Opens a database to read from; it must answer.
pub(crate) async fn open_source(address: &Address) -> Result<Arc<dyn Source>, Fault> {
    Ok(Arc::new(MySql::open(address).await?))
}

/// Opens a database to write to; it must answer.
pub(crate) async fn open_target(address: &Address) -> Result<Arc<dyn Target>, Fault> {
    Ok(Arc::new(MySql::open(address).await?))
}

impl MySql {
    async fn open(address: &Address) -> Result<Self, Fault> {
        let door = Arc::new(Door::parse(address)?);
        let met = door.open("longhaul:open", Duty::Read).await?.met();
        let idle = Idle::default();
        let (held, careful) = (Arc::default(), Mutex::default());
        Ok(Self { door, idle, met, held, holds: false.into(), careful })
    }

    fn able(&self) -> Capabilities {
        Capabilities {
            engine: Engine::MySql,
            constraints_later: true,
            enforces_foreign_keys: true,
            writers_max: 64,
            shared_snapshot: false,
            // Characters, of up to three bytes; `design` counts them.
            name_bytes_max: design::NAME_CHARS_MAX * 3,
            name_chars_max: design::NAME_CHARS_MAX,
            folds_case: self.met.folds_case,
            transactional_steps: false,
            silences_triggers: false,
        }
    }
}

#[async_trait]
impl Source for MySql {
    fn capabilities(&self) -> Capabilities {
        self.able()
    }

    fn place(&self) -> &str {
        self.door.place()
    }

    async fn server(&self) -> Result<String, Fault> {
        self.ask_server().await
    }

    async fn identity(&self) -> Result<String, Fault> {
        self.ask_identity().await
    }

    async fn connections_free(&self) -> Result<Option<u64>, Fault> {
        self.ask_connections_free().await.map(Some)
    }

    async fn catalogue(&self) -> Result<Catalogue, Fault> {
        self.ask_catalogue().await
    }

    async fn hides(&self) -> Result<Option<String>, Fault> {
        self.ask_hides().await
    }

    async fn hold(&self, consistency: Consistency) -> Result<Option<String>, Fault> {
        match consistency {
            Consistency::Snapshot => self.take_hold().await?,
            Consistency::Quiesced | Consistency::Drifting => {}
        }
        Ok(None)
    }

    async fn join(&self, _held: &str) -> Result<(), Fault> {
        Err(Fault::new(Code::SnapshotLost, &**self.door.place())
            .saying("MySQL lets nobody join a moment that another session holds"))
    }

    async fn counters(&self, tables: &[TableName]) -> Result<String, Fault> {
        self.ask_counters(tables).await
    }

    fn unchanged(&self, then: &str, now: &str) -> bool {
        stamp::unchanged(then, now)
    }

    async fn cut(&self, cut: &Cut) -> Result<Vec<Bound>, Fault> {
        self.ask_cut(cut).await
    }

    async fn cuts(&self, cuts: &[Cut]) -> Result<Vec<Vec<Bound>>, Fault> {
        self.ask_cuts(cuts).await
    }

    async fn taste(&self, reads: &[Read]) -> Result<(), Fault> {
        self.taste_all(reads).await
    }

    fn let_go(&self) {
        self.idle.close();
    }

    async fn read(&self, read: &Read) -> Result<Box<dyn Rows>, Fault> {
        self.begin_read(read).await
    }

    async fn strays(&self, links: &[Lead]) -> Result<Vec<Option<Strays>>, Fault> {
        self.count_strays(links).await
    }

    async fn examine(&self) -> Vec<Finding> {
        self.look(examine::Role::Source).await
    }
}

#[async_trait]
impl Target for MySql {
    fn capabilities(&self) -> Capabilities {
        self.able()
    }

    fn place(&self) -> &str {
        self.door.place()
    }

    async fn server(&self) -> Result<String, Fault> {
        self.ask_server().await
    }

    async fn identity(&self) -> Result<String, Fault> {
        self.ask_identity().await
    }

    async fn connections_free(&self) -> Result<Option<u64>, Fault> {
        self.ask_connections_free().await.map(Some)
    }

    async fn catalogue(&self) -> Result<Catalogue, Fault> {
        self.ask_catalogue().await
    }

    fn design(&self, wanted: &Wanted) -> Result<Design, Fault> {
        design::design(wanted)
    }

    fn accepts(&self, from: &Logical, column: &Column) -> Option<Logical> {
        types::accepts(from, column)
    }

    fn numbering(&self, _table: &Table, _columns: &[String]) -> Option<Step> {
        // InnoDB goes on after the greatest number itself, as rows are written.
        None
    }

    fn emptying(&self, tables: &[TableName]) -> Option<Step> {
        // TRUNCATE would commit by itself, with or without the receipt.
        let delete = |table: &TableName| format!("DELETE FROM {}", words::table(table));
        Some(Step {
            kind: StepKind::Empty,
            what: crate::sql::emptying_of(tables),
            statements: tables.iter().map(delete).collect(),
            destructive: true,
            orphans: None,
            parts: Vec::new(),
        })
    }

    fn undoing(&self, _run: RunId, undo: &Undo) -> Vec<String> {
        design::undoing(undo)
    }

    async fn holds_rows(&self, table: &TableName) -> Result<bool, Fault> {
        self.ask_rows(table).await
    }

    async fn count_rows(&self, table: &TableName, at_most: u64) -> Result<u64, Fault> {
        self.ask_count(table, at_most).await
    }

    async fn hold_rows(&self, tables: &[TableName]) -> Result<Vec<bool>, Fault> {
        self.ask_rows_of(tables).await
    }

    fn let_go(&self) {
        self.idle.close();
    }

    async fn repertoire(&self, charset: &str) -> Result<Option<Lacking>, Fault> {
        charset::repertoire(&self.door, charset).await
    }

    async fn coarse_keys(&self, table: &Table) -> Result<Vec<CoarseKey>, Fault> {
        Ok(coarse::keys(table))
    }

    async fn coincide(
        &self,
        key: &CoarseKey,
        rows: &[KeyTexts],
    ) -> Result<Vec<Coincidence>, Fault> {
        coarse::coincide(&self.door, key, rows).await
    }

    async fn may_write(&self, entities: &[&Entity]) -> Result<(), Fault> {
        self.ask_rights(entities).await
    }

    async fn at_work(&self, run: RunId, chunks: &[ChunkId]) -> Result<Vec<ChunkId>, Fault> {
        self.ask_at_work(run, chunks).await
    }

    async fn end_sessions(&self, label: &str) -> Result<u64, Fault> {
        self.ask_end(label).await
    }

    async fn rehearse(&self, steps: &[DesignedStep]) -> Result<Rehearsal, Fault> {
        self.try_out(steps).await
    }

    async fn read_back(
        &self,
        entity: &Entity,
        index: u32,
        of: u32,
        batch_bytes: usize,
    ) -> Result<Box<dyn Rows>, Fault> {
        self.begin_read_back(entity, index, of, batch_bytes).await
    }

    async fn examine(&self) -> Vec<Finding> {
        self.look(examine::Role::Target).await
    }

    async fn home(&self) -> Result<Box<dyn Home>, Fault> {
        let link = self.door.open("longhaul:home", Duty::Books).await?;
        let books = sql::Bookkeeping(link);
        Ok(Box::new(Control::new(books, &sql::DIALECT, &**self.door.place())))
    }

    async fn session(&self, label: &str) -> Result<Box<dyn Session>, Fault> {
        let mut link = self.door.open(label, Duty::Write).await?;
        ask::tell_label(&mut link, label).await?;
        Ok(Box::new(session::Writer::new(link)))
    }
}
