//! The command line: words and options, and nothing of what they do.

mod files;
mod fleet;
mod rejects;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use protocol::id::{NotAnId, RunId};
use serde::{Deserialize, Serialize};

pub(crate) use files::{Check, Init};
pub(crate) use fleet::{Cancel, Coordinator, Limit, OfFleet, Status, Submit, Worker};
pub(crate) use rejects::{
    ExportFormat, Rejects, RejectsCommand, RejectsExport, RejectsList, Which,
};

/// Moves data between databases overnight, and proves in the morning that it did.
#[derive(Debug, Parser)]
#[command(name = "longhaul", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) global: Global,
}

const EXIT_CODES: &str = "\
Exit codes: 0 verified · 1 failed, resumable · 2 usage or configuration · 3 plan has work (with \
--exit-code) · 4 rejects within the limit · 5 verification found differences · 6 preflight \
failed, nothing written · 7 paused · 75 infrastructure unavailable · 130/143 interrupted, \
resumable";

/// Options that every command takes.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Global {
    /// Folder for the local ledger and reports; it may be deleted at any time.
    #[arg(
        long,
        global = true,
        env = "LONGHAUL_STATE",
        default_value = ".longhaul",
        value_name = "DIR"
    )]
    pub(crate) state: PathBuf,

    /// How to narrate on stderr.
    #[arg(long, global = true, value_enum, default_value_t = ProgressMode::Auto)]
    pub(crate) progress: ProgressMode,

    /// How to answer on stdout.
    #[arg(long, global = true, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,

    /// Logs, on stderr: as `text` or `json`, and which, such as `info` or `worker=debug`; the
    /// variable LONGHAUL_LOG says the same. `json,info` says both.
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
    /// Generate a school district's database, move it, verify it, show the report.
    Demo(Demo),
    /// Write a migration file to begin with, from two URLs.
    Init(Init),
    /// Say whether a migration file is sound, without opening anything.
    Check(Check),
    /// Carry out a migration file, a saved plan, or everything between two URLs.
    Run(Run),
    /// Show what a migration comes to, without writing anything.
    Plan(Plan),
    /// Show runs and how far they are.
    Status(Status),
    /// Continue a run after a failure, a pause or an interruption.
    Resume(Resume),
    /// Let no new chunk of a run begin; those in flight end.
    Pause(OfRun),
    /// End a run for good; rows that were written stay.
    Cancel(Cancel),
    /// Read the target back and compare it with what the run wrote.
    Verify(OfRun),
    /// Show what a run came to.
    Report(OfRun),
    /// List or export the rows that a run refused.
    Rejects(Rejects),
    /// Print a run's events as JSON lines.
    Events(Events),
    /// Remove the bookkeeping of a run that is over; rows stay.
    Forget(OfRun),
    /// List the environments of a migration file, or show one.
    Environments(Environments),
    /// Look at every server that is named: what is not good there, and what to do about it.
    Doctor(Doctor),
    /// Print the JSON Schema of the migration file, or of events.
    Schema(Schema),
    /// Tell more about a fault's code.
    Explain(Explain),
    /// Plan a migration, and leave it to the fleet.
    Submit(Submit),
    /// Lead runs of a fleet; two or more may be there.
    Coordinator(Coordinator),
    /// Carry chunks for a fleet; any number may come and go.
    Worker(Worker),
    /// Narrate a run live, from any machine, until it ends; exit as it does.
    Watch(OfRun),
    /// Change what a run of a fleet may take, while it runs.
    Limit(Limit),
    /// Try parked chunks of a fleet's run again.
    Retry(OfRun),
    /// Show who works for the fleet.
    Workers(OfFleet),
    /// List all runs, in all environments.
    Runs(OfFleet),
}

/// What is read and written.
#[derive(Debug, Clone, Default, PartialEq, Eq, ClapArgs, Serialize, Deserialize)]
pub(crate) struct Between {
    /// The migration file [default: longhaul.yaml, where it is there and no URLs are given].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Read from here: a URL, or an environment of the file.
    #[arg(long, value_name = "URL|ENVIRONMENT")]
    pub(crate) from: Option<String>,

    /// Write to here: a URL, or an environment of the file.
    #[arg(long, value_name = "URL|ENVIRONMENT")]
    pub(crate) to: Option<String>,

    /// Override a setting: `limits.slots=4`. May be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// Move it here instead of a new SQLite file: `postgres://user@host/database`.
    #[arg(long, value_name = "URL")]
    pub(crate) target: Option<String>,

    /// About how many rows to generate.
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

    /// Leave it to the fleet, and watch until it ends.
    #[arg(long)]
    pub(crate) fleet: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Plan {
    /// The migration file.
    #[arg(value_name = "FILE")]
    pub(crate) what: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) between: Between,

    /// Save the plan here, to be carried out with `longhaul run PLAN`.
    #[arg(short = 'o', long = "out", value_name = "PLAN")]
    pub(crate) save: Option<PathBuf>,

    /// Exit with 3 when the plan has work to do.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// The id of a run. Whoever names a file in its place learns where files are named.
fn run_id(text: &str) -> Result<RunId, String> {
    text.parse().map_err(|error: NotAnId| {
        format!("{error}; `longhaul runs` lists them, and a file is named with `--file`")
    })
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct OfRun {
    /// The run [default: the latest].
    #[arg(value_parser = run_id)]
    pub(crate) run: Option<RunId>,

    #[command(flatten)]
    pub(crate) between: Between,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Resume {
    #[command(flatten)]
    pub(crate) of: OfRun,

    /// What to do when the snapshot is gone and the source has changed [default: as planned].
    #[arg(long, value_enum)]
    pub(crate) on_snapshot_lost: Option<OnLost>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnLost {
    /// Stop and say so.
    Stop,
    /// Go on, and say in the report that the run drifted.
    Drift,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Events {
    /// The run [default: the latest].
    #[arg(value_parser = run_id)]
    pub(crate) run: Option<RunId>,

    /// Keep printing as events come, until the run ends.
    #[arg(long)]
    pub(crate) follow: bool,

    /// Only events after this sequence number.
    #[arg(long, default_value_t = 0, value_name = "SEQUENCE")]
    pub(crate) after: u64,

    /// The file that names the fleet [default: longhaul.yaml, where it is there].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Schema {
    /// Of events, as `longhaul events` prints them and a fleet publishes them.
    #[arg(long)]
    pub(crate) events: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Environments {
    /// Show this one.
    pub(crate) name: Option<String>,

    /// The migration file [default: longhaul.yaml].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Override a setting.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) between: Between,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    /// The code, such as `target-not-empty`; without it, all codes are listed.
    pub(crate) code: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }
}
