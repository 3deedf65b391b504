//! `longhaul workers`: who works for the fleet, on what, since when.

use crate::args::{Global, OfFleet, Output};
use crate::assemble::{self, Settings};
use crate::exit::{self, Answer};
use crate::fleet::servers;
use crate::render;

/// Lists coordinators and workers that said so in the last seconds. Only the ledger knows them.
pub(crate) async fn workers(global: &Global, of: OfFleet) -> Answer {
    let settings = Settings::read(&of.between())?;
    let ledger = servers::ledger(&settings)?;
    let mut presences = ledger.presences().await?;
    presences.retain(|one| !one.left);
    match global.output {
        Output::Json => render::answer_json(&presences),
        Output::Text => {
            render::answer(&render::workers::text(&presences, assemble::clock().now()));
        }
    }
    Ok(exit::OK)
}
