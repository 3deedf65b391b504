//! Hearing: a subscription with as many deliveries as there are slots, and what ends each.
//!
//! One task keeps the subscription and does all that must be waited for: what is dropped goes back
//! through it, since a destructor cannot wait, and if even that fails, the connection is closed,
//! and the broker takes everything back by itself.

use std::convert::Infallible;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::message::Delivery as Raw;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{Acker, Channel, Consumer};
use protocol::fault::{Code, Fault};
use protocol::wire::{Message, Refusal};
use tokio::sync::{SetOnce, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Shared;
use super::inbox::Arrived;
use super::link::{CALL, Link, Why, within};
use super::supervise::Session;
use super::topology::look;
use crate::Task;
use crate::delivery::Ending;

/// Silence after which the queue is looked at: a subscription can be dead without a word.
const QUIET: Duration = Duration::from_secs(30);
/// Before a message that could not be set aside is tried again.
const BURY_AGAIN: Duration = Duration::from_secs(5);

/// A connection that only hears.
pub(super) struct Hearing {
    link: Link,
    channel: Channel,
    /// For looking: when the answer is no, the broker closes the channel.
    probe: Channel,
    shared: Weak<Shared>,
    back: mpsc::Sender<Acker>,
    purges: mpsc::Sender<oneshot::Sender<Result<(), Why>>>,
    end: Arc<SetOnce<Why>>,
}

/// What the keeper of a subscription holds.
pub(super) struct Work {
    consumer: Consumer,
    /// Whether the consumer may still bring something.
    alive: bool,
    back: mpsc::Receiver<Acker>,
    purges: mpsc::Receiver<oneshot::Sender<Result<(), Why>>>,
}

impl Hearing {
    fn end(&self, why: Why) {
        // The first reason is the true one.
        let _ = self.end.set(why);
    }

    /// Throws away what nobody has taken, on the subscription's own channel.
    ///
    /// # Errors
    /// Why nobody knows whether it was done.
    pub(super) async fn purge(&self) -> Result<(), Why> {
        let (answer, answered) = oneshot::channel();
        let lost = || Why::new("the connection was lost");
        self.purges.send(answer).await.map_err(|_| lost())?;
        answered.await.map_err(|_| lost())?
    }

    /// One message from the broker.
    async fn arrived(&self, raw: Raw, shared: &Arc<Shared>) -> Result<(), Why> {
        let settled = &shared.settled;
        match Message::open(&raw.data, &settled.keys, &settled.names.work) {
            Ok(message) => {
                let held =
                    Held { acker: raw.acker, back: self.back.clone(), end: self.end.clone() };
                match shared.inbox.put(Arrived { task: task(message), held }) {
                    Ok(()) => Ok(()),
                    Err(late) => nack(&late.held.acker).await,
                }
            }
            Err(refusal) => {
                // Apart, since sending may take a while, and what is good must not wait for it.
                tokio::spawn(bury(raw, refusal, Arc::clone(shared)));
                Ok(())
            }
        }
    }

    /// The broker's side first; then a second question, whose answer comes after everything that
    /// the broker had sent before the purge. So all of that is here, and can be thrown away too.
    async fn purge_here(&self, shared: &Shared, work: &mut Work) -> Result<(), Why> {
        let queue = shared.settled.names.work.as_str();
        let options = QueuePurgeOptions::default();
        within("purging", self.channel.queue_purge(queue.into(), options)).await?;
        within("purging", look(&self.channel, queue)).await?;
        for arrived in shared.inbox.empty() {
            ack(&arrived.held.acker).await?;
        }
        while let Some(Some(Ok(raw))) = work.consumer.next().now_or_never() {
            ack(&raw.acker).await?;
        }
        Ok(())
    }

    /// Nothing more is to come: what waits here goes back, what is in hands stays.
    async fn stop(&self, shared: &Shared, work: &mut Work) -> Result<(), Why> {
        let options = BasicCancelOptions::default();
        within("unsubscribing", self.channel.basic_cancel(work.consumer.tag(), options)).await?;
        for arrived in shared.inbox.empty() {
            nack(&arrived.held.acker).await?;
        }
        while let Some(Some(Ok(raw))) = work.consumer.next().now_or_never() {
            nack(&raw.acker).await?;
        }
        work.alive = false;
        Ok(())
    }

    async fn run(&self, shared: &Arc<Shared>, work: &mut Work) -> Result<Infallible, Why> {
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                why = self.end.wait() => return Err(why.clone()),
                next = work.consumer.next(), if work.alive => match next {
                    Some(Ok(raw)) => {
                        heard = Instant::now();
                        self.arrived(raw, shared).await?;
                    }
                    Some(Err(error)) => return Err(Why::of(&error)),
                    None => return Err(Why::new("the queue was deleted, or its node is gone")),
                },
                Some(acker) = work.back.recv() => nack(&acker).await?,
                Some(answer) = work.purges.recv() => {
                    let done = self.purge_here(shared, work).await;
                    let failed = done.clone();
                    // Whoever asked may have given up.
                    let _ = answer.send(done);
                    failed?;
                }
                () = shared.inbox.shut(), if work.alive => self.stop(shared, work).await?,
                () = sleep_until(heard + QUIET) => {
                    heard = Instant::now();
                    within("looking at the queue", look(&self.probe, &shared.settled.names.work)).await?;
                }
            }
        }
    }
}

fn task(message: Message) -> Task {
    let Message { run, chunk, epoch, priority, trace, rung } = message;
    Task { run, chunk, epoch, priority, trace, rung }
}

/// Puts a message that is not to be believed where people can look at it, with the reason, and
/// takes it out of the way.
async fn bury(raw: Raw, refusal: Refusal, shared: Arc<Shared>) {
    tracing::warn!(reason = refusal.word(), "a message was set aside");
    let settled = if shared.set_aside(&raw.data, refusal).await.is_ok() {
        ack(&raw.acker).await
    } else {
        sleep(BURY_AGAIN).await;
        nack(&raw.acker).await
    };
    // The session notices a dead channel by itself, and then the message comes again.
    drop(settled);
}

async fn ack(acker: &Acker) -> Result<(), Why> {
    taken(within("acknowledging", acker.ack(BasicAckOptions::default())).await?)
}

async fn nack(acker: &Acker) -> Result<(), Why> {
    let options = BasicNackOptions { requeue: true, ..Default::default() };
    taken(within("giving back a task", acker.nack(options)).await?)
}

/// The driver's word for an acknowledgement that it did not even try to send.
fn taken(sent: bool) -> Result<(), Why> {
    sent.then_some(()).ok_or_else(|| Why::new("the channel is closed"))
}

/// A delivery's hold on the broker.
pub(super) struct Held {
    acker: Acker,
    back: mpsc::Sender<Acker>,
    end: Arc<SetOnce<Why>>,
}

#[async_trait]
impl Ending for Held {
    async fn settle(self: Box<Self>) -> Result<(), Fault> {
        let why = match timeout(CALL, ack(&self.acker)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => why,
            Err(_) => Why::silence("acknowledging"),
        };
        let said = why.to_string();
        let _ = self.end.set(why);
        Err(Fault::new(Code::Unreachable, "the broker").saying(said))
    }

    fn give_back(self: Box<Self>) {
        // There is room for every delivery that can be out. If there is none, nobody reads.
        if self.back.try_send(self.acker).is_err() {
            let _ = self.end.set(Why::new("a task could not be given back"));
        }
    }
}

#[async_trait]
impl Session for Hearing {
    type Parts = Weak<Shared>;
    type Work = Work;

    const DUTY: &'static str = "consuming";

    fn wanted(shared: &Self::Parts) -> bool {
        shared.upgrade().is_some_and(|shared| !shared.inbox.closed())
    }

    async fn open(parts: &Self::Parts) -> Result<(Self, Work), Why> {
        let shared = parts.upgrade().ok_or_else(|| Why::new("nobody listens any more"))?;
        let settled = &shared.settled;
        let link = Link::open(settled, Self::DUTY).await?;
        super::topology::declare(&link, settled).await?;
        let (channel, probe) = (link.channel().await?, link.channel().await?);
        let qos = channel.basic_qos(settled.slots, BasicQosOptions::default());
        within("setting the prefetch", qos).await?;
        let (queue, options) = (settled.names.work.as_str(), BasicConsumeOptions::default());
        let consume =
            channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
        let consumer = within("subscribing", consume).await?;
        let (back, given_back) = mpsc::channel(usize::from(settled.slots) + 1);
        let (purges, asked) = mpsc::channel(1);
        let work = Work { consumer, alive: true, back: given_back, purges: asked };
        let end = Arc::new(SetOnce::new());
        Ok((Self { link, channel, probe, shared: parts.clone(), back, purges, end }, work))
    }

    async fn last(&self, mut work: Work) -> Why {
        let Some(shared) = self.shared.upgrade() else {
            return Why::new("nobody listens any more");
        };
        let Err(why) = self.run(&shared, &mut work).await;
        // Their connection is gone, so the broker hands them out again.
        drop(shared.inbox.empty());
        why
    }

    fn over(&self) -> bool {
        self.end.get().is_some()
    }

    fn cut(&self) {
        self.end(Why::new("the connection was lost"));
        self.link.cut();
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}
