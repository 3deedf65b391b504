//! What a local ledger promises beyond the suite: that it lasts, that others can look, and that
//! its file may be lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::chunk::{Event, State};
use protocol::event::Fact;
use protocol::fault::{Code, Fault};
use protocol::id::{AttemptId, ChunkId, RunId, WorkerId};
use protocol::run;
use rusqlite::Connection;
use uuid::Uuid;

use super::Local;
use crate::conformance::{Bench, SteppedClock, Time};
use crate::{Claim, Ledger};

const RUN: RunId = RunId(Uuid::from_u128(1));
const TTL: Duration = Duration::from_secs(30);
const MINE: AttemptId = AttemptId(Uuid::from_u128(7));

/// A folder of its own that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("longhaul-ledger-{}", Uuid::new_v4())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self) -> PathBuf {
        Local::file_in(&self.0)
    }

    async fn open(&self) -> Local {
        self.open_at(Arc::default()).await
    }

    async fn open_at(&self, clock: Arc<SteppedClock>) -> Local {
        Local::open(&self.0, clock).await.unwrap()
    }

    async fn refused(&self) -> Fault {
        let opened = Local::open(&self.0, Arc::<SteppedClock>::default()).await;
        opened.err().expect("the file cannot be used")
    }

    /// A ledger with run `RUN` of four chunks: done, parked, claimed, waiting.
    async fn half_way(&self) -> Local {
        let ledger = self.open().await;
        ledger.open(RUN, 4).await.unwrap();
        ledger.release(RUN, &[1, 2].map(ChunkId)).await.unwrap();
        ledger.record(RUN, ChunkId(0), Event::Receipt).await.unwrap();
        claim(&ledger, 1).await;
        ledger.record(RUN, ChunkId(1), Event::Parked(MINE)).await.unwrap();
        claim(&ledger, 2).await;
        ledger
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const HALF_WAY: [State; 4] = [State::Done, State::Parked, State::Claimed(MINE), State::Waiting];

async fn claim(ledger: &Local, chunk: u32) -> Claim {
    let worker = WorkerId("here".into());
    ledger.claim(RUN, ChunkId(chunk), MINE, &worker, TTL).await.unwrap()
}

async fn states(ledger: &Local) -> Vec<State> {
    ledger.checkpoints(RUN).await.unwrap().unwrap().states
}

fn leadership(epoch: u64) -> Fact {
    Fact::Run { state: run::State::Running, epoch }
}

async fn epochs(ledger: &Local) -> Vec<u64> {
    let events = ledger.events(RUN, 0, usize::MAX).await.unwrap();
    assert!(events.is_sorted_by(|a, b| a.sequence < b.sequence));
    let epoch = |fact| {
        let Fact::Run { epoch, .. } = fact else { panic!("{fact:?} was not published here") };
        epoch
    };
    events.into_iter().map(|event| epoch(event.fact)).collect()
}

crate::ledger_conformance!(async {
    let folder = Folder::new();
    let clock = Arc::new(SteppedClock::default());
    let ledger = Arc::new(folder.open_at(clock.clone()).await);
    Bench { ledger, time: clock, litter: Some(Box::new(folder)) }
});

#[tokio::test]
async fn states_and_tries_survive_the_process_and_claims_run_out() {
    let folder = Folder::new();
    drop(folder.half_way().await);

    let clock = Arc::new(SteppedClock::default());
    let ledger = folder.open_at(clock.clone()).await;
    assert!(!ledger.open(RUN, 4).await.unwrap());
    let checkpoints = ledger.checkpoints(RUN).await.unwrap().unwrap();
    assert_eq!(checkpoints.states, HALF_WAY);
    assert_eq!(checkpoints.attempts[&ChunkId(1)], 1);
    assert_eq!(checkpoints.holders[&ChunkId(2)].worker.0, "here");

    assert!(ledger.reap(RUN).await.unwrap().is_empty());
    clock.pass(TTL).await;
    assert_eq!(ledger.reap(RUN).await.unwrap(), [ChunkId(2)]);
}

#[tokio::test]
async fn a_new_process_that_is_alone_need_not_wait_for_claims_of_the_last_one() {
    let folder = Folder::new();
    drop(folder.half_way().await);
    let ledger = folder.open().await;
    ledger.open(RUN, 4).await.unwrap();
    assert_eq!(ledger.lapse_all(RUN).await.unwrap(), [ChunkId(2)]);
    assert_eq!(claim(&ledger, 2).await, Claim::Claimed { tries: 2 });
}

#[tokio::test]
async fn another_process_can_look_while_the_run_goes_on() {
    let folder = Folder::new();
    let running = folder.half_way().await;
    running.publish(RUN, leadership(1)).await.unwrap();
    running.note(RUN, "report", "a.json").await.unwrap();
    running.flush().await.unwrap();

    let looking = folder.open().await;
    assert_eq!(looking.runs().await.unwrap(), [RUN]);
    assert_eq!(states(&looking).await, HALF_WAY);
    assert_eq!(looking.notes(RUN).await.unwrap()["report"], "a.json");
    assert_eq!(epochs(&looking).await, [1]);

    // It sees what happens later, too.
    running.record(RUN, ChunkId(3), Event::Receipt).await.unwrap();
    running.publish(RUN, leadership(2)).await.unwrap();
    running.flush().await.unwrap();
    assert_eq!(states(&looking).await[3], State::Done);
    assert_eq!(epochs(&looking).await, [1, 2]);
}

#[tokio::test]
async fn two_processes_may_lead_a_run_each() {
    let folder = Folder::new();
    let (one, two) = (folder.half_way().await, folder.open().await);
    let other = RunId(Uuid::from_u128(2));
    two.open(other, 1).await.unwrap();
    two.record(other, ChunkId(0), Event::Receipt).await.unwrap();
    two.flush().await.unwrap();
    one.flush().await.unwrap();
    assert_eq!(two.runs().await.unwrap(), [other, RUN]);
    assert_eq!(one.checkpoints(other).await.unwrap().unwrap().states, [State::Done]);
}

#[tokio::test]
async fn numbers_of_events_go_on_where_they_ended_whoever_publishes() {
    let folder = Folder::new();
    let one = folder.open().await;
    one.publish(RUN, leadership(1)).await.unwrap();
    one.flush().await.unwrap();
    let two = folder.open().await;
    assert_eq!(two.publish(RUN, leadership(2)).await.unwrap(), 2);
    two.flush().await.unwrap();
    // The first one counts on from 1 and finds 2 taken; nothing is lost, and order is kept.
    one.publish(RUN, leadership(3)).await.unwrap();
    one.publish(RUN, leadership(4)).await.unwrap();
    assert_eq!(epochs(&one).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn only_the_latest_events_are_kept() {
    let folder = Folder::new();
    let clock = Arc::new(SteppedClock::default());
    let ledger = Local::open_with(folder.path(), clock, 10).await.unwrap();
    for epoch in 1..=35 {
        ledger.publish(RUN, leadership(epoch)).await.unwrap();
    }
    assert_eq!(epochs(&ledger).await, (26..=35).collect::<Vec<_>>());
    assert_eq!(ledger.publish(RUN, leadership(36)).await.unwrap(), 36);
}

#[tokio::test]
async fn the_file_may_be_deleted_while_the_run_goes_on() {
    for leavings in [&[][..], &["ledger.db-wal"], &["ledger.db-wal", "ledger.db-shm"]] {
        let folder = Folder::new();
        let ledger = folder.half_way().await;
        ledger.publish(RUN, leadership(1)).await.unwrap();
        ledger.flush().await.unwrap();
        fs::remove_file(folder.file()).unwrap();
        for name in ["ledger.db-wal", "ledger.db-shm"] {
            if !leavings.contains(&name) {
                fs::remove_file(folder.path().join(name)).unwrap();
            }
        }
        assert!(ledger.record(RUN, ChunkId(3), Event::Receipt).await.unwrap());
        assert_eq!(ledger.publish(RUN, leadership(2)).await.unwrap(), 2);
        ledger.flush().await.unwrap();
        drop(ledger);

        let ledger = folder.open().await;
        assert!(!ledger.open(RUN, 4).await.unwrap(), "with {leavings:?} left");
        let now = [State::Done, State::Parked, State::Claimed(MINE), State::Done];
        assert_eq!(states(&ledger).await, now);
        assert_eq!(epochs(&ledger).await, [2]);
    }
}

#[tokio::test]
async fn the_folder_may_be_deleted_between_two_runs_of_the_program() {
    let folder = Folder::new();
    drop(folder.half_way().await);
    fs::remove_dir_all(folder.path()).unwrap();
    let ledger = folder.open().await;
    assert!(ledger.open(RUN, 4).await.unwrap());
    assert_eq!(states(&ledger).await, [State::Waiting; 4]);
}

#[tokio::test]
async fn a_run_goes_on_from_memory_while_its_file_cannot_be_written() {
    let folder = Folder::new();
    let ledger = folder.half_way().await;
    ledger.flush().await.unwrap();
    fs::remove_file(folder.file()).unwrap();
    fs::write(folder.file(), "somebody else's prose, a page of it".repeat(100)).unwrap();

    assert!(ledger.record(RUN, ChunkId(3), Event::Receipt).await.unwrap());
    assert_eq!(states(&ledger).await[3], State::Done);
    assert_eq!(ledger.flush().await.unwrap_err().code(), Code::LedgerUnusable);
    assert_eq!(states(&ledger).await[3], State::Done);

    fs::remove_file(folder.file()).unwrap();
    ledger.flush().await.unwrap();
    assert_eq!(states(&folder.open().await).await[3], State::Done);
}

/// Makes every write of a chunk's row fail, until the trigger `full` is dropped.
fn fill(folder: &Folder) -> Connection {
    let raw = Connection::open(folder.file()).unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON chunk BEGIN SELECT RAISE(FAIL, 'full'); END";
    raw.execute(full, ()).unwrap();
    raw
}

#[tokio::test]
async fn a_forgotten_run_does_not_come_back_with_what_was_still_to_be_written() {
    let folder = Folder::new();
    let ledger = folder.half_way().await;
    ledger.flush().await.unwrap();
    let raw = fill(&folder);
    ledger.release(RUN, &[ChunkId(3)]).await.unwrap();
    ledger.flush().await.unwrap_err();
    ledger.forget(RUN).await.unwrap();
    raw.execute("DROP TRIGGER full", ()).unwrap();
    drop(ledger);
    let rows = raw.query_row("SELECT count(*) FROM chunk", (), |row| row.get::<_, i64>(0));
    assert_eq!(rows.unwrap(), 0);
}

#[tokio::test]
async fn what_could_not_be_written_is_written_later_and_in_order() {
    let folder = Folder::new();
    let ledger = folder.half_way().await;
    ledger.flush().await.unwrap();
    let raw = fill(&folder);

    // Twice, so that the later state has to wait for the earlier one.
    ledger.publish(RUN, leadership(1)).await.unwrap();
    ledger.release(RUN, &[ChunkId(3)]).await.unwrap();
    assert_eq!(ledger.flush().await.unwrap_err().code(), Code::LedgerUnusable);
    ledger.publish(RUN, leadership(2)).await.unwrap();
    ledger.record(RUN, ChunkId(3), Event::Receipt).await.unwrap();
    assert_eq!(ledger.flush().await.unwrap_err().code(), Code::LedgerUnusable);

    raw.execute("DROP TRIGGER full", ()).unwrap();
    assert_eq!(epochs(&ledger).await, [1, 2]);
    assert_eq!(states(&folder.open().await).await[3], State::Done);
}

#[tokio::test]
async fn a_damaged_file_is_refused_with_the_advice_to_delete_it() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).unwrap();
    fs::write(folder.file(), "not a database, and long enough to be seen as none".repeat(100))
        .unwrap();
    let fault = folder.refused().await;
    assert_eq!(fault.code(), Code::LedgerUnusable);
    assert!(fault.advice().contains("Delete the file"), "{}", fault.advice());
    fs::remove_file(folder.file()).unwrap();
    folder.open().await;
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_refused_by_name() {
    let folder = Folder::new();
    drop(folder.half_way().await);
    let raw = Connection::open(folder.file()).unwrap();
    raw.execute("UPDATE chunk SET state = 'flying' WHERE chunk = 0", ()).unwrap();
    let fault = folder.open().await.open(RUN, 4).await.unwrap_err();
    assert_eq!(fault.code(), Code::LedgerUnusable);
    assert!(fault.to_string().contains("damaged"), "{fault}");
}

#[tokio::test]
async fn a_newer_format_is_refused_by_its_number() {
    let folder = Folder::new();
    drop(folder.open().await);
    Connection::open(folder.file()).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let fault = folder.refused().await;
    assert_eq!(fault.code(), Code::LedgerUnusable);
    assert!(fault.to_string().contains("format 2"), "{fault}");
    assert!(fault.advice().contains("Delete the file"), "{}", fault.advice());
}

#[tokio::test]
async fn a_database_of_somebody_else_is_left_alone() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).unwrap();
    let raw = Connection::open(folder.file()).unwrap();
    raw.execute("CREATE TABLE photographs (year INTEGER)", ()).unwrap();
    drop(raw);
    let before = fs::read(folder.file()).unwrap();

    let fault = folder.refused().await;
    assert_eq!(fault.code(), Code::LedgerUnusable);
    assert!(!fault.advice().contains("Delete"), "{}", fault.advice());
    assert_eq!(fs::read(folder.file()).unwrap(), before);
}

#[tokio::test]
async fn many_chunks_are_recorded_without_waiting_for_the_disk() {
    let folder = Folder::new();
    let ledger = folder.open().await;
    ledger.open(RUN, 5_000).await.unwrap();
    for chunk in (0..5_000).map(ChunkId) {
        ledger.record(RUN, chunk, Event::Receipt).await.unwrap();
    }
    drop(ledger);
    assert_eq!(states(&folder.open().await).await, vec![State::Done; 5_000]);
}
