//! `longhaul runs`: every run in every environment of a file.

use std::collections::BTreeMap;

use protocol::fault::{Code, Fault};
use protocol::id::Environment;
use protocol::run::Record;

use crate::args::{Global, OfFleet, Output};
use crate::assemble::{self, Settings};
use crate::exit::{self, Answer, Failure};
use crate::{find, render};

/// Lists them, latest first. They stand in their targets, so no other server is asked.
pub(crate) async fn runs(global: &Global, of: OfFleet) -> Answer {
    let mut runs = BTreeMap::new();
    let mut faults = Vec::new();
    for settings in meant(global, &of).await? {
        for name in settings.names() {
            match stored(&settings, &name).await {
                Ok(stored) => runs.extend(stored.into_iter().map(|r| (r.run, r))),
                Err(fault) => faults.push(fault),
            }
        }
    }
    let latest: Vec<&Record> = runs.values().rev().collect();
    match global.output {
        Output::Json => {
            let rows: Vec<_> = latest.into_iter().map(render::runs::json).collect();
            render::answer_json(&rows);
        }
        Output::Text => render::answer(&render::runs::text(&latest)),
    }
    for fault in &faults {
        render::complain(fault, global.output);
    }
    Ok(faults.first().map_or(exit::OK, |fault| fault.code().exit()))
}

/// The file that is named, or the one that is here together with what was run from here: a run between
/// two URLs stands in no file.
async fn meant(global: &Global, of: &OfFleet) -> Result<Vec<Settings>, Failure> {
    if of.between().file.is_some() {
        return Ok(vec![Settings::read(&of.between())?]);
    }
    let ledger = assemble::ledger(global).await?;
    let known = find::invocations(ledger.as_ref(), &of.between()).await?;
    if known.is_empty() {
        let fault = Fault::new(Code::RunUnknown, global.state.display().to_string());
        return Err(fault
            .saying("no run was started from this folder, and there is no longhaul.yaml here")
            .next("Name a file: `longhaul runs -f FILE`; or look into a target: `longhaul status --to URL`.")
            .into());
    }
    // A file that is gone since hides nothing of the others.
    let read: Vec<_> = known.iter().map(Settings::read).collect();
    if read.iter().all(Result::is_err) {
        return Ok(vec![read.into_iter().next().expect("there is one")?]);
    }
    Ok(read.into_iter().filter_map(Result::ok).collect())
}

async fn stored(settings: &Settings, name: &Environment) -> Result<Vec<Record>, Fault> {
    let mut home = settings.open_target(name).await?.home().await?;
    home.runs().await
}
