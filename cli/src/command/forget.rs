//! `longhaul forget`: removes the bookkeeping of a run that is over.

use protocol::run::State;

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
    let run = run.short();
    match found.record.state {
        State::Void => progress::say(&format!("run {run} is forgotten")),
        State::Planning | State::Running | State::Paused | State::Complete => {
            progress::say(&format!("run {run} is forgotten; its rows stay"));
        }
        State::Cancelled => progress::say(&format!(
            "run {run} is forgotten; what it wrote stays, and `longhaul clean` can no longer drop it"
        )),
    }
    Ok(exit::OK)
}
