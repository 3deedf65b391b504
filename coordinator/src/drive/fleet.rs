//! What a fleet adds to a drive: beats, what operators ask for meanwhile, and how many slots there
//! are.

use std::time::Duration;

use broker::Task;
use endpoint::Home;
use ledger::Ledger;
use protocol::chunk::{self, State};
use protocol::event::Fact;
use protocol::fault::{Code, Fault};
use protocol::id::ChunkId;
use protocol::presence::Presence;
use protocol::run::{self, Record};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::recall::Recall;
use super::staff::Staff;
use super::{Ended, Parts};

/// How often a leader tells the home that it is alive.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// How often it is counted who is there.
const COUNT_EVERY: Duration = Duration::from_secs(2);

/// Slots that a worker is believed to have, at most.
const SLOTS_MAX: u32 = 1024;

/// Slots that a fleet is taken to have while the ledger cannot say.
const SLOTS_UNKNOWN: u32 = 32;

/// The note under which the ledger keeps how many retries were heard. It is lost together with the
/// parked chunks that it speaks of.
const RETRIES: &str = "retries";

/// The note under which the ledger keeps which workers watchers were told of.
const STAFF: &str = "staff";

/// Beats for as long as this term lasts, and passes on what the home knows of the run. Apart from
/// the looks, so that a look that takes long does not make the leader seem dead.
pub(super) async fn beat(parts: &Parts, epoch: u64, tell: watch::Sender<Record>) -> Fault {
    let mut home: Option<Box<dyn Home>> = None;
    loop {
        match beat_once(parts, epoch, &mut home).await {
            Ok(record) => {
                tell.send_replace(record);
            }
            Err(fault) if matches!(fault.code(), Code::Deposed | Code::RunUnknown) => return fault,
            Err(fault) => warn!(run = %parts.run, error = %fault, "a beat was not heard"),
        }
        tokio::time::sleep(BEAT_EVERY).await;
    }
}

async fn beat_once(
    parts: &Parts,
    epoch: u64,
    kept: &mut Option<Box<dyn Home>>,
) -> Result<Record, Fault> {
    let mut home = match kept.take() {
        Some(home) => home,
        None => parts.target.home().await?,
    };
    let record = home.beat(parts.run, epoch).await?;
    *kept = Some(home);
    Ok(record)
}

/// Waits until the run is not paused: whoever leads a paused run does nothing but beat.
pub(super) async fn until_running(parts: &Parts, told: &mut watch::Receiver<Record>) {
    let mut stop = parts.stop.clone();
    tokio::select! {
        // Senders that are gone end the wait: whatever comes next finds out why.
        _ = told.wait_for(|record| record.state != run::State::Paused) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// What a drive knows of its fleet.
pub(super) struct Fleet {
    /// What the home last told.
    pub(super) told: watch::Receiver<Record>,
    state: run::State,
    /// How many of the operators' retries were heard.
    retries: Option<u32>,
    slots: Option<u32>,
    /// `None` until the ledger said whom the leader before told of.
    staff: Option<Staff>,
    counted: Option<Instant>,
    stuck: bool,
}

/// Tasks that may be outstanding, with so many slots there, of which a run may use so many. Where it
/// may use them all, enough wait that no slot waits for the coordinator; where it may not, none
/// wait: a slot that is free would take them.
fn window(slots: Option<u32>, most: Option<u32>) -> usize {
    let full = super::TASKS_PER_SLOT * slots.unwrap_or(SLOTS_UNKNOWN) as usize;
    match (slots, most) {
        (_, None) => full,
        (Some(slots), Some(most)) if slots <= most => full,
        (_, Some(most)) => full.min(most as usize),
    }
}

impl Fleet {
    pub(super) fn new(told: watch::Receiver<Record>) -> Self {
        Self {
            told,
            state: run::State::Running,
            retries: None,
            slots: None,
            staff: None,
            counted: None,
            stuck: false,
        }
    }

    pub(super) fn record(&self) -> Record {
        self.told.borrow().clone()
    }

    /// What the run's state means for the drive; publishes a pause and its end. True in the second
    /// place when the run goes on after a pause.
    pub(super) async fn follow(
        &mut self,
        recall: &Recall,
        epoch: u64,
    ) -> Result<(Option<Ended>, bool), Fault> {
        let state = self.record().state;
        let before = std::mem::replace(&mut self.state, state);
        if state != before {
            recall.publish(Fact::Run { state, epoch }).await?;
        }
        Ok(match state {
            run::State::Complete => (Some(Ended::Complete), false),
            run::State::Cancelled | run::State::Void => (Some(Ended::Cancelled), false),
            run::State::Planning | run::State::Paused => (None, false),
            run::State::Running => (None, before == run::State::Paused),
        })
    }

    pub(super) fn is_paused(&self) -> bool {
        self.state == run::State::Paused
    }

    /// Opens parked chunks again if an operator asked for it since they were last opened.
    pub(super) async fn reopen(
        &mut self,
        ledger: &dyn Ledger,
        recall: &mut Recall,
        states: &[State],
        run: protocol::id::RunId,
    ) -> Result<bool, Fault> {
        let asked = self.record().steering.retries;
        if asked == 0 || recall.is_away() {
            return Ok(false);
        }
        let heard = match self.retries {
            Some(heard) => heard,
            None => heard_before(ledger, run).await,
        };
        self.retries = Some(asked);
        if asked <= heard {
            return Ok(false);
        }
        let parked = states.iter().zip(0u32..).filter(|(state, _)| **state == State::Parked);
        let parked: Vec<_> = parked.map(|(_, at)| ChunkId(at)).collect();
        for chunk in &parked {
            recall.record(*chunk, chunk::Event::Reopened).await?;
        }
        // After the chunks: a leader that ends in between leaves it to the next one.
        let _ = ledger.note(run, RETRIES, &asked.to_string()).await;
        info!(%run, chunks = parked.len(), "parked chunks are tried again");
        self.stuck = false;
        Ok(!parked.is_empty())
    }

    /// Counts now and then who is there, and publishes who came and went.
    pub(super) async fn count(&mut self, parts: &Parts, recall: &Recall) -> Result<(), Fault> {
        let ledger = parts.ledger.as_ref();
        if self.counted.is_some_and(|at| at.elapsed() < COUNT_EVERY) {
            return Ok(());
        }
        self.counted = Some(Instant::now());
        let there = ledger.presences().await;
        if let Ok(there) = &there {
            self.tell_staff(parts, recall, there).await?;
        }
        let staying = there.iter().flatten().filter(|one| !one.draining);
        // Told by others, and no more believed than a machine can have.
        let slots = staying.map(|one| one.slots.min(SLOTS_MAX));
        let slots = slots.fold(0, u32::saturating_add);
        // An empty house may be a ledger that forgot.
        self.slots = (slots > 0).then_some(slots);
        Ok(())
    }

    /// Publishes who came and went, and notes who is there for the leader after this one.
    async fn tell_staff(
        &mut self,
        parts: &Parts,
        recall: &Recall,
        there: &[Presence],
    ) -> Result<(), Fault> {
        let now = parts.clock.now();
        let staff = match &mut self.staff {
            Some(staff) => staff,
            unknown => {
                let Ok(notes) = parts.ledger.notes(parts.run).await else { return Ok(()) };
                unknown.insert(Staff::noted(notes.get(STAFF).map(String::as_str), now))
            }
        };
        let facts = staff.changes(there, now);
        if facts.is_empty() {
            return Ok(());
        }
        for fact in facts {
            recall.publish(fact).await?;
        }
        // After they were told: a leader that ends in between leaves it to the next one.
        let _ = parts.ledger.note(parts.run, STAFF, &staff.note()).await;
        Ok(())
    }

    /// Tasks that may be outstanding.
    pub(super) fn window(&self) -> usize {
        window(self.slots, self.record().steering.slots)
    }

    /// The task for a chunk, as urgent as operators want the run to be.
    pub(super) fn task(&self, parts: &Parts, chunk: ChunkId, epoch: u64) -> Task {
        let priority = self.record().steering.priority.min(Task::PRIORITY_MAX);
        Task { priority, ..Task::new(parts.run, chunk, epoch) }
    }

    /// Says once that parked chunks hold up the rest.
    pub(super) async fn tell_stuck(&mut self, recall: &Recall, parked: usize) -> Result<(), Fault> {
        if std::mem::replace(&mut self.stuck, true) {
            return Ok(());
        }
        let code = Code::Parked;
        let message = format!("{parked} parked chunks hold up the rest; see why, then retry");
        recall.publish(Fact::Finding { code: code.to_string(), message }).await
    }
}

async fn heard_before(ledger: &dyn Ledger, run: protocol::id::RunId) -> u32 {
    let notes = ledger.notes(run).await.unwrap_or_default();
    notes.get(RETRIES).and_then(|heard| heard.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_wait_ahead_of_the_slots_unless_the_run_may_not_use_all_of_them() {
        assert_eq!(window(Some(8), None), 32);
        assert_eq!(window(Some(8), Some(8)), 32);
        assert_eq!(window(Some(8), Some(100)), 32);
        assert_eq!(window(Some(8), Some(3)), 3);
        assert_eq!(window(None, None), 128, "nobody can say how many there are");
        assert_eq!(window(None, Some(8)), 8);
    }
}
