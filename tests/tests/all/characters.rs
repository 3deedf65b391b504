//! Databases of PostgreSQL in other encodings than UTF-8: what the server changes, what it has that
//! nobody can ask for, and what needs no look at all.

use endpoint::faulty::{FaultyTarget, Op, Script};
use endpoint::{Address, open_source, open_target};
use protocol::fault::{Code, Fault};
use protocol::id::Environment;
use protocol::mapping::{Consistency, EntityRule, Limits, Migration, OnSnapshotLost, Policy};
use protocol::plan::{Level, Plan};
use serde_json::Value;
use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

const NOTES: &str = "SELECT string_agg(id || ' ' || v, ', ' ORDER BY id) FROM note";

/// A table of texts, numbered from 1.
async fn fill(database: &Database, texts: &[&str]) {
    database.run("CREATE TABLE note (id INT PRIMARY KEY, v TEXT)").await;
    for (at, text) in (1..).zip(texts) {
        database.run(&format!("INSERT INTO note VALUES ({at}, '{text}')")).await;
    }
}

fn migration(setting: &Setting, from: &Database, to: &Database, rule: &str) {
    setting.migration(&from.url(), &to.url(), &format!("entities: [{{ entity: \"*\", {rule} }}]"));
}

/// Lane and notes that the plan has for the only entity.
fn planned(setting: &Setting) -> (String, Vec<String>) {
    let plan = &setting.longhaul(&["plan", "--output", "json"]).exits(0).json()["plan"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let notes = plan["notes"].as_array().unwrap();
    (text(&plan["entities"][0]["lane"]), notes.iter().map(|note| text(&note["text"])).collect())
}

fn run(setting: &Setting, exit: i32) -> Vec<String> {
    let report = setting.longhaul(&["run", "--output", "json"]).exits(exit).json();
    assert_eq!(report["verdict"], "verified", "{report:#}");
    let rejects = report["rejects"].as_array().unwrap();
    let line =
        |r: &Value| format!("{} {}", r["key"].as_str().unwrap(), r["reason"].as_str().unwrap());
    rejects.iter().map(line).collect()
}

/// `EUC_JP` has no U+00A6, and the server writes U+FFE4 in its place without a word.
#[tokio::test]
async fn a_character_that_the_server_would_change_is_refused_by_name() {
    let setting = Setting::new(LONGHAUL);
    let (from, to) = (Database::new().await, Database::in_encoding("EUC_JP").await);
    fill(&from, &["a¦b", "学￤", "ë"]).await;
    migration(&setting, &from, &to, "mode: create");
    assert_eq!(run(&setting, 4), ["1 no_such_character"]);
    assert_eq!(to.ask(NOTES).await, "2 学￤, 3 ë");

    // What comes out of that encoding goes into it.
    let again = Database::in_encoding("EUC_JP").await;
    migration(&setting, &to, &again, "mode: create");
    assert_eq!(planned(&setting), ("raw".into(), Vec::new()));
    assert!(run(&setting, 0).is_empty());
    assert_eq!(again.ask(NOTES).await, "2 学￤, 3 ë");
}

/// In `EUC_JIS_2004` か゚ is one character, and neither of its two can be had alone.
#[tokio::test]
async fn characters_that_an_encoding_joins_arrive() {
    let setting = Setting::new(LONGHAUL);
    let from = Database::new().await;
    fill(&from, &["か\u{309a}", "𠀋", "😀"]).await;
    for rule in ["on_unfit: reject", "on_unfit: clamp"] {
        let to = Database::in_encoding("EUC_JIS_2004").await;
        migration(&setting, &from, &to, rule);
        assert_eq!(run(&setting, 4), ["3 no_such_character (22P05)"]);
        assert_eq!(to.ask(NOTES).await, "1 か\u{309a}, 2 𠀋");
    }
}

/// Bytes go unseen where nothing can be lacking, or nothing but a reject is said of what is.
#[tokio::test]
async fn texts_are_looked_at_only_where_something_stands_in_for_a_character() {
    let setting = Setting::new(LONGHAUL);
    let (latin, unicode) = (Database::in_encoding("LATIN1").await, Database::new().await);
    for database in [&latin, &unicode] {
        fill(database, &["Zoë"]).await;
    }
    let to = Database::in_encoding("LATIN1").await;
    migration(&setting, &latin, &to, "on_unfit: clamp");
    assert_eq!(planned(&setting), ("raw".into(), Vec::new()));

    let lacks = "v: characters that the encoding of the database lacks do not fit";
    for (rule, lane) in [
        ("on_unfit: clamp", "text"),
        ("policies: { no_such_character: clamp }", "text"),
        ("policies: { v: clamp, no_such_character: reject }", "text"),
        ("on_unfit: clamp, policies: { no_such_character: reject }", "raw"),
        ("on_unfit: clamp, policies: { v: reject }", "raw"),
        ("policies: { too_long: clamp }", "raw"),
    ] {
        migration(&setting, &unicode, &to, rule);
        let (planned, notes) = planned(&setting);
        assert_eq!(planned, lane, "{rule}");
        assert_eq!(notes.iter().any(|note| note == lacks), lane == "text", "{rule}: {notes:?}");
    }
    migration(&setting, &latin, &to, "on_unfit: clamp");
    assert!(run(&setting, 0).is_empty());
    assert_eq!(to.ask(NOTES).await, "1 Zoë");
}

/// A plan whose question about the encoding meets a fault.
async fn drawn(from: &Database, to: &Database, code: Code, policy: Policy) -> Result<Plan, Fault> {
    let migration = Migration {
        name: "test".into(),
        from: Environment("old".into()),
        to: Environment("new".into()),
        entities: vec![EntityRule { on_unfit: policy, ..EntityRule::plain("*") }],
        consistency: Consistency::Snapshot,
        on_snapshot_lost: OnSnapshotLost::Stop,
        limits: Limits::default(),
        include: None,
    };
    let address = |database: &Database| Address { url: database.url(), password: None };
    let source = open_source(&address(from)).await.unwrap();
    let script = Script::default();
    script.refuse(Op::Repertoire, code);
    let target = FaultyTarget::new(open_target(&address(to)).await.unwrap(), script.clone());
    let plan = coordinator::plan::draw(&migration, source.as_ref(), &target).await;
    assert!(script.is_over());
    plan
}

/// What the target says of this moment says nothing of its characters.
#[tokio::test]
async fn no_plan_is_drawn_without_a_set_that_a_better_moment_would_tell() {
    let (from, to) = (Database::new().await, Database::in_encoding("LATIN1").await);
    fill(&from, &["Zoë"]).await;
    for code in [Code::Unreachable, Code::Busy, Code::Slow, Code::Full] {
        let fault = drawn(&from, &to, code, Policy::Reject).await.unwrap_err();
        assert_eq!(fault.code(), code);
    }
    for (policy, level) in [(Policy::Reject, Level::Info), (Policy::Clamp, Level::Warning)] {
        let plan = drawn(&from, &to, Code::Unknown, policy).await.unwrap();
        let [note] = &plan.notes[..] else { panic!("{:?}", plan.notes) };
        assert!(note.text.starts_with("which characters the encoding"), "{note:?}");
        assert_eq!(note.level, level, "{note:?}");
    }
}
