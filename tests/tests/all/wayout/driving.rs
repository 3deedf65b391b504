//! Who drives a run, and who does not.

use std::process::Stdio;

use tests::command::{DIE_AT, run};
use tests::moving::Move;

use super::{TARGETS, says, shop};

fn dies(case: &Move, place: &str) {
    let _ = run(case.command(&["run"]).env(DIE_AT, place)).killed();
}

#[tokio::test]
async fn a_run_that_nobody_drives_says_so_and_one_that_is_driven_is_not_taken_away() {
    for direction in TARGETS {
        let case = shop(direction).await;
        case.file("entities: [{ entity: \"*\", chunk_rows: 1 }]\nlimits: { slots: 1, rows_per_second: 1 }");
        dies(&case, "worker:Committed:2");
        let said = says(&case, &["status"]).exits(0);
        let _ = said.says(&["nobody drives it", "is gone", "next: longhaul resume"]);
        let report = says(&case, &["report"]).exits(0);
        assert!(report.stdout.contains("nobody drives it"), "{report}");
        // Somebody drives it, slowly.
        let mut other = case.command(&["resume", "--progress", "none"]);
        let mut other = other.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pid = format!("process {}", other.id());
        let driven = || says(&case, &["status"]).stdout.contains(&pid);
        while !driven() {
            assert!(other.try_wait().unwrap().is_none(), "it was to drive the run");
        }
        let words = [pid.as_str(), "--take-over", "--watch"];
        let _ = says(&case, &["resume"]).fault("run-busy", 2, &words);
        let again = says(&case, &["status"]);
        assert!(again.stdout.contains(&pid), "the other one still drives it: {again}");
        let report = case.longhaul(&["resume", "--take-over"]).exits(0).json();
        assert_eq!(report["verdict"], "verified", "{report:#}");
        let _ = other.wait().unwrap();
    }
}

#[tokio::test]
async fn a_pause_of_a_paused_run_is_no_error() {
    let case = shop(TARGETS[0]).await;
    dies(&case, "worker:Committed:2");
    let _ = says(&case, &["pause"]).exits(0).says(&["is paused"]);
    let _ = says(&case, &["pause"]).exits(0).says(&["is paused", "already"]);
    let _ = says(&case, &["cancel"]).exits(0).says(&["is cancelled"]);
    let run = case.longhaul(&["status"]).json()["run"].as_str().unwrap().to_owned();
    let _ = says(&case, &["cancel", &run]).exits(0).says(&["is cancelled", "already"]);
}

/// The process was killed after its run was complete, and before it could say so.
#[tokio::test]
async fn a_resume_of_a_complete_run_answers_with_its_verdict() {
    let case = shop(TARGETS[0]).await;
    dies(&case, "coordinator:Completed:1");
    let report = case.longhaul(&["resume"]).exits(0).json();
    assert_eq!(report["verdict"], "verified", "{report:#}");
}
