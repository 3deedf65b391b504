//! One round: a fresh target, a fresh fleet, a run, faults until it has ended or they have been
//! enough, and a judgement.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::dice::Dice;
use super::fault::{Fault, Recipe, Rhythm};
use super::fleet::{FILE, Fleet, Launch};
use super::inject::Arena;
use super::judge;
use super::log::Log;
use super::process::Process;
use super::relay::{Copies, Relayed, relay};
use super::school;
use super::world::World;
use crate::scratch::Folder;

/// The bound within which a run must end once faults have stopped.
const ENDS_WITHIN: Duration = Duration::from_secs(120);

/// How often a target is asked.
const LOOK: Duration = Duration::from_millis(100);

/// How long a command of an operator may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(60);

/// How much of what a process said is shown.
const LAST_LINES: usize = 15;

/// What a round is made of.
#[derive(Debug, Clone)]
pub struct Round {
    /// Which one, counted from the beginning of a campaign.
    pub number: u32,
    /// Chooses the victims and the times.
    pub seed: u64,
    /// What goes wrong.
    pub recipe: Recipe,
    /// The executable.
    pub executable: PathBuf,
    /// Whether workers commit first and record later: what must be found out.
    pub broken: bool,
    /// How many workers there are.
    pub workers: usize,
    /// How long faults are done, if the run does not end before.
    pub faults_for: Duration,
}

/// What a round came to.
#[derive(Debug)]
pub struct Outcome {
    /// What is wrong, in sentences. Empty: nothing.
    pub wrong: Vec<String>,
    /// What was done.
    pub log: Log,
    /// How long the run took.
    pub took: Duration,
    /// How many chunks it had.
    pub chunks: i64,
    /// How many rows stand there too often.
    pub doubled: i64,
    /// How many terms it was led in.
    pub epochs: i64,
    /// Where the fleet ran, and left what it said.
    pub folder: Folder,
}

/// Where a round takes place.
struct Stage<'a> {
    world: &'a World,
    fleet: &'a Fleet,
    launch: Launch,
    database: &'a str,
    log: &'a Log,
}

impl Outcome {
    /// The last that each process of the fleet said.
    ///
    /// # Panics
    /// When the folder is gone.
    pub fn said(&self) -> String {
        let files = std::fs::read_dir(self.folder.path()).expect("it goes with the outcome");
        let logs = files.flatten().map(|file| file.path());
        let logs = logs.filter(|path| path.extension().is_some_and(|kind| kind == "log"));
        let last = |path: PathBuf| {
            let said = std::fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<_> = said.lines().collect();
            let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
            format!("--- {}\n{last}\n", path.display())
        };
        logs.map(last).collect()
    }
}

impl Round {
    /// Carries it out.
    ///
    /// # Panics
    /// When a server does not come back, so that nothing can be said of the fleet.
    pub async fn go(&self, world: &World) -> Outcome {
        let (folder, log) = (Folder::new(), Log::begin());
        let database = format!("target_{}", self.number);
        world.calm().await;
        school::target(&world.target, &database).await;
        std::fs::write(folder.path().join(FILE), world.file(&database, &self.migration()))
            .expect("the folder is writable");
        if self.recipe.has(Fault::RedisAbsent) {
            world.redis.go();
            log.note(Fault::RedisAbsent.name(), "from the start");
        }
        if self.recipe.has(Fault::RedisFull) {
            let _ = world.redis.say("CONFIG SET maxmemory 1").await;
            log.note(Fault::RedisFull.name(), "from the start");
        }
        let launch = self.launch(world, &folder, &database);
        let fleet = Fleet::start(launch.clone());
        let began = Instant::now();
        let relayed = Relayed::default();
        let stage = Stage { world, fleet: &fleet, launch, database: &database, log: &log };
        let led = self.lead(&stage, &relayed);
        let mut wrong = tokio::select! {
            wrong = led => wrong,
            () = fleet.supervise(|said| log.note("ended-by-itself", &said)) => Vec::new(),
            () = self.relay(world, &relayed) => Vec::new(),
        };
        let took = began.elapsed();
        self.count_relayed(&relayed, &log);
        drop(fleet);
        let stored = wrong.is_empty();
        let chunks = if stored { judge::chunks(world, &database).await } else { 0 };
        let epochs = if stored { judge::epoch(world, &database).await } else { 0 };
        let doubled = judge::doubled(world, &database).await;
        wrong.extend((doubled > 0).then(|| format!("{doubled} rows are there too often")));
        Outcome { wrong, log, took, chunks, doubled, epochs, folder }
    }

    /// The lines of the file that say what is moved.
    fn migration(&self) -> String {
        let long = self.recipe.0.iter().any(|fault| fault.needs_long_chunks());
        let (rows, limits) = if long { (2_000, ", rows_per_second: 5000") } else { (20, "") };
        format!(
            "entities:\n  - entity: \"*\"\n    chunk_rows: {}\n  \
               - entity: entry\n    chunk_rows: {rows}\n\
             limits: {{ slots: {}{limits} }}\nretry: {{ attempts: 50 }}\n",
            rows * 5 / 4,
            self.workers * 2,
        )
    }

    fn launch(&self, world: &World, folder: &Folder, database: &str) -> Launch {
        let told = |number| {
            let url = world.target_url(&school::user(number), database);
            let mut told = vec!["--set".to_owned(), format!("environments.new.url={url}")];
            if self.copies().is_some() {
                told.extend(["--set".to_owned(), "fleet.generation=2".to_owned()]);
            }
            told
        };
        Launch {
            executable: self.executable.clone(),
            folder: folder.path().to_owned(),
            broken: self.broken,
            worker: (0..self.workers).map(told).collect(),
        }
    }

    fn copies(&self) -> Option<Copies> {
        let two = self.recipe.has(Fault::Twice).then_some(Copies::Two);
        two.or_else(|| self.recipe.has(Fault::Lost).then_some(Copies::SomeNone))
    }

    async fn relay(&self, world: &World, relayed: &Relayed) {
        match self.copies() {
            Some(copies) => relay(&world.rabbit, copies, Dice::new(self.seed, 99), relayed).await,
            None => std::future::pending().await,
        }
    }

    fn count_relayed(&self, relayed: &Relayed, log: &Log) {
        let came = relayed.came.load(Ordering::Relaxed);
        let went = relayed.went.load(Ordering::Relaxed);
        match self.copies() {
            Some(Copies::Two) => log.count(Fault::Twice.name(), went - came.min(went)),
            Some(Copies::SomeNone) => log.count(Fault::Lost.name(), came - went.min(came)),
            None => {}
        }
    }

    /// Submits the run, lets faults happen until it ends, and judges.
    async fn lead(&self, stage: &Stage<'_>, relayed: &Relayed) -> Vec<String> {
        let Stage { world, fleet, launch, database, log } = stage;
        let submitted = command(launch, "submit", &["submit", FILE], COMMAND_WITHIN).await;
        let Some(run) = submitted.as_ref().ok().and_then(|said| said["run"].as_str()) else {
            return vec![format!("submit: {submitted:?}")];
        };
        log.note("submitted", run);
        let generation = if self.copies().is_some() { 2 } else { 1 };
        let arena = Arena { world, fleet, generation };
        let (stop, stopping) = watch::channel(false);
        let faults = async {
            let each = self.recipe.0.iter().enumerate();
            let each =
                each.map(|(at, fault)| self.again(*fault, at, &arena, stopping.clone(), log));
            futures_util::future::join_all(each).await;
        };
        let ending = async {
            let early = self.over(world, database, self.faults_for).await;
            stop.send_replace(true);
            early
        };
        let ((), early) = tokio::join!(faults, ending);
        relayed.whole.store(true, Ordering::Relaxed);
        world.heal(self.recipe.has(Fault::RedisAbsent)).await;
        log.note("faults stopped", if early { "the run had ended" } else { "it had not ended" });
        if !early && !self.over(world, database, ENDS_WITHIN).await {
            let (stands, bound) =
                (judge::stands(&world.target, database).await, ENDS_WITHIN.as_secs());
            return vec![format!("the run did not end within {bound} s: {stands}")];
        }
        if self.broken && judge::doubled(world, database).await > 0 {
            log.note("found out", "");
            return Vec::new();
        }
        log.note("ended", "");
        let mut wrong = judge::judge(world, database, run).await;
        let report = ["report", run, "--file", FILE];
        match command(launch, "report", &report, COMMAND_WITHIN).await {
            Ok(report) => wrong.extend(judge::reported(&report)),
            Err(said) => wrong.push(format!("report: {said}")),
        }
        wrong
    }

    /// Waits until there is nothing more to wait for, at most so long, and says whether it came: the
    /// end of the run, or of a broken fleet a row that stands there twice. Where that happened under a
    /// key, the target refuses the key, and the run waits for a person, as it should.
    async fn over(&self, world: &World, database: &str, bound: Duration) -> bool {
        let found = async {
            while !self.broken || judge::doubled(world, database).await == 0 {
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            over = ended(world, database, bound) => over,
            () = found => true,
        }
    }

    /// Does a fault again and again, in its rhythm, until it is told to stop.
    async fn again(
        &self,
        fault: Fault,
        stream: usize,
        arena: &Arena<'_>,
        mut stop: watch::Receiver<bool>,
        log: &Log,
    ) {
        let Rhythm::Again(least, most) = fault.rhythm() else { return };
        let mut dice = Dice::new(self.seed, stream as u64);
        loop {
            let pause = sleep(dice.millis(least, most));
            tokio::select! {
                () = pause => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            if let Some(said) = arena.inject(fault, &mut dice).await {
                log.note(fault.name(), &said);
            }
        }
    }
}

/// Waits until the run in a database has ended, at most so long. Says whether it has.
async fn ended(world: &World, database: &str, bound: Duration) -> bool {
    let query = format!(
        "SELECT state FROM {}run WHERE state IN ('complete', 'cancelled', 'void')",
        world.target.engine().books()
    );
    let waiting = async {
        loop {
            // The server may be crashing just now.
            let over = world.target.try_texts(database, &query).await;
            if over.is_ok_and(|over| !over.is_empty()) {
                return;
            }
            sleep(LOOK).await;
        }
    };
    timeout(bound, waiting).await.is_ok()
}

/// Runs a command that answers in JSON.
pub(super) async fn command(
    launch: &Launch,
    name: &str,
    arguments: &[&str],
    bound: Duration,
) -> Result<Value, String> {
    let at = |kind| launch.folder.join(format!("{name}.{kind}"));
    let mut command = launch.command();
    command.args(arguments).args(["--output", "json", "--progress", "plain"]);
    // A process says all it says into one file; the answer is the last that is JSON.
    let mut process = Process::start(&mut command, &at("log"));
    let status = process.wait(bound).await;
    let said = std::fs::read_to_string(at("log")).unwrap_or_default();
    let json = said.match_indices('{').find_map(|(from, _)| {
        let mut values = serde_json::Deserializer::from_str(&said[from..]).into_iter::<Value>();
        values.next()?.ok()
    });
    match status {
        Some(status) if status.success() => json.ok_or(said),
        Some(status) => Err(format!("{status}: {said}")),
        None => Err(format!("no end within {} s: {said}", bound.as_secs())),
    }
}
