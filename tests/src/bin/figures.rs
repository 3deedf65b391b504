//! Figures of a fleet: what `docs/fleet-figures.md` says was measured by this.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use tests::chaos::{Bench, World, alone, cost};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(name = "figures", max_term_width = 100)]
struct Args {
    /// What is measured.
    figure: Figure,

    /// The executable [default: `mortal`, beside this one].
    #[arg(long)]
    executable: Option<PathBuf>,

    /// How often, where something is done again and again.
    #[arg(long, default_value_t = 20)]
    times: usize,

    /// How many rows are moved.
    #[arg(long, default_value_t = 200_000)]
    entries: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Figure {
    /// SIGKILL to a worker until its chunk runs elsewhere.
    Handover,
    /// SIGKILL to the leader until somebody leads.
    Succession,
    /// FLUSHALL after 10,000 chunks: the longest time without a new one.
    Flushed,
    /// Chunks per second with four workers: a real broker and ledger, and no databases.
    Alone,
    /// Chunks of one row per second, with four workers and receipts in PostgreSQL.
    Pace,
    /// What receipts cost in a run of one process, with chunks of the usual size.
    Receipts,
    /// Memory of a coordinator that leads a plan of so many chunks as there are rows; most of them
    /// are empty.
    Memory,
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    let mut ended = signal(SignalKind::terminate()).expect("signals can be heard");
    tokio::select! {
        () = measure(args) => {}
        // What was started is taken away as the measurement is dropped.
        _ = tokio::signal::ctrl_c() => {}
        _ = ended.recv() => {}
    }
}

async fn measure(args: Args) {
    let executable = args.executable.unwrap_or_else(|| {
        let me = std::env::current_exe().expect("this program is somewhere");
        me.with_file_name("mortal")
    });
    if let Figure::Alone = args.figure {
        println!("{:.0} chunks/s", alone(4, args.entries).await);
        return;
    }
    let world = World::direct(args.entries).await;
    let begin = async |workers, chunk_rows, limits| {
        Bench::begin(&world, executable.clone(), workers, chunk_rows, limits, 0).await
    };
    let long = ", rows_per_second: 5000";
    match args.figure {
        Figure::Handover => show(&begin(4, 2_000, long).await.handover(args.times).await),
        Figure::Succession => show(&begin(4, 2_000, long).await.succession(args.times).await),
        Figure::Flushed => {
            let (longest, done) = begin(4, 20, "").await.flushed(10_000).await;
            println!("{done} done · longest without a new receipt {longest:.3?}");
        }
        Figure::Alone => unreachable!("it needs no databases"),
        Figure::Receipts => {
            let cost = cost(&world).await;
            println!("{cost:?} · bookkeeping is {:.2} % of it", cost.share() * 100.0);
        }
        Figure::Pace => println!("{:.0} chunks/s", begin(4, 1, "").await.pace().await),
        Figure::Memory => {
            let bench = Bench::begin(&world, executable.clone(), 0, 1_000, "", args.entries);
            let (bytes, planned) = bench.await.memory(Duration::from_secs(30)).await;
            println!("{planned} chunks planned · peak {} MiB", bytes >> 20);
        }
    }
}

fn show(took: &[Duration]) {
    let mut sorted = took.to_vec();
    sorted.sort();
    let at = |part: usize| sorted.get((sorted.len() * part).div_ceil(100).saturating_sub(1));
    let shown = |part| at(part).map_or_else(|| "none".to_owned(), |time| format!("{time:.3?}"));
    println!(
        "{} times · p50 {} · p95 {} · most {}",
        sorted.len(),
        shown(50),
        shown(95),
        shown(100)
    );
}
