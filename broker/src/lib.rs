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

pub mod conformance;
mod delivery;
mod faulty;
mod memory;

use async_trait::async_trait;
use protocol::fault::Fault;
use protocol::id::{ChunkId, RunId};

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
    /// # Errors
    /// `Code::Unreachable`; then some tasks of the former leader may still come.
    async fn purge(&self) -> Result<(), Fault>;

    /// No further deliveries; whoever waits gets `None`. Closing twice is closing once. What is
    /// published from now on may be lost.
    async fn close(&self);
}
