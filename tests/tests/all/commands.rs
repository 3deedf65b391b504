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
    refused(&setting, "plan-edited", &["plan.json", "plan again"]);
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
        let _ = said.fault("plan-stale", 2, &[what, "Draw it again"]);
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
        assert!(said.stdout.contains("\nVERIFIED"), "{said}");
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
    for table in ["run", "plan", "receipt", "reject", "resolved", "sample", "history", "owner"] {
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
    let _ = setting.longhaul(&["resume"]).exits(0).says(&["VERIFIED", "complete already"]);
    let _ = setting.longhaul(&["status"]).exits(0);
}

#[test]
fn what_is_not_understood_on_the_command_line_is_usage() {
    let setting = Setting::new(LONGHAUL);
    let code = |arguments: &[&str]| setting.longhaul(arguments).code;
    let _ = setting.longhaul(&[]).exits(0).says(&["Start:", "longhaul COMMAND --help"]);
    assert_eq!(code(&["walk"]), Some(2));
    for command in ["status", "resume", "pause", "watch", "events"] {
        let said = setting.longhaul(&[command, "not-an-id"]).exits(2);
        let _ = said.says(&["`not-an-id` is neither a run nor a file", "`longhaul runs` lists"]);
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
    let said = said.fault("run-ambiguous", 2, &["Name one of them"]);
    let status = setting.longhaul(&["status", "--to", &to.url(), "--from", "sqlite:from.db"]);
    let _ = status.fault("run-ambiguous", 2, &[]);
    let run = to.ask("SELECT run FROM longhaul.run WHERE migration = 'one'").await;
    assert!(said.stderr.contains(&run), "{said}");
    let _ = setting.longhaul(&["resume", &run]).exits(0);
    // Now only one is left, and is meant.
    let _ = setting.longhaul(&["resume", "--from", &other, "--to", &to.url()]).exits(0);
    assert_eq!(to.ask("SELECT count(*) FROM longhaul.run WHERE state = 'complete'").await, "2");
}

/// The id of the run that was begun last, and its first 8 digits.
fn latest(setting: &Setting) -> (String, String) {
    let status = setting.longhaul(&["status", "--output", "json"]).exits(0).json();
    let run = status["run"].as_str().unwrap().to_owned();
    let short = run[..8].to_owned();
    (run, short)
}

#[test]
fn a_run_is_named_by_its_first_digits_and_a_file_by_its_name() {
    let setting = small();
    let _ = setting.longhaul(&["run"]).exits(0);
    let (run, short) = latest(&setting);
    for command in ["status", "report", "verify", "watch"] {
        for words in [vec![command, &short], vec![command, "longhaul.yaml"]] {
            let _ = setting.longhaul(&words).exits(0);
        }
        let _ = setting.longhaul(&[command, "longhaul.yaml", &run]).exits(0);
        let unknown = [command, "longhaul.yaml", "00000000"];
        let _ = setting.longhaul(&unknown).fault("run-unknown", 2, &["00000000"]);
        let _ = setting.longhaul(&[command, "none.yaml"]).fault("config-unreadable", 2, &[]);
    }
    let _ = setting.longhaul(&["rejects", "list", &short]).exits(0);
    let _ = setting.longhaul(&["events", &short[..4]]).exits(0).says(&[&run]);
    let _ = setting.longhaul(&["environments", "longhaul.yaml", "new"]).exits(0).says(&["new"]);
    let _ = setting.longhaul(&["doctor", "longhaul.yaml"]).exits(0);
    let _ = setting.longhaul(&["runs", "longhaul.yaml"]).exits(0).says(&[&short]);
    // The next run has other first digits, unless it begins within the same second.
    let _ = setting.longhaul(&["run", "--set", "mode=upsert"]).exits(0);
    let second = latest(&setting).0;
    let same = (0..).take_while(|at| run.as_bytes().get(*at) == second.as_bytes().get(*at)).count();
    let both = run[..same.max(4)].trim_end_matches('-').to_owned();
    let said = setting.longhaul(&["status", &both]);
    if run.starts_with(&both) && second.starts_with(&both) {
        let _ = said.fault("run-ambiguous", 2, &[&run, &second, "Type more digits"]);
    }
}

#[test]
fn what_moves_is_said_without_a_file_and_can_be_kept() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite(
        "from.db",
        "CREATE TABLE account (id BIGINT NOT NULL PRIMARY KEY, n BIGINT);
         CREATE TABLE contact (id BIGINT NOT NULL PRIMARY KEY, n BIGINT);
         CREATE TABLE tmp_one (id BIGINT NOT NULL PRIMARY KEY);
         INSERT INTO account VALUES (1, 1), (2, 2), (3, 3);
         INSERT INTO contact VALUES (1, 1), (2, 2), (3, 3);
         INSERT INTO tmp_one VALUES (1);",
    );
    let asked = ["--table", "account,contact", "--where", "n > 1", "--top", "1", "--slots", "3"];
    let sides = ["--from", &from, "--to", "sqlite:to.db"];
    let save = ["--save", "kept.yaml"];
    let _ = setting.longhaul(&[["run"].as_slice(), &sides, &asked, &save].concat()).exits(0);
    let rows = |file: &str, table: &str| -> i64 {
        let sql = format!("SELECT sum(id) FROM {table}");
        setting.open(file).query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((rows("to.db", "account"), rows("to.db", "contact")), (2, 2));
    let there = "SELECT count(*) FROM sqlite_master WHERE name = 'tmp_one'";
    assert_eq!(setting.open("to.db").query_row(there, [], |row| row.get::<_, i64>(0)), Ok(0));
    // The file says the same, and both runs of it do.
    let _ = setting.longhaul(&["check", "kept.yaml"]).exits(0);
    let again = ["run", "kept.yaml", "--to", "sqlite:again.db"];
    let _ = setting.longhaul(&again).exits(0);
    assert_eq!((rows("again.db", "account"), rows("again.db", "contact")), (2, 2));
    let _ = setting.longhaul(&[&again[..], &save].concat()).fault("output-unwritable", 2, &[]);
    // Names of environments are found in the file, and what it says of a table holds.
    let more = "entities: [{ entity: account, where: \"n > 2\" }, contact]";
    setting.migration(&from, "sqlite:named.db", more);
    let named = ["run", "--from", "old", "--to", "new", "--table", "account", "--mode", "upsert"];
    let _ = setting.longhaul(&named).exits(0);
    assert_eq!(rows("named.db", "account"), 3);
    let excluded = ["plan", "--from", &from, "--to", "sqlite:x.db", "--exclude", "tmp_*,contact"];
    let plan = setting.longhaul(&[&excluded[..], &["--output", "json"]].concat()).exits(0).json();
    let tables = plan["plan"]["entities"].as_array().map_or(0, Vec::len);
    assert_eq!(tables, 1, "{plan}");
    let drafted = ["init", &from, "sqlite:x.db", "--exclude", "tmp_*", "-o", "draft.yaml"];
    let _ = setting.longhaul(&drafted).exits(0);
    assert!(setting.read("draft.yaml").contains("- { exclude: \"tmp_*\" }"));
    let _ = setting.longhaul(&["check", "draft.yaml"]).exits(0);
}

#[test]
fn a_plan_from_urls_says_the_command_that_carries_it_out() {
    let setting = small();
    std::fs::remove_file(setting.path("longhaul.yaml")).unwrap();
    let words = ["plan", "--from", "sqlite:from.db", "--to", "sqlite:to.db", "--table", "pupil"];
    let said = setting.longhaul(&[&words[..], &["-o", "p.json"]].concat()).exits(0);
    let command = said.stderr.split("carry it out with: longhaul ").nth(1).unwrap().trim();
    let without = setting.longhaul(&["run", "p.json"]);
    let _ = without.fault("usage", 2, &["p.json", "--from URL --to URL"]);
    setting.write("half.json", "{\"format\": 1, ");
    let _ = setting.longhaul(&["run", "half.json"]).fault("plan-format", 2, &["half.json"]);
    let _ = setting.longhaul(&command.split(' ').collect::<Vec<_>>()).exits(0);
}

#[test]
fn shells_complete_and_man_pages_are_written() {
    let setting = Setting::new(LONGHAUL);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = setting.longhaul(&["completions", shell]).exits(0);
        let _ = said.says(&["environments", "progress"]);
    }
    let _ = setting.longhaul(&["man"]).exits(0).says(&[".TH longhaul 1"]);
    let _ = setting.longhaul(&["man", "pages"]).exits(0);
    for page in ["longhaul.1", "longhaul-run.1", "longhaul-rejects-list.1"] {
        assert!(setting.read(&format!("pages/{page}")).contains(".SH SYNOPSIS"), "{page}");
    }
}
