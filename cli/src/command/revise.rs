//! `longhaul revise`: an unfinished run takes up a changed migration file.

use std::collections::BTreeSet;

use coordinator::revise::Revised;
use endpoint::Revision;
use protocol::fault::{Code, Fault};
use protocol::history::{Deed, Entry};
use protocol::id::ChunkId;
use protocol::plan::Plan;
use protocol::run::State;
use protocol::schema::TableName;
use protocol::wire;
use serde_json::json;

use crate::args::{Global, Output, Revise};
use crate::assemble::{self, Settings};
use crate::command::resume;
use crate::exit::{self, Answer, Failure};
use crate::find::{self, Found};
use crate::fleet::meant::Meant;
use crate::{person, progress, render};

/// Takes over what touches no done chunk, and names the rest.
pub(crate) async fn revise(global: &Global, args: Revise) -> Answer {
    let mut meant = Meant::find(global, &args.of, find::Which::UnfinishedAnywhere).await?;
    find::refuse_final(&meant.found.record)?;
    refuse_running(&mut meant.found).await?;
    let run = meant.found.record.run;
    let short = run.short();
    let found = &mut meant.found;
    let stored = found.home.plan(run).await?;
    let revised = redraw(found, &stored).await?;
    say(global.output, found, &revised);
    let only_refused = revised.taken.is_empty() && !revised.refused.is_empty();
    if only_refused {
        return Err(Fault::new(Code::RunBusy, format!("run {run}"))
            .saying("nothing that changed can be taken over")
            .next(format!(
                "To begin anew: longhaul clean {short} drops what this run made, and longhaul run \
                 begins with the changed file"
            ))
            .into());
    }
    if args.check || (revised.taken.is_empty() && revised.plan == stored) {
        return Ok(exit::OK);
    }
    keep_counters(found, &stored, &revised).await?;
    let deed = Deed::Revised { taken: revised.taken.clone() };
    store(found, &stored, revised, Vec::new(), deed).await?;
    assemble::remember(meant.local.as_ref(), run, &meant.found.between).await;
    if meant.found.record.fleet {
        let mut steering = meant.found.record.steering.clone();
        steering.retries = steering.retries.saturating_add(1);
        meant.found.home.steer(run, &steering).await?;
    }
    progress::say(&format!("go on with: longhaul resume {short}"));
    Ok(exit::OK)
}

/// The source's change counters were taken over the tables of the stored plan. Where tables come in,
/// they are taken anew over all, unless somebody wrote to the old ones since: then the run finds that out
/// when it goes on. The new ones come first, so that no write in between goes unseen.
async fn keep_counters(found: &mut Found, stored: &Plan, revised: &Revised) -> Result<(), Failure> {
    let (Some(then), false) =
        (found.record.counters.clone(), stored.entities.len() == revised.plan.entities.len())
    else {
        return Ok(());
    };
    let source = Settings::read(&found.between)?.source().await?;
    let tables = |plan: &Plan| -> Vec<TableName> {
        plan.entities.iter().map(|entity| entity.source.clone()).collect()
    };
    let new = source.counters(&tables(&revised.plan)).await?;
    let old = source.counters(&tables(stored)).await?;
    if source.unchanged(&then, &old) {
        found.home.note_source(found.record.run, &new, found.record.drifted).await?;
    }
    Ok(())
}

/// A run that goes on meanwhile would do so by the old plan.
async fn refuse_running(found: &mut Found) -> Result<(), Fault> {
    if !found.record.fleet {
        return resume::refuse_driven(&found.record, found.home.as_mut()).await;
    }
    let run = found.record.run;
    let short = run.short();
    match found.record.state {
        State::Running | State::Planning => Err(Fault::new(Code::RunBusy, format!("run {run}"))
            .saying("the fleet is carrying it on")
            .next(format!("Pause it first: longhaul pause {short}"))),
        State::Paused | State::Cancelled | State::Complete | State::Void => Ok(()),
    }
}

/// What the file says now, for the run.
pub(crate) async fn redraw(found: &mut Found, stored: &Plan) -> Result<Revised, Failure> {
    let settings = Settings::read(&found.between)?;
    let migration = settings.migration()?;
    let done = done(found).await?;
    let source = settings.source().await?;
    let target = found.target.as_ref();
    let revised =
        coordinator::revise::revise(stored, &done, migration, source.as_ref(), target).await?;
    Ok(revised)
}

/// The done chunks.
pub(crate) async fn done(found: &mut Found) -> Result<BTreeSet<ChunkId>, Fault> {
    Ok(found.home.done(found.record.run).await?.into_iter().collect())
}

/// Puts the revised plan in the place of the stored one.
pub(crate) async fn store(
    found: &mut Found,
    stored: &Plan,
    revised: Revised,
    undone: Vec<ChunkId>,
    deed: Deed,
) -> Result<(), Fault> {
    let run = found.record.run;
    let revision = Revision {
        of: stored.fingerprint(),
        plan: revised.plan,
        changed: revised.changed.into_iter().collect(),
        undone,
        entry: Entry { at: assemble::clock().now(), by: person::me(), deed },
    };
    found.home.revise(run, &revision).await?;
    found.record = found.home.run(run).await?;
    Ok(())
}

/// Whether the file that the run is found by is another than the one it began with.
pub(crate) fn changed(found: &Found, stored: &Plan) -> bool {
    // Two URLs say nothing that could have changed.
    if assemble::file(&found.between).is_none() {
        return false;
    }
    let Ok(settings) = Settings::read(&found.between) else { return false };
    let now = settings.migration().map(wire::fingerprint);
    now.is_ok_and(|now| now != stored.drawn_from.migration)
}

/// Says what of a changed file a resumed run does not take up. Best effort: it goes on in any case.
pub(crate) async fn say_ignored(found: &mut Found) {
    let run = found.record.run;
    let short = run.short();
    let Ok(stored) = found.home.plan(run).await else { return };
    if !changed(found, &stored) {
        return;
    }
    progress::insist(
        "the migration file is not as it was when the run began; a resume does not take that up:",
    );
    if let Ok(revised) = redraw(found, &stored).await {
        let ignored = revised.taken.iter().chain(&revised.refused);
        ignored.for_each(|one| progress::insist(&format!("  {one}")));
    }
    progress::insist(&format!("to take it up, stop this and type: longhaul revise {short}"));
}

fn say(output: Output, found: &Found, revised: &Revised) {
    let run = found.record.run;
    let Revised { taken, refused, .. } = revised;
    if output == Output::Json {
        return render::answer_json(&json!({ "run": run, "taken": taken, "refused": refused }));
    }
    let mut text = String::new();
    taken.iter().for_each(|one| text += &format!("taken over: {one}\n"));
    refused.iter().for_each(|one| text += &format!("not taken: {one}\n"));
    if text.is_empty() {
        text = "the file says what the run does already".into();
    }
    render::answer(&text);
}
