//! What SQLite's result codes mean to us: one table.
//!
//! Of SQLite's message only names are kept, and only where its form is known: the message of a
//! trigger, for one, may quote values.

use protocol::fault::{Code, Fault, Native, Refusal};
use rusqlite::ffi;

/// What was being done, for the one code (`SQLITE_ERROR`) that means everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Opening the file.
    Open,
    /// Preparing a statement with the operator's condition in it, after the same one without it
    /// had been understood.
    Filter,
    /// Reading rows.
    Read,
    /// Writing rows, bookkeeping or catalogue.
    Write,
}

/// The fault for an error of the driver.
pub(super) fn fault(place: &str, doing: Doing, error: &rusqlite::Error) -> Fault {
    let Some((code, message)) = parts(error) else {
        // The driver itself refused: a statement or a value of a form that it cannot take.
        return Fault::new(of_generic(doing), place).saying("the driver refused the statement");
    };
    let named = named(code, message);
    let fault = Fault::new(classify(code, doing), place).native(named);
    match said(code, message) {
        Some(said) => fault.saying(said),
        None => fault,
    }
}

/// SQLite's own words. Only for statements that no row value can be in: those that were run where there
/// was no row.
pub(super) fn words(error: &rusqlite::Error) -> Option<String> {
    parts(error).map(|(_, message)| message.to_owned()).filter(|message| !message.is_empty())
}

/// The fault for a connection whose thread is gone.
pub(super) fn closed(place: &str) -> Fault {
    Fault::new(Code::Unreachable, place).saying("the connection is closed")
}

fn parts(error: &rusqlite::Error) -> Option<(i32, &str)> {
    if let rusqlite::Error::SqliteFailure(inner, message) = error {
        return Some((inner.extended_code, message.as_deref().unwrap_or_default()));
    }
    if let rusqlite::Error::SqlInputError { error, msg, .. } = error {
        return Some((error.extended_code, msg));
    }
    None
}

/// The table. The low byte of an extended code is the primary one.
fn classify(code: i32, doing: Doing) -> Code {
    // Of a disk without room SQLite says so; of a quota, or of a limit on the size of files, it
    // says only that the write failed. More tries help neither, nor is any row at fault.
    if matches!(code, ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE) {
        return Code::Full;
    }
    match code & 0xff {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL => Code::Busy,
        ffi::SQLITE_FULL | ffi::SQLITE_NOMEM => Code::Full,
        ffi::SQLITE_CONSTRAINT | ffi::SQLITE_MISMATCH | ffi::SQLITE_TOOBIG => Code::ValueRefused,
        ffi::SQLITE_READONLY | ffi::SQLITE_PERM | ffi::SQLITE_AUTH => Code::RightsMissing,
        ffi::SQLITE_INTERRUPT => Code::Slow,
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB | ffi::SQLITE_CANTOPEN if doing == Doing::Open => {
            Code::DatabaseUnopened
        }
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => Code::Refused,
        ffi::SQLITE_CANTOPEN => Code::Unreachable,
        ffi::SQLITE_ERROR => of_generic(doing),
        _ => Code::Unknown,
    }
}

fn of_generic(doing: Doing) -> Code {
    match doing {
        Doing::Open => Code::DatabaseUnopened,
        Doing::Filter => Code::FilterInvalid,
        Doing::Read => Code::SourceChanged,
        Doing::Write => Code::Refused,
    }
}

/// Constraint codes with the words that SQLite puts before the names.
const CONSTRAINTS: [(i32, &str, &str); 7] = [
    (ffi::SQLITE_CONSTRAINT_UNIQUE, "UNIQUE", "UNIQUE constraint failed: "),
    (ffi::SQLITE_CONSTRAINT_PRIMARYKEY, "PRIMARY KEY", "UNIQUE constraint failed: "),
    (ffi::SQLITE_CONSTRAINT_ROWID, "PRIMARY KEY", "UNIQUE constraint failed: "),
    (ffi::SQLITE_CONSTRAINT_NOTNULL, "NOT NULL", "NOT NULL constraint failed: "),
    (ffi::SQLITE_CONSTRAINT_CHECK, "CHECK", "CHECK constraint failed: "),
    (ffi::SQLITE_CONSTRAINT_FOREIGNKEY, "FOREIGN KEY", "\0"),
    (ffi::SQLITE_CONSTRAINT_TRIGGER, "trigger", "\0"),
];

/// A refusal of our own of NULL, in the server's words.
pub(super) fn not_null() -> Native {
    named(ffi::SQLITE_CONSTRAINT_NOTNULL, "")
}

fn refusal(code: i32) -> Option<Refusal> {
    Some(match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => Refusal::Unique,
        ffi::SQLITE_CONSTRAINT_NOTNULL => Refusal::NotNull,
        ffi::SQLITE_CONSTRAINT_CHECK => Refusal::Check,
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Refusal::ForeignKey,
        ffi::SQLITE_CONSTRAINT_TRIGGER => Refusal::Trigger,
        ffi::SQLITE_CONSTRAINT_DATATYPE | ffi::SQLITE_MISMATCH => Refusal::WrongType,
        ffi::SQLITE_TOOBIG => Refusal::TooLarge,
        _ => return None,
    })
}

fn named(code: i32, message: &str) -> Native {
    let mut native = Native { code: code.to_string(), refusal: refusal(code), ..Native::default() };
    let Some((_, kind, words)) = CONSTRAINTS.iter().find(|row| row.0 == code) else {
        return native;
    };
    native.constraint = Some((*kind).to_owned());
    let Some(names) = message.strip_prefix(words) else { return native };
    if code == ffi::SQLITE_CONSTRAINT_CHECK {
        // The constraint's name, or its expression where it has none: both from the schema.
        native.constraint = Some(format!("CHECK {names}"));
    } else if let Some(index) = names.strip_prefix("index ") {
        native.constraint = Some(format!("{kind} {}", index.trim_matches('\'')));
    } else if let Some((table, column)) = names.split_once('.') {
        native.column = Some(column.replace(&format!(", {table}."), ", "));
        native.table = Some(table.to_owned());
    }
    native
}

/// Beginnings of messages that quote a statement's names and nothing else.
const SAFE: [&str; 7] = [
    "no such ",
    "near \"",
    "duplicate column name: ",
    "table ",
    "index ",
    "foreign key mismatch",
    "incomplete input",
];

fn said(code: i32, message: &str) -> Option<&str> {
    let primary = code & 0xff;
    if primary == ffi::SQLITE_NOTADB {
        return Some("the file is not a SQLite database");
    }
    let safe = primary == ffi::SQLITE_ERROR && SAFE.iter().any(|safe| message.starts_with(safe));
    safe.then_some(message)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn failing(setup: &str, statement: &str) -> Fault {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(setup).unwrap();
        let error = connection.execute_batch(statement).unwrap_err();
        fault("here", Doing::Write, &error)
    }

    #[test]
    fn a_constraint_is_told_by_names_and_never_by_values() {
        let setup = "CREATE TABLE t (a INT, b TEXT, c INT NOT NULL, UNIQUE (a, b), \
             CONSTRAINT positive CHECK (c > 0)); INSERT INTO t VALUES (1, 'secret', 1)";
        let fault = failing(setup, "INSERT INTO t VALUES (1, 'secret', 1)");
        assert_eq!(fault.code(), Code::ValueRefused);
        let named = fault.named().unwrap();
        assert_eq!(named.table.as_deref(), Some("t"));
        assert_eq!(named.column.as_deref(), Some("a, b"));
        assert_eq!(named.constraint.as_deref(), Some("UNIQUE"));
        assert!(!fault.to_string().contains("secret"));

        let fault = failing(setup, "INSERT INTO t VALUES (2, 'x', -1)");
        assert_eq!(fault.named().unwrap().constraint.as_deref(), Some("CHECK positive"));
        let fault = failing(setup, "INSERT INTO t VALUES (2, 'x', NULL)");
        assert_eq!(fault.named().unwrap().column.as_deref(), Some("c"));
    }

    #[test]
    fn the_words_of_a_trigger_stay_where_they_are() {
        let setup = "CREATE TABLE t (a); CREATE TRIGGER g BEFORE INSERT ON t \
             BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: secret'); END";
        let fault = failing(setup, "INSERT INTO t VALUES (1)");
        assert_eq!(fault.code(), Code::ValueRefused);
        assert!(!fault.to_string().contains("secret"));
    }

    #[test]
    fn what_is_not_understood_is_told_by_what_was_being_done() {
        let connection = Connection::open_in_memory().unwrap();
        let error = connection.prepare("SELECT gone FROM nowhere").unwrap_err();
        assert_eq!(fault("here", Doing::Read, &error).code(), Code::SourceChanged);
        assert_eq!(fault("here", Doing::Filter, &error).code(), Code::FilterInvalid);
        assert_eq!(fault("here", Doing::Write, &error).code(), Code::Refused);
        assert_eq!(fault("x", Doing::Read, &error).said(), Some("no such table: nowhere"));
    }
}
