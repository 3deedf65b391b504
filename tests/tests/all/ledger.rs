//! The ledger of a fleet against a real Redis: encryption, and a day in which everything that can
//! happen to a Redis happens.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::{Ledger, Redis, RedisOptions};
use protocol::chunk::{Event, State};
use protocol::clock::SystemClock;
use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, RunId};
use tests::certificates::Authority;
use tests::redis::Redis as Server;
use tests::scratch::Folder;
use tls::{Encryption, Verify};
use uuid::Uuid;

const RUN: RunId = RunId(Uuid::from_u128(1));

fn ledger(url: String, tls: Option<Encryption>) -> Redis {
    let options = RedisOptions { url, tls, fleet: "tests".into(), ..RedisOptions::default() };
    Redis::new(&options, Arc::new(SystemClock)).unwrap()
}

fn trusting(ca: &Path, verify: Verify) -> Encryption {
    Encryption { ca: Some(ca.to_owned()), verify, ..Encryption::default() }
}

#[tokio::test]
async fn an_encrypted_redis_proves_who_it_is() {
    let folder = Folder::new();
    let ours = Authority::new(folder.path(), "ours");
    let theirs = Authority::new(folder.path(), "theirs");
    let server = Server::start_encrypted(&ours.sign(&["localhost"]), ours.file());
    let me = ours.sign(&["worker"]);
    let (cert, key) = (Some(me.certificate), Some(me.key));
    let open = async |host: &str, tls: Encryption| -> Result<bool, Fault> {
        let url = format!("rediss://{host}:{}", server.encrypted_port());
        ledger(url, Some(tls)).open(RUN, 1).await
    };
    let with = |ca: &Path, verify| Encryption {
        cert: cert.clone(),
        key: key.clone(),
        ..trusting(ca, verify)
    };

    assert!(open("localhost", with(ours.file(), Verify::Full)).await.unwrap());
    assert!(!open("127.0.0.1", with(ours.file(), Verify::Ca)).await.unwrap());
    let blind = Encryption { ca: None, ..with(ours.file(), Verify::None) };
    assert!(!open("127.0.0.1", blind).await.unwrap());

    for (host, tls) in [
        ("127.0.0.1", with(ours.file(), Verify::Full)),
        ("localhost", with(theirs.file(), Verify::Full)),
        ("localhost", with(theirs.file(), Verify::Ca)),
        // It wants to know who we are, too.
        ("localhost", trusting(ours.file(), Verify::Full)),
    ] {
        let fault = open(host, tls.clone()).await.unwrap_err();
        assert!(
            matches!(fault.code(), Code::Unreachable | Code::LedgerUnusable),
            "{host} {tls:?}: {fault}"
        );
    }
}

/// Waits until the ledger does all that it should.
async fn sound(ledger: &Redis) {
    let begun = Instant::now();
    while let Some(trouble) = ledger.trouble().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{trouble}");
        tokio::task::yield_now().await;
    }
}

/// A run of 10,000 chunks is rebuilt from its receipts within the time that issue 3 allows, after
/// each of the things that make Redis forget.
#[tokio::test]
async fn whatever_made_redis_forget_ten_thousand_chunks_are_soon_back() {
    let mut server = Server::start();
    let ledger = ledger(server.url(), None);
    let all: Vec<_> = (0..10_000).map(ChunkId).collect();
    for mishap in ["nothing", "flushed", "killed", "full"] {
        match mishap {
            "flushed" => server.flush(),
            "killed" => {
                server.kill();
                ledger.runs().await.unwrap_err();
                server.restart();
            }
            "full" => {
                server.flush();
                server.limit_memory(1);
                let said = ledger.trouble().await;
                assert!(said.as_ref().is_some_and(|s| s.contains("out of memory")), "{said:?}");
                server.limit_memory(0);
            }
            _ => {}
        }
        sound(&ledger).await;
        let begun = Instant::now();
        assert!(ledger.open(RUN, 10_001).await.unwrap(), "{mishap}");
        ledger.restore(RUN, &all).await.unwrap();
        let states = ledger.checkpoints(RUN).await.unwrap().unwrap().states;
        assert!(begun.elapsed() < Duration::from_secs(10), "{mishap}: {:?}", begun.elapsed());
        assert!(states[..10_000].iter().all(|state| *state == State::Done), "{mishap}");
        assert!(ledger.record(RUN, ChunkId(10_000), Event::Released).await.unwrap(), "{mishap}");
    }
}
