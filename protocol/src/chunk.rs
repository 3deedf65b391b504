//! The life of a chunk, as the ledger remembers it: the one table of its states.
//!
//! Receipts decide, claims advise. So a receipt ends a chunk from *any* state, whoever brings it,
//! and nothing here can make an unwritten chunk count as written.

use serde::{Deserialize, Serialize};

use crate::id::AttemptId;

/// Where a chunk stands, as far as the ledger knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not yet released; what it depends on may be unfinished.
    Waiting,
    /// Released; a task may ring for it.
    Ready,
    /// A worker says that it is on it.
    Claimed(AttemptId),
    /// Its receipt was seen in the target.
    Done,
    /// It is left alone until a person has looked.
    Parked,
}

/// What can happen to a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// All that it depends on is done.
    Released,
    /// A worker took it.
    Claimed(AttemptId),
    /// The worker of this attempt gave it back: a fault, a shutdown, or a claim that ran out.
    Lapsed(AttemptId),
    /// The worker of this attempt found, by the receipts, that what it comes after is not done.
    Early(AttemptId),
    /// The worker of this attempt found that it cannot be done without a person.
    Parked(AttemptId),
    /// The coordinator found that it was tried too often: it may be killing its workers.
    WornOut,
    /// Its receipt stands in the target.
    Receipt,
    /// A person asked for another try.
    Reopened,
}

/// Something happened to a chunk that cannot happen in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a chunk that is {from:?} cannot be {event:?}")]
pub struct OutOfTurn {
    /// The state.
    pub from: State,
    /// The event.
    pub event: Event,
}

impl State {
    /// The whole life of a chunk.
    ///
    /// # Errors
    /// [`OutOfTurn`] when the event has no place in this state. The ledger then stays as it is.
    pub fn on(self, event: Event) -> Result<Self, OutOfTurn> {
        use Event as E;
        use State as S;

        Ok(match (self, event) {
            // The target has spoken: no state resists a receipt.
            (_, E::Receipt) => S::Done,

            (S::Waiting, E::Released) => S::Ready,
            (S::Ready, E::Claimed(attempt)) => S::Claimed(attempt),

            (S::Claimed(held), E::Lapsed(attempt)) if held == attempt => S::Ready,
            (S::Claimed(held), E::Early(attempt)) if held == attempt => S::Waiting,
            (S::Claimed(held), E::Parked(attempt)) if held == attempt => S::Parked,

            (S::Ready, E::WornOut) => S::Parked,
            (S::Parked, E::Reopened) => S::Ready,

            // Delivery is at least once, so a chunk that is over hears late news of its
            // earlier life. It stays as it ended.
            (S::Done, E::Lapsed(_) | E::Early(_) | E::Parked(_) | E::Released) => S::Done,

            (from, event) => return Err(OutOfTurn { from, event }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_life_of_a_chunk_is_exactly_this() {
        let mine = AttemptId(uuid::Uuid::from_u128(1));
        let other = AttemptId(uuid::Uuid::from_u128(2));
        let states =
            [State::Waiting, State::Ready, State::Claimed(mine), State::Done, State::Parked];
        let events = [
            ("Released", Event::Released),
            ("Claimed", Event::Claimed(mine)),
            ("Lapsed", Event::Lapsed(mine)),
            ("Lapsed by another", Event::Lapsed(other)),
            ("Early", Event::Early(mine)),
            ("Early by another", Event::Early(other)),
            ("Parked", Event::Parked(mine)),
            ("Parked by another", Event::Parked(other)),
            ("WornOut", Event::WornOut),
            ("Receipt", Event::Receipt),
            ("Reopened", Event::Reopened),
        ];
        let name = |state| match state {
            State::Waiting => "Waiting",
            State::Ready => "Ready",
            State::Claimed(_) => "Claimed",
            State::Done => "Done",
            State::Parked => "Parked",
        };
        let mut drawing = String::new();
        for state in states {
            for (event_name, event) in events {
                if let Ok(to) = state.on(event) {
                    drawing += &format!("{} -- {event_name} --> {}\n", name(state), name(to));
                }
            }
        }
        assert_eq!(
            drawing,
            "Waiting -- Released --> Ready\n\
             Waiting -- Receipt --> Done\n\
             Ready -- Claimed --> Claimed\n\
             Ready -- WornOut --> Parked\n\
             Ready -- Receipt --> Done\n\
             Claimed -- Lapsed --> Ready\n\
             Claimed -- Early --> Waiting\n\
             Claimed -- Parked --> Parked\n\
             Claimed -- Receipt --> Done\n\
             Done -- Released --> Done\n\
             Done -- Lapsed --> Done\n\
             Done -- Lapsed by another --> Done\n\
             Done -- Early --> Done\n\
             Done -- Early by another --> Done\n\
             Done -- Parked --> Done\n\
             Done -- Parked by another --> Done\n\
             Done -- Receipt --> Done\n\
             Parked -- Receipt --> Done\n\
             Parked -- Reopened --> Ready\n"
        );
    }
}
