//! A broker that misbehaves on request, around one that does not.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use protocol::fault::{Code, Fault};

use crate::delivery::Ending;
use crate::{Broker, Delivery, Task};

/// What can go wrong separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// [`Broker::publish`].
    Publish,
    /// [`Broker::next`], at the moment a task was taken from the queue.
    Next,
    /// [`Delivery::settle`].
    Settle,
}

/// How one call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mood {
    /// As it should.
    Well,
    /// An error, and nothing was done.
    Refuse,
    /// It was done, and the answer was lost: an error.
    DoThenFail,
    /// No error, and the message is gone: a task published or taken vanishes, a settlement is
    /// not heard and the task comes back.
    Lose,
    /// The task comes once more than it should, after it was taken.
    Double,
    /// The message is kept until [`Faulty::let_go`]: a task arrives late, a settled task comes
    /// back late.
    Hold,
}

/// A broker with scripted moods: each call of an operation uses up the first mood that was
/// scripted for it, and goes well when there is none. Copies share one script.
#[derive(Clone)]
pub struct Faulty {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Arc<dyn Broker>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    script: BTreeMap<Operation, VecDeque<Mood>>,
    /// Tasks that come again once they are taken, and how often.
    doubles: HashMap<Task, u32>,
    held_tasks: Vec<Task>,
    held_deliveries: Vec<Delivery>,
}

impl Faulty {
    /// Wraps a broker; it behaves well until told otherwise.
    pub fn new(inner: Arc<dyn Broker>) -> Self {
        Self { shared: Arc::new(Shared { inner, state: Mutex::default() }) }
    }

    /// Appends moods for the next calls of an operation.
    pub fn script(&self, operation: Operation, moods: impl IntoIterator<Item = Mood>) {
        self.shared.state().script.entry(operation).or_default().extend(moods);
    }

    /// Lets go of everything that [`Mood::Hold`] kept.
    ///
    /// # Errors
    /// Those of the broker inside.
    pub async fn let_go(&self) -> Result<(), Fault> {
        let (tasks, deliveries) = {
            let mut state = self.shared.state();
            (std::mem::take(&mut state.held_tasks), std::mem::take(&mut state.held_deliveries))
        };
        drop(deliveries);
        for task in tasks {
            self.shared.inner.publish(task).await?;
        }
        Ok(())
    }
}

fn lost() -> Fault {
    Fault::new(Code::Unreachable, "the broker").saying("a scripted fault")
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mood(&self, operation: Operation) -> Mood {
        let mut state = self.state();
        state.script.get_mut(&operation).and_then(VecDeque::pop_front).unwrap_or(Mood::Well)
    }

    fn double(&self, task: Task) {
        *self.state().doubles.entry(task).or_default() += 1;
    }

    /// Whether this task, just taken, is to come again. Uses that up.
    fn comes_again(&self, task: Task) -> bool {
        let mut state = self.state();
        let Some(times) = state.doubles.get_mut(&task) else { return false };
        *times -= 1;
        if *times == 0 {
            state.doubles.remove(&task);
        }
        true
    }

    /// What becomes of a task that was just taken; `None` when its taker never sees it.
    async fn hand_over(self: &Arc<Self>, taken: Delivery) -> Result<Option<Delivery>, Fault> {
        let task = *taken.task();
        match self.mood(Operation::Next) {
            Mood::Well => {}
            Mood::Refuse | Mood::DoThenFail => return Err(lost()),
            Mood::Lose => return taken.settle().await.map(|()| None),
            Mood::Double => self.double(task),
            Mood::Hold => {
                self.state().held_deliveries.push(taken);
                return Ok(None);
            }
        }
        if self.comes_again(task) {
            self.inner.publish(task).await?;
        }
        let ending = Watched { inner: taken, shared: Arc::clone(self) };
        Ok(Some(Delivery::new(task, ending)))
    }
}

#[async_trait]
impl Broker for Faulty {
    async fn publish(&self, task: Task) -> Result<(), Fault> {
        match self.shared.mood(Operation::Publish) {
            Mood::Well => self.shared.inner.publish(task).await,
            Mood::Refuse => Err(lost()),
            Mood::DoThenFail => self.shared.inner.publish(task).await.and(Err(lost())),
            Mood::Lose => Ok(()),
            Mood::Double => {
                self.shared.double(task);
                self.shared.inner.publish(task).await
            }
            Mood::Hold => {
                self.shared.state().held_tasks.push(task);
                Ok(())
            }
        }
    }

    async fn next(&self) -> Result<Option<Delivery>, Fault> {
        loop {
            let Some(taken) = self.shared.inner.next().await? else { return Ok(None) };
            if let Some(delivery) = self.shared.hand_over(taken).await? {
                return Ok(Some(delivery));
            }
        }
    }

    async fn purge(&self) -> Result<(), Fault> {
        self.shared.state().doubles.clear();
        self.shared.inner.purge().await
    }

    async fn close(&self) {
        self.shared.inner.close().await;
    }

    async fn trouble(&self) -> Option<String> {
        self.shared.inner.trouble().await
    }
}

/// A delivery whose settling may go wrong. Dropped, it drops the one inside, which goes back.
struct Watched {
    inner: Delivery,
    shared: Arc<Shared>,
}

#[async_trait]
impl Ending for Watched {
    async fn settle(self: Box<Self>) -> Result<(), Fault> {
        let Self { inner, shared } = *self;
        match shared.mood(Operation::Settle) {
            Mood::Well => inner.settle().await,
            Mood::Refuse => Err(lost()),
            Mood::DoThenFail => inner.settle().await.and(Err(lost())),
            Mood::Lose => Ok(()),
            Mood::Double => {
                let task = *inner.task();
                inner.settle().await?;
                shared.inner.publish(task).await
            }
            Mood::Hold => {
                shared.state().held_deliveries.push(inner);
                Ok(())
            }
        }
    }

    fn give_back(self: Box<Self>) {
        drop(self.inner);
    }
}

#[cfg(test)]
mod tests {
    use protocol::id::{ChunkId, RunId};
    use uuid::Uuid;

    use super::*;
    use crate::Memory;

    fn faulty() -> (Faulty, Memory) {
        let inner = Memory::default();
        (Faulty::new(Arc::new(inner.clone())), inner)
    }

    fn task(chunk: u32) -> Task {
        Task::new(RunId(Uuid::nil()), ChunkId(chunk), 1)
    }

    /// The chunks that come, in order, when each is settled; what does not come is not waited for.
    async fn drain(broker: &Faulty, inner: &Memory) -> Vec<u32> {
        let mut chunks = Vec::new();
        while inner.waiting() > 0 {
            let delivery = broker.next().await.unwrap().unwrap();
            chunks.push(delivery.task().chunk.0);
            delivery.settle().await.unwrap();
        }
        chunks
    }

    // Without a script, it is a broker like any other.
    crate::broker_conformance!(Faulty::new(Arc::new(Memory::default())));

    #[tokio::test]
    async fn a_task_can_be_refused_lost_doubled_held_or_its_answer_lost() {
        let (broker, inner) = faulty();
        let moods =
            [Mood::Refuse, Mood::Lose, Mood::Double, Mood::Hold, Mood::DoThenFail, Mood::Well];
        broker.script(Operation::Publish, moods);
        let mut failed = Vec::new();
        for chunk in 0..6 {
            if broker.publish(task(chunk)).await.is_err() {
                failed.push(chunk);
            }
        }
        assert_eq!(failed, [0, 4]);
        assert_eq!(drain(&broker, &inner).await, [2, 4, 5, 2]);
        broker.let_go().await.unwrap();
        assert_eq!(drain(&broker, &inner).await, [3]);
    }

    #[tokio::test]
    async fn a_settlement_that_is_not_heard_brings_the_task_back() {
        let (broker, inner) = faulty();
        broker.script(Operation::Settle, [Mood::Lose, Mood::Double, Mood::Well]);
        broker.publish(task(1)).await.unwrap();
        assert_eq!(drain(&broker, &inner).await, [1, 1, 1]);
    }

    #[tokio::test]
    async fn a_settlement_may_be_heard_and_not_answered() {
        let (broker, inner) = faulty();
        broker.script(Operation::Settle, [Mood::DoThenFail]);
        broker.publish(task(1)).await.unwrap();
        let delivery = broker.next().await.unwrap().unwrap();
        delivery.settle().await.unwrap_err();
        assert_eq!(inner.waiting(), 0);
    }

    #[tokio::test]
    async fn a_task_held_on_its_way_out_comes_late() {
        let (broker, inner) = faulty();
        broker.script(Operation::Next, [Mood::Hold, Mood::Lose]);
        for chunk in 1..4 {
            broker.publish(task(chunk)).await.unwrap();
        }
        assert_eq!(drain(&broker, &inner).await, [3]);
        broker.let_go().await.unwrap();
        assert_eq!(drain(&broker, &inner).await, [1]);
    }

    #[tokio::test]
    async fn an_error_while_taking_leaves_the_task_there() {
        let (broker, inner) = faulty();
        broker.script(Operation::Next, [Mood::Refuse]);
        broker.publish(task(1)).await.unwrap();
        broker.next().await.unwrap_err();
        assert_eq!(drain(&broker, &inner).await, [1]);
    }
}
