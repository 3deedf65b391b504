//! One task in one worker's hands, and the two ways in which it leaves them.

use async_trait::async_trait;
use protocol::fault::Fault;

use crate::Task;

/// What a broker does when a delivery ends.
#[async_trait]
pub(crate) trait Ending: Send + Sync {
    /// The task is over: never again.
    async fn settle(self: Box<Self>) -> Result<(), Fault>;

    /// The task was let fall: offer it again. Called from a destructor, so it cannot wait.
    fn give_back(self: Box<Self>);
}

/// One task in one worker's hands.
///
/// It can be let go in two ways only. [`Delivery::settle`] says that the chunk's outcome is known
/// where it counts. Dropping it says nothing, so the broker offers the task again: a worker that
/// panics loses time, never work.
#[must_use = "an unsettled delivery goes back to the queue"]
pub struct Delivery {
    task: Task,
    ending: Option<Box<dyn Ending>>,
}

impl Delivery {
    pub(crate) fn new(task: Task, ending: impl Ending + 'static) -> Self {
        Self { task, ending: Some(Box::new(ending)) }
    }

    /// What it is about.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Ends the delivery: the task does not come back.
    ///
    /// # Errors
    /// `Code::Unreachable` when the broker did not hear it. Harmless: the task comes again and
    /// finds its chunk done.
    pub async fn settle(mut self) -> Result<(), Fault> {
        match self.ending.take() {
            Some(ending) => ending.settle().await,
            None => Ok(()),
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(ending) = self.ending.take() {
            ending.give_back();
        }
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("task", &self.task).finish_non_exhaustive()
    }
}
