//! `longhaul resume`: the same way as a new run, with the receipts that are there.

use std::sync::Arc;

use ledger::Ledger;
use protocol::chunk;
use protocol::fault::Fault;
use protocol::id::{ChunkId, RunId};
use protocol::mapping::OnSnapshotLost;

use crate::args::{Global, OnLost, Resume};
use crate::assemble::{self, Settings};
use crate::execute::{Stored, execute};
use crate::exit::Answer;
use crate::{Probes, progress};

/// Continues an unfinished run.
pub(crate) async fn resume(global: &Global, resume: Resume, probes: Probes) -> Answer {
    let ledger = assemble::ledger(global).await?;
    let of = &resume.of;
    let mut found = assemble::find(ledger.as_ref(), of.run, &of.between, true).await?;
    let run = found.record.run;
    assemble::refuse_final(&found.record)?;
    let plan = found.home.plan(run).await?;
    let source = Settings::read(&found.between)?.source().await?;
    let chunks = u32::try_from(plan.chunks.len()).expect("chunk ids are u32");
    ledger.open(run, chunks).await?;
    reopen(ledger.as_ref(), run).await?;
    assemble::remember(ledger.as_ref(), run, &found.between).await;
    progress::say(&format!("resuming run {run}"));
    let on_snapshot_lost = match resume.on_snapshot_lost {
        None => plan.on_snapshot_lost,
        Some(OnLost::Stop) => OnSnapshotLost::Stop,
        Some(OnLost::Drift) => OnSnapshotLost::Drift,
    };
    let stored = Stored {
        record: found.record,
        plan: Arc::new(plan),
        source,
        target: (probes.target)(found.target),
        home: found.home,
        ledger,
        on_snapshot_lost,
    };
    execute(global, stored, probes).await
}

/// Whoever resumes has looked at what was parked.
async fn reopen(ledger: &dyn Ledger, run: RunId) -> Result<(), Fault> {
    let Some(known) = ledger.checkpoints(run).await? else { return Ok(()) };
    for (at, state) in known.states.iter().enumerate() {
        if *state == chunk::State::Parked {
            let chunk = ChunkId(u32::try_from(at).expect("chunk ids are u32"));
            ledger.record(run, chunk, chunk::Event::Reopened).await?;
        }
    }
    Ok(())
}
