//! How much of everything: rows per second, memory, slots; and plans that were saved.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;
use tests::moving::{ACROSS, Engine, Move};

use super::LONGHAUL;

fn items(rows: u32) -> String {
    format!(
        "CREATE TABLE item (id BIGINT NOT NULL PRIMARY KEY, name TEXT, more TEXT);
         INSERT INTO item
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         SELECT i, 'item ' || i, 'a text of some length, so that rows weigh something' FROM n"
    )
}

#[tokio::test]
async fn rows_per_second_are_kept_over_all_slots() {
    for slots in [1, 4] {
        let case = Move::new(LONGHAUL, (Engine::Sqlite, Engine::Postgres)).await;
        case.from.run(&items(3000)).await;
        case.file(&format!(
            "entities:\n  - {{ entity: item, chunk_rows: 100 }}\n\
             limits: {{ slots: {slots}, rows_per_second: 1500 }}"
        ));
        let report = case.verified();
        // 2 s, but for the last batch, which is not waited for.
        let seconds = report["seconds"].as_f64().unwrap();
        assert!(seconds > 1.8, "{slots} slots: {seconds} s");
    }
}

#[tokio::test]
async fn bytes_per_second_are_kept() {
    let case = Move::new(LONGHAUL, (Engine::Sqlite, Engine::Sqlite)).await;
    case.from.run(&items(10_000)).await;
    case.file(
        "entities:\n  - { entity: item, chunk_rows: 500 }\nlimits: { megabytes_per_second: 1 }",
    );
    let report = case.verified();
    let bytes = report["totals"]["bytes"].as_f64().unwrap();
    let seconds = report["seconds"].as_f64().unwrap();
    assert!(seconds > bytes * 0.85 / 1e6, "{bytes} bytes in {seconds} s");
}

/// The most memory that a process ever held, in KiB, as Linux counts it; it stays readable until
/// the process is waited for, but is empty once it ended. So it is read at every event.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test]
async fn two_hundred_thousand_rows_need_little_memory() {
    for way in ACROSS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(&items(200_000)).await;
        case.file("limits: { slots: 4 }");
        let (seen, most) = run_watched(&case);
        assert!(seen > 10, "{seen} events");
        assert!((1..150 << 10).contains(&most), "{way:?}: {most} KiB");
    }
}

/// Runs it, and says how many events there were and how much memory it held at most, in KiB.
fn run_watched(case: &Move) -> (u32, u64) {
    let mut command = case.command(&["run", "--progress", "json"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut seen, mut most) = (0, 0);
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        drop(line);
        seen += 1;
        most = most.max(peak(child.id()).unwrap_or(0));
    }
    assert!(child.wait().unwrap().success());
    (seen, most)
}

/// A row of so many MiB, in chunks of one, over two slots: what it costs, in KiB.
async fn cost_of_large_rows(way: (Engine, Engine), mebibytes: u64) -> u64 {
    let case = Move::new(LONGHAUL, way).await;
    let bytes = mebibytes << 20;
    case.from
        .run(&format!(
            "CREATE TABLE item (id BIGINT NOT NULL PRIMARY KEY, name TEXT);
             INSERT INTO item SELECT i, repeat('x', {bytes}) FROM generate_series(1, 6) i"
        ))
        .await;
    case.file(
        "entities:\n  - { entity: item, chunk_rows: 1 }\nlimits: { slots: 2, memory: 64MiB }",
    );
    run_watched(&case).1
}

/// Twice in each slot, and what a process takes anyway. By itself the driver alone would hold it four
/// times.
#[tokio::test]
async fn a_large_row_costs_about_twice_its_size_in_each_slot() {
    const MEBIBYTES: u64 = 48;
    let most = (150 + 2 * 2 * MEBIBYTES) << 10;
    for way in [(Engine::Postgres, Engine::Postgres), (Engine::Postgres, Engine::Sqlite)] {
        let cost = cost_of_large_rows(way, MEBIBYTES).await;
        assert!((MEBIBYTES << 10..most).contains(&cost), "{way:?}: {} MiB", cost >> 10);
    }
}

#[tokio::test]
async fn a_saved_plan_is_carried_out_as_it_was_reviewed() {
    for way in ACROSS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(&items(1000)).await;
        case.file("entities:\n  - { entity: item, chunk_rows: 100 }");
        let plan = case.longhaul(&["plan", "-o", "plan.json"]).exits(0).json();
        let saved = std::fs::read_to_string(case.folder.path().join("plan.json")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&saved).unwrap(), plan);
        // A second plan says the same.
        let again = case.longhaul(&["plan"]).exits(0).json();
        assert_eq!(again["fingerprint"], plan["fingerprint"], "{way:?}");
        // Rows that came later are in the ranges at the ends.
        case.from.run("INSERT INTO item VALUES (-5, 'low', ''), (100000, 'high', '')").await;
        let report = case.longhaul(&["run", "plan.json"]).exits(0).json();
        assert_eq!(report["verdict"], "verified");
        assert_eq!(report["fingerprint"], plan["fingerprint"]);
        case.same("SELECT id, name, more FROM item ORDER BY id").await;
        // The target has the table now, so that the plan no longer fits.
        let _ = case.longhaul(&["run", "plan.json"]).exits(2).says(&["plan-stale", "target"]);
    }
}

#[tokio::test]
async fn a_saved_plan_is_refused_when_what_it_was_drawn_from_changed() {
    let case = Move::new(LONGHAUL, (Engine::Postgres, Engine::Sqlite)).await;
    case.from.run(&items(10)).await;
    let _ = case.longhaul(&["plan", "-o", "plan.json"]).exits(0);
    case.file("limits: { rejects: 3 }");
    let _ = case.longhaul(&["run", "plan.json"]).exits(2).says(&["plan-stale", "migration file"]);
    case.file("");
    case.from.run("ALTER TABLE item ADD COLUMN extra INT").await;
    let _ = case.longhaul(&["run", "plan.json"]).exits(2).says(&["plan-stale", "source's"]);
    case.from.run("ALTER TABLE item DROP COLUMN extra").await;
    let _ = case.longhaul(&["run", "plan.json"]).exits(0);
}
