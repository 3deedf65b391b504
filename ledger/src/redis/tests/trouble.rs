//! A Redis that is gone, silent, full, read-only, or wiped: a fault, soon, and back by itself.

use protocol::fault::Code;

use super::server::Server;
use super::*;

const RUN: RunId = RunId(Uuid::from_u128(1));
const MINE: AttemptId = AttemptId(Uuid::from_u128(7));

/// What a call may take when Redis does not answer, and a machine is busy.
const SOON: Duration = Duration::from_secs(6);

async fn claim(ledger: &Redis, chunk: u32) -> Result<Claim, protocol::fault::Fault> {
    ledger.claim(RUN, ChunkId(chunk), MINE, &WorkerId("w".into()), PATIENCE).await
}

/// A claim that must fail; its code, and how long it took.
async fn refused(ledger: &Redis) -> (Code, Duration) {
    let begun = Instant::now();
    let fault = claim(ledger, 0).await.expect_err("Redis is not fit");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    (fault.code(), begun.elapsed())
}

/// Asks until it answers: it comes back by itself, but not at a time that a test could know.
async fn back(ledger: &Redis) {
    let begun = Instant::now();
    while let Some(trouble) = ledger.trouble().await {
        assert!(begun.elapsed() < PATIENCE, "{trouble}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn ready(server: &Server) -> Redis {
    let ledger = ledger(&server.url(), "trouble");
    ledger.open(RUN, 2).await.unwrap();
    ledger.release(RUN, &[0, 1].map(ChunkId)).await.unwrap();
    ledger
}

#[tokio::test]
async fn a_redis_that_was_never_there_is_a_fault() {
    let ledger = ledger("redis://127.0.0.1:1", "nowhere");
    let fault = claim(&ledger, 0).await.unwrap_err();
    assert_eq!(fault.code(), Code::Unreachable);
    assert!(fault.to_string().contains("127.0.0.1:1"), "{fault}");
    assert!(ledger.trouble().await.unwrap().contains("nobody listens"));
    let mut watcher = ledger.subscribe();
    ledger.publish(RUN, leadership(1)).await.unwrap_err();
    assert!(watcher.try_recv().is_err());
    ledger.wait(RUN, Duration::from_millis(1)).await;
}

#[tokio::test]
async fn a_redis_that_was_killed_is_a_fault_and_comes_back_empty() {
    let mut server = Server::start().await;
    let ledger = ready(&server).await;
    let mut watcher = ledger.subscribe();
    let before = ledger.publish(RUN, leadership(1)).await.unwrap();
    watcher.recv().await.unwrap();
    server.kill();
    refused(&ledger).await;
    assert_eq!(refused(&ledger).await.0, Code::Unreachable);
    let begun = Instant::now();
    for _ in 0..100 {
        refused(&ledger).await;
    }
    assert!(begun.elapsed() < SOON, "while it is away, calls fail at once");

    server.restart().await;
    back(&ledger).await;
    assert_eq!(claim(&ledger, 0).await.unwrap(), Claim::Unknown);
    assert_eq!(ledger.checkpoints(RUN).await.unwrap(), None);
    assert!(ledger.open(RUN, 2).await.unwrap());
    ledger.restore(RUN, &[ChunkId(1)]).await.unwrap();
    assert_eq!(claim(&ledger, 1).await.unwrap(), Claim::Done);

    // Whoever watches hears again, under numbers that go on rising.
    let again = timeout(PATIENCE, async {
        loop {
            let number = ledger.publish(RUN, leadership(2)).await.unwrap();
            assert!(number > before);
            let heard = timeout(Duration::from_millis(100), watcher.recv()).await;
            // It may be told of the gap first.
            if heard.is_ok_and(|event| event.unwrap().fact == leadership(2)) {
                break;
            }
        }
    });
    again.await.unwrap();
    let read = ledger.events(RUN, before, 2).await.unwrap();
    assert_eq!(read[0].fact, Fact::Gap { missed: None });
    assert_eq!(read[1].fact, leadership(2));
}

#[tokio::test]
async fn a_silent_redis_delays_one_call_and_no_more() {
    let server = Server::start().await;
    let ledger = ready(&server).await;
    server.stop();
    assert_eq!(refused(&ledger).await.0, Code::Unreachable);
    let (code, took) = refused(&ledger).await;
    assert_eq!(code, Code::Unreachable);
    assert!(took < Duration::from_millis(200), "{took:?}");
    assert!(ledger.trouble().await.unwrap().contains("no answer in time"));
    server.go_on();
    back(&ledger).await;
    // The lost answer: it was claimed all the same, and asking again is asking once.
    assert_eq!(claim(&ledger, 0).await.unwrap(), Claim::Claimed { tries: 1 });
}

#[tokio::test]
async fn a_full_or_read_only_redis_says_what_to_do() {
    let server = Server::start().await;
    let ledger = ready(&server).await;
    server.tell(&["CONFIG", "SET", "maxmemory", "1"]);
    let fault = claim(&ledger, 0).await.unwrap_err();
    assert_eq!(fault.code(), Code::LedgerUnusable);
    assert!(fault.to_string().contains("out of memory"), "{fault}");
    assert!(fault.advice().contains("maxmemory"), "{}", fault.advice());
    assert!(ledger.checkpoints(RUN).await.unwrap().is_some(), "it can still be read");
    assert!(ledger.trouble().await.unwrap().contains("out of memory"));
    server.tell(&["CONFIG", "SET", "maxmemory", "0"]);
    back(&ledger).await;

    server.tell(&["REPLICAOF", "127.0.0.1", "1"]);
    let fault = claim(&ledger, 0).await.unwrap_err();
    assert_eq!(fault.code(), Code::LedgerUnusable);
    assert!(fault.to_string().contains("READONLY"), "{fault}");
    server.tell(&["REPLICAOF", "NO", "ONE"]);
    back(&ledger).await;

    server.tell(&["CONFIG", "SET", "requirepass", "s3cret"]);
    let options = RedisOptions {
        url: server.url(),
        password: Some("wr0ng".into()),
        fleet: "trouble".into(),
        ..RedisOptions::default()
    };
    let wrong = Redis::new(&options, Arc::new(SystemClock)).unwrap();
    let fault = claim(&wrong, 0).await.unwrap_err();
    assert_eq!(fault.code(), Code::LoginRefused);
    assert!(fault.advice().contains("password of the ledger"), "{}", fault.advice());
    assert!(!format!("{fault} {fault:?}").contains("wr0ng"), "{fault:?}");
    let right = RedisOptions { password: Some("s3cret".into()), ..options };
    let right = Redis::new(&right, Arc::new(SystemClock)).unwrap();
    assert_eq!(claim(&right, 0).await.unwrap(), Claim::Claimed { tries: 1 });
}

#[tokio::test]
async fn a_wiped_redis_is_an_empty_one() {
    let server = Server::start().await;
    let ledger = ready(&server).await;
    claim(&ledger, 0).await.unwrap();
    server.tell(&["FLUSHALL"]);
    server.tell(&["SCRIPT", "FLUSH"]);
    let hold = ledger.renew(RUN, ChunkId(0), MINE, PATIENCE).await.unwrap();
    assert_eq!(hold, crate::Hold::Unknown);
    assert!(!ledger.record(RUN, ChunkId(0), Event::Receipt).await.unwrap());
    assert!(ledger.runs().await.unwrap().is_empty());
    ledger.publish(RUN, leadership(1)).await.unwrap();
    assert_eq!(ledger.runs().await.unwrap(), [RUN]);

    // What somebody else wrote under our names is a fault, not a panic.
    let [meta, done, ..] = ledger.keys.chunks(RUN);
    server.tell(&["SET", &meta, "prose"]);
    assert_eq!(refused(&ledger).await.0, Code::LedgerUnusable);
    assert_eq!(ledger.checkpoints(RUN).await.unwrap_err().code(), Code::LedgerUnusable);
    server.tell(&["DEL", &meta]);
    ledger.open(RUN, 2).await.unwrap();
    server.tell(&["HSET", &done, "a", "b"]);
    assert_eq!(ledger.checkpoints(RUN).await.unwrap_err().code(), Code::LedgerUnusable);
}

/// Somebody with access to the server writes what no ledger of ours would.
async fn poison(server: &Server, command: &[&str]) {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("longhaul:1:trouble:{{{RUN}}}:{}", command[1]);
    let asked = redis::cmd(command[0]).arg(key).arg(&command[2..]).to_owned();
    let _: redis::Value = asked.query_async(&mut connection).await.unwrap();
}

#[tokio::test]
async fn more_chunks_than_a_plan_has_are_a_fault_and_no_memory_is_set_aside_for_them() {
    let server = Server::start().await;
    for command in [
        ["HSET", "meta", "chunks", "4294967295"],
        ["HSET", "meta", "chunks", "9e15"],
        ["HSET", "meta", "chunks", "-1"],
    ] {
        let ledger = ready(&server).await;
        poison(&server, &command).await;
        let fault = ledger.checkpoints(RUN).await.unwrap_err();
        assert_eq!(fault.code(), Code::Absurd, "{command:?}");
        // Whoever opens the run anew is rid of it.
        assert!(ledger.open(RUN, 2).await.unwrap());
        assert_eq!(ledger.checkpoints(RUN).await.unwrap().unwrap().states, [State::Waiting; 2]);
    }
    let ledger = ready(&server).await;
    poison(&server, &["SADD", "parked", "1", "7", "8", "9"]).await;
    assert_eq!(ledger.checkpoints(RUN).await.unwrap_err().code(), Code::Absurd);
}

#[tokio::test]
async fn claims_that_no_worker_would_make_are_taken_back() {
    let server = Server::start().await;
    let ledger = ready(&server).await;
    let holder = format!("{}ghost", Uuid::from_u128(9));
    for chunk in ["0", "1"] {
        poison(&server, &["HSET", "held", chunk, &holder]).await;
    }
    poison(&server, &["ZADD", "claims", "9000000000000000", "0"]).await;
    assert!(matches!(claim(&ledger, 0).await, Ok(Claim::Claimed { .. })), "it is not believed");
    poison(&server, &["HSET", "held", "0", &holder]).await;
    poison(&server, &["ZADD", "claims", "9000000000000000", "0"]).await;
    assert_eq!(ledger.reap(RUN).await.unwrap(), [0, 1].map(ChunkId), "one said no time at all");
    assert_eq!(ledger.checkpoints(RUN).await.unwrap().unwrap().states, [State::Ready; 2]);
}
