//! Chaos for as long as one likes: rounds of faults on a fleet of its own, and their count.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tests::chaos::{Campaign, Engine, Recipe, World, usual};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(name = "chaos", max_term_width = 100)]
struct Args {
    /// How many rounds.
    #[arg(long, default_value_t = 10)]
    rounds: u32,

    /// Chooses victims and times; the seed of a round that failed does that round again.
    #[arg(long)]
    seed: Option<u64>,

    /// What goes wrong, a recipe per round in turn: `kill-worker+flush,target-crash`.
    #[arg(long, value_delimiter = ',', value_parser = Recipe::read)]
    faults: Vec<Recipe>,

    /// How many workers there are, with two slots each.
    #[arg(long, default_value_t = 4)]
    workers: usize,

    /// How many rows the largest table has; a chunk has 20 of them.
    #[arg(long, default_value_t = 40_000)]
    entries: u32,

    /// How many seconds faults are done in a round, if the run does not end before.
    #[arg(long, default_value_t = 60)]
    seconds: u64,

    /// Let workers commit first and record later, to see that it is found out.
    #[arg(long)]
    broken: bool,

    /// What is read.
    #[arg(long, value_enum, default_value_t)]
    source: Engine,

    /// What is written.
    #[arg(long, value_enum, default_value_t)]
    target: Engine,

    /// The executable [default: `mortal`, beside this one].
    #[arg(long)]
    executable: Option<PathBuf>,

    /// Print the log of every round, not only of those that failed.
    #[arg(long)]
    verbose: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let mut ended = signal(SignalKind::terminate()).expect("signals can be heard");
    tokio::select! {
        good = run(args) => if good { ExitCode::SUCCESS } else { ExitCode::from(1) },
        // What was started is taken away as the campaign is dropped.
        _ = tokio::signal::ctrl_c() => ExitCode::from(130),
        _ = ended.recv() => ExitCode::from(143),
    }
}

async fn run(args: Args) -> bool {
    let mut sums = BTreeMap::new();
    let mut bad = 0;
    println!("starting the servers");
    let world = World::between(args.source, args.target, args.entries).await;
    let (rounds, verbose) = (args.rounds, args.verbose);
    let campaign = campaign(args);
    for number in 0..rounds {
        let round = campaign.round(number);
        let outcome = round.go(&world).await;
        println!("{}", campaign.describe(&round, &outcome, verbose));
        for (what, times) in outcome.log.counts() {
            *sums.entry(what).or_insert(0) += times;
        }
        if !outcome.wrong.is_empty() {
            bad += 1;
            println!("  its logs are in {}", outcome.folder.keep().display());
        }
    }
    println!("\n{rounds} rounds, {bad} bad");
    for (what, times) in sums {
        println!("{times:>8}  {what}");
    }
    bad == 0
}

fn campaign(args: Args) -> Campaign {
    let beside = || {
        let me = std::env::current_exe().expect("this program is somewhere");
        me.with_file_name("mortal")
    };
    Campaign {
        seed: args.seed.unwrap_or_else(|| u64::from(std::process::id()) << 16),
        recipes: if args.faults.is_empty() { usual() } else { args.faults },
        between: (args.source, args.target),
        executable: args.executable.unwrap_or_else(beside),
        broken: args.broken,
        workers: args.workers,
        entries: args.entries,
        faults_for: Duration::from_secs(args.seconds),
    }
}
