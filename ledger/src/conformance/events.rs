//! Whoever watches, and whoever waits.

use std::time::Duration;

use protocol::event::{Event, Fact};
use protocol::id::{ChunkId, EntityId};
use protocol::{chunk, run};
use tokio::time::timeout;

use super::{Bench, PATIENCE, run};

fn leadership(epoch: u64) -> Fact {
    Fact::Run { state: run::State::Running, epoch }
}

fn moving() -> Fact {
    Fact::Moving { chunk: ChunkId(0), entity: EntityId(0), rows: 10, bytes: 100 }
}

fn numbers(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.sequence).collect()
}

/// Each part begins where the last one ended, and nothing is told twice.
pub async fn events_come_back_in_order_and_in_parts(bench: &Bench) {
    let mut published = Vec::new();
    for epoch in 1..=5 {
        published.push(bench.ledger.publish(run(1), leadership(epoch)).await.unwrap());
        bench.ledger.publish(run(2), leadership(epoch)).await.unwrap();
    }
    assert!(published.is_sorted() && published[0] >= 1);
    let first = bench.ledger.events(run(1), 0, 2).await.unwrap();
    let rest = bench.ledger.events(run(1), first[1].sequence, 100).await.unwrap();
    let all = [first, rest].concat();
    assert_eq!(numbers(&all), published);
    let facts: Vec<_> = all.into_iter().map(|event| event.fact).collect();
    assert_eq!(facts, (1..=5).map(leadership).collect::<Vec<_>>());
    let none = bench.ledger.events(run(1), published[4], 100).await.unwrap();
    assert!(none.is_empty());
}

/// Progress is for those who look at this moment.
pub async fn movements_reach_those_who_watch_and_are_not_kept(bench: &Bench) {
    let mut watcher = bench.ledger.subscribe();
    bench.ledger.publish(run(1), leadership(1)).await.unwrap();
    bench.ledger.publish(run(1), moving()).await.unwrap();
    bench.ledger.publish(run(1), leadership(2)).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(timeout(PATIENCE, watcher.recv()).await.unwrap().unwrap());
    }
    let facts: Vec<_> = seen.iter().map(|event| event.fact.clone()).collect();
    assert_eq!(facts, [leadership(1), moving(), leadership(2)]);
    assert!(numbers(&seen).is_sorted_by(|a, b| a < b), "no two events have one number");

    seen.remove(1);
    assert_eq!(bench.ledger.events(run(1), 0, 10).await.unwrap(), seen);
}

/// The first facts of a run come before its plan is stored, and opening it keeps them.
pub async fn events_need_no_open_run(bench: &Bench) {
    let first = bench.ledger.publish(run(1), leadership(1)).await.unwrap();
    assert_eq!(bench.ledger.checkpoints(run(1)).await.unwrap(), None);
    bench.ledger.open(run(1), 1).await.unwrap();
    let second = bench.ledger.publish(run(1), leadership(2)).await.unwrap();
    let events = bench.ledger.events(run(1), 0, 10).await.unwrap();
    assert_eq!(numbers(&events), [first, second]);
}

/// Nothing changed: the wait ends by its bound. Something changed: it ends then.
pub async fn a_wait_ends_with_a_change_or_with_its_time(bench: &Bench) {
    let run = bench.ready(1).await;
    bench.checkpoints().await;
    bench.ledger.wait(run, Duration::from_millis(1)).await;

    let wait = timeout(PATIENCE, bench.ledger.wait(run, PATIENCE * 2));
    let change = bench.ledger.record(run, ChunkId(0), chunk::Event::Receipt);
    let (waited, changed) = tokio::join!(biased; wait, change);
    assert!(changed.unwrap());
    waited.expect("the change ends the wait");
}

/// What changed between the look and the wait ends the wait at once.
pub async fn a_change_before_the_wait_is_not_missed(bench: &Bench) {
    let run = bench.ready(1).await;
    bench.checkpoints().await;
    bench.ledger.record(run, ChunkId(0), chunk::Event::Receipt).await.unwrap();
    let waited = timeout(PATIENCE, bench.ledger.wait(run, PATIENCE * 2)).await;
    waited.expect("the change came before the wait");
}

/// A change wakes everybody who waits for it.
pub async fn several_may_wait_for_one_change(bench: &Bench) {
    let run = bench.ready(1).await;
    bench.checkpoints().await;
    let wait = || timeout(PATIENCE, bench.ledger.wait(run, PATIENCE * 2));
    let change = bench.ledger.note(run, "report", "a.json");
    let (one, two, changed) = tokio::join!(biased; wait(), wait(), change);
    changed.unwrap();
    one.and(two).expect("both are woken");
}
