//! A look at a file before work begins.

use std::path::Path;

use protocol::fault::Fault;
use protocol::finding::Finding;

use super::faults::Doing;
use super::link::{Link, Place};

/// Free bytes without which nothing begins, and with which nobody need count.
const ROOM: (u64, u64) = (64 << 20, 2 << 30);

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    /// Of the library.
    version: String,
    /// `wal`, `delete`; `None` for a file that is not there yet.
    journal: Option<String>,
    /// Whether we may write to the file, or make it.
    writable: bool,
    /// Free bytes on its disk, where the system says.
    free: Option<u64>,
}

/// What to know of it before it is read.
pub(super) async fn source(place: &Place) -> Vec<Finding> {
    match facts(place).await {
        Ok(facts) => vec![version(&facts), journal(&facts)],
        Err(fault) => vec![unanswered(&fault)],
    }
}

/// What to know of it before it is written.
pub(super) async fn target(place: &Place) -> Vec<Finding> {
    match facts(place).await {
        Ok(facts) => vec![version(&facts), journal(&facts), writable(&facts), room(&facts)],
        Err(fault) => vec![unanswered(&fault)],
    }
}

fn unanswered(fault: &Fault) -> Finding {
    Finding::fail("answer", fault.to_string(), fault.advice())
}

async fn facts(place: &Place) -> Result<Facts, Fault> {
    let journal = if place.is_there() {
        let link = Link::reading(place).await?;
        let ask = |c: &mut rusqlite::Connection| {
            c.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0))
        };
        Some(link.call(Doing::Read, ask).await?)
    } else {
        None
    };
    let path = place.path.clone();
    let about_disk = tokio::task::spawn_blocking(move || (is_writable(&path), free(&path)));
    let (writable, free) = about_disk.await.unwrap_or((false, None));
    Ok(Facts { version: rusqlite::version().into(), journal, writable, free })
}

/// Beside the file its log must be made, so the folder counts in any case.
fn is_writable(path: &Path) -> bool {
    let may = |path: &Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    path.parent().is_some_and(may) && (!path.exists() || may(path))
}

fn free(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path.parent()?).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

fn version(facts: &Facts) -> Finding {
    Finding::ok("version", format!("SQLite {}, of our own", facts.version))
}

fn journal(facts: &Facts) -> Finding {
    const TOPIC: &str = "journal_mode";
    match facts.journal.as_deref() {
        None => Finding::ok(TOPIC, "wal, once the file is made"),
        Some("wal") => Finding::ok(TOPIC, "wal"),
        Some(other) => Finding::warn(
            TOPIC,
            format!("{other}: who reads and who writes wait for each other"),
            "Run `PRAGMA journal_mode = WAL` on the file.",
        ),
    }
}

fn writable(facts: &Facts) -> Finding {
    if facts.writable {
        return Finding::ok("rights", "file and folder can be written");
    }
    let said = "the file, or the folder for its log, cannot be written";
    Finding::fail("rights", said, "Allow our user to write to both.")
}

fn room(facts: &Facts) -> Finding {
    const TOPIC: &str = "room";
    let (least, enough) = ROOM;
    let Some(free) = facts.free else {
        return Finding::ok(TOPIC, "the system does not say how much is free");
    };
    let said = format!("{} MB are free", free / 1_000_000);
    let remedy = "Make room on its disk, or name a file on another.";
    match free {
        free if free < least => Finding::fail(TOPIC, said, remedy),
        free if free < enough => Finding::warn(TOPIC, said, remedy),
        _ => Finding::ok(TOPIC, said),
    }
}

#[cfg(test)]
mod tests {
    use protocol::finding::Level;

    use super::*;
    use crate::sqlite::scratch::Scratch;

    fn facts() -> Facts {
        let version = "3".into();
        Facts { version, journal: Some("wal".into()), writable: true, free: Some(1 << 40) }
    }

    #[test]
    fn what_would_fail_is_told_from_what_is_only_worth_knowing() {
        assert_eq!(journal(&facts()).level, Level::Ok);
        assert_eq!(journal(&Facts { journal: None, ..facts() }).level, Level::Ok);
        let rollback = Facts { journal: Some("delete".into()), ..facts() };
        assert_eq!(journal(&rollback).level, Level::Warn);
        assert_eq!(writable(&Facts { writable: false, ..facts() }).level, Level::Fail);
        for (free, level) in [
            (Some(0), Level::Fail),
            (Some(1 << 30), Level::Warn),
            (Some(1 << 40), Level::Ok),
            (None, Level::Ok),
        ] {
            assert_eq!(room(&Facts { free, ..facts() }).level, level);
        }
    }

    #[tokio::test]
    async fn a_file_is_looked_at_and_not_made() {
        let scratch = Scratch::new();
        let topics = |findings: Vec<Finding>| -> Vec<&str> {
            findings.iter().map(|finding| finding.topic).collect()
        };
        let all = ["version", "journal_mode", "rights", "room"];
        assert_eq!(topics(target(&scratch.place()).await), all);
        assert!(!scratch.path().exists());
        scratch.execute("CREATE TABLE t (a)");
        let found = source(&scratch.place()).await;
        assert_eq!(found[1].level, Level::Warn, "{found:?}");
        scratch.execute("PRAGMA journal_mode = WAL");
        assert_eq!(source(&scratch.place()).await[1].level, Level::Ok);
        std::fs::write(scratch.path(), "this is no database, but it is long enough").unwrap();
        assert_eq!(topics(target(&scratch.place()).await), ["answer"]);
    }
}
