//! Sending: one letter at a time on a channel, and each is confirmed or was not sent.
//!
//! A letter that no queue takes is returned by the broker and then confirmed all the same. The
//! driver hands a return to whichever confirmation comes next, so with several letters under way
//! on one channel it may pin it to the wrong one. Here every channel has one letter under way at
//! most, and there are several channels.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Event};
use tokio::sync::{Semaphore, SetOnce, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::link::{Link, Why, within};
use super::options::Settled;
use super::supervise::Session;
use super::topology;

/// How many letters are under way at once.
const LANES: usize = 16;
/// How often the connection is looked at when it says nothing.
const LOOK: Duration = Duration::from_secs(5);

/// What is sent, and to which queue.
pub(super) struct Letter {
    pub(super) queue: String,
    pub(super) id: String,
    pub(super) body: Vec<u8>,
    pub(super) priority: u8,
    pub(super) headers: FieldTable,
}

impl Letter {
    fn properties(&self) -> BasicProperties {
        const PERSISTENT: u8 = 2;
        BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(self.id.as_str().into())
            .with_priority(self.priority)
            .with_headers(self.headers.clone())
    }
}

/// What an administrator does to the queues of a fleet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// Throws away the tasks that nobody has taken.
    Purge,
    /// Removes both queues.
    Delete,
}

/// A connection that only sends.
pub(super) struct Sending {
    link: Link,
    names: topology::Names,
    lanes: Semaphore,
    /// Channels with nothing under way. One that is in use and forgotten never comes back here.
    idle: Mutex<Vec<Channel>>,
    /// The alarm that makes the broker take nothing from us.
    alarm: watch::Sender<Option<String>>,
    end: SetOnce<Why>,
}

impl Sending {
    /// Sends a letter; `Ok` once a queue has it.
    pub(super) async fn send(&self, letter: &Letter) -> Result<(), Why> {
        // While an alarm lasts, nothing that is written arrives; it would only pile up here.
        let calm =
            async |mut alarm: watch::Receiver<_>| alarm.wait_for(Option::is_none).await.is_ok();
        calm(self.alarm.subscribe()).await;
        let _lane = self.lanes.acquire().await.map_err(|_| Why::new("closed"))?;
        let channel = self.channel().await?;
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let (queue, body) = (ShortString::from(letter.queue.as_str()), &letter.body);
        let confirmed = channel
            .basic_publish("".into(), queue, options, body, letter.properties())
            .await
            .map_err(|e| Why::of(&e))?
            .await
            .map_err(|e| Why::of(&e))?;
        judge(confirmed, &letter.id)?;
        self.idle().push(channel);
        Ok(())
    }

    /// An idle channel, or a new one.
    async fn channel(&self) -> Result<Channel, Why> {
        if let Some(channel) = self.idle().pop() {
            return Ok(channel);
        }
        let channel = self.link.channel().await?;
        let select = channel.confirm_select(ConfirmSelectOptions::default());
        within("asking for confirmations", select).await?;
        Ok(channel)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out an order on a channel of its own, which an error closes.
    pub(super) async fn order(&self, order: Order) -> Result<(), Why> {
        let channel = self.link.channel().await?;
        let name = |name: &String| ShortString::from(name.as_str());
        match order {
            Order::Purge => {
                let options = QueuePurgeOptions::default();
                within("purging", channel.queue_purge(name(&self.names.work), options)).await?;
            }
            Order::Delete => {
                for queue in [&self.names.work, &self.names.dead] {
                    let options = QueueDeleteOptions::default();
                    within("deleting a queue", channel.queue_delete(name(queue), options)).await?;
                }
            }
        }
        Ok(())
    }

    /// Declares it over.
    pub(super) fn end(&self, why: Why) {
        // The first reason is the true one.
        let _ = self.end.set(why);
    }

    /// A letter was not confirmed in time. Under an alarm that is to be expected, and another
    /// connection would not help.
    pub(super) fn was_silent(&self) {
        if !self.link.blocked() {
            self.end(Why::silence("waiting for a confirmation"));
        }
    }

    fn heard(&self, event: Event) {
        if let Event::ConnectionBlocked(reason) = event {
            tracing::warn!(reason, "the broker takes no messages");
            self.alarm.send_replace(Some(reason));
        } else if let Event::ConnectionUnblocked = event {
            tracing::info!("the broker takes messages again");
            self.alarm.send_replace(None);
        } else if let Event::Error(error) = event {
            self.end(Why::of(&error));
        }
    }
}

/// Whether a queue has it. A return that is not ours would be a driver we do not understand.
fn judge(confirmed: Confirmation, id: &str) -> Result<(), Why> {
    if !confirmed.is_ack() {
        return Err(Why::new("the broker could not keep a message"));
    }
    let Some(returned) = confirmed.take_message() else { return Ok(()) };
    let theirs = returned.delivery.properties.message_id().as_ref().map(ShortString::as_str);
    Err(Why::new(match theirs {
        Some(theirs) if theirs == id => "the queue is not there",
        Some(_) | None => "a message was returned that is not the one that was sent",
    }))
}

#[async_trait]
impl Session for Sending {
    type Parts = Arc<Settled>;
    /// Listened to from the start, so that no alarm is missed.
    type Work = BoxStream<'static, Event>;

    const DUTY: &'static str = "publishing";

    fn wanted(_: &Self::Parts) -> bool {
        true
    }

    async fn open(settled: &Self::Parts) -> Result<(Self, Self::Work), Why> {
        let link = Link::open(settled, Self::DUTY).await?;
        topology::declare(&link, settled).await?;
        let events = link.events().boxed();
        let session = Self {
            link,
            names: settled.names.clone(),
            lanes: Semaphore::new(LANES),
            idle: Mutex::default(),
            alarm: watch::Sender::new(None),
            end: SetOnce::new(),
        };
        Ok((session, events))
    }

    async fn last(&self, mut events: Self::Work) -> Why {
        loop {
            tokio::select! {
                why = self.end.wait() => return why.clone(),
                event = events.next() => match event {
                    Some(event) => self.heard(event),
                    None => return Why::new("the connection ended"),
                },
                () = sleep(LOOK) => if !self.link.connected() {
                    return Why::new("the connection was lost");
                }
            }
        }
    }

    fn over(&self) -> bool {
        self.end.get().is_some()
    }

    fn cut(&self) {
        self.end(Why::new("the connection was lost"));
        self.link.cut();
    }

    fn trouble(&self) -> Option<String> {
        let alarm = self.alarm.borrow();
        let reason = alarm.as_ref()?;
        Some(format!("the broker has raised an alarm and takes no messages: {reason}"))
    }
}

/// Sends a letter on a session, and draws the conclusions for the session.
///
/// # Errors
/// Why nobody knows whether it arrived.
pub(super) async fn deliver(session: &Sending, letter: &Letter, until: Instant) -> Result<(), Why> {
    let sent = async {
        tokio::select! {
            sent = session.send(letter) => sent,
            // The driver may leave those waiting whose connection was cut under it.
            why = session.end.wait() => Err(why.clone()),
        }
    };
    match timeout_at(until, sent).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => {
            session.end(why.clone());
            Err(why)
        }
        Err(_) => {
            session.was_silent();
            Err(Why::silence("waiting for a confirmation"))
        }
    }
}
