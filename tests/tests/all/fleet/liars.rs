//! Whoever writes to the ledger or the broker of a fleet lies about what may begin. It costs time: the
//! receipts say what is done, and a worker asks them.

use broker::{Broker as _, Task};
use endpoint::Target as _;
use endpoint::faulty::Op;
use ledger::Ledger as _;
use protocol::batch::Digest;
use protocol::chunk;
use protocol::id::{ChunkId, RunId};
use protocol::plan::{Plan, Stage};
use protocol::run::{State, Steering};

use super::house::House;

async fn plan(house: &House, run: RunId) -> Plan {
    house.target.home().await.unwrap().plan(run).await.unwrap()
}

fn ids(plan: &Plan, wanted: impl Fn(Stage) -> bool) -> Vec<ChunkId> {
    plan.chunks.iter().filter(|chunk| wanted(chunk.stage)).map(|chunk| chunk.id).collect()
}

/// What was read back is what was written, of each entity.
async fn is_verified(house: &House, run: RunId) {
    let plan = plan(house, run).await;
    let receipts = house.target.home().await.unwrap().receipts(run).await.unwrap();
    for entity in &plan.entities {
        let sum = |stage: Stage| {
            let of = |id: ChunkId| {
                plan.chunk(id).is_some_and(|c| c.entity == Some(entity.id) && c.stage == stage)
            };
            let written = receipts.iter().filter(|receipt| of(receipt.chunk));
            written.map(|receipt| receipt.written).fold(Digest::default(), Digest::and)
        };
        assert_eq!(sum(Stage::Copy), sum(Stage::Verify), "{}", entity.target);
    }
    house.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_releases_everything_at_once_begins_nothing_early() {
    let house = House::new();
    let run = house.submit().await;
    let plan = plan(&house, run).await;
    let held = house.of_target.hold(Op::Write);
    let _fleet = house.staffed(1, 3);
    held.arrived().await;
    let all = ids(&plan, |_| true);
    house.ledger.release(run, &all).await.unwrap();
    let copies = ids(&plan, |stage| stage <= Stage::Copy).len();
    // All but the one that is held are copied, and there is nothing left to begin but what is too early.
    house.until_it(async || house.done(run).await.len() + 1 >= copies).await;
    let waits = async || {
        let known = house.ledger.checkpoints(run).await.unwrap().unwrap();
        let verify = ids(&plan, |stage| stage == Stage::Verify);
        verify.iter().any(|id| known.states[id.index()] == chunk::State::Waiting)
    };
    house.until_it(waits).await;
    held.release();
    house.until(run, State::Complete).await;
    is_verified(&house, run).await;
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_says_of_unwritten_chunks_that_they_are_done_is_found_out() {
    let house = House::new();
    let run = house.submit().await;
    let plan = plan(&house, run).await;
    let held = house.of_target.hold(Op::Write);
    let _fleet = house.staffed(1, 2);
    held.arrived().await;
    house.ledger.restore(run, &ids(&plan, |stage| stage == Stage::Copy)).await.unwrap();
    held.release();
    house.until(run, State::Complete).await;
    is_verified(&house, run).await;
}

#[tokio::test(start_paused = true)]
async fn messages_for_later_chunks_begin_nothing_although_there_is_no_ledger_to_ask() {
    let house = House::new();
    house.ledger.away(true);
    let run = house.submit().await;
    let plan = plan(&house, run).await;
    let held = house.of_target.hold(Op::Write);
    let _fleet = house.staffed(1, 3);
    held.arrived().await;
    for chunk in ids(&plan, |stage| stage >= Stage::Finish) {
        house.broker.publish(Task::new(run, chunk, 1)).await.unwrap();
    }
    let copies = ids(&plan, |stage| stage <= Stage::Copy).len();
    house.until_it(async || house.done(run).await.len() + 1 >= copies).await;
    let early = ids(&plan, |stage| stage == Stage::Verify);
    let done = house.done(run).await;
    held.release();
    house.until(run, State::Complete).await;
    is_verified(&house, run).await;
    // The other table is whole, and may be read back; the one that is held may not.
    assert!(!early.iter().all(|chunk| done.contains(chunk)), "{done:?}");
}

/// Prepare empties what stands there; rows that were written before would be lost.
#[tokio::test(start_paused = true)]
async fn messages_for_everything_before_anything_is_prepared_lose_no_row() {
    let house = House::new();
    let run = house.submit_with(Steering::default()).await;
    let plan = plan(&house, run).await;
    for chunk in ids(&plan, |_| true).into_iter().rev() {
        house.broker.publish(Task::new(run, chunk, 1)).await.unwrap();
    }
    house.ledger.away(true);
    let _fleet = house.staffed(1, 2);
    house.until(run, State::Complete).await;
    is_verified(&house, run).await;
}
