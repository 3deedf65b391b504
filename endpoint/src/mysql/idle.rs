//! Connections that stay open between two questions: to open one takes a dozen ways to the server and
//! back, a question takes one.

use std::sync::{Arc, Mutex, PoisonError};

use protocol::fault::Fault;

use super::MySql;
use super::connect::{Duty, Link};

/// Most that are kept: as many as can be at work at once.
const KEPT_MAX: usize = 64;

/// Connections that nobody uses now. They stand in no transaction, and have the settings with which they
/// were opened.
#[derive(Clone, Default)]
pub(super) struct Idle(Arc<Mutex<Vec<Link>>>);

impl Idle {
    /// One of them, if there is one that still lives.
    async fn take(&self) -> Option<Link> {
        loop {
            let mut link = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if link.lives().await {
                return Some(link);
            }
        }
    }

    /// Keeps one whose question was answered.
    pub(super) fn keep(&self, link: Link) {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if links.len() < KEPT_MAX && link.is_at_rest() {
            links.push(link);
        }
    }

    /// Closes them.
    pub(super) fn close(&self) {
        let links = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        drop(links);
    }
}

impl MySql {
    /// A connection for a question outside any transaction.
    pub(super) async fn asking(&self, label: &str) -> Result<Link, Fault> {
        match self.idle.take().await {
            Some(link) => Ok(link),
            None => self.door.open(label, Duty::Read).await,
        }
    }
}
