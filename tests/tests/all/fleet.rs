//! Coordinators and workers of a fleet in one process, around a broker and a ledger in memory, with
//! time that passes at once.

mod bulkheads;
mod house;
mod liars;
mod mishaps;
mod postgres;
mod shares;
mod steering;

use endpoint::faulty::{Held, Op};
use protocol::event::Change;
use protocol::fault::Code;
use protocol::id::RunId;
use protocol::mapping::Consistency;
use protocol::run::State;

use house::{House, Role};

/// A run whose first chunk is being written, and waits to be.
struct Writing {
    run: RunId,
    held: Held,
    leader: Role,
    worker: Role,
}

impl Writing {
    async fn begin(house: &House) -> Self {
        let run = house.submit().await;
        let held = house.of_target.hold(Op::Write);
        let (leader, worker) = (house.coordinator("leader"), house.worker("worker", 1));
        held.arrived().await;
        Self { run, held, leader, worker }
    }
}

#[tokio::test(start_paused = true)]
async fn two_coordinators_and_three_workers_finish_a_run() {
    let house = House::new();
    let run = house.submit().await;
    let _fleet = house.staffed(2, 3);
    house.until(run, State::Complete).await;
    house.assert_equal();
    assert_eq!(house.record(run).await.epoch, 1, "one led, and the other stood by");
}

#[tokio::test(start_paused = true)]
async fn two_runs_share_the_slots_of_one_worker() {
    let (one, other) = (House::new(), House::new());
    let other = other.beside(&one);
    let runs = [one.submit().await, other.submit().await];
    let _fleet = one.staffed(1, 1);
    one.until(runs[0], State::Complete).await;
    other.until(runs[1], State::Complete).await;
    one.assert_equal();
    other.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn when_the_leader_is_gone_another_takes_over_and_a_new_moment_is_joined() {
    let house = House::new();
    let Writing { run, held, leader, worker: _worker } = Writing::begin(&house).await;
    // Workers read what the leader holds: it ends with the leader.
    leader.kill().await;
    let _second = house.coordinator("second");
    held.release();
    house.until(run, State::Complete).await;
    house.assert_equal();
    let record = house.record(run).await;
    assert_eq!((record.epoch, record.drifted), (2, false));
    assert_eq!((record.leader_changes(), record.resumes()), (1, 0), "nobody resumed it");
}

/// A lock that was not granted, a connection that broke: it tries again at once, and by then somebody
/// else may lead.
#[tokio::test(start_paused = true)]
async fn who_could_not_begin_to_lead_leaves_it_to_whoever_came_meanwhile() {
    let house = House::new();
    let run = house.submit().await;
    house.of_target.refuse(Op::Lead, Code::Busy).pass(Op::Plan);
    let tries_again = house.of_target.hold(Op::Plan);
    let _first = house.coordinator("first");
    tries_again.arrived().await;
    let _second = house.coordinator("second");
    house.until_it(async || house.record(run).await.epoch == 1).await;
    tries_again.release();
    let _worker = house.worker("worker", 1);
    house.until(run, State::Complete).await;
    house.assert_equal();
    assert_eq!(house.record(run).await.epoch, 1, "nobody resumed what went on");
}

/// The answer to who raised the epoch is lost, and nobody leads: it is noticed before a silent leader
/// would be.
#[tokio::test(start_paused = true)]
async fn who_does_not_know_whether_it_leads_finds_out() {
    let house = House::new();
    let run = house.submit().await;
    house.of_target.do_then_fail(Op::Lead, Code::Unreachable);
    let _leader = house.coordinator("leader");
    let _worker = house.worker("worker", 1);
    let began = tokio::time::Instant::now();
    house.until_it(async || !house.done(run).await.is_empty()).await;
    let took = began.elapsed().as_millis();
    assert!(took < u128::from(coordinator::SILENT_MS), "{took} ms");
    house.until(run, State::Complete).await;
    house.assert_equal();
}

/// It waits then for beats of somebody else.
#[tokio::test(start_paused = true)]
async fn who_is_told_to_stop_does_not_wait_to_find_out_whether_it_leads() {
    let house = House::new();
    house.submit().await;
    house.of_target.do_then_fail(Op::Lead, Code::Unreachable).pass(Op::Plan);
    let tries_again = house.of_target.hold(Op::Plan);
    let leader = house.coordinator("leader");
    tries_again.arrived().await;
    leader.stop.send_replace(true);
    let began = tokio::time::Instant::now();
    tries_again.release();
    leader.ended().await;
    assert!(began.elapsed().as_millis() < 1_000, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_is_told_to_stop_does_not_wait_to_look_again() {
    const LOOKS: u32 = 8;
    let house = House::new();
    house.submit().await;
    for _ in 0..LOOKS {
        house.of_target.refuse(Op::Change, Code::Unreachable);
    }
    let (leader, _worker) = (house.coordinator("leader"), house.worker("worker", 4));
    // By now it waits for ten seconds before it asks again.
    house.until_it(async || house.of_target.is_over()).await;
    leader.stop.send_replace(true);
    let began = tokio::time::Instant::now();
    leader.ended().await;
    assert!(began.elapsed().as_millis() < 1_000, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_chunk_that_found_nothing_held_for_long_is_given_back_and_not_left_to_a_person() {
    let house = House::new();
    let Writing { run, held, leader, worker: _worker } = Writing::begin(&house).await;
    leader.kill().await;
    held.release();
    house.until_it(async || house.faulted(run, "snapshot-lost").await).await;
    let _second = house.coordinator("second");
    house.until(run, State::Complete).await;
    house.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn when_the_source_changed_while_nobody_held_it_the_run_is_paused_and_says_why() {
    let house = House::new();
    let Writing { run, held, leader, worker: _worker } = Writing::begin(&house).await;
    leader.kill().await;
    house.somebody_writes();
    held.release();
    let _second = house.coordinator("second");
    house.until(run, State::Paused).await;
    assert!(house.found(run, "snapshot-lost").await);
}

#[tokio::test(start_paused = true)]
async fn who_writes_while_a_fleet_copies_is_not_seen() {
    let house = House::new();
    let run = house.submit().await;
    let held = house.of_target.hold(Op::Write);
    let _fleet = house.staffed(1, 3);
    held.arrived().await;
    house.somebody_writes();
    held.release();
    house.until(run, State::Complete).await;
    assert_eq!(house.rows_of_target(), house::ROWS + house::SAME);
}

#[tokio::test(start_paused = true)]
async fn a_worker_told_to_stop_lets_chunks_in_hand_end() {
    let house = House::new();
    let Writing { run, held, leader: _leader, worker } = Writing::begin(&house).await;
    worker.stop.send_replace(true);
    held.release();
    worker.ended().await;
    assert!(!house.done(run).await.is_empty());
    let _other = house.worker("staying", 2);
    house.until(run, State::Complete).await;
    house.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_grace_is_over_gives_back_what_it_has() {
    let mut house = House::new();
    house.migration.consistency = Consistency::Drifting;
    let Writing { run, held, leader: _leader, worker } = Writing::begin(&house).await;
    worker.stop.send_replace(true);
    // It ends although its chunk never does.
    worker.ended().await;
    held.release();
    let _other = house.worker("staying", 2);
    house.until(run, State::Complete).await;
    house.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn watchers_are_told_which_workers_came_went_and_were_lost() {
    let house = House::new();
    let run = house.submit().await;
    let held = house.of_target.hold(Op::Write);
    let _leader = house.coordinator("leader");
    let _staying = house.worker("staying", 1);
    held.arrived().await;
    let (leaving, dying) = (house.worker("leaving", 2), house.worker("dying", 1));
    for name in ["staying", "leaving", "dying"] {
        house.until_it(async || house.became(run, name).await == [Change::Came]).await;
    }
    dying.kill().await;
    leaving.stop.send_replace(true);
    leaving.ended().await;
    house.until_it(async || house.became(run, "leaving").await.ends_with(&[Change::Went])).await;
    house.until_it(async || house.became(run, "dying").await == [Change::Came, Change::Lost]).await;
    assert_eq!(house.became(run, "staying").await, [Change::Came]);
    held.release();
    house.until(run, State::Complete).await;
    house.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_worker_lost_while_nobody_led_is_told_by_the_next_leader_who_greets_nobody_again() {
    let house = House::new();
    let Writing { run, held, leader, worker } = Writing::begin(&house).await;
    // The run is not over before it is noticed who is gone.
    let also_held = house.of_target.hold(Op::Write);
    let _staying = house.worker("staying", 1);
    also_held.arrived().await;
    for name in ["worker", "staying"] {
        house.until_it(async || house.became(run, name).await == [Change::Came]).await;
    }
    // What was told is noted a moment after it was told.
    house.until_it(async || house.noted(run, "staff").await.contains("staying")).await;
    leader.kill().await;
    worker.kill().await;
    let silent = |ago: Option<u64>| ago.is_some_and(|ago| ago > coordinator::SILENT_MS);
    house.until_it(async || silent(house.record(run).await.led_ms_ago)).await;
    let _second = house.coordinator("second");
    house.until_it(async || house.became(run, "worker").await.ends_with(&[Change::Lost])).await;
    held.release();
    also_held.release();
    house.until(run, State::Complete).await;
    assert_eq!(house.became(run, "worker").await, [Change::Came, Change::Lost]);
    assert_eq!(house.became(run, "staying").await, [Change::Came]);
}
