//! Tasks that the broker has handed to this process and that no slot has taken yet.
//!
//! Bounded by the prefetch: the broker hands out no more before something is settled.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::consume::Held;
use crate::Task;

/// A task and what settles it. Forgetting one is harmless: with its connection it goes back.
pub(super) struct Arrived {
    pub(super) task: Task,
    pub(super) held: Held,
}

#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    bell: Notify,
    shut: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Arrived>,
    closed: bool,
}

impl Inbox {
    /// The state. A panic elsewhere cannot leave it half changed, so poison means nothing here.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a task; gives it back when nobody will come for it.
    pub(super) fn put(&self, arrived: Arrived) -> Result<(), Box<Arrived>> {
        let mut state = self.state();
        if state.closed {
            return Err(Box::new(arrived));
        }
        state.waiting.push_back(arrived);
        self.bell.notify_one();
        Ok(())
    }

    /// Waits for a task; `None` once closed. The wait may be dropped at any time.
    pub(super) async fn take(&self) -> Option<Arrived> {
        loop {
            // Made before looking, so that a bell between the look and the wait is heard.
            let bell = self.bell.notified();
            {
                let mut state = self.state();
                if state.closed {
                    return None;
                }
                if let Some(arrived) = state.waiting.pop_front() {
                    // Two bells that rang before anybody listened are kept as one: ring on.
                    if !state.waiting.is_empty() {
                        self.bell.notify_one();
                    }
                    return Some(arrived);
                }
            }
            bell.await;
        }
    }

    /// All that waits.
    pub(super) fn empty(&self) -> VecDeque<Arrived> {
        std::mem::take(&mut self.state().waiting)
    }

    pub(super) fn closed(&self) -> bool {
        self.state().closed
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.bell.notify_waiters();
        // One who keeps a connection waits for this, now or in a moment.
        self.shut.notify_one();
    }

    /// Waits until it is closed.
    pub(super) async fn shut(&self) {
        while !self.closed() {
            self.shut.notified().await;
        }
    }
}
