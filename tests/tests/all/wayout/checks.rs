//! What a `verify` found is kept in the target, and the latest counts.

use tests::moving::Store;

use super::{TARGETS, says, shop};

#[tokio::test]
async fn after_differences_nothing_says_verified_until_they_are_gone() {
    for direction in TARGETS {
        let case = shop(direction).await;
        let run = case.verified()["run"].as_str().unwrap().to_owned();
        let page = || {
            let path = case.folder.path().join(format!(".longhaul/runs/{run}/report.html"));
            std::fs::read_to_string(path).unwrap()
        };
        assert!(page().contains("<h1>Verified</h1>"));
        case.to.run("UPDATE customer SET name = 'Eve' WHERE id = 2").await;
        let said = says(&case, &["verify"]).fault("differs", 5, &["customer", "changed  2"]);
        // Neither the report nor the page nor the status goes on saying that all is well.
        let report = says(&case, &["report"]).fault("differs", 5, &["IT DIFFERS", "changed 2"]);
        assert!(report.stdout.starts_with("DIFFERENT"), "{report}\n{said}");
        assert!(page().contains("<h1>The target differs</h1>"), "{}", page());
        let _ = says(&case, &["status"]).exits(0).says(&["IT DIFFERS"]);
        let status = case.longhaul(&["status"]).exits(0).json();
        assert_eq!(status["verified"]["verdict"], "different", "{status:#}");
        let report = case.longhaul(&["report"]).exits(5).json();
        assert_eq!(report["verdict"], "different", "{report:#}");
        assert_eq!(report["checks"].as_array().unwrap().len(), 2, "the run's own, and ours");
        // What was mended is verified, and the history keeps both.
        case.to.run("UPDATE customer SET name = 'Bo' WHERE id = 2").await;
        let _ = says(&case, &["verify"]).exits(0);
        let report = case.longhaul(&["report"]).exits(0).json();
        assert_eq!(report["verdict"], "verified", "{report:#}");
        let verdicts: Vec<_> =
            report["checks"].as_array().unwrap().iter().map(|check| &check["verdict"]).collect();
        assert_eq!(verdicts, ["verified", "different", "verified"]);
        assert!(page().contains("<h1>Verified</h1>"));
    }
}

/// A target that an earlier build wrote to lacks the newer tables.
#[tokio::test]
async fn the_bookkeeping_of_an_earlier_build_is_read_and_made_whole_when_something_is_kept() {
    for direction in TARGETS {
        let case = shop(direction).await;
        let run = case.verified()["run"].as_str().unwrap().to_owned();
        let prefix = if matches!(case.to, Store::Postgres(_)) { "longhaul." } else { "longhaul_" };
        case.to.run(&format!("DROP TABLE {prefix}history; DROP TABLE {prefix}resolved")).await;
        assert_eq!(case.longhaul(&["report"]).exits(0).json()["verdict"], "verified");
        assert_eq!(case.longhaul(&["status"]).exits(0).json()["state"], "complete");
        let _ = case.longhaul(&["verify"]).exits(0);
        let checks = case.longhaul(&["report"]).exits(0).json()["checks"].clone();
        assert_eq!(checks.as_array().unwrap().len(), 2, "{checks:#}");
        assert_eq!(case.to.ask(&format!("SELECT count(*) FROM {prefix}resolved")).await, "0");
        let _ = case.longhaul(&["forget", &run]).exits(0);
        assert_eq!(case.to.ask(&format!("SELECT count(*) FROM {prefix}history")).await, "0");
    }
}

#[tokio::test]
async fn runs_are_listed_without_a_fleet_and_without_a_file() {
    let case = shop(TARGETS[0]).await;
    std::fs::remove_file(case.folder.path().join("longhaul.yaml")).unwrap();
    let words = ["no run was started from this folder", "longhaul status --to URL"];
    let _ = says(&case, &["runs"]).fault("run-unknown", 2, &words);
    let (from, to) = (case.from.url(), case.to.url());
    let report = case.longhaul(&["run", "--from", &from, "--to", &to]).exits(0).json();
    let run = report["run"].as_str().unwrap();
    let _ = says(&case, &["runs"]).exits(0).says(&[&run[..8], "complete"]);
}
