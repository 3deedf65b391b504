//! A PostgreSQL server that may be crashed.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio_postgres::{Client, NoTls};

use super::process::{Place, Process};
use crate::patience::until;
use crate::scratch::Folder;
use crate::servers::{User, binary, free_port};

/// How long it may take to stop, or to recover and let somebody in.
const BOUND: Duration = Duration::from_secs(60);

/// How long it may take to end its children when it is no longer needed.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// Commits wait for nothing, as a chunk's would anyway, and files are not flushed: what is tried
/// here is the crash of a server, not that of a machine.
const SETTINGS: &str = "fsync = off\nmax_connections = 300\nshared_buffers = 64MB\n\
                        autovacuum = off\nlog_min_messages = warning\n";

/// A server of its own, on a free port, gone when dropped.
#[derive(Debug)]
pub struct Postgres {
    folder: Folder,
    user: User,
    port: u16,
    process: Place,
}

impl Postgres {
    /// Makes and starts one whose superuser is `postgres`; whoever asks from this machine is let in.
    ///
    /// # Panics
    /// When PostgreSQL is not installed, or does not start.
    pub async fn start() -> Self {
        let (folder, user, port) = (Folder::new(), User::of("postgres"), free_port());
        user.give(folder.path());
        let this = Self { folder, user, port, process: Place::default() };
        let mut initdb = user.command(binary("initdb"));
        initdb.arg("-D").arg(this.data()).args(["-U", "postgres", "-A", "trust", "-E", "UTF8"]);
        let made = initdb.args(["--locale", "C.UTF-8", "--no-sync"]).stdout(Stdio::null()).status();
        assert!(made.is_ok_and(|status| status.success()), "initdb failed: {initdb:?}");
        let file = this.data().join("postgresql.conf");
        let settings = std::fs::read_to_string(&file).expect("initdb made it");
        std::fs::write(&file, format!("{settings}\n{SETTINGS}")).expect("it is writable");
        this.run().await;
        this
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A client of one of its databases.
    ///
    /// # Errors
    /// While it is away.
    pub async fn try_client(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let url = format!("postgres://postgres@127.0.0.1:{}/{database}", self.port);
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A client of one of its databases, as soon as it lets somebody in.
    ///
    /// # Panics
    /// When it does not within a minute.
    pub async fn client(&self, database: &str) -> Client {
        until("PostgreSQL to let us in", BOUND, async || self.try_client(database).await.ok()).await
    }

    /// Stops it as a crash would, or in order, and starts it again.
    ///
    /// # Panics
    /// When it does not come back.
    pub async fn restart(&self, crash: bool) {
        if let Some(mut process) = self.process.clear() {
            process.signal(if crash { Signal::QUIT } else { Signal::INT });
            let _ = process.wait(BOUND).await;
        }
        self.run().await;
    }

    async fn run(&self) {
        let client = async || {
            self.process.keep(|| self.begin());
            self.try_client("postgres").await.ok()
        };
        drop(until("PostgreSQL to let us in", BOUND, client).await);
    }

    fn begin(&self) -> Process {
        let (folder, port) = (self.folder.path().display().to_string(), self.port.to_string());
        let mut command = self.user.command(binary("postgres"));
        command.arg("-D").arg(self.data()).args(["-p", &port, "-k", &folder]);
        command.args(["-c", "listen_addresses=127.0.0.1"]);
        Process::start(&mut command, &self.folder.path().join("log"))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its children leave its group, and go when it tells them to.
        if let Some(mut process) = self.process.clear() {
            process.signal(Signal::QUIT);
            process.block(GONE_WITHIN);
        }
    }
}
