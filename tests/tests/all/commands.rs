//! Each command: what it answers on stdout, in text and as JSON, what it refuses, and how it ends.

use protocol::fault::Code;
use serde_json::Value;
use tests::command::{DIE_AT, Said};
use tests::scratch::Database;
use tests::setting::{Setting, VALUE};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

fn source() -> String {
    format!(
        "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT);
         INSERT INTO pupil VALUES (1, '{VALUE}'), (2, 'b'), (3, 'c')"
    )
}

/// A migration from one SQLite file to another, and the executable in their folder.
fn small() -> Setting {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", &source());
    setting.migration(&from, "sqlite:to.db", "");
    setting
}

fn exists(setting: &Setting, table: &str) -> bool {
    let query = "SELECT count(*) FROM sqlite_schema WHERE name = ?1";
    let found: i64 = setting.open("to.db").query_row(query, [table], |row| row.get(0)).unwrap();
    found > 0
}

#[test]
fn explain_tells_more_about_every_code_and_guesses_what_was_meant() {
    let setting = Setting::new(LONGHAUL);
    let list = setting.longhaul(&["explain"]).exits(0);
    for code in Code::ALL {
        assert!(list.stdout.contains(code.slug()), "{list}");
    }
    let _ = setting.longhaul(&["explain", "target-not-empty"]).exits(0).says(&[
        "target-not-empty",
        "Next:",
        "Exit code: 6",
    ]);
    let json = setting.longhaul(&["explain", "full", "--output", "json"]).exits(0).json();
    assert_eq!((&json[0]["code"], &json[0]["exit"]), (&"full".into(), &7.into()));
    let _ = setting.longhaul(&["explain", "target-not-emty"]).fault(
        "usage",
        2,
        &["did you mean `target-not-empty`?"],
    );
}

#[test]
fn the_same_plan_has_the_same_fingerprint_and_writes_nothing() {
    let setting = small();
    let one = setting.longhaul(&["plan", "--output", "json"]).exits(0).json();
    let two = setting.longhaul(&["plan", "--output", "json", "--exit-code"]).exits(3).json();
    assert_eq!(one, two);
    assert_eq!(one["fingerprint"].as_str().unwrap().len(), 64);
    let text = setting.longhaul(&["plan"]).exits(0);
    let _ = text.says(&[&one["fingerprint"].as_str().unwrap()[..12], "pupil", "copy"]);
    assert!(!setting.path("to.db").exists());
    // Rows do not change what is planned; a setting does.
    setting.open("from.db").execute("INSERT INTO pupil VALUES (4, 'd')", []).unwrap();
    let other =
        setting.longhaul(&["plan", "--output", "json", "--set", "limits.slots=3"]).exits(0).json();
    assert_ne!(one["fingerprint"], other["fingerprint"]);
}

#[test]
fn a_saved_plan_is_carried_out_as_it_is() {
    let setting = small();
    let _ =
        setting.longhaul(&["plan", "-o", "plan.json"]).exits(0).says(&["longhaul run plan.json"]);
    let saved: Value = serde_json::from_str(&setting.read("plan.json")).unwrap();
    let report = setting.longhaul(&["run", "plan.json", "--output", "json"]).exits(0).json();
    assert_eq!(report["fingerprint"], saved["fingerprint"]);
    assert!(exists(&setting, "pupil"));
}

fn refused(setting: &Setting, code: &str, words: &[&str]) {
    let _ = setting.longhaul(&["run", "plan.json"]).fault(code, 2, words);
    assert!(!setting.path("to.db").exists() || !exists(setting, "longhaul_run"), "it was begun");
}

#[test]
fn a_plan_that_was_edited_or_is_none_is_refused() {
    let setting = small();
    let _ = setting.longhaul(&["plan", "-o", "plan.json"]).exits(0);
    let good = setting.read("plan.json");
    assert!(good.contains("\"pupil\""));
    setting.write("plan.json", &good.replace("\"pupil\"", "\"pupi1\""));
    refused(&setting, "plan-edited", &["plan.json", "draw the plan again"]);
    setting.write("plan.json", &good.replace("\"format\": 2", "\"format\": 3"));
    refused(&setting, "plan-format", &["plan.json", "format 2"]);
    setting.write("plan.json", &good[..good.len() / 2]);
    refused(&setting, "plan-format", &["plan.json", "line ", " column "]);
    setting.write("plan.json", "{\"pupil\": [");
    refused(&setting, "plan-format", &["plan.json", "line 1 column"]);
    std::fs::remove_file(setting.path("plan.json")).unwrap();
    refused(&setting, "config-unreadable", &["plan.json"]);
}

#[tokio::test]
async fn a_plan_is_refused_when_file_or_catalogue_changed_since() {
    let setting = small();
    let to = Database::new().await;
    let from = setting.sqlite("from.db", "");
    setting.migration(&from, &to.url(), "");
    let plan = || setting.longhaul(&["plan", "-o", "plan.json"]).exits(0);
    let refused = |what: &str| {
        let said = setting.longhaul(&["run", "plan.json"]);
        let _ = said.fault("plan-stale", 2, &[what, "Draw the plan again"]);
    };
    let _ = plan();
    setting.migration(&from, &to.url(), "entities: [{ entity: pupil, where: \"id > 1\" }]");
    refused("the migration file");
    let _ = plan();
    setting.open("from.db").execute_batch("ALTER TABLE pupil ADD COLUMN age INTEGER").unwrap();
    refused("the source's catalogue");
    let _ = plan();
    to.run("CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT, age BIGINT)").await;
    refused("the target's catalogue");
    let _ = plan();
    // Rows are no part of a catalogue, but a target that has some by now is not empty.
    to.run("INSERT INTO pupil VALUES (9, 'x', 1)").await;
    let said = setting.longhaul(&["run", "plan.json"]);
    let _ = said.fault("target-not-empty", 6, &["pupil"]);
    to.run("DELETE FROM pupil").await;
    assert_eq!(to.relations().await, "public.pupil", "something was written");
    let _ = setting.longhaul(&["run", "plan.json"]).exits(0);
    assert_eq!(to.ask("SELECT count(*) FROM pupil").await, "2");
}

#[test]
fn every_reading_command_answers_in_json_and_narrates_elsewhere() {
    let setting = small();
    let json = |arguments: &[&str]| -> Value {
        let said = setting.longhaul(&[arguments, &["--output", "json"]].concat()).exits(0);
        assert!(!said.stdout.contains('\u{1b}') && !said.stderr.contains('\u{1b}'), "{said}");
        said.json()
    };
    assert_eq!(json(&["plan"])["plan"]["migration"], "bad");
    assert_eq!(json(&["run"])["verdict"], "verified");
    let status = json(&["status"]);
    assert_eq!((&status["state"], &status["rows_written"]), (&"complete".into(), &3.into()));
    let report = json(&["report"]);
    assert_eq!(report["entities"][0]["written"], 3);
    let folder = format!(".longhaul/runs/{}", report["run"].as_str().unwrap());
    let file: Value =
        serde_json::from_str(&setting.read(&format!("{folder}/report.json"))).unwrap();
    assert_eq!(file["verdict"], "verified");
    assert!(setting.read(&format!("{folder}/report.txt")).contains("VERIFIED"));
    assert!(setting.read(&format!("{folder}/report.html")).contains("<h1>Verified</h1>"));
    let checks = json(&["verify"]);
    assert_eq!(checks[0]["expected"], checks[0]["found"]);
    assert_eq!(json(&["environments"]).as_array().unwrap().len(), 2);
    assert_eq!(json(&["environments", "old"])[0]["from"], true);
    assert!(json(&["explain"]).as_array().unwrap().len() > 20);
    assert!(json(&["schema"])["$defs"].is_object());
    let _ = setting.longhaul(&["environments", "nowhere"]).fault(
        "environment-unknown",
        2,
        &["nowhere"],
    );
}

#[test]
fn events_are_lines_of_json_in_rising_order() {
    let setting = small();
    let _ = setting.longhaul(&["events"]).fault("run-unknown", 2, &[".longhaul"]);
    let _ = setting.longhaul(&["run"]).exits(0);
    let lines = |arguments: &[&str]| -> Vec<Value> {
        let said = setting.longhaul(arguments).exits(0);
        said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = lines(&["events"]);
    let sequence = |event: &Value| event["sequence"].as_str().unwrap().parse::<u64>().unwrap();
    let numbers: Vec<_> = all.iter().map(sequence).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert!(all.iter().all(|event| event["type"].as_str().unwrap().starts_with("longhaul.")));
    assert_eq!(all.last().unwrap()["data"]["state"], "complete");
    // A run that is over has no more to come, so following ends too.
    assert_eq!(lines(&["events", "--follow"]), all);
    let after = numbers[2].to_string();
    assert_eq!(lines(&["events", "--after", &after]), all[3..]);
}

#[test]
fn variables_override_the_file_and_set_overrides_both() {
    let setting = small();
    let slots = |arguments: &[&str], variable: Option<&str>| -> Value {
        let mut command = setting.command(&[&["plan", "--output", "json"], arguments].concat());
        if let Some(value) = variable {
            command.env("LONGHAUL_LIMITS__SLOTS", value);
        }
        setting.run(&mut command).exits(0).json()["plan"]["limits"]["slots"].clone()
    };
    assert_eq!(slots(&[], None), 2);
    assert_eq!(slots(&[], Some("3")), 3);
    assert_eq!(slots(&["--set", "limits.slots=4"], Some("3")), 4);
    let bad = |arguments: &[&str], code: &str, words: &[&str]| {
        let said = setting.longhaul(&[&["plan"], arguments].concat());
        let _ = said.fault(code, 2, words);
    };
    bad(&["--set", "limits.slotz=4"], "config-malformed", &["--set limits.slotz", "slots"]);
    bad(&["--set", "limits.slots"], "usage", &["key=value"]);
    bad(&["--set", "limits.slots=many"], "config-malformed", &["--set limits.slots"]);
    bad(&["--set", "environments.new.url=oracle://x"], "url-malformed", &["environments.new.url"]);
    let mut command = setting.command(&["plan"]);
    let said = setting.run(command.env("LONGHAUL_LIMITS__SLOTS", "none"));
    let _ = said.fault("config-malformed", 2, &["LONGHAUL_LIMITS__SLOTS"]);
    // Another target for this time only, by URL; and where the state lies, by variable.
    let mut command = setting.command(&["run", "--to", "sqlite:other.db"]);
    let _ = setting.run(command.env("LONGHAUL_STATE", "elsewhere")).exits(0);
    assert!(setting.path("other.db").exists() && !setting.path("to.db").exists());
    assert!(setting.path("elsewhere").is_dir() && !setting.path(".longhaul").exists());
}

#[test]
fn narration_is_bars_lines_json_or_nothing() {
    for (mode, narrates) in [("plain", true), ("json", true), ("none", false), ("bars", true)] {
        let setting = small();
        let said = setting.longhaul(&["run", "--progress", mode, "--log", "off"]).exits(0);
        assert!(said.stdout.starts_with("VERIFIED"), "{said}");
        assert_eq!(!said.stderr.is_empty(), narrates, "{mode}: {said}");
        assert!(!said.stderr.contains('\u{1b}'), "{mode}: {said}");
        if mode == "json" {
            for line in said.stderr.lines() {
                let event: Value =
                    serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
                assert!(event["data"].is_object(), "{line}");
            }
        }
        // A fault is never kept quiet.
        let refused = setting.longhaul(&["run", "--progress", mode, "--log", "off"]).exits(6);
        assert!(refused.stderr.contains("target-not-empty"), "{mode}: {refused}");
        if mode == "json" {
            let fault: Value = serde_json::from_str(refused.stderr.trim()).unwrap();
            assert_eq!(fault["code"], "target-not-empty");
        }
    }
}

#[test]
fn forgetting_a_finished_run_leaves_its_rows_and_nothing_else() {
    let setting = small();
    let _ = setting.longhaul(&["run"]).exits(0);
    let _ = setting.longhaul(&["forget"]).exits(0).says(&["its rows stay"]);
    let target = setting.open("to.db");
    let count = |table: &str| -> i64 {
        target.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count("pupil"), 3);
    for table in ["run", "plan", "receipt", "reject", "sample", "owner"] {
        assert_eq!(count(&format!("longhaul_{table}")), 0, "{table}");
    }
    for command in ["status", "report", "verify", "resume", "forget", "events"] {
        let _ = setting.longhaul(&[command]).fault("run-unknown", 2, &[]);
    }
}

#[tokio::test]
async fn forgetting_a_run_on_postgresql_leaves_no_trace_of_it() {
    let setting = small();
    let to = Database::new().await;
    let _ = setting.longhaul(&["run", "--to", &to.url()]).exits(0);
    let _ = setting.longhaul(&["forget", "--to", &to.url()]).exits(0);
    assert_eq!(to.ask("SELECT count(*) FROM pupil").await, "3");
    for table in ["run", "plan", "receipt", "reject", "sample", "owner"] {
        assert_eq!(to.ask(&format!("SELECT count(*) FROM longhaul.{table}")).await, "0", "{table}");
    }
}

#[test]
fn a_run_that_is_not_here_is_said_not_to_be_here() {
    let setting = small();
    let _ = setting.longhaul(&["run"]).exits(0);
    let id = "01a1fc0b-e1e3-733b-baed-68d415c2c69c";
    let words = [id, "it is not in sqlite:to.db", "longhaul runs"];
    let _ = setting.longhaul(&["status", id]).fault("run-unknown", 2, &words);
}

/// Two migrations in one folder: the latest of their runs is over, an earlier one is not.
#[test]
fn a_bare_resume_takes_the_latest_run_that_is_unfinished() {
    let setting = small();
    let first = setting.longhaul(&["resume"]);
    let _ = first.fault("run-unknown", 2, &["sqlite:to.db", "has written nothing", "longhaul run"]);
    let mut dies = setting.command(&["run"]);
    let _ = setting.run(dies.env(DIE_AT, "coordinator:Led:1")).killed();
    let other = ["--from", "sqlite:from.db", "--to", "sqlite:other.db"];
    let _ = setting.longhaul(&[&["run"], other.as_slice()].concat()).exits(0);
    // What changes a run takes it from the latest invocation, and from no other.
    for command in [["cancel"].as_slice(), &["pause"], &["retry"]] {
        let _ = setting.longhaul(command).fault("run-busy", 2, &["is complete already"]);
    }
    let said = setting.longhaul(&["resume", "--output", "json"]).exits(0);
    assert_eq!((&said.json()["verdict"], &said.json()["resumes"]), (&"verified".into(), &1.into()));
    assert!(exists(&setting, "pupil"));
    // Now all are over. A run that dies before it is stored leaves nothing to go on with.
    let words = ["no run is unfinished", "is complete already", "Begin with `longhaul run`"];
    let _ = setting.longhaul(&["resume"]).fault("run-busy", 2, &words);
    let _ = setting.longhaul(&["status"]).exits(0);
}

#[test]
fn what_is_not_understood_on_the_command_line_is_usage() {
    let setting = Setting::new(LONGHAUL);
    let code = |arguments: &[&str]| setting.longhaul(arguments).code;
    assert_eq!(code(&[]), Some(2));
    assert_eq!(code(&["walk"]), Some(2));
    for command in ["status", "resume", "pause", "watch", "events"] {
        let said = setting.longhaul(&[command, "not-an-id"]).exits(2);
        let _ = said.says(&["'not-an-id'", "an id is a UUID", "`longhaul runs` lists them"]);
    }
    assert_eq!(code(&["run", "--output", "xml"]), Some(2));
    assert_eq!(code(&["--version"]), Some(0));
    assert_eq!(code(&["help"]), Some(0));
    let _ = setting.longhaul(&["run"]).fault("usage", 2, &["longhaul.yaml", "--from URL"]);
    let _ = setting.longhaul(&["run", "--from", "sqlite:a.db"]).fault("usage", 2, &["--to URL"]);
    let id = "01a1fc0b-e1e3-733b-baed-68d415c2c69c";
    for command in ["status", "resume", "report", "verify", "forget"] {
        let _ = setting.longhaul(&[command]).fault("run-unknown", 2, &["--from URL --to URL"]);
        let _ = setting.longhaul(&[command, id]).fault("run-unknown", 2, &[]);
    }
}

#[test]
fn a_state_that_cannot_be_used_stops_a_run_before_it_begins() {
    let setting = small();
    setting.write("taken", "a file, where a folder should be");
    let said: Said = setting.longhaul(&["run", "--state", "taken"]);
    let _ = said.fault("ledger-unusable", 2, &["taken", "--state"]);
    assert!(!setting.path("to.db").exists() || !exists(&setting, "longhaul_run"), "it was begun");
    std::fs::create_dir(setting.path("damaged")).unwrap();
    setting.write("damaged/ledger.db", &"this is no ledger at all, but a letter ".repeat(20));
    let said = setting.longhaul(&["run", "--state", "damaged"]);
    let _ = said.fault("ledger-unusable", 2, &["ledger.db"]);
    assert!(!setting.path("to.db").exists() || !exists(&setting, "longhaul_run"), "it was begun");
}

#[tokio::test]
async fn a_password_that_was_set_for_one_command_is_kept_nowhere() {
    let setting = small();
    let to = Database::new().await;
    let set = format!("environments.new.url={}", to.url_with_password());
    // What was said and what is left behind is searched after each command.
    let _ = setting.longhaul(&["run", "--set", &set]).exits(0);
    let _ = setting.longhaul(&["status", "--set", &set]).exits(0).says(&["complete"]);
    let variable = "LONGHAUL_ENVIRONMENTS__NEW__URL";
    let mut command = setting.command(&["verify"]);
    let _ = setting.run(command.env(variable, to.url_with_password())).exits(0);
    let _ =
        setting.longhaul(&["environments", "--set", &set]).exits(0).says(&["postgres://127.0.0.1"]);
}

#[tokio::test]
async fn of_several_unfinished_runs_one_must_be_named() {
    let setting = small();
    let to = Database::new().await;
    let other = setting.sqlite("other.db", "CREATE TABLE teacher (id BIGINT NOT NULL PRIMARY KEY)");
    for (from, name) in [("sqlite:from.db", "name=one"), (other.as_str(), "name=two")] {
        let arguments = ["run", "--from", from, "--to", &to.url(), "--set", name];
        let mut command = setting.command(&arguments);
        let _ = setting.run(command.env(DIE_AT, "worker:Begun:1")).killed();
    }
    let said = setting.longhaul(&["resume", "--from", "sqlite:from.db", "--to", &to.url()]);
    let said = said.fault("run-ambiguous", 2, &["Name the run"]);
    let status = setting.longhaul(&["status", "--to", &to.url(), "--from", "sqlite:from.db"]);
    let _ = status.fault("run-ambiguous", 2, &[]);
    let run = to.ask("SELECT run FROM longhaul.run WHERE migration = 'one'").await;
    assert!(said.stderr.contains(&run), "{said}");
    let _ = setting.longhaul(&["resume", &run]).exits(0);
    // Now only one is left, and is meant.
    let _ = setting.longhaul(&["resume", "--from", &other, "--to", &to.url()]).exits(0);
    assert_eq!(to.ask("SELECT count(*) FROM longhaul.run WHERE state = 'complete'").await, "2");
}
