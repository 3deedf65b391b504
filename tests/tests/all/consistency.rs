//! What rows show of a source that is written to meanwhile, and what a killed run makes of that.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::command::{DIE_AT, Said};
use tests::moving::{ACROSS, DIRECTIONS, Engine, Move, Store};
use tests::watched::Watched;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

const ROWS: u32 = 2000;

const ITEMS: &str = "SELECT id, name, other FROM item ORDER BY id";

/// A move of 2000 items in chunks of 100.
async fn items(way: (Engine, Engine)) -> Move {
    let case = Move::new(LONGHAUL, way).await;
    case.from
        .run(&format!(
            "CREATE TABLE item (id BIGINT NOT NULL PRIMARY KEY, name TEXT, other BIGINT);
             CREATE TABLE elsewhere (a BIGINT);
             INSERT INTO item
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
             SELECT i, 'item ' || i, i % 7 FROM n"
        ))
        .await;
    settle(&case, "n_tup_ins", ROWS.into()).await;
    case
}

/// The migration, at a pace that leaves two seconds to do something meanwhile.
fn file(case: &Move, consistency: &str) {
    case.file(&format!(
        "consistency: {consistency}\nentities:\n  - {{ entity: item, chunk_rows: 100 }}\n\
         limits: {{ slots: 2, rows_per_second: 1000 }}"
    ));
}

/// Waits until the source's counters show what was written; a server's come late.
async fn settle(case: &Move, counter: &str, rows: u64) {
    let Store::Postgres(database) = &case.from else { return };
    let client = database.client().await;
    let select = format!("SELECT {counter} FROM pg_stat_all_tables WHERE relid = 'item'::regclass");
    let start = Instant::now();
    loop {
        let seen: i64 = client.query_one(&select, &[]).await.unwrap().get(0);
        if u64::try_from(seen).unwrap() >= rows {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{counter} stays at {seen}");
    }
}

/// Changes rows everywhere: at the front, where the run has been, and at the back.
async fn write(case: &Move) {
    case.from
        .run(
            "UPDATE item SET name = 'changed', other = -1 WHERE id % 10 = 3;
             DELETE FROM item WHERE id % 10 = 4;
             INSERT INTO item VALUES (-1, 'new', 0), (1000000, 'new', 0)",
        )
        .await;
    settle(case, "n_tup_del", u64::from(ROWS / 10)).await;
}

/// Starts a run, and returns when three chunks are done.
fn under_way(case: &Move) -> Watched {
    let mut run = Watched::start(&mut case.command(&["run"]));
    run.until_copied(3);
    run
}

/// A run that was killed after the third chunk of rows.
fn killed(case: &Move) {
    let mut command = case.command(&["run"]);
    // The commit of the step that makes the table is the first one.
    command.env(DIE_AT, "worker:Committed:4");
    let _ = tests::command::run(&mut command).killed();
}

fn resumed(case: &Move, more: &[&str]) -> Said {
    case.longhaul(&[&["resume"], more].concat())
}

fn consistency(report: &Value) -> &str {
    report["consistency"].as_str().unwrap()
}

const OF_POSTGRES: [(Engine, Engine); 2] =
    [(Engine::Postgres, Engine::Sqlite), (Engine::Postgres, Engine::Postgres)];

#[tokio::test]
async fn a_snapshot_shows_the_source_as_it_stood_at_the_start() {
    for way in OF_POSTGRES {
        let case = items(way).await;
        file(&case, "snapshot");
        let before = case.from.rows(ITEMS).await;
        let run = under_way(&case);
        write(&case).await;
        let report = run.end().exits(0).json();
        assert_eq!(report["verdict"], "verified");
        assert_eq!(consistency(&report), "snapshot: all rows are of one moment");
        assert!(before == case.to.rows(ITEMS).await, "{way:?}");
        assert!(before != case.from.rows(ITEMS).await);
    }
}

#[tokio::test]
async fn a_drifting_run_reads_what_it_finds_and_says_so() {
    let case = items(OF_POSTGRES[1]).await;
    file(&case, "drifting");
    let run = under_way(&case);
    write(&case).await;
    let report = run.end().exits(0).json();
    assert_eq!(consistency(&report), "drifting: each chunk is of the moment it was read");
    // The back was not read when it changed.
    assert_eq!(case.to.ask("SELECT name FROM item WHERE id = 1993").await, "changed");
    assert_eq!(case.to.ask("SELECT count(*) FROM item WHERE id IN (-1, 1000000)").await, "1");
}

#[tokio::test]
async fn a_broken_promise_is_found_out() {
    let case = items(OF_POSTGRES[1]).await;
    file(&case, "quiesced");
    let run = under_way(&case);
    write(&case).await;
    let said = run.end().exits(1).says(&["promise-broken"]);
    assert!(said.stderr.contains("\"kind\":\"finding\""), "{said}");
    let report = said.json();
    assert_eq!(report["verdict"], "not_verified");
    assert_eq!(report["broken_promise"], true);
    assert_eq!(consistency(&report), "broken promise: the source was written to during the run");
    let text = tests::command::run(&mut case.command(&["report"])).exits(0).stdout;
    assert!(text.contains("broken promise"), "{text}");
    assert!(text.starts_with("NOT VERIFIED"), "{text}");
}

#[tokio::test]
async fn a_promise_that_is_kept_is_verified() {
    for way in ACROSS {
        let case = items(way).await;
        case.file("consistency: quiesced");
        let report = case.verified();
        assert_eq!(
            consistency(&report),
            "quiesced: nobody was to write, and the source's change counters agree"
        );
    }
}

#[tokio::test]
async fn writing_to_tables_that_do_not_move_breaks_no_promise() {
    let case = items(OF_POSTGRES[1]).await;
    file(&case, "quiesced");
    let run = under_way(&case);
    case.from.run("INSERT INTO elsewhere VALUES (1)").await;
    assert_eq!(run.end().exits(0).json()["verdict"], "verified");
}

/// Every direction, with a log where the source is a file that keeps one.
fn kinds() -> Vec<((Engine, Engine), &'static str)> {
    let with_log = DIRECTIONS.iter().filter(|way| way.0 == Engine::Sqlite);
    let with_log = with_log.map(|way| (*way, "PRAGMA journal_mode = WAL"));
    DIRECTIONS.iter().map(|way| (*way, "")).chain(with_log).collect()
}

async fn of_kind((way, pragma): ((Engine, Engine), &str)) -> Move {
    let case = items(way).await;
    if let Store::Sqlite(path) = &case.from {
        rusqlite::Connection::open(path).unwrap().execute_batch(pragma).unwrap();
    }
    // One slot, so that chunks are done in their order.
    case.file("entities:\n  - { entity: item, chunk_rows: 100 }\nlimits: { slots: 1 }");
    case
}

#[tokio::test]
async fn a_killed_run_goes_on_where_nobody_wrote() {
    for kind in kinds() {
        let case = of_kind(kind).await;
        killed(&case);
        let report = resumed(&case, &[]).exits(0).json();
        assert_eq!((&report["verdict"], &report["resumes"]), (&"verified".into(), &1.into()));
        let text = consistency(&report);
        assert!(text.starts_with("snapshot: taken anew"), "{kind:?}: {text}");
        case.same(ITEMS).await;
    }
}

#[tokio::test]
async fn a_killed_run_whose_source_changed_stops_and_changes_nothing_or_drifts_if_told() {
    for kind in kinds() {
        let case = of_kind(kind).await;
        killed(&case);
        write(&case).await;
        let before = case.to.rows(ITEMS).await;
        let said =
            resumed(&case, &[]).exits(1).says(&["snapshot-lost", "--on-snapshot-lost drift"]);
        assert!(said.stdout.is_empty(), "{said}");
        assert!(before == case.to.rows(ITEMS).await, "{kind:?}");
        // Asked again, it says so again.
        let _ = resumed(&case, &[]).exits(1).says(&["snapshot-lost"]);
        let said =
            resumed(&case, &["--on-snapshot-lost", "drift"]).exits(0).says(&["snapshot-lost"]);
        let report = said.json();
        let text = "drifting: the snapshot was lost and the source had changed";
        assert_eq!(consistency(&report), text);
        assert_eq!(report["state"], "complete");
        // Front as it stood, back as it stands.
        let name = |id: u32| format!("SELECT name FROM item WHERE id = {id}");
        assert_eq!(case.to.ask(&name(3)).await, "item 3", "{kind:?}");
        assert_eq!(case.to.ask(&name(1993)).await, "changed", "{kind:?}");
    }
}

#[tokio::test]
async fn a_run_that_was_killed_before_it_read_anything_takes_any_moment() {
    for place in ["coordinator:Stored:1", "coordinator:Led:1", "coordinator:Released:1"] {
        let case = of_kind((OF_POSTGRES[1], "")).await;
        let _ = tests::command::run(case.command(&["run"]).env(DIE_AT, place)).killed();
        write(&case).await;
        let report = resumed(&case, &[]).exits(0).json();
        assert_eq!(report["verdict"], "verified", "{place}");
        case.same(ITEMS).await;
    }
}

/// A writer that comes after the plan was drawn, and before the moment is taken: the counters are
/// those of that moment, and a resume has nothing to object to.
#[tokio::test]
async fn a_change_between_the_plan_and_the_snapshot_is_of_the_snapshot() {
    let case = of_kind((OF_POSTGRES[1], "")).await;
    // Bookkeeping is there, so that it can be locked.
    case.file("entities: [elsewhere]");
    case.verified();
    case.file("entities:\n  - { entity: item, chunk_rows: 100 }\nlimits: { slots: 1 }");
    let (Store::Postgres(from), Store::Postgres(to)) = (&case.from, &case.to) else {
        unreachable!("both are")
    };
    let gate = to.client().await;
    gate.batch_execute("BEGIN; LOCK TABLE longhaul.run").await.unwrap();
    let mut command = case.command(&["run"]);
    command.env(DIE_AT, "worker:Committed:4");
    let run = Watched::start(&mut command);
    let server = from.client().await;
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND wait_event_type = 'Lock'",
        to.name()
    );
    let start = Instant::now();
    while server.query_one(&waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(start.elapsed() < PATIENCE, "the run never came to the lock");
    }
    write(&case).await;
    gate.batch_execute("COMMIT").await.unwrap();
    let _ = run.end().killed();
    let _ = resumed(&case, &[]).exits(0);
    assert!(case.from.rows(ITEMS).await == case.to.rows(ITEMS).await);
}

/// A writer beside a run that reads from a file.
#[tokio::test]
async fn a_writer_to_a_file_waits_or_is_not_seen() {
    for (journal, to) in [("DELETE", Engine::Postgres), ("WAL", Engine::Sqlite)] {
        let case =
            of_kind(((Engine::Sqlite, to), &format!("PRAGMA journal_mode = {journal}"))).await;
        file(&case, "snapshot");
        let before = case.from.rows(ITEMS).await;
        let run = under_way(&case);
        let Store::Sqlite(path) = &case.from else { unreachable!("it is a file") };
        let writer = rusqlite::Connection::open(path).unwrap();
        writer.busy_timeout(Duration::ZERO).unwrap();
        let wrote = writer.execute("UPDATE item SET name = 'changed'", []);
        if journal == "WAL" {
            assert_eq!(wrote.unwrap(), ROWS as usize);
        } else {
            let busy = wrote.unwrap_err();
            assert_eq!(busy.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy));
        }
        let report = run.end().exits(0).json();
        assert_eq!(report["verdict"], "verified");
        assert!(before == case.to.rows(ITEMS).await, "{journal}");
        // And afterwards nothing is in the way.
        writer.execute("UPDATE item SET name = 'changed'", []).unwrap();
    }
}

#[tokio::test]
async fn a_broken_promise_over_a_file_with_a_log_is_found_out() {
    let case = of_kind(((Engine::Sqlite, Engine::Sqlite), "PRAGMA journal_mode = WAL")).await;
    file(&case, "quiesced");
    let run = under_way(&case);
    write(&case).await;
    let report = run.end().exits(1).says(&["promise-broken"]).json();
    assert_eq!(
        (&report["verdict"], &report["broken_promise"]),
        (&"not_verified".into(), &true.into())
    );
}
