//! The loop of a slot: take a task, claim it, carry it, tell the ledger, settle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use broker::{Broker, Delivery, Task};
use endpoint::{Session, Source, Target};
use ledger::{Claim, Ledger};
use protocol::chunk;
use protocol::clock::Clock;
use protocol::event::Fact;
use protocol::fault::{Code, Fault, Remedy};
use protocol::id::{AttemptId, ChunkId, EntityId, RunId, WorkerId};
use protocol::plan::{Chunk, Plan, Work};
use protocol::receipt::Receipt;
use tracing::{info, warn};

use crate::carry::{Carried, Gear, Try};
use crate::heartbeat::{CLAIM_TTL, until_taken};
use crate::{Pace, Point, Probe};

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
    /// Rejects of chunks of the run that are done already.
    pub rejected: BTreeMap<ChunkId, u64>,
}

/// One worker. [`Worker::slot`] may run several times at once.
pub struct Worker {
    pub(crate) parts: Parts,
    pub(crate) options: Options,
    pub(crate) pace: Pace,
    /// Rejects of chunks that are done, and of those in flight so far.
    rejected: Mutex<BTreeMap<ChunkId, u64>>,
}

impl Worker {
    /// A worker for one run.
    pub fn new(parts: Parts, options: Options) -> Self {
        let limits = &parts.plan.limits;
        let pace = Pace::new(limits.rows_per_second, limits.bytes_per_second);
        let rejected = Mutex::new(options.rejected.clone());
        Self { parts, options, pace, rejected }
    }

    /// Works until the broker is closed.
    ///
    /// # Errors
    /// A fault that no chunk is to blame for and that more work would make worse: the target is
    /// full, or the broker is gone.
    pub async fn slot(&self, number: u32) -> Result<(), Fault> {
        let worker = WorkerId(format!("{}/{number}", self.options.id));
        let mut session = None;
        while let Some(delivery) = self.parts.broker.next().await? {
            self.passed(Point::Delivered);
            self.delivery(&worker, delivery, &mut session).await?;
        }
        Ok(())
    }

    pub(crate) fn passed(&self, point: Point) {
        (self.parts.probe)(point);
    }

    async fn delivery(
        &self,
        worker: &WorkerId,
        delivery: Delivery,
        session: &mut Option<Box<dyn Session>>,
    ) -> Result<(), Fault> {
        let Task { run, chunk: id, .. } = *delivery.task();
        let parts = &self.parts;
        // A task of another run, or of a chunk the plan does not have, is not for us.
        let Some(chunk) = parts.plan.chunk(id).filter(|_| run == parts.run) else {
            return delivery.settle().await;
        };
        let attempt = AttemptId(uuid::Uuid::now_v7());
        let claim = parts.ledger.claim(run, id, attempt, worker, CLAIM_TTL).await;
        let tries = match claim {
            Ok(Claim::Claimed { tries }) => Some(tries),
            // A ledger that is away or has forgotten forbids nothing.
            Ok(Claim::Unknown) | Err(_) => Some(1),
            Ok(Claim::AliveElsewhere | Claim::Done | Claim::Parked | Claim::Waiting) => None,
        };
        if let Some(tries) = tries {
            self.passed(Point::Claimed);
            self.tell(self.claimed(chunk, worker)).await;
            self.chunk(worker, chunk, (attempt, tries), session).await?;
        }
        delivery.settle().await?;
        self.passed(Point::Settled);
        Ok(())
    }

    /// Tries the chunk until it is done, not ours, or a person's.
    async fn chunk(
        &self,
        worker: &WorkerId,
        chunk: &Chunk,
        (claim, mut tries): (AttemptId, u32),
        session: &mut Option<Box<dyn Session>>,
    ) -> Result<(), Fault> {
        let parts = &self.parts;
        let taken = until_taken(parts.ledger.clone(), parts.run, chunk.id, claim);
        tokio::pin!(taken);
        let mut gear = Gear::First;
        loop {
            let attempt = AttemptId(uuid::Uuid::now_v7());
            let this = Try { chunk, attempt, worker, tries, gear };
            let carried = tokio::select! {
                carried = self.carry(&this, session) => carried,
                () = &mut taken => {
                    *session = None;
                    self.count_rejects(chunk.id, 0);
                    return Ok(());
                }
            };
            let fault = match carried {
                Ok(Carried::Done { receipt, again }) => {
                    self.done(chunk, &receipt, again).await;
                    return Ok(());
                }
                Ok(Carried::Fenced) => {
                    self.hand_back(chunk, claim).await;
                    return Ok(());
                }
                Err(fault) => fault,
            };
            *session = None;
            match self.remedy(chunk, &fault, gear, tries) {
                // Its rejects stay noted: the commit may have been made, and its answer lost.
                Remedy::Again { after } => {
                    self.faulted(chunk, &fault, tries, false).await;
                    tokio::time::sleep(jittered(after)).await;
                }
                Remedy::Careful => {
                    info!(chunk = %chunk.id, code = %fault.code(), "shifting to careful gear");
                    gear = Gear::Careful;
                    self.count_rejects(chunk.id, 0);
                }
                Remedy::Pause => {
                    self.faulted(chunk, &fault, tries, false).await;
                    self.hand_back(chunk, claim).await;
                    return Err(fault);
                }
                Remedy::Park => {
                    self.count_rejects(chunk.id, 0);
                    self.faulted(chunk, &fault, tries, true).await;
                    self.record(chunk, chunk::Event::Parked(claim)).await;
                    return Ok(());
                }
            }
            tries += 1;
        }
    }

    /// Careful gear is for rows of a copy, and only once; a step or a link that meets bad data
    /// cannot set rows aside.
    fn remedy(&self, chunk: &Chunk, fault: &Fault, gear: Gear, tries: u32) -> Remedy {
        let copy = match chunk.work {
            Work::Copy(_) => true,
            Work::Link(_) | Work::Step(_) | Work::Verify { .. } => false,
        };
        match fault.remedy(tries, self.parts.plan.limits.attempts) {
            Remedy::Careful if copy && gear == Gear::First => Remedy::Careful,
            Remedy::Careful => Remedy::Park,
            other @ (Remedy::Again { .. } | Remedy::Pause | Remedy::Park) => other,
        }
    }

    async fn done(&self, chunk: &Chunk, receipt: &Receipt, again: bool) {
        self.count_rejects(chunk.id, receipt.rejected);
        // Told first, so that whoever hears that an entity is through has heard of all its chunks.
        self.tell(Fact::Done {
            chunk: chunk.id,
            entity: chunk.entity,
            stage: chunk.stage,
            what: self.parts.plan.what(chunk),
            rows: receipt.written.rows,
            rejected: receipt.rejected,
            bytes: receipt.bytes,
            again,
        })
        .await;
        self.record(chunk, chunk::Event::Receipt).await;
        self.passed(Point::Recorded);
    }

    async fn faulted(&self, chunk: &Chunk, fault: &Fault, attempt: u32, parked: bool) {
        warn!(chunk = %chunk.id, code = %fault.code(), error = %fault, attempt, parked, "chunk met a fault");
        self.tell(Fact::Faulted {
            chunk: chunk.id,
            entity: chunk.entity,
            what: self.parts.plan.what(chunk),
            code: fault.code().to_string(),
            message: fault.to_string(),
            advice: fault.advice().to_string(),
            attempt,
            parked,
        })
        .await;
    }

    fn claimed(&self, chunk: &Chunk, worker: &WorkerId) -> Fact {
        Fact::Claimed {
            chunk: chunk.id,
            entity: chunk.entity,
            stage: chunk.stage,
            what: self.parts.plan.what(chunk),
            worker: worker.clone(),
        }
    }

    /// Best effort: the ledger may be away, and the receipt stands without it.
    async fn record(&self, chunk: &Chunk, event: chunk::Event) {
        if let Err(fault) = self.parts.ledger.record(self.parts.run, chunk.id, event).await {
            warn!(chunk = %chunk.id, error = %fault, "the ledger was not told");
        }
    }

    /// Best effort, like [`Worker::record`]; a claim that stays behind runs out.
    async fn hand_back(&self, chunk: &Chunk, claim: AttemptId) {
        let _ = self.parts.ledger.hand_back(self.parts.run, chunk.id, claim).await;
    }

    /// Best effort, like [`Worker::record`].
    pub(crate) async fn tell(&self, fact: Fact) {
        if let Err(fault) = self.parts.ledger.publish(self.parts.run, fact).await {
            warn!(error = %fault, "an event was not published");
        }
    }

    /// Notes that a chunk has so many rejects, in place of what was noted of it before.
    fn count_rejects(&self, chunk: ChunkId, rejects: u64) {
        let mut rejected = self.rejected.lock().expect("nothing panics while it is held");
        rejected.insert(chunk, rejects);
    }

    /// Rejects of an entity, as far as this worker knows.
    pub(crate) fn rejected_of(&self, entity: EntityId) -> u64 {
        let rejected = self.rejected.lock().expect("nothing panics while it is held");
        let mine = rejected.iter().filter(|(chunk, rejects)| {
            let owner = || self.parts.plan.chunk(**chunk).and_then(|chunk| chunk.entity);
            **rejects > 0 && owner() == Some(entity)
        });
        mine.map(|(_, rejects)| rejects).sum()
    }

    /// Whether the chunk may have so many rejects, beside those of its entity's other chunks. They
    /// are noted at once, so that chunks in flight together do not each find room for themselves.
    pub(crate) fn within_reject_limit(&self, chunk: &Chunk, rejects: usize) -> Result<(), Fault> {
        let Some(entity) = chunk.entity.filter(|_| rejects > 0) else { return Ok(()) };
        self.count_rejects(chunk.id, rejects as u64);
        let (total, limit) = (self.rejected_of(entity), self.parts.plan.limits.rejects);
        if total <= limit {
            return Ok(());
        }
        let name = self.parts.plan.entity(entity).target.to_string();
        Err(Fault::new(Code::RejectLimit, name)
            .saying(format!("{total} rejected, {limit} allowed")))
    }
}

/// Between half and the whole of a pause, so that workers do not come back all at once.
fn jittered(pause: std::time::Duration) -> std::time::Duration {
    let dice = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    pause / 2 + pause / 512 * dice
}
