//! What operators can ask of a run while it runs.

use broker::Broker;
use endpoint::faulty::Op;
use endpoint::{Revision, Target};
use protocol::fault::Code;
use protocol::history::{Deed, Entry, Person};
use protocol::run::{Event, State, Steering};

use super::house::House;

#[tokio::test(start_paused = true)]
async fn a_paused_run_takes_no_new_chunks_and_goes_on_when_resumed() {
    let house = House::new();
    let slowly = Steering { rows_per_second: Some(5), ..Steering::default() };
    let run = house.submit_with(slowly).await;
    let held = house.of_target.hold(Op::Finish);
    let _fleet = house.staffed(2, 1);
    held.arrived().await;
    let mut home = house.target.home().await.unwrap();
    let pausing = home.change(run, Event::Paused, house.clock.now());
    let meanwhile = async { held.release() };
    tokio::join!(pausing, meanwhile).0.unwrap();
    // What was in hands, or about to be, ends.
    tokio::time::sleep(std::time::Duration::from_secs(20)).await;
    let before = house.done(run).await.len();
    // Long enough for everything, were it not paused.
    tokio::time::sleep(std::time::Duration::from_secs(120)).await;
    let after = house.done(run).await.len();
    assert_eq!(before, after);
    assert_eq!(house.record(run).await.state, State::Paused);
    assert_eq!(house.record(run).await.epoch, 1, "its leader stayed");
    home.change(run, Event::Resumed, house.clock.now()).await.unwrap();
    house.until(run, State::Complete).await;
    house.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_ends_and_the_fleet_goes_on_with_others() {
    let house = House::new();
    let run = house.submit().await;
    let held = house.of_target.hold(Op::Finish);
    let _fleet = house.staffed(1, 1);
    held.arrived().await;
    let mut home = house.target.home().await.unwrap();
    let cancelling = home.change(run, Event::Cancelled, house.clock.now());
    let meanwhile = async { held.release() };
    tokio::join!(cancelling, meanwhile).0.unwrap();
    let written = house.done(run).await;
    let other = House::new();
    assert_eq!(house.record(run).await.state, State::Cancelled);
    // The queue runs dry although nobody works on what is in it.
    house.until_it(async || house.broker.waiting() == 0).await;
    assert_eq!(house.done(run).await, written);
    let run = other.submit().await;
    let _fleet = other.staffed(1, 1);
    other.until(run, State::Complete).await;
}

#[tokio::test(start_paused = true)]
async fn parked_chunks_wait_for_a_retry_and_hold_up_only_what_depends_on_them() {
    let house = House::new();
    let run = house.submit().await;
    house.of_target.pass(Op::Write).refuse(Op::Write, Code::Refused);
    let _fleet = house.staffed(2, 2);
    house.until_it(async || house.found(run, "parked").await).await;
    assert_eq!(house.record(run).await.state, State::Running);
    let mut home = house.target.home().await.unwrap();
    home.steer(run, &Steering { retries: 1, ..Steering::default() }).await.unwrap();
    house.until(run, State::Complete).await;
    house.assert_equal();
    assert_eq!(house.record(run).await.epoch, 1, "its leader stayed");
}

/// Workers and leader knew the old plan; whatever they had in hand of it is fenced.
#[tokio::test(start_paused = true)]
async fn a_revised_run_goes_on_by_its_new_plan_with_the_same_workers() {
    let house = House::new();
    let slowly = Steering { rows_per_second: Some(5), ..Steering::default() };
    let run = house.submit_with(slowly).await;
    let _fleet = house.staffed(2, 1);
    house.until_it(async || house.done(run).await.len() > 1).await;
    let mut home = house.target.home().await.unwrap();
    home.change(run, Event::Paused, house.clock.now()).await.unwrap();
    let plan = home.plan(run).await.unwrap();
    let mut revised = plan.clone();
    revised.limits.rejects = 77;
    let (at, by) = (house.clock.now(), Person::default());
    let entry = Entry { at, by, deed: Deed::Revised { taken: vec!["limits.rejects".into()] } };
    let (changed, undone) = (Vec::new(), Vec::new());
    let of = plan.fingerprint();
    let revision = Revision { of, plan: revised.clone(), changed, undone, entry };
    home.revise(run, &revision).await.unwrap();
    home.change(run, Event::Resumed, house.clock.now()).await.unwrap();
    house.until(run, State::Complete).await;
    house.assert_equal();
    let record = house.record(run).await;
    assert_eq!(record.fingerprint, revised.fingerprint());
    assert!(record.epoch > 2, "another term began: {}", record.epoch);
}

#[tokio::test(start_paused = true)]
async fn no_more_chunks_are_outstanding_than_an_operator_allows() {
    let house = House::new();
    let run = house.submit_with(Steering { slots: Some(1), ..Steering::default() }).await;
    let _leader = house.coordinator("leader");
    house.until_it(async || house.broker.waiting() > 0).await;
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(house.broker.waiting(), 1);
    let _worker = house.worker("worker", 4);
    house.until(run, State::Complete).await;
    house.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_task_is_as_urgent_as_its_run() {
    let house = House::new();
    let run = house.submit_with(Steering { priority: 7, ..Steering::default() }).await;
    let _leader = house.coordinator("leader");
    let delivery = house.broker.next().await.unwrap().unwrap();
    assert_eq!((delivery.task().run, delivery.task().priority), (run, 7));
}

#[tokio::test(start_paused = true)]
async fn a_changed_rate_holds_for_a_run_that_is_under_way() {
    let house = House::new();
    let run = house.submit().await;
    let steering = Steering { rows_per_second: Some(10), ..Steering::default() };
    house.target.home().await.unwrap().steer(run, &steering).await.unwrap();
    let began = tokio::time::Instant::now();
    let _fleet = house.staffed(1, 2);
    house.until(run, State::Complete).await;
    house.assert_equal();
    // 135 rows at ten a second.
    assert!(began.elapsed().as_secs() >= 10, "{:?}", began.elapsed());
}
