//! `longhaul resume`: the same way as a new run, with the receipts that are there.

use std::sync::Arc;
use std::time::Duration;

use endpoint::Home;
use ledger::Ledger;
use protocol::chunk;
use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, RunId};
use protocol::mapping::OnSnapshotLost;
use protocol::run::{self, Record, State};

use crate::args::{Global, OnLost, Output, Resume};
use crate::assemble::{self, Settings};
use crate::command::revise;
use crate::execute::{Stored, execute};
use crate::exit::{self, Answer, Failure};
use crate::find::Found;
use crate::fleet::meant::Meant;
use crate::person::Driver;
use crate::{Probes, find, progress, render};

/// How long chunks in flight may stand in the way of a change.
const CHANGE_WITHIN: Duration = Duration::from_secs(60);

/// Continues an unfinished run.
pub(crate) async fn resume(global: &Global, resume: Resume, probes: Probes) -> Answer {
    refuse_changes(&resume.of.between.set)?;
    let meant = match Meant::find(global, &resume.of, find::Which::UnfinishedAnywhere).await {
        Ok(meant) => meant,
        // Nothing is left to resume: if that is because the latest is complete, all is well.
        Err(Failure::Fault(fault)) if fault.code() == Code::RunBusy => {
            let latest = Meant::find(global, &resume.of, find::Which::Latest).await;
            match latest {
                Ok(latest) if latest.found.record.state == State::Complete => latest,
                Ok(_) | Err(_) => return Err(fault.into()),
            }
        }
        Err(failure) => return Err(failure),
    };
    if meant.found.record.state == State::Complete {
        return complete_already(global, meant).await;
    }
    find::refuse_final(&meant.found.record)?;
    if meant.found.record.fleet {
        return of_the_fleet(global, meant).await;
    }
    let (mut found, ledger) = (meant.found, meant.local);
    if !resume.take_over {
        refuse_driven(&found.record, found.home.as_mut()).await?;
    }
    revise::say_ignored(&mut found).await;
    go_on(global, found, ledger, resume.on_snapshot_lost, probes).await
}

/// Drives a run of this machine to its end.
pub(crate) async fn go_on(
    global: &Global,
    mut found: Found,
    ledger: Arc<dyn Ledger>,
    on_lost: Option<OnLost>,
    probes: Probes,
) -> Answer {
    let run = found.record.run;
    let plan = found.home.plan(run).await?;
    let source = Settings::read(&found.between)?.source().await?;
    let chunks = u32::try_from(plan.chunks.len()).expect("chunk ids are u32");
    ledger.open(run, chunks).await?;
    reopen(ledger.as_ref(), run).await?;
    assemble::remember(ledger.as_ref(), run, &found.between).await;
    progress::say(&format!("resuming run {}", run.short()));
    let on_snapshot_lost = match on_lost {
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

/// A run that is complete has nothing left to do: the answer is what it came to, so that whoever resumes
/// after an end that was not seen learns the same as if it had been.
async fn complete_already(global: &Global, mut meant: Meant) -> Answer {
    let run = meant.found.record.run;
    let ledger = meant.local.as_ref();
    let report = assemble::report(meant.found.home.as_mut(), ledger, run).await?;
    match global.output {
        Output::Json => render::answer_json(&report),
        Output::Text => render::answer(&render::report::summary(&report)),
    }
    progress::say(&format!("run {run} is complete already; nothing is left to do"));
    Ok(render::complete(&report, global.strict, global.output))
}

/// Refuses a run that another process drives now: two would take it from each other in turn.
pub(crate) async fn refuse_driven(record: &Record, home: &mut dyn Home) -> Result<(), Fault> {
    let run = record.run;
    let short = run.short();
    let history = home.history(run).await?;
    match Driver::of(record, &history).filter(|driver| driver.alive) {
        None => Ok(()),
        Some(driver) => Err(Fault::new(Code::RunBusy, format!("run {run}"))
            .saying(driver.sentence())
            .next(format!(
                "Watch it: longhaul status {short} --watch. To drive it from here instead: longhaul \
                 resume {short} --take-over"
            ))),
    }
}

/// A stored plan is never changed, so only how its environments are reached can be said anew.
fn refuse_changes(set: &[String]) -> Result<(), Fault> {
    let ways = ["environments.", "fleet."];
    match set.iter().find(|setting| !ways.iter().any(|way| setting.starts_with(way))) {
        None => Ok(()),
        Some(setting) => Err(Fault::new(Code::Usage, format!("--set {setting}"))
            .saying("the plan of a run that has begun does not change")
            .next(
                "Change limits with `longhaul limit RUN rejects=100`; for all else, change the file, \
                 and type `longhaul revise RUN -f FILE`.",
            )),
    }
}

/// A fleet's run goes on where it is; whoever leads it takes this up, and so does whoever takes it
/// over.
async fn of_the_fleet(global: &Global, mut meant: Meant) -> Answer {
    let run = meant.found.record.run;
    if meant.found.record.state == State::Paused {
        meant.change(run::Event::Resumed, CHANGE_WITHIN).await?;
    }
    render::state(global.output, &meant.found.record);
    progress::say("coordinators and workers carry it on");
    progress::say(&format!("watch it with: longhaul watch {}", run.short()));
    Ok(exit::OK)
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
