//! `longhaul worker`: carries chunks for a fleet until told to stop.

use crate::Probes;
use crate::args::Worker;
use crate::assemble;
use crate::exit::Answer;
use crate::fleet::role::Role;

/// Works. It keeps nothing: any number may come, go, and be killed.
pub(crate) async fn worker(args: Worker, probes: Probes) -> Answer {
    let role = Role::begin("worker", &args.of, args.slots, args.admin, &probes).await?;
    let ended = worker::serve(worker::Service {
        id: role.id.clone(),
        host: role.host.clone(),
        slots: args.slots,
        memory_bytes: args.memory,
        grace: args.grace,
        desk: role.desk.clone(),
        ledger: role.ledger.clone(),
        broker: role.broker.clone(),
        clock: assemble::clock(),
        probe: probes.worker,
        stop: role.stop.clone(),
    });
    let ended = ended.await;
    role.ended(ended).await
}
