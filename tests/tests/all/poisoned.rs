//! A Redis that lies to a fleet of processes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use std::sync::Arc;
use std::time::Duration;

use ledger::{Ledger as _, Redis, RedisOptions};
use protocol::clock::{Clock as _, SystemClock};
use protocol::event::Fact;
use protocol::id::{Environment, WorkerId};
use protocol::presence::{Presence, Role};
use tests::fleet::Fleet;

use crate::visible::{HOSTILE, is_safe};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Rows, in chunks of a hundred, at so many per second that the copy takes a while.
const ROWS: u64 = 3_000;

/// Says a command to the ledger, as anybody can who reaches it.
fn redis(command: &[&str]) {
    let url = Fleet::ledger();
    let place = url.trim_start_matches("redis://").split('/').next().unwrap();
    let mut socket = TcpStream::connect(place).unwrap();
    socket.write_all(format!("{}\r\n", command.join(" ")).as_bytes()).unwrap();
    let mut answer = [0; 1];
    socket.read_exact(&mut answer).unwrap();
    assert!(matches!(answer[0], b':' | b'+'), "it answers {}", char::from(answer[0]));
}

fn key(fleet: &Fleet, run: &str, what: &str) -> String {
    format!("longhaul:1:{}:{{{run}}}:{what}", fleet.name())
}

/// Everything is put among the parked, and an operator has them tried again: all at once, for all that
/// the ledger knows.
#[tokio::test]
async fn chunks_that_were_parked_and_retried_in_the_middle_of_a_copy_wait_for_their_turn() {
    let fleet = Fleet::new(LONGHAUL, ROWS, "limits: { rows_per_second: 600 }\n").await;
    let _leader = fleet.starts(&["coordinator"]);
    let _worker = fleet.starts(&["worker", "--slots", "4"]);
    let run = fleet.submits(&[]);
    fleet.until("SELECT count(*) FROM longhaul.receipt", |n| n != "0" && n != "1").await;
    let ids: Vec<String> = (0..60).map(|id| id.to_string()).collect();
    let parked = key(&fleet, &run, "parked");
    let mut command = vec!["SADD", &parked];
    command.extend(ids.iter().map(String::as_str));
    redis(&command);
    let _ = fleet.longhaul(&["retry", &run]).exits(0);
    fleet.until("SELECT state FROM longhaul.run", |state| state == "complete").await;
    fleet.is_moved().await;
    let _ = fleet.longhaul(&["report", &run]).exits(0).says(&["VERIFIED: 3,000 rows"]);
}

/// A number of chunks for which there is no memory anywhere.
#[tokio::test]
async fn a_ledger_that_counts_chunks_by_the_billion_ends_no_process() {
    let fleet = Fleet::new(LONGHAUL, ROWS, "limits: { rows_per_second: 1500 }\n").await;
    let _leader = fleet.starts(&["coordinator"]);
    let _worker = fleet.starts(&["worker", "--slots", "2"]);
    let run = fleet.submits(&[]);
    fleet.until("SELECT count(*) FROM longhaul.receipt", |n| n != "0" && n != "1").await;
    redis(&["HSET", &key(&fleet, &run, "meta"), "chunks", "4294967295"]);
    let _ = fleet.longhaul(&["status", &run]).exits(0);
    fleet.until("SELECT state FROM longhaul.run", |state| state == "complete").await;
    fleet.is_moved().await;
    let _ = fleet.longhaul(&["report", &run]).exits(0).says(&["VERIFIED: 3,000 rows"]);
}

/// Chunks that a worker holds for ever who never was.
#[tokio::test]
async fn claims_of_nobody_are_a_trouble_that_is_told_and_hold_nothing_up() {
    let fleet = Fleet::new(LONGHAUL, ROWS, "limits: { rows_per_second: 1500 }\n").await;
    let _leader = fleet.starts(&["coordinator"]);
    let _worker = fleet.starts(&["worker", "--slots", "2"]);
    let run = fleet.submits(&[]);
    fleet.until("SELECT count(*) FROM longhaul.receipt", |n| n != "0" && n != "1").await;
    let (held, claims) = (key(&fleet, &run, "held"), key(&fleet, &run, "claims"));
    let ghost = "01a1fde1-9d16-7582-8072-3ea2df81c41fghost/7";
    for chunk in 25..30 {
        let chunk = chunk.to_string();
        // One ends soon, as a claim could, and is believed until then.
        let soon = SystemClock.now().plus_millis(20_000).0;
        let until = if chunk == "25" { soon.to_string() } else { "9000000000000000".into() };
        redis(&["HSET", &held, &chunk, ghost]);
        redis(&["ZADD", &claims, &until, &chunk]);
    }
    let said = fleet.longhaul(&["status", &run]).exits(0).says(&["not there", "ghost"]);
    assert!(said.stdout.contains("trouble: "), "{said}");
    fleet.until("SELECT state FROM longhaul.run", |state| state == "complete").await;
    fleet.is_moved().await;
}

/// Whatever somebody makes the ledger say is shown, and steers no terminal.
#[tokio::test]
async fn words_of_the_ledger_are_printed_safely_by_every_command_of_a_fleet() {
    let fleet = Fleet::new(LONGHAUL, 100, "").await;
    let _leader = fleet.starts(&["coordinator"]);
    let _worker = fleet.starts(&["worker", "--slots", "1"]);
    let run = fleet.submits(&[]);
    fleet.until("SELECT state FROM longhaul.run", |state| state == "complete").await;
    let options = RedisOptions {
        url: Fleet::ledger(),
        fleet: fleet.name().into(),
        ..RedisOptions::default()
    };
    let ledger = Redis::new(&options, Arc::new(SystemClock)).unwrap();
    let presence = Presence {
        id: WorkerId(HOSTILE.into()),
        role: Role::Worker,
        host: HOSTILE.into(),
        pid: 7,
        version: HOSTILE.into(),
        protocol: 1,
        slots: u32::MAX,
        since: SystemClock.now(),
        on: Vec::new(),
        leads: Vec::new(),
        draining: false,
        trouble: Some(HOSTILE.into()),
        left: false,
        knows: Some(vec![Environment(HOSTILE.into())]),
    };
    ledger.present(&presence, Duration::from_secs(300)).await.unwrap();
    let id = ledger.runs().await.unwrap()[0];
    let (code, message) = (HOSTILE.to_owned(), HOSTILE.to_owned());
    ledger.publish(id, Fact::Finding { code, message }).await.unwrap();
    let words = || HOSTILE.to_owned();
    for parked in [false, true] {
        let fact = Fact::Faulted {
            chunk: protocol::id::ChunkId(9_999),
            entity: Some(protocol::id::EntityId(9_999)),
            what: words(),
            code: words(),
            message: words(),
            advice: words(),
            attempt: 1,
            parked,
        };
        ledger.publish(id, fact).await.unwrap();
    }
    for arguments in [
        &["workers"][..],
        &["workers", "--output", "json"],
        &["status", &run],
        &["status", &run, "--output", "json"],
        &["watch", &run, "--progress", "plain"],
        &["watch", &run, "--progress", "bars"],
        &["watch", &run, "--progress", "json"],
        &["events", &run],
        &["report", &run],
        &["runs"],
    ] {
        let said = is_safe(fleet.longhaul(arguments));
        assert!(!said.stdout.is_empty() || !said.stderr.is_empty(), "{arguments:?}");
    }
    let _ = fleet.longhaul(&["workers"]).exits(0).says(&[r"\u{1b}[2J"]);
}
