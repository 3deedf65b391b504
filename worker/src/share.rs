//! What a fleet shares beyond one worker: rates, and connections to an environment.
//!
//! The ledger keeps them. While it cannot be asked, a worker takes its slots' part of a rate, among those
//! that the run's home knows to be at it, and no permit is needed: a limit is for the comfort of a server,
//! and holds nothing up.

use std::time::Duration;

use protocol::fault::Fault;
use protocol::id::WorkerId;
use protocol::mapping::Limits;
use protocol::run::Steering;
use tokio::time::Instant;

use crate::carrier::Carrier;
use crate::fleet::Aboard;

/// Slots that a fleet is taken to have while neither the ledger nor the run's home can say.
pub(crate) const SLOTS_UNKNOWN: u64 = 32;

/// How long a permit lasts unless it is renewed.
const PERMIT_TTL: Duration = Duration::from_secs(10);

/// How long a chunk waits for a permit before it is left to the coordinator.
const PERMIT_WAIT: Duration = Duration::from_secs(2);

/// How often it asks meanwhile.
const PERMIT_ASK: Duration = Duration::from_millis(200);

impl Carrier {
    /// The limits that hold now: as planned, or as operators changed them since.
    pub(crate) fn limits(&self) -> Limits {
        self.asked().over(&self.parts.plan.limits)
    }

    /// What operators asked of the run, as last heard.
    pub(crate) fn asked(&self) -> Steering {
        let heard = self.fleet.as_ref().map(|aboard| aboard.record().steering);
        heard.unwrap_or_else(|| self.options.asked.clone())
    }

    /// Waits until so many more rows and bytes may go.
    pub(crate) async fn paced(&self, rows: u64, bytes: u64) {
        let Some(aboard) = &self.fleet else { return self.pace.take(rows, bytes).await };
        let admitted = self.admitted(aboard, rows, bytes).await;
        self.hears_the_ledger(aboard, admitted.is_ok()).await;
        match admitted {
            Ok(wait) => tokio::time::sleep(wait).await,
            Err(_) => self.pace.take(rows, bytes).await,
        }
    }

    async fn admitted(&self, aboard: &Aboard, rows: u64, bytes: u64) -> Result<Duration, Fault> {
        let limits = self.limits();
        let mut longest = Duration::ZERO;
        let run = format!("run:{}", self.parts.run);
        let of_run = (run, limits.rows_per_second, limits.bytes_per_second);
        let of_places = aboard.places.iter().map(|place| {
            (format!("env:{}", place.environment), place.rows_per_second, place.bytes_per_second)
        });
        for (of, rows_per_second, bytes_per_second) in std::iter::once(of_run).chain(of_places) {
            let each = [("rows", rows_per_second, rows), ("bytes", bytes_per_second, bytes)];
            for (what, limit, amount) in each {
                if let Some(limit) = limit {
                    let bucket = format!("{of}:{what}");
                    longest = longest.max(self.parts.ledger.admit(&bucket, limit, amount).await?);
                }
            }
        }
        Ok(longest)
    }

    /// Asks for a permit in every environment that counts connections; `None` when one has no room.
    pub(crate) async fn permits(&self, worker: &WorkerId) -> Option<Permits<'_>> {
        let mut permits = Permits { carrier: self, worker: worker.clone(), places: Vec::new() };
        let Some(aboard) = &self.fleet else { return Some(permits) };
        let until = Instant::now() + PERMIT_WAIT;
        for place in &aboard.places {
            let Some(max) = place.connections_max else { continue };
            let name = format!("env:{}", place.environment);
            while !self.enters(&name, max, worker).await {
                if Instant::now() >= until {
                    permits.give_back().await;
                    return None;
                }
                tokio::time::sleep(PERMIT_ASK).await;
            }
            permits.places.push((name, max));
        }
        Some(permits)
    }

    async fn enters(&self, place: &str, max: u32, worker: &WorkerId) -> bool {
        let ledger = &self.parts.ledger;
        ledger.enter(place, max, &worker.0, PERMIT_TTL).await.unwrap_or(true)
    }
}

/// Permits to be connected. They run out by themselves if nobody renews them.
pub(crate) struct Permits<'a> {
    carrier: &'a Carrier,
    worker: WorkerId,
    places: Vec<(String, u32)>,
}

impl Permits<'_> {
    /// Renews them, for ever. Cancel it when the connections are closed.
    pub(crate) async fn keep(&self) {
        loop {
            tokio::time::sleep(PERMIT_TTL / 3).await;
            for (place, max) in &self.places {
                self.carrier.enters(place, *max, &self.worker).await;
            }
        }
    }

    /// Whether connections are counted anywhere, so that none may be kept for later.
    pub(crate) fn are_counted(&self) -> bool {
        !self.places.is_empty()
    }

    /// Gives them back, best effort.
    pub(crate) async fn give_back(&self) {
        for (place, _) in &self.places {
            let _ = self.carrier.parts.ledger.depart(place, &self.worker.0).await;
        }
    }
}
