//! For random histories: a ledger moves chunks as `protocol::chunk::State::on` says and in no
//! other way, whatever it keeps beside the states.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use protocol::chunk::{Event, State};
use protocol::id::{AttemptId, ChunkId, RunId, WorkerId};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::conformance::{SteppedClock, Time};
use crate::local::Local;
use crate::local::tests::Folder;
use crate::redis::tests::{Ahead, Fleet};
use crate::{Claim, Ledger, Memory};

const CHUNKS: u32 = 3;
const TTL: Duration = Duration::from_secs(30);

/// One thing that is done to a ledger.
#[derive(Debug, Clone, Copy)]
enum Act {
    Record(ChunkId, Event),
    Claim(ChunkId, AttemptId),
    HandBack(ChunkId, AttemptId),
    Reap,
    LapseAll,
    /// Time passes: half of what a claim lasts.
    Wait,
}

fn attempts() -> impl Strategy<Value = AttemptId> {
    (1u128..3).prop_map(|number| AttemptId(Uuid::from_u128(number)))
}

fn acts() -> impl Strategy<Value = Act> {
    // One more chunk than there is.
    let chunk = || (0..=CHUNKS).prop_map(ChunkId);
    let event = prop_oneof![
        3 => Just(Event::Released),
        3 => attempts().prop_map(Event::Claimed),
        2 => attempts().prop_map(Event::Lapsed),
        2 => attempts().prop_map(Event::Early),
        2 => attempts().prop_map(Event::Parked),
        1 => Just(Event::WornOut),
        1 => Just(Event::Receipt),
        2 => Just(Event::Reopened),
    ];
    prop_oneof![
        6 => (chunk(), event).prop_map(|(chunk, event)| Act::Record(chunk, event)),
        3 => (chunk(), attempts()).prop_map(|(chunk, attempt)| Act::Claim(chunk, attempt)),
        1 => (chunk(), attempts()).prop_map(|(chunk, attempt)| Act::HandBack(chunk, attempt)),
        1 => Just(Act::Reap),
        1 => Just(Act::LapseAll),
        1 => Just(Act::Wait),
    ]
}

/// What the table alone says, with the least that is needed beside it.
struct Table {
    states: Vec<State>,
    attempts: BTreeMap<ChunkId, u32>,
    /// Half lives that a claim still has; by [`Event::Claimed`] through `record` it has none.
    left: BTreeMap<ChunkId, u32>,
}

impl Table {
    fn on(&mut self, chunk: ChunkId, event: Event) -> bool {
        let Some(state) = self.states.get_mut(chunk.index()) else { return false };
        let Ok(to) = state.on(event) else { return false };
        let was_claimed = matches!(state, State::Claimed(_));
        *state = to;
        if !matches!(to, State::Claimed(_)) {
            self.left.remove(&chunk);
        }
        match event {
            Event::Lapsed(_) | Event::Parked(_) if was_claimed => {
                *self.attempts.entry(chunk).or_default() += 1;
            }
            Event::Reopened => {
                self.attempts.remove(&chunk);
            }
            Event::Claimed(_) => {
                self.left.insert(chunk, 0);
            }
            Event::Released
            | Event::Lapsed(_)
            | Event::Early(_)
            | Event::Parked(_)
            | Event::WornOut
            | Event::Receipt => {}
        }
        true
    }

    fn lapse(&mut self, chunk: ChunkId) {
        if let Some(State::Claimed(attempt)) = self.states.get(chunk.index()).copied() {
            self.on(chunk, Event::Lapsed(attempt));
        }
    }

    fn lapse_where(&mut self, over: impl Fn(u32) -> bool) -> Vec<ChunkId> {
        let chunks: Vec<_> =
            self.left.iter().filter(|(_, left)| over(**left)).map(|(chunk, _)| *chunk).collect();
        chunks.iter().for_each(|chunk| self.lapse(*chunk));
        chunks
    }

    fn claim(&mut self, chunk: ChunkId, attempt: AttemptId) -> bool {
        let state = self.states.get(chunk.index()).copied();
        if state != Some(State::Claimed(attempt)) {
            if self.left.get(&chunk) == Some(&0) {
                self.lapse(chunk);
            }
            if !self.on(chunk, Event::Claimed(attempt)) {
                return false;
            }
        }
        self.left.insert(chunk, 2);
        true
    }
}

async fn carry_out(act: Act, run: RunId, table: &mut Table, ledger: &dyn Ledger, time: &dyn Time) {
    match act {
        Act::Record(chunk, event) => {
            let moved = ledger.record(run, chunk, event).await.unwrap();
            assert_eq!(moved, table.on(chunk, event));
        }
        Act::Claim(chunk, attempt) => {
            let worker = WorkerId("w".into());
            let claim = ledger.claim(run, chunk, attempt, &worker, TTL).await.unwrap();
            let claimed = table.claim(chunk, attempt);
            assert_eq!(matches!(claim, Claim::Claimed { .. }), claimed, "{claim:?}");
        }
        Act::HandBack(chunk, attempt) => {
            let before = table.attempts.clone();
            let held = table.states.get(chunk.index()) == Some(&State::Claimed(attempt));
            if held {
                table.on(chunk, Event::Lapsed(attempt));
                table.attempts = before;
            }
            assert_eq!(ledger.hand_back(run, chunk, attempt).await.unwrap(), held);
        }
        Act::Reap => {
            assert_eq!(ledger.reap(run).await.unwrap(), table.lapse_where(|left| left == 0));
        }
        Act::LapseAll => {
            assert_eq!(ledger.lapse_all(run).await.unwrap(), table.lapse_where(|_| true));
        }
        Act::Wait => {
            time.pass(TTL / 2).await;
            table.left.values_mut().for_each(|left| *left = left.saturating_sub(1));
        }
    }
}

/// Carries out a history and compares after each act.
async fn agree(history: &[Act], run: RunId, ledger: &dyn Ledger, time: &dyn Time) {
    let waiting = vec![State::Waiting; CHUNKS as usize];
    let mut table = Table { states: waiting, attempts: BTreeMap::new(), left: BTreeMap::new() };
    ledger.open(run, CHUNKS).await.unwrap();
    for act in history {
        carry_out(*act, run, &mut table, ledger, time).await;
        let seen = ledger.checkpoints(run).await.unwrap().unwrap();
        assert_eq!(seen.states, table.states, "after {act:?}");
        assert_eq!(seen.attempts, table.attempts, "after {act:?}");
        assert!(seen.holders.keys().eq(table.left.keys()), "after {act:?}");
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn the_memory_moves_chunks_as_the_table_says() {
    let runtime = runtime();
    let history = prop::collection::vec(acts(), 0..40);
    proptest!(ProptestConfig::with_cases(300), |(history in history)| {
        let clock = Arc::new(SteppedClock::default());
        let ledger = Memory::new(clock.clone());
        runtime.block_on(agree(&history, RunId(Uuid::from_u128(1)), &ledger, &*clock));
    });
}

#[test]
fn the_file_says_what_the_memory_says() {
    let runtime = runtime();
    let folder = Folder::new();
    let clock = Arc::new(SteppedClock::default());
    let open = || runtime.block_on(Local::open(folder.path(), clock.clone())).unwrap();
    let (running, looking) = (open(), open());
    let history = prop::collection::vec(acts(), 0..40);
    proptest!(ProptestConfig::with_cases(100), |(history in history)| {
        let run = RunId(Uuid::new_v4());
        runtime.block_on(async {
            agree(&history, run, &running, &*clock).await;
            running.flush().await.unwrap();
            let written = looking.checkpoints(run).await.unwrap();
            assert_eq!(written, running.checkpoints(run).await.unwrap());
        });
    });
}

#[test]
fn redis_moves_chunks_as_the_table_says() {
    let runtime = runtime();
    let fleet = Fleet::new();
    let ledger = Arc::new(runtime.block_on(fleet.ledger()));
    let time = Ahead(ledger.clone());
    let history = prop::collection::vec(acts(), 0..40);
    proptest!(ProptestConfig::with_cases(150), |(history in history)| {
        runtime.block_on(agree(&history, RunId(Uuid::new_v4()), &*ledger, &time));
    });
}
