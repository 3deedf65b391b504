//! What may go wrong around a fleet, and costs only time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use broker::Broker;
use endpoint::faulty::{Held, Op};
use endpoint::{Memory, Target};
use ledger::{Ledger, Mood, Operation};
use protocol::fault::Code;
use protocol::history::last_paused;
use protocol::plan::Stage;
use protocol::run::{State, Steering};
use protocol::schema::Logical;
use tokio::time::Instant;

use super::house::House;

#[tokio::test(start_paused = true)]
async fn without_a_ledger_the_run_finishes_all_the_same() {
    let house = House::new();
    house.ledger.away(true);
    let run = house.submit().await;
    let _fleet = house.staffed(2, 3);
    house.until(run, State::Complete).await;
    house.assert_equal();
}

/// Nobody tells that a chunk is done then, and with few tasks outstanding each must be noticed soon.
#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_away_costs_next_to_nothing_per_chunk() {
    let house = House::new();
    house.ledger.away(true);
    let run = house.submit_with(Steering { slots: Some(1), ..Steering::default() }).await;
    let _fleet = house.staffed(1, 2);
    house.until_it(async || !house.done(run).await.is_empty()).await;
    let (began, before) = (Instant::now(), house.done(run).await.len());
    house.until(run, State::Complete).await;
    // How many were done by the first look is chance.
    let all = house.done(run).await.len();
    let chunks = u32::try_from(all - before).unwrap().max(1);
    let each = began.elapsed() / chunks;
    assert!(all > 10 && each < Duration::from_millis(150), "{chunks} of {all}, {each:?} each");
}

/// Whoever took a second task for it would wait for the first one's receipt, in a slot that others need.
#[tokio::test(start_paused = true)]
async fn without_a_ledger_a_slow_chunk_is_not_rung_for_again_while_somebody_is_at_it() {
    let mut house = House::new();
    house.ledger.away(true);
    let deliveries = Arc::new(AtomicU32::new(0));
    let counts = deliveries.clone();
    house.probe = Arc::new(move |point| {
        if point == worker::Point::Delivered {
            counts.fetch_add(1, Ordering::SeqCst);
        }
    });
    let run = house.submit().await;
    let held = house.of_target.hold(Op::Write);
    let _fleet = house.staffed(1, 3);
    held.arrived().await;
    let plan = house.target.home().await.unwrap().plan(run).await.unwrap();
    let copies = plan.chunks.iter().filter(|chunk| chunk.stage <= Stage::Copy).count();
    house.until_it(async || house.done(run).await.len() + 1 >= copies).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let before = deliveries.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(deliveries.load(Ordering::SeqCst), before, "somebody is at it");
    held.release();
    house.until(run, State::Complete).await;
    house.assert_equal();
}

/// Found by whoever looks later, and without a ledger.
#[tokio::test(start_paused = true)]
async fn a_run_that_paused_itself_says_why_in_its_target() {
    let house = House::new();
    // Until somebody makes room, which nobody does.
    for _ in 0..100 {
        house.of_target.refuse(Op::Write, Code::Full);
    }
    let run = house.submit().await;
    let _fleet = house.staffed(1, 1);
    house.until(run, State::Paused).await;
    let history = async || house.target.home().await.unwrap().history(run).await.unwrap();
    house.until_it(async || last_paused(&history().await).is_some()).await;
    let history = history().await;
    let (entry, why) = last_paused(&history).unwrap();
    let why = why.unwrap();
    assert_eq!((why.code.as_str(), entry.by.pid), ("full", std::process::id()));
    assert!(why.advice.contains("longhaul resume"), "{why:?}");
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_forgets_before_every_look_holds_nothing_up() {
    let house = House::new();
    house.ledger.script(Operation::Reap, std::iter::repeat_n(Mood::Forget, 100_000));
    let run = house.submit().await;
    let _fleet = house.staffed(1, 3);
    house.until(run, State::Complete).await;
    house.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_goes_and_comes_back_is_told_what_it_missed() {
    let house = House::new();
    let run = house.submit().await;
    let held = house.of_target.hold(endpoint::faulty::Op::Finish);
    let _fleet = house.staffed(1, 2);
    held.arrived().await;
    house.ledger.away(true);
    held.release();
    house.until_it(async || house.done(run).await.len() > 5).await;
    house.ledger.away(false);
    house.until(run, State::Complete).await;
    house.assert_equal();
    let known = house.ledger.checkpoints(run).await.unwrap().unwrap();
    let done = |state: &protocol::chunk::State| *state == protocol::chunk::State::Done;
    assert!(known.states.iter().all(done), "{:?}", known.states);
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_takes_no_writes_holds_nothing_up() {
    let house = House::new();
    for operation in [Operation::Release, Operation::Open, Operation::Restore] {
        house.ledger.script(operation, std::iter::repeat_n(Mood::Refuse, 100_000));
    }
    let run = house.submit().await;
    let _fleet = house.staffed(1, 2);
    house.until(run, State::Complete).await;
    house.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn the_chunk_of_a_worker_that_died_soon_runs_elsewhere() {
    let house = House::new();
    let run = house.submit().await;
    let held = house.of_target.hold(endpoint::faulty::Op::Write);
    let _leader = house.coordinator("leader");
    let worker = house.worker("dying", 1);
    held.arrived().await;
    let _other = house.worker("living", 1);
    let died = tokio::time::Instant::now();
    worker.kill().await;
    house.until(run, State::Complete).await;
    house.assert_equal();
    assert!(died.elapsed().as_secs() < 10, "{:?}", died.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_chunk_of_a_worker_that_died_goes_before_those_that_wait() {
    let house = House::new();
    let run = house.submit().await;
    let _leader = house.coordinator("leader");
    let held = house.of_target.hold(endpoint::faulty::Op::Finish);
    let worker = house.worker("first", 1);
    held.arrived().await;
    worker.kill().await;
    // What it had in hand comes back, is claimed still, and is put away as by whoever comes next.
    let sooner = async {
        loop {
            let delivery = house.broker.next().await.unwrap().unwrap();
            let (task, usual) = (*delivery.task(), Steering::default().priority);
            if task.priority > usual {
                return (task.run, task.priority - usual);
            }
            delivery.settle().await.unwrap();
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(30), sooner).await.unwrap(), (run, 1));
}

/// No worker knows what the others are about to commit, and the home is asked every two seconds only.
#[tokio::test(start_paused = true)]
async fn the_limit_of_rejects_holds_over_workers_that_commit_at_the_same_time() {
    let mut house = House::new();
    // Room for the names of the first ten rows alone: each other chunk has ten rejects.
    let columns =
        [("id", Logical::Integer { bits: 64 }), ("name", Logical::Text { length: Some(6) })];
    house.target = Memory::new("new").with_table(Memory::table("pupil", &columns, &["id"]), &[]);
    house.migration.limits.rejects = 25;
    let run = house.submit().await;
    let held = [(); 5].map(|()| house.of_target.hold(Op::Reject));
    let _leader = house.coordinator("leader");
    let _workers: Vec<_> = (0..8).map(|i| house.worker(&format!("worker {i}"), 1)).collect();
    for one in &held {
        one.arrived().await;
    }
    held.into_iter().for_each(Held::release);
    house.until_it(async || house.found(run, "parked").await).await;
    let mut home = house.target.home().await.unwrap();
    let rejected = home.rejected(run).await.unwrap();
    let kept = rejected.values().sum::<u64>();
    assert!((20..=25).contains(&kept), "{rejected:?}");
    assert_eq!(home.rejects(run, 1000).await.unwrap().len() as u64, kept);
    assert!(house.faulted(run, "reject-limit").await);
    // Whoever allows more lets the others in.
    home.steer(run, &Steering { retries: 1, rejects: Some(85), ..Steering::default() })
        .await
        .unwrap();
    house.until(run, State::Complete).await;
    assert_eq!(home.rejected(run).await.unwrap().values().sum::<u64>(), 85);
}
