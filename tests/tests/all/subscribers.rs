//! The example subscribers in `examples/`, run beside a real run.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tests::command::Said;
use tests::fleet::{Fleet, Process};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// How a subscriber is called.
struct Script {
    file: &'static str,
    needs: &'static str,
    /// What stands before the position to go on after.
    after: &'static [&'static str],
    /// What stands before the URL of the ledger.
    server: &'static str,
}

impl Script {
    /// Whether what it needs is installed here; where not, that is said.
    fn can_run(&self) -> bool {
        let there = Command::new(self.needs).arg("--version").stdout(Stdio::null()).status();
        if there.is_err() {
            println!("{} is not installed here: examples/{} was not tried", self.needs, self.file);
        }
        there.is_ok()
    }

    /// Begins to follow a run, after a position.
    fn follows(&self, fleet: &Fleet, run: &str, after: u64) -> Process {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        let mut command = Command::new(folder.join(self.file));
        command.args([fleet.name(), run]);
        if after > 0 {
            command.args(self.after).arg(after.to_string());
        }
        Process::start(command.args([self.server, &Fleet::ledger()]))
    }
}

/// One line of a subscriber: the event's number, its type, and its data.
fn told(line: &str) -> (u64, String, Value) {
    let (number, rest) = line.split_once(' ').unwrap();
    let number = number.parse().unwrap();
    if rest.starts_with('{') {
        let event: Value = serde_json::from_str(rest).unwrap();
        return (number, event["type"].as_str().unwrap().to_owned(), event["data"].clone());
    }
    let (kind, data) = rest.split_once(' ').unwrap();
    (number, kind.to_owned(), serde_json::from_str(data).unwrap())
}

/// What `longhaul events` tells of the run.
fn all(fleet: &Fleet, run: &str) -> Vec<(u64, String, Value)> {
    let said = fleet.longhaul(&["events", run]).exits(0);
    let event = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        let number = event["sequence"].as_str().unwrap().parse().unwrap();
        (number, event["type"].as_str().unwrap().to_owned(), event["data"].clone())
    };
    said.stdout.lines().map(event).collect()
}

fn lines(said: &Said) -> Vec<(u64, String, Value)> {
    said.stdout.lines().map(told).collect()
}

/// Begins before the run is carried out, hears all of it, and goes on from the middle of it.
async fn follows_a_run(script: Script) {
    if !script.can_run() {
        return;
    }
    let fleet = Fleet::new(LONGHAUL, 500, "").await;
    let run = fleet.submits(&[]);
    let following = script.follows(&fleet, &run, 0);
    let _crew = [fleet.starts(&["coordinator"]), fleet.starts(&["worker", "--slots", "2"])];
    let heard = lines(&following.ends().exits(0));
    assert_eq!(heard, all(&fleet, &run)[..heard.len()], "all of it, in its order");
    assert_eq!(heard.last().unwrap().2["state"], "complete");
    for kind in ["longhaul.stage.v1", "longhaul.chunk.done.v1", "longhaul.worker.v1"] {
        assert!(heard.iter().any(|(_, told, _)| told == kind), "{kind} in {heard:?}");
    }

    let middle = heard.len() / 2;
    let again = script.follows(&fleet, &run, heard[middle].0).ends().exits(0);
    assert_eq!(lines(&again), heard[middle + 1..], "from where it was left");
    assert_eq!(again.stderr, "");

    let late = script.follows(&fleet, &run, 1).ends().exits(0);
    assert!(late.stderr.contains("events are missing here"), "{late}");
    let mut left = lines(&late);
    left.retain(|(_, kind, _)| kind != "longhaul.gap.v1");
    assert_eq!(left, heard, "what is left is told all the same");
}

#[tokio::test]
async fn the_subscriber_in_python_follows_a_run_and_goes_on_where_it_was() {
    follows_a_run(Script {
        file: "subscribe.py",
        needs: "python3",
        after: &["--after"],
        server: "--redis",
    })
    .await;
}

#[tokio::test]
async fn the_subscriber_in_shell_follows_a_run_and_goes_on_where_it_was() {
    let (file, needs) = ("subscribe.sh", "redis-cli");
    follows_a_run(Script { file, needs, after: &[], server: "-u" }).await;
}

#[tokio::test]
async fn what_is_told_fits_the_schema_that_is_printed() {
    let fleet = Fleet::new(LONGHAUL, 300, "").await;
    let run = fleet.submits(&[]);
    let _crew = [fleet.starts(&["coordinator"]), fleet.starts(&["worker"])];
    let said = fleet.longhaul(&["events", &run, "--follow"]).exits(0);
    let schema = fleet.longhaul(&["schema", "--events"]).exits(0).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for line in said.stdout.lines() {
        assert!(validator.is_valid(&serde_json::from_str(line).unwrap()), "{line}");
    }
    assert!(said.stdout.lines().count() > 10, "{said}");
}
