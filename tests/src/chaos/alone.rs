//! The fleet without its databases: a real broker and a real ledger, and chunks that carry nothing
//! to a target that is memory. What comes out is what the fleet itself costs per chunk.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use broker::{Amqp, Options};
use endpoint::{Memory, Source, Target};
use ledger::{Redis as Ledger, RedisOptions};
use protocol::clock::{Clock as _, SystemClock};
use protocol::fault::Fault;
use protocol::id::{ChunkId, Environment, RunId, WorkerId};
use protocol::mapping::{Consistency, EntityRule, Limits, Migration, OnSnapshotLost};
use protocol::plan::{Bound, Chunk, Plan, Range, Stage, Work};
use protocol::run::Record;
use protocol::schema::Logical;
use protocol::wire::Keys;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::rabbit::Rabbit;
use super::redis::Redis;
use super::world::KEY;
use crate::patience::until;

/// What the fleet is called.
const FLEET: &str = "alone";

/// Slots of each worker.
const SLOTS: u16 = 2;

/// It may take so long.
const BOUND: Duration = Duration::from_secs(600);

/// Chunks per second that so many workers carry, between a tenth and nine tenths of the plan. Each
/// worker has connections of its own, as if it were a process; all share this one.
///
/// # Panics
/// When the servers do not start, or the run does not end.
pub async fn alone(workers: u32, chunks: u32) -> f64 {
    let (rabbit, redis) = tokio::join!(Rabbit::start(), Redis::start());
    let house = House::with(chunks).await;
    let (stop, stopping) = watch::channel(false);
    let mut roles = JoinSet::new();
    let place = Place { rabbit: &rabbit, redis: &redis, house: &house, stop: stopping };
    roles.spawn(coordinator::serve(place.coordinator()));
    for number in 0..workers {
        roles.spawn(worker::serve(place.worker(number)));
    }
    let (from, to) = (chunks as usize / 10, chunks as usize * 9 / 10);
    let reach = async |count| {
        let done = async || {
            let mut home = house.target.home().await.expect("memory opens");
            let done = home.done(house.run).await.expect("memory answers").len();
            (done >= count).then_some((done, Instant::now()))
        };
        until("chunks to be done", BOUND, done).await
    };
    let ((first, began), (last, ended)) = (reach(from).await, reach(to).await);
    stop.send_replace(true);
    while let Some(ended) = roles.join_next().await {
        ended.expect("no role panics").expect("no role fails");
    }
    let done = u32::try_from(last - first).expect("there are not so many");
    f64::from(done) / ended.duration_since(began).as_secs_f64()
}

/// What the roles stand around.
struct Place<'a> {
    rabbit: &'a Rabbit,
    redis: &'a Redis,
    house: &'a House,
    stop: watch::Receiver<bool>,
}

impl Place<'_> {
    fn broker(&self, slots: u16) -> Arc<Amqp> {
        let url = format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.rabbit.port());
        let keys = Keys::new("k1", [("k1".to_owned(), KEY.1.as_bytes().to_vec())]);
        let keys = keys.expect("the key is long enough");
        let options = Options { slots, keys, ..Options::new(url, FLEET) };
        Arc::new(Amqp::new(options).expect("the options make sense"))
    }

    fn ledger(&self) -> Arc<Ledger> {
        let options = RedisOptions {
            url: format!("redis://127.0.0.1:{}/0", self.redis.port()),
            password: None,
            tls: None,
            fleet: FLEET.into(),
        };
        let ledger = Ledger::new(&options, Arc::new(SystemClock));
        Arc::new(ledger.expect("the options make sense"))
    }

    fn coordinator(&self) -> coordinator::Service {
        coordinator::Service {
            id: WorkerId("coordinator".into()),
            host: "here".into(),
            desk: Arc::new(self.house.clone()),
            ledger: self.ledger(),
            broker: self.broker(1),
            clock: Arc::new(SystemClock),
            probe: coordinator::no_probe(),
            stop: self.stop.clone(),
        }
    }

    fn worker(&self, number: u32) -> worker::Service {
        worker::Service {
            id: WorkerId(format!("worker {number}")),
            host: "here".into(),
            slots: u32::from(SLOTS),
            memory_bytes: 1 << 20,
            grace: Duration::from_secs(20),
            desk: Arc::new(self.house.clone()),
            ledger: self.ledger(),
            broker: self.broker(SLOTS),
            clock: Arc::new(SystemClock),
            probe: worker::no_probe(),
            stop: self.stop.clone(),
        }
    }
}

/// A source with one row, a target, and a run of many chunks of which one finds it.
#[derive(Clone)]
struct House {
    source: Memory,
    target: Memory,
    run: RunId,
}

impl House {
    async fn with(chunks: u32) -> Self {
        let table = Memory::table("entry", &[("id", Logical::Integer { bits: 64 })], &["id"]);
        let source = Memory::new("old").with_table(table, &[&[Some("1")]]);
        let this = Self { source, target: Memory::new("new"), run: RunId(uuid::Uuid::now_v7()) };
        let migration = Migration {
            name: "alone".into(),
            from: Environment("old".into()),
            to: Environment("new".into()),
            entities: vec![EntityRule::plain("*")],
            consistency: Consistency::Snapshot,
            on_snapshot_lost: OnSnapshotLost::Stop,
            limits: Limits::default(),
            include: None,
        };
        let plan = coordinator::plan::draw(&migration, &this.source, &this.target).await;
        let mut plan = plan.expect("one table is planned");
        add_empty(&mut plan, chunks);
        let now = SystemClock.now();
        let record = Record { fleet: true, ..Record::new(this.run, &plan, now) };
        let mut home = this.target.home().await.expect("memory opens");
        home.install().await.expect("memory is writable");
        home.store(&record, &plan).await.expect("nobody owns the table");
        this
    }
}

/// Adds ranges in which no row is.
fn add_empty(plan: &mut Plan, chunks: u32) {
    let copy = plan.chunks.iter().find(|chunk| chunk.stage == Stage::Copy);
    let copy = copy.expect("the table is copied").clone();
    let beyond = || Some(Bound(vec!["1".into()]));
    for _ in 0..chunks {
        let id = ChunkId(u32::try_from(plan.chunks.len()).expect("chunk ids are u32"));
        let work = Work::Copy(Range { after: beyond(), upto: beyond() });
        plan.chunks.push(Chunk { id, work, ..copy.clone() });
    }
}

#[async_trait]
impl coordinator::Desk for House {
    async fn homes(&self) -> Vec<(Environment, Result<Arc<dyn Target>, Fault>)> {
        vec![(Environment("new".into()), Ok(Arc::new(self.target.clone())))]
    }

    async fn source(&self, _: &Environment) -> Result<Arc<dyn Source>, Fault> {
        Ok(Arc::new(self.source.clone()))
    }

    fn knows(&self) -> Vec<Environment> {
        ["old", "new"].map(|name| Environment(name.into())).into()
    }
}

#[async_trait]
impl worker::Desk for House {
    async fn open(&self, run: RunId) -> Result<worker::Opened, Fault> {
        let mut home = self.target.home().await?;
        Ok(worker::Opened {
            record: home.run(run).await?,
            plan: Arc::new(home.plan(run).await?),
            source: Arc::new(self.source.clone()),
            target: Arc::new(self.target.clone()),
            places: Vec::new(),
        })
    }

    fn knows(&self) -> Vec<Environment> {
        ["old", "new"].map(|name| Environment(name.into())).into()
    }
}
