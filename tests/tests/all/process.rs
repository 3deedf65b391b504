//! The executable's own function, run inside the test, with probes in its way.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use longhaul::Probes;
use tests::scratch::{Database, Folder, connect};
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Long enough for any run of these tests; one that hangs fails by it.
const AT_MOST: Duration = Duration::from_secs(60);

fn source(folder: &Folder) -> String {
    let connection = rusqlite::Connection::open(folder.path().join("from.db")).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE pupil (id INTEGER NOT NULL PRIMARY KEY, name TEXT);
             INSERT INTO pupil VALUES (1, 'a'), (2, 'b')",
        )
        .unwrap();
    folder.sqlite("from.db")
}

fn arguments(folder: &Folder, to: &str) -> Vec<OsString> {
    let state = folder.path().join("state").display().to_string();
    let from = source(folder);
    let all = ["longhaul", "run", "--from", &from, "--to", to, "--state", &state];
    all.into_iter().map(OsString::from).collect()
}

#[tokio::test]
async fn a_password_that_is_set_on_the_command_line_is_not_kept() {
    let (setting, to) = (Setting::new(LONGHAUL), Database::new().await);
    let from = setting.sqlite("from.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)");
    setting.migration(&from, "postgres://localhost/d", "");
    let set = format!("environments.new.url={}", to.url_with_password());
    // The setting searches the ledger and all that was said.
    let _ = setting.longhaul(&["run", "--set", &set]).exits(0);
}

#[tokio::test]
async fn links_that_cannot_be_filled_by_key_are_refused_by_the_plan() {
    let (setting, to) = (Setting::new(LONGHAUL), Database::new().await);
    to.run("CREATE TABLE staff (id TEXT PRIMARY KEY, boss TEXT REFERENCES staff (id))").await;
    let url = to.url();
    // A TEXT primary key of SQLite takes NULL, so it is no key to find a row by.
    let from = setting.sqlite("a.db", "CREATE TABLE staff (id TEXT PRIMARY KEY, boss TEXT)");
    let said = setting.longhaul(&["plan", "--from", &from, "--to", &url]);
    let _ = said.fault("key-missing", 6, &["staff", "boss", "second pass"]);
    let solid = "CREATE TABLE staff (id TEXT NOT NULL PRIMARY KEY, boss TEXT)";
    let from = setting.sqlite("b.db", solid);
    let _ = setting.longhaul(&["plan", "--from", &from, "--to", &url]).exits(0);
}

#[tokio::test]
async fn a_panic_in_every_slot_is_a_fault_of_the_run_and_does_not_hang_it() {
    let folder = Folder::new();
    let probes = Probes {
        worker: Arc::new(|point| assert!(point != worker::Point::Begun, "a bug of ours")),
        ..Probes::default()
    };
    let arguments = arguments(&folder, &folder.sqlite("to.db"));
    let run = tokio::spawn(longhaul::run(arguments, probes));
    let ended = tokio::time::timeout(AT_MOST, run).await.expect("it ends");
    assert_eq!(ended.unwrap(), 1, "the process goes on, and the run waits for a person");
}

#[tokio::test]
async fn a_run_whose_first_connection_broke_is_reported_all_the_same() {
    let (folder, database) = (Folder::new(), Database::new().await);
    let url = database.url();
    let cut = move |point| {
        if point != coordinator::Point::Led {
            return;
        }
        let url = url.clone();
        let cutting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let first = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                              WHERE datname = current_database()
                                AND application_name = 'longhaul:home'
                              ORDER BY backend_start LIMIT 1";
                assert!(connect(&url).await.query_one(first, &[]).await.unwrap().get::<_, bool>(0));
            });
        });
        cutting.join().unwrap();
    };
    let probes = Probes { coordinator: Arc::new(cut), ..Probes::default() };
    let run = tokio::spawn(longhaul::run(arguments(&folder, &database.url()), probes));
    let code = tokio::time::timeout(AT_MOST, run).await.expect("it ends").unwrap();
    assert_eq!(code, 0);
}
