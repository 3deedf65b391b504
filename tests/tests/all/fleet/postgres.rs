//! A fleet over PostgreSQL, in real time: what only a server can do.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use endpoint::{Address, Begun, Memory, Source, Target, open_source, open_target};
use ledger::Ledger;
use protocol::clock::{Clock, SystemClock};
use protocol::fault::Fault;
use protocol::id::{AttemptId, Environment, RunId, WorkerId};
use protocol::mapping::{Consistency, EntityRule, Limits, Migration, OnSnapshotLost};
use protocol::plan::Stage;
use protocol::run::{Record, State};
use tests::scratch::Database;
use tokio::sync::watch;

struct Desk {
    from: Address,
    to: Address,
}

impl Desk {
    fn new(from: &Database, to: &Database) -> Self {
        let address = |database: &Database| Address { url: database.url(), password: None };
        Self { from: address(from), to: address(to) }
    }
}

#[async_trait]
impl coordinator::Desk for Desk {
    async fn homes(&self) -> Vec<(Environment, Result<Arc<dyn Target>, Fault>)> {
        vec![(Environment("new".into()), open_target(&self.to).await)]
    }

    async fn source(&self, _: &Environment) -> Result<Arc<dyn Source>, Fault> {
        open_source(&self.from).await
    }

    fn knows(&self) -> Vec<Environment> {
        Vec::new()
    }
}

#[async_trait]
impl worker::Desk for Desk {
    async fn open(&self, run: RunId) -> Result<worker::Opened, Fault> {
        let target = open_target(&self.to).await?;
        let mut home = target.home().await?;
        Ok(worker::Opened {
            record: home.run(run).await?,
            plan: Arc::new(home.plan(run).await?),
            source: open_source(&self.from).await?,
            target,
            places: Vec::new(),
        })
    }

    fn knows(&self) -> Vec<Environment> {
        Vec::new()
    }
}

/// Draws and stores a run for the fleet.
async fn submit(desk: &Desk) -> (RunId, protocol::plan::Plan) {
    let migration = Migration {
        name: "test".into(),
        from: Environment("old".into()),
        to: Environment("new".into()),
        entities: vec![EntityRule { chunk_rows: Some(100), ..EntityRule::plain("*") }],
        consistency: Consistency::Snapshot,
        on_snapshot_lost: OnSnapshotLost::Stop,
        limits: Limits::default(),
        include: None,
    };
    let (source, target) =
        (open_source(&desk.from).await.unwrap(), open_target(&desk.to).await.unwrap());
    let plan = coordinator::plan::draw(&migration, source.as_ref(), target.as_ref()).await.unwrap();
    let run = RunId(uuid::Uuid::now_v7());
    let record = Record { fleet: true, ..Record::new(run, &plan, SystemClock.now()) };
    let mut home = target.home().await.unwrap();
    home.install().await.unwrap();
    home.store(&record, &plan).await.unwrap();
    (run, plan)
}

/// Serves with one coordinator and one worker until the run is complete.
async fn serve(desk: Arc<Desk>, run: RunId) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ledger: Arc<dyn Ledger> = Arc::new(ledger::Memory::new(clock.clone()));
    let broker = Arc::new(broker::Memory::default());
    let (stop, stopping) = watch::channel(false);
    let coordinating = coordinator::serve(coordinator::Service {
        id: WorkerId("coordinator".into()),
        host: "here".into(),
        desk: desk.clone(),
        ledger: ledger.clone(),
        broker: broker.clone(),
        clock: clock.clone(),
        probe: coordinator::no_probe(),
        stop: stopping.clone(),
    });
    let working = worker::serve(worker::Service {
        id: WorkerId("worker".into()),
        host: "here".into(),
        slots: 2,
        memory_bytes: 1 << 20,
        grace: Duration::from_secs(20),
        desk: desk.clone(),
        ledger: ledger.clone(),
        broker,
        clock,
        probe: worker::no_probe(),
        stop: stopping,
    });
    let complete = async {
        let target = open_target(&desk.to).await.unwrap();
        let mut home = target.home().await.unwrap();
        while home.run(run).await.unwrap().state != State::Complete {
            ledger.wait(run, Duration::from_millis(500)).await;
        }
        stop.send_replace(true);
    };
    let all = async { tokio::join!(coordinating, working, complete) };
    let (led, worked, ()) = tokio::time::timeout(Duration::from_secs(120), all).await.unwrap();
    led.unwrap();
    worked.unwrap();
}

#[tokio::test]
async fn the_session_of_a_process_that_was_stopped_is_ended_by_the_name_of_its_chunk() {
    let (old, new) = (Database::new().await, Database::new().await);
    let fill = "CREATE TABLE pupil (id int PRIMARY KEY, name text); \
                INSERT INTO pupil SELECT i, 'name ' || i FROM generate_series(1, 1000) i; ANALYZE";
    old.client().await.batch_execute(fill).await.unwrap();
    let desk = Arc::new(Desk::new(&old, &new));
    let (run, plan) = submit(&desk).await;
    // A process that began a chunk and was stopped: its claim is long over, its transaction is not.
    let target = open_target(&desk.to).await.unwrap();
    let mut stopped = target.session("longhaul:stopped").await.unwrap();
    let chunk = plan.chunks.iter().find(|chunk| chunk.stage == Stage::Copy).unwrap();
    let attempt = AttemptId(uuid::Uuid::now_v7());
    assert_eq!(stopped.begin(run, chunk, attempt).await.unwrap(), Begun::Open);
    serve(desk, run).await;
    let count = new.client().await.query_one("SELECT count(*) FROM pupil", &[]).await.unwrap();
    assert_eq!(count.get::<_, i64>(0), 1000);
    stopped.commit().await.unwrap_err();
}

#[tokio::test]
async fn a_worker_without_a_home_for_a_task_goes_on_with_others() {
    // The broker of a fleet may hold what nobody knows any more.
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let broker = Arc::new(broker::Memory::default());
    let memory: Arc<dyn Target> = Arc::new(Memory::new("new"));
    let mut home = memory.home().await.unwrap();
    home.install().await.unwrap();
    struct Nowhere(Arc<dyn Target>);
    #[async_trait]
    impl worker::Desk for Nowhere {
        async fn open(&self, run: RunId) -> Result<worker::Opened, Fault> {
            Err(self.0.home().await?.run(run).await.unwrap_err())
        }

        fn knows(&self) -> Vec<Environment> {
            Vec::new()
        }
    }
    let task = broker::Task::new(RunId(uuid::Uuid::now_v7()), protocol::id::ChunkId(0), 1);
    broker::Broker::publish(broker.as_ref(), task).await.unwrap();
    let (stop, stopping) = watch::channel(false);
    let working = worker::serve(worker::Service {
        id: WorkerId("worker".into()),
        host: "here".into(),
        slots: 1,
        memory_bytes: 1 << 20,
        grace: Duration::from_secs(1),
        desk: Arc::new(Nowhere(memory)),
        ledger: Arc::new(ledger::Memory::new(clock.clone())),
        broker: broker.clone(),
        clock,
        probe: worker::no_probe(),
        stop: stopping,
    });
    let settled = async {
        while broker.waiting() > 0 {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
    };
    let both = async { tokio::join!(working, settled) };
    tokio::time::timeout(Duration::from_secs(20), both).await.unwrap().0.unwrap();
    assert_eq!(broker.waiting(), 0);
}
