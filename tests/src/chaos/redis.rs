//! A Redis server that may be emptied, filled, or taken away.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::process::{Place, Process};
use crate::patience::until;
use crate::scratch::Folder;
use crate::servers::{User, free_port};

/// How long it may take to answer.
const BOUND: Duration = Duration::from_secs(20);

/// A server of its own, that keeps nothing on disk, gone when dropped.
#[derive(Debug)]
pub struct Redis {
    folder: Folder,
    port: u16,
    process: Place,
}

impl Redis {
    /// Starts one.
    ///
    /// # Panics
    /// When Redis is not installed, or does not start.
    pub async fn start() -> Self {
        let (folder, port) = (Folder::new(), free_port());
        User::of("redis").give(folder.path());
        let this = Self { folder, port, process: Place::default() };
        this.come().await;
        this
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends it a command in plain words, and says what its answer begins with.
    pub async fn say(&self, words: &str) -> Option<String> {
        let asked = async {
            let mut wire = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
            wire.write_all(format!("{words}\r\n").as_bytes()).await.ok()?;
            let mut answer = [0; 512];
            let read = wire.read(&mut answer).await.ok()?;
            Some(String::from_utf8_lossy(&answer[..read]).trim_end().to_owned())
        };
        timeout(Duration::from_secs(2), asked).await.ok().flatten()
    }

    /// Kills it, with all it knows.
    pub fn go(&self) {
        drop(self.process.clear());
    }

    /// Starts it again, empty, if it is not there.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn come(&self) {
        let pong = async || {
            self.process.keep(|| self.begin());
            self.say("PING").await.filter(|said| said == "+PONG")
        };
        let _ = until("Redis to answer", BOUND, pong).await;
    }

    fn begin(&self) -> Process {
        let port = self.port.to_string();
        let mut command = User::of("redis").command("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly"]);
        command.arg("no").arg("--dir").arg(self.folder.path());
        Process::start(&mut command, &self.folder.path().join("log"))
    }
}
