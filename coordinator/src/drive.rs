//! The loop around [`crate::next`]: look, decide, carry out, wait for news.
//!
//! There is one way in. A new run is a resumed run with no receipts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use broker::{Broker, Task};
use endpoint::{Home, Source, Target};
use ledger::Ledger;
use protocol::chunk::{self, State};
use protocol::clock::{Clock, Instant};
use protocol::event::Fact;
use protocol::fault::{Class, Code, Fault, Remedy};
use protocol::id::{ChunkId, RunId};
use protocol::mapping::OnSnapshotLost;
use protocol::plan::{Plan, Stage};
use protocol::run;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::hold;
use crate::next::{Action, Known, Open, next};
use crate::point::{Point, Probe};

/// How long to wait for news before looking again.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A task that was not claimed for so long is taken for lost.
const LOST_AFTER_MS: u64 = 5_000;

/// Tasks outstanding per slot: enough that no slot waits for the coordinator.
const TASKS_PER_SLOT: usize = 4;

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
    /// Turns true when the drive should end after the chunks in flight.
    pub stop: watch::Receiver<bool>,
    /// What to do when the snapshot is gone and the source has changed.
    pub on_snapshot_lost: OnSnapshotLost,
    /// Whether all workers live in this process, so that older claims cannot be alive.
    pub embedded: bool,
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
    let mut drive = Drive::begin(&parts, home.as_mut()).await?;
    let mut stop = parts.stop.clone();
    let mut failures = 0;
    loop {
        match drive.look(&parts, home.as_mut()).await {
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
                warn!(error = %fault, failures, "the home target is away; trying again");
                tokio::time::sleep(after).await;
                if let Ok(again) = parts.target.home().await {
                    home = again;
                }
                continue;
            }
        }
        if *stop.borrow() {
            parts.broker.close().await;
        }
        tokio::select! {
            () = parts.ledger.wait(parts.run, LOOK_EVERY) => {}
            // Told once is enough; a sender that is gone will not tell again.
            Ok(()) = stop.changed() => {}
        }
    }
}

/// What a drive remembers between looks. Losing it costs a doubled message at most.
struct Drive {
    epoch: u64,
    rung: BTreeMap<ChunkId, Instant>,
    seen: Progress,
    promise_tested: bool,
    asked_home: Instant,
}

impl Drive {
    /// Begins to lead: raises the epoch, tells the ledger what the receipts say, and takes hold
    /// of the source.
    async fn begin(parts: &Parts, home: &mut dyn Home) -> Result<Self, Fault> {
        let run = parts.run;
        let record = home.run(run).await?;
        let epoch = home.lead(run).await?;
        (parts.probe)(Point::Led);
        let state = match record.state {
            run::State::Planning => run::Event::Started,
            run::State::Running
            | run::State::Paused
            | run::State::Cancelled
            | run::State::Complete
            | run::State::Void => run::Event::Resumed,
        };
        let state = home.change(run, state, parts.clock.now()).await?;
        let ledger = &parts.ledger;
        if parts.embedded {
            ledger.open(run, chunks(&parts.plan)).await?;
            ledger.lapse_all(run).await?;
        }
        let (done, _) = take_receipts(parts, home).await?;
        (parts.probe)(Point::Restored);
        ledger.publish(run, Fact::Run { state, epoch }).await?;
        let proven: BTreeSet<_> = done.iter().copied().collect();
        let is_done = |chunk: &ChunkId| proven.contains(chunk);
        let (read, unread): (Vec<_>, Vec<_>) = hold::readers(&parts.plan).partition(is_done);
        if !unread.is_empty() {
            let (source, lost) = (parts.source.as_ref(), parts.on_snapshot_lost);
            let begun = !read.is_empty();
            let finding = hold::hold(&parts.plan, &record, begun, source, home, lost).await?;
            if let Some(finding) = finding {
                ledger.publish(run, finding).await?;
            }
        }
        info!(%run, epoch, done = done.len(), chunks = parts.plan.chunks.len(), "leading");
        Ok(Self {
            epoch,
            rung: BTreeMap::new(),
            seen: Progress::default(),
            promise_tested: false,
            asked_home: parts.clock.now(),
        })
    }

    /// One look: what is known, what follows, and doing it.
    async fn look(&mut self, parts: &Parts, home: &mut dyn Home) -> Result<Option<Ended>, Fault> {
        if let Some(ended) = self.ask_home(parts, home).await? {
            return Ok(Some(ended));
        }
        parts.ledger.reap(parts.run).await?;
        let Some(known) = parts.ledger.checkpoints(parts.run).await? else {
            self.rebuild(parts, home).await?;
            return Ok(None);
        };
        self.rung.retain(|c, _| known.states.get(c.index()) == Some(&State::Ready));
        self.tell_progress(parts, home, &known.states).await?;
        if *parts.stop.borrow() {
            let busy = known.states.iter().any(|s| matches!(s, State::Claimed(_)));
            return Ok((!busy).then_some(Ended::Stopped));
        }
        let now = parts.clock.now();
        let window = TASKS_PER_SLOT * parts.plan.limits.slots as usize;
        let known = Known {
            states: &known.states,
            attempts: &known.attempts,
            rung: &self.rung,
            window,
            lost_after_ms: LOST_AFTER_MS,
        };
        let actions = next(&parts.plan, known, now);
        // What waited for other chunks begins only if the target itself says that they are done.
        if actions.iter().any(|action| opens(&parts.plan, action))
            && self.rebuild(parts, home).await?
        {
            return Ok(None);
        }
        for action in actions {
            if let Some(ended) = self.carry_out(parts, home, action, now).await? {
                return Ok(Some(ended));
            }
        }
        Ok(None)
    }

    async fn carry_out(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
        action: Action,
        now: Instant,
    ) -> Result<Option<Ended>, Fault> {
        let run = parts.run;
        match action {
            Action::Release(chunks) => {
                parts.ledger.release(run, &chunks).await?;
                (parts.probe)(Point::Released);
            }
            Action::WearOut(chunks) => {
                for chunk in chunks {
                    parts.ledger.record(run, chunk, chunk::Event::WornOut).await?;
                    parts.ledger.publish(run, worn_out(&parts.plan, chunk)).await?;
                }
            }
            Action::Ring(chunk) => {
                parts.broker.publish(Task { run, chunk, epoch: self.epoch }).await?;
                self.rung.insert(chunk, now);
                (parts.probe)(Point::Rung);
            }
            Action::Stuck => return Ok(Some(Ended::Stuck)),
            Action::Complete => return self.complete(parts, home, now).await,
        }
        Ok(None)
    }

    /// Closes the run, if the target agrees that everything is done.
    async fn complete(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
        now: Instant,
    ) -> Result<Option<Ended>, Fault> {
        (parts.probe)(Point::Completing);
        match home.change(parts.run, run::Event::Completed, now).await {
            Ok(state) => {
                (parts.probe)(Point::Completed);
                let fact = Fact::Run { state, epoch: self.epoch };
                // It is closed, whether or not anybody hears of it.
                let _ = parts.ledger.publish(parts.run, fact).await;
                Ok(Some(Ended::Complete))
            }
            // The ledger believed more than the target knows: the target is right.
            Err(fault) if fault.code() == Code::Parked => {
                self.rebuild(parts, home).await?;
                Ok(None)
            }
            // It is closed already: the answer to our first asking was lost.
            Err(fault) if fault.code() == Code::RunBusy => match home.run(parts.run).await?.state {
                run::State::Complete => Ok(Some(Ended::Complete)),
                run::State::Cancelled | run::State::Void => Ok(Some(Ended::Cancelled)),
                run::State::Planning | run::State::Running | run::State::Paused => Err(fault),
            },
            Err(fault) => Err(fault),
        }
    }

    /// Tells a ledger that forgot, or that believes too much, what the receipts say. True when it
    /// believed too much.
    async fn rebuild(&mut self, parts: &Parts, home: &mut dyn Home) -> Result<bool, Fault> {
        let (_, ahead) = take_receipts(parts, home).await?;
        if ahead {
            self.rung.clear();
        }
        Ok(ahead)
    }

    /// Now and then asks the home target whether somebody else leads, or an operator intervened.
    async fn ask_home(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
    ) -> Result<Option<Ended>, Fault> {
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

    /// Publishes the stages and entities that began or ended since the last look, and tests the
    /// promise of a quiesced source when the last row was read.
    async fn tell_progress(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
        states: &[State],
    ) -> Result<(), Fault> {
        let open = Open::count(&parts.plan, states);
        for fact in self.seen.news(&parts.plan, &open) {
            parts.ledger.publish(parts.run, fact).await?;
        }
        let is_done = |chunk: ChunkId| states.get(chunk.index()) == Some(&State::Done);
        if !self.promise_tested && hold::readers(&parts.plan).all(is_done) {
            let source = parts.source.as_ref();
            if let Err(fault) = hold::keep_promise(&parts.plan, parts.run, source, home).await {
                if fault.code() != Code::PromiseBroken {
                    return Err(fault);
                }
                let (code, message) = (fault.code().to_string(), fault.to_string());
                parts.ledger.publish(parts.run, Fact::Finding { code, message }).await?;
            }
            self.promise_tested = true;
        }
        Ok(())
    }
}

/// Takes from the receipts which chunks are done, and tells the ledger.
///
/// A target that crashed may have lost its last commits, receipts and rows together. A ledger that
/// heard of them is then ahead, and begins anew: the second value is true.
async fn take_receipts(parts: &Parts, home: &mut dyn Home) -> Result<(Vec<ChunkId>, bool), Fault> {
    let (run, ledger) = (parts.run, &parts.ledger);
    ledger.open(run, chunks(&parts.plan)).await?;
    // Asked before the target is, so that no chunk is done here and not yet there.
    let known = ledger.checkpoints(run).await?.map(|known| known.states).unwrap_or_default();
    let done = home.done(run).await?;
    let there: BTreeSet<_> = done.iter().map(|chunk| chunk.index()).collect();
    let believed = known.iter().enumerate().filter(|(_, state)| **state == State::Done);
    let ahead = believed.map(|(at, _)| at).any(|at| !there.contains(&at));
    if ahead {
        warn!(%run, "the ledger ran ahead of the receipts; it begins anew");
        // A memory of another plan is thrown away; events and notes stay.
        ledger.open(run, 0).await?;
        ledger.open(run, chunks(&parts.plan)).await?;
    }
    ledger.restore(run, &done).await?;
    Ok((done, ahead))
}

fn chunks(plan: &Plan) -> u32 {
    u32::try_from(plan.chunks.len()).expect("chunk ids are u32")
}

/// Whether an action lets chunks begin that waited for others.
fn opens(plan: &Plan, action: &Action) -> bool {
    let waited = |id: &ChunkId| plan.chunk(*id).is_some_and(|chunk| !chunk.after.is_empty());
    matches!(action, Action::Release(chunks) if chunks.iter().any(waited))
}

/// What is said of a chunk whose every try ended with the worker.
fn worn_out(plan: &Plan, id: ChunkId) -> Fact {
    let chunk = plan.chunk(id).expect("only planned chunks wear out");
    let (what, attempt) = (plan.what(chunk), plan.limits.attempts);
    let fault = Fault::new(Code::Unknown, &what)
        .saying(format!("whoever worked on it ended before it was done, {attempt} times"))
        .next("Look at why, then `longhaul resume`.");
    Fact::Faulted {
        chunk: id,
        entity: chunk.entity,
        what,
        code: fault.code().to_string(),
        message: fault.to_string(),
        advice: fault.advice().to_string(),
        attempt,
        parked: true,
    }
}

/// Which stages and entities were seen to begin and end.
#[derive(Default)]
struct Progress {
    begun: [bool; Stage::ALL.len()],
    ended: BTreeSet<(usize, Stage)>,
}

impl Progress {
    fn news(&mut self, plan: &Plan, open: &Open) -> Vec<Fact> {
        let mut news = Vec::new();
        for (at, stage) in Stage::ALL.into_iter().enumerate() {
            let before_done = open.stages[..at].iter().all(|left| *left == 0);
            if before_done && open.stages[at] > 0 && !std::mem::replace(&mut self.begun[at], true) {
                news.push(Fact::Stage { stage, chunks: open.stages[at] });
            }
        }
        for (at, entity) in plan.entities.iter().enumerate() {
            for stage in [Stage::Copy, Stage::Verify] {
                let left = open.entities.contains_key(&(entity.id, stage));
                let has = || plan.chunks_of(entity.id, stage).next().is_some();
                if !left && !self.ended.contains(&(at, stage)) && has() {
                    self.ended.insert((at, stage));
                    let name = entity.target.to_string();
                    news.push(Fact::Entity { entity: entity.id, name, stage });
                }
            }
        }
        news
    }
}
