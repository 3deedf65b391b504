//! How long things take on a fleet: each figure measured from outside, on servers of its own.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use super::dice::Dice;
use super::fleet::{FILE, Fleet, Launch};
use super::round::command;
use super::school;
use super::world::World;
use crate::patience::until;
use crate::scratch::Folder;

/// The database that is written.
const DATABASE: &str = "figures";

/// No figure waits longer for anything.
const BOUND: Duration = Duration::from_secs(900);

/// A chunk that nobody took for so long is parked.
const PARKED_AFTER: Duration = Duration::from_secs(60);

/// How often the target is asked.
const ASK: Duration = Duration::from_millis(10);

/// A fleet that carries one table, and whoever watches it.
pub struct Bench<'a> {
    world: &'a World,
    fleet: Fleet,
    launch: Launch,
    client: Client,
    run: String,
    dice: Dice,
    _folder: Folder,
}

impl<'a> Bench<'a> {
    /// Submits a run over entries, so many rows to a chunk, and starts a fleet. Before that, empty
    /// chunks are added to the stored plan until there are `least`: to cut a table into a million
    /// chunks takes longer than to look at what leading them takes.
    ///
    /// # Panics
    /// When the run cannot be submitted.
    pub async fn begin(
        world: &'a World,
        executable: PathBuf,
        workers: usize,
        chunk_rows: u32,
        limits: &str,
        least: u32,
    ) -> Self {
        let folder = Folder::new();
        school::target(&world.target, DATABASE).await;
        let migration = format!(
            "entities:\n  - entity: entry\n    chunk_rows: {chunk_rows}\n\
             limits: {{ slots: {}{limits} }}\n",
            workers.max(1) * 2
        );
        let file = world.file(DATABASE, &migration);
        std::fs::write(folder.path().join(FILE), file).expect("the folder is writable");
        let told = |number| {
            let url = world.target_url(&school::user(number), DATABASE);
            vec!["--set".to_owned(), format!("environments.new.url={url}")]
        };
        let worker = (0..workers).map(told).collect();
        let launch = Launch { executable, folder: folder.path().to_owned(), broken: false, worker };
        let submitted = command(&launch, "submit", &["submit", FILE], BOUND).await;
        let submitted = submitted.unwrap_or_else(|said| panic!("submit: {said}"));
        let run = submitted["run"].as_str().expect("it says which").to_owned();
        let client = world.target.client(DATABASE).await;
        let add = format!(
            "INSERT INTO longhaul.plan (run, chunk, stage, entity, body)
             SELECT run, i, stage, entity,
                    regexp_replace(body, '^.\"id\":[0-9]+', '{{\"id\":' || i)
               FROM (SELECT * FROM longhaul.plan WHERE body LIKE '%\"upto\":[\"%' ORDER BY chunk DESC
                      LIMIT 1) p,
                    generate_series((SELECT count(*) FROM longhaul.plan), {least}::bigint - 1) i"
        );
        client.batch_execute(&add).await.expect("the plan's table is as it was");
        let fleet = Fleet::start(launch.clone());
        Self { world, fleet, launch, client, run, dice: Dice::new(1, 0), _folder: folder }
    }

    /// From SIGKILL to a worker that is inside a COPY until another session is on that chunk.
    pub async fn handover(&mut self, times: usize) -> Vec<Duration> {
        let mut took = Vec::new();
        while took.len() < times && !self.over().await {
            let query = "SELECT usename::text, application_name FROM pg_stat_activity
                          WHERE state = 'active' AND query ILIKE 'COPY%FROM%' AND usename LIKE 'w%'";
            let rows = self.client.query(query, &[]).await.expect("the target answers");
            if rows.is_empty() {
                sleep(ASK).await;
                continue;
            }
            let row = &rows[self.dice.below(rows.len())];
            let (user, label): (String, String) = (row.get(0), row.get(1));
            let worker = user[1..].parse().expect("a worker's number");
            let killed = Instant::now();
            self.fleet.kill_number(worker);
            if !self.is_elsewhere(&label).await {
                continue;
            }
            took.push(killed.elapsed());
            sleep(Duration::from_secs(1)).await;
        }
        took
    }

    /// Waits until another session is on the chunk of a session. Not so, if the chunk was done after
    /// all, just before its worker was killed; or if it was parked, because too many died on it.
    async fn is_elsewhere(&self, label: &str) -> bool {
        let (chunk, _) = label.rsplit_once(':').expect("run, chunk and attempt");
        let number = chunk.rsplit(':').next().expect("the chunk's number");
        let elsewhere = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '{chunk}:%'
                AND application_name <> '{label}' AND xact_start IS NOT NULL"
        );
        let done = format!("SELECT count(*) FROM longhaul.receipt WHERE chunk = {number}");
        let asked = Instant::now();
        loop {
            if self.count(&elsewhere).await > 0 {
                return true;
            }
            if self.count(&done).await > 0 || asked.elapsed() > PARKED_AFTER {
                return false;
            }
            sleep(ASK).await;
        }
    }

    /// From SIGKILL to the leader until somebody leads.
    pub async fn succession(&mut self, times: usize) -> Vec<Duration> {
        let mut took = Vec::new();
        let epoch = "SELECT epoch FROM longhaul.run";
        until("a leader", BOUND, async || (self.count(epoch).await > 0).then_some(())).await;
        for _ in 0..times {
            let before = self.count(epoch).await;
            let killed = Instant::now();
            let _ = self.fleet.kill_leader(&mut self.dice);
            while self.count(epoch).await == before && !self.over().await {
                sleep(ASK).await;
            }
            if self.over().await {
                break;
            }
            took.push(killed.elapsed());
            sleep(self.dice.millis(1_000, 3_000)).await;
        }
        took
    }

    /// The longest time without a new receipt in the half minute after a FLUSHALL, which comes when
    /// so many chunks are done. And how many there are then.
    pub async fn flushed(&mut self, done: i64) -> (Duration, i64) {
        while self.receipts().await < done {
            sleep(ASK).await;
        }
        let (flushed, mut last) = (Instant::now(), (Instant::now(), self.receipts().await));
        let _ = self.world.redis.say("FLUSHALL").await;
        let (mut longest, at) = (Duration::ZERO, last.1);
        while flushed.elapsed() < Duration::from_secs(30) && !self.over().await {
            let now = self.receipts().await;
            if now > last.1 {
                longest = longest.max(last.0.elapsed());
                last = (Instant::now(), now);
            }
            sleep(ASK).await;
        }
        (longest, at)
    }

    /// Chunks per second, between a tenth and nine tenths of the plan.
    pub async fn pace(&mut self) -> f64 {
        let planned = self.count("SELECT count(*) FROM longhaul.plan").await;
        let (from, to) = (planned / 10, planned * 9 / 10);
        let reach = async |count| {
            let reached = async || (self.receipts().await >= count).then_some(Instant::now());
            until("receipts", BOUND, reached).await
        };
        let (began, first) = (reach(from).await, self.receipts().await);
        let (ended, last) = (reach(to).await, self.receipts().await);
        let done = u32::try_from(last - first).expect("there are not so many");
        f64::from(done) / ended.duration_since(began).as_secs_f64()
    }

    /// The most memory that the leading coordinator ever had, in bytes, some time after it began;
    /// and how many chunks are planned.
    pub async fn memory(&mut self, after: Duration) -> (u64, i64) {
        let leads = async || self.fleet.leader();
        let _ = until("a leader", BOUND, leads).await;
        sleep(after).await;
        let leader = self.fleet.leader().expect("it leads");
        let status = std::fs::read_to_string(format!("/proc/{leader}/status"));
        let status = status.expect("the leader lives");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak =
            peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        let planned = self.count("SELECT count(*) FROM longhaul.plan").await;
        (peak.expect("a number of kilobytes") * 1024, planned)
    }

    /// How the run is called.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Where the fleet says what it does.
    pub fn folder(&self) -> &std::path::Path {
        &self.launch.folder
    }

    async fn over(&self) -> bool {
        self.count("SELECT count(*) FROM longhaul.run WHERE state = 'complete'").await > 0
    }

    async fn receipts(&self) -> i64 {
        self.count("SELECT count(*) FROM longhaul.receipt").await
    }

    async fn count(&self, query: &str) -> i64 {
        self.client.query_one(query, &[]).await.expect("the target answers").get(0)
    }
}
