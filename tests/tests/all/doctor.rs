//! `longhaul doctor`: what it finds, what it advises, and how it ends.

use serde_json::Value;
use tests::fleet::Fleet;
use tests::scratch::Database;
use tests::servers::free_port;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// `level topic` of every finding at that place.
pub(crate) fn found(answer: &Value, name: &str) -> Vec<String> {
    let place = answer.as_array().unwrap().iter().find(|place| place["name"] == name).unwrap();
    let line = |finding: &Value| {
        format!("{} {}", finding["level"].as_str().unwrap(), finding["topic"].as_str().unwrap())
    };
    place["findings"].as_array().unwrap().iter().map(line).collect()
}

#[test]
fn where_all_is_well_it_ends_with_zero() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER)");
    setting.migration(&from, "sqlite:to.db", "");
    let said = setting.longhaul(&["doctor"]).exits(0);
    let _ = said.says(&["old  sqlite:", "new  sqlite:to.db", "journal_mode", " 0 to fix"]);
    assert!(!setting.path("to.db").exists(), "it changed something");
}

#[test]
fn a_server_that_is_away_does_not_hide_what_is_wrong_with_the_next() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", "CREATE TABLE t (id INTEGER)");
    let away = format!("postgres://u@127.0.0.1:{}/d", free_port());
    setting.migration(&from, &away, "");
    let said = setting.longhaul(&["doctor", "--output", "json"]).exits(75);
    let answer = said.json();
    assert_eq!(found(&answer, "new"), ["fail unreachable"]);
    assert_eq!(found(&answer, "old"), ["ok version", "warn journal_mode"]);
    // A person must mend this one, so it decides.
    setting.migration("sqlite:nowhere.db", &away, "");
    let _ = setting
        .longhaul(&["doctor"])
        .exits(6)
        .says(&["FAIL  database-unopened", "Correct the path"]);
}

#[tokio::test]
async fn nothing_is_told_beside_the_findings_and_nothing_twice() {
    let fleet = Fleet::new(LONGHAUL, 1, "").await;
    // In a file without a migration each environment is looked at as source and as target.
    let file = fleet.setting.read("longhaul.yaml");
    let of_migration = |line: &&str| {
        ["name:", "from:", "to:", "entities:"].iter().any(|key| line.starts_with(key))
    };
    let roles: Vec<_> = file.lines().filter(|line| !of_migration(line)).collect();
    fleet.setting.write("fleet.yaml", &roles.join("\n"));
    let doctor = |password: Option<&str>| {
        let arguments = ["doctor", "--file", "fleet.yaml", "--output", "json"];
        let mut command = fleet.command(&arguments);
        command.env_remove("LONGHAUL_LOG");
        let password = password.map(|password| command.env("TEST_BROKER_PASSWORD", password));
        let exits = if password.is_some() { 6 } else { 0 };
        let said = fleet.setting.run(&mut command).exits(exits);
        assert_eq!(said.stderr, "", "{said}");
        said.json()
    };
    // There are no queues yet, which the driver takes for an error.
    let all = doctor(None);
    let left = found(&all, "old").into_iter().filter(|one| one.ends_with("max_connections"));
    assert_eq!(left.count(), 1, "{all}");
    let refused = doctor(Some("not-the-password"));
    assert_eq!(found(&refused, "broker"), ["fail login-refused"]);
    assert!(refused.to_string().contains("user, password and virtual host of the broker"));
}

#[tokio::test]
async fn a_role_that_may_not_do_what_it_must_is_found_out() {
    let setting = Setting::new(LONGHAUL);
    let database = Database::new().await;
    let user = format!("{}_user", database.name());
    database.run(&format!("CREATE USER {user}; CREATE TABLE t (id INT PRIMARY KEY)")).await;
    let url = database.url_as(&user);
    setting.write(
        "fleet.yaml",
        &format!(
            "environments: {{ prod: {{ url: \"{url}\", password: env:LONGHAUL_TEST_PW }} }}\n"
        ),
    );
    let arguments = ["doctor", "--file", "fleet.yaml", "--output", "json"];
    let said = setting.longhaul(&arguments).exits(6).json();
    assert_eq!(found(&said, "prod"), ["fail secret-missing"]);
    let mut command = setting.command(&arguments);
    let said = setting.run(command.env("LONGHAUL_TEST_PW", "x")).exits(6).json();
    let lines = found(&said, "prod");
    // In a file of a fleet it may become source or target: it cannot read, and cannot create.
    for line in ["fail rights", "warn rights", "ok version", "ok encryption", "ok wal_level"] {
        assert!(lines.iter().any(|found| found == line), "no {line} in {lines:?}");
    }
    database.run(&format!("DROP OWNED BY {user}; DROP USER {user}")).await;
}
