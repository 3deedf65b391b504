//! The slots of a worker whose run lives in this process.

use std::collections::BTreeMap;
use std::sync::Arc;

use broker::Broker;
use endpoint::{Source, Target};
use ledger::Ledger;
use protocol::clock::Clock;
use protocol::fault::Fault;
use protocol::id::{ChunkId, RunId, WorkerId};
use protocol::plan::Plan;
use protocol::run::Steering;

use crate::carrier::Carrier;
use crate::serve::KEPT_FOR;
use crate::{Budget, Point, Probe};

/// What a worker is put together from.
pub struct Parts {
    /// The run and its plan, as stored.
    pub run: RunId,
    /// The plan.
    pub plan: Arc<Plan>,
    /// Where rows come from.
    pub source: Arc<dyn Source>,
    /// Where they go.
    pub target: Arc<dyn Target>,
    /// What the run has done, and who is watching.
    pub ledger: Arc<dyn Ledger>,
    /// Where ready tasks wait.
    pub broker: Arc<dyn Broker>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who listens at the points of the protocol.
    pub probe: Probe,
}

/// How a worker goes about it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who it is.
    pub id: WorkerId,
    /// Bytes per batch; what is in memory is a few of these.
    pub batch_bytes: usize,
    /// What all slots, of all runs of this worker, may have in hands together.
    pub budget: Budget,
    /// Rejects of chunks of the run that are done already.
    pub rejected: BTreeMap<ChunkId, u64>,
    /// The fingerprint of the plan: where the run's is another by then, none of its chunks is done.
    pub fingerprint: String,
    /// What operators asked of the run before it began here. In a fleet, later wishes are heard too.
    pub asked: Steering,
}

/// A worker for one run in this process. [`Worker::slot`] may run several times at once.
pub struct Worker(Carrier);

impl Worker {
    /// A worker for one run.
    pub fn new(parts: Parts, options: Options) -> Self {
        Self(Carrier::alone(parts, options))
    }

    /// Works until the broker is closed.
    ///
    /// # Errors
    /// A fault that no chunk is to blame for and that more work would make worse: the target is
    /// full, or the broker is gone.
    pub async fn slot(&self, number: u32) -> Result<(), Fault> {
        let worker = WorkerId(format!("{}/{number}", self.0.options.id));
        let mut session = None;
        loop {
            let heard = tokio::select! {
                biased;
                heard = self.0.parts.broker.next() => heard?,
                // A connection that is not used may be what another slot waits for.
                () = tokio::time::sleep(KEPT_FOR), if session.is_some() => {
                    session = None;
                    continue;
                }
            };
            let Some(delivery) = heard else { return Ok(()) };
            self.0.passed(Point::Delivered);
            self.0.deliver(&worker, delivery, &mut session).await?;
        }
    }
}
