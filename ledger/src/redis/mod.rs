//! The ledger of a fleet, in Redis.
//!
//! # Promises
//! 1. Each change of state is one script, so it is made whole or not at all, in the order in which
//!    Redis runs them, on the clock of Redis.
//! 2. A call ends within seconds, and at once while Redis is known to be away (see `link`).
//!    Redis empty, slow, read-only, full or gone is a fault, never a hang.
//! 3. A million chunks are two bitmaps of 122 KiB, and the few that are claimed, parked or were
//!    tried in vain, by name.
//! 4. Numbers of events go on rising when Redis lost everything, unless its clock was set back.
//!
//! # Not promised
//! That what was told is remembered after a failover, or that it is told to everybody: events and
//! nudges reach those who listen at that moment. Which keys there are is in `keys`.

mod bits;
mod dial;
mod examine;
mod keys;
mod link;
mod options;
mod recall;
mod scripts;
mod stream;
mod watch;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use protocol::chunk;
use protocol::clock::Clock;
use protocol::event::{Event, Fact};
use protocol::fault::Fault;
use protocol::finding::Finding;
use protocol::id::{AttemptId, ChunkId, RunId, WorkerId};
use protocol::presence::Presence;
use protocol::wire;
use redis::{Script, ScriptInvocation};
use tokio::sync::broadcast;

use crate::{CHUNKS_MAX, Checkpoints, Claim, EVENTS_MAX, Hold, Ledger, is_kept};

use keys::Keys;
use link::Link;
use scripts::Scripts;
use stream::Stream;
use watch::Watch;

pub use options::RedisOptions;

/// The ledger of a fleet, in Redis.
pub struct Redis {
    link: Arc<Link>,
    keys: Keys,
    scripts: Scripts,
    stream: Stream,
    watch: Watch,
    events_max: usize,
    /// How far the ledger's clock is ahead of the server's, in microseconds: zero, except in tests
    /// that let time pass.
    ahead: AtomicI64,
}

impl Redis {
    /// A ledger in a Redis that need not be there yet: it is connected to when it is first asked
    /// something. Of `clock` only the times in events are taken.
    ///
    /// # Errors
    /// `Code::UrlMalformed` when the options make no sense; `Code::LedgerUnusable` when a file of
    /// theirs cannot be used.
    pub fn new(options: &RedisOptions, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let (client, place) = options::client(options)?;
        let link = Arc::new(Link::new(client, place));
        let keys = Keys::of(&options.fleet);
        let stream = Stream::new(Arc::clone(&link), keys.clone(), clock);
        Ok(Self {
            scripts: Scripts::new(),
            watch: Watch::new(stream.clone()),
            stream,
            link,
            keys,
            events_max: EVENTS_MAX,
            ahead: AtomicI64::new(0),
        })
    }

    fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// A script about a run's chunks, to be given what is asked.
    fn about<'a>(&self, script: &'a Script, run: RunId) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        for key in self.keys.chunks(run) {
            call.key(key);
        }
        call.arg(self.ahead()).arg(self.keys.nudge()).arg(self.watch.nudge(run));
        call
    }

    /// Has whoever waits in this process look; Redis nudges the others.
    fn stir(&self, run: RunId) {
        self.watch.pulses().stir(run);
    }

    /// Adds chunks to what is done, or to what is released.
    async fn merge(&self, run: RunId, into: &str, chunks: &[ChunkId]) -> Result<(), Fault> {
        let mut changed = false;
        for (offset, piece) in bits::pieces(chunks) {
            let mut call = self.about(&self.scripts.merge, run);
            changed |= self.link.run::<bool>(call.arg(into).arg(offset).arg(piece)).await?;
        }
        if changed {
            self.stir(run);
        }
        Ok(())
    }

    async fn lapse(&self, run: RunId, which: &str) -> Result<Vec<ChunkId>, Fault> {
        let mut call = self.about(&self.scripts.lapse, run);
        let chunks: Vec<u32> = self.link.run(call.arg(which)).await?;
        if !chunks.is_empty() {
            self.stir(run);
        }
        Ok(chunks.into_iter().map(ChunkId).collect())
    }

    /// Lists a run among those of which something is known.
    async fn list(&self, run: RunId) -> Result<(), Fault> {
        let mut ask = redis::pipe();
        ask.sadd(self.keys.runs(), run.to_string()).ignore();
        self.link.ask(&ask).await
    }
}

#[async_trait]
impl Ledger for Redis {
    async fn open(&self, run: RunId, chunks: u32) -> Result<bool, Fault> {
        // Listed first: a run in the list that is not there is harmless.
        self.list(run).await?;
        let mut call = self.about(&self.scripts.open, run);
        let unknown: bool = self.link.run(call.arg(chunks)).await?;
        if unknown {
            self.stir(run);
        }
        Ok(unknown)
    }

    async fn restore(&self, run: RunId, done: &[ChunkId]) -> Result<(), Fault> {
        self.merge(run, "done", done).await
    }

    async fn release(&self, run: RunId, chunks: &[ChunkId]) -> Result<(), Fault> {
        self.merge(run, "released", chunks).await
    }

    async fn claim(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
        worker: &WorkerId,
        ttl: Duration,
    ) -> Result<Claim, Fault> {
        let mut call = self.about(&self.scripts.claim, run);
        call.arg(chunk.0).arg(attempt.to_string()).arg(&worker.0).arg(micros(ttl));
        let (word, tries): (String, u32) = self.link.run(&call).await?;
        Ok(match word.as_str() {
            "claimed" => {
                self.stir(run);
                Claim::Claimed { tries }
            }
            "elsewhere" => Claim::AliveElsewhere,
            "done" => Claim::Done,
            "parked" => Claim::Parked,
            "waiting" => Claim::Waiting,
            _ => Claim::Unknown,
        })
    }

    async fn renew(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
        ttl: Duration,
    ) -> Result<Hold, Fault> {
        let mut call = self.about(&self.scripts.renew, run);
        call.arg(chunk.0).arg(attempt.to_string()).arg(micros(ttl));
        let word: String = self.link.run(&call).await?;
        Ok(match word.as_str() {
            "held" => Hold::Held,
            "taken" => Hold::Taken,
            _ => Hold::Unknown,
        })
    }

    async fn record(&self, run: RunId, chunk: ChunkId, event: chunk::Event) -> Result<bool, Fault> {
        let (event, attempt) = spell(event);
        let attempt = attempt.map(|attempt| attempt.to_string()).unwrap_or_default();
        let mut call = self.about(&self.scripts.record, run);
        let had_its_place: bool = self.link.run(call.arg(chunk.0).arg(event).arg(attempt)).await?;
        if had_its_place {
            self.stir(run);
        }
        Ok(had_its_place)
    }

    async fn hand_back(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
    ) -> Result<bool, Fault> {
        let mut call = self.about(&self.scripts.hand_back, run);
        let held: bool = self.link.run(call.arg(chunk.0).arg(attempt.to_string())).await?;
        if held {
            self.stir(run);
        }
        Ok(held)
    }

    async fn checkpoints(&self, run: RunId) -> Result<Option<Checkpoints>, Fault> {
        // Looked before reading: a change in between nudges once for nothing, and none is missed.
        self.watch.pulses().look(run);
        let mut call = self.about(&self.scripts.recall, run);
        let answers = self.link.run(call.arg(CHUNKS_MAX)).await?;
        Ok(recall::checkpoints(answers))
    }

    async fn reap(&self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        self.lapse(run, "over").await
    }

    async fn lapse_all(&self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        self.lapse(run, "all").await
    }

    async fn publish(&self, run: RunId, fact: Fact) -> Result<u64, Fault> {
        self.watch.settled().await;
        let keep = if is_kept(&fact) { self.events_max } else { 0 };
        let mut call = self.scripts.publish.prepare_invoke();
        for key in self.keys.events(run) {
            call.key(key);
        }
        call.arg(self.ahead()).arg(self.keys.live()).arg(self.stream.template(run, fact)).arg(keep);
        let (number, fresh): (u64, bool) = self.link.run(&call).await?;
        if fresh {
            self.list(run).await?;
        }
        Ok(number)
    }

    async fn events(&self, run: RunId, after: u64, limit: usize) -> Result<Vec<Event>, Fault> {
        self.stream.read(run, after, limit).await
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.watch.subscribe()
    }

    async fn wait(&self, run: RunId, at_most: Duration) {
        self.watch.begin();
        self.watch.pulses().wait(run, at_most).await;
    }

    async fn note(&self, run: RunId, key: &str, value: &str) -> Result<(), Fault> {
        let mut ask = redis::pipe();
        ask.sadd(self.keys.runs(), run.to_string()).ignore();
        ask.hset(self.keys.notes(run), key, value).ignore();
        ask.publish(self.keys.nudge(), self.watch.nudge(run)).ignore();
        self.link.ask::<()>(&ask).await?;
        self.stir(run);
        Ok(())
    }

    async fn notes(&self, run: RunId) -> Result<BTreeMap<String, String>, Fault> {
        let mut ask = redis::pipe();
        let (notes,) = self.link.ask(ask.hgetall(self.keys.notes(run))).await?;
        Ok(notes)
    }

    async fn runs(&self) -> Result<Vec<RunId>, Fault> {
        let mut ask = redis::pipe();
        let (runs,): (Vec<String>,) = self.link.ask(ask.smembers(self.keys.runs())).await?;
        let mut runs: Vec<RunId> = runs.iter().filter_map(|run| run.parse().ok()).collect();
        runs.sort_unstable_by(|one, other| other.cmp(one));
        Ok(runs)
    }

    async fn forget(&self, run: RunId) -> Result<(), Fault> {
        let mut ask = redis::pipe();
        ask.del(&self.keys.chunks(run)[..]).ignore();
        ask.del(&self.keys.events(run)[..]).ignore();
        ask.del(self.keys.notes(run)).ignore();
        ask.srem(self.keys.runs(), run.to_string()).ignore();
        ask.publish(self.keys.nudge(), self.watch.nudge(run)).ignore();
        self.link.ask::<()>(&ask).await?;
        self.stir(run);
        Ok(())
    }

    async fn present(&self, presence: &Presence, ttl: Duration) -> Result<(), Fault> {
        let mut call = self.scripts.present.prepare_invoke();
        call.key(&self.keys.presences()[..]).arg(self.ahead());
        call.arg(&presence.id.0).arg(wire::presence_to_json(presence)).arg(micros(ttl));
        self.link.run::<Vec<String>>(&call).await.map(|_| ())
    }

    async fn leave(&self, who: &WorkerId) -> Result<(), Fault> {
        let [ends, presences] = self.keys.presences();
        let mut ask = redis::pipe();
        ask.zrem(ends, &who.0).ignore().hdel(presences, &who.0).ignore();
        self.link.ask(&ask).await
    }

    async fn presences(&self) -> Result<Vec<Presence>, Fault> {
        let mut call = self.scripts.present.prepare_invoke();
        call.key(&self.keys.presences()[..]).arg(self.ahead());
        let said: Vec<String> = self.link.run(&call).await?;
        // One of a newer build is passed over; whoever can read it does.
        let mut all: Vec<Presence> =
            said.iter().filter_map(|said| wire::presence_from_json(said).ok()).collect();
        all.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Ok(all)
    }

    async fn admit(&self, bucket: &str, per_second: u64, amount: u64) -> Result<Duration, Fault> {
        let mut call = self.scripts.admit.prepare_invoke();
        call.key(self.keys.bucket(bucket)).arg(self.ahead()).arg(per_second).arg(amount);
        Ok(Duration::from_micros(self.link.run(&call).await?))
    }

    async fn enter(
        &self,
        place: &str,
        max: u32,
        holder: &str,
        ttl: Duration,
    ) -> Result<bool, Fault> {
        let mut call = self.scripts.enter.prepare_invoke();
        call.key(self.keys.place(place)).arg(self.ahead()).arg(max).arg(holder).arg(micros(ttl));
        self.link.run(&call).await
    }

    async fn depart(&self, place: &str, holder: &str) -> Result<(), Fault> {
        let mut ask = redis::pipe();
        ask.zrem(self.keys.place(place), holder).ignore();
        self.link.ask(&ask).await
    }

    /// It is asked to remember something: only a Redis that does so is of use.
    async fn trouble(&self) -> Option<String> {
        let probe = redis::Cmd::pset_ex(self.keys.probe(), 1, 1000);
        self.link.ask_one::<()>(&probe).await.err().map(|fault| fault.to_string())
    }

    async fn examine(&self) -> Result<Vec<Finding>, Fault> {
        examine::examine(&self.link).await
    }
}

fn micros(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX)
}

/// An event in the words of the script, and its attempt.
fn spell(event: chunk::Event) -> (&'static str, Option<AttemptId>) {
    match event {
        chunk::Event::Released => ("released", None),
        chunk::Event::Claimed(attempt) => ("claimed", Some(attempt)),
        chunk::Event::Lapsed(attempt) => ("lapsed", Some(attempt)),
        chunk::Event::Early(attempt) => ("early", Some(attempt)),
        chunk::Event::Parked(attempt) => ("parked", Some(attempt)),
        chunk::Event::WornOut => ("worn_out", None),
        chunk::Event::Receipt => ("receipt", None),
        chunk::Event::Reopened => ("reopened", None),
    }
}
