//! A worker of a fleet: one set of slots for the tasks of all runs.
//!
//! # Promises
//! 1. A task whose run cannot be opened holds up no task of another run.
//! 2. Told to stop, it takes no more deliveries, lets chunks in hand end for the grace it was given,
//!    and then drops them: their transactions are undone, and their deliveries come back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use broker::{Broker, Delivery, Task};
use endpoint::{Session, Source, Target};
use ledger::Ledger;
use protocol::clock::Clock;
use protocol::event::Fact;
use protocol::fault::{Fault, contained};
use protocol::id::{Environment, RunId, WorkerId};
use protocol::plan::Plan;
use protocol::run::Record;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::{Instrument as _, info, info_span, warn};

use crate::fleet::REFRESH_EVERY;
use crate::presence::{PRESENT_EVERY, Present};
use crate::runs::{Found, Runs};
use crate::{Budget, Point, Probe};

/// Batches that one slot holds at once: one being read, one on its way, one being written, and the
/// driver's own buffers.
const BATCHES_PER_SLOT: u64 = 8;

/// Batches are worth their trouble from here on, and grow no further than there.
const BATCH_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 20;

/// A session that no chunk needed for so long is closed: its run may be over.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(5);

/// How long to wait before a broker that cannot be heard is asked again.
const DEAF_PAUSE: Duration = Duration::from_millis(500);

/// A run, opened.
pub struct Opened {
    /// What is known of it.
    pub record: Record,
    /// Its plan.
    pub plan: Arc<Plan>,
    /// Where its rows come from. Not shared with another run: what is joined is joined by it.
    pub source: Arc<dyn Source>,
    /// Where they go; the run is kept there.
    pub target: Arc<dyn Target>,
    /// What the environments of both sides allow to the whole fleet; those that say nothing are left
    /// out.
    pub places: Vec<Place>,
}

/// What an environment allows to the whole fleet, whatever the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The environment's name.
    pub environment: Environment,
    /// Connections at once.
    pub connections_max: Option<u32>,
    /// Rows per second.
    pub rows_per_second: Option<u64>,
    /// Bytes per second.
    pub bytes_per_second: Option<u64>,
}

/// Opens runs.
#[async_trait]
pub trait Desk: Send + Sync {
    /// Opens a run, wherever it is kept.
    ///
    /// # Errors
    /// `Code::RunUnknown` when all homes answered and none has it; otherwise why it cannot be opened
    /// now.
    async fn open(&self, run: RunId) -> Result<Opened, Fault>;

    /// The names by which it opens environments.
    fn knows(&self) -> Vec<Environment>;
}

/// What a worker of a fleet is put together from.
#[derive(Clone)]
pub struct Service {
    /// Who it is.
    pub id: WorkerId,
    /// The machine it runs on, for people.
    pub host: String,
    /// Chunks in hand at once.
    pub slots: u32,
    /// Bytes of rows held in memory over all slots.
    pub memory_bytes: u64,
    /// How long chunks in hand may take to end when it is told to stop.
    pub grace: Duration,
    /// Opens runs.
    pub desk: Arc<dyn Desk>,
    /// What runs have done, and who is watching.
    pub ledger: Arc<dyn Ledger>,
    /// Where ready tasks wait.
    pub broker: Arc<dyn Broker>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who listens at the points of the protocol.
    pub probe: Probe,
    /// Turns true when it should end.
    pub stop: watch::Receiver<bool>,
}

impl Service {
    pub(crate) fn batch_bytes(&self) -> usize {
        let budget = self.memory_bytes / (u64::from(self.slots.max(1)) * BATCHES_PER_SLOT);
        let bytes = budget.clamp(*BATCH_BYTES.start(), *BATCH_BYTES.end());
        usize::try_from(bytes).expect("at most a mebibyte")
    }
}

/// Works for a fleet until told to stop, or until the broker is closed.
///
/// # Errors
/// None at present: what fails for one run holds up no other.
pub async fn serve(service: Service) -> Result<(), Fault> {
    let mut stop = service.stop.clone();
    let (grace, count) = (service.grace, service.slots.max(1));
    let present = Present::new(service.clock.now());
    let runs = Runs::within(Budget::of_bytes(service.memory_bytes));
    let shared = Arc::new(Shared { service, runs, present });
    let mut slots = JoinSet::new();
    for number in 0..count {
        slots.spawn(slot(shared.clone(), number));
    }
    info!(worker = %shared.service.id, slots = count, "at work");
    let told = async {
        // A sender that is gone will not tell us; then there is nobody left to serve.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    tokio::select! {
        () = told => {}
        () = all(&mut slots) => {}
        () = tend(&shared) => {}
    }
    shared.present.drains();
    let ends = async {
        tokio::select! {
            () = all(&mut slots) => {}
            () = tend(&shared) => {}
        }
    };
    if tokio::time::timeout(grace, ends).await.is_err() {
        let left = slots.len();
        warn!(worker = %shared.service.id, left, "the grace is over; dropping what is in hand");
        slots.shutdown().await;
    }
    // Kept a moment longer than it is there, so that it is not taken for lost.
    shared.present.goes(&shared.service).await;
    Ok(())
}

/// Waits for all slots. A panic outside of any delivery goes on here, and ends the process: what was
/// in flight is undone.
async fn all(slots: &mut JoinSet<()>) {
    while let Some(ended) = slots.join_next().await {
        ended
            .map_err(JoinError::into_panic)
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    }
}

/// What the slots share.
struct Shared {
    service: Service,
    runs: Runs,
    present: Present,
}

/// Says that it is there, and keeps what is known of open runs fresh, for ever.
async fn tend(shared: &Shared) {
    let said = async {
        loop {
            let _ = contained(|| "the ledger".into(), shared.present.say(&shared.service)).await;
            tokio::time::sleep(PRESENT_EVERY).await;
        }
    };
    let tended = async {
        loop {
            tokio::time::sleep(REFRESH_EVERY).await;
            shared.runs.tend().await;
        }
    };
    // Apart, so that a home that is slow to answer makes nobody seem gone.
    tokio::join!(said, tended);
}

/// A session to one run's target, kept between its chunks.
type Kept = Option<(RunId, Option<Box<dyn Session>>)>;

async fn slot(shared: Arc<Shared>, number: u32) {
    let worker = WorkerId(format!("{}/{number}", shared.service.id));
    let mut stop = shared.service.stop.clone();
    let mut kept: Kept = None;
    loop {
        let heard = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            heard = shared.service.broker.next() => heard,
            () = tokio::time::sleep(KEPT_FOR), if kept.is_some() => {
                kept = None;
                continue;
            }
        };
        match heard {
            Ok(Some(delivery)) => {
                let Task { run, chunk, .. } = *delivery.task();
                let span = info_span!("chunk", %run, %chunk, %worker);
                let delivered = deliver(&shared, (number, &worker), delivery, &mut kept);
                apart(&shared, (number, run), delivered.instrument(span)).await;
            }
            Ok(None) => return,
            Err(fault) => {
                warn!(%worker, error = %fault, "the broker cannot be heard");
                tokio::time::sleep(DEAF_PAUSE).await;
            }
        }
    }
}

/// One delivery, behind a bulkhead: what panics outside of a try (as a run is opened, say) is a trouble
/// of that run, and the slot goes on. The delivery was dropped, and comes again.
async fn apart(shared: &Shared, (slot, run): (u32, RunId), delivered: impl Future<Output = ()>) {
    let Err(fault) = contained(|| format!("run {run}"), delivered).await else { return };
    shared.present.ends(slot);
    shared.runs.failed_to_open(run);
    shared.cannot_open(run, &fault).await;
}

impl Shared {
    async fn cannot_open(&self, run: RunId, fault: &Fault) {
        warn!(%run, code = %fault.code(), error = %fault, "this run cannot be opened here");
        self.present.troubled(run, Some(fault.to_string()));
        let (code, message) = (fault.code().to_string(), fault.to_string());
        let _ = self.service.ledger.publish(run, Fact::Finding { code, message }).await;
    }
}

/// One delivery. Whatever goes wrong with it is its run's business, and the slot goes on.
async fn deliver(
    shared: &Shared,
    (slot, worker): (u32, &WorkerId),
    delivery: Delivery,
    kept: &mut Kept,
) {
    let Task { run, chunk, .. } = *delivery.task();
    (shared.service.probe)(Point::Delivered);
    let carrier = match shared.runs.find(run, &shared.service).await {
        Ok(Found::Open(carrier)) => carrier,
        // The coordinator rings again for what it still wants.
        Ok(Found::Over | Found::Later) => return settle(delivery).await,
        Err(fault) => {
            shared.cannot_open(run, &fault).await;
            return settle(delivery).await;
        }
    };
    if !carrier.takes_chunks().await {
        return settle(delivery).await;
    }
    let mut session = kept.take().filter(|(of, _)| *of == run).and_then(|(_, session)| session);
    shared.present.troubled(run, None);
    shared.present.begins(slot, run, chunk, shared.service.clock.now());
    if let Err(fault) = carrier.deliver(worker, delivery, &mut session).await {
        carrier.stopped_by(&fault).await;
    }
    shared.present.ends(slot);
    *kept = Some((run, session));
}

async fn settle(delivery: Delivery) {
    if let Err(fault) = delivery.settle().await {
        // It comes again, and is sent away again.
        info!(error = %fault, "a delivery was not settled");
    }
}
