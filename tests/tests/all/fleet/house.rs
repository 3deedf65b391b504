//! A fleet to play with.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use endpoint::faulty::{FaultyTarget, Script};
use endpoint::{Memory, Source, Target};
use ledger::Ledger;
use protocol::clock::{Clock, Instant};
use protocol::event::{Change, Event, Fact};
use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, Environment, RunId, WorkerId};
use protocol::mapping::{Consistency, EntityRule, Limits, Migration, OnSnapshotLost};
use protocol::run::{Record, State, Steering};
use protocol::schema::{Logical, TableName};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(super) const ROWS: usize = 95;
pub(super) const SAME: usize = 40;

/// No run of these takes longer, by its own clock.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Time as tokio has it, so that a paused clock is one clock for all.
struct Ticks(tokio::time::Instant);

impl Clock for Ticks {
    fn now(&self) -> Instant {
        let passed = u64::try_from(self.0.elapsed().as_millis()).unwrap();
        Instant(1_800_000_000_000_000).plus_millis(passed)
    }
}

/// A source, a target, and what a fleet stands around.
pub(super) struct House {
    pub(super) source: Memory,
    pub(super) target: Memory,
    pub(super) of_target: Script,
    pub(super) broker: broker::Memory,
    pub(super) ledger: ledger::Faulty,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) migration: Migration,
    /// What the environments allow.
    pub(super) places: Vec<worker::Place>,
    /// Who listens at the points of each worker, and of each drive.
    pub(super) probe: worker::Probe,
    pub(super) drives: coordinator::Probe,
    /// Other places that the same fleet serves.
    others: std::sync::Mutex<Vec<Arc<Desk>>>,
}

/// A role that runs.
pub(super) struct Role {
    pub(super) stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), Fault>>,
}

impl Role {
    /// Ends it at once, as a SIGKILL would.
    pub(super) async fn kill(mut self) {
        self.task.abort();
        assert!((&mut self.task).await.unwrap_err().is_cancelled());
    }

    pub(super) async fn ended(mut self) {
        let ended = tokio::time::timeout(PATIENCE, &mut self.task).await;
        ended.expect("it ends").unwrap().unwrap();
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl House {
    pub(super) fn new() -> Self {
        let text = Logical::Text { length: None };
        let columns = [("id", Logical::Integer { bits: 64 }), ("name", text.clone())];
        let pupil = Memory::table("pupil", &columns, &["id"]);
        let keyless = Memory::table("mark", &[("mark", text)], &[]);
        let rows: Vec<_> = (0..ROWS).map(|i| (i.to_string(), format!("name {i}"))).collect();
        let rows: Vec<_> = rows.iter().map(|(i, n)| [Some(i.as_str()), Some(n.as_str())]).collect();
        let rows: Vec<_> = rows.iter().map(|row| row.as_slice()).collect();
        let same: Vec<&[Option<&str>]> = vec![&[Some("same")]; SAME];
        let clock: Arc<dyn Clock> = Arc::new(Ticks(tokio::time::Instant::now()));
        let rule = EntityRule { chunk_rows: Some(10), ..EntityRule::plain("*") };
        Self {
            source: Memory::new("old").with_table(pupil, &rows).with_table(keyless, &same),
            target: Memory::new("new"),
            of_target: Script::default(),
            broker: broker::Memory::default(),
            ledger: ledger::Faulty::new(Arc::new(ledger::Memory::new(clock.clone()))),
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
            places: Vec::new(),
            probe: worker::no_probe(),
            drives: coordinator::no_probe(),
            others: std::sync::Mutex::default(),
        }
    }

    /// The same databases, served by the fleet of another house.
    pub(super) fn beside(mut self, other: &Self) -> Self {
        self.migration.from = Environment("old2".into());
        self.migration.to = Environment("new2".into());
        other.others.lock().unwrap().push(self.desk());
        self
    }

    /// Stores a run for the fleet, as `submit` does.
    pub(super) async fn submit(&self) -> RunId {
        self.submit_with(Steering::default()).await
    }

    pub(super) async fn submit_with(&self, steering: Steering) -> RunId {
        let plan = coordinator::plan::draw(&self.migration, &self.source, &self.target).await;
        let plan = plan.unwrap();
        let run = RunId(uuid::Uuid::now_v7());
        let record = Record { fleet: true, steering, ..Record::new(run, &plan, self.clock.now()) };
        let mut home = self.target.home().await.unwrap();
        home.install().await.unwrap();
        home.store(&record, &plan).await.unwrap();
        run
    }

    fn desk(&self) -> Arc<Desk> {
        let target = FaultyTarget::new(Arc::new(self.target.clone()), self.of_target.clone());
        Arc::new(Desk {
            migration: self.migration.clone(),
            source: self.source.clone(),
            target: Arc::new(target),
            places: self.places.clone(),
            others: self.others.lock().unwrap().clone(),
        })
    }

    pub(super) fn staffed(&self, coordinators: u32, workers: u32) -> Vec<Role> {
        let lead = (0..coordinators).map(|i| self.coordinator(&format!("coordinator {i}")));
        lead.chain((0..workers).map(|i| self.worker(&format!("worker {i}"), 2))).collect()
    }

    pub(super) fn coordinator(&self, name: &str) -> Role {
        let (stop, stopping) = watch::channel(false);
        let service = coordinator::Service {
            id: WorkerId(name.into()),
            host: "here".into(),
            desk: self.desk(),
            ledger: Arc::new(self.ledger.clone()),
            broker: Arc::new(self.broker.clone()),
            clock: self.clock.clone(),
            probe: self.drives.clone(),
            stop: stopping,
        };
        Role { stop, task: tokio::spawn(coordinator::serve(service)) }
    }

    pub(super) fn worker(&self, name: &str, slots: u32) -> Role {
        let (stop, stopping) = watch::channel(false);
        let service = worker::Service {
            id: WorkerId(name.into()),
            host: "here".into(),
            slots,
            memory_bytes: 1 << 20,
            grace: Duration::from_secs(20),
            desk: self.desk(),
            ledger: Arc::new(self.ledger.clone()),
            broker: Arc::new(self.broker.clone()),
            clock: self.clock.clone(),
            probe: self.probe.clone(),
            stop: stopping,
        };
        Role { stop, task: tokio::spawn(worker::serve(service)) }
    }

    pub(super) async fn record(&self, run: RunId) -> Record {
        self.target.home().await.unwrap().run(run).await.unwrap()
    }

    pub(super) async fn done(&self, run: RunId) -> Vec<ChunkId> {
        self.target.home().await.unwrap().done(run).await.unwrap()
    }

    /// Waits until the run reached a state.
    pub(super) async fn until(&self, run: RunId, state: State) {
        self.until_it(async || self.record(run).await.state == state).await;
    }

    /// Waits until something is so, asking again as time passes, and not for ever.
    pub(super) async fn until_it(&self, is_so: impl AsyncFn() -> bool) {
        let asking = async {
            let mut again = tokio::time::interval(Duration::from_millis(50));
            while !is_so().await {
                again.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("it comes to pass");
    }

    /// Whether a finding of that code was published.
    pub(super) async fn found(&self, run: RunId, wanted: &str) -> bool {
        let events = self.ledger.events(run, 0, 10_000).await.unwrap();
        let is_it = |fact: &Fact| matches!(fact, Fact::Finding { code, .. } if code == wanted);
        events.iter().any(|event| is_it(&event.fact))
    }

    /// What the ledger keeps under a note.
    pub(super) async fn noted(&self, run: RunId, key: &str) -> String {
        self.ledger.notes(run).await.unwrap().remove(key).unwrap_or_default()
    }

    /// What watchers were told became of a worker, in order.
    pub(super) async fn became(&self, run: RunId, of: &str) -> Vec<Change> {
        let events = self.ledger.events(run, 0, 10_000).await.unwrap();
        let became = |event: Event| {
            let Fact::Worker { worker, change, .. } = event.fact else { return None };
            (worker.0 == of).then_some(change)
        };
        events.into_iter().filter_map(became).collect()
    }

    /// Whether a chunk was said to have met a fault of that code.
    pub(super) async fn faulted(&self, run: RunId, wanted: &str) -> bool {
        let events = self.ledger.events(run, 0, 10_000).await.unwrap();
        let is_it = |fact: &Fact| matches!(fact, Fact::Faulted { code, .. } if code == wanted);
        events.iter().any(|event| is_it(&event.fact))
    }

    pub(super) fn somebody_writes(&self) {
        self.source.add_row(&TableName::bare("pupil"), &[Some("1000"), Some("new")]);
    }

    pub(super) fn rows_of_target(&self) -> usize {
        ["pupil", "mark"].map(|table| self.target.rows(&TableName::bare(table)).len()).iter().sum()
    }

    pub(super) fn assert_equal(&self) {
        for table in ["pupil", "mark"] {
            let sorted = |memory: &Memory| {
                let mut rows = memory.rows(&TableName::bare(table));
                rows.sort();
                rows
            };
            assert_eq!(sorted(&self.source), sorted(&self.target), "{table}");
        }
    }
}

/// Opens the databases of a house.
pub(super) struct Desk {
    migration: Migration,
    source: Memory,
    target: Arc<dyn Target>,
    places: Vec<worker::Place>,
    others: Vec<Arc<Desk>>,
}

impl Desk {
    fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.others.iter().map(Arc::as_ref))
    }

    fn names(&self) -> Vec<Environment> {
        self.all().flat_map(|desk| [&desk.migration.from, &desk.migration.to]).cloned().collect()
    }
}

#[async_trait]
impl coordinator::Desk for Desk {
    async fn homes(&self) -> Vec<(Environment, Result<Arc<dyn Target>, Fault>)> {
        self.all().map(|desk| (desk.migration.to.clone(), Ok(desk.target.clone()))).collect()
    }

    fn knows(&self) -> Vec<Environment> {
        self.names()
    }

    async fn source(&self, environment: &Environment) -> Result<Arc<dyn Source>, Fault> {
        let found = self.all().find(|desk| desk.migration.from == *environment);
        let desk = found.ok_or_else(|| Fault::new(Code::EnvironmentUnknown, &environment.0))?;
        Ok(Arc::new(desk.source.clone()))
    }
}

#[async_trait]
impl worker::Desk for Desk {
    async fn open(&self, run: RunId) -> Result<worker::Opened, Fault> {
        for desk in self.all() {
            let mut home = desk.target.home().await?;
            let record = match home.run(run).await {
                Ok(record) => record,
                Err(fault) if fault.code() == Code::RunUnknown => continue,
                Err(fault) => return Err(fault),
            };
            return Ok(worker::Opened {
                plan: Arc::new(home.plan(run).await?),
                record,
                source: Arc::new(desk.source.clone()),
                target: desk.target.clone(),
                places: desk.places.clone(),
            });
        }
        Err(Fault::new(Code::RunUnknown, run.to_string()))
    }

    fn knows(&self) -> Vec<Environment> {
        self.names()
    }
}
