//! PostgreSQL, 12 or later, as a source and as a target.
//!
//! # Promises
//! Beyond those of [`crate::Source`] and [`crate::Target`]:
//! 1. Every read and every session has a connection of its own, which no pooler may stand before,
//!    and which is closed when it is dropped, with whatever it was doing.
//! 2. No default of server, database or role changes what is read or written.
//! 3. Rows move by COPY. Cells are not parsed: they are the server's bytes, or its own text.
//!
//! # Not promised
//! Change counters are those of the server's statistics, which come up to a second late and are
//! forgotten in a crash. What tells a quiet source from a busy one over hours is not a proof.

mod bulk;
mod charset;
mod coarse;
mod connect;
mod copy;
mod design;
mod examine;
mod faults;
mod guard;
mod idle;
mod introspect;
mod range;
mod read;
mod reader;
mod rehearse;
mod rights;
mod sentence;
mod session;
mod snapshot;
mod sql;
mod strays;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod types;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use protocol::fault::Fault;
use protocol::finding::Finding;
use protocol::id::{ChunkId, RunId};
use protocol::mapping::Consistency;
use protocol::plan::{Bound, Entity, Step};
use protocol::schema::{Catalogue, Column, Engine, Logical, Table, TableName};
use tokio::sync::Mutex;

use crate::sql::control::Control;
use crate::{
    Address, Capabilities, CoarseKey, Coincidence, Cut, Design, DesignedStep, Home, KeyTexts,
    Lacking, Link as Lead, Read, Rehearsal, Rows, Session, Source, Strays, Target, Undo, Wanted,
};
use connect::{Door, Duty};
use examine::Role;
use idle::Idle;
use range::Shape;
use snapshot::Held;

/// A database on a PostgreSQL server.
struct Postgres {
    door: Door,
    /// Connections that stay open between questions.
    idle: Idle,
    held: Mutex<Option<Held>>,
    /// What is known of tables that are read. A plan stands on one catalogue, so it is asked once.
    shapes: Mutex<HashMap<TableName, Arc<Shape>>>,
}

/// Opens a database to read from; it must answer.
pub(crate) async fn open_source(address: &Address) -> Result<Arc<dyn Source>, Fault> {
    Ok(Arc::new(Postgres::open(address).await?))
}

/// Opens a database to write to; it must answer.
pub(crate) async fn open_target(address: &Address) -> Result<Arc<dyn Target>, Fault> {
    Ok(Arc::new(Postgres::open(address).await?))
}

impl Postgres {
    async fn open(address: &Address) -> Result<Self, Fault> {
        let door = Door::parse(address)?;
        door.open("longhaul:open", Duty::Read).await?;
        let (idle, held, shapes) = (Idle::at_rest(), Mutex::default(), Mutex::default());
        Ok(Self { door, idle, held, shapes })
    }

    fn able() -> Capabilities {
        Capabilities {
            engine: Engine::Postgres,
            constraints_later: true,
            enforces_foreign_keys: true,
            writers_max: 64,
            shared_snapshot: true,
            name_bytes_max: design::NAME_BYTES_MAX,
            name_chars_max: usize::MAX,
            folds_case: false,
            transactional_steps: true,
            silences_triggers: true,
        }
    }
}

#[async_trait]
impl Source for Postgres {
    fn capabilities(&self) -> Capabilities {
        Self::able()
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
        self.ask_connections_free().await
    }

    async fn catalogue(&self) -> Result<Catalogue, Fault> {
        self.ask_catalogue().await
    }

    async fn hold(&self, consistency: Consistency) -> Result<Option<String>, Fault> {
        match consistency {
            Consistency::Snapshot => {
                let mut held = self.held.lock().await;
                if let Some(held) = held.as_ref()
                    && held.lives().await
                {
                    return Ok(Some(held.id.clone()));
                }
                // What is gone stays in place until there is another: reads must not see now.
                let now = Held::take(&self.door).await?;
                Ok(Some(held.insert(now).id.clone()))
            }
            Consistency::Quiesced | Consistency::Drifting => Ok(None),
        }
    }

    async fn join(&self, id: &str) -> Result<(), Fault> {
        // Readers that are under way stay where they are; those that are idle go with their moment.
        *self.held.lock().await = Some(Held::elsewhere(id));
        Ok(())
    }

    async fn counters(&self, tables: &[TableName]) -> Result<String, Fault> {
        self.ask_counters(tables).await
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
        self.close_idle();
    }

    async fn read(&self, read: &Read) -> Result<Box<dyn Rows>, Fault> {
        self.begin_read(read).await
    }

    async fn strays(&self, links: &[Lead]) -> Result<Vec<Option<Strays>>, Fault> {
        self.count_strays(links).await
    }

    async fn examine(&self) -> Vec<Finding> {
        self.look(Role::Source).await
    }
}

#[async_trait]
impl Target for Postgres {
    fn capabilities(&self) -> Capabilities {
        Self::able()
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
        self.ask_connections_free().await
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

    fn numbering(&self, table: &Table, columns: &[String]) -> Option<Step> {
        design::numbering(table, columns)
    }

    fn emptying(&self, tables: &[TableName]) -> Option<Step> {
        Some(design::emptying(tables))
    }

    fn undoing(&self, run: RunId, undo: &Undo) -> Vec<String> {
        design::undoing(run, undo)
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
        self.close_idle();
    }

    async fn repertoire(&self, _charset: &str) -> Result<Option<Lacking>, Fault> {
        charset::repertoire(&self.door).await
    }

    async fn coarse_keys(&self, table: &Table) -> Result<Vec<CoarseKey>, Fault> {
        let link = self.asking("longhaul:keys").await?;
        let keys = coarse::keys(&link, &table.name).await?;
        link.done();
        Ok(keys)
    }

    async fn coincide(
        &self,
        key: &CoarseKey,
        rows: &[KeyTexts],
    ) -> Result<Vec<Coincidence>, Fault> {
        let link = self.asking("longhaul:keys").await?;
        let found = coarse::coincide(&link, key, rows).await?;
        link.done();
        Ok(found)
    }

    async fn may_write(&self, entities: &[&Entity]) -> Result<(), Fault> {
        self.ask_rights(entities).await
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

    async fn at_work(&self, run: RunId, chunks: &[ChunkId]) -> Result<Vec<ChunkId>, Fault> {
        self.ask_at_work(run, chunks).await
    }

    async fn end_sessions(&self, label: &str) -> Result<u64, Fault> {
        self.ask_end(label).await
    }

    async fn examine(&self) -> Vec<Finding> {
        self.look(Role::Target).await
    }

    async fn home(&self) -> Result<Box<dyn Home>, Fault> {
        let link = self.door.open("longhaul:home", Duty::Write).await?;
        Ok(Box::new(Control::new(sql::Bookkeeping(link), &sql::DIALECT, &**self.door.place())))
    }

    async fn session(&self, label: &str) -> Result<Box<dyn Session>, Fault> {
        let link = self.door.open(label, Duty::Write).await?;
        Ok(Box::new(session::Writer::new(link)))
    }
}
