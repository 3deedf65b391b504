//! `longhaul forget`: removes the bookkeeping of a run that is over.

use crate::args::{Global, OfRun};
use crate::exit::{self, Answer};
use crate::{assemble, find, progress};

/// Forgets a run in the target and here. The rows it moved stay, and so does its report.
pub(crate) async fn forget(global: &Global, of: OfRun) -> Answer {
    let ledger = assemble::ledger(global).await?;
    let mut found =
        find::find(ledger.as_ref(), of.run.as_ref(), &of.between, find::Which::Latest).await?;
    let run = found.record.run;
    found.home.forget(run).await?;
    ledger.forget(run).await?;
    progress::say(&format!("run {} is forgotten; its rows stay", run.short()));
    Ok(exit::OK)
}
