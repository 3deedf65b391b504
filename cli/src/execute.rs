//! A run in this process: one coordinator, a few slots, a broker and a ledger of our own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use coordinator::report::Report;
use coordinator::{Ended, drive};
use endpoint::{Home, Source, Target};
use ledger::Ledger;
use protocol::event::Fact;
use protocol::fault::{Class, Code, Fault, bulkhead};
use protocol::history::Deed;
use protocol::id::{ChunkId, RunId, WorkerId};
use protocol::mapping::OnSnapshotLost;
use protocol::plan::Plan;
use protocol::receipt::Receipt;
use protocol::run::{self, Record};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use worker::Worker;

use crate::args::Global;
use crate::exit::{self, Answer, Failure};
use crate::signals::Signals;
use crate::{Probes, assemble, progress, render};

/// How often the home hears that this process is at work.
const BEAT_EVERY: Duration = Duration::from_secs(2);

/// Batches that one slot holds at once: one being read, one on its way, one being written, and
/// the driver's own buffers.
const BATCHES_PER_SLOT: u64 = 8;

/// Batches are worth their trouble from here on, and grow no further than there.
const BATCH_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 20;

/// A stored run, and what it needs to go on.
pub(crate) struct Stored {
    pub(crate) record: Record,
    pub(crate) plan: Arc<Plan>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) target: Arc<dyn Target>,
    pub(crate) home: Box<dyn Home>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) on_snapshot_lost: OnSnapshotLost,
}

/// Carries a stored run on to its end, narrating it, and writes its report.
pub(crate) async fn execute(global: &Global, mut stored: Stored, probes: Probes) -> Answer {
    let run = stored.record.run;
    let signals = listen(run);
    let receipts = stored.home.receipts(run).await?;
    let narrator = progress::narrate(global.progress, &stored.plan, &stored.ledger, run, &receipts);
    assemble::note(stored.home.as_mut(), run, Deed::Driven).await;
    let ended = tokio::select! {
        ended = carry_on(&stored, rejected(&receipts), probes, &signals) => ended,
        () = beat(&stored) => unreachable!("it beats until the run ends"),
    };
    narrator.end().await;
    leave(&stored, &ended).await;
    let signal = *signals.caught.borrow();
    let outcome = match ended {
        Ok(ended) => Outcome::Ended(ended),
        Err(fault) if fault.class() == Class::Resource => {
            // So that whoever looks sees a pause. On a full disk even this may fail.
            let now = assemble::clock().now();
            if let Ok(mut home) = stored.target.home().await {
                let _ = home.change(run, run::Event::Paused, now).await;
                let why = Some((&fault).into());
                assemble::note(home.as_mut(), run, Deed::Paused { why }).await;
            }
            Outcome::Paused(fault)
        }
        Err(fault) => return Err(Failure::Fault(with_resume(fault, &stored.record))),
    };
    let report = report(&stored).await.map_err(|fault| with_resume(fault, &stored.record))?;
    let folder = assemble::folder(global, run);
    let files = render::report::save(&report, &folder);
    let strict = global.strict;
    let end =
        render::End { report: &report, outcome, signal, folder: &folder, fleet: false, strict };
    let code = render::end(global.output, &end);
    files?;
    Ok(code)
}

/// Lets the home know that this process is at work, for whoever looks. The drive itself finds out when
/// it is deposed, so nothing that goes wrong here matters.
async fn beat(stored: &Stored) {
    let (run, epoch) = (stored.record.run, stored.record.epoch + 1);
    let mut home = None;
    loop {
        tokio::time::sleep(BEAT_EVERY).await;
        if home.is_none() {
            home = stored.target.home().await.ok();
        }
        if let Some(open) = &mut home
            && open.beat(run, epoch).await.is_err()
        {
            home = None;
        }
    }
}

/// Notes why this process stops, where the run is not over.
async fn leave(stored: &Stored, ended: &Result<Ended, Fault>) {
    let why = match ended {
        Ok(Ended::Complete | Ended::Cancelled) => return,
        // Whoever drives it now has noted that.
        Err(fault) if fault.code() == Code::Deposed => return,
        Ok(Ended::Stuck) => "some chunks are parked".to_string(),
        Ok(Ended::Paused) => "the run was paused".to_string(),
        Ok(Ended::Stopped) => "a signal ended it".to_string(),
        Err(fault) => fault.to_string(),
    };
    if let Ok(mut home) = stored.target.home().await {
        assemble::note(home.as_mut(), stored.record.run, Deed::Stopped { why }).await;
    }
}

/// Draws the report on a connection of its own: the one from before the run may be hours old, and
/// the server may have gone and come back since.
async fn report(stored: &Stored) -> Result<Report, Fault> {
    let mut home = stored.target.home().await?;
    assemble::report(home.as_mut(), stored.ledger.as_ref(), stored.record.run).await
}

/// Why a run is not going on.
pub(crate) enum Outcome {
    /// The drive ended by itself.
    Ended(Ended),
    /// Something is full.
    Paused(Fault),
}

impl Outcome {
    /// The exit code, for a run that did not complete; `signal` is the one that was caught.
    pub(crate) fn exit(&self, signal: Option<u8>) -> Option<u8> {
        match self {
            Self::Ended(Ended::Complete) => None,
            Self::Ended(Ended::Stuck | Ended::Cancelled) => Some(exit::FAILED),
            Self::Ended(Ended::Paused) | Self::Paused(_) => Some(exit::PAUSED),
            Self::Ended(Ended::Stopped) => Some(signal.unwrap_or(exit::INTERRUPTED)),
        }
    }
}

async fn carry_on(
    stored: &Stored,
    rejected: BTreeMap<ChunkId, u64>,
    probes: Probes,
    signals: &Signals,
) -> Result<Ended, Fault> {
    let broker: Arc<dyn Broker> = Arc::new(broker::Memory::default());
    let (stop, stopping) = watch::channel(false);
    let stop = Arc::new(stop);
    let slots = slots(stored);
    let worker = Arc::new(worker(stored, slots, rejected, probes.worker, broker.clone()));
    let mut workers = JoinSet::new();
    for number in 0..slots {
        let (worker, stop) = (worker.clone(), stop.clone());
        workers.spawn(async move {
            let ended = worker.slot(number).await;
            if ended.is_err() {
                stop.send_replace(true);
            }
            ended
        });
    }
    let parts = coordinator::Parts {
        run: stored.record.run,
        plan: stored.plan.clone(),
        target: stored.target.clone(),
        source: stored.source.clone(),
        ledger: stored.ledger.clone(),
        broker: broker.clone(),
        clock: assemble::clock(),
        probe: probes.coordinator,
        stop: stopping,
        on_snapshot_lost: stored.on_snapshot_lost,
        embedded: true,
        found: None,
    };
    let drive = bulkhead(|| format!("run {}", stored.record.run), drive(parts));
    tokio::pin!(drive);
    let mut caught = signals.caught.clone();
    let mut fault = None;
    let ended = loop {
        tokio::select! {
            ended = &mut drive => break ended,
            Ok(()) = caught.changed() => { stop.send_replace(true); }
            // Heard of at once: a drive whose slots are gone would ring for ever.
            Some(slot) = workers.join_next() => fault = fault.or(outlived(slot).err()),
        }
    };
    broker.close().await;
    while let Some(slot) = workers.join_next().await {
        fault = fault.or(outlived(slot).err());
    }
    fault.map_or(ended, Err)
}

/// How a slot ended. One that panicked outside of a chunk ends the run, which can be resumed: what was
/// in flight is undone.
fn outlived(slot: Result<Result<(), Fault>, JoinError>) -> Result<(), Fault> {
    slot.unwrap_or_else(|end| match end.try_into_panic() {
        Ok(payload) => Err(Fault::panicked("a slot of this run", payload.as_ref())),
        Err(_cancelled) => Ok(()),
    })
}

/// A target that lets only one write needs a second slot only to read ahead.
fn slots(stored: &Stored) -> u32 {
    let writers = stored.target.capabilities().writers_max.saturating_add(1);
    stored.record.steering.over(&stored.plan.limits).slots.min(writers).max(1)
}

fn worker(
    stored: &Stored,
    slots: u32,
    rejected: BTreeMap<ChunkId, u64>,
    probe: worker::Probe,
    broker: Arc<dyn Broker>,
) -> Worker {
    let budget = stored.plan.limits.memory_bytes / (u64::from(slots) * BATCHES_PER_SLOT);
    let batch = budget.clamp(*BATCH_BYTES.start(), *BATCH_BYTES.end());
    let parts = worker::Parts {
        run: stored.record.run,
        plan: stored.plan.clone(),
        source: stored.source.clone(),
        target: stored.target.clone(),
        ledger: stored.ledger.clone(),
        broker,
        clock: assemble::clock(),
        probe,
    };
    let options = worker::Options {
        id: WorkerId(format!("process-{}", std::process::id())),
        batch_bytes: usize::try_from(batch).expect("at most a mebibyte"),
        budget: worker::Budget::of_bytes(stored.plan.limits.memory_bytes),
        rejected,
        fingerprint: stored.record.fingerprint.clone(),
        asked: stored.record.steering.clone(),
    };
    Worker::new(parts, options)
}

fn rejected(receipts: &[Receipt]) -> BTreeMap<ChunkId, u64> {
    let with_rejects = receipts.iter().filter(|receipt| receipt.rejected > 0);
    with_rejects.map(|receipt| (receipt.chunk, receipt.rejected)).collect()
}

fn with_resume(fault: Fault, record: &Record) -> Fault {
    let advice = fault.advice().to_string();
    if advice.contains("longhaul resume") {
        return fault;
    }
    fault.next(format!("{advice} Then: longhaul resume {}", record.run.short()))
}

/// What is said at the signals.
fn listen(run: RunId) -> Signals {
    let first =
        "finishing the chunks in flight, then stopping; press Ctrl-C again to stop now".to_string();
    let undone = "stopping now; nothing is lost, chunks in flight are rolled back".to_string();
    Signals::listen(first, vec![undone, format!("continue with: longhaul resume {}", run.short())])
}

/// Publishes that a run was stored, for whoever watches.
pub(crate) async fn announce(ledger: &dyn Ledger, record: &Record) {
    let fact = Fact::Run { state: record.state, epoch: record.epoch };
    let _ = ledger.publish(record.run, fact).await;
}
