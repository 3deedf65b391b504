//! One moment of the source, held by one session and seen by others.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::fault::{Code, Fault};

use super::connect::{Door, Duty, Link};

/// How long the holder of a moment may take to say that it is there.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A moment that readers join. It lasts as long as the session that stands in a transaction and has
/// exported what it sees; nothing ends that but its owner, the server's end, or a lost connection.
pub(super) struct Held {
    /// None where another process holds the moment.
    holder: Option<Link>,
    pub(super) id: String,
    pub(super) idle: Idle,
}

impl Held {
    /// A moment that is held elsewhere.
    pub(super) fn elsewhere(id: &str) -> Self {
        Self { holder: None, id: id.to_owned(), idle: Idle::default() }
    }

    /// Takes hold of now.
    pub(super) async fn take(door: &Door) -> Result<Self, Fault> {
        let holder = door.open("longhaul:snapshot", Duty::Read).await?;
        holder.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let id = holder.one("SELECT pg_export_snapshot()").await?;
        Ok(Self { holder: Some(holder), id, idle: Idle::default() })
    }

    /// Whether it is still there, as far as can be known: a server that says nothing may hold it yet,
    /// and what another process holds is found to be gone by those who join it.
    pub(super) async fn lives(&self) -> bool {
        let Some(holder) = &self.holder else { return true };
        let answer = tokio::time::timeout(ANSWER_WITHIN, holder.batch("SELECT 1")).await;
        answer.is_err() || answer.is_ok_and(|answer| answer.is_ok())
    }
}

/// Begins a reading transaction: at the held moment where there is one, else at now.
///
/// # Errors
/// `Code::SnapshotLost` when the holder is gone.
pub(super) async fn join(link: &Link, held: Option<&str>) -> Result<(), Fault> {
    link.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let Some(held) = held else { return Ok(()) };
    // The id came from the server, perhaps by way of another process.
    let set = format!("SET TRANSACTION SNAPSHOT {}", crate::sql::quote::literal(held));
    link.batch(&set).await.map_err(|fault| {
        // "invalid snapshot identifier", or the file that stood for it is gone.
        let lost = fault.named().is_some_and(|n| matches!(&*n.code, "22023" | "42704" | "58P01"));
        if lost { Fault::new(Code::SnapshotLost, link.place()) } else { fault }
    })?;
    link.batch("SAVEPOINT lh_joined").await
}

/// Readers that stand at the held moment and have nothing to read. A chunk takes seconds, and opening
/// a connection for each would cost some hundredth of that, on both sides.
#[derive(Clone, Default)]
pub(super) struct Idle(Arc<Mutex<Vec<Link>>>);

impl Idle {
    /// One of them, if there is one that still lives, under another label.
    pub(super) async fn take(&self, label: &str) -> Option<Link> {
        loop {
            let link = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if link.relabel(label).await.is_ok() {
                return Some(link);
            }
        }
    }

    /// Keeps one whose read came to its end, without the locks and settings of that read: whoever
    /// wants to change a table must not wait for a reader that has nothing to read.
    pub(super) async fn keep(&self, link: Link) {
        if link.batch("ROLLBACK TO lh_joined").await.is_ok() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(link);
        }
    }
}
