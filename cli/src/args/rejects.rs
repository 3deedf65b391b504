//! What can be asked about rejected rows.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::OfRun;

#[derive(Debug, ClapArgs)]
pub(crate) struct Rejects {
    #[command(subcommand)]
    pub(crate) command: RejectsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RejectsCommand {
    /// Show rejected rows: key, column, reason.
    List(RejectsList),
    /// Write them to a file.
    Export(RejectsExport),
    /// Read and write them again, as the migration file says now, and nothing else.
    Retry(RejectsRetry),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RejectsRetry {
    #[command(flatten)]
    pub(crate) of: OfRun,

    /// Only those of this target table, with or without its schema. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Vec<String>,
}

/// Which rejects.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Which {
    /// Only rows of this target table, with or without its schema.
    #[arg(long = "table", alias = "entity", value_name = "NAME")]
    pub(crate) entity: Option<String>,

    /// Only rows rejected for this reason: `too_long`, `unique`, `23505`.
    #[arg(long, value_name = "REASON")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RejectsList {
    #[command(flatten)]
    pub(crate) of: OfRun,

    #[command(flatten)]
    pub(crate) which: Which,

    /// Show at most so many rows.
    #[arg(long, default_value_t = 1000, value_name = "ROWS")]
    pub(crate) limit: usize,

    /// Show the sample rows of parked chunks instead.
    #[arg(long, conflicts_with = "resolved")]
    pub(crate) evidence: bool,

    /// Show the rows that `rejects retry` wrote later instead.
    #[arg(long)]
    pub(crate) resolved: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RejectsExport {
    #[command(flatten)]
    pub(crate) of: OfRun,

    #[command(flatten)]
    pub(crate) which: Which,

    /// Write here [default: stdout].
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,

    /// The format [default: JSON lines if the file ends in .json or .jsonl, else CSV].
    #[arg(long, value_enum)]
    pub(crate) format: Option<ExportFormat>,

    /// Write CSV keys unchanged. By default, what a spreadsheet would run as a formula gets a `'` in
    /// front.
    #[arg(long)]
    pub(crate) raw: bool,
}

/// How rejects are written to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Comma-separated, with a line of headings.
    Csv,
    /// One JSON object per line.
    Jsonl,
}
