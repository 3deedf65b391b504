//! The runs that a worker has open: a few, and the least used gives way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::fault::{Code, Fault, bulkhead};
use protocol::id::RunId;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tracing::info;

use crate::Budget;
use crate::carrier::Carrier;
use crate::fleet::{Aboard, REFRESH_EVERY};
use crate::serve::{Opened, Service};
use crate::work::{Options, Parts};

/// So many runs are open at once, besides those at work.
const OPEN_MAX: usize = 8;

/// A run of which nothing was heard for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// A run that could not be opened is not tried again sooner.
const FAILED_FOR: Duration = Duration::from_secs(2);

/// Runs that are open.
pub(crate) struct Runs {
    budget: Budget,
    open: Mutex<BTreeMap<RunId, Entry>>,
    failed: Mutex<BTreeMap<RunId, Instant>>,
}

struct Entry {
    carrier: Arc<OnceCell<Arc<Carrier>>>,
    used: Instant,
}

/// The open run of a task, or why there is none.
pub(crate) enum Found {
    /// Here it is.
    Open(Arc<Carrier>),
    /// It is over, or unknown in every home: nobody's business.
    Over,
    /// It could not be opened a moment ago.
    Later,
}

impl Runs {
    /// None yet; all of them together within a budget.
    pub(crate) fn within(budget: Budget) -> Self {
        Self { budget, open: Mutex::default(), failed: Mutex::default() }
    }

    /// The carrier of a run, opened if need be. Slots that ask at once open it once.
    pub(crate) async fn find(&self, run: RunId, service: &Service) -> Result<Found, Fault> {
        if self.failed().get(&run).is_some_and(|until| Instant::now() < *until) {
            return Ok(Found::Later);
        }
        let cell = self.touch(run);
        let opened = cell
            .get_or_try_init(async || open(run, service, self.budget.clone()).await.map(Arc::new))
            .await;
        match opened {
            Ok(carrier) if carrier.is_stale() => {
                // Its plan is another by now: it is opened again by the next task.
                self.entries().remove(&run);
                Ok(Found::Later)
            }
            Ok(carrier) if carrier.is_over() => Ok(Found::Over),
            Ok(carrier) => Ok(Found::Open(carrier.clone())),
            Err(fault) => {
                self.entries().remove(&run);
                if fault.code() == Code::RunUnknown {
                    return Ok(Found::Over);
                }
                self.failed().insert(run, Instant::now() + FAILED_FOR);
                Err(fault)
            }
        }
    }

    /// Asks the homes of runs at work what is new, and closes those that are over or idle.
    pub(crate) async fn tend(&self) {
        self.failed().retain(|_, until| Instant::now() < *until);
        let open: Vec<_> = {
            let entries = self.entries();
            entries.iter().map(|(run, entry)| (*run, entry.carrier.clone(), entry.used)).collect()
        };
        for (run, cell, used) in open {
            let Some(carrier) = cell.get() else { continue };
            if let Some(aboard) = &carrier.fleet {
                let refresh = carrier.refresh(aboard, REFRESH_EVERY * 3 / 4);
                if let Err(fault) = bulkhead(|| format!("run {run}"), refresh).await {
                    info!(%run, error = %fault, "the home does not say what is new");
                }
            }
            if carrier.is_over() || carrier.is_stale() || used.elapsed() > IDLE_MAX {
                self.entries().remove(&run);
            }
        }
    }

    /// Opening it came to no end at all: it is closed, and not tried again for a moment.
    pub(crate) fn failed_to_open(&self, run: RunId) {
        self.entries().remove(&run);
        self.failed().insert(run, Instant::now() + FAILED_FOR);
    }

    fn touch(&self, run: RunId) -> Arc<OnceCell<Arc<Carrier>>> {
        let mut entries = self.entries();
        if !entries.contains_key(&run) && entries.len() >= OPEN_MAX {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.used).map(|(run, _)| *run);
            // Slots that are at work on it keep it; it is opened again when it is asked for.
            oldest.and_then(|oldest| entries.remove(&oldest));
        }
        let now = Instant::now();
        let fresh = || Entry { carrier: Arc::default(), used: now };
        let entry = entries.entry(run).or_insert_with(fresh);
        entry.used = now;
        entry.carrier.clone()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<RunId, Entry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> MutexGuard<'_, BTreeMap<RunId, Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn open(run: RunId, service: &Service, budget: Budget) -> Result<Carrier, Fault> {
    let Opened { record, plan, source, target, places } = service.desk.open(run).await?;
    let rejected = target.home().await?.rejected(run).await?;
    let parts = Parts {
        run,
        plan,
        source,
        target,
        ledger: service.ledger.clone(),
        broker: service.broker.clone(),
        clock: service.clock.clone(),
        probe: service.probe.clone(),
    };
    let batch_bytes = service.batch_bytes();
    let (asked, fingerprint) = (record.steering.clone(), record.fingerprint.clone());
    let id = service.id.clone();
    let options = Options { id, batch_bytes, budget, rejected, fingerprint, asked };
    let aboard = Aboard::new(record, places, service.slots.max(1));
    let carrier = Carrier::aboard(parts, options, aboard);
    carrier.set_pace();
    Ok(carrier)
}
