//! What a review of the protocol found, in the world of [`super`].

use protocol::chunk;
use protocol::plan::Stage;
use protocol::run::Event;

use super::*;

#[tokio::test]
async fn reading_back_holds_no_transaction_open() {
    let world = World::new();
    let (record, plan) = world.stored().await;
    let held = world.of_target.pass(Op::Next).hold(Op::Next);
    let meanwhile = async {
        held.arrived().await;
        // Whoever changes the run waits for chunks in flight.
        let mut home = world.target.home().await.unwrap();
        let changed = home.change(record.run, Event::Resumed, world.clock.now()).await;
        held.release();
        changed
    };
    let (ended, changed) = tokio::join!(world.carry(record.run, &plan), meanwhile);
    assert_eq!(changed.unwrap(), State::Running);
    assert_eq!(ended.unwrap(), Ended::Complete);
    assert_eq!(world.report(record.run, &plan).await.verdict, Verdict::Verified);
}

#[tokio::test]
async fn a_lost_answer_to_the_end_of_the_run_is_settled_by_its_state() {
    let world = World::new();
    world.of_target.pass(Op::Change).do_then_fail(Op::Change, Code::Unreachable);
    world.moves_everything().await;
    assert!(world.of_target.is_over());
}

/// A crash of the server may take the last commits, which the ledger has heard of already.
#[tokio::test]
async fn a_ledger_that_ran_ahead_of_the_receipts_releases_nothing_early() {
    let world = World::new();
    let (record, plan) = world.stored().await;
    let chunks = u32::try_from(plan.chunks.len()).unwrap();
    world.ledger.open(record.run, chunks).await.unwrap();
    world.ledger.note(record.run, "key", "value").await.unwrap();
    for chunk in plan.chunks.iter().filter(|c| c.stage == Stage::Copy) {
        world.ledger.record(record.run, chunk.id, chunk::Event::Receipt).await.unwrap();
    }
    assert_eq!(world.carry(record.run, &plan).await.unwrap(), Ended::Complete);
    world.assert_equal();
    assert_eq!(world.report(record.run, &plan).await.verdict, Verdict::Verified);
    assert_eq!(world.ledger.notes(record.run).await.unwrap()["key"], "value");
}

#[tokio::test]
async fn a_ledger_that_runs_ahead_meanwhile_opens_no_stage() {
    let world = World::new();
    let (record, plan) = world.stored().await;
    let held = world.of_target.hold(Op::Write);
    let meanwhile = async {
        held.arrived().await;
        for chunk in plan.chunks.iter().filter(|c| c.stage == Stage::Copy) {
            world.ledger.record(record.run, chunk.id, chunk::Event::Receipt).await.unwrap();
        }
        held.release();
    };
    let (ended, ()) = tokio::join!(world.carry(record.run, &plan), meanwhile);
    assert_eq!(ended.unwrap(), Ended::Complete);
    world.assert_equal();
    assert_eq!(world.report(record.run, &plan).await.verdict, Verdict::Verified);
}

#[tokio::test]
async fn rejects_of_a_chunk_whose_commit_lost_its_answer_count_towards_the_limit() {
    let mut world = World::with(|i| (i % 10 != 7).then(|| format!("name {i}")));
    let mut table = pupil();
    table.columns[1].nullable = false;
    world.target = Memory::new("new").with_table(table, &[]);
    world.migration.limits.rejects = 3;
    let (record, plan) = world.stored().await;
    for _ in &plan.chunks {
        world.of_target.do_then_fail(Op::Commit, Code::Unreachable);
    }
    assert_eq!(world.carry(record.run, &plan).await.unwrap(), Ended::Stuck);
    let report = world.report(record.run, &plan).await;
    assert!(report.totals.rejected <= 3, "{} rejected, 3 allowed", report.totals.rejected);
}

#[tokio::test]
async fn chunks_in_flight_together_do_not_pass_the_limit_of_rejects() {
    let mut world = World::with(|i| (i >= 20).then(|| format!("name {i}")));
    let mut table = pupil();
    table.columns[1].nullable = false;
    world.target = Memory::new("new").with_table(table, &[]);
    // One chunk of ten bad rows is allowed, two are not.
    world.migration.limits.rejects = 15;
    let (record, plan) = world.stored().await;
    // Both stand before their commit.
    let held = world.of_target.hold(Op::Reject);
    let meanwhile = async {
        held.arrived().await;
        world.ledger.wait(record.run, std::time::Duration::from_millis(1)).await;
        held.release();
    };
    let (ended, ()) = tokio::join!(world.carry(record.run, &plan), meanwhile);
    assert_eq!(ended.unwrap(), Ended::Stuck);
    let report = world.report(record.run, &plan).await;
    assert!(report.totals.rejected <= 15, "{} rejected, 15 allowed", report.totals.rejected);
}

impl World {
    /// The same world for the next process: nobody rings, and the ledger is as it was.
    fn anew(self) -> Self {
        Self { broker: broker::Faulty::new(Arc::new(broker::Memory::default())), ..self }
    }

    fn somebody_writes(&self) {
        self.source.add_row(&TableName::bare("pupil"), &[Some("1000"), Some("new")]);
    }

    /// Carries the run, and the source changes before anything is written to the target.
    async fn carried_while_somebody_writes(
        &self,
        run: RunId,
        plan: &Arc<Plan>,
    ) -> Result<Ended, Fault> {
        let held = self.of_target.hold(Op::Write);
        let meanwhile = async {
            held.arrived().await;
            self.somebody_writes();
            held.release();
        };
        let (ended, ()) = tokio::join!(self.carry(run, plan), meanwhile);
        ended
    }
}

#[tokio::test]
async fn whoever_writes_while_the_source_is_taken_hold_of_is_noticed_by_a_resume() {
    let world = World::new();
    let (record, plan) = world.stored().await;
    // Whichever comes first, the write falls between the two.
    let (hold, counters) = (world.of_source.hold(Op::Hold), world.of_source.hold(Op::Counters));
    // So early that what is outstanding then leaves rows to read.
    for _ in 0..10 {
        world.of_target.pass(Op::Write);
    }
    world.of_target.refuse(Op::Write, Code::Full);
    let meanwhile = async {
        let second = tokio::select! {
            () = hold.arrived() => { hold.release(); counters }
            () = counters.arrived() => { counters.release(); hold }
        };
        second.arrived().await;
        world.somebody_writes();
        second.release();
    };
    let (stopped, ()) = tokio::join!(world.carry(record.run, &plan), meanwhile);
    assert_eq!(stopped.unwrap_err().code(), Code::Full);
    let again = world.anew();
    let resumed = again.carry(record.run, &plan).await;
    assert_eq!(resumed.unwrap_err().code(), Code::SnapshotLost);
}

#[tokio::test]
async fn a_promise_is_tested_even_if_the_source_was_away_when_it_was_to_be() {
    let mut world = World::new();
    world.migration.consistency = Consistency::Quiesced;
    let (record, plan) = world.stored().await;
    world.of_source.pass(Op::Counters).refuse(Op::Counters, Code::Unreachable);
    let ended = world.carried_while_somebody_writes(record.run, &plan).await;
    assert_eq!(ended.unwrap(), Ended::Complete);
    assert!(world.report(record.run, &plan).await.broken_promise);
}

#[tokio::test]
async fn a_promise_is_tested_even_if_the_run_stopped_after_its_last_read() {
    let mut world = World::new();
    world.migration.consistency = Consistency::Quiesced;
    let (record, plan) = world.stored().await;
    // The first process ends when it is to test the promise.
    world.of_source.pass(Op::Counters).refuse(Op::Counters, Code::Refused);
    let ended = world.carried_while_somebody_writes(record.run, &plan).await;
    assert_eq!(ended.unwrap_err().code(), Code::Refused);
    let again = world.anew();
    assert_eq!(again.carry(record.run, &plan).await.unwrap(), Ended::Complete);
    assert!(again.report(record.run, &plan).await.broken_promise);
}
