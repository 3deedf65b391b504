//! What bad rows cost: a run into a table that refuses some of them, against the same run without any.
//!
//! Everything is in one server: a source of narrow rows, and a target with a key and a check. Bad rows
//! break one of the two in turn. All runs of a round follow each other, so that they share its minutes.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Command;

use crate::Result;
use crate::server::Server;

/// How much longer a run may take with bad rows: one of all, and one in a hundred.
const BARS: [f64; 2] = [1.5, 5.0];

const SOURCE: &str = "longhaul_bench_bad_source";
const TARGET: &str = "longhaul_bench_bad_target";

/// What to measure, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many rows.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1000..))]
    rows: u32,

    /// A maintenance database of the server, whose role may make databases and checkpoints.
    #[arg(
        long,
        env = "LONGHAUL_TEST_POSTGRES",
        hide_env_values = true,
        default_value = "postgres://postgres@127.0.0.1:5432/postgres"
    )]
    url: String,

    /// How often each is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// The executable [default: `longhaul` beside this one].
    #[arg(long, value_name = "PATH")]
    longhaul: Option<PathBuf>,
}

/// Measures, prints, and returns whether the bars are met. Removes its databases in any case.
///
/// # Errors
/// When it could not be measured.
pub(crate) async fn run(args: &Args) -> Result<bool> {
    let server = Server::open(&args.url).await?;
    println!("bad rows among {}; {}", args.rows, server.describe().await?);
    let outcome = measure(args, &server).await;
    server.drop(TARGET).await?;
    server.drop(SOURCE).await?;
    outcome
}

async fn measure(args: &Args, server: &Server) -> Result<bool> {
    let executable = match &args.longhaul {
        Some(path) => path.clone(),
        None => {
            let name = format!("longhaul{}", std::env::consts::EXE_SUFFIX);
            std::env::current_exe()?.with_file_name(name)
        }
    };
    server.recreate(SOURCE).await?;
    let rows = args.rows / 100 * 100;
    let bad = [0, 1, rows / 100];
    let mut ratios = [Vec::new(), Vec::new()];
    for round in 1..=args.rounds {
        let mut took = [Duration::ZERO; 3];
        for (bad, took) in bad.into_iter().zip(&mut took) {
            fill(server, rows, bad).await?;
            *took = haul(server, &executable, bad).await?;
        }
        let [clean, one, many] = took.map(|took| took.as_secs_f64());
        println!(
            "round {round}: {clean:.2} s clean, {one:.2} s with 1, {many:.2} s with {}",
            bad[2]
        );
        ratios[0].push(one / clean);
        ratios[1].push(many / clean);
    }
    let mut met = true;
    for ((ratios, bar), bad) in ratios.iter_mut().zip(BARS).zip(&bad[1..]) {
        ratios.sort_by(f64::total_cmp);
        let median = ratios[ratios.len() / 2];
        let word = if median <= bar { "met" } else { "NOT met" };
        println!("{bad} bad: {median:.2} times the clean run (bar {bar:.1}: {word})");
        met &= median <= bar;
    }
    Ok(met)
}

/// A source with that many bad rows, and an empty target.
async fn fill(server: &Server, rows: u32, bad: u32) -> Result<()> {
    let source = server.connect(SOURCE).await?;
    // One in each stretch of rows, at no regular distance, and never two neighbours.
    let bad = match bad {
        0 => "false".to_owned(),
        1 => format!("i = {}", rows / 2),
        _ => format!("i % {0} = (i / {0} * 37) % {0}", rows / bad),
    };
    source
        .batch_execute(&format!(
            "DROP TABLE IF EXISTS entry;
             CREATE TABLE entry (id bigint PRIMARY KEY, code bigint NOT NULL, mark int NOT NULL,
                 note text NOT NULL);
             INSERT INTO entry
             SELECT i, CASE WHEN {bad} AND i % 2 = 0 THEN i + 1 ELSE i END,
                 CASE WHEN {bad} AND i % 2 = 1 THEN 0 ELSE 1 END, 'a note of some length on ' || i
             FROM generate_series(0, {rows} - 1) AS i;
             ANALYZE entry"
        ))
        .await?;
    server.recreate(TARGET).await?;
    let target = server.connect(TARGET).await?;
    target
        .batch_execute(
            "CREATE TABLE entry (id bigint PRIMARY KEY, code bigint NOT NULL UNIQUE,
             mark int NOT NULL CHECK (mark > 0), note text NOT NULL)",
        )
        .await?;
    server.checkpoint().await
}

/// One run; how long the process took. It must be verified and have refused exactly the bad rows.
async fn haul(server: &Server, executable: &PathBuf, bad: u32) -> Result<Duration> {
    let state = std::env::temp_dir().join(format!("longhaul-bench-{}", std::process::id()));
    let mut command = Command::new(executable);
    command.arg("run").arg("--state").arg(&state);
    command.args(["--from", &server.url_of(SOURCE), "--to", &server.url_of(TARGET)]);
    command.args(["--set", "limits.rejects=1000000000"]);
    command.args(["--progress", "none", "--output", "json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let begun = Instant::now();
    let output = command.output().await?;
    let took = begun.elapsed();
    let _ = std::fs::remove_dir_all(&state);
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("longhaul ended with {}: {error}", output.status))?;
    let (verdict, refused) = (&report["verdict"], &report["totals"]["rejected"]);
    if verdict != "verified" || *refused != bad {
        return Err(format!("with {bad} bad rows it ended {verdict}, {refused} rejected").into());
    }
    Ok(took)
}
