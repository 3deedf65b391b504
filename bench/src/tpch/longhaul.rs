//! One run of the executable, watched from outside and read from what it left behind.

use std::path::PathBuf;
use std::pin::pin;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio_postgres::Client;

use super::source::{Contents, Source};
use crate::Result;
use crate::server::Server;

/// How often the process's memory is read. The kernel keeps the peak, so only what is taken and
/// given back within the last such while before the exit can be missed.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The executable, and how it is called.
pub(crate) struct Longhaul {
    /// Where it is.
    pub(crate) executable: PathBuf,
    /// More arguments for `longhaul run`.
    pub(crate) more: Vec<String>,
    /// A run that takes longer is ended, and the benchmark with it.
    pub(crate) patience: Duration,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Haul {
    /// From the start of the process until the last receipt that is not of verification.
    pub(crate) moved: Duration,
    /// From the start of the process to its end.
    pub(crate) verified: Duration,
    /// Why it does not count, where it does not.
    pub(crate) flaw: Option<String>,
    /// The most memory the process had resident, in KiB, where the system tells.
    pub(crate) peak_kib: Option<u64>,
    /// Processor time of the process itself, where the system tells.
    pub(crate) cpu: Option<Duration>,
    /// Seconds between start and finish of chunks, summed over all slots, by stage.
    pub(crate) work: Work,
}

/// Seconds of work. Several slots work at a time, so they add up to more than went by.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Work {
    /// Making bare tables.
    pub(crate) prepare: f64,
    /// Moving rows.
    pub(crate) copy: f64,
    /// Keys, and all that follows.
    pub(crate) finish: f64,
    /// The part of `finish` that gathers statistics; the baseline gathers none.
    pub(crate) statistics: f64,
    /// Reading back.
    pub(crate) verify: f64,
}

impl Longhaul {
    /// Runs it from the source into an empty database.
    ///
    /// A run that fails, or leaves other rows than the source's, is returned with its flaw.
    ///
    /// # Errors
    /// When it cannot be started or does not end, or a server does not answer.
    pub(crate) async fn haul(
        &self,
        server: &Server,
        source: &Source,
        target: &str,
    ) -> Result<Haul> {
        let state = std::env::temp_dir().join(format!("longhaul-bench-{}", std::process::id()));
        let mut command = Command::new(&self.executable);
        command.arg("run").arg("--state").arg(&state);
        command.arg("--from").arg(server.url_of(&source.database));
        command.arg("--to").arg(server.url_of(target));
        command.args(["--progress", "none", "--output", "json"]).args(&self.more);
        let watched = watch(&mut command, self.patience).await;
        // Nothing may be there: the executable decides what it keeps.
        let _ = std::fs::remove_dir_all(&state);
        let watched = watched?;
        let session = server.connect(target).await?;
        let flaw = flaw(&watched.output, source, &session).await;
        if let (Some(flaw), 0) = (&flaw, receipts(&session).await) {
            return Err(format!("longhaul did not begin to run: {flaw}").into());
        }
        let (tail, work) = read_receipts(&session).await?;
        Ok(Haul {
            moved: watched.elapsed.saturating_sub(tail),
            verified: watched.elapsed,
            flaw,
            peak_kib: watched.peak_kib,
            cpu: watched.cpu,
            work,
        })
    }
}

struct Watched {
    output: Output,
    elapsed: Duration,
    peak_kib: Option<u64>,
    cpu: Option<Duration>,
}

/// Runs a command to its end and looks at it all the while.
async fn watch(command: &mut Command, patience: Duration) -> Result<Watched> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let begun = Instant::now();
    let child = command.spawn().map_err(|error| {
        let executable = command.as_std().get_program().display().to_string();
        format!("cannot start {executable}: {error} (cargo build --release, or --longhaul PATH)")
    })?;
    let process = child.id();
    let mut ended = pin!(tokio::time::timeout(patience, child.wait_with_output()));
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let (mut peak_kib, mut cpu) = (None, None);
    loop {
        tokio::select! {
            output = &mut ended => {
                let elapsed = begun.elapsed();
                let late = format!("longhaul did not end within {} s", patience.as_secs());
                return Ok(Watched { output: output.map_err(|_| late)??, elapsed, peak_kib, cpu });
            }
            _ = looks.tick() => {
                peak_kib = process.and_then(peak).max(peak_kib);
                cpu = process.and_then(processor_time).max(cpu);
            }
        }
    }
}

/// The peak of resident memory, in KiB. Nothing outside Linux.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Processor time so far, of user and system. Nothing outside Linux.
fn processor_time(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name comes second, in parentheses, and may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    // Linux shows ticks of 1/100 s on every machine, whatever its own are.
    Some(Duration::from_millis(ticks.sum::<std::result::Result<u64, _>>().ok()? * 10))
}

/// Why a run does not count: it says so itself, or the target is not what the source is.
async fn flaw(output: &Output, source: &Source, target: &Client) -> Option<String> {
    if !output.status.success() {
        return Some(format!("it ended with {}", output.status));
    }
    let report: serde_json::Value = match serde_json::from_slice(&output.stdout) {
        Ok(report) => report,
        Err(error) => return Some(format!("its report is not JSON: {error}")),
    };
    if report["verdict"] != "verified" {
        return Some(format!("its verdict is {}", report["verdict"]));
    }
    match Contents::of(target).await {
        Ok(contents) if contents == source.contents => None,
        Ok(contents) => Some(format!("the target has {contents:?}, not {:?}", source.contents)),
        Err(error) => Some(format!("the target cannot be counted: {error}")),
    }
}

async fn receipts(target: &Client) -> i64 {
    let count = target.query_one("SELECT count(*) FROM longhaul.receipt", &[]).await;
    count.map_or(0, |row| row.get(0))
}

/// How long verification went on after the last row and key stood, and the work by stage.
///
/// Both ends of the tail are on the run's own clock, so ours need not agree with it. What the
/// process does after its last receipt counts as moving: the smaller lie, and against us.
async fn read_receipts(target: &Client) -> Result<(Duration, Work)> {
    let query = "\
        WITH done AS (
            SELECT p.stage, p.body LIKE '%\"statistics\"%' AS statistics, r.started, r.finished
            FROM longhaul.receipt r JOIN longhaul.plan p USING (run, chunk)
            WHERE r.outcome = 'done')
        SELECT coalesce(max(finished) - max(finished) FILTER (WHERE stage <> 'verify'), 0)::bigint,
            coalesce(sum(finished - started) FILTER (WHERE stage = 'prepare'), 0)::float8,
            coalesce(sum(finished - started) FILTER (WHERE stage = 'copy'), 0)::float8,
            coalesce(sum(finished - started) FILTER (WHERE stage = 'finish'), 0)::float8,
            coalesce(sum(finished - started) FILTER (WHERE stage = 'finish' AND statistics),
                0)::float8,
            coalesce(sum(finished - started) FILTER (WHERE stage = 'verify'), 0)::float8
        FROM done";
    let row = target.query_one(query, &[]).await?;
    let seconds = |at: usize| row.get::<_, f64>(at) / 1e6;
    let work = Work {
        prepare: seconds(1),
        copy: seconds(2),
        finish: seconds(3),
        statistics: seconds(4),
        verify: seconds(5),
    };
    Ok((Duration::from_micros(row.get::<_, i64>(0).max(0).cast_unsigned()), work))
}
