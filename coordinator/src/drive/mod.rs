//! The loop around [`crate::next`]: look, decide, carry out, wait for news.
//!
//! There is one way in. A new run is a resumed run with no receipts. A run in one process and a run
//! of a fleet share it; what a fleet adds is in `fleet`, and what a ledger that is away takes is in
//! `recall`.

mod begin;
mod behind;
mod end;
mod fleet;
mod keep;
mod progress;
mod recall;
mod ring;
mod staff;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use endpoint::{Home, Source, Target};
use ledger::{Checkpoints, Ledger};
use protocol::chunk::{self, State};
use protocol::clock::{Clock, Instant};
use protocol::fault::{Class, Code, Fault, Remedy};
use protocol::id::{ChunkId, RunId};
use protocol::mapping::OnSnapshotLost;
use protocol::plan::Plan;
use protocol::run;
use tokio::sync::watch;
use tracing::warn;

use crate::next::{Action, Known, Rung, next};
use crate::point::{Point, Probe};
use crate::serve::stopped_within;
use begin::Term;
use fleet::Fleet;
use keep::Keep;
use progress::{Progress, worn_out};
use recall::Recall;

/// How long to wait for news before looking again.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// After a look there is no other for so many times as long as it took: each looks at the whole plan,
/// and chunks that are done meanwhile are seen together. Slots have tasks waiting.
const LOOK_SHARE: u32 = 4;

/// Tasks outstanding per slot: enough that no slot waits for the coordinator.
const TASKS_PER_SLOT: usize = 4;

/// A chunk of fewer bytes is over in some milliseconds, sooner than the next look.
const SMALL_BYTES: u64 = 256 << 10;

/// What a drive is put together from.
pub struct Parts {
    /// The run; stored in its home already.
    pub run: RunId,
    /// Its plan, as stored.
    pub plan: Arc<Plan>,
    /// The target; the run is kept there.
    pub target: Arc<dyn Target>,
    /// The source, to take hold of.
    pub source: Arc<dyn Source>,
    /// What the run has done, and who is watching.
    pub ledger: Arc<dyn Ledger>,
    /// Where ready tasks wait.
    pub broker: Arc<dyn Broker>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who listens at the points of the drive.
    pub probe: Probe,
    /// Turns true when the drive should end: after the chunks in flight where they are in this
    /// process, and at once in a fleet.
    pub stop: watch::Receiver<bool>,
    /// What to do when the snapshot is gone and the source has changed.
    pub on_snapshot_lost: OnSnapshotLost,
    /// Whether all workers live in this process: older claims cannot be alive, a paused run ends the
    /// drive, and the broker is ours to close. Otherwise coordinators of a fleet lead the run: the
    /// leader beats, stays while the run is paused or stuck, and goes on without the ledger.
    pub embedded: bool,
    /// The epoch in which the run was found without a leader: it is led only if nobody else came
    /// first. `None`: it is led whoever does.
    pub found: Option<u64>,
}

/// How a drive ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The run is complete.
    Complete,
    /// Parked chunks hold up the rest.
    Stuck,
    /// Somebody paused the run.
    Paused,
    /// Somebody cancelled it.
    Cancelled,
    /// It was told to stop; the run can be resumed.
    Stopped,
}

/// Drives a run until it ends, one way or another. A home that cannot be reached is tried again,
/// with growing pauses, as `fault::remedy` says.
///
/// # Errors
/// `Deposed` when somebody else leads the run now; `SnapshotLost` as the consistency demands;
/// otherwise what the home target answered.
pub async fn drive(parts: Parts) -> Result<Ended, Fault> {
    let mut home = parts.target.home().await?;
    let term = begin::lead(&parts, home.as_mut()).await?;
    if parts.embedded {
        return carry_on(&parts, home, &term, None).await;
    }
    let (tell, mut told) = watch::channel(term.record.clone());
    let led = async {
        fleet::until_running(&parts, &mut told).await;
        if *parts.stop.borrow() {
            return Ok(Ended::Stopped);
        }
        carry_on(&parts, home, &term, Some(Fleet::new(told))).await
    };
    tokio::select! {
        ended = led => ended,
        deposed = fleet::beat(&parts, term.epoch, tell) => Err(deposed),
    }
}

/// Looks, again and again, until the run ends.
async fn carry_on(
    parts: &Parts,
    mut home: Box<dyn Home>,
    term: &Term,
    fleet: Option<Fleet>,
) -> Result<Ended, Fault> {
    let mut drive = Drive::begin(parts, home.as_mut(), term, fleet).await?;
    let mut failures = 0;
    loop {
        let began = tokio::time::Instant::now();
        match drive.look(parts, home.as_mut()).await {
            Ok(Some(ended)) => return Ok(ended),
            Ok(None) => failures = 0,
            Err(fault) => {
                failures += 1;
                let Remedy::Again { after } = fault.remedy(failures, parts.plan.limits.attempts)
                else {
                    return Err(fault);
                };
                if fault.class() != Class::Transient {
                    return Err(fault);
                }
                warn!(error = %fault, failures, "a look could not be ended; trying again");
                // In one process chunks are in flight, and are seen to their end.
                if parts.embedded {
                    tokio::time::sleep(after).await;
                } else if stopped_within(after, &parts.stop).await {
                    return Ok(Ended::Stopped);
                }
                if let Ok(again) = parts.target.home().await {
                    home = again;
                }
                continue;
            }
        }
        // Ringing waits for the broker, and is no reason to look less often.
        let took = began.elapsed().saturating_sub(drive.take_ringing());
        drive.wait(parts, tokio::time::Instant::now() + took * LOOK_SHARE).await;
    }
}

/// What a drive remembers between looks. Losing it costs a doubled message at most.
struct Drive {
    epoch: u64,
    recall: Recall,
    fleet: Option<Fleet>,
    keep: Keep,
    rung: BTreeMap<ChunkId, Rung>,
    /// What was claimed at the last look.
    claimed: Vec<ChunkId>,
    /// What was tried in vain before.
    tried: BTreeSet<ChunkId>,
    seen: Progress,
    promise_tested: bool,
    asked_home: Instant,
    /// With the ledger away: not before when the receipts are read again.
    read_again: tokio::time::Instant,
    /// How long the last look rang.
    ringing: Duration,
}

impl Drive {
    fn new(parts: &Parts, epoch: u64, recall: Recall, fleet: Option<Fleet>, keep: Keep) -> Self {
        Self {
            epoch,
            recall,
            fleet,
            keep,
            rung: BTreeMap::new(),
            claimed: Vec::new(),
            tried: BTreeSet::new(),
            seen: Progress::of(&parts.plan),
            promise_tested: false,
            asked_home: parts.clock.now(),
            read_again: tokio::time::Instant::now(),
            ringing: Duration::ZERO,
        }
    }

    /// Waits until something may have changed, and at least until `next`.
    async fn wait(&mut self, parts: &Parts, next: tokio::time::Instant) {
        let (mut stop, at_most) = (parts.stop.clone(), self.look_every());
        if *stop.borrow_and_update() && parts.embedded {
            parts.broker.close().await;
        }
        let told = async {
            let Some(fleet) = &mut self.fleet else { return std::future::pending().await };
            if fleet.told.changed().await.is_err() {
                // A sender that is gone will not tell again.
                std::future::pending().await
            }
        };
        let news = async {
            tokio::select! {
                () = parts.ledger.wait(parts.run, at_most) => {}
                () = told => {}
            }
            tokio::time::sleep_until(next).await;
        };
        tokio::select! {
            () = news => {}
            // Told once is enough; a sender that is gone will not tell again.
            Ok(()) = stop.changed() => {}
        }
    }

    /// One look: what is known, what follows, and doing it.
    async fn look(&mut self, parts: &Parts, home: &mut dyn Home) -> Result<Option<Ended>, Fault> {
        if let Some(ended) = self.ask_home(parts, home).await? {
            return Ok(Some(ended));
        }
        let mut known = self.recall.look().await?;
        if known.is_none() {
            self.after_forgetting(parts, home).await?;
            known = self.recall.checkpoints().await?;
        } else if self.catch_up(parts, home).await? {
            known = self.recall.checkpoints().await?;
        }
        let Some(known) = known else { return Ok(None) };
        let outstanding =
            |state: Option<&State>| matches!(state, Some(State::Ready | State::Waiting));
        self.rung.retain(|chunk, _| outstanding(known.states.get(chunk.index())));
        self.claimed = known.holders.keys().copied().collect();
        self.tried = known.attempts.keys().copied().collect();
        self.tell_progress(parts, home, &known.states).await?;
        self.keep_hold(parts, home, &known.states).await?;
        if *parts.stop.borrow() {
            let busy = known.states.iter().any(|s| matches!(s, State::Claimed(_)));
            return Ok((!busy || !parts.embedded).then_some(Ended::Stopped));
        }
        self.decide(parts, home, &known).await
    }

    /// What follows from what is known, and doing it.
    async fn decide(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
        known: &Checkpoints,
    ) -> Result<Option<Ended>, Fault> {
        let mut window = TASKS_PER_SLOT * parts.plan.limits.slots as usize;
        if let Some(fleet) = &mut self.fleet {
            let ledger = parts.ledger.as_ref();
            fleet.count(parts, &self.recall).await?;
            if fleet.is_paused()
                || fleet.reopen(ledger, &mut self.recall, &known.states, parts.run).await?
            {
                return Ok(None);
            }
            window = fleet.window();
        }
        self.spare_those_at_work(parts).await;
        let now = parts.clock.now();
        let known = Known {
            states: &known.states,
            attempts: &known.attempts,
            rung: &self.rung,
            window,
            small: SMALL_BYTES,
        };
        let actions = next(&parts.plan, known, now);
        // What waited for other chunks begins only if the target itself says that they are done.
        if actions.iter().any(|action| opens(&parts.plan, action))
            && self.rebuild(parts, home).await?
        {
            return Ok(None);
        }
        self.carry_out_all(parts, home, actions, now).await
    }

    async fn carry_out_all(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
        actions: Vec<Action>,
        now: Instant,
    ) -> Result<Option<Ended>, Fault> {
        let mut rings = Vec::new();
        for action in actions {
            if let Action::Ring(chunk) = action {
                rings.push(chunk);
            } else if let Some(ended) = self.carry_out(parts, home, action, now).await? {
                return Ok(Some(ended));
            }
        }
        self.ring(parts, rings, now).await?;
        Ok(None)
    }

    async fn carry_out(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
        action: Action,
        now: Instant,
    ) -> Result<Option<Ended>, Fault> {
        match action {
            Action::Release(chunks) => {
                self.recall.release(&chunks).await?;
                (parts.probe)(Point::Released);
            }
            Action::WearOut(chunks) => {
                for chunk in chunks {
                    self.recall.record(chunk, chunk::Event::WornOut).await?;
                    self.recall.publish(worn_out(&parts.plan, chunk)).await?;
                }
            }
            Action::Ring(chunk) => self.ring(parts, vec![chunk], now).await?,
            Action::Stuck(parked) => {
                let Some(fleet) = &mut self.fleet else { return Ok(Some(Ended::Stuck)) };
                fleet.tell_stuck(&self.recall, parked).await?;
            }
            Action::Complete => return self.complete(parts, home, now).await,
        }
        Ok(None)
    }

    /// Learns whether somebody else leads, or an operator intervened: from the beats of a fleet, or
    /// by asking the home now and then.
    async fn ask_home(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
    ) -> Result<Option<Ended>, Fault> {
        if let Some(fleet) = &mut self.fleet {
            let (ended, goes_on) = fleet.follow(&self.recall, self.epoch).await?;
            if goes_on {
                // Tasks that came while the run was paused were sent away.
                self.rung.clear();
            }
            return Ok(ended);
        }
        let now = parts.clock.now();
        if now.micros_since(self.asked_home) < 1_000_000 {
            return Ok(None);
        }
        self.asked_home = now;
        let record = home.run(parts.run).await?;
        if record.epoch != self.epoch {
            return Err(Fault::new(Code::Deposed, parts.run.to_string()));
        }
        Ok(match record.state {
            run::State::Planning | run::State::Running | run::State::Complete => None,
            run::State::Paused => Some(Ended::Paused),
            run::State::Cancelled | run::State::Void => Some(Ended::Cancelled),
        })
    }
}

/// Whether an action lets chunks begin that waited for others.
fn opens(plan: &Plan, action: &Action) -> bool {
    let waited = |id: &ChunkId| plan.chunk(*id).is_some_and(|chunk| !chunk.after.is_empty());
    matches!(action, Action::Release(chunks) if chunks.iter().any(waited))
}
