//! The fleet's commands: real coordinators and workers around a real broker, ledger and databases.

use rustix::process::Signal;
use serde_json::Value;
use tests::fleet::{Fleet, Process};
use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Two coordinators and two workers.
fn crew(fleet: &Fleet) -> [Process; 4] {
    [
        fleet.starts(&["coordinator"]),
        fleet.starts(&["coordinator"]),
        fleet.starts(&["worker", "--slots", "2"]),
        fleet.starts(&["worker", "--slots", "2"]),
    ]
}

/// A watcher of a run, speaking JSON.
fn watching(fleet: &Fleet, run: &str) -> Process {
    let arguments = ["watch", run, "--progress", "json", "--output", "json", "--log", "off"];
    Process::start(&mut fleet.command(&arguments))
}

fn fact<'a>(kind: &'a str, with: &'a str) -> impl Fn(&str) -> bool + use<'a> {
    move |line| line.contains(&format!("\"kind\":\"{kind}\"")) && line.contains(with)
}

#[tokio::test]
async fn a_submitted_run_is_carried_out_and_watched_to_its_end() {
    let fleet = Fleet::new(LONGHAUL, 2_000, "").await;
    let _crew = crew(&fleet);
    let run = fleet.submits(&[]);
    let said = watching(&fleet, &run).ends().exits(0);
    assert_eq!(said.json()["verdict"], "verified", "{said}");
    fleet.is_moved().await;
    let runs = fleet.longhaul(&["runs", "--output", "json"]).exits(0).json();
    assert_eq!((&runs[0]["run"], &runs[0]["state"]), (&run.as_str().into(), &"complete".into()));
    assert_eq!(runs[0]["fleet"], true);
    let _ = fleet.longhaul(&["runs"]).exits(0).says(&[&run[..8], "complete", "fleet"]);
    let events = fleet.longhaul(&["events", &run, "--follow"]).exits(0);
    for told in ["longhaul.chunk.done.v1", "longhaul.worker.v1"] {
        assert!(events.stdout.contains(told), "{told}: {events}");
    }
}

#[tokio::test]
async fn run_with_the_fleet_submits_and_ends_as_the_run_does() {
    let fleet = Fleet::new(LONGHAUL, 500, "").await;
    let _crew = crew(&fleet);
    let said = fleet.longhaul(&["run", "--fleet", "--output", "json"]).exits(0);
    assert_eq!(said.json()["verdict"], "verified", "{said}");
    fleet.is_moved().await;
}

#[tokio::test]
async fn who_is_there_and_on_what_can_be_seen() {
    let fleet = Fleet::new(LONGHAUL, 4_000, "limits: { rows_per_second: 400 }").await;
    let _crew = crew(&fleet);
    let roles = |there: &Value, role: &str| {
        there.as_array().unwrap().iter().filter(|p| p["role"] == role).count()
    };
    fleet.answers(&["workers"], |there| {
        roles(there, "coordinator") == 2 && roles(there, "worker") == 2
    });
    let run = fleet.submits(&["--priority", "7"]);
    fleet.answers(&["workers"], |there| {
        let leads = |p: &Value| p["leads"].as_array().is_some_and(|runs| !runs.is_empty());
        let busy = |p: &Value| p["on"].as_array().is_some_and(|on| !on.is_empty());
        let all = there.as_array().unwrap();
        all.iter().filter(|p| leads(p)).count() == 1 && all.iter().any(busy)
    });
    let status = fleet.answers(&["status", &run], |status| {
        status["fleet"]["chunks_in_hands"].as_u64().is_some_and(|n| n > 0)
    });
    assert_eq!((&status["fleet"]["workers"], &status["fleet"]["slots"]), (&2.into(), &4.into()));
    assert_eq!(status["fleet"]["asked"]["priority"], 7);
    assert_eq!(status["fleet"]["troubles"], Value::Array(Vec::new()));
    let _ = fleet.longhaul(&["status"]).exits(0).says(&["4 slots", "priority 7", "longhaul watch"]);
    let _ = fleet.longhaul(&["workers"]).exits(0).says(&["coordinator", "slots busy", "leads"]);
    let _ = fleet.longhaul(&["cancel", &run]).exits(0).says(&["cancelled", "longhaul report"]);
}

#[tokio::test]
async fn a_run_is_paused_limited_resumed_and_cancelled_from_anywhere() {
    let fleet = Fleet::new(LONGHAUL, 20_000, "limits: { rows_per_second: 500 }").await;
    let _crew = crew(&fleet);
    let run = fleet.submits(&[]);
    let mut watcher = watching(&fleet, &run);
    watcher.hears_that("a chunk done", fact("done", "\"stage\":\"copy\""));
    let _ = fleet.longhaul(&["pause", &run]).exits(0).says(&["is paused", "longhaul resume"]);
    watcher.hears_that("paused", fact("run", "\"paused\""));
    let _ = fleet.longhaul(&["pause", &run]).exits(0).says(&["is paused", "already"]);
    // Whoever tries parked chunks again does not end somebody's pause.
    let _ = fleet.longhaul(&["retry", &run]).exits(0).says(&["is paused", "longhaul resume"]);
    let changes = ["slots=1", "rows_per_second=none", "priority=9"];
    let limited = fleet.longhaul(&[&["limit", &run], &changes[..]].concat()).exits(0);
    let _ = limited.says(&["priority 9", "slots 1"]);
    let status = fleet.longhaul(&["status", &run, "--output", "json"]).exits(0).json();
    assert_eq!(
        (&status["state"], &status["fleet"]["asked"]["slots"]),
        (&"paused".into(), &1.into())
    );
    let _ = fleet.longhaul(&["resume", &run]).exits(0).says(&["is running", "longhaul watch"]);
    watcher.hears_that("a chunk done", fact("done", "\"stage\":\"copy\""));
    let cancelled = fleet.longhaul(&["cancel", &run, "--within", "5s"]).exits(0);
    let _ = cancelled.says(&["is cancelled"]);
    let _ = watcher.ends().exits(1).says(&["cancelled"]);
    let _ = fleet.longhaul(&["resume", &run]).fault("run-busy", 2, &["cancelled"]);
    let _ = fleet.longhaul(&["limit", &run, "slots=2"]).fault("run-busy", 2, &["cancelled"]);
}

#[tokio::test]
async fn a_killed_worker_and_a_killed_leader_cost_only_time() {
    let fleet = Fleet::new(LONGHAUL, 6_000, "limits: { rows_per_second: 1500 }").await;
    let [one, other, first, second] = crew(&fleet);
    let run = fleet.submits(&[]);
    let mut watcher = watching(&fleet, &run);
    watcher.hears_that("a chunk begun", fact("claimed", "\"stage\":\"copy\""));
    first.is_sent(Signal::KILL);
    watcher.hears_that("a chunk done", fact("done", "\"stage\":\"copy\""));
    let leading = fleet.answers(&["workers"], |there| {
        let leads = |p: &Value| p["leads"].as_array().is_some_and(|runs| !runs.is_empty());
        there.as_array().unwrap().iter().any(leads)
    });
    let all = leading.as_array().unwrap();
    let leader = all.iter().find(|p| p["leads"].as_array().is_some_and(|l| !l.is_empty())).unwrap();
    let [dies, lives] = if leader["pid"] == one.id() { [one, other] } else { [other, one] };
    assert_eq!(leader["pid"], dies.id());
    dies.is_sent(Signal::KILL);
    let said = watcher.ends().exits(0);
    assert_eq!(said.json()["verdict"], "verified", "{said}");
    fleet.is_moved().await;
    for drained in [lives, second] {
        drained.is_sent(Signal::TERM);
        let _ = drained.ends().exits(0).says(&["is gone"]);
    }
}

#[tokio::test]
async fn health_and_metrics_are_shown_on_the_admin_port() {
    let fleet = Fleet::new(LONGHAUL, 1_000, "").await;
    let mut admin = ["coordinator", "worker"].map(|role| {
        let mut arguments = vec![role, "--admin", "127.0.0.1:0"];
        if role == "worker" {
            arguments.extend(["--slots", "3"]);
        }
        Process::start(&mut fleet.command(&arguments))
    });
    let [coordinator, worker] = admin.each_mut().map(|process| {
        let line = process.hears("admin port: ");
        process.hears("is ready");
        line.rsplit_once("http://").unwrap().1.to_owned()
    });
    assert!(get(&coordinator, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(get(&worker, "/readyz").starts_with("HTTP/1.1 200"));
    assert!(get(&worker, "/nothing").starts_with("HTTP/1.1 404"));
    let run = fleet.submits(&[]);
    let _ = watching(&fleet, &run).ends().exits(0);
    let (led, worked) = (get(&coordinator, "/metrics"), get(&worker, "/metrics"));
    assert!(led.contains("longhaul_trouble{part=\"broker\"} 0"), "{led}");
    assert!(led.contains("longhaul_pending_chunks "), "{led}");
    assert!(worked.contains("longhaul_rows_total"), "{worked}");
    assert!(worked.contains("longhaul_slots{state=\"free\"}"), "{worked}");
}

/// An answer over HTTP, whole.
fn get(address: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn logs_are_json_lines_where_that_is_asked() {
    let fleet = Fleet::new(LONGHAUL, 300, "").await;
    let _coordinator = fleet.starts(&["coordinator"]);
    let worker = fleet.starts(&["worker", "--log", "json"]);
    let run = fleet.submits(&[]);
    let _ = watching(&fleet, &run).ends().exits(0);
    worker.is_sent(Signal::TERM);
    let said = worker.ends().exits(0);
    for line in said.stderr.lines().filter(|line| line.starts_with('{')) {
        let json: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line}"));
        assert!(json["level"].is_string() && json["timestamp"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn what_cannot_be_left_to_a_fleet_is_refused_before_anything_is_written() {
    let fleet = Fleet::new(LONGHAUL, 10, "").await;
    let url = fleet.to.url();
    let _ = fleet.longhaul(&["submit", "--to", &url]).fault(
        "environment-unknown",
        2,
        &["--to", "by the names in its file"],
    );
    let file = fleet.setting.read("longhaul.yaml");
    let sqlite = fleet.setting.sqlite("from.db", "CREATE TABLE pupil (id INTEGER PRIMARY KEY)");
    fleet.setting.write("longhaul.yaml", &file.replace(&fleet.from.url(), &sqlite));
    let refused = fleet.longhaul(&["submit"]);
    let _ = refused.fault("snapshot-unshared", 6, &["consistency: quiesced"]);
    assert_eq!(fleet.to.relations().await, "NULL");
}

#[tokio::test]
async fn a_fleet_that_is_misdescribed_says_so() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", "CREATE TABLE pupil (id INTEGER PRIMARY KEY)");
    setting.migration(&from, "sqlite:to.db", "");
    for role in ["coordinator", "worker", "submit", "workers"] {
        let _ = setting.longhaul(&[role]).fault("config-malformed", 2, &["fleet"]);
    }
    let fleet = Fleet::new(LONGHAUL, 10, "").await;
    let unknown = "01a1fc15-4f56-7492-bd40-af88b19b2872";
    for command in ["watch", "pause", "cancel", "retry", "status"] {
        let _ = fleet.longhaul(&[command, unknown]).fault("run-unknown", 2, &[unknown]);
    }
    let _ = fleet.longhaul(&["limit", unknown, "slots=2"]).fault("run-unknown", 2, &[unknown]);
    let mut wrong = fleet.command(&["worker"]);
    wrong.env("TEST_BROKER_PASSWORD", "not-the-password");
    let said = fleet.setting.run(&mut wrong);
    let _ = said.fault("login-refused", 6, &["broker"]);
    let mut short = fleet.command(&["coordinator"]);
    let _ = fleet.setting.run(short.env("TEST_KEY", "short")).fault("secret-missing", 2, &["16"]);
}

#[tokio::test]
async fn a_run_of_one_process_is_paused_from_another_terminal() {
    let (setting, database) = (Setting::new(LONGHAUL), Database::new().await);
    let rows = "CREATE TABLE pupil (id INTEGER NOT NULL PRIMARY KEY, name TEXT);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO pupil SELECT i, 'x' FROM n";
    let from = setting.sqlite("from.db", rows);
    let limits = "entities: [{ entity: \"*\", chunk_rows: 50 }]\n\
                  limits: { slots: 1, rows_per_second: 100 }";
    setting.migration(&from, &database.url(), limits);
    let mut run =
        Process::start(setting.command(&["run", "--progress", "json"]).env("LONGHAUL_LOG", "off"));
    run.hears_that("a chunk done", fact("done", "\"stage\":\"copy\""));
    let _ = setting.longhaul(&["pause"]).exits(0).says(&["is paused", "longhaul resume"]);
    let _ = run.ends().exits(7).says(&["longhaul resume"]);
    let _ = setting.longhaul(&["retry"]).fault("run-busy", 2, &["longhaul resume"]);
    let _ = setting.longhaul(&["cancel"]).exits(0).says(&["is cancelled"]);
}

/// There is one writer to a file at a time, and all slots of the run want to be it.
#[test]
fn a_run_that_writes_into_a_file_lets_a_pause_in_between_two_chunks() {
    let setting = Setting::new(LONGHAUL);
    let rows = "CREATE TABLE pupil (id INTEGER NOT NULL PRIMARY KEY, name TEXT);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO pupil SELECT i, 'x' FROM n";
    let from = setting.sqlite("from.db", rows);
    let limits = "entities: [{ entity: \"*\", chunk_rows: 500 }]\n\
                  limits: { slots: 4, rows_per_second: 500 }";
    setting.migration(&from, "sqlite:to.db", limits);
    let mut run =
        Process::start(setting.command(&["run", "--progress", "json"]).env("LONGHAUL_LOG", "off"));
    run.hears_that("a chunk done", fact("done", "\"stage\":\"copy\""));
    let _ = setting.longhaul(&["pause"]).exits(0).says(&["is paused"]);
    let _ = run.ends().exits(7).says(&["longhaul resume"]);
    assert!(!setting.path("to.db-longhaul-waits").exists());
}
