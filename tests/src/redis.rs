//! A Redis of a test's own, to be killed, stopped, filled and wiped.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::certificates::Pair;
use crate::patience::block_until;
use crate::scratch::Folder;
use crate::servers::free_port;

/// How long a server may take to answer after it was started.
const PATIENCE: Duration = Duration::from_secs(20);

/// A `redis-server` on a free port of 127.0.0.1, without a disk, which ends with this.
pub struct Redis {
    port: u16,
    encrypted: u16,
    folder: Folder,
    settings: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    /// Starts one, and waits until it answers.
    ///
    /// # Panics
    /// When it is not installed, or does not answer.
    pub fn start() -> Self {
        Self::start_with(vec![])
    }

    /// One that has a second port, [`Redis::encrypted_port`], on which it shows this certificate
    /// and lets in only whom this authority vouches for.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub fn start_encrypted(pair: &Pair, authority: &Path) -> Self {
        let files = [
            ("--tls-cert-file", pair.certificate.as_path()),
            ("--tls-key-file", pair.key.as_path()),
            ("--tls-ca-cert-file", authority),
        ];
        let words = files.map(|(word, file)| [word.to_owned(), file.display().to_string()]);
        Self::start_with(words.concat())
    }

    fn start_with(settings: Vec<String>) -> Self {
        let (port, encrypted) = (free_port(), free_port());
        let mut server = Self { port, encrypted, folder: Folder::new(), settings, child: None };
        server.restart();
        server
    }

    /// Where it is: `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its port for encrypted connections, if it was started with one.
    pub fn encrypted_port(&self) -> u16 {
        self.encrypted
    }

    /// Kills it if it runs, starts it again, empty, and waits until it answers.
    ///
    /// # Panics
    /// As [`Redis::start`].
    pub fn restart(&mut self) {
        self.kill();
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"]);
        command.args(["--save", "", "--appendonly", "no"]).args(&self.settings);
        if !self.settings.is_empty() {
            command.args(["--tls-port", &self.encrypted.to_string()]);
        }
        command.current_dir(self.folder.path()).stdout(Stdio::null());
        self.child = Some(command.spawn().expect("redis-server is installed; ./check does it"));
        let answers = block_until(PATIENCE, || self.answers().then_some(()));
        assert!(answers.is_some(), "redis-server does not answer");
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it (SIGSTOP): it accepts connections and never answers.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Wipes it.
    pub fn flush(&self) {
        self.tell(&["FLUSHALL"]);
    }

    /// Gives it so many bytes of memory; `1` makes it refuse every change, `0` lifts the limit.
    pub fn limit_memory(&self, bytes: u64) {
        self.tell(&["CONFIG", "SET", "maxmemory", &bytes.to_string()]);
    }

    /// Tells it a command, and returns what it printed.
    ///
    /// # Panics
    /// When it refuses.
    pub fn tell(&self, words: &[&str]) -> String {
        let output = self.cli(words);
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(output.status.success(), "{words:?}: {said}");
        said
    }

    fn answers(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
            && self.cli(&["PING"]).stdout.starts_with(b"PONG")
    }

    fn cli(&self, words: &[&str]) -> Output {
        Command::new("redis-cli")
            .args(["-e", "-p", &self.port.to_string()])
            .args(words)
            .output()
            .expect("redis-cli is installed; ./check does it")
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, signal).expect("it is our child");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
