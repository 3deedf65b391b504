//! Who is there, how fast they may go together, and how many may be in a place.

use std::time::Duration;

use protocol::clock::Instant;
use protocol::event::Fact;
use protocol::id::{ChunkId, Environment};
use protocol::presence::{Busy, Presence, Role};

use super::{Bench, TTL, run, worker};

const SECOND: Duration = Duration::from_secs(1);

/// What a real clock may add between two calls.
const SLACK: Duration = Duration::from_millis(500);

fn presence(name: &str) -> Presence {
    Presence {
        id: worker(name),
        role: Role::Worker,
        host: "here".into(),
        pid: 1,
        version: "0.1.0".into(),
        protocol: 1,
        slots: 4,
        since: Instant(1_000_000),
        on: vec![Busy { run: run(1), chunk: ChunkId(3), since: Instant(2_000_000) }],
        leads: vec![],
        draining: false,
        trouble: None,
        left: false,
        knows: Some(vec![Environment("prod".into())]),
    }
}

impl Bench {
    async fn presences(&self) -> Vec<Presence> {
        self.ledger.presences().await.unwrap()
    }

    async fn admit(&self, bucket: &str, per_second: u64, amount: u64) -> Duration {
        self.ledger.admit(bucket, per_second, amount).await.unwrap()
    }

    async fn enter(&self, max: u32, holder: &str) -> bool {
        self.ledger.enter("prod", max, holder, TTL).await.unwrap()
    }
}

/// A presence lasts as long as it is renewed, and says what was said last.
pub async fn whoever_is_there_says_so_again_and_again(bench: &Bench) {
    assert!(bench.presences().await.is_empty());
    bench.ledger.present(&presence("b"), TTL).await.unwrap();
    bench.ledger.present(&presence("a"), TTL).await.unwrap();
    assert_eq!(bench.presences().await, [presence("a"), presence("b")]);

    bench.time.pass(TTL / 2).await;
    let draining = Presence { draining: true, on: vec![], ..presence("a") };
    bench.ledger.present(&draining, TTL).await.unwrap();
    bench.time.pass(TTL / 2).await;
    assert_eq!(bench.presences().await, [draining]);
}

/// Leaving needs no time to be seen, and no presence.
pub async fn whoever_leaves_is_gone_at_once(bench: &Bench) {
    bench.ledger.present(&presence("a"), TTL).await.unwrap();
    bench.ledger.leave(&worker("a")).await.unwrap();
    bench.ledger.leave(&worker("nobody")).await.unwrap();
    assert!(bench.presences().await.is_empty());
}

/// One second's worth at once; then each waits for what those before it took.
pub async fn a_bucket_gives_what_flows_into_it(bench: &Bench) {
    assert_eq!(bench.admit("rows", 100, 60).await, Duration::ZERO);
    assert_eq!(bench.admit("rows", 100, 40).await, Duration::ZERO);
    let wait = bench.admit("rows", 100, 200).await;
    assert!(wait <= 2 * SECOND && wait + SLACK >= 2 * SECOND, "{wait:?}");
    assert_eq!(bench.admit("other rows", 100, 100).await, Duration::ZERO);

    bench.time.pass(3 * SECOND).await;
    assert_eq!(bench.admit("rows", 100, 100).await, Duration::ZERO);
    bench.time.pass(60 * SECOND).await;
    let wait = bench.admit("rows", 100, 200).await;
    assert!(wait <= SECOND && wait + SLACK >= SECOND, "it does not save up: {wait:?}");
}

/// An operator who opens the tap is not kept waiting by what was taken before.
pub async fn a_changed_rate_holds_at_once(bench: &Bench) {
    bench.admit("rows", 10, 1_010).await;
    let wait = bench.admit("rows", 10, 0).await;
    assert!(wait + SLACK >= 100 * SECOND, "{wait:?}");
    assert_eq!(bench.admit("rows", 10_000, 1).await, Duration::ZERO);
    let wait = bench.admit("rows", 0, 0).await;
    assert!(wait > 900 * SECOND, "nothing per second counts as one: {wait:?}");
}

/// No more than so many are in a place; whoever is in it may stay.
pub async fn a_place_holds_no_more_than_it_may(bench: &Bench) {
    assert!(bench.enter(2, "a").await && bench.enter(2, "b").await);
    assert!(!bench.enter(2, "c").await);
    assert!(bench.enter(1, "a").await, "entering again is renewing");
    bench.ledger.depart("prod", "b").await.unwrap();
    assert!(!bench.enter(1, "c").await);
    assert!(bench.enter(2, "c").await);
    assert!(bench.ledger.enter("test", 1, "b", TTL).await.unwrap(), "places are apart");
    bench.ledger.depart("nowhere", "b").await.unwrap();
}

/// Whoever dies inside leaves by time.
pub async fn a_permit_that_is_not_renewed_ends(bench: &Bench) {
    assert!(bench.enter(2, "a").await && bench.enter(2, "b").await);
    bench.time.pass(TTL / 2).await;
    assert!(bench.enter(2, "a").await);
    bench.time.pass(TTL / 2).await;
    assert!(bench.enter(2, "c").await);
    assert!(!bench.enter(2, "b").await);
}

/// A position that the stream does not know is answered with a gap, and reading goes on.
pub async fn a_reader_of_a_stream_that_began_anew_hears_of_a_gap(bench: &Bench) {
    let fact = |epoch| Fact::Run { state: protocol::run::State::Running, epoch };
    for epoch in 1..=5 {
        bench.ledger.publish(run(1), fact(epoch)).await.unwrap();
    }
    let old = bench.ledger.events(run(1), 0, 10).await.unwrap();
    let position = old.last().unwrap().sequence;
    bench.ledger.forget(run(1)).await.unwrap();

    let gap = bench.ledger.events(run(1), position, 10).await.unwrap();
    assert_eq!(gap.len(), 1);
    assert_eq!(gap[0].fact, Fact::Gap { missed: None });
    bench.ledger.publish(run(1), fact(6)).await.unwrap();
    let mut seen = vec![];
    let mut after = position;
    while let Some(event) = bench.ledger.events(run(1), after, 1).await.unwrap().pop() {
        after = event.sequence;
        seen.push(event.fact);
    }
    assert_eq!(seen, [Fact::Gap { missed: None }, fact(6)]);
    assert!(bench.ledger.trouble().await.is_none());
}
