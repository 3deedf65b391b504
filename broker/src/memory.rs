//! The broker inside one process: a queue and a bell.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use protocol::fault::Fault;
use tokio::sync::Notify;

use crate::delivery::Ending;
use crate::{Broker, Delivery, Task};

/// A queue in this process. Copies are handles on the same queue.
///
/// Its memory is bounded by the coordinator's window: a task that already waits is not queued a
/// second time, so ringing again for a chunk that nobody took costs nothing.
#[derive(Clone, Default)]
pub struct Memory {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    bell: Notify,
}

/// Invariant: `known` holds exactly the tasks in `waiting`, each once, whenever it was rung.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Task>,
    known: HashSet<Task>,
    closed: bool,
}

impl Memory {
    /// How many tasks wait for somebody to take them.
    pub fn waiting(&self) -> usize {
        self.shared.queue().waiting.len()
    }
}

impl Shared {
    /// The queue. A panic elsewhere cannot leave it half changed, so poison means nothing here.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the first task, and rings on for the next one if there is any: two bells that were
    /// rung before anybody listened are kept as one.
    fn take(&self) -> Option<Task> {
        let mut queue = self.queue();
        let task = queue.waiting.pop_front()?;
        queue.known.remove(&timeless(task));
        if !queue.waiting.is_empty() {
            self.bell.notify_one();
        }
        Some(task)
    }
}

/// The same task, whenever it was rung: a double says no more than the first.
fn timeless(task: Task) -> Task {
    Task { rung: None, ..task }
}

#[async_trait]
impl Broker for Memory {
    async fn publish(&self, task: Task) -> Result<(), Fault> {
        let mut queue = self.shared.queue();
        if !queue.closed && queue.known.insert(timeless(task)) {
            queue.waiting.push_back(task);
            self.shared.bell.notify_one();
        }
        Ok(())
    }

    async fn next(&self) -> Result<Option<Delivery>, Fault> {
        loop {
            // Made before looking, so that a bell between the look and the wait is heard.
            let bell = self.shared.bell.notified();
            if self.shared.queue().closed {
                return Ok(None);
            }
            if let Some(task) = self.shared.take() {
                let ending = Held { task, shared: Arc::clone(&self.shared) };
                return Ok(Some(Delivery::new(task, ending)));
            }
            bell.await;
        }
    }

    async fn purge(&self) -> Result<(), Fault> {
        let mut queue = self.shared.queue();
        queue.waiting.clear();
        queue.known.clear();
        Ok(())
    }

    async fn close(&self) {
        let mut queue = self.shared.queue();
        queue.closed = true;
        queue.waiting.clear();
        queue.known.clear();
        self.shared.bell.notify_waiters();
    }

    async fn trouble(&self) -> Option<String> {
        None
    }
}

/// A task that somebody has taken.
struct Held {
    task: Task,
    shared: Arc<Shared>,
}

#[async_trait]
impl Ending for Held {
    async fn settle(self: Box<Self>) -> Result<(), Fault> {
        Ok(())
    }

    fn give_back(self: Box<Self>) {
        let mut queue = self.shared.queue();
        if !queue.closed && queue.known.insert(timeless(self.task)) {
            // To the front: it has waited its turn before.
            queue.waiting.push_front(self.task);
            self.shared.bell.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::id::{ChunkId, RunId};
    use uuid::Uuid;

    use super::*;

    crate::broker_conformance!(Memory::default());

    #[tokio::test]
    async fn ringing_again_for_a_waiting_task_takes_no_memory() {
        let broker = Memory::default();
        let task = Task::new(RunId(Uuid::nil()), ChunkId(1), 1);
        for _ in 0..1000 {
            broker.publish(task).await.unwrap();
        }
        assert_eq!(broker.waiting(), 1);
    }
}
