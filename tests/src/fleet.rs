//! A fleet of a test's own: a name that nobody else has, two databases, and processes.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use broker::Amqp;
use ledger::{Ledger as _, Redis, RedisOptions};
use protocol::clock::SystemClock;
use protocol::wire::Keys;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::command::Said;
use crate::scratch::Database;
use crate::setting::{PASSWORD, Setting, VALUE};

/// Longest wait for anything: generous, since it only bounds a failure.
const WITHIN: Duration = Duration::from_secs(120);

/// The variable in which the fleet's file finds the broker's password.
const BROKER_PASSWORD: &str = "TEST_BROKER_PASSWORD";

/// The variable in which it finds the key.
const KEY: &str = "TEST_KEY";

/// The broker and the ledger that tests may use.
fn servers() -> (String, String) {
    let named = |name, or: &str| std::env::var(name).unwrap_or_else(|_| or.into());
    let broker = named("LONGHAUL_TEST_AMQP", "amqp://guest:guest@127.0.0.1:5672/%2f");
    (broker, named("LONGHAUL_TEST_REDIS", "redis://127.0.0.1:6379/0"))
}

/// A fleet, and a migration from one PostgreSQL database to another.
pub struct Fleet {
    /// The folder with the file.
    pub setting: Setting,
    /// What is read.
    pub from: Database,
    /// What is written.
    pub to: Database,
    name: String,
    password: String,
    rows: u64,
}

impl Fleet {
    /// A fleet without processes, with so many rows to move, in chunks of a hundred, and `more`
    /// lines in its file.
    ///
    /// # Panics
    /// When a server cannot be reached.
    pub async fn new(executable: &'static str, rows: u64, more: &str) -> Self {
        let (from, to) = (Database::new().await, Database::new().await);
        // The source's change counters must stand still from here on, or a new leader would find that
        // somebody wrote: the server counts late, unless it is told to count at once.
        from.run(&format!(
            "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT);
             INSERT INTO pupil SELECT i, '{VALUE}' FROM generate_series(1, {rows}) i;
             ANALYZE pupil;
             SELECT pg_stat_force_next_flush()"
        ))
        .await;
        // A database's name is of this process and counts on, so it is a fleet's, too.
        let name = from.name().replace("longhaul_test", "t");
        let (broker, ledger) = servers();
        let (url, password) = without_password(&broker);
        let setting = Setting::new(executable);
        setting.migration(
            &from.url(),
            &to.url(),
            &format!(
                "entities: [{{ entity: \"*\", chunk_rows: 100 }}]\n\
                 fleet:\n  name: {name}\n  broker: {{ url: \"{url}\", password: env:{BROKER_PASSWORD} }}\n  \
                 ledger: {{ url: \"{ledger}\" }}\n  keys: {{ current: k1, k1: env:{KEY} }}\n{more}"
            ),
        );
        Self { setting, from, to, name, password, rows }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL of its ledger.
    pub fn ledger() -> String {
        servers().1
    }

    /// A handle on its broker, with its key.
    ///
    /// # Panics
    /// When its options make no sense.
    pub fn broker(&self) -> Amqp {
        let keys = Keys::new("k1", [("k1".to_owned(), PASSWORD.repeat(2).into_bytes())]);
        let keys = keys.expect("it is long enough");
        let options = broker::Options { keys, ..broker::Options::new(servers().0, &self.name) };
        Amqp::new(options).expect("the URL is good")
    }

    /// The executable with arguments, and the secrets that the file refers to.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.setting.command(arguments);
        command.env(BROKER_PASSWORD, &self.password).env(KEY, PASSWORD.repeat(2));
        command.env("LONGHAUL_LOG", "info");
        command
    }

    /// Runs it to its end.
    pub fn longhaul(&self, arguments: &[&str]) -> Said {
        self.setting.run(&mut self.command(arguments))
    }

    /// Starts a coordinator or worker, and waits until it says that it is ready.
    pub fn starts(&self, arguments: &[&str]) -> Process {
        let mut process = Process::start(&mut self.command(arguments));
        process.hears("is ready");
        process
    }

    /// Submits the migration, and returns the run.
    ///
    /// # Panics
    /// When that is refused.
    pub fn submits(&self, arguments: &[&str]) -> String {
        let said = self.longhaul(&[&["submit"], arguments].concat()).exits(0);
        assert!(said.stderr.contains("longhaul watch"), "{said}");
        said.stdout.trim().to_owned()
    }

    /// Waits until a query on the target answers so.
    ///
    /// # Panics
    /// When it does not in time.
    pub async fn until(&self, query: &str, wanted: impl Fn(&str) -> bool) {
        let client = self.to.client().await;
        let began = Instant::now();
        loop {
            let row = client.query_one(&format!("SELECT ({query})::text"), &[]).await;
            let answer: Option<String> = row.ok().and_then(|row| row.get(0));
            if answer.as_deref().is_some_and(&wanted) {
                return;
            }
            assert!(began.elapsed() < WITHIN, "`{query}` answered {answer:?} to the end");
            tokio::task::yield_now().await;
        }
    }

    /// The answer of a command, as soon as it fits.
    ///
    /// # Panics
    /// With the last answer, when none fits in time.
    pub fn answers(&self, arguments: &[&str], fits: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        let arguments = [arguments, &["--output", "json"]].concat();
        loop {
            let said = self.longhaul(&arguments).exits(0);
            let json = said.json();
            if fits(&json) {
                return json;
            }
            assert!(began.elapsed() < WITHIN, "{said}");
        }
    }

    /// Whether every row is in the target, once.
    ///
    /// # Panics
    /// When not.
    pub async fn is_moved(&self) {
        let digest =
            "SELECT count(*) || '/' || md5(string_agg(p::text, ',' ORDER BY p::text)) FROM pupil p";
        assert_eq!(self.to.ask(digest).await, self.from.ask(digest).await);
        assert_eq!(self.to.ask("SELECT count(*) FROM pupil").await, self.rows.to_string());
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let name = self.name.clone();
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            runtime.expect("a runtime").block_on(leave_nothing(&name));
        });
        let _ = cleaning.join();
    }
}

/// Removes the fleet's queues, and what the ledger remembers of its runs.
async fn leave_nothing(name: &str) {
    let (broker, url) = servers();
    if let Ok(broker) = broker::Amqp::new(broker::Options::new(broker, name)) {
        let _ = tokio::time::timeout(Duration::from_secs(10), broker.delete()).await;
    }
    let options = RedisOptions { url, fleet: name.into(), ..RedisOptions::default() };
    if let Ok(ledger) = Redis::new(&options, Arc::new(SystemClock)) {
        for run in ledger.runs().await.unwrap_or_default() {
            let _ = ledger.forget(run).await;
        }
    }
}

/// The URL without its password, and the password.
fn without_password(url: &str) -> (String, String) {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let (login, place) = rest.split_once('@')?;
        let (user, password) = login.split_once(':')?;
        Some((format!("{scheme}://{user}@{place}"), password.to_owned()))
    });
    parts.unwrap_or_else(|| (url.to_owned(), String::new()))
}

/// A process of the fleet, killed when dropped.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    heard: String,
}

impl Process {
    /// Starts a command whose narration is read line by line.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the executable starts");
        let narration = BufReader::new(child.stderr.take().expect("it was piped"));
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in narration.lines().map_while(Result::ok) {
                // Read to the end, so that it never waits for a reader.
                let _ = tell.send(line);
            }
        });
        Self { child, lines, heard: String::new() }
    }

    /// Listens until a line holds that word, and returns it.
    ///
    /// # Panics
    /// With all that was heard, when none comes in time.
    pub fn hears(&mut self, word: &str) -> String {
        self.hears_that(word, |line| line.contains(word))
    }

    /// Listens until a line fits.
    ///
    /// # Panics
    /// With all that was heard, when none comes in time.
    pub fn hears_that(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + WITHIN;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.heard += &format!("{line}\n");
                    if fits(&line) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("never heard `{what}` in\n{}", self.heard)
                }
            }
        }
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When it is gone already.
    pub fn is_sent(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process number");
        kill_process(Pid::from_raw(id).expect("not zero"), signal).expect("it is there");
    }

    /// Waits for its end, and says how it ended.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn ends(mut self) -> Said {
        while let Ok(line) = self.lines.recv_timeout(WITHIN) {
            self.heard += &format!("{line}\n");
        }
        let mut stdout = String::new();
        let mut answer = self.child.stdout.take().expect("it was piped");
        std::io::Read::read_to_string(&mut answer, &mut stdout).expect("it answers in UTF-8");
        let code = self.child.wait().expect("it can be waited for").code();
        Said { code, stdout, stderr: std::mem::take(&mut self.heard) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
