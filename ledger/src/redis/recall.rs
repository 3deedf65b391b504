//! All that Redis remembers of a run's chunks, read in one go.

use std::collections::HashMap;

use protocol::chunk::State;
use protocol::clock::Instant;
use protocol::id::{AttemptId, ChunkId, WorkerId};

use super::bits;
use crate::{Checkpoints, Holder};

/// What the script `recall` answers: the number of chunks, which are done, released and parked,
/// until when they are claimed, by whom, and how often they were tried in vain.
pub(super) type Answers = (
    Option<u32>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Vec<u32>,
    Vec<(u32, f64)>,
    HashMap<u32, String>,
    HashMap<u32, u32>,
);

/// What the answers mean; `None` when the run is unknown. They are believed in the order in which
/// the scripts believe them, whatever else is there.
pub(super) fn checkpoints(answers: Answers) -> Option<Checkpoints> {
    let (count, done, released, parked, claims, held, tries) = answers;
    let count = count? as usize;
    let (done, released) = (done.unwrap_or_default(), released.unwrap_or_default());
    let mut states: Vec<State> = (0..count)
        .map(|chunk| match (bits::is_set(&done, chunk), bits::is_set(&released, chunk)) {
            (true, _) => State::Done,
            (false, true) => State::Ready,
            (false, false) => State::Waiting,
        })
        .collect();
    let ends: HashMap<u32, f64> = claims.into_iter().collect();
    let mut known = Checkpoints {
        states: vec![],
        attempts: tries.into_iter().map(|(chunk, tries)| (ChunkId(chunk), tries)).collect(),
        holders: Default::default(),
    };
    for (chunk, holder) in held {
        let Some(state) = open(&mut states, chunk) else { continue };
        let Some((attempt, worker)) = read(&holder) else { continue };
        *state = State::Claimed(attempt);
        let until = Instant(micros(ends.get(&chunk).copied().unwrap_or(0.0)));
        known.holders.insert(ChunkId(chunk), Holder { worker, until });
    }
    for chunk in parked {
        if let Some(state) = open(&mut states, chunk) {
            *state = State::Parked;
            known.holders.remove(&ChunkId(chunk));
        }
    }
    known.states = states;
    Some(known)
}

/// The place of a chunk's state, unless it is done or there is no such chunk.
fn open(states: &mut [State], chunk: u32) -> Option<&mut State> {
    states.get_mut(chunk as usize).filter(|state| **state != State::Done)
}

/// An attempt's name, and its worker's after it.
fn read(holder: &str) -> Option<(AttemptId, WorkerId)> {
    let (attempt, worker) = holder.split_at_checked(36)?;
    Some((attempt.parse().ok()?, WorkerId(worker.to_owned())))
}

/// Redis keeps times as floating-point numbers, exactly for some centuries.
#[expect(clippy::cast_possible_truncation, reason = "microseconds of our age are whole numbers")]
fn micros(score: f64) -> i64 {
    score as i64
}
