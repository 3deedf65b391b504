//! The broker of a fleet: RabbitMQ, or whatever speaks AMQP 0-9-1 with its extensions.
//!
//! # Promises
//! Those of every broker, and:
//! 1. It heals by itself. A connection that is lost, silent or confused is thrown away and built
//!    anew, without end; meanwhile [`Amqp::trouble`](crate::Broker::trouble) says so. A wait in
//!    `next` outlasts that.
//! 2. A task counts as published when a queue has it: confirmed, and not returned.
//! 3. Sending and hearing use connections of their own, each made when it is first needed. So a
//!    broker that takes no messages still hears what was settled, and a coordinator that never
//!    calls `next` takes nothing out of the queue.
//! 4. A message that is not to be believed goes to the queue `….dead` with the header `reason`.
//! 5. No call takes longer than its time limit, and no error shows user or password.
//!
//! # Not promised
//! That a confirmed task survives: a broker's disk can lose it, a queue can be deleted or purged.
//! Priorities on quorum queues. That a purge spares what was published while it went on.
//!
//! Everything runs on a thread of its own, so that heartbeats are answered while the process is
//! busy with rows.

mod consume;
mod dial;
mod examine;
mod inbox;
mod link;
mod options;
mod publish;
mod supervise;
mod topology;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use lapin::types::FieldTable;
use protocol::fault::{Code, Fault};
use protocol::finding::Finding;
use protocol::wire::{MESSAGE_BYTES_MAX, Message, Refusal};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::Instant;

pub use options::{Options, QueueKind};

use self::consume::Hearing;
use self::inbox::Inbox;
use self::options::Settled;
use self::publish::{Letter, Order, Sending, deliver};
use self::supervise::{Line, Session, keep};
use crate::{Broker, Delivery, Task};

/// A fleet's broker. Dropped, its connections end and what is in hands goes back to the queue.
pub struct Amqp {
    shared: Arc<Shared>,
    /// Only taken out when this is dropped.
    runtime: Option<Runtime>,
}

struct Shared {
    settled: Arc<Settled>,
    inbox: Inbox,
    sending: Place<Sending>,
    hearing: Place<Hearing>,
    handle: Handle,
}

/// A line, and whether somebody keeps it already.
struct Place<S> {
    line: Arc<Line<S>>,
    kept: AtomicBool,
}

impl<S: Session> Place<S> {
    fn new() -> Self {
        Self { line: Arc::new(Line::new()), kept: AtomicBool::new(false) }
    }

    /// The line, kept from now on.
    fn kept(&self, parts: impl FnOnce() -> S::Parts, shared: &Shared) -> &Line<S> {
        if !self.kept.swap(true, Ordering::Relaxed) {
            let settled = Arc::clone(&shared.settled);
            shared.handle.spawn(keep(Arc::clone(&self.line), parts(), settled));
        }
        &self.line
    }
}

impl Amqp {
    /// A broker for these options. It connects when it is first used, and goes on trying.
    ///
    /// # Errors
    /// When the options do not fit together: `Code::UrlMalformed`, `Code::ConfigMalformed`,
    /// `Code::ConfigUnreadable`.
    pub fn new(options: Options) -> Result<Self, Fault> {
        let settled = Arc::new(Settled::new(options)?);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("longhaul-amqp")
            .enable_all()
            .build()
            .map_err(|e| Fault::new(Code::Busy, settled.broker()).because(e))?;
        let shared = Shared {
            settled,
            inbox: Inbox::default(),
            sending: Place::new(),
            hearing: Place::new(),
            handle: runtime.handle().clone(),
        };
        Ok(Self { shared: Arc::new(shared), runtime: Some(runtime) })
    }

    /// Connects, if that is not done yet, and waits until the queues are there.
    ///
    /// # Errors
    /// `Code::Unreachable`, with the reason, when it takes longer than this; `Code::LoginRefused`,
    /// at once, when the broker is there and refuses us.
    pub async fn reach(&self, within: Duration) -> Result<(), Fault> {
        match self.shared.sending().answer(Instant::now() + within).await {
            Some(Ok(_)) => Ok(()),
            Some(Err(why)) => Err(why.fault(self.shared.settled.broker())),
            None => Err(self.shared.unreachable()),
        }
    }

    /// The names of the fleet's queues: of tasks, and of what was set aside.
    pub fn queues(&self) -> [&str; 2] {
        [&self.shared.settled.names.work, &self.shared.settled.names.dead]
    }

    /// Removes the fleet's queues with all that is in them, and closes this handle; others that are
    /// still at work make them again. For tests, and for fleets that are no more.
    ///
    /// # Errors
    /// `Code::Unreachable`.
    pub async fn delete(&self) -> Result<(), Fault> {
        self.close().await;
        self.shared.order(Order::Delete).await
    }
}

impl Drop for Amqp {
    fn drop(&mut self) {
        self.shared.inbox.close();
        if let Some(runtime) = self.runtime.take() {
            // Waiting for it would panic where no thread may wait.
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    fn sending(&self) -> &Line<Sending> {
        self.sending.kept(|| Arc::clone(&self.settled), self)
    }

    fn hearing(self: &Arc<Self>) -> &Line<Hearing> {
        self.hearing.kept(|| Weak::clone(&Arc::downgrade(self)), self)
    }

    fn until(&self) -> Instant {
        Instant::now() + self.settled.confirm_timeout
    }

    /// Sends a letter. A session that was lost meanwhile is replaced once: sending twice is
    /// harmless, and whether to try longer is not decided here.
    async fn send(&self, letter: &Letter) -> Result<(), Fault> {
        let until = self.until();
        let mut failed = None;
        for _ in 0..2 {
            let Some(session) = self.sending().session(until).await else { break };
            match deliver(&session, letter, until).await {
                Ok(()) => return Ok(()),
                Err(why) => failed = Some(why),
            }
        }
        let fault = self.unreachable();
        Err(match (fault.said(), failed) {
            (None, Some(why)) => fault.saying(why.to_string()),
            (Some(_), _) | (None, None) => fault,
        })
    }

    async fn order(&self, order: Order) -> Result<(), Fault> {
        let Some(session) = self.sending().session(self.until()).await else {
            return Err(self.unreachable());
        };
        session.order(order).await.map_err(|why| self.unreachable().saying(why.to_string()))
    }

    /// Puts a message that is not believed, or its beginning, into the queue for such.
    async fn set_aside(&self, body: &[u8], refusal: Refusal) -> Result<(), Fault> {
        let mut headers = FieldTable::default();
        headers.insert("reason".into(), topology::text(refusal.word()));
        let letter = Letter {
            queue: self.settled.names.dead.clone(),
            id: format!("dead/{}", uuid::Uuid::new_v4()),
            body: body[..body.len().min(MESSAGE_BYTES_MAX)].to_vec(),
            priority: 0,
            headers,
        };
        self.send(&letter).await
    }

    fn letter(&self, task: Task) -> Letter {
        let Task { run, chunk, epoch, priority, trace, rung } = task;
        let message = Message { run, chunk, epoch, priority, trace, rung };
        let Settled { names, keys, .. } = &*self.settled;
        let mut headers = FieldTable::default();
        if let Some(trace) = trace {
            // For tools that look at messages; ours is in the signed part.
            headers.insert("traceparent".into(), topology::text(&trace.to_string()));
        }
        Letter {
            queue: names.work.clone(),
            id: format!("{run}/{chunk}/{epoch}"),
            body: message.seal(keys, &names.work),
            priority: priority.min(Task::PRIORITY_MAX),
            headers,
        }
    }

    fn trouble(&self) -> Option<String> {
        let place = &self.settled.place;
        self.sending.line.trouble(place).or_else(|| self.hearing.line.trouble(place))
    }

    fn unreachable(&self) -> Fault {
        let fault = Fault::new(Code::Unreachable, self.settled.broker());
        match self.trouble() {
            Some(trouble) => fault.saying(trouble),
            None => fault,
        }
    }
}

#[async_trait]
impl Broker for Amqp {
    async fn publish(&self, task: Task) -> Result<(), Fault> {
        self.shared.send(&self.shared.letter(task)).await
    }

    async fn next(&self) -> Result<Option<Delivery>, Fault> {
        self.shared.hearing();
        let arrived = self.shared.inbox.take().await;
        Ok(arrived.map(|arrived| Delivery::new(arrived.task, arrived.held)))
    }

    async fn purge(&self) -> Result<(), Fault> {
        let hears = self.shared.hearing.kept.load(Ordering::Relaxed);
        if !hears || self.shared.inbox.closed() {
            return self.shared.order(Order::Purge).await;
        }
        let Some(session) = self.shared.hearing().session(self.shared.until()).await else {
            return Err(self.shared.unreachable());
        };
        session.purge().await.map_err(|why| self.shared.unreachable().saying(why.to_string()))
    }

    async fn close(&self) {
        self.shared.inbox.close();
    }

    async fn trouble(&self) -> Option<String> {
        self.shared.trouble()
    }

    async fn examine(&self) -> Result<Vec<Finding>, Fault> {
        let settled = Arc::clone(&self.shared.settled);
        // On our own thread, like all that speaks to the broker.
        let looking = self.shared.handle.spawn(async move { examine::examine(&settled).await });
        looking.await.unwrap_or_else(|_| Err(self.shared.unreachable()))
    }
}

#[cfg(test)]
mod tests;
