//! Who must be there for a run to go on, and what is said when nobody is who could carry it.

use serde_json::Value;
use tests::fleet::Fleet;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// The same file for roles that call the source by another name.
fn estranged(fleet: &Fleet) {
    let file = fleet.setting.read("longhaul.yaml");
    let other = file.replace("  old: {", "  other: {").replace("from: old", "from: other");
    fleet.setting.write("other.yaml", &other);
}

fn is_there(there: &Value, role: &str) -> bool {
    there.as_array().unwrap().iter().any(|one| one["role"] == role)
}

#[tokio::test]
async fn a_run_that_nobody_knows_how_to_carry_is_warned_of_and_its_status_says_why() {
    let fleet = Fleet::new(LONGHAUL, 100, "").await;
    estranged(&fleet);
    let said = fleet.longhaul(&["submit", "--output", "json"]).exits(0);
    let nobody = ["no coordinator is running; start one", "no worker is running; start one"];
    let said = said.says(&nobody);
    assert_eq!(said.json()["warnings"].as_array().unwrap().len(), 2, "{said}");
    let run = said.json()["run"].as_str().unwrap().to_owned();
    let _ = fleet
        .longhaul(&["status", &run])
        .exits(0)
        .says(&nobody)
        .says(&["no coordinator leads it yet"]);
    let _ = fleet.longhaul(&["cancel", &run]).exits(0);

    let roles = ["coordinator", "worker"];
    let strangers = roles.map(|role| fleet.starts(&[role, "--file", "other.yaml"]));
    fleet.answers(&["workers"], |there| roles.iter().all(|role| is_there(there, role)));
    let said = fleet.longhaul(&["submit"]).exits(0);
    let unknown = roles.map(|role| format!("no {role} knows the environment `old`; add it"));
    let said = said.says(&unknown.each_ref().map(String::as_str));
    assert!(!said.stderr.contains("environment `new`"), "{said}");
    let run = said.stdout.trim().to_owned();
    // It finds the run in the target that it knows, and cannot open its source.
    let troubled = |status: &Value| status["fleet"]["troubles"].to_string().contains(&unknown[1]);
    let _ = fleet.answers(&["status", &run], troubled);

    // The way out.
    drop(strangers);
    let _crew = roles.map(|role| fleet.starts(&[role]));
    let _ = fleet.longhaul(&["resume", &run]).exits(0);
    let _ = fleet.longhaul(&["watch", &run]).exits(0);
    fleet.is_moved().await;
}

#[tokio::test]
async fn where_all_is_well_nobody_is_warned_and_nothing_was_resumed() {
    let fleet = Fleet::new(LONGHAUL, 300, "").await;
    let roles = ["coordinator", "coordinator", "worker"];
    let _crew = roles.map(|role| fleet.starts(&[role]));
    fleet.answers(&["workers"], |there| there.as_array().unwrap().len() == 3);
    let said = fleet.longhaul(&["submit", "--output", "json"]).exits(0);
    assert!(!said.stderr.contains("warning"), "{said}");
    assert_eq!(said.json()["warnings"], serde_json::json!([]));
    let run = said.json()["run"].as_str().unwrap().to_owned();
    let _ = fleet.longhaul(&["watch", &run]).exits(0);
    let said = fleet.longhaul(&["status", &run]).exits(0);
    assert!(!said.stdout.contains("resumed"), "{said}");
}
