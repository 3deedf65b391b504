//! The chunks of one run, as a ledger in this process remembers them.
//!
//! Pure: time comes in, nothing goes out. Every movement goes through
//! `protocol::chunk::State::on`, in [`Chunks::step`]; what is kept beside the states follows from
//! it there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::chunk::{Event, State};
use protocol::clock::Instant;
use protocol::id::{AttemptId, ChunkId, WorkerId};

use crate::{Checkpoints, Claim, Hold, Holder};

/// Invariant: `holders` has exactly the chunks whose state is `Claimed`.
#[derive(Debug)]
pub(crate) struct Chunks {
    states: Vec<State>,
    attempts: BTreeMap<ChunkId, u32>,
    holders: BTreeMap<ChunkId, Holder>,
    /// Chunks whose [`Row`] is not what was last taken by [`Chunks::take_rows`].
    touched: BTreeSet<ChunkId>,
    /// Whether a chunk moved since [`Chunks::take_moved`].
    moved: bool,
}

/// All that is remembered of one chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) chunk: ChunkId,
    pub(crate) state: State,
    pub(crate) holder: Option<Holder>,
    pub(crate) attempts: u32,
}

impl Chunks {
    /// So many chunks, all waiting.
    pub(crate) fn waiting(count: u32) -> Self {
        Self {
            states: vec![State::Waiting; count as usize],
            attempts: BTreeMap::new(),
            holders: BTreeMap::new(),
            touched: BTreeSet::new(),
            moved: false,
        }
    }

    /// So many chunks, as these rows describe them; those without a row are waiting. `None` when a
    /// row is of no chunk, or is claimed by nobody.
    pub(crate) fn recall(count: u32, rows: impl IntoIterator<Item = Row>) -> Option<Self> {
        let mut chunks = Self::waiting(count);
        for row in rows {
            *chunks.states.get_mut(row.chunk.index())? = row.state;
            match (row.state, row.holder) {
                (State::Claimed(_), Some(holder)) => {
                    chunks.holders.insert(row.chunk, holder);
                }
                (State::Waiting | State::Ready | State::Done | State::Parked, None) => {}
                (State::Claimed(_), None) | (_, Some(_)) => return None,
            }
            if row.attempts > 0 {
                chunks.attempts.insert(row.chunk, row.attempts);
            }
        }
        Some(chunks)
    }

    /// How many chunks there are.
    pub(crate) fn count(&self) -> usize {
        self.states.len()
    }

    /// The only way in which a chunk moves. Returns whether the event had its place.
    fn step(&mut self, chunk: ChunkId, event: Event) -> bool {
        let Some(state) = self.states.get_mut(chunk.index()) else { return false };
        let Ok(to) = state.on(event) else { return false };
        if *state != to {
            *state = to;
            self.holders.remove(&chunk);
            self.touched.insert(chunk);
            self.moved = true;
        }
        true
    }

    fn count_try(&mut self, chunk: ChunkId) {
        *self.attempts.entry(chunk).or_default() += 1;
    }

    fn hold(&mut self, chunk: ChunkId, worker: WorkerId, until: Instant) {
        self.holders.insert(chunk, Holder { worker, until });
        self.touched.insert(chunk);
    }

    /// See [`crate::Ledger::record`].
    pub(crate) fn record(&mut self, chunk: ChunkId, event: Event, now: Instant) -> bool {
        let was_claimed = self.holders.contains_key(&chunk);
        if !self.step(chunk, event) {
            return false;
        }
        match event {
            // Late news about a chunk that is over is no fault of it.
            Event::Lapsed(_) | Event::Parked(_) if was_claimed => self.count_try(chunk),
            Event::Reopened => {
                self.attempts.remove(&chunk);
            }
            Event::Claimed(_) => self.hold(chunk, WorkerId(String::new()), now),
            Event::Released
            | Event::Lapsed(_)
            | Event::Early(_)
            | Event::Parked(_)
            | Event::WornOut
            | Event::Receipt => {}
        }
        true
    }

    /// See [`crate::Ledger::claim`].
    pub(crate) fn claim(
        &mut self,
        chunk: ChunkId,
        attempt: AttemptId,
        worker: &WorkerId,
        now: Instant,
        ttl: Duration,
    ) -> Claim {
        match self.states.get(chunk.index()).copied() {
            None => return Claim::Unknown,
            Some(State::Waiting) => return Claim::Waiting,
            Some(State::Done) => return Claim::Done,
            Some(State::Parked) => return Claim::Parked,
            // The answer to the first asking was lost.
            Some(State::Claimed(held)) if held == attempt => {}
            Some(State::Claimed(_)) if !self.ran_out(chunk, now) => return Claim::AliveElsewhere,
            Some(State::Claimed(held)) => {
                self.record(chunk, Event::Lapsed(held), now);
                self.step(chunk, Event::Claimed(attempt));
            }
            Some(State::Ready) => {
                self.step(chunk, Event::Claimed(attempt));
            }
        }
        self.hold(chunk, worker.clone(), after(now, ttl));
        Claim::Claimed { tries: self.attempts.get(&chunk).copied().unwrap_or(0).saturating_add(1) }
    }

    /// See [`crate::Ledger::renew`].
    pub(crate) fn renew(
        &mut self,
        chunk: ChunkId,
        attempt: AttemptId,
        now: Instant,
        ttl: Duration,
    ) -> Hold {
        match self.states.get(chunk.index()) {
            None | Some(State::Waiting | State::Ready) => Hold::Unknown,
            Some(State::Claimed(held)) if *held == attempt => {
                if let Some(holder) = self.holders.get_mut(&chunk) {
                    holder.until = after(now, ttl);
                    self.touched.insert(chunk);
                }
                Hold::Held
            }
            Some(State::Claimed(_) | State::Done | State::Parked) => Hold::Taken,
        }
    }

    /// See [`crate::Ledger::hand_back`].
    pub(crate) fn hand_back(&mut self, chunk: ChunkId, attempt: AttemptId) -> bool {
        self.states.get(chunk.index()) == Some(&State::Claimed(attempt))
            && self.step(chunk, Event::Lapsed(attempt))
    }

    /// Makes claims that ran out ready again, counts a try for each, and returns their chunks.
    pub(crate) fn reap(&mut self, now: Instant) -> Vec<ChunkId> {
        let over: Vec<_> =
            self.holders.keys().copied().filter(|chunk| self.ran_out(*chunk, now)).collect();
        self.lapse(over, now)
    }

    /// The same for all claims, whatever their time.
    pub(crate) fn lapse_all(&mut self, now: Instant) -> Vec<ChunkId> {
        let all = self.holders.keys().copied().collect();
        self.lapse(all, now)
    }

    fn lapse(&mut self, chunks: Vec<ChunkId>, now: Instant) -> Vec<ChunkId> {
        for chunk in &chunks {
            if let Some(State::Claimed(attempt)) = self.states.get(chunk.index()).copied() {
                self.record(*chunk, Event::Lapsed(attempt), now);
            }
        }
        chunks
    }

    fn ran_out(&self, chunk: ChunkId, now: Instant) -> bool {
        self.holders.get(&chunk).is_none_or(|holder| holder.until <= now)
    }

    pub(crate) fn checkpoints(&self) -> Checkpoints {
        Checkpoints {
            states: self.states.clone(),
            attempts: self.attempts.clone(),
            holders: self.holders.clone(),
        }
    }

    /// Whether a chunk moved since this was last asked.
    pub(crate) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// What is not written down yet.
    pub(crate) fn take_rows(&mut self) -> Vec<Row> {
        let touched = std::mem::take(&mut self.touched);
        touched.into_iter().map(|chunk| self.row(chunk)).collect()
    }

    /// Counts everything as not written down.
    pub(crate) fn touch_all(&mut self) {
        let chunks = (0u32..).zip(&self.states);
        let known = chunks.filter(|(_, state)| **state != State::Waiting);
        self.touched.extend(known.map(|(index, _)| ChunkId(index)));
    }

    fn row(&self, chunk: ChunkId) -> Row {
        Row {
            chunk,
            state: self.states[chunk.index()],
            holder: self.holders.get(&chunk).cloned(),
            attempts: self.attempts.get(&chunk).copied().unwrap_or(0),
        }
    }
}

fn after(now: Instant, ttl: Duration) -> Instant {
    now.plus_millis(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
}
