//! The life of a run: the one table of its states.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Instant;
use crate::id::{Environment, RunId};
use crate::mapping::Limits;
use crate::plan::Plan;

/// Where a run stands. Stored in the target, and changed only under the run's gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its plan is being stored; no chunk has begun.
    Planning,
    /// Chunks may be committed.
    Running,
    /// No new chunk begins; those in flight may still be committed.
    Paused,
    /// Ended by a person, for good.
    Cancelled,
    /// Every chunk is done.
    Complete,
    /// Rolled back.
    Void,
}

/// What can happen to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The plan is stored; work may begin.
    Started,
    /// Somebody, or a full disk, asked it to wait.
    Paused,
    /// It goes on, after a pause or a crash.
    Resumed,
    /// Somebody ended it.
    Cancelled,
    /// The anti-join of plan and receipts is empty.
    Completed,
    /// What it made was dropped, and its receipts were voided.
    RolledBack,
    /// There is more to do for a run that was complete: rejected rows are tried again.
    Reopened,
}

impl Event {
    /// Whether chunks in flight end before it happens, and later ones find the door shut. What
    /// leaves the run open to commits waits for nobody: a pause while a chunk is slow is a pause
    /// all the same.
    pub fn shuts_the_door(self) -> bool {
        match self {
            Self::Started | Self::Paused | Self::Resumed => false,
            Self::Cancelled | Self::Completed | Self::RolledBack | Self::Reopened => true,
        }
    }
}

/// What becomes of a run: `a run that is complete cannot be …`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "started",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
            Self::RolledBack => "rolled back",
            Self::Reopened => "opened again",
        })
    }
}

/// Something happened to a run that cannot happen in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {from} cannot be {event}")]
pub struct OutOfTurn {
    /// The state.
    pub from: State,
    /// The event.
    pub event: Event,
}

impl State {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Planning, Self::Running, Self::Paused, Self::Cancelled, Self::Complete, Self::Void];

    /// The whole life of a run.
    ///
    /// # Errors
    /// [`OutOfTurn`] when the event has no place in this state.
    pub fn on(self, event: Event) -> Result<Self, OutOfTurn> {
        use Event as E;
        use State as S;
        Ok(match (self, event) {
            (S::Planning, E::Started) => S::Running,
            (S::Running, E::Paused) => S::Paused,
            // A resume after a crash finds the run still running: nobody told it otherwise.
            (S::Running | S::Paused, E::Resumed) => S::Running,
            (S::Running | S::Paused, E::Completed) => S::Complete,
            (S::Planning | S::Running | S::Paused, E::Cancelled) => S::Cancelled,
            (S::Cancelled | S::Complete, E::RolledBack) => S::Void,
            (S::Complete, E::Reopened) => S::Running,
            (from, event) => return Err(OutOfTurn { from, event }),
        })
    }

    /// Whether a chunk may begin its transaction, or commit it.
    pub fn admits_chunks(self) -> bool {
        match self {
            Self::Running | Self::Paused => true,
            Self::Planning | Self::Cancelled | Self::Complete | Self::Void => false,
        }
    }

    /// Whether the run is over.
    pub fn is_final(self) -> bool {
        match self {
            Self::Cancelled | Self::Complete | Self::Void => true,
            Self::Planning | Self::Running | Self::Paused => false,
        }
    }

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Complete => "complete",
            Self::Void => "void",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is not a state of a run"))
    }
}

/// What the home target knows of a run, beside its plan and receipts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which run.
    pub run: RunId,
    /// Where it stands.
    pub state: State,
    /// How often somebody began to lead it: 1 for a run that was never resumed, and whose leader never
    /// changed.
    pub epoch: u64,
    /// The fingerprint of its plan.
    pub fingerprint: String,
    /// The migration's name.
    pub migration: String,
    /// The environment that is read.
    pub from: Environment,
    /// The environment that is written.
    pub to: Environment,
    /// When it was stored.
    pub created: Instant,
    /// When it reached a final state.
    pub ended: Option<Instant>,
    /// Whether a lost snapshot was replaced while the source had changed.
    pub drifted: bool,
    /// What the source's change counters said when the copy began.
    pub counters: Option<String>,
    /// Whether coordinators of a fleet drive it. Otherwise the process that began it does.
    pub fleet: bool,
    /// What operators asked of it since.
    pub steering: Steering,
    /// The name under which other processes may read the source as it stood when the leader took
    /// hold of it. It dies with the leader.
    pub held: Option<String>,
    /// How long ago a leader was last heard of, in milliseconds by the home's own clock.
    pub led_ms_ago: Option<u64>,
}

impl Record {
    /// A run of this plan that nobody began.
    pub fn new(run: RunId, plan: &Plan, created: Instant) -> Self {
        Self {
            run,
            state: State::Planning,
            epoch: 0,
            fingerprint: plan.fingerprint(),
            migration: plan.migration.clone(),
            from: plan.from.environment.clone(),
            to: plan.to.environment.clone(),
            created,
            ended: None,
            drifted: false,
            counters: None,
            fleet: false,
            steering: Steering::default(),
            held: None,
            led_ms_ago: None,
        }
    }

    /// How often a process found it unfinished and took it up again. A fleet's run needs nobody for that.
    pub fn resumes(&self) -> u64 {
        if self.fleet { 0 } else { self.epoch.saturating_sub(1) }
    }

    /// How often another coordinator of its fleet began to lead it, or the same one anew.
    pub fn leader_changes(&self) -> u64 {
        if self.fleet { self.epoch.saturating_sub(1) } else { 0 }
    }
}

/// What operators asked of a run while it runs. Kept in its home, so that it outlives whoever heard
/// it, and read there by whoever leads or works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Steering {
    /// Which run goes first where several share a fleet: 0 to 9, greater is sooner.
    pub priority: u8,
    /// Chunks in flight at once over the whole fleet; absent: as many as the fleet has slots.
    pub slots: Option<u32>,
    /// Rows per second over the whole fleet; absent: as planned.
    pub rows_per_second: Option<u64>,
    /// Bytes per second over the whole fleet; absent: as planned.
    pub bytes_per_second: Option<u64>,
    /// Rows that any entity may lose before it stops; absent: as planned.
    pub rejects: Option<u64>,
    /// How often somebody asked for parked chunks to be tried again.
    pub retries: u32,
}

impl Steering {
    /// The priority of a run of which nobody said anything.
    pub const PRIORITY: u8 = 4;

    /// The greatest priority.
    pub const PRIORITY_MAX: u8 = 9;

    /// The limits of a plan as an operator changed them since.
    pub fn over(&self, planned: &Limits) -> Limits {
        Limits {
            slots: self.slots.unwrap_or(planned.slots),
            rows_per_second: self.rows_per_second.or(planned.rows_per_second),
            bytes_per_second: self.bytes_per_second.or(planned.bytes_per_second),
            rejects: self.rejects.unwrap_or(planned.rejects),
            ..planned.clone()
        }
    }
}

impl Default for Steering {
    fn default() -> Self {
        Self {
            priority: Self::PRIORITY,
            slots: None,
            rows_per_second: None,
            bytes_per_second: None,
            rejects: None,
            retries: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 7] = [
        Event::Started,
        Event::Paused,
        Event::Resumed,
        Event::Cancelled,
        Event::Completed,
        Event::RolledBack,
        Event::Reopened,
    ];

    #[test]
    fn the_life_of_a_run_is_exactly_this() {
        let mut drawing = String::new();
        for state in State::ALL {
            for event in EVENTS {
                if let Ok(to) = state.on(event) {
                    drawing += &format!("{state} -- {event:?} --> {to}\n");
                }
            }
        }
        assert_eq!(
            drawing,
            "planning -- Started --> running\n\
             planning -- Cancelled --> cancelled\n\
             running -- Paused --> paused\n\
             running -- Resumed --> running\n\
             running -- Cancelled --> cancelled\n\
             running -- Completed --> complete\n\
             paused -- Resumed --> running\n\
             paused -- Cancelled --> cancelled\n\
             paused -- Completed --> complete\n\
             cancelled -- RolledBack --> void\n\
             complete -- RolledBack --> void\n\
             complete -- Reopened --> running\n"
        );
    }

    #[test]
    fn nothing_is_committed_after_a_final_state() {
        for state in State::ALL {
            assert!(!(state.is_final() && state.admits_chunks()), "{state}");
        }
    }

    #[test]
    fn a_state_reads_what_it_printed() {
        for state in State::ALL {
            assert_eq!(state.to_string().parse(), Ok(state));
        }
    }
}
