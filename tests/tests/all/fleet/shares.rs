//! What a fleet shares beyond one worker: connections and rates of an environment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use endpoint::faulty::{Held, Op};
use ledger::{Mood, Operation};
use protocol::id::Environment;
use protocol::run::State;
use worker::{Place, Point};

use super::house::{House, ROWS, SAME};

/// What the target's environment allows; nothing said is no limit.
fn place() -> Place {
    Place {
        environment: Environment("new".into()),
        connections_max: None,
        rows_per_second: None,
        bytes_per_second: None,
    }
}

/// Transactions that are open in the target at once, and the most that ever were.
#[derive(Default)]
struct Open {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Open {
    fn counted(house: &mut House) -> Arc<Self> {
        let open = Arc::new(Self::default());
        let counts = open.clone();
        house.probe = Arc::new(move |point| match point {
            Point::Begun => {
                let now = counts.now.fetch_add(1, Ordering::SeqCst) + 1;
                counts.most.fetch_max(now, Ordering::SeqCst);
            }
            Point::Committed => {
                counts.now.fetch_sub(1, Ordering::SeqCst);
            }
            Point::Delivered
            | Point::Claimed
            | Point::Read
            | Point::Wrote
            | Point::Finished
            | Point::Stepped
            | Point::Completed
            | Point::Recorded
            | Point::Settled => {}
        });
        open
    }
}

/// The most transactions that three workers with two slots each had open at once.
async fn most_at_once(connections_max: Option<u32>) -> usize {
    let mut house = House::new();
    house.places = vec![Place { connections_max, ..place() }];
    let open = Open::counted(&mut house);
    let run = house.submit().await;
    let held = [(); 3].map(|()| house.of_target.hold(Op::Finish));
    let _fleet = house.staffed(1, 3);
    held[0].arrived().await;
    // Whoever has a connection stays in it meanwhile; the others come as far as they may.
    tokio::time::sleep(Duration::from_secs(1)).await;
    held.into_iter().for_each(Held::release);
    house.until(run, State::Complete).await;
    house.assert_equal();
    open.most.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn workers_together_hold_no_more_connections_than_an_environment_has_room_for() {
    assert_eq!(most_at_once(Some(1)).await, 1);
    assert_eq!(most_at_once(Some(2)).await, 2);
    assert!(most_at_once(None).await > 2, "nobody counts where nothing is said");
}

#[tokio::test(start_paused = true)]
async fn a_permit_of_a_worker_that_died_comes_back_by_time() {
    let mut house = House::new();
    house.places = vec![Place { connections_max: Some(1), ..place() }];
    let run = house.submit().await;
    let held = house.of_target.hold(Op::Write);
    let _leader = house.coordinator("leader");
    let dying = house.worker("dying", 1);
    held.arrived().await;
    dying.kill().await;
    let _living = house.worker("living", 2);
    house.until(run, State::Complete).await;
    house.assert_equal();
}

/// How long a run takes that three workers share.
async fn takes(house: &House) -> Duration {
    let began = tokio::time::Instant::now();
    let run = house.submit().await;
    let _fleet = house.staffed(1, 3);
    house.until(run, State::Complete).await;
    house.assert_equal();
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn the_rate_of_an_environment_holds_over_all_workers() {
    let mut house = House::new();
    house.places = vec![Place { rows_per_second: Some(5), ..place() }];
    // The first second's worth comes at once.
    let least = Duration::from_secs((ROWS + SAME) as u64 / 5 - 2);
    let took = takes(&house).await;
    assert!(took >= least, "{took:?}");
    let free = takes(&House::new()).await;
    assert!(free < least, "{free:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_ledger_nobody_waits_for_a_permit() {
    let mut house = House::new();
    house.places = vec![Place { connections_max: Some(1), ..place() }];
    house.ledger.script(Operation::Enter, std::iter::repeat_n(Mood::Refuse, 100_000));
    let run = house.submit().await;
    let _fleet = house.staffed(1, 3);
    house.until(run, State::Complete).await;
    house.assert_equal();
}

/// One worker has the whole rate, and not a part as if there were many.
#[tokio::test(start_paused = true)]
async fn without_a_ledger_a_rate_is_shared_among_those_who_are_at_the_run() {
    let mut house = House::new();
    house.migration.limits.rows_per_second = Some(20);
    house.ledger.away(true);
    let run = house.submit().await;
    let began = tokio::time::Instant::now();
    let _fleet = house.staffed(1, 1);
    house.until(run, State::Complete).await;
    house.assert_equal();
    // 135 rows, of which one second's worth is free; a part of 32 would take over a minute.
    let took = began.elapsed().as_secs();
    assert!((5..25).contains(&took), "{took} s");
}
