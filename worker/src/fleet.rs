//! What a carrier knows beyond its plan where its run is shared with other workers: the record, as
//! the home last told it, and how the source is seen.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use endpoint::{Home, Source};
use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, RunId};
use protocol::mapping::Consistency;
use protocol::run::{Record, State};
use protocol::schema::TableName;
use std::collections::BTreeMap;
use tokio::time::Instant;

use crate::carrier::Carrier;
use crate::serve::Place;
use crate::share::SLOTS_UNKNOWN;

/// What is known of a run is asked for again after so long, while chunks of it are at work.
pub(crate) const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// A paused run is asked for again before a task of it is sent away, but not more often.
const REFRESH_SOON: Duration = Duration::from_millis(500);

/// What a fleet adds to a carrier.
pub(crate) struct Aboard {
    known: Mutex<Known>,
    /// The connection to the run's home, kept between questions.
    home: tokio::sync::Mutex<Option<Box<dyn Home>>>,
    /// What later reads of the source see.
    sight: tokio::sync::Mutex<Sight>,
    /// What the environments of both sides allow.
    pub(crate) places: Vec<Place>,
    /// How many slots this worker has.
    slots: u32,
    /// The ledger did not say what others take, when it was last asked.
    alone: AtomicBool,
    /// How many slots are at the run, as its home knows; zero where it was not asked.
    crew: AtomicU64,
}

struct Known {
    record: Record,
    at: Instant,
}

/// How the source is seen.
#[derive(PartialEq, Eq)]
enum Sight {
    /// Nothing was held or joined.
    Present,
    /// What somebody else holds, under that name.
    Joined(String),
    /// What this process holds itself, and that shows what the run saw when it began.
    Own,
}

impl Aboard {
    pub(crate) fn new(record: Record, places: Vec<Place>, slots: u32) -> Self {
        Self {
            known: Mutex::new(Known { record, at: Instant::now() }),
            home: tokio::sync::Mutex::default(),
            sight: tokio::sync::Mutex::new(Sight::Present),
            places,
            slots,
            alone: AtomicBool::new(false),
            crew: AtomicU64::new(0),
        }
    }

    /// The record as last heard.
    pub(crate) fn record(&self) -> Record {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).record.clone()
    }

    fn age(&self) -> Duration {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).at.elapsed()
    }

    fn learn(&self, record: Record) {
        let known = Known { record, at: Instant::now() };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

impl Carrier {
    /// Asks the home again what is known of the run, unless that was done within `age`.
    pub(crate) async fn refresh(&self, aboard: &Aboard, age: Duration) -> Result<Record, Fault> {
        let mut kept = aboard.home.lock().await;
        if aboard.age() < age {
            return Ok(aboard.record());
        }
        let mut home = match kept.take() {
            Some(home) => home,
            None => self.parts.target.home().await?,
        };
        let (record, rejected) = ask(home.as_mut(), self.parts.run).await?;
        if aboard.alone.load(Ordering::Relaxed) && self.is_limited() {
            let joined = home.crew(self.parts.run, &self.options.id, aboard.slots).await?;
            aboard.crew.store(joined, Ordering::Relaxed);
        }
        // Kept only after an answer: a broken connection is opened anew.
        *kept = Some(home);
        self.learn_rejects(rejected);
        aboard.learn(record.clone());
        self.set_pace();
        Ok(record)
    }

    fn is_limited(&self) -> bool {
        let limits = self.limits();
        limits.rows_per_second.is_some() || limits.bytes_per_second.is_some()
    }

    /// Notes whether the ledger says what others take. Where it no longer does, the run's home is asked
    /// at once who else is at it.
    pub(crate) async fn hears_the_ledger(&self, aboard: &Aboard, heard: bool) {
        let before = aboard.alone.swap(!heard, Ordering::Relaxed);
        if !heard && !before {
            // Answered or not: what was known before, or nothing, holds until the next time.
            let _ = self.refresh(aboard, Duration::ZERO).await;
        }
    }

    /// Sets this worker's own part of the rates, for when the ledger cannot say what others take: its
    /// slots' part of all that are at the run, or of a usual fleet while nobody knows how many those are.
    pub(crate) fn set_pace(&self) {
        let limits = self.limits();
        let (slots, all) = self.fleet.as_ref().map_or((1, 1), |aboard| {
            let mine = u64::from(aboard.slots);
            match aboard.crew.load(Ordering::Relaxed) {
                0 => (mine, mine.max(SLOTS_UNKNOWN)),
                crew => (mine, mine.max(crew)),
            }
        });
        let part = |rate: u64| rate.saturating_mul(slots).div_ceil(all).max(1);
        self.pace.change(limits.rows_per_second.map(part), limits.bytes_per_second.map(part));
    }

    /// Whether the run takes new chunks, as far as is known here.
    pub(crate) async fn takes_chunks(&self) -> bool {
        let Some(aboard) = &self.fleet else { return true };
        if aboard.record().state == State::Running {
            return true;
        }
        // A home that does not answer now is asked again by the chunk, which has patience.
        self.refresh(aboard, REFRESH_SOON).await.is_ok_and(|record| record.state == State::Running)
    }

    /// Lets reads of the source see what the run's leader holds, where the engine shares it. Where it
    /// does not, this process holds the source by itself, and its change counters must say that
    /// nobody wrote since the run began.
    pub(crate) async fn see_source(&self) -> Result<(), Fault> {
        let plan = &self.parts.plan;
        let Some(aboard) = &self.fleet else { return Ok(()) };
        if plan.consistency != Consistency::Snapshot {
            return Ok(());
        }
        let record = aboard.record();
        let source = self.parts.source.as_ref();
        let mut sight = aboard.sight.lock().await;
        match record.held {
            Some(held) if *sight == Sight::Joined(held.clone()) => Ok(()),
            Some(held) => {
                source.join(&held).await?;
                *sight = Sight::Joined(held);
                Ok(())
            }
            None if *sight == Sight::Own => Ok(()),
            None => {
                source.hold(plan.consistency).await?;
                let tables: Vec<TableName> =
                    plan.entities.iter().map(|entity| entity.source.clone()).collect();
                let now = source.counters(&tables).await?;
                let unchanged = record.counters.is_some_and(|then| source.unchanged(&then, &now));
                if !record.drifted && !unchanged {
                    return Err(lost(source, "its change counters differ from those at the start"));
                }
                *sight = Sight::Own;
                Ok(())
            }
        }
    }

    /// Forgets what was joined: it may be over, and its successor may bear any name.
    pub(crate) async fn look_away(&self) {
        if let Some(aboard) = &self.fleet {
            let mut sight = aboard.sight.lock().await;
            if *sight != Sight::Own {
                *sight = Sight::Present;
            }
        }
    }
}

async fn ask(home: &mut dyn Home, run: RunId) -> Result<(Record, BTreeMap<ChunkId, u64>), Fault> {
    let record = home.run(run).await?;
    Ok((record, home.rejected(run).await?))
}

fn lost(source: &dyn Source, said: &str) -> Fault {
    Fault::new(Code::SnapshotLost, source.place()).saying(said)
}
