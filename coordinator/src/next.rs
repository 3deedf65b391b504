//! What should happen next: a pure function of the plan, what is known, and the time.
//!
//! Every action is safe to carry out twice, so two coordinators that both believe they lead waste
//! messages and nothing else.

use std::collections::BTreeMap;

use protocol::chunk::State;
use protocol::clock::Instant;
use protocol::id::{ChunkId, EntityId};
use protocol::plan::{After, Chunk, Plan, Stage};

/// A task that was not claimed for so long is taken for lost, the first time.
const LOST_AFTER_MS: u64 = 5_000;

/// The longest that a task is waited for.
const LOST_AFTER_MS_MAX: u64 = 60_000;

/// How many small chunks may be outstanding in the place of one that is not.
pub const SMALL_SHARE: usize = 16;

/// One thing to carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// What these wait for is done: they may run.
    Release(Vec<ChunkId>),
    /// These were tried too often and may be killing their workers: leave them to a person.
    WearOut(Vec<ChunkId>),
    /// Put a task for this chunk on the broker.
    Ring(ChunkId),
    /// Everything is done as far as the ledger knows: ask the target, and close the run.
    Complete,
    /// Nothing can go on until a person has looked at what is parked: so many chunks.
    Stuck(usize),
}

/// A task that was rung for and not yet claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// When it is taken for lost.
    pub until: Instant,
    /// How often it was rung for in a row.
    pub times: u32,
}

impl Rung {
    /// A task that was just rung for, after `before`. Each time it is waited for twice as long, up to
    /// a bound: a task that nobody takes more likely waits in a long queue than it was lost.
    pub fn again(before: Option<&Self>, now: Instant) -> Self {
        let times = before.map_or(0, |before| before.times);
        let wait = (LOST_AFTER_MS << times.min(8)).min(LOST_AFTER_MS_MAX);
        Self { until: now.plus_millis(wait), times: times + 1 }
    }

    /// A chunk that somebody may be at work on, though nobody rang for it.
    pub fn for_millis(millis: u64, now: Instant) -> Self {
        Self { until: now.plus_millis(millis), times: 0 }
    }

    fn is_lost(&self, now: Instant) -> bool {
        now >= self.until
    }
}

/// What a coordinator knows at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The state of each chunk, as the ledger remembers it.
    pub states: &'a [State],
    /// Faults and lapsed claims per chunk.
    pub attempts: &'a BTreeMap<ChunkId, u32>,
    /// Tasks that were rung for and not yet claimed.
    pub rung: &'a BTreeMap<ChunkId, Rung>,
    /// Most tasks outstanding: rung for or claimed.
    pub window: usize,
    /// Chunks of fewer bytes are over before the next look, so more of them may be outstanding: each
    /// counts as [`SMALL_SHARE`]th part of a task.
    pub small: u64,
}

/// Decides. See [`Action`].
pub fn next(plan: &Plan, known: Known<'_>, now: Instant) -> Vec<Action> {
    let open = Open::count(plan, known.states);
    if open.total == 0 {
        return vec![Action::Complete];
    }
    let worn = worn_out(plan, known);
    let released = released(plan, known.states, &open);
    let rings = rings(plan, known, &worn, &released, now);
    let mut actions = Vec::new();
    let busy = known.states.iter().any(|s| matches!(s, State::Ready | State::Claimed(_)));
    if !busy && released.is_empty() {
        let parked = known.states.iter().filter(|state| **state == State::Parked).count();
        actions.push(Action::Stuck(parked));
    }
    if !worn.is_empty() {
        actions.push(Action::WearOut(worn));
    }
    if !released.is_empty() {
        actions.push(Action::Release(released));
    }
    actions.extend(rings.into_iter().map(Action::Ring));
    actions
}

/// How many chunks are not done: in all, by stage, and by entity and stage. A key, an index or a foreign
/// key that is parked counts in all, and otherwise holds up nothing: the rows that it is about are there.
pub(crate) struct Open {
    pub(crate) total: u64,
    pub(crate) stages: [u64; Stage::ALL.len()],
    pub(crate) entities: BTreeMap<(EntityId, Stage), u64>,
}

impl Open {
    pub(crate) fn count(plan: &Plan, states: &[State]) -> Self {
        let mut open = Self { total: 0, stages: [0; 4], entities: BTreeMap::new() };
        for chunk in plan.chunks.iter().filter(|chunk| state(states, chunk.id) != State::Done) {
            open.total += 1;
            if chunk.stands_beside_rows() && state(states, chunk.id) == State::Parked {
                continue;
            }
            open.stages[chunk.stage as usize] += 1;
            if let Some(entity) = chunk.entity {
                *open.entities.entry((entity, chunk.stage)).or_default() += 1;
            }
        }
        open
    }

    fn allows(&self, plan: &Plan, chunk: &Chunk, states: &[State]) -> bool {
        let given_up = |id: ChunkId| {
            let beside = plan.chunk(id).is_some_and(Chunk::stands_beside_rows);
            beside && state(states, id) == State::Parked
        };
        chunk.after.iter().all(|after| match after {
            After::Stage(stage) => self.stages[*stage as usize] == 0,
            After::Entity(entity, stage) => !self.entities.contains_key(&(*entity, *stage)),
            After::Chunk(other) => state(states, *other) == State::Done || given_up(*other),
        })
    }
}

/// A ledger that forgot knows fewer chunks than there are; what it does not know is waiting.
fn state(states: &[State], chunk: ChunkId) -> State {
    states.get(chunk.index()).copied().unwrap_or(State::Waiting)
}

/// In the order of their ids.
fn released(plan: &Plan, states: &[State], open: &Open) -> Vec<ChunkId> {
    let waiting = plan.chunks.iter().filter(|c| state(states, c.id) == State::Waiting);
    waiting.filter(|c| open.allows(plan, c, states)).map(|c| c.id).collect()
}

/// In the order of their ids.
fn worn_out(plan: &Plan, known: Known<'_>) -> Vec<ChunkId> {
    let worn = |(chunk, tries): (&ChunkId, &u32)| {
        let ready = state(known.states, *chunk) == State::Ready;
        (ready && *tries >= plan.limits.attempts).then_some(*chunk)
    };
    known.attempts.iter().filter_map(worn).collect()
}

/// Tasks to ring for, as many as fit: the biggest first, so that none is left over for the end; an
/// index of a big entity before the ranges of small ones. Only reading back waits for all others.
/// What is released here is rung for here, so that a ledger that forgets between any two looks holds
/// nothing up. Of a million that are ready, only those that fit are put in order.
///
/// What was tried before comes first, and fits always: it had a slot, and the tasks that wait ahead
/// of the slots came after it.
fn rings(
    plan: &Plan,
    known: Known<'_>,
    worn: &[ChunkId],
    released: &[ChunkId],
    now: Instant,
) -> Vec<ChunkId> {
    let share = |id: ChunkId| match plan.chunk(id) {
        Some(chunk) if chunk.weight < known.small => 1,
        Some(_) | None => SMALL_SHARE,
    };
    let claimed =
        plan.chunks.iter().filter(|c| matches!(state(known.states, c.id), State::Claimed(_)));
    let waiting = known.rung.iter().filter(|(_, rung)| !rung.is_lost(now));
    let taken: usize = claimed.map(|c| share(c.id)).chain(waiting.map(|(id, _)| share(*id))).sum();
    let room = (known.window * SMALL_SHARE).saturating_sub(taken);
    let due = |id: &ChunkId| known.rung.get(id).is_none_or(|rung| rung.is_lost(now));
    let is_ready = |id: ChunkId| match state(known.states, id) {
        State::Ready => true,
        State::Waiting => released.binary_search(&id).is_ok(),
        State::Claimed(_) | State::Done | State::Parked => false,
    };
    if room == 0 && !known.attempts.keys().any(|id| is_ready(*id)) {
        return Vec::new();
    }
    let ready = plan.chunks.iter().filter(|c| is_ready(c.id));
    let mut ready: Vec<&Chunk> =
        ready.filter(|c| due(&c.id) && worn.binary_search(&c.id).is_err()).collect();
    let tried = |c: &Chunk| known.attempts.contains_key(&c.id);
    let order = |c: &&Chunk| {
        (!tried(c), c.stage == Stage::Verify, std::cmp::Reverse(c.weight), c.stage, c.id)
    };
    let again = ready.iter().filter(|c| tried(c)).count();
    // As many as fit if all were small.
    let most = room.max(again);
    if most < ready.len() {
        ready.select_nth_unstable_by_key(most, order);
        ready.truncate(most);
    }
    ready.sort_by_key(order);
    let mut taken = 0;
    let fits = |(at, chunk): &(usize, &Chunk)| {
        taken += share(chunk.id);
        *at < again || taken <= room.next_multiple_of(SMALL_SHARE)
    };
    ready.into_iter().enumerate().take_while(fits).map(|(_, chunk)| chunk.id).collect()
}

#[cfg(test)]
mod tests;
