//! What a chunk meets that others are to blame for, in a fleet: a moment that is no longer held, a
//! session that sits on its receipt, a server without a free connection, a disk that is full.

use std::sync::atomic::Ordering;
use std::time::Duration;

use protocol::event::Fact;
use protocol::fault::{Class, Code, Fault};
use protocol::history::{Deed, Entry, Person};
use protocol::plan::Chunk;
use protocol::run::{Event, State};
use tracing::{info, warn};

use crate::carrier::{Carrier, jittered};
use crate::heartbeat::Heartbeat;

/// How often a chunk waits for another leader to take hold of the source before it is given back:
/// about as long as it takes to notice that the last one is gone, several times over.
const WAITS_MAX: u32 = 20;

/// How often slots may find no connection, one after another and with no chunk done in between, before
/// that counts as a fault of the chunk: half an hour, with sixteen of them.
const STARVED_MAX: u32 = 20_000;

/// Every so many times it is told.
const STARVED_TOLD: u32 = 100;

/// How long it waits each time, at most.
const WAIT: Duration = Duration::from_secs(2);

/// What to do about a fault before its remedy is asked for.
pub(crate) enum Way {
    /// The chunk is tried again, and no try is counted.
    Again,
    /// It is left to the coordinator, and no try is counted.
    GiveBack,
    /// The same, and its slot takes nothing for a while.
    Rest,
    /// It is the chunk's own.
    Remedy,
}

impl Way {
    /// The rest that a slot takes after it gave its chunk back.
    pub(crate) async fn rest(self) {
        if matches!(self, Self::Rest) {
            tokio::time::sleep(jittered(WAIT)).await;
        }
    }
}

impl Carrier {
    /// Waits where somebody else must act first, and clears the way where nobody will.
    pub(crate) async fn wait_for_others(
        &self,
        chunk: &Chunk,
        fault: &Fault,
        heartbeat: &Heartbeat,
        waits: &mut u32,
    ) -> Way {
        if fault.code() == Code::NoConnection {
            return self.without_connection(chunk, fault).await;
        }
        let Some(aboard) = &self.fleet else { return Way::Remedy };
        if fault.code() == Code::Busy && heartbeat.is_unbroken() {
            self.end_sessions(chunk).await;
            return Way::Remedy;
        }
        if fault.code() != Code::SnapshotLost {
            return Way::Remedy;
        }
        if *waits >= WAITS_MAX {
            // Whether the run can go on is the leader's to find out: it takes hold anew, or pauses the
            // run and says why. Parked, the chunk would wait for a person after every long absence.
            self.faulted(chunk, fault, *waits, false).await;
            return Way::GiveBack;
        }
        *waits += 1;
        self.look_away().await;
        tokio::time::sleep(jittered(WAIT)).await;
        match self.refresh(aboard, Duration::ZERO).await {
            Ok(record) if record.state != State::Running => Way::GiveBack,
            Ok(_) | Err(_) => Way::Again,
        }
    }

    /// A server that takes no more connections is left to the slots that have one: the chunk is given
    /// back for them, and this slot rests. Told now and then; what goes on for too long without any chunk
    /// done is a fault of the chunk.
    async fn without_connection(&self, chunk: &Chunk, fault: &Fault) -> Way {
        let before = self.starved.fetch_add(1, Ordering::Relaxed);
        if before.is_multiple_of(STARVED_TOLD) {
            self.faulted(chunk, fault, 1, false).await;
        }
        if before < STARVED_MAX { Way::Rest } else { Way::Remedy }
    }

    /// The claim of whoever sits on the chunk is over, and it may be stopped for ever: its session is
    /// ended by name.
    async fn end_sessions(&self, chunk: &Chunk) {
        let label = format!("longhaul:{}:{}:", self.parts.run, chunk.id);
        match self.parts.target.end_sessions(&label).await {
            Ok(0) => {}
            Ok(ended) => warn!(chunk = %chunk.id, ended, "ended sessions whose claims were over"),
            Err(fault) => warn!(chunk = %chunk.id, error = %fault, "no session could be ended"),
        }
    }

    /// A fault that more work would make worse pauses the run, for a person to see to. What else ends
    /// a delivery is only told.
    pub(crate) async fn stopped_by(&self, fault: &Fault) {
        if fault.class() != Class::Resource {
            info!(run = %self.parts.run, error = %fault, "a delivery ended early");
            return;
        }
        let Ok(mut home) = self.parts.target.home().await else { return };
        let now = self.parts.clock.now();
        if let Ok(state) = home.change(self.parts.run, Event::Paused, now).await {
            let epoch = home.epoch(self.parts.run).await.unwrap_or_default();
            let (code, message) = (fault.code().to_string(), fault.to_string());
            self.tell(Fact::Finding { code, message }).await;
            self.tell(Fact::Run { state, epoch }).await;
            // In the target as well: there it is found by whoever looks later.
            let by = Person {
                host: self.options.id.0.clone(),
                pid: std::process::id(),
                ..Person::default()
            };
            let deed = Deed::Paused { why: Some(fault.into()) };
            if let Err(fault) = home.note(self.parts.run, &Entry { at: now, by, deed }).await {
                warn!(run = %self.parts.run, error = %fault, "why it is paused was not noted");
            }
        }
        // Tasks that come meanwhile are sent away from now on, and not tried on what is full.
        if let Some(aboard) = &self.fleet {
            let _ = self.refresh(aboard, Duration::ZERO).await;
        }
    }

    /// Whether the run's plan was another than ours when it was last asked for.
    pub(crate) fn is_stale(&self) -> bool {
        let ours = &self.options.fingerprint;
        self.fleet.as_ref().is_some_and(|aboard| aboard.record().fingerprint != *ours)
    }

    /// Whether the run was over when it was last asked for.
    pub(crate) fn is_over(&self) -> bool {
        self.fleet.as_ref().is_some_and(|aboard| aboard.record().state.is_final())
    }
}
