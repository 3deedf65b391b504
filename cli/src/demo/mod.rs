//! A database to try things on: a school district that grew over twenty years, in one SQLite file.
//!
//! # Promises
//! 1. The same number of rows gives the same rows, on any machine: no clock, no outside randomness.
//! 2. Every foreign key is satisfied, and every check.
//! 3. It has what real databases have: text keys, composite keys, a table without a key, doubled
//!    rows, a cycle of foreign keys, a row that points to itself, names that need quotes, NULL
//!    beside the empty text, long texts, pictures, and every script there is.
//! 4. A file that is there already is not touched, and one that is half done is never left under
//!    the name that was asked for.

mod counts;
mod fill;
mod random;
#[cfg(test)]
mod tests;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use protocol::fault::{Code, Fault};
use rusqlite::Connection;

/// Rows over all tables, where nobody asks for another number.
pub const ROWS: u64 = 1_000_000;

const TABLES: &str = include_str!("schema.sql");
const INDEXES: &str = include_str!("finish.sql");

/// What the file says of itself: `LHdm`, in the field that SQLite keeps for this.
const MARK: i32 = 0x4c48_646d;

/// Whether a file is a database that [`generate`] wrote.
pub fn is_ours(path: &Path) -> bool {
    let mark =
        |db: Connection| db.query_row("PRAGMA application_id", [], |row| row.get::<_, i32>(0));
    open_to_read(path).and_then(mark).is_ok_and(|mark| mark == MARK)
}

/// Whether a file is the result of moving such a database: no run but demos wrote to it.
pub fn is_result(path: &Path) -> bool {
    let others = |db: Connection| {
        let runs = "SELECT count(*), sum(migration <> 'demo') FROM longhaul_run";
        db.query_row(runs, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)))
    };
    open_to_read(path).and_then(others).is_ok_and(|(runs, others)| runs > 0 && others == Some(0))
}

fn open_to_read(path: &Path) -> Result<Connection, rusqlite::Error> {
    Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Writes the database to `path`: about `rows` rows over all tables, at least a hundred or so.
/// `progress` hears the table and how many of its rows are written, now and then and at the end
/// of each.
///
/// # Errors
/// `Code::OutputUnwritable` when there is a file already, or it cannot be written.
pub fn generate(path: &Path, rows: u64, progress: &mut dyn FnMut(&str, u64)) -> Result<(), Fault> {
    let unwritable = || Fault::new(Code::OutputUnwritable, path.display().to_string());
    if path.exists() {
        let next = "Remove the file, or name another.";
        return Err(unwritable().saying("the file is there already").next(next));
    }
    let partial = partial_of(path);
    let _ = fs::remove_file(&partial);
    let written = write(&partial, rows, progress).map_err(|cause| unwritable().because(cause));
    let named = written
        .and_then(|()| fs::rename(&partial, path).map_err(|cause| unwritable().because(cause)));
    if named.is_err() {
        let _ = fs::remove_file(&partial);
    }
    named
}

fn partial_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn write(
    path: &Path,
    rows: u64,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<(), rusqlite::Error> {
    let mut db = Connection::open(path)?;
    // Nobody reads the file before it has its name, so there is nothing to protect it from.
    db.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;
         PRAGMA cache_size = -65536;",
    )?;
    db.pragma_update(None, "application_id", MARK)?;
    let transaction = db.transaction()?;
    transaction.execute_batch(TABLES)?;
    fill::all(&transaction, rows, progress)?;
    transaction.execute_batch(INDEXES)?;
    transaction.commit()?;
    db.execute_batch("ANALYZE; PRAGMA journal_mode = DELETE;")?;
    db.close().map_err(|(_, error)| error)
}
