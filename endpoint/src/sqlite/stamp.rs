//! Change counters of a file: a text that changes whenever somebody commits.
//!
//! Outside WAL mode the header of the file counts commits. In WAL mode it need not, and the last
//! commit in the log tells instead: its place and its running checksum. And whoever leaves last folds
//! the log into the file and deletes it, after which only the time at which the file was written
//! tells. A log that is folded in later gives another text although nobody wrote; that errs on the
//! safe side.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::link::hex;

/// Database files that were opened here, by identity. They are never closed: POSIX drops *all*
/// locks of a process on a file when it closes *any* descriptor of it, so closing ours would take
/// the locks from under SQLite (<https://www.sqlite.org/howtocorrupt.html>, section 2.2). The log
/// has no locks of its own and is opened freely.
static OPENED: Mutex<BTreeMap<String, File>> = Mutex::new(BTreeMap::new());

/// Where the header keeps the change counter and the number of pages.
const COUNTERS: std::ops::Range<usize> = 24..32;

/// Where the header says that commits go into a log, and how.
const VERSION: usize = 18;
const WITH_LOG: u8 = 2;

/// What the file that `identity` names, found at `path`, says now.
pub(super) fn stamp(path: &Path, identity: &str) -> io::Result<String> {
    let header = header(path, identity)?;
    let mut stamp = hex(&header[COUNTERS]);
    if header[VERSION] == WITH_LOG {
        let written = std::fs::metadata(path)?.modified()?;
        let since = written.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        // SQLite follows links before it looks for the log.
        let log = log_path(&std::fs::canonicalize(path)?);
        let _ = write!(stamp, ":{}:{}", since.as_nanos(), last_commit(&log)?);
    }
    Ok(stamp)
}

fn header(path: &Path, identity: &str) -> io::Result<[u8; 100]> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let file = match opened.entry(identity.to_owned()) {
        std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
        std::collections::btree_map::Entry::Vacant(entry) => entry.insert(File::open(path)?),
    };
    let mut header = [0; 100];
    file.seek(SeekFrom::Start(0))?;
    match file.read_exact(&mut header) {
        // An empty file is an empty database.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok([0; 100]),
        done => done.map(|()| header),
    }
}

fn log_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The frame of the last commit in the log, with the log's salts: its number and its checksum.
///
/// <https://www.sqlite.org/fileformat2.html#walformat>: a header of 32 bytes with the page size
/// and the salts; then frames, each a header of 24 bytes and a page. A frame with other salts is
/// left over from before the log began anew.
fn last_commit(path: &Path) -> io::Result<String> {
    let mut log = match File::open(path) {
        Ok(log) => io::BufReader::new(log),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok("-".to_owned()),
        Err(error) => return Err(error),
    };
    let mut header = [0; 32];
    if log.read_exact(&mut header).is_err() {
        return Ok("-".to_owned());
    }
    let page_bytes = word(&header, 8);
    let salts = &header[16..24];
    let mut last = String::from("0");
    let mut frame = [0; 24];
    for number in 1_u64.. {
        // The end of the log, or a frame that is being written.
        if log.read_exact(&mut frame).is_err() || frame[8..16] != *salts {
            break;
        }
        let commits = word(&frame, 4) != 0;
        if commits {
            last = format!("{number}:{}", hex(&frame[16..24]));
        }
        log.seek_relative(i64::from(page_bytes))?;
    }
    Ok(format!("{}:{last}", hex(salts)))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    u32::from_be_bytes(word.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::sqlite::scratch::Scratch;

    fn changes(mode: &str) {
        let scratch = Scratch::new();
        let writer = Connection::open(scratch.path()).unwrap();
        writer.execute_batch(&format!("PRAGMA journal_mode = {mode}; CREATE TABLE t (a)")).unwrap();
        let stamp = || stamp(scratch.path(), &scratch.path().display().to_string()).unwrap();
        let mut seen = vec![stamp()];
        assert_eq!(stamp(), seen[0], "looking changes nothing");
        for _ in 0..3 {
            writer.execute("INSERT INTO t VALUES (1)", []).unwrap();
            seen.push(stamp());
        }
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        writer.execute("UPDATE t SET a = 2", []).unwrap();
        seen.push(stamp());
        assert_eq!(stamp(), seen[4]);
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 5, "every commit changes it");
    }

    #[test]
    fn every_commit_changes_the_stamp_with_a_rollback_journal() {
        changes("DELETE");
    }

    #[test]
    fn every_commit_changes_the_stamp_with_a_log() {
        changes("WAL");
    }

    #[test]
    fn somebody_who_came_wrote_and_left_is_noticed_with_a_log() {
        let scratch = Scratch::with(
            "PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)",
        );
        let stamp = || stamp(scratch.path(), &scratch.path().display().to_string()).unwrap();
        let before = stamp();
        assert_eq!(stamp(), before);
        // The last to leave folds the log into the file and deletes it.
        scratch.execute("UPDATE t SET a = 2");
        assert_ne!(stamp(), before);
    }

    #[cfg(unix)]
    #[test]
    fn a_log_is_found_through_a_link() {
        let scratch = Scratch::with("PRAGMA journal_mode = WAL; CREATE TABLE t (a)");
        let link = scratch.path().with_file_name("link.db");
        std::os::unix::fs::symlink(scratch.path(), &link).unwrap();
        let stamp = || stamp(&link, &scratch.path().display().to_string()).unwrap();
        let writer = Connection::open(scratch.path()).unwrap();
        writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        let before = stamp();
        writer.execute_batch("INSERT INTO t VALUES (2)").unwrap();
        assert_ne!(stamp(), before);
    }
}
