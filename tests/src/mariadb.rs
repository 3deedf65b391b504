//! A MariaDB server that may be crashed, or told to have strange defaults.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder, Row, Value};
use rustix::process::Signal;

use crate::chaos::process::{Place, Process};
use crate::patience::until;
use crate::scratch::Folder;
use crate::servers::free_port;

/// How long it may take to stop, or to recover and let somebody in.
const BOUND: Duration = Duration::from_secs(60);

/// Commits are handed to the operating system, and not flushed: what is tried here is the crash of a
/// server, not that of a machine.
const SETTINGS: [&str; 7] = [
    "--no-defaults",
    "--bind-address=127.0.0.1",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-log-file-size=32M",
    "--innodb-buffer-pool-size=64M",
    "--max-connections=300",
    "--skip-name-resolve",
];

/// What every session of ours sets, whatever the server's defaults are. Anything can be put in: a zero
/// where numbers are given out, and dates that are none.
pub(crate) const PLAIN: &str = "SET NAMES utf8mb4, time_zone = '+00:00', autocommit = 1, \
     sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', completion_type = 'NO_CHAIN', \
     sql_select_limit = 18446744073709551615, sql_big_selects = 1, default_storage_engine = InnoDB, \
     binlog_format = 'ROW', wait_timeout = 600; SET SESSION TRANSACTION READ WRITE";

/// A server of its own, on a free port, gone when dropped. Its superuser is `root`, who comes in from
/// this machine without a password.
#[derive(Debug)]
pub struct MariaDb {
    /// First, so that it is gone before its folder is.
    process: Place,
    folder: Folder,
    port: u16,
    options: Vec<String>,
}

impl MariaDb {
    /// Makes and starts one, with these options of `mariadbd` besides.
    ///
    /// # Panics
    /// When MariaDB is not installed, or does not start.
    pub async fn start(options: &[&str]) -> Self {
        let (folder, port) = (Folder::new(), free_port());
        let options = options.iter().map(ToString::to_string).collect();
        let this = Self { process: Place::default(), folder, port, options };
        let mut install = Command::new("mariadb-install-db");
        install.args(["--no-defaults", "--auth-root-authentication-method=normal"]);
        install.args(["--skip-test-db", "--innodb-log-file-size=32M"]).args(user());
        install.arg(format!("--datadir={}", this.data().display()));
        // A server that starts clears temporary tables away, other servers' in the same folder too.
        install.arg(format!("--tmpdir={}", this.folder.path().display()));
        let made = install.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(made.status().is_ok_and(|status| status.success()), "it fails: {install:?}");
        this.run().await;
        this
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL, without a database.
    pub fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}", self.port)
    }

    /// A folder that it can read.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it as a crash would, or stops it in order, and starts it again.
    ///
    /// # Panics
    /// When it does not come back.
    pub async fn restart(&self, crash: bool) {
        if let Some(mut process) = self.process.clear() {
            process.signal(if crash { Signal::KILL } else { Signal::TERM });
            let _ = process.wait(BOUND).await;
        }
        self.run().await;
    }

    /// A connection to one of its databases, by its socket: past all that is done to the port.
    ///
    /// # Errors
    /// While it is away, and when there is no such database.
    pub async fn try_connect(&self, database: &str) -> mysql_async::Result<Conn> {
        let socket = self.socket().display().to_string();
        let options = OptsBuilder::default().user(Some("root")).socket(Some(socket));
        let mut conn = Conn::new(options.db_name(Some(database))).await?;
        conn.query_drop(PLAIN).await?;
        Ok(conn)
    }

    /// Runs statements that are separated by a semicolon and the end of a line, as soon as it lets
    /// somebody in.
    ///
    /// # Panics
    /// When one is refused.
    pub async fn execute(&self, database: &str, statements: &str) {
        let mut conn = self.connect(database).await;
        for statement in statements.split(";\n").filter(|one| !one.trim().is_empty()) {
            let done = conn.query_drop(statement.trim().trim_end_matches(';')).await;
            done.unwrap_or_else(|error| panic!("{statement:.200}: {error}"));
        }
        let _ = conn.disconnect().await;
    }

    /// The first cells of what a query returns, as text.
    ///
    /// # Errors
    /// While it is away, and when the query is refused.
    pub async fn try_texts(&self, database: &str, query: &str) -> mysql_async::Result<Vec<String>> {
        let mut conn = self.try_connect(database).await?;
        let rows: Vec<Row> = conn.query(query).await?;
        let _ = conn.disconnect().await;
        let text = |row: Row| match row.unwrap().into_iter().next() {
            Some(Value::Bytes(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            _ => "NULL".to_owned(),
        };
        Ok(rows.into_iter().map(text).collect())
    }

    async fn connect(&self, database: &str) -> Conn {
        until("MariaDB to let us in", BOUND, async || self.try_connect(database).await.ok()).await
    }

    async fn run(&self) {
        let conn = async || {
            self.process.keep(|| self.begin());
            self.try_connect("mysql").await.ok()
        };
        let _ = until("MariaDB to let us in", BOUND, conn).await.disconnect().await;
    }

    fn begin(&self) -> Process {
        let mut command = Command::new("mariadbd");
        command.args(SETTINGS).args(user()).args(&self.options);
        command.arg(format!("--port={}", self.port));
        for (name, path) in [
            ("datadir", self.data()),
            ("tmpdir", self.folder.path().to_path_buf()),
            ("socket", self.socket()),
            ("pid-file", self.folder.path().join("pid")),
        ] {
            command.arg(format!("--{name}={}", path.display()));
        }
        Process::start(&mut command, &self.folder.path().join("log"))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}

/// It refuses to run as root without being told so.
fn user() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}
