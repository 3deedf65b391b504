//! Coordinator and workers around endpoints in memory, with faults where a script says so.

mod adversary;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use coordinator::report::{Refused, Report, Verdict};
use coordinator::{Ended, drive};
use endpoint::faulty::{FaultySource, FaultyTarget, Op, Script};
use endpoint::{Memory, Source, Target};
use ledger::Ledger;
use protocol::clock::{Clock, SystemClock};
use protocol::fault::{Code, Fault};
use protocol::id::{Environment, RunId, WorkerId};
use protocol::mapping::{Consistency, EntityRule, Limits, Migration, OnSnapshotLost};
use protocol::plan::Plan;
use protocol::run::{Record, State, Steering};
use protocol::schema::{Logical, Table, TableName};
use tokio::sync::watch;
use worker::Worker;

const ROWS: usize = 95;

fn pupil() -> Table {
    let columns = [("id", Logical::Integer { bits: 64 }), ("name", Logical::Text { length: None })];
    Memory::table("pupil", &columns, &["id"])
}

struct World {
    source: Memory,
    target: Memory,
    of_source: Script,
    of_target: Script,
    broker: broker::Faulty,
    ledger: ledger::Memory,
    clock: Arc<dyn Clock>,
    migration: Migration,
    /// Bytes that all slots may have in hands.
    budget: u64,
}

impl World {
    fn new() -> Self {
        Self::with(|i| Some(format!("name {i}")))
    }

    fn with(name: impl Fn(usize) -> Option<String>) -> Self {
        let rows: Vec<_> = (0..ROWS).map(|i| (i.to_string(), name(i))).collect();
        let rows: Vec<_> = rows.iter().map(|(i, n)| [Some(i.as_str()), n.as_deref()]).collect();
        let rows: Vec<_> = rows.iter().map(|row| row.as_slice()).collect();
        let keyless = Memory::table("mark", &[("mark", Logical::Text { length: None })], &[]);
        let same: Vec<&[Option<&str>]> = vec![&[Some("same")]; 40];
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let rule = EntityRule { chunk_rows: Some(10), ..EntityRule::plain("*") };
        Self {
            source: Memory::new("old").with_table(pupil(), &rows).with_table(keyless, &same),
            target: Memory::new("new"),
            of_source: Script::default(),
            of_target: Script::default(),
            broker: broker::Faulty::new(Arc::new(broker::Memory::default())),
            ledger: ledger::Memory::new(clock.clone()),
            clock,
            migration: Migration {
                name: "test".into(),
                from: Environment("old".into()),
                to: Environment("new".into()),
                entities: vec![rule],
                consistency: Consistency::Snapshot,
                on_snapshot_lost: OnSnapshotLost::Stop,
                limits: Limits::default(),
                include: None,
            },
            budget: 1 << 20,
        }
    }

    async fn stored(&self) -> (Record, Arc<Plan>) {
        self.source.hold(Consistency::Snapshot).await.unwrap();
        let plan = coordinator::plan::draw(&self.migration, &self.source, &self.target).await;
        let plan = plan.unwrap();
        let record = Record::new(RunId(uuid::Uuid::now_v7()), &plan, self.clock.now());
        let mut home = self.target.home().await.unwrap();
        home.install().await.unwrap();
        home.store(&record, &plan).await.unwrap();
        (record, Arc::new(plan))
    }

    async fn carry(&self, run: RunId, plan: &Arc<Plan>) -> Result<Ended, Fault> {
        let source: Arc<dyn Source> =
            Arc::new(FaultySource::new(Arc::new(self.source.clone()), self.of_source.clone()));
        let target: Arc<dyn Target> =
            Arc::new(FaultyTarget::new(Arc::new(self.target.clone()), self.of_target.clone()));
        let ledger: Arc<dyn Ledger> = Arc::new(self.ledger.clone());
        let broker: Arc<dyn Broker> = Arc::new(self.broker.clone());
        let parts = worker::Parts {
            run,
            plan: plan.clone(),
            source: source.clone(),
            target: target.clone(),
            ledger: ledger.clone(),
            broker: broker.clone(),
            clock: self.clock.clone(),
            probe: worker::no_probe(),
        };
        let options = worker::Options {
            id: WorkerId("test".into()),
            batch_bytes: 100,
            budget: worker::Budget::of_bytes(self.budget),
            rejected: BTreeMap::new(),
            fingerprint: plan.fingerprint(),
            asked: Steering::default(),
        };
        let worker = Worker::new(parts, options);
        let (stop, stopping) = watch::channel(false);
        let driving = drive(coordinator::Parts {
            run,
            plan: plan.clone(),
            target,
            source,
            ledger,
            broker: broker.clone(),
            clock: self.clock.clone(),
            probe: coordinator::no_probe(),
            stop: stopping,
            on_snapshot_lost: OnSnapshotLost::Stop,
            embedded: true,
            found: None,
        });
        let slot = async |number| {
            let ended = worker.slot(number).await;
            if ended.is_err() {
                stop.send_replace(true);
            }
            ended
        };
        let driving = async {
            let ended = driving.await;
            broker.close().await;
            ended
        };
        let (ended, one, two) = tokio::join!(driving, slot(1), slot(2));
        one.and(two)?;
        ended
    }

    async fn report(&self, run: RunId, plan: &Plan) -> Report {
        let mut home = self.target.home().await.unwrap();
        let record = home.run(run).await.unwrap();
        let receipts = home.receipts(run).await.unwrap();
        let rejects = home.rejects(run, 100).await.unwrap();
        let samples = home.samples(run).await.unwrap();
        let mut refused = Refused { rejects, samples, ..Refused::default() };
        refused.rejects.iter().for_each(|reject| refused.groups.add(plan, reject));
        coordinator::report::draw(plan, &record, &receipts, refused)
    }

    fn assert_equal(&self) {
        for table in ["pupil", "mark"] {
            let sorted = |memory: &Memory| {
                let mut rows = memory.rows(&TableName::bare(table));
                rows.sort();
                rows
            };
            assert_eq!(sorted(&self.source), sorted(&self.target), "{table}");
        }
    }

    /// Runs to the end, and asserts that all arrived once.
    async fn moves_everything(&self) -> Report {
        let (record, plan) = self.stored().await;
        assert_eq!(self.carry(record.run, &plan).await.unwrap(), Ended::Complete);
        self.assert_equal();
        let report = self.report(record.run, &plan).await;
        assert_eq!(report.verdict, Verdict::Verified);
        assert_eq!(report.totals.written, 135);
        report
    }
}

#[tokio::test]
async fn rows_that_are_larger_than_the_budget_of_all_slots_are_moved_one_by_one() {
    let large = "x".repeat(5_000);
    let world = World { budget: 1_000, ..World::with(|i| Some(format!("{large}{i}"))) };
    let moved = tokio::time::timeout(Duration::from_secs(60), world.moves_everything()).await;
    moved.expect("no slot waits for ever");
}

#[tokio::test]
async fn a_run_moves_every_row_once_and_is_verified() {
    let report = World::new().moves_everything().await;
    assert_eq!(report.resumes, 0);
    let pupil = report.entities.iter().find(|e| e.target == "pupil").unwrap();
    assert_eq!(pupil.chunks, (10, 10));
    assert_eq!(pupil.found_digest, Some(pupil.written_digest));
}

#[tokio::test]
async fn a_lost_answer_of_commit_is_settled_by_the_receipt() {
    let world = World::new();
    for _ in 0..3 {
        world.of_target.pass(Op::Commit).do_then_fail(Op::Commit, Code::Unreachable);
    }
    world.moves_everything().await;
    assert!(world.of_target.is_over());
}

#[tokio::test]
async fn a_connection_lost_at_any_step_of_a_chunk_costs_only_time() {
    use Op::{Begin, Commit, Complete, Execute, Finish, Session, Start, Write};
    for op in [Session, Begin, Start, Write, Finish, Execute, Complete, Commit] {
        let world = World::new();
        // The steps of a small table are one before its rows and one behind them, so the first is met.
        if op == Execute {
            world.of_target.refuse(op, Code::Unreachable).do_then_fail(op, Code::Unreachable);
        } else {
            world.of_target.pass(op).refuse(op, Code::Unreachable);
        }
        // Two slots open two sessions, and a third after the one that failed.
        if !matches!(op, Session | Execute) {
            world.of_target.pass(op).do_then_fail(op, Code::Unreachable);
        }
        world.moves_everything().await;
        assert!(world.of_target.is_over(), "{op:?} was not called often enough");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_shows_in_its_part_of_the_time() {
    let at_source = [(Op::Next, "read"), (Op::Read, "read")].map(|case| (true, case));
    let at_target = [(Op::Begin, "lock"), (Op::Write, "write"), (Op::Finish, "write")];
    for (source, (op, part)) in at_source.into_iter().chain(at_target.map(|case| (false, case))) {
        let world = World::new();
        let script = if source { &world.of_source } else { &world.of_target };
        let held = script.hold(op);
        let slow = async {
            held.arrived().await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            held.release();
        };
        let (report, ()) = tokio::join!(world.moves_everything(), slow);
        assert!(report.spent.queue.is_some(), "tasks say when they were rung");
        for (name, micros) in report.spent.parts() {
            let slow = (3_000_000..4_000_000).contains(&micros);
            assert!(
                if name == part { slow } else { micros < 1_000_000 },
                "{op:?}: {name} {micros}"
            );
        }
    }
}

#[tokio::test]
async fn a_source_that_breaks_off_is_read_again() {
    let world = World::new();
    world.of_source.pass(Op::Read).refuse(Op::Read, Code::Unreachable);
    world.of_source.pass(Op::Next).refuse(Op::Next, Code::Unreachable);
    world.moves_everything().await;
}

#[tokio::test]
async fn a_home_that_is_away_for_a_while_is_waited_for() {
    let world = World::new();
    let (record, plan) = world.stored().await;
    world.of_target.pass(Op::Done).refuse(Op::Change, Code::Unreachable);
    // The first change opens the run; a failure there ends the drive, and a resume goes on.
    let first = world.carry(record.run, &plan).await;
    assert_eq!(first.unwrap_err().code(), Code::Unreachable);
    let again = World { broker: broker::Faulty::new(Arc::new(broker::Memory::default())), ..world };
    assert_eq!(again.carry(record.run, &plan).await.unwrap(), Ended::Complete);
    again.assert_equal();
}

#[tokio::test]
async fn a_task_that_comes_twice_is_done_once() {
    let world = World::new();
    world.broker.script(broker::Operation::Next, [broker::Mood::Double; 20]);
    world.moves_everything().await;
}

#[tokio::test]
async fn forgetting_the_whole_ledger_after_a_run_was_stopped_changes_only_time() {
    let world = World::new();
    let (record, plan) = world.stored().await;
    // The third write of rows meets a full disk, which ends the workers at once.
    world.of_target.pass(Op::Write).pass(Op::Write).refuse(Op::Write, Code::Full);
    let stopped = world.carry(record.run, &plan).await;
    assert_eq!(stopped.unwrap_err().code(), Code::Full);
    let before = world.target.home().await.unwrap().receipts(record.run).await.unwrap();
    let again = World {
        ledger: ledger::Memory::new(world.clock.clone()),
        broker: broker::Faulty::new(Arc::new(broker::Memory::default())),
        ..world
    };
    assert_eq!(again.carry(record.run, &plan).await.unwrap(), Ended::Complete);
    again.assert_equal();
    let after = again.target.home().await.unwrap().receipts(record.run).await.unwrap();
    assert!(before.iter().all(|receipt| after.contains(receipt)), "a done chunk was done again");
    let report = again.report(record.run, &plan).await;
    assert_eq!((report.verdict, report.resumes), (Verdict::Verified, 1));
}

#[tokio::test]
async fn bad_rows_are_set_aside_one_by_one_and_all_others_arrive() {
    // Two names are NULL, and the target that is there forbids that.
    let mut world = World::with(|i| (i != 7 && i != 42).then(|| format!("name {i}")));
    let mut table = pupil();
    table.columns[1].nullable = false;
    world.migration.limits.rejects = 2;
    world.target = Memory::new("new").with_table(table, &[]);
    let (record, plan) = world.stored().await;
    assert_eq!(world.carry(record.run, &plan).await.unwrap(), Ended::Complete);
    let report = world.report(record.run, &plan).await;
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!((report.totals.read, report.totals.written), (135, 133));
    let keys: Vec<_> = report.rejects.iter().map(|reject| reject.key.as_str()).collect();
    assert_eq!(keys, ["7", "42"]);
    let arrived = world.target.rows(&TableName::bare("pupil"));
    assert_eq!(arrived.len(), ROWS - 2);
}

#[tokio::test]
async fn too_many_bad_rows_park_their_chunk_with_a_sample_and_hold_up_nothing_else() {
    let mut world = World::with(|i| (i >= 10).then(|| format!("name {i}")));
    let mut table = pupil();
    table.columns[1].nullable = false;
    world.target = Memory::new("new").with_table(table, &[]);
    world.migration.limits.rejects = 3;
    let (record, plan) = world.stored().await;
    assert_eq!(world.carry(record.run, &plan).await.unwrap(), Ended::Stuck);
    let report = world.report(record.run, &plan).await;
    assert_eq!(report.verdict, Verdict::NotVerified);
    assert_eq!(report.samples.len(), 4);
    assert_eq!(world.target.rows(&TableName::bare("pupil")).len(), ROWS - 10);
    assert_eq!(world.target.rows(&TableName::bare("mark")).len(), 40);
}
