//! What can be asked about migration files.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Between;
use crate::config::Asked;

#[derive(Debug, ClapArgs)]
pub(crate) struct Init {
    /// The source: `sqlite:school.db`, `postgres://user@host/database`, or an environment of `--file`.
    #[arg(value_name = "FROM")]
    pub(crate) source: Option<String>,

    /// The target, in the same way.
    #[arg(value_name = "TO")]
    pub(crate) target: Option<String>,

    #[command(flatten)]
    pub(crate) between: Between,

    #[command(flatten)]
    pub(crate) asked: Asked,

    /// The file to write. A file that exists is not overwritten.
    #[arg(
        short = 'o',
        long = "out",
        alias = "save",
        default_value = "longhaul.yaml",
        value_name = "FILE"
    )]
    pub(crate) save: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// The migration file [default: longhaul.yaml].
    #[arg(value_name = "FILE")]
    pub(crate) what: Option<PathBuf>,

    /// The migration file, named by an option.
    #[arg(short, long = "file", value_name = "FILE", conflicts_with = "what")]
    pub(crate) file: Option<PathBuf>,

    /// Override a setting of the file, such as `limits.slots=4`; can be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}
