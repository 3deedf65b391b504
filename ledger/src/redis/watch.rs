//! Whoever watches, and whoever waits: what Redis tells without being asked.
//!
//! One task with a connection of its own, begun when somebody first watches or waits, listens to
//! the fleet's two channels. Redis tells an event once, to those who listen at that moment. So
//! when the connection broke, the kept events of the runs that were seen are read again, from
//! where they were left, before the new ones are told.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt as _;
use protocol::event::Event;
use protocol::fault::Fault;
use protocol::id::RunId;
use redis::aio::PubSub;
use redis::{Msg, RedisResult, Value};
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::link::{ANSWER, CONNECT};
use super::stream::Stream;
use crate::WATCH_MAX;
use crate::pulse::Pulses;

/// After so long without a word, the server is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(5);

/// How long to wait before listening again.
const PAUSE: Duration = Duration::from_millis(500);

/// Events read in one go after an absence.
const PAGE: usize = 1000;

/// The watch of one process.
pub(super) struct Watch {
    ears: Arc<Ears>,
    task: OnceLock<AbortHandle>,
}

struct Ears {
    stream: Stream,
    watchers: broadcast::Sender<Event>,
    pulses: Pulses,
    /// Whose nudges are our own, and were felt already.
    me: Uuid,
    /// Whether the first attempt to listen is over, well or not.
    tried: watch::Sender<bool>,
}

impl Watch {
    pub(super) fn new(stream: Stream) -> Self {
        let ears = Ears {
            stream,
            watchers: broadcast::Sender::new(WATCH_MAX),
            pulses: Pulses::default(),
            me: Uuid::new_v4(),
            tried: watch::Sender::new(false),
        };
        Self { ears: Arc::new(ears), task: OnceLock::new() }
    }

    pub(super) fn pulses(&self) -> &Pulses {
        &self.ears.pulses
    }

    /// What a nudge of ours about a run says.
    pub(super) fn nudge(&self, run: RunId) -> String {
        format!("{run} {}", self.ears.me)
    }

    /// Events from now on. Begins to listen, within a runtime.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Event> {
        let receiver = self.ears.watchers.subscribe();
        self.begin();
        receiver
    }

    /// Begins to listen, if it has not begun.
    pub(super) fn begin(&self) {
        self.task.get_or_init(|| tokio::spawn(listen_on(Arc::clone(&self.ears))).abort_handle());
    }

    /// If it has begun to listen: until it does, or has failed to. So whoever watches and then
    /// publishes hears itself.
    pub(super) async fn settled(&self) {
        if self.task.get().is_some() {
            let mut tried = self.ears.tried.subscribe();
            // The sender lives as long as `self`; and without it there is nothing to wait for.
            let _ = tried.wait_for(|tried| *tried).await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

async fn listen_on(ears: Arc<Ears>) {
    // Up to where the events of each run were told.
    let mut told = BTreeMap::new();
    loop {
        match ears.listen(&mut told).await {
            Ok(()) => tracing::debug!("the ledger's messages ended"),
            Err(error) => tracing::debug!(category = error.category(), "cannot hear the ledger"),
        }
        ears.tried.send_replace(true);
        sleep(PAUSE).await;
    }
}

/// Something of the driver's within a time limit.
async fn within<T>(limit: Duration, work: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    let silent = |_| std::io::Error::from(std::io::ErrorKind::TimedOut).into();
    timeout(limit, work).await.unwrap_or_else(|elapsed| Err(silent(elapsed)))
}

impl Ears {
    /// Listens until the connection ends.
    async fn listen(&self, told: &mut BTreeMap<RunId, u64>) -> RedisResult<()> {
        let keys = self.stream.keys();
        let mut channels: PubSub =
            within(CONNECT, self.stream.link().client().get_async_pubsub()).await?;
        let (live, nudge) = (keys.live(), keys.nudge());
        within(ANSWER, channels.subscribe(&[&live, &nudge])).await?;
        // What was said in between was not heard; now nothing is lost any more.
        self.tried.send_replace(true);
        self.pulses.stir_all();
        if let Err(fault) = self.catch_up(told).await {
            tracing::debug!(error = %fault, "cannot read what was missed");
        }
        let (mut sink, mut messages) = channels.split();
        loop {
            match timeout(QUIET, messages.next()).await {
                Ok(Some(message)) if message.get_channel_name() == nudge => self.feel(&message),
                Ok(Some(message)) => self.hear(&message, told),
                Ok(None) => return Ok(()),
                Err(_) => {
                    within(ANSWER, sink.ping::<Value>()).await?;
                }
            }
        }
    }

    async fn catch_up(&self, told: &mut BTreeMap<RunId, u64>) -> Result<(), Fault> {
        for (run, told) in told.iter_mut() {
            loop {
                let page = self.stream.read(*run, *told, PAGE).await?;
                let full = page.len() == PAGE;
                for event in page {
                    *told = event.sequence;
                    // An error only says that nobody watches.
                    let _ = self.watchers.send(event);
                }
                if !full {
                    break;
                }
            }
        }
        Ok(())
    }

    fn hear(&self, message: &Msg, told: &mut BTreeMap<RunId, u64>) {
        if self.watchers.receiver_count() == 0 {
            told.clear();
            return;
        }
        let json = message.get_payload::<String>().unwrap_or_default();
        let Some(event) = Event::from_json(&json) else {
            tracing::debug!("an event that this build cannot read was passed over");
            return;
        };
        // What was read after an absence may be told again.
        let latest = told.entry(event.run).or_default();
        if event.sequence > *latest {
            *latest = event.sequence;
            let _ = self.watchers.send(event);
        }
    }

    fn feel(&self, message: &Msg) {
        let nudge = message.get_payload::<String>().unwrap_or_default();
        let Some((run, by)) = nudge.split_once(' ') else { return };
        if let (Ok(run), false) = (run.parse(), by == self.me.to_string()) {
            self.pulses.stir(run);
        }
    }
}
