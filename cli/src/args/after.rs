//! What can be asked of a run that did not end as it was meant to.

use clap::Args as ClapArgs;

use super::OfRun;

#[derive(Debug, ClapArgs)]
pub(crate) struct Clean {
    #[command(flatten)]
    pub(crate) of: OfRun,

    /// Drop what is listed without asking.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Revise {
    #[command(flatten)]
    pub(crate) of: OfRun,

    /// Only say what would be taken over, and what not.
    #[arg(long)]
    pub(crate) check: bool,
}
