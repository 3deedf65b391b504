//! One moment of the source, held by one session and seen by others.

use std::time::Duration;

use protocol::fault::{Code, Fault};

use super::connect::{Door, Duty, Link};
use super::idle::Idle;

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
        Self { holder: None, id: id.to_owned(), idle: Idle::at_a_moment() }
    }

    /// Takes hold of now.
    pub(super) async fn take(door: &Door) -> Result<Self, Fault> {
        let holder = door.open("longhaul:snapshot", Duty::Read).await?;
        holder.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let id = holder.one("SELECT pg_export_snapshot()").await?;
        Ok(Self { holder: Some(holder), id, idle: Idle::at_a_moment() })
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
