//! What can be asked about migration files.

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[derive(Debug, ClapArgs)]
pub(crate) struct Init {
    /// What is to be read: `sqlite:school.db`, `postgres://user@host/database`.
    #[arg(value_name = "FROM")]
    pub(crate) from: String,

    /// What is to be written.
    #[arg(value_name = "TO")]
    pub(crate) to: String,

    /// The file to write. One that is there is not overwritten.
    #[arg(short = 'o', long = "out", default_value = "longhaul.yaml", value_name = "FILE")]
    pub(crate) save: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// The migration file [default: longhaul.yaml].
    #[arg(value_name = "FILE")]
    pub(crate) what: Option<PathBuf>,

    /// Override a setting: `limits.slots=4`. May be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}
