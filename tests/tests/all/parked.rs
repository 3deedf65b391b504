//! Bad input that shows only while a run is under way: each stops what it must and nothing else,
//! is named, and once its cause is gone, `longhaul resume` goes on.

use rusqlite::Connection;
use tests::command::{DIE_AT, Said};
use tests::scratch::Database;
use tests::setting::{Setting, VALUE};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Two tables with rows enough for three chunks each.
fn two_tables(integers: bool) -> String {
    let value = if integers { "1".to_owned() } else { format!("'{VALUE}'") };
    let rows = |table: &str| {
        let rows: Vec<_> = (1..=300).map(|id| format!("({id}, {value})")).collect();
        format!(
            "CREATE TABLE {table} (id BIGINT NOT NULL PRIMARY KEY, value {});
             INSERT INTO {table} VALUES {};",
            if integers { "BIGINT" } else { "TEXT" },
            rows.join(", ")
        )
    };
    format!("{}{}", rows("apple"), rows("pear"))
}

const CHUNKED: &str = "entities: [{ entity: \"*\", chunk_rows: 100 }]\nlimits: { slots: 1 }";

fn count(connection: &Connection, what: &str) -> i64 {
    connection.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
}

fn entity<'a>(report: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let entities = report["entities"].as_array().unwrap();
    entities.iter().find(|e| e["source"].as_str().unwrap().ends_with(name)).unwrap()
}

#[tokio::test]
async fn a_source_table_that_vanishes_parks_its_chunks_and_all_others_are_done() {
    let setting = Setting::new(LONGHAUL);
    let from = Database::new().await;
    from.run(&two_tables(false)).await;
    setting.migration(&from.url(), "sqlite:to.db", &format!("{CHUNKED}\nconsistency: drifting"));
    // The first chunk of rows of the first table was committed when it dies.
    let died = setting.run(setting.command(&["run"]).env(DIE_AT, "worker:Committed:2")).killed();
    let before = count(&setting.open("to.db"), "apple");
    assert_eq!(before, 100, "{died}");
    from.run("ALTER TABLE apple RENAME TO gone").await;
    let said = setting.longhaul(&["resume"]);
    let said = said.fault("parked", 1, &["apple", "longhaul report", "longhaul resume"]);
    let target = setting.open("to.db");
    assert_eq!(count(&target, "apple"), before, "a finished chunk was touched\n{said}");
    assert_eq!(count(&target, "pear"), 300, "the other table was held up\n{said}");
    // What is wrong, where, and what to do is in `status`; it asks nobody but target and ledger.
    let status = setting.longhaul(&["status", "--output", "json"]).exits(0).json();
    let parked = status["parked"].as_array().unwrap();
    assert_eq!(parked.len(), 2, "{status}");
    assert!(status.to_string().contains("there is no such table"), "{status}");
    assert!(
        parked.iter().all(|p| p["what"] == "rows of apple" && p["code"] != "unknown"),
        "{status}"
    );
    from.run("ALTER TABLE gone RENAME TO apple").await;
    let _ = setting.longhaul(&["resume"]).exits(0);
    assert_eq!(count(&target, "apple"), 300);
}

#[tokio::test]
async fn a_target_table_that_vanishes_parks_its_chunks_and_all_others_are_done() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", &two_tables(false));
    let to = Database::new().await;
    setting.migration(&from, &to.url(), CHUNKED);
    let _ = setting.run(setting.command(&["run"]).env(DIE_AT, "worker:Committed:2")).killed();
    to.run("DROP TABLE apple").await;
    let said = setting.longhaul(&["resume"]);
    let words = ["rows of public.apple", "there is no such table", "longhaul resume"];
    let _ = said.fault("parked", 1, &words);
    assert_eq!(to.ask("SELECT count(*) FROM pear").await, "300");
    // An empty table in its place is not taken for the rows that were lost with it.
    to.run("CREATE TABLE apple (id BIGINT NOT NULL, value TEXT)").await;
    let _ = setting.longhaul(&["resume"]).fault("differs", 5, &["apple", "200 are there"]);
}

#[tokio::test]
async fn a_source_that_changed_while_nobody_held_its_snapshot_stops_the_resume() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", &two_tables(false));
    let to = Database::new().await;
    setting.migration(&from, &to.url(), CHUNKED);
    let _ = setting.run(setting.command(&["run"]).env(DIE_AT, "worker:Committed:2")).killed();
    setting.open("from.db").execute("DELETE FROM apple WHERE id = 300", []).unwrap();
    let said = setting.longhaul(&["resume"]);
    let _ = said.fault("snapshot-lost", 1, &["from.db", "resume --on-snapshot-lost drift"]);
    assert_eq!(to.ask("SELECT count(*) FROM apple").await, "100");
    // Whoever accepts that goes on, and the report says it.
    let said = setting.longhaul(&["resume", "--on-snapshot-lost", "drift"]).exits(0);
    assert_eq!(to.ask("SELECT count(*) FROM apple").await, "299", "{said}");
    let _ = setting.longhaul(&["report"]).exits(0).says(&["drifting"]);
}

#[tokio::test]
async fn values_that_do_not_fit_are_set_aside_with_key_column_and_reason() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite(
        "from.db",
        &format!(
            "CREATE TABLE pupil (id INTEGER PRIMARY KEY, name TEXT, code TEXT, age INTEGER);
             INSERT INTO pupil VALUES (1, 'a', 'x', 7), (2, NULL, 'y', 7), (3, 'c', 'x', 7),
             (4, '{VALUE}', 'z', 7), (5, 'e', 'u', '{VALUE}'), (6, 'f', 'v', 7)"
        ),
    );
    let to = Database::new().await;
    to.run(
        "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(5) NOT NULL,
         code TEXT UNIQUE, age BIGINT)",
    )
    .await;
    setting.migration(&from, &to.url(), "");
    let said = setting.longhaul(&["run"]).exits(4);
    assert_eq!(
        to.ask("SELECT string_agg(id::text, ' ' ORDER BY id) FROM pupil").await,
        "1 6",
        "{said}"
    );
    let report = setting.longhaul(&["report", "--output", "json"]).exits(0).json();
    let rejects: Vec<_> =
        report["rejects"].as_array().unwrap().iter().map(|r| r.to_string()).collect();
    let find =
        |key: &str| rejects.iter().find(|r| r.contains(&format!("\"key\":\"{key}\""))).unwrap();
    assert!(find("2").contains("23502") && find("2").contains("name"), "{report}");
    assert!(find("3").contains("23505") && find("3").contains("pupil_code_key"), "{report}");
    assert!(find("5").contains("age"), "{report}");
    assert!(find("4").contains("\"reason\""), "{report}");
    assert_eq!((rejects.len(), &report["verdict"]), (4, &"verified".into()), "{report}");
    let _ = setting.longhaul(&["report"]).exits(0).says(&["rejected rows", "key 2", "column name"]);
    // Without a limit to speak of, the same rows stop the entity, and a sample is kept.
    let _ = setting.longhaul(&["verify"]).exits(0);
}

#[tokio::test]
async fn too_many_bad_rows_park_the_chunk_with_a_sample_until_they_are_corrected() {
    for to_postgres in [true, false] {
        let setting = Setting::new(LONGHAUL);
        let from = setting.sqlite("from.db", &two_tables(false));
        let bad = "UPDATE pear SET value = NULL WHERE id BETWEEN 150 AND 160";
        setting.open("from.db").execute(bad, []).unwrap();
        let there = "CREATE TABLE pear (id BIGINT NOT NULL PRIMARY KEY, value TEXT NOT NULL)";
        let database = Database::new().await;
        let to = if to_postgres {
            database.run(there).await;
            database.url()
        } else {
            setting.sqlite("to.db", there)
        };
        let limits = CHUNKED.replace("slots: 1", "slots: 1, rejects: 3");
        setting.migration(&from, &to, &format!("{limits}\non_snapshot_lost: drift"));
        let said = setting.longhaul(&["run"]).fault("parked", 1, &["longhaul resume", "pear"]);
        let report = setting.longhaul(&["report", "--output", "json"]).exits(0).json();
        let pear = entity(&report, "pear");
        assert_eq!(
            (&pear["chunks"][0], &pear["written"]),
            (&2.into(), &200.into()),
            "{report}\n{said}"
        );
        assert_eq!(entity(&report, "apple")["written"], 300, "{report}");
        let samples = report["samples"].as_array().unwrap();
        assert_eq!(
            (samples.len(), &samples[0]["key"], &samples[0]["column"]),
            (4, &"150".into(), &"value".into()),
            "{report}"
        );
        let status = setting.longhaul(&["status"]).exits(0);
        let _ = status.says(&["reject-limit", "longhaul limit", "rows of"]);
        // Some are corrected; the others are within the limit.
        let good = "UPDATE pear SET value = 'good' WHERE id BETWEEN 150 AND 158";
        setting.open("from.db").execute(good, []).unwrap();
        let said = setting.longhaul(&["resume"]).exits(4);
        let report = setting.longhaul(&["report", "--output", "json"]).exits(0).json();
        assert_eq!(entity(&report, "pear")["written"], 298, "{report}\n{said}");
        assert_eq!(report["samples"].as_array().unwrap().len(), 0, "{report}");
        assert_eq!(report["rejects"].as_array().unwrap().len(), 2, "{report}");
    }
}

#[tokio::test]
async fn a_raised_limit_lets_a_parked_run_go_on() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", &two_tables(false));
    let bad = "UPDATE pear SET value = NULL WHERE id BETWEEN 150 AND 160";
    setting.open("from.db").execute(bad, []).unwrap();
    let there = "CREATE TABLE pear (id BIGINT NOT NULL PRIMARY KEY, value TEXT NOT NULL)";
    let to = setting.sqlite("to.db", there);
    setting.migration(&from, &to, &CHUNKED.replace("slots: 1", "slots: 1, rejects: 3"));
    let _ = setting.longhaul(&["run"]).fault("parked", 1, &["longhaul resume", "pear"]);
    let set = ["resume", "--set", "limits.rejects=11"];
    let _ = setting.longhaul(&set).fault("usage", 2, &["does not change", "longhaul limit"]);
    let status = setting.longhaul(&["status", "--output", "json"]).exits(0).json();
    let _ = setting.longhaul(&["limit", status["run"].as_str().unwrap(), "rejects=11"]).exits(0);
    let said = setting.longhaul(&["resume"]).exits(4);
    let report = setting.longhaul(&["report", "--output", "json"]).exits(0).json();
    assert_eq!(entity(&report, "pear")["written"], 289, "{report}\n{said}");
    assert_eq!(report["rejects"].as_array().unwrap().len(), 11, "{report}");
}

/// A file may not grow past so many blocks of 1024 bytes. The signal that comes with it is
/// ignored, so that the write fails, as on a full disk.
fn with_little_room(setting: &Setting, blocks: u32, arguments: &[&str]) -> Said {
    let executable = setting.command(arguments);
    let mut limited = std::process::Command::new("bash");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &blocks.to_string()])
        .arg(executable.get_program())
        .args(executable.get_args())
        .current_dir(executable.get_current_dir().unwrap())
        .envs(executable.get_envs().filter_map(|(name, value)| Some((name, value?))));
    setting.run(&mut limited)
}

#[tokio::test]
async fn a_full_disk_pauses_the_run_and_room_lets_it_go_on() {
    let setting = Setting::new(LONGHAUL);
    let wide = "x".repeat(2000);
    let from = setting.sqlite(
        "from.db",
        &format!(
            "{}CREATE TABLE wide (id INTEGER PRIMARY KEY, value TEXT);
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO wide SELECT i, '{wide}' FROM n",
            two_tables(false)
        ),
    );
    setting.migration(&from, "sqlite:to.db", CHUNKED);
    let said = with_little_room(&setting, 1500, &["run", "--state", "state"]);
    let said = said.fault("full", 7, &["to.db", "Make room", "longhaul resume"]);
    let target = setting.open("to.db");
    let done = count(&target, "wide");
    assert!(done % 100 == 0 && done < 2000, "{done} rows\n{said}");
    drop(target);
    let status = setting.longhaul(&["status", "--state", "state"]);
    let _ = status.exits(0).says(&["longhaul resume"]);
    let said = setting.longhaul(&["resume", "--state", "state"]).exits(0);
    assert_eq!(count(&setting.open("to.db"), "wide"), 2000, "{said}");
    assert_eq!(count(&setting.open("to.db"), "longhaul_reject"), 0, "no row is at fault");
}

#[tokio::test]
async fn a_second_run_is_refused_while_the_first_is_unfinished() {
    // Before the first row was written, and after.
    for place in ["worker:Committed:1", "worker:Committed:4"] {
        a_second_run_is_refused(place).await;
    }
}

async fn a_second_run_is_refused(place: &str) {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", &two_tables(false));
    let to = Database::new().await;
    setting.migration(&from, &to.url(), CHUNKED);
    let _ = setting.run(setting.command(&["run"]).env(DIE_AT, place)).killed();
    let status = setting.longhaul(&["status", "--output", "json"]).exits(0).json();
    let resume = format!("longhaul resume {}", &status["run"].as_str().unwrap()[..8]);
    let receipts = "SELECT string_agg(chunk || attempt, ' ' ORDER BY chunk) FROM longhaul.receipt";
    let before = to.ask(receipts).await;
    // The same migration, and another one that wants one of the same tables.
    let _ = setting.longhaul(&["run"]).fault("target-owned", 6, &["apple", &resume]);
    let other = ["run", "--from", &from, "--to", &to.url(), "--set", "name=other"];
    let _ = setting.longhaul(&other).fault("target-owned", 6, &["apple", &resume]);
    let _ = setting.longhaul(&["forget"]).fault("run-busy", 2, &["longhaul"]);
    assert_eq!(to.ask(receipts).await, before);
    assert_eq!(to.ask("SELECT count(*) FROM longhaul.run").await, "1");
    let _ = setting.longhaul(&["resume"]).exits(0);
    // Whoever resumes once more learns what it came to.
    let _ = setting.longhaul(&["resume"]).exits(0).says(&["VERIFIED", "complete already"]);
}
