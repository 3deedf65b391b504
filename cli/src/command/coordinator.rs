//! `longhaul coordinator`: leads runs of a fleet until told to stop.

use crate::Probes;
use crate::args::Coordinator;
use crate::assemble;
use crate::exit::Answer;
use crate::fleet::role::Role;

/// Leads. Two or more may be there: each run has one leader, and another takes over when it goes.
pub(crate) async fn coordinator(args: Coordinator, probes: Probes) -> Answer {
    let role = Role::begin("coordinator", &args.of, 1, args.admin, &probes).await?;
    let ended = coordinator::serve(coordinator::Service {
        id: role.id.clone(),
        host: role.host.clone(),
        desk: role.desk.clone(),
        ledger: role.ledger.clone(),
        broker: role.broker.clone(),
        clock: assemble::clock(),
        probe: probes.coordinator,
        stop: role.stop.clone(),
    });
    let ended = ended.await;
    role.ended(ended).await
}
