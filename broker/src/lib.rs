//! Where ready tasks wait: the doorbell.
//!
//! A task is a chunk's address. The coordinator rings for a chunk that may run, and some worker
//! hears it. What is to be done stands in the plan, and what was done stands in the target.
//!
//! # Promises
//! [`conformance`] holds every broker to these.
//! 1. A task that was published is delivered at least once, if somebody asks for it, unless it was
//!    purged or the broker was closed before.
//! 2. A delivery that is dropped unsettled is offered again; a settled one is not.
//! 3. Giving up a wait in [`Broker::next`] loses no task.
//! 4. After [`Broker::close`] everybody who waits, or comes later, gets `None`.
//!
//! # Not promised
//! Order, and exactly once. A task may come twice, late, or never when the broker dies; the
//! coordinator rings again for what stays missing, and a chunk that is done finds its receipt.
//! So neither a lost nor a doubled task can change data.
//!
//! # Who calls what
//! The coordinator calls [`Broker::publish`], [`Broker::purge`] when it begins to lead, and
//! [`Broker::close`]. A worker's slot calls [`Broker::next`] and settles what it got.

mod amqp;
pub mod conformance;
mod delivery;
mod faulty;
mod memory;

use async_trait::async_trait;
use protocol::clock::Instant;
use protocol::fault::Fault;
use protocol::finding::Finding;
use protocol::id::{ChunkId, RunId};
use protocol::trace::Trace;

pub use amqp::{Amqp, Options, QueueKind};
pub use delivery::Delivery;
pub use faulty::{Faulty, Mood, Operation};
pub use memory::Memory;

/// A chunk's address. What to do stands in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    /// Which run.
    pub run: RunId,
    /// Which chunk of its plan.
    pub chunk: ChunkId,
    /// In which coordinator's term it was rung for.
    pub epoch: u64,
    /// 0 to [`Task::PRIORITY_MAX`]; higher first, where the broker can. A wish and no promise.
    pub priority: u8,
    /// The span under which its chunk is done.
    pub trace: Option<Trace>,
    /// When it was rung, where its sender said so: to tell how long tasks wait, and for nothing else.
    pub rung: Option<Instant>,
}

impl Task {
    /// The priority of a run for which nobody asked for another.
    pub const PRIORITY: u8 = 4;
    /// The highest priority.
    pub const PRIORITY_MAX: u8 = 9;

    /// A task of the usual priority, in no trace.
    pub fn new(run: RunId, chunk: ChunkId, epoch: u64) -> Self {
        Self { run, chunk, epoch, priority: Self::PRIORITY, trace: None, rung: None }
    }
}

/// A queue of tasks that several workers drink from.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Rings for a chunk. At least once: a task that is still waiting may swallow its own double.
    ///
    /// # Errors
    /// `Code::Unreachable` when nobody knows whether the task arrived. Ring again later.
    async fn publish(&self, task: Task) -> Result<(), Fault>;

    /// Waits for the next task; `None` when the broker was closed. The wait may be dropped at any
    /// time without losing a task.
    ///
    /// # Errors
    /// `Code::Unreachable` when the broker cannot be heard. Ask again after a pause.
    async fn next(&self) -> Result<Option<Delivery>, Fault>;

    /// Throws away what nobody has taken yet; a new leader rings again. What is in hands stays
    /// there.
    ///
    /// A fleet has one queue for all its runs, so there this throws away the tasks of other runs
    /// too. Nothing is lost by it but time: each coordinator rings again for what stays missing.
    ///
    /// # Errors
    /// `Code::Unreachable`; then some tasks of the former leader may still come.
    async fn purge(&self) -> Result<(), Fault>;

    /// No further deliveries; whoever waits gets `None`. Closing twice is closing once. What is
    /// published from now on may be lost.
    async fn close(&self);

    /// Why tasks do not move at the moment, in words for people; `None` when all is well as far
    /// as this handle knows. It asks nobody and returns at once.
    async fn trouble(&self) -> Option<String>;

    /// What to know of it before work begins: version, encryption, queues. Changes nothing.
    ///
    /// # Errors
    /// `Code::Unreachable` when it cannot be asked.
    async fn examine(&self) -> Result<Vec<Finding>, Fault> {
        Ok(Vec::new())
    }
}
