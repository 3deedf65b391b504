//! What is remembered, what is not, and what follows from that.

use std::collections::BTreeMap;

use protocol::chunk::{Event, State};
use protocol::event::Fact;
use protocol::id::ChunkId;
use protocol::run;

use super::{Bench, TTL, attempt, run, worker};
use crate::{Claim, Hold};

/// The second leader finds what the first one left.
pub async fn a_run_is_unknown_once(bench: &Bench) {
    assert_eq!(bench.ledger.checkpoints(run(1)).await.unwrap(), None);
    assert!(bench.ledger.open(run(1), 3).await.unwrap());
    assert_eq!(bench.checkpoints().await.states, [State::Waiting; 3]);
    bench.ledger.record(run(1), ChunkId(2), Event::Receipt).await.unwrap();
    assert!(!bench.ledger.open(run(1), 3).await.unwrap());
    assert_eq!(bench.state(2).await, State::Done);
}

/// A plan never changes, so a memory that does not fit it is worth nothing.
pub async fn a_memory_of_another_plan_is_thrown_away(bench: &Bench) {
    let run = bench.ready(3).await;
    assert!(bench.ledger.open(run, 2).await.unwrap());
    assert_eq!(bench.checkpoints().await.states, [State::Waiting; 2]);
}

/// A ledger that knows nothing says so, and keeps nobody from working.
pub async fn what_is_unknown_stays_unknown(bench: &Bench) {
    let ledger = &bench.ledger;
    let chunk = ChunkId(0);
    ledger.restore(run(1), &[chunk]).await.unwrap();
    ledger.release(run(1), &[chunk]).await.unwrap();
    assert_eq!(bench.claim(0, 1).await, Claim::Unknown);
    assert_eq!(ledger.renew(run(1), chunk, attempt(1), TTL).await.unwrap(), Hold::Unknown);
    assert!(!ledger.record(run(1), chunk, Event::Receipt).await.unwrap());
    assert!(!ledger.hand_back(run(1), chunk, attempt(1)).await.unwrap());
    assert!(ledger.reap(run(1)).await.unwrap().is_empty());
    assert!(ledger.lapse_all(run(1)).await.unwrap().is_empty());
    assert_eq!(ledger.checkpoints(run(1)).await.unwrap(), None);
    ledger.forget(run(1)).await.unwrap();

    bench.ready(1).await;
    ledger.restore(run(1), &[ChunkId(7)]).await.unwrap();
    ledger.release(run(1), &[ChunkId(7)]).await.unwrap();
    assert!(!ledger.record(run(1), ChunkId(7), Event::Receipt).await.unwrap());
    assert_eq!(bench.checkpoints().await.states, [State::Ready]);
}

/// Chunk 0 of one run is not chunk 0 of another.
pub async fn two_runs_do_not_see_each_other(bench: &Bench) {
    bench.ready(1).await;
    bench.ledger.open(run(2), 1).await.unwrap();
    bench.ledger.record(run(2), ChunkId(0), Event::Receipt).await.unwrap();
    assert_eq!(bench.state(0).await, State::Ready);
    bench.ledger.forget(run(2)).await.unwrap();
    assert_eq!(bench.claim(0, 1).await, Claim::Claimed { tries: 1 });
}

/// Rebuilding is telling the receipts, any number of times.
pub async fn rebuilding_may_be_repeated(bench: &Bench) {
    let run = bench.ready(3).await;
    bench.claim(1, 1).await;
    for _ in 0..3 {
        bench.ledger.restore(run, &[ChunkId(0), ChunkId(2)]).await.unwrap();
    }
    let states = [State::Done, State::Claimed(attempt(1)), State::Done];
    assert_eq!(bench.checkpoints().await.states, states);
}

/// Nothing of a forgotten run is left, whatever it was.
pub async fn forgetting_leaves_nothing(bench: &Bench) {
    let run = bench.ready(2).await;
    bench.claim(0, 1).await;
    bench.ledger.publish(run, Fact::Run { state: run::State::Running, epoch: 1 }).await.unwrap();
    bench.ledger.note(run, "report", "report.json").await.unwrap();
    bench.ledger.forget(run).await.unwrap();

    assert_eq!(bench.ledger.checkpoints(run).await.unwrap(), None);
    assert!(bench.ledger.events(run, 0, 10).await.unwrap().is_empty());
    assert!(bench.ledger.notes(run).await.unwrap().is_empty());
    assert!(bench.ledger.runs().await.unwrap().is_empty());
    assert!(bench.ledger.open(run, 2).await.unwrap());
    assert_eq!(bench.checkpoints().await.states, [State::Waiting; 2]);
}

/// A wiped ledger costs time and nothing else: whoever was at work goes on and is done.
pub async fn a_forgotten_run_is_rebuilt_from_receipts(bench: &Bench) {
    let run = bench.ready(3).await;
    bench.ledger.record(run, ChunkId(0), Event::Receipt).await.unwrap();
    bench.claim(1, 1).await;
    bench.ledger.forget(run).await.unwrap();

    let hold = bench.ledger.renew(run, ChunkId(1), attempt(1), TTL).await.unwrap();
    assert_eq!(hold, Hold::Unknown);
    assert!(bench.ledger.open(run, 3).await.unwrap());
    bench.ledger.restore(run, &[ChunkId(0)]).await.unwrap();
    assert!(bench.ledger.record(run, ChunkId(1), Event::Receipt).await.unwrap());
    assert_eq!(bench.checkpoints().await.states, [State::Done, State::Done, State::Waiting]);

    let claim = bench.ledger.claim(run, ChunkId(1), attempt(2), &worker("late"), TTL).await;
    assert_eq!(claim.unwrap(), Claim::Done);
}

/// A note replaces the one of the same key.
pub async fn notes_are_kept_by_key(bench: &Bench) {
    bench.ledger.note(run(1), "command", "longhaul run").await.unwrap();
    bench.ledger.note(run(1), "report", "a.json").await.unwrap();
    bench.ledger.note(run(1), "report", "b.json").await.unwrap();
    bench.ledger.note(run(2), "report", "c.json").await.unwrap();
    let notes = [("command", "longhaul run"), ("report", "b.json")];
    let notes = BTreeMap::from(notes.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(bench.ledger.notes(run(1)).await.unwrap(), notes);
}

/// Whatever is known of a run, it is listed once.
pub async fn runs_are_listed_latest_first(bench: &Bench) {
    bench.ledger.open(run(1), 1).await.unwrap();
    bench.ledger.note(run(3), "report", "a.json").await.unwrap();
    let fact = Fact::Run { state: run::State::Running, epoch: 1 };
    bench.ledger.publish(run(2), fact.clone()).await.unwrap();
    bench.ledger.publish(run(1), fact).await.unwrap();
    assert_eq!(bench.ledger.runs().await.unwrap(), [run(3), run(2), run(1)]);
}
