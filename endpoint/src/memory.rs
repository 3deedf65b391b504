//! The endpoint that lives in this process and dies with it, for tests.
//!
//! It keeps the whole contract of the crate, transactions included, so that coordinator and worker
//! can be tested without a server. Both lanes carry canonical text; types are looked at as far as
//! careful gear needs something to stumble over: numbers, labels, lengths, NULL, unique keys.
//!
//! # Promises
//! Those of the crate; `conformance` holds it to them. And that waits are for events: nothing here
//! sleeps, and no wait is longer than [`Memory::waiting_at_most`].
//!
//! # Not promised
//! Foreign keys and checks are kept in the catalogue and not enforced, and nothing survives the
//! process. Two sessions that write the same key at once do not wait for each other: the later
//! commit is refused.

mod books;
mod compare;
mod condition;
mod design;
mod session;
mod source;
mod tables;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, RunId};
use protocol::schema::{Catalogue, Column, Engine, Key, Logical, Table, TableName};
use tokio::sync::Notify;

use crate::Capabilities;
use books::Books;
use tables::{Stored, Tables};

/// A database in this process.
///
/// A clone is another connection to the same database: it shares the rows, and not the moment that
/// [`crate::Source::hold`] took.
#[derive(Debug)]
pub struct Memory {
    shared: Arc<Shared>,
    held: Mutex<Held>,
}

/// The moment that reads see.
#[derive(Debug, Default)]
enum Held {
    /// None: the present.
    #[default]
    Nothing,
    /// One that this connection took, under a name for others.
    Own(String, Arc<Tables>),
    /// One that another connection took, and that dies with it.
    Joined(Weak<Tables>),
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    place: String,
    identity: String,
    wait: Duration,
    state: Mutex<State>,
    /// Something ended that another may be waiting for.
    changed: Notify,
}

/// All that is committed, and who is at work.
#[derive(Debug, Default)]
struct State {
    tables: Tables,
    /// Moments that are held, by name.
    moments: BTreeMap<String, Weak<Tables>>,
    books: Option<Books>,
    /// Chunks whose transaction is open.
    flights: std::collections::BTreeSet<(RunId, ChunkId)>,
    /// How many transactions hold a run's gate shared.
    inside: BTreeMap<RunId, usize>,
    /// Whose transaction asked how much was rejected of an entity, and keeps others from it.
    asked: BTreeMap<(RunId, TableName), ChunkId>,
    /// How many wait for a run's gate exclusively, and so keep others out.
    closing: BTreeMap<RunId, usize>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is held")
    }

    /// Waits until `look` has an answer. It is asked again whenever something ended.
    ///
    /// # Errors
    /// Those of `look`; `Code::Busy` after the bound.
    async fn until<T>(
        &self,
        mut look: impl FnMut(&mut State) -> Result<Option<T>, Fault>,
    ) -> Result<T, Fault> {
        let deadline = tokio::time::Instant::now() + self.wait;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before looking, so that a change between the look and the wait is not missed.
            changed.as_mut().enable();
            if let Some(found) = look(&mut self.lock())? {
                return Ok(found);
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return Err(Fault::new(Code::Busy, &self.place));
            }
        }
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), held: Mutex::default() }
    }
}

impl Memory {
    /// An empty database. Its place is `memory:name`.
    pub fn new(name: &str) -> Self {
        Self::waiting_at_most(name, Duration::from_secs(10))
    }

    /// An empty database in which no wait for another session is longer than `wait`.
    pub fn waiting_at_most(name: &str, wait: Duration) -> Self {
        let shared = Shared {
            place: format!("memory:{name}"),
            identity: format!("memory:{}", uuid::Uuid::new_v4()),
            wait,
            state: Mutex::default(),
            changed: Notify::new(),
        };
        Self { shared: Arc::new(shared), held: Mutex::default() }
    }

    /// Adds a table with rows, cells in the order of its columns.
    ///
    /// # Panics
    /// When the table refuses a row, or is there already: a test would go on with other rows than
    /// it says.
    #[must_use]
    pub fn with_table(self, table: Table, rows: &[&[Option<&str>]]) -> Self {
        let mut stored = Stored::new(table);
        for row in rows {
            let row = row.iter().map(|cell| cell.map(|text| text.as_bytes().to_vec())).collect();
            stored.insert(row).expect("a test's table takes the rows that the test gives it");
        }
        let name = stored.table.name.clone();
        let before = self.shared.lock().tables.insert(name, Arc::new(stored));
        assert!(before.is_none(), "a test adds each table once");
        self
    }

    /// Commits one more row to a table that is there: somebody who writes meanwhile.
    ///
    /// # Panics
    /// When the table is not there or refuses the row.
    pub fn add_row(&self, table: &TableName, row: &[Option<&str>]) {
        let row = row.iter().map(|cell| cell.map(|text| text.as_bytes().to_vec())).collect();
        let mut state = self.shared.lock();
        let stored = state.tables.get_mut(table).expect("the test's table is there");
        let stored = Arc::make_mut(stored);
        stored.insert(row).expect("a test's table takes the rows that the test gives it");
        stored.version += 1;
    }

    /// A table without more than names, types and a primary key (none where `key` is empty), whose
    /// columns forbid NULL.
    pub fn table(name: &str, columns: &[(&str, Logical)], key: &[&str]) -> Table {
        let column = |(name, logical): &(&str, Logical)| Column {
            name: (*name).to_owned(),
            native: format!("{logical:?}").to_lowercase(),
            logical: logical.clone(),
            nullable: !key.contains(name),
            raw: true,
            ..Column::default()
        };
        let columns_of_key = key.iter().map(ToString::to_string).collect();
        Table {
            name: TableName::bare(name),
            columns: columns.iter().map(column).collect(),
            primary_key: (!key.is_empty()).then(|| Key {
                name: Some(format!("{name}_pkey")),
                columns: columns_of_key,
                ..Key::default()
            }),
            durable: true,
            ..Table::default()
        }
    }

    /// All committed rows of a table, in the order in which they came; none where it is not there.
    /// Bytes that are no text are shown as such.
    pub fn rows(&self, table: &TableName) -> Vec<Vec<Option<String>>> {
        let text = |cell: &Option<Vec<u8>>| {
            cell.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        let state = self.shared.lock();
        let rows = state.tables.get(table).map(|stored| stored.rows.as_slice());
        rows.unwrap_or_default().iter().map(|row| row.iter().map(text).collect()).collect()
    }

    /// Whether the bookkeeping of runs was installed.
    pub fn is_installed(&self) -> bool {
        self.shared.lock().books.is_some()
    }

    /// What a reader of the source sees: the moment held, or the present.
    fn seen(&self, table: &TableName) -> Result<Arc<Stored>, Fault> {
        let held = self.held.lock().expect("nothing panics while it is held");
        let found = match &*held {
            Held::Own(_, tables) => tables.get(table).cloned(),
            Held::Joined(tables) => {
                tables.upgrade().ok_or_else(|| self.lost())?.get(table).cloned()
            }
            Held::Nothing => self.shared.lock().tables.get(table).cloned(),
        };
        found.ok_or_else(|| self.no_table(table))
    }

    fn now(&self, table: &TableName) -> Result<Arc<Stored>, Fault> {
        self.shared.lock().tables.get(table).cloned().ok_or_else(|| self.no_table(table))
    }

    fn no_table(&self, table: &TableName) -> Fault {
        Fault::new(Code::Refused, format!("{table} in {}", self.shared.place))
            .saying("there is no such table")
    }

    fn lost(&self) -> Fault {
        Fault::new(Code::SnapshotLost, &self.shared.place).saying("nobody holds that moment")
    }

    fn able() -> Capabilities {
        Capabilities {
            engine: Engine::Memory,
            constraints_later: true,
            enforces_foreign_keys: false,
            writers_max: u32::MAX,
            shared_snapshot: true,
            name_bytes_max: design::NAME_BYTES_MAX,
            name_chars_max: usize::MAX,
            folds_case: false,
            transactional_steps: true,
            silences_triggers: false,
        }
    }

    fn describe(&self) -> Catalogue {
        let tables = self.shared.lock().tables.values().map(|stored| stored.described()).collect();
        Catalogue { tables, ..Catalogue::new(Engine::Memory, env!("CARGO_PKG_VERSION")) }
    }
}
