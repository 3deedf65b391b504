//! `longhaul runs`: every run in every environment of a file.

use std::collections::BTreeMap;

use protocol::fault::Fault;
use protocol::id::Environment;
use protocol::run::Record;

use crate::args::{Global, OfFleet, Output};
use crate::assemble::Settings;
use crate::exit::{self, Answer};
use crate::render;

/// Lists them, latest first. They stand in their targets, so no other server is asked.
pub(crate) async fn runs(global: &Global, of: OfFleet) -> Answer {
    let settings = Settings::read(&of.between())?;
    let mut runs = BTreeMap::new();
    let mut faults = Vec::new();
    for name in settings.names() {
        match stored(&settings, &name).await {
            Ok(stored) => runs.extend(stored.into_iter().map(|r| (r.run, r))),
            Err(fault) => faults.push(fault),
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

async fn stored(settings: &Settings, name: &Environment) -> Result<Vec<Record>, Fault> {
    let mut home = settings.open_target(name).await?.home().await?;
    home.runs().await
}
