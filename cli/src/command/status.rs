//! `longhaul status`: which runs there are, and how far the one in question is.

use crate::args::{Global, OfRun, Output};
use crate::exit::{self, Answer};
use crate::{assemble, render};

/// Shows a run.
pub(crate) async fn status(global: &Global, of: OfRun) -> Answer {
    let ledger = assemble::ledger(global).await?;
    let mut found = assemble::find(ledger.as_ref(), of.run, &of.between, false).await?;
    let run = found.record.run;
    let plan = found.home.plan(run).await?;
    let receipts = found.home.receipts(run).await?;
    let known = ledger.checkpoints(run).await?;
    let events = ledger.events(run, 0, usize::MAX).await?;
    let others = found.home.runs().await?;
    let status =
        render::status::Status::of(&found.record, &plan, &receipts, known, &events, &others);
    match global.output {
        Output::Json => render::answer_json(&status),
        Output::Text => render::answer(&status.text()),
    }
    Ok(exit::OK)
}
