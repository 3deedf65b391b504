//! One run as a worker carries it: claim a chunk, try it until it is done, tell the ledger.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;

use broker::{Delivery, Task};
use endpoint::Session;
use ledger::Claim;
use protocol::chunk;
use protocol::fault::{Fault, Remedy, bulkhead};
use protocol::id::{AttemptId, ChunkId, WorkerId};
use protocol::plan::{Chunk, Work};
use tracing::{info, warn};

use crate::carry::{Carried, Gear, Try};
use crate::fleet::Aboard;
use crate::heartbeat::{CLAIM_TTL_ALONE, CLAIM_TTL_FLEET, Heartbeat};
use crate::others::Way;
use crate::prior::Prior;
use crate::work::{Options, Parts};
use crate::{Pace, Point};

/// Carries the chunks of one run, for any number of slots at once.
pub(crate) struct Carrier {
    pub(crate) parts: Parts,
    pub(crate) options: Options,
    pub(crate) pace: Pace,
    /// How long a claim lasts unless it is renewed.
    claim_ttl: Duration,
    /// What a fleet adds; absent where the run lives in one process.
    pub(crate) fleet: Option<Aboard>,
    /// What each chunk comes after.
    pub(crate) prior: Prior,
    /// How often slots found no connection since a chunk was done.
    pub(crate) starved: AtomicU32,
    /// Rejects of chunks that are done, and of those in flight so far.
    pub(crate) rejected: Mutex<BTreeMap<ChunkId, u64>>,
}

/// A chunk that was claimed.
#[derive(Clone, Copy)]
struct Held<'a> {
    heartbeat: &'a Heartbeat,
    tries: u32,
    /// How long its task had waited, in microseconds, where that is known.
    queued: Option<u64>,
}

impl Carrier {
    /// A carrier for a run that lives in this process.
    pub(crate) fn alone(parts: Parts, options: Options) -> Self {
        Self::new(parts, options, CLAIM_TTL_ALONE, None)
    }

    /// A carrier for a run that is shared with other workers.
    pub(crate) fn aboard(parts: Parts, options: Options, fleet: Aboard) -> Self {
        Self::new(parts, options, CLAIM_TTL_FLEET, Some(fleet))
    }

    fn new(parts: Parts, options: Options, claim_ttl: Duration, fleet: Option<Aboard>) -> Self {
        let limits = options.asked.over(&parts.plan.limits);
        let pace = Pace::new(limits.rows_per_second, limits.bytes_per_second);
        let rejected = Mutex::new(options.rejected.clone());
        let prior = Prior::of_plan(&parts.plan);
        let starved = AtomicU32::new(0);
        Self { parts, options, pace, claim_ttl, fleet, prior, starved, rejected }
    }

    pub(crate) fn passed(&self, point: Point) {
        (self.parts.probe)(point);
    }

    /// Does what a delivery asks for, and settles it. A task of another run, or of a chunk that the
    /// plan does not have, is not for us.
    pub(crate) async fn deliver(
        &self,
        worker: &WorkerId,
        delivery: Delivery,
        session: &mut Option<Box<dyn Session>>,
    ) -> Result<(), Fault> {
        let Task { run, chunk: id, rung, .. } = *delivery.task();
        let parts = &self.parts;
        let Some(chunk) = parts.plan.chunk(id).filter(|_| run == parts.run) else {
            return delivery.settle().await;
        };
        let attempt = AttemptId(uuid::Uuid::now_v7());
        let claim = parts.ledger.claim(run, id, attempt, worker, self.claim_ttl).await;
        let (tries, unbroken) = match claim {
            Ok(Claim::Claimed { tries }) => (Some(tries), true),
            // A ledger that is away or has forgotten forbids nothing.
            Ok(Claim::Unknown) | Err(_) => (Some(1), false),
            Ok(Claim::AliveElsewhere | Claim::Done | Claim::Parked | Claim::Waiting) => {
                (None, false)
            }
        };
        if let Some(tries) = tries {
            self.passed(Point::Claimed);
            let heartbeat = Heartbeat {
                ledger: parts.ledger.clone(),
                run,
                chunk: id,
                claim: attempt,
                worker: worker.clone(),
                ttl: self.claim_ttl,
                unbroken: AtomicBool::new(unbroken),
            };
            let queued = rung.map(|rung| parts.clock.now().micros_since(rung));
            let held = Held { heartbeat: &heartbeat, tries, queued };
            let told = self.tell(self.claimed(chunk, worker));
            let carried = self.with_permits(worker, chunk, held, session);
            let ((), carried) = tokio::join!(biased; told, carried);
            carried?;
        }
        delivery.settle().await?;
        self.passed(Point::Settled);
        Ok(())
    }

    /// Tries the chunk as soon as the environments of both sides have room for its connections. Where
    /// they have none, it is left to the coordinator, and no try is counted.
    async fn with_permits(
        &self,
        worker: &WorkerId,
        chunk: &Chunk,
        held: Held<'_>,
        session: &mut Option<Box<dyn Session>>,
    ) -> Result<(), Fault> {
        let Some(permits) = self.permits(worker).await else {
            info!(chunk = %chunk.id, "no connection is free");
            self.hand_back(chunk, held.heartbeat.claim).await;
            return Ok(());
        };
        if !permits.are_counted() {
            return self.chunk(worker, chunk, held, session).await;
        }
        let tried = tokio::select! {
            tried = self.chunk(worker, chunk, held, session) => tried,
            () = permits.keep() => unreachable!("permits are kept for ever"),
        };
        *session = None;
        self.parts.source.let_go();
        self.parts.target.let_go();
        permits.give_back().await;
        tried
    }

    /// Tries the chunk until it is done, not ours, or a person's.
    async fn chunk(
        &self,
        worker: &WorkerId,
        chunk: &Chunk,
        Held { heartbeat, mut tries, queued }: Held<'_>,
        session: &mut Option<Box<dyn Session>>,
    ) -> Result<(), Fault> {
        let claim = heartbeat.claim;
        let taken = heartbeat.until_taken();
        tokio::pin!(taken);
        let mut gear = Gear::First;
        let mut waits = 0;
        loop {
            let attempt = AttemptId(uuid::Uuid::now_v7());
            let this = Try { chunk, attempt, worker, tries, gear, queued };
            let carried = tokio::select! {
                carried = self.carry_apart(&this, session) => carried,
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
                Ok(Carried::Early) => {
                    warn!(chunk = %chunk.id, "rung for before what it comes after is done");
                    self.record(chunk, chunk::Event::Early(claim)).await;
                    return Ok(());
                }
                Err(fault) => fault,
            };
            *session = None;
            match self.wait_for_others(chunk, &fault, heartbeat, &mut waits).await {
                Way::Again => continue,
                way @ (Way::GiveBack | Way::Rest) => {
                    self.hand_back(chunk, claim).await;
                    way.rest().await;
                    return Ok(());
                }
                Way::Remedy => {}
            }
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

    /// One try, behind a bulkhead: a panic in it is a fault of this chunk and of no other.
    async fn carry_apart(
        &self,
        this: &Try<'_>,
        session: &mut Option<Box<dyn Session>>,
    ) -> Result<Carried, Fault> {
        let what = || self.parts.plan.what(this.chunk);
        bulkhead(what, self.carry(this, session)).await
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
}

/// Between half and the whole of a pause, so that workers do not come back all at once.
pub(crate) fn jittered(pause: std::time::Duration) -> std::time::Duration {
    let dice = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    pause / 2 + pause / 512 * dice
}
