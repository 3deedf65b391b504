//! SQLite: a file as a place to read from and to write to.
//!
//! # Promises
//! 1. Nothing here blocks the runtime: every connection works on a thread of its own.
//! 2. A cell is read by its own storage class. One that is not what its column means is noted as a
//!    misfit, and never passed on as something else.
//! 3. A value that the file would give back changed is refused when it is written: text that an
//!    affinity would turn into a number, NaN, the negative zero of a REAL column.
//!
//! # Not promised
//! More than one writer at a time. Enforcement of foreign keys while rows are written: the finish
//! stage verifies them.

mod bind;
mod coarse;
mod design;
mod examine;
mod faults;
mod introspect;
mod key;
mod link;
mod pool;
mod read;
mod rehearse;
mod render;
#[cfg(test)]
mod scratch;
mod sign;
mod stamp;
mod strays;
#[cfg(test)]
mod tests;
mod types;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use protocol::fault::{Code, Fault};
use protocol::finding::Finding;
use protocol::id::RunId;
use protocol::mapping::Consistency;
use protocol::plan::{Bound, Entity, Step, StepKind};
use protocol::schema::{Catalogue, Column, Engine, Logical, Table, TableName};

use self::faults::Doing;
use self::link::{Late, Link, Place, Writers};
use self::pool::Pool;
use self::read::{Select, Stream};
use crate::sql::control::Control;
use crate::sql::quote;
use crate::{
    Address, Capabilities, CoarseKey, Coincidence, Cut, Design, DesignedStep, Home, KeyTexts,
    Link as Lead, Read, Rehearsal, Rows, Session, Source, Strays, Target, Undo, Wanted,
};

/// What SQLite can do.
const ABLE: Capabilities = Capabilities {
    engine: Engine::Sqlite,
    constraints_later: false,
    enforces_foreign_keys: false,
    writers_max: 1,
    shared_snapshot: true,
    // SQLite itself sets no limit but that of a statement.
    name_bytes_max: 1_000_000,
    name_chars_max: 1_000_000,
    folds_case: true,
    transactional_steps: true,
    silences_triggers: false,
};

/// One file.
struct File {
    place: Place,
    pool: Pool,
    writers: Writers,
}

/// Opens a file to read from.
///
/// # Errors
/// `Code::DatabaseUnopened` when it is not there or is not a database.
pub(crate) async fn open_source(address: &Address) -> Result<Arc<dyn Source>, Fault> {
    let place = Place::of(address)?;
    if !place.path.is_file() {
        return Err(place
            .unopened("the source's file is not there")
            .next("Correct the path; a source is never made."));
    }
    Link::reading(&place).await?;
    Ok(Arc::new(File::of(place)))
}

/// Opens a file to write to. One that is not there is made when something is first written.
///
/// # Errors
/// `Code::DatabaseUnopened` when it could not be made or is not a database.
pub(crate) async fn open_target(address: &Address) -> Result<Arc<dyn Target>, Fault> {
    let place = Place::of(address)?;
    if place.is_there() {
        Link::reading(&place).await?;
    } else if !place.path.parent().is_some_and(std::path::Path::is_dir) {
        return Err(place
            .unopened("the folder of the target's file is not there")
            .next("Make the folder, or correct the path."));
    }
    Ok(Arc::new(File::of(place)))
}

impl File {
    fn of(place: Place) -> Self {
        Self { pool: Pool::new(place.clone()), place, writers: Writers::default() }
    }

    async fn catalogue(&self) -> Result<Catalogue, Fault> {
        if !self.place.is_there() {
            return Ok(introspect::nothing());
        }
        let reader = self.pool.reader().await?;
        reader.link.call(Doing::Read, |connection| introspect::catalogue(connection)).await
    }
}

#[async_trait]
impl Source for File {
    fn capabilities(&self) -> Capabilities {
        ABLE
    }

    fn place(&self) -> &str {
        &self.place.shown
    }

    async fn server(&self) -> Result<String, Fault> {
        Ok(format!("SQLite {}", rusqlite::version()))
    }

    async fn identity(&self) -> Result<String, Fault> {
        self.place.identity()
    }

    async fn catalogue(&self) -> Result<Catalogue, Fault> {
        self.catalogue().await
    }

    async fn hold(&self, consistency: Consistency) -> Result<Option<String>, Fault> {
        match consistency {
            Consistency::Snapshot | Consistency::Quiesced => self.pool.hold().await?,
            Consistency::Drifting => {}
        }
        Ok(None)
    }

    async fn join(&self, _held: &str) -> Result<(), Fault> {
        Err(Fault::new(Code::SnapshotLost, Source::place(self))
            .saying("what is held in a file is held by one process"))
    }

    async fn counters(&self, _tables: &[TableName]) -> Result<String, Fault> {
        // The file counts commits, not tables.
        let (path, identity) = (self.place.path.clone(), self.place.identity()?);
        let unopened = |error| self.place.unopened("it cannot be read").because(error);
        let stamp = tokio::task::spawn_blocking(move || stamp::stamp(&path, &identity)).await;
        stamp.map_err(std::io::Error::other).and_then(|stamp| stamp).map_err(unopened)
    }

    async fn cut(&self, cut: &Cut) -> Result<Vec<Bound>, Fault> {
        read::cut(&self.pool.reader().await?, cut).await
    }

    async fn read(&self, read: &Read) -> Result<Box<dyn Rows>, Fault> {
        let select = Select::range(read)?;
        let reader = self.pool.reader().await?;
        Ok(Box::new(Stream::open(reader, select).await?))
    }

    async fn strays(&self, links: &[Lead]) -> Result<Vec<Option<Strays>>, Fault> {
        self.count_strays(links).await
    }

    async fn examine(&self) -> Vec<Finding> {
        examine::source(&self.place).await
    }
}

#[async_trait]
impl Target for File {
    fn capabilities(&self) -> Capabilities {
        ABLE
    }

    fn place(&self) -> &str {
        &self.place.shown
    }

    async fn server(&self) -> Result<String, Fault> {
        Ok(format!("SQLite {}", rusqlite::version()))
    }

    async fn identity(&self) -> Result<String, Fault> {
        self.place.identity()
    }

    async fn catalogue(&self) -> Result<Catalogue, Fault> {
        self.catalogue().await
    }

    fn design(&self, wanted: &Wanted) -> Result<Design, Fault> {
        design::design(wanted)
    }

    fn accepts(&self, from: &Logical, column: &Column) -> Option<Logical> {
        types::accepts(from, &column.native)
    }

    fn numbering(&self, _table: &Table, _columns: &[String]) -> Option<Step> {
        // SQLite notes the greatest number itself as rows are written.
        None
    }

    fn emptying(&self, tables: &[TableName]) -> Option<Step> {
        let delete = |table: &TableName| format!("DELETE FROM {}", quote::table(table));
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
        // Enforcement of foreign keys is off on our connections.
        crate::undo::statements(undo, &|name| quote::table(name).to_string(), false, &|_| None)
    }

    async fn holds_rows(&self, table: &TableName) -> Result<bool, Fault> {
        if !self.place.is_there() {
            return Ok(false);
        }
        let reader = self.pool.reader().await?;
        let any = format!("SELECT EXISTS (SELECT 1 FROM {})", quote::table(table));
        reader.link.call(Doing::Write, move |c| c.query_row(&any, [], |row| row.get(0))).await
    }

    async fn count_rows(&self, table: &TableName, at_most: u64) -> Result<u64, Fault> {
        if !self.place.is_there() {
            return Ok(0);
        }
        let reader = self.pool.reader().await?;
        let rows = format!("SELECT 1 FROM {} LIMIT {at_most}", quote::table(table));
        let count = format!("SELECT count(*) FROM ({rows})");
        let one =
            move |c: &mut rusqlite::Connection| c.query_row(&count, [], |row| row.get::<_, i64>(0));
        let count = reader.link.call(Doing::Write, one).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn coarse_keys(&self, table: &Table) -> Result<Vec<CoarseKey>, Fault> {
        coarse::keys(&self.pool.reader().await?.link, table).await
    }

    async fn coincide(
        &self,
        key: &CoarseKey,
        rows: &[KeyTexts],
    ) -> Result<Vec<Coincidence>, Fault> {
        Ok(coarse::coincide(key, rows))
    }

    async fn may_write(&self, _entities: &[&Entity]) -> Result<(), Fault> {
        Ok(())
    }

    async fn end_sessions(&self, _label: &str) -> Result<u64, Fault> {
        Ok(0)
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
        let reader = self.pool.reader().await?;
        let select = Select::slice(&reader.link, entity, index, of, batch_bytes).await?;
        Ok(Box::new(Stream::open(reader, select).await?))
    }

    async fn examine(&self) -> Vec<Finding> {
        examine::target(&self.place).await
    }

    async fn home(&self) -> Result<Box<dyn Home>, Fault> {
        let link = Late::new(self.place.clone(), self.writers.clone());
        Ok(Box::new(Control::new(link, &write::DIALECT, &*self.place.shown)))
    }

    async fn session(&self, _label: &str) -> Result<Box<dyn Session>, Fault> {
        Ok(Box::new(write::Session::open(&self.place, self.writers.clone()).await?))
    }
}
