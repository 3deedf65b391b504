//! Connections that stay open between two questions.
//!
//! To open one takes half a dozen ways to the server and back, and a process on its side; a question
//! takes one. So what was asked to its end is kept for the next, whoever asks it.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::fault::Fault;

use super::Postgres;
use super::connect::{Duty, Link};

/// How long one that was kept may take to answer, before another is opened in its place.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Most that are kept: as many as can be at work at once.
const KEPT_MAX: usize = 64;

/// Connections that nobody uses now.
#[derive(Clone)]
pub(super) struct Idle {
    links: Arc<Mutex<Vec<Link>>>,
    /// What takes one back to where it stood before it was read over.
    back: &'static str,
}

impl Idle {
    /// For those that stand outside any transaction.
    pub(super) fn at_rest() -> Self {
        Self { links: Arc::default(), back: "ROLLBACK" }
    }

    /// For those that have joined the moment that is held.
    pub(super) fn at_a_moment() -> Self {
        Self { links: Arc::default(), back: "ROLLBACK TO lh_joined" }
    }

    /// One of them, if there is one that still lives, under another label.
    pub(super) async fn take(&self, label: &str) -> Option<Link> {
        loop {
            let link = self.links.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            let named = tokio::time::timeout(ANSWER_WITHIN, link.relabel(label)).await;
            if matches!(named, Ok(Ok(()))) {
                return Some(link);
            }
        }
    }

    /// Keeps one whose read came to its end, without the locks and settings of that read: whoever
    /// wants to change a table must not wait for a reader that has nothing to read.
    pub(super) async fn keep(&self, link: Link) {
        if link.batch(self.back).await.is_ok() {
            self.put(link);
        }
    }

    /// Keeps one that stands where it stood before.
    fn put(&self, link: Link) {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if links.len() < KEPT_MAX {
            links.push(link);
        }
    }

    /// Closes them.
    pub(super) fn close(&self) {
        let links = std::mem::take(&mut *self.links.lock().unwrap_or_else(PoisonError::into_inner));
        drop(links);
    }
}

/// A connection for a question outside any transaction. It is closed when it is dropped, unless the
/// question was answered: [`Asking::done`].
pub(super) struct Asking {
    link: Link,
    idle: Idle,
}

impl Asking {
    /// Keeps the connection for the next question. Nothing may have been set that outlives this one.
    pub(super) fn done(self) {
        self.idle.put(self.link);
    }

    /// The connection itself, for a read over it, and where to leave it afterwards.
    pub(super) fn into_reader(self) -> (Link, Idle) {
        (self.link, self.idle)
    }
}

impl Deref for Asking {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.link
    }
}

impl Postgres {
    /// A connection for a question outside any transaction.
    pub(super) async fn asking(&self, label: &str) -> Result<Asking, Fault> {
        let link = match self.idle.take(label).await {
            Some(link) => link,
            None => self.door.open(label, Duty::Read).await?,
        };
        Ok(Asking { link, idle: self.idle.clone() })
    }

    /// Closes what nobody uses. The moment that is held stays.
    pub(super) fn close_idle(&self) {
        self.idle.close();
        if let Ok(held) = self.held.try_lock()
            && let Some(held) = held.as_ref()
        {
            held.idle.close();
        }
    }
}
