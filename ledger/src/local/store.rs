//! The tables of a local ledger, and every statement about them.
//!
//! | table | a row is |
//! |---|---|
//! | `run` | a run whose chunks are known, with their number |
//! | `chunk` | a chunk that is no longer waiting |
//! | `event` | a kept event |
//! | `note` | a note |

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use protocol::chunk::State;
use protocol::clock::Instant;
use protocol::event::Event;
use protocol::fault::{Code, Fault};
use protocol::id::{AttemptId, ChunkId, RunId, WorkerId};
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Transaction, TransactionBehavior};

use crate::Holder;
use crate::chunks::{Chunks, Row};
use crate::gap::Kept;
use crate::memory::News;

/// The format this build writes. Raised when an older build could misread it.
const FORMAT: i64 = 1;

/// "LHLg": what tells our file from any other SQLite database.
const APPLICATION: i64 = 0x4c48_4c67;

const TABLES: &str = "
    CREATE TABLE run (run TEXT PRIMARY KEY, chunks INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE chunk (
        run TEXT NOT NULL, chunk INTEGER NOT NULL, state TEXT NOT NULL,
        attempt TEXT, worker TEXT, until INTEGER, attempts INTEGER NOT NULL,
        PRIMARY KEY (run, chunk)
    ) WITHOUT ROWID;
    CREATE TABLE event (
        run TEXT NOT NULL, sequence INTEGER NOT NULL, at INTEGER NOT NULL, fact TEXT NOT NULL,
        PRIMARY KEY (run, sequence)
    ) WITHOUT ROWID;
    CREATE TABLE note (
        run TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (run, key)
    ) WITHOUT ROWID;
";

/// The tables, open.
pub(super) struct Store {
    connection: Connection,
    place: String,
}

impl Store {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    /// `Code::LedgerUnusable` when it is damaged, of a newer format, no ledger at all, or cannot
    /// be opened.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let place = path.display().to_string();
        Ok(Self { connection: connect(path, &place)?, place })
    }

    /// Closes the file, which somebody deleted, and opens the one that is there now, or a new one.
    ///
    /// # Errors
    /// As [`Store::open`]. Until it succeeds, everything else fails.
    pub(super) fn reopen(&mut self, path: &Path) -> Result<(), Fault> {
        // Closed before the other one is opened: in one process, closing a file drops the locks
        // that a second handle on the same path has taken.
        self.connection = Connection::open_in_memory().map_err(|e| unusable(&self.place, e))?;
        self.connection = connect(path, &self.place)?;
        Ok(())
    }

    /// Where the file is.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    fn unusable(&self, cause: rusqlite::Error) -> Fault {
        unusable(&self.place, cause)
    }

    /// A fault for a row that says something impossible.
    fn damaged(&self, what: &str) -> Fault {
        Fault::new(Code::LedgerUnusable, &self.place).saying(format!("damaged: {what}"))
    }

    /// Writes down what is new, all of it or nothing.
    pub(super) fn write(&mut self, news: &[News]) -> Result<(), Fault> {
        write_all(&mut self.connection, news).map_err(|e| unusable(&self.place, e))
    }

    /// Drops all but the latest `events_max` events of a run.
    pub(super) fn prune(&mut self, run: RunId, events_max: usize) -> Result<(), Fault> {
        let sql = "DELETE FROM event WHERE run = ?1 AND sequence <= (
            SELECT sequence FROM event WHERE run = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)";
        let pruned = self.connection.execute(sql, (run.to_string(), count(events_max)));
        pruned.map(|_| ()).map_err(|e| self.unusable(e))
    }

    /// The chunks of a run, if they are known.
    pub(super) fn chunks(&self, run: RunId) -> Result<Option<Chunks>, Fault> {
        let key = run.to_string();
        let count = self
            .connection
            .query_row("SELECT chunks FROM run WHERE run = ?1", [&key], |row| row.get(0))
            .optional()
            .map_err(|e| self.unusable(e))?;
        let Some(count): Option<u32> = count else { return Ok(None) };
        if count > crate::CHUNKS_MAX {
            return Err(self.damaged("it counts more chunks than a plan can have"));
        }
        let sql = "SELECT chunk, state, attempt, worker, until, attempts FROM chunk WHERE run = ?1";
        let rows: Vec<Option<Row>> = self.select(sql, [&key], read_chunk)?;
        let rows = rows.into_iter().collect::<Option<Vec<_>>>();
        let chunks = rows.and_then(|rows| Chunks::recall(count, rows));
        chunks.map(Some).ok_or_else(|| self.damaged("a chunk's row makes no sense"))
    }

    /// The number of the run's latest event; zero when there is none.
    pub(super) fn last_event(&self, run: RunId) -> Result<u64, Fault> {
        let sql = "SELECT coalesce(max(sequence), 0) FROM event WHERE run = ?1";
        let last = self.connection.query_row(sql, [run.to_string()], |row| row.get(0));
        last.map(unsigned).map_err(|e| self.unusable(e))
    }

    /// Which events of a run there are.
    pub(super) fn kept(&self, run: RunId) -> Result<Kept, Fault> {
        let sql = "SELECT min(sequence), coalesce(max(sequence), 0) FROM event WHERE run = ?1";
        let read = |row: &SqlRow<'_>| Ok((row.get::<_, Option<i64>>(0)?, row.get(1)?));
        let (first, last) = self
            .connection
            .query_row(sql, [run.to_string()], read)
            .map_err(|e| self.unusable(e))?;
        Ok(Kept { first: first.map(unsigned), last: unsigned(last), begun: 0 })
    }

    /// Events of a run after a number, oldest first.
    pub(super) fn events(&self, run: RunId, after: u64, limit: usize) -> Result<Vec<Event>, Fault> {
        let sql = "SELECT sequence, at, fact FROM event
            WHERE run = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3";
        let read = |row: &SqlRow<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?));
        let rows = self.select(sql, (run.to_string(), signed(after), count(limit)), read)?;
        rows.into_iter()
            .map(|(sequence, at, fact)| {
                let fact = serde_json::from_str(&fact)
                    .map_err(|_| self.damaged("an event that cannot be read"))?;
                Ok(Event { sequence: unsigned(sequence), run, at: Instant(at), fact })
            })
            .collect()
    }

    /// The notes about a run.
    pub(super) fn notes(&self, run: RunId) -> Result<BTreeMap<String, String>, Fault> {
        let sql = "SELECT key, value FROM note WHERE run = ?1";
        let notes = self.select(sql, [run.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(notes.into_iter().collect())
    }

    /// Runs of which anything is written down, latest first.
    pub(super) fn runs(&self) -> Result<Vec<RunId>, Fault> {
        // The events' runs by jumps along the key, not by a scan over all events.
        let sql = "WITH RECURSIVE watched(run) AS (
                SELECT min(run) FROM event
                UNION ALL
                SELECT (SELECT min(run) FROM event WHERE event.run > watched.run) FROM watched
                WHERE watched.run IS NOT NULL)
            SELECT run FROM watched WHERE run IS NOT NULL
            UNION SELECT run FROM run UNION SELECT run FROM note ORDER BY run DESC";
        let runs: Vec<String> = self.select(sql, (), |row| row.get(0))?;
        let parse = |run: String| run.parse().map_err(|_| self.damaged("a run without a name"));
        runs.into_iter().map(parse).collect()
    }

    /// Deletes all about a run.
    pub(super) fn forget(&mut self, run: RunId) -> Result<(), Fault> {
        forget_all(&mut self.connection, run).map_err(|e| unusable(&self.place, e))
    }

    fn select<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Fault> {
        let mut select = self.connection.prepare_cached(sql).map_err(|e| self.unusable(e))?;
        let rows = select.query_map(parameters, read).and_then(Iterator::collect);
        rows.map_err(|e| self.unusable(e))
    }
}

fn connect(path: &Path, place: &str) -> Result<Connection, Fault> {
    let unusable = |e| unusable(place, e);
    let mut connection = Connection::open(path).map_err(unusable)?;
    // Another process may be writing about its own run.
    connection.busy_timeout(Duration::from_secs(5)).map_err(unusable)?;
    match prepare(&mut connection).map_err(unusable)? {
        Format::Ours(FORMAT) => {}
        Format::Ours(other) => {
            let said = format!("it has format {other}, and this build reads format {FORMAT}");
            return Err(Fault::new(Code::LedgerUnusable, place).saying(said));
        }
        // Here the usual advice, to delete the file, would be a terrible one.
        Format::Foreign => {
            return Err(Fault::new(Code::LedgerUnusable, place)
                .saying("it is a database of something else, and was not touched")
                .next("Name another folder with `--state`."));
        }
    }
    // Losing the last moments to a power cut is fine; waiting for the disk is not.
    let tune = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;";
    connection.execute_batch(tune).map_err(unusable)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Whose file it is.
enum Format {
    Ours(i64),
    Foreign,
}

/// Looks whose file it is, and makes the tables if it is empty.
fn prepare(connection: &mut Connection) -> rusqlite::Result<Format> {
    if let Some(format) = look(connection)? {
        return Ok(format);
    }
    // Looked again under the lock: another process may have made them in between.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(format) = look(&transaction)? {
        return Ok(format);
    }
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()?;
    Ok(Format::Ours(FORMAT))
}

/// Whose file it is; `None` when it is empty.
fn look(connection: &Connection) -> rusqlite::Result<Option<Format>> {
    let number = |sql| connection.query_row(sql, (), |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id")?;
    let format = number("PRAGMA user_version")?;
    let things = number("SELECT count(*) FROM sqlite_schema")?;
    Ok(match (application, format, things) {
        (APPLICATION, format, _) => Some(Format::Ours(format)),
        (0, 0, 0) => None,
        (_, _, _) => Some(Format::Foreign),
    })
}

fn write_all(connection: &mut Connection, news: &[News]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for news in news {
        write_chunks(&transaction, news)?;
        write_events(&transaction, news)?;
        write_notes(&transaction, news)?;
    }
    transaction.commit()
}

fn forget_all(connection: &mut Connection, run: RunId) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for table in ["run", "chunk", "event", "note"] {
        let sql = format!("DELETE FROM {table} WHERE run = ?1");
        transaction.execute(&sql, [run.to_string()])?;
    }
    transaction.commit()
}

fn write_chunks(transaction: &Transaction<'_>, news: &News) -> rusqlite::Result<()> {
    let run = news.run.to_string();
    if let Some(chunks) = news.opened {
        transaction.execute("DELETE FROM chunk WHERE run = ?1", [&run])?;
        let sql = "INSERT OR REPLACE INTO run (run, chunks) VALUES (?1, ?2)";
        transaction.execute(sql, (&run, count(chunks)))?;
    }
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO chunk (run, chunk, state, attempt, worker, until, attempts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for row in &news.rows {
        let (state, attempt) = spell(row.state);
        let worker = row.holder.as_ref().map(|holder| &holder.worker.0);
        let until = row.holder.as_ref().map(|holder| holder.until.0);
        insert.execute((&run, row.chunk.0, state, attempt, worker, until, row.attempts))?;
    }
    Ok(())
}

fn write_events(transaction: &Transaction<'_>, news: &News) -> rusqlite::Result<()> {
    // Another process may have published about the same run. Then our numbers move up; numbers
    // of one run rise and are never given twice within the file.
    let mut insert = transaction.prepare_cached(
        "INSERT INTO event (run, sequence, at, fact) VALUES (?1,
            max(?2, (SELECT coalesce(max(sequence), 0) + 1 FROM event WHERE run = ?1)), ?3, ?4)",
    )?;
    let run = news.run.to_string();
    for event in &news.events {
        let fact = serde_json::to_string(&event.fact).expect("a fact has string keys only");
        insert.execute((&run, signed(event.sequence), event.at.0, fact))?;
    }
    Ok(())
}

fn write_notes(transaction: &Transaction<'_>, news: &News) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO note (run, key, value) VALUES (?1, ?2, ?3)";
    let mut insert = transaction.prepare_cached(sql)?;
    for (key, value) in &news.notes {
        insert.execute((news.run.to_string(), key, value))?;
    }
    Ok(())
}

/// A state as two columns.
fn spell(state: State) -> (&'static str, Option<String>) {
    match state {
        State::Waiting => ("waiting", None),
        State::Ready => ("ready", None),
        State::Claimed(attempt) => ("claimed", Some(attempt.to_string())),
        State::Done => ("done", None),
        State::Parked => ("parked", None),
    }
}

fn read_state(word: &str, attempt: Option<&str>) -> Option<State> {
    match (word, attempt) {
        ("waiting", None) => Some(State::Waiting),
        ("ready", None) => Some(State::Ready),
        ("claimed", Some(attempt)) => attempt.parse::<AttemptId>().ok().map(State::Claimed),
        ("done", None) => Some(State::Done),
        ("parked", None) => Some(State::Parked),
        _ => None,
    }
}

/// A chunk's row; `None` when it makes no sense.
fn read_chunk(row: &SqlRow<'_>) -> rusqlite::Result<Option<Row>> {
    let attempt: Option<String> = row.get("attempt")?;
    let Some(state) = read_state(&row.get::<_, String>("state")?, attempt.as_deref()) else {
        return Ok(None);
    };
    let worker: Option<String> = row.get("worker")?;
    let until: Option<i64> = row.get("until")?;
    let holder = worker
        .zip(until)
        .map(|(worker, until)| Holder { worker: WorkerId(worker), until: Instant(until) });
    let chunk = ChunkId(row.get("chunk")?);
    Ok(Some(Row { chunk, state, holder, attempts: row.get("attempts")? }))
}

/// A number for SQLite, which counts to `i64::MAX`; nothing of ours is beyond that.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// SQLite's own words about our own file quote neither rows nor secrets.
fn unusable(place: &str, cause: rusqlite::Error) -> Fault {
    let fault = Fault::new(Code::LedgerUnusable, place);
    match cause.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            fault.saying("the file is damaged, or is no ledger").because(cause)
        }
        Some(_) | None => fault.because(cause),
    }
}
