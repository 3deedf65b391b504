//! Benchmarks: how near a run of the `longhaul` executable comes to what its servers can do.
//!
//! A benchmark here always measures two things in turn, on the same machine in the same minutes:
//! the executable, and the same work done by hand with the engines' own tools. What it judges is
//! the ratio of the two. Seconds are shown, never judged: they say more about the machine and
//! its neighbours than about the program.
//!
//! Nothing of the house is linked in. What is measured is the executable that people run.

mod bad;
mod many;
mod server;
mod tpch;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What stops a measurement. For a person to read, not for a program to decide on.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser)]
#[command(name = "bench", max_term_width = 100, after_help = EXIT_CODES)]
struct Args {
    #[command(subcommand)]
    benchmark: Benchmark,
}

const EXIT_CODES: &str =
    "Exit codes: 0 the bars are met · 1 a bar is not met · 2 usage, or it could not be measured";

#[derive(Subcommand)]
enum Benchmark {
    /// Moves TPC-H from PostgreSQL to PostgreSQL, against raw COPY pipes.
    Tpch(tpch::Args),
    /// Moves thousands of small tables, against `pg_dump | psql`.
    Many(many::Args),
    /// Moves a table with bad rows in it, against the same table without.
    BadRows(bad::Args),
}

/// One thread is enough, and leaves the cores to the servers: the relay only moves bytes.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let measured = match Args::parse().benchmark {
        Benchmark::Tpch(args) => tpch::run(&args).await,
        Benchmark::Many(args) => many::run(&args).await,
        Benchmark::BadRows(args) => bad::run(&args).await,
    };
    match measured {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("bench: {}", chain(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

/// An error with all its causes, since drivers keep the server's words in theirs.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += ": ";
        text += &error.to_string();
        cause = error.source();
    }
    text
}
