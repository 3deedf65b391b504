//! `longhaul report`: what a run came to, drawn anew from the target.

use coordinator::report::Verdict;

use crate::args::{Global, OfRun, Output};
use crate::exit::{self, Answer};
use crate::render::report::left::Strict;
use crate::{assemble, find, render};

/// Shows a run's report, and writes its files again.
pub(crate) async fn report(global: &Global, of: OfRun) -> Answer {
    let ledger = assemble::ledger(global).await?;
    let mut found =
        find::find(ledger.as_ref(), of.run.as_ref(), &of.between, find::Which::Latest).await?;
    let run = found.record.run;
    let report = assemble::report(found.home.as_mut(), ledger.as_ref(), run).await?;
    match global.output {
        Output::Json => render::answer_json(&report),
        Output::Text => render::answer(&render::report::text(&report)),
    }
    render::report::save(&report, &assemble::folder(global, run))?;
    let forbids = |strict: Strict| strict.forbids(&report.left_behind);
    if report.verdict != Verdict::Different && !global.strict.is_some_and(forbids) {
        return Ok(exit::OK);
    }
    Ok(render::complete(&report, global.strict, global.output))
}
