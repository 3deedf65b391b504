//! The command line: words and options, and nothing of what they do.

mod after;
mod files;
mod fleet;
mod help;
mod rejects;
mod words;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::config::Asked;
use crate::render::report::left::Strict;

pub(crate) use after::{Clean, Revise};
pub(crate) use files::{Check, Init};
pub(crate) use fleet::{Cancel, Coordinator, Limit, OfFleet, Status, Submit, Worker};
pub(crate) use help::{command, completed};
pub(crate) use rejects::{
    ExportFormat, Rejects, RejectsCommand, RejectsExport, RejectsList, RejectsRetry, Which,
};
pub(crate) use words::{OfRun, RunName};

/// Moves data between databases overnight, and proves in the morning that it did.
#[derive(Debug, Parser)]
#[command(name = "longhaul", bin_name = "longhaul", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options that every command takes.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Global {
    /// Folder for the local ledger and reports; safe to delete at any time.
    #[arg(
        long,
        global = true,
        env = "LONGHAUL_STATE",
        default_value = ".longhaul",
        value_name = "DIR"
    )]
    pub(crate) state: PathBuf,

    /// How progress is shown, on stderr.
    #[arg(long, global = true, value_enum, default_value_t = ProgressMode::Auto)]
    pub(crate) progress: ProgressMode,

    /// How the answer is written, on stdout.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,

    /// Exit with 4 when something of the source is not moved: anything, or whole tables of rows.
    #[arg(long, global = true, value_enum, value_name = "WHAT", num_args = 0..=1,
          require_equals = true, default_missing_value = "all")]
    pub(crate) strict: Option<Strict>,

    /// List each note, step and table, where many are summed up otherwise.
    #[arg(long, global = true)]
    pub(crate) verbose: bool,

    /// Logs on stderr: `text` or `json`, and what to log, such as `info` or `worker=debug`; `json,info`
    /// sets both. The variable LONGHAUL_LOG does the same.
    #[arg(long, global = true, value_name = "text|json|FILTER")]
    pub(crate) log: Option<String>,
}

/// How a run is narrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// Bars in a terminal, plain lines elsewhere.
    Auto,
    /// Bars.
    Bars,
    /// One line per event worth a line.
    Plain,
    /// Events as JSON lines.
    Json,
    /// Nothing.
    None,
}

/// How a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Generate a sample database, move it, verify it, and show the report.
    Demo(Demo),
    /// Write a migration file to start from, by looking at source and target.
    Init(Init),
    /// Validate a migration file, offline.
    Check(Check),
    /// Show what a migration would do, without writing anything.
    Plan(Plan),
    /// Run a migration: a file, a saved plan, or everything between two databases.
    Run(Run),
    /// Show how far a run is, and what to do next.
    Status(Status),
    /// Follow a run live, from any machine, until it ends; exit as it does.
    Watch(OfRun),
    /// Pause a run: chunks in flight finish, no new ones start.
    Pause(OfRun),
    /// Continue a run after a failure, a pause or an interruption.
    Resume(Resume),
    /// Try the parked chunks of a fleet's run again.
    Retry(OfRun),
    /// Change a run's limits while it runs.
    Limit(Limit),
    /// End a run for good; rows that were written stay.
    Cancel(Cancel),
    /// Remove the bookkeeping of a run that is over; rows stay.
    Forget(OfRun),
    /// Drop what a run made in its target, and nothing else, after showing the list.
    Clean(Clean),
    /// Let a paused, parked or failed run take up a changed migration file.
    Revise(Revise),
    /// List runs and their states.
    Runs(OfFleet),
    /// Show the result of a run.
    Report(OfRun),
    /// Read the target back and compare it with what the run wrote.
    Verify(OfRun),
    /// List or export the rows that were rejected.
    Rejects(Rejects),
    /// Print a run's events as JSON lines.
    Events(Events),
    /// List the environments of a migration file, or show one.
    Environments(Environments),
    /// Check every configured server, and suggest fixes.
    Doctor(Doctor),
    /// Plan a migration and hand it to the fleet.
    Submit(Submit),
    /// Run a fleet coordinator (run at least two).
    Coordinator(Coordinator),
    /// Run a fleet worker (start and stop as many as you like).
    Worker(Worker),
    /// List the coordinators and workers of the fleet.
    Workers(OfFleet),
    /// Explain an error code.
    Explain(Explain),
    /// Print the JSON Schema of the migration file, or of events.
    Schema(Schema),
    /// Print a completion script for your shell.
    Completions(Completions),
    /// Write man pages, one for each command.
    Man(Man),
}

/// What is read and written.
#[derive(Debug, Clone, Default, PartialEq, Eq, ClapArgs, Serialize, Deserialize)]
pub(crate) struct Between {
    /// The migration file [default: longhaul.yaml, unless two URLs are given].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// The source: a URL, or an environment of the file.
    #[arg(long, value_name = "URL|ENVIRONMENT")]
    pub(crate) from: Option<String>,

    /// The target: a URL, or an environment of the file.
    #[arg(long, value_name = "URL|ENVIRONMENT")]
    pub(crate) to: Option<String>,

    /// Override a setting of the file, such as `limits.slots=4`; can be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,

    /// What moves, as options of its own said.
    #[arg(skip)]
    #[serde(default)]
    pub(crate) asked: Asked,
}

/// What moves, and a file to keep that in.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct AskedAndKept {
    #[command(flatten)]
    pub(crate) asked: Asked,

    /// Also write what was asked as a migration file. A file that exists is not overwritten.
    #[arg(long = "save", value_name = "FILE", help_heading = "What moves")]
    pub(crate) kept: Option<PathBuf>,
}

impl Between {
    /// The same, with what moves.
    pub(crate) fn asking(self, asked: Asked) -> Self {
        Self { asked, ..self }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// Move it here instead of to a new SQLite file: `postgres://user@host/database`.
    #[arg(long, value_name = "URL")]
    pub(crate) target: Option<String>,

    /// Roughly how many rows to generate.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) rows: u64,

    /// Folder for the demo's databases.
    #[arg(long, default_value = "longhaul-demo", value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    /// A migration file (YAML), or a plan saved with `longhaul plan -o` (JSON).
    #[arg(value_name = "FILE|PLAN")]
    pub(crate) what: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) between: Between,

    #[command(flatten)]
    pub(crate) asked: AskedAndKept,

    /// Hand it to the fleet, and watch until it ends.
    #[arg(long)]
    pub(crate) fleet: bool,

    /// Remove what the plan removes from the target, without asking.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Plan {
    /// The migration file.
    #[arg(value_name = "FILE")]
    pub(crate) what: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) between: Between,

    #[command(flatten)]
    pub(crate) asked: AskedAndKept,

    /// Save the plan here; `longhaul run PLAN` carries it out.
    #[arg(short = 'o', long = "out", value_name = "PLAN")]
    pub(crate) save: Option<PathBuf>,

    /// Read so many rows of each table as the run would, and say which would be rejected.
    #[arg(long, value_name = "ROWS")]
    pub(crate) sample: Option<u64>,

    /// Exit with 3 when the plan has work to do.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Resume {
    #[command(flatten)]
    pub(crate) of: OfRun,

    /// What to do if the snapshot is gone and the source has changed [default: as planned].
    #[arg(long, value_enum)]
    pub(crate) on_snapshot_lost: Option<OnLost>,

    /// Drive the run from here although another process drives it now; that one stops.
    #[arg(long)]
    pub(crate) take_over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnLost {
    /// Stop and say so.
    Stop,
    /// Go on, and mark the run as drifted in the report.
    Drift,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Events {
    #[command(flatten)]
    pub(crate) of: OfRun,

    /// Keep printing events as they come, until the run ends.
    #[arg(long)]
    pub(crate) follow: bool,

    /// Only events after this sequence number.
    #[arg(long, default_value_t = 0, value_name = "SEQUENCE")]
    pub(crate) after: u64,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Schema {
    /// The schema of events, as `longhaul events` prints them and a fleet publishes them.
    #[arg(long)]
    pub(crate) events: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Environments {
    /// Show only this environment; or the migration file.
    #[arg(value_name = "NAME|FILE", num_args = 0..=2)]
    pub(crate) words: Vec<String>,

    /// The migration file [default: longhaul.yaml].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Override a setting of the file; can be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Doctor {
    /// The migration file [default: longhaul.yaml].
    #[arg(value_name = "FILE")]
    pub(crate) what: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) between: Between,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    /// The code, such as `target-not-empty`; without it, all codes are listed.
    pub(crate) code: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    /// The shell to complete for.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Man {
    /// The folder to write them into; without it, the page of `longhaul` itself is printed.
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
