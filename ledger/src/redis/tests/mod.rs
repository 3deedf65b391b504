//! The suites on a real Redis, and what it promises beyond them.
//!
//! The server is the one in `LONGHAUL_TEST_REDIS`, or that on this machine's usual port. Each test
//! has a fleet of its own, which goes with it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use protocol::chunk::{Event, State};
use protocol::clock::SystemClock;
use protocol::event::Fact;
use protocol::id::{AttemptId, ChunkId, EntityId, RunId, WorkerId};
use protocol::run;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::{Redis, RedisOptions};
use crate::conformance::{Bench, Time};
use crate::{Claim, Ledger};

const PATIENCE: Duration = Duration::from_secs(30);

/// Where the tests' Redis is.
pub(crate) fn url() -> String {
    std::env::var("LONGHAUL_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned())
}

/// A ledger of a fleet, at some server.
pub(crate) fn ledger(url: &str, fleet: &str) -> Redis {
    let options = RedisOptions { url: url.into(), fleet: fleet.into(), ..RedisOptions::default() };
    Redis::new(&options, Arc::new(SystemClock)).unwrap()
}

/// A fleet of its own on the tests' Redis, whose keys go with it.
pub(crate) struct Fleet(pub(crate) String);

impl Fleet {
    pub(crate) fn new() -> Self {
        Self(format!("test-{}", Uuid::new_v4().simple()))
    }

    /// A handle on the fleet's ledger, as another process would have.
    pub(crate) async fn ledger(&self) -> Redis {
        let ledger = ledger(&url(), &self.0);
        let trouble = ledger.trouble().await;
        assert_eq!(trouble, None, "these tests need a Redis: set LONGHAUL_TEST_REDIS, or ./check");
        ledger
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let Ok(mut connection) = redis::Client::open(url()).and_then(|c| c.get_connection()) else {
            return;
        };
        let script = redis::Script::new(
            "local cursor = '0'
             repeat
               local page = redis.call('SCAN', cursor, 'MATCH', ARGV[1], 'COUNT', 1000)
               cursor = page[1]
               for _, key in ipairs(page[2]) do redis.call('DEL', key) end
             until cursor == '0'",
        );
        let keys = format!("*longhaul:1:{}:*", self.0);
        let _ = script.arg(keys).invoke::<()>(&mut connection);
    }
}

/// Lets time pass by being ahead of the server's clock.
pub(crate) struct Ahead(pub(crate) Arc<Redis>);

#[async_trait]
impl Time for Ahead {
    async fn pass(&self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).unwrap();
        self.0.ahead.fetch_add(micros, Ordering::Relaxed);
    }
}

async fn bench() -> Bench {
    let fleet = Fleet::new();
    let ledger = Arc::new(fleet.ledger().await);
    Bench { ledger: ledger.clone(), time: Arc::new(Ahead(ledger)), litter: Some(Box::new(fleet)) }
}

crate::ledger_conformance!(bench());

mod server;
mod trouble;

mod faulty {
    use super::*;
    use crate::Faulty;

    crate::ledger_conformance!(async {
        let Bench { ledger, time, litter } = bench().await;
        Bench { ledger: Arc::new(Faulty::new(ledger)), time, litter }
    });
}

fn new_run() -> RunId {
    RunId(Uuid::now_v7())
}

fn leadership(epoch: u64) -> Fact {
    Fact::Run { state: run::State::Running, epoch }
}

#[tokio::test]
async fn a_wait_ends_with_a_change_made_elsewhere() {
    let fleet = Fleet::new();
    let (one, two, run) = (fleet.ledger().await, fleet.ledger().await, new_run());
    one.open(run, 1).await.unwrap();
    // Begins to listen.
    one.wait(run, Duration::ZERO).await;
    one.publish(run, leadership(1)).await.unwrap();
    one.wait(run, Duration::ZERO).await;
    one.checkpoints(run).await.unwrap();
    two.record(run, ChunkId(0), Event::Receipt).await.unwrap();
    timeout(PATIENCE, one.wait(run, PATIENCE * 2)).await.unwrap();
}

#[tokio::test]
async fn events_are_heard_wherever_they_are_published() {
    let fleet = Fleet::new();
    let (one, two, run) = (fleet.ledger().await, fleet.ledger().await, new_run());
    let mut watcher = one.subscribe();
    one.publish(run, leadership(1)).await.unwrap();
    let moving = Fact::Moving { chunk: ChunkId(0), entity: EntityId(0), rows: 1, bytes: 2 };
    two.publish(run, moving.clone()).await.unwrap();
    two.publish(run, leadership(2)).await.unwrap();
    let mut seen = vec![];
    for _ in 0..3 {
        seen.push(timeout(PATIENCE, watcher.recv()).await.unwrap().unwrap());
    }
    let facts: Vec<_> = seen.iter().map(|event| event.fact.clone()).collect();
    assert_eq!(facts, [leadership(1), moving, leadership(2)]);
    seen.remove(1);
    assert_eq!(two.events(run, 0, 10).await.unwrap(), seen);
}

#[tokio::test]
async fn a_stream_is_bounded_and_tells_late_readers_what_they_missed() {
    let fleet = Fleet::new();
    let (mut ledger, run) = (fleet.ledger().await, new_run());
    ledger.events_max = 100;
    let mut numbers = vec![];
    for epoch in 1..=1000 {
        numbers.push(ledger.publish(run, leadership(epoch)).await.unwrap());
    }
    let late = ledger.events(run, numbers[0], usize::MAX).await.unwrap();
    assert!((100..500).contains(&late.len()), "{} are kept", late.len());
    let missed = u64::try_from(1000 - late.len()).unwrap();
    assert_eq!(late[0].fact, Fact::Gap { missed: Some(missed) });
    assert_eq!(late[0].sequence + 1, late[1].sequence);
    assert_eq!(late.last().unwrap().sequence, numbers[999]);
}

/// What one leader left is what the next one finds, for a run of a million chunks.
#[tokio::test]
async fn a_million_chunks_are_little_and_quick() {
    const MILLION: u32 = 1_000_000;
    let fleet = Fleet::new();
    let (ledger, run) = (fleet.ledger().await, new_run());
    let begun = Instant::now();
    ledger.open(run, MILLION).await.unwrap();
    let all: Vec<_> = (0..MILLION).map(ChunkId).collect();
    ledger.release(run, &all).await.unwrap();
    ledger.restore(run, &all[10_000..]).await.unwrap();
    let worker = WorkerId("w".into());
    let attempt = AttemptId(Uuid::new_v4());
    ledger.claim(run, ChunkId(3), attempt, &worker, PATIENCE).await.unwrap();
    let known = ledger.checkpoints(run).await.unwrap().unwrap();
    assert_eq!(known.states.len(), MILLION as usize);
    assert_eq!(known.states[3], State::Claimed(attempt));
    assert_eq!(known.states[9_999], State::Ready);
    assert_eq!(known.states.iter().filter(|state| **state == State::Done).count(), 990_000);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());

    let mut connection = redis::Client::open(url()).unwrap().get_connection().unwrap();
    let mut bytes = 0;
    for key in ledger.keys.chunks(run) {
        let used: Option<u64> =
            redis::cmd("MEMORY").arg("USAGE").arg(key).query(&mut connection).unwrap();
        bytes += used.unwrap_or(0);
    }
    assert!(bytes < 512 * 1024, "{bytes} bytes");
    eprintln!("a million chunks: {:?}, {bytes} bytes", begun.elapsed());
}

#[tokio::test]
async fn fleets_do_not_see_each_other() {
    let (here, there) = (Fleet::new(), Fleet::new());
    let (one, two, run) = (here.ledger().await, there.ledger().await, new_run());
    one.open(run, 1).await.unwrap();
    assert!(two.runs().await.unwrap().is_empty());
    let claim =
        two.claim(run, ChunkId(0), AttemptId(Uuid::nil()), &WorkerId("w".into()), PATIENCE).await;
    assert_eq!(claim.unwrap(), Claim::Unknown);
}
