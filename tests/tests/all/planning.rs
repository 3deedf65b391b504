//! Plans of many tables: how few ways to the servers they take, how short they are, and that what stays
//! behind is said where people look.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::Setting;
use tokio::net::{TcpListener, TcpStream};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Connections that a plan may open to a server, however many tables there are.
const CONNECTIONS_MAX: usize = 8;

const TABLES: usize = 120;

/// Passes connections on to a server, and counts them.
struct Gate {
    port: u16,
    opened: Arc<AtomicUsize>,
}

impl Gate {
    /// Before the server of a URL.
    async fn before(url: &str) -> Self {
        let (_, rest) = url.split_once('@').unwrap();
        let server = rest.split_once('/').unwrap().0.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let opened = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&opened);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let server = server.clone();
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(&server).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self { port, opened }
    }

    /// The URL, by way of this.
    fn through(&self, url: &str) -> String {
        let (login, rest) = url.split_once('@').unwrap();
        let (_, database) = rest.split_once('/').unwrap();
        format!("{login}@127.0.0.1:{}/{database}", self.port)
    }

    fn opened(&self) -> usize {
        self.opened.swap(0, Ordering::Relaxed)
    }
}

/// Many small tables, and one that is cut.
fn many(text: &str) -> String {
    let table = |at: usize| {
        format!(
            "CREATE TABLE t{at:03} (id int PRIMARY KEY, name {text}); \
             INSERT INTO t{at:03} VALUES ({at}, 'x');"
        )
    };
    (0..TABLES).map(table).collect()
}

/// Longhaul on a thread of its own, while this one goes on to pass connections on.
async fn longhaul(setting: &Arc<Setting>, arguments: &[&str]) -> tests::command::Said {
    let setting = Arc::clone(setting);
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let run = move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        setting.longhaul(&arguments)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_of_many_tables_opens_few_connections_and_is_short() {
    let setting = Arc::new(Setting::new(LONGHAUL));
    let (postgres, mysql) = (Database::new().await, Mysql::new().await);
    postgres.run(&many("text")).await;
    postgres.run("INSERT INTO t000 SELECT i, 'x' FROM generate_series(1, 20000) i").await;
    mysql.run(&many("varchar(20)")).await;
    mysql.run("INSERT INTO t000 SELECT seq, 'x' FROM seq_1_to_20000").await;
    let (to_postgres, to_mysql) = (Database::new().await, Mysql::new().await);
    for (from, to) in [(postgres.url(), to_mysql.url()), (mysql.url(), to_postgres.url())] {
        let (source, target) = (Gate::before(&from).await, Gate::before(&to).await);
        let (from, to) = (source.through(&from), target.through(&to));
        let set = "limits.chunk_bytes=64KiB";
        let between = ["--from", &from, "--to", &to, "--set", set];
        let said = longhaul(&setting, &[&["plan"][..], &between].concat()).await.exits(0);
        let (source_opened, target_opened) = (source.opened(), target.opened());
        assert!(source_opened <= CONNECTIONS_MAX, "{source_opened} to the source\n{said}");
        assert!(target_opened <= CONNECTIONS_MAX, "{target_opened} to the target\n{said}");
        assert!(said.stdout.lines().count() < 80, "{said}");
        assert!(said.stdout.contains("smaller ones with"), "{said}");
        let said = longhaul(&setting, &[&["plan", "--verbose"][..], &between].concat()).await;
        assert!(said.stdout.lines().count() > TABLES * 2, "{said}");
        // A run keeps what planning opened, and does many small steps in one.
        let said = longhaul(&setting, &[&["run"][..], &between].concat()).await.exits(0);
        assert!(said.stdout.contains("VERIFIED"), "{said}");
        let (source_opened, target_opened) = (source.opened(), target.opened());
        assert!(source_opened <= CONNECTIONS_MAX * 2, "{source_opened} to the source\n{said}");
        assert!(target_opened <= CONNECTIONS_MAX * 4, "{target_opened} to the target\n{said}");
    }
    assert_eq!(to_postgres.ask("SELECT count(*) FROM t000").await, "20001");
    assert_eq!(to_mysql.rows("SELECT count(*) FROM t000").await, ["20001"]);
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND conrelid::regclass::text LIKE 't%'";
    assert_eq!(to_postgres.ask(keys).await, TABLES.to_string());
}

#[tokio::test]
async fn what_stays_behind_is_said_beside_the_verdict_and_is_an_exit_code_for_who_asks() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite(
        "from.db",
        "CREATE TABLE pupil (id INTEGER PRIMARY KEY, name TEXT);
         INSERT INTO pupil VALUES (1, 'a');
         CREATE VIRTUAL TABLE found USING fts5(body);
         INSERT INTO found VALUES ('all that there is');
         CREATE VIEW seen AS SELECT 1;
         CREATE VIEW seen_too AS SELECT 1;",
    );
    for (strict, exit) in [(None, 0), (Some("--strict"), 4), (Some("--strict=tables"), 4)] {
        let to = Database::new().await;
        setting.migration(&from, &to.url(), "");
        let mut arguments = vec!["run"];
        arguments.extend(strict);
        let said = setting.longhaul(&arguments).exits(exit);
        let last = said.stdout.trim_end().lines().last().unwrap_or_default();
        assert!(last.starts_with("VERIFIED · 3 objects were not moved"), "{said}");
        let said = said.says(&[
            "warning: virtual table not moved: found",
            "rows not moved: virtual table (1): found",
            "not moved: view (2): seen, seen_too",
        ]);
        let page = said.stderr.lines().find_map(|line| line.strip_prefix("report: ")).unwrap();
        let page = std::fs::read_to_string(setting.path(page)).unwrap();
        assert!(!page.contains("Nothing needs your attention"), "{page}");
        assert!(page.contains("The rows of 1 table were not moved"), "{page}");
        assert!(page.contains("2 objects were not moved"), "{page}");
        let report = setting.longhaul(&["report", "--output", "json"]).exits(0).json();
        assert_eq!(report["left_behind"]["objects"], 3, "{report:#}");
        assert_eq!(report["left_behind"]["tables"], 1, "{report:#}");
        assert_eq!(report["left_behind"]["kinds"]["view"], 2, "{report:#}");
    }
    // What the file leaves out by name is not left behind.
    let to = Database::new().await;
    let left_out = "entities: [{ exclude: found }, { exclude: \"seen*\" }, \"*\"]";
    setting.migration(&from, &to.url(), left_out);
    let said = setting.longhaul(&["run", "--strict"]).exits(0);
    assert!(said.stdout.contains("VERIFIED: "), "{said}");
}
