//! `longhaul rejects retry`: rejected rows are read and written again, and no others.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::revise::{Again, Revised, again};
use protocol::fault::{Code, Fault};
use protocol::history::Deed;
use protocol::id::ChunkId;
use protocol::plan::{Entity, Plan};
use protocol::run::State;

use crate::args::{Global, RejectsRetry};
use crate::assemble::{self, Pages};
use crate::command::{resume, revise};
use crate::exit::{self, Answer, Failure};
use crate::find::{self, Found};
use crate::fleet::meant::Meant;
use crate::render::report::grouped;
use crate::{Probes, progress, render};

/// Puts them in line, in the run that rejected them, and lets it go on.
pub(crate) async fn retry(global: &Global, args: RejectsRetry, probes: Probes) -> Answer {
    let mut meant = Meant::find(global, &args.of, find::Which::Latest).await?;
    refuse_over(&meant.found)?;
    let found = &mut meant.found;
    resume::refuse_driven(&found.record, found.home.as_mut()).await?;
    let run = found.record.run;
    let short = run.short();
    let stored = found.home.plan(run).await?;
    let open = open(found).await?;
    if open.is_empty() {
        render::answer(&format!("run {run} has no rejected rows"));
        return Ok(exit::OK);
    }
    let mut revised = as_now(found, &stored).await?;
    let done = revise::done(found).await?;
    let line = again(&mut revised, &done, &open, &|entity| is_meant(&args.table, entity));
    line.refused.iter().for_each(|one| progress::insist(&format!("not tried again: {one}")));
    if line.rows == 0 {
        return Err(none_chosen(&stored, &open, &line).into());
    }
    let (rows, tables) = (grouped(line.rows), line.tables.join(", "));
    progress::say(&format!("{rows} rejected rows are read and written again: {tables}"));
    let deed = Deed::Retried { rows: line.rows, tables: line.tables };
    revise::store(found, &stored, revised, line.undone, deed).await?;
    assemble::remember(meant.local.as_ref(), run, &meant.found.between).await;
    if meant.found.record.fleet {
        let mut steering = meant.found.record.steering.clone();
        steering.retries = steering.retries.saturating_add(1);
        meant.found.home.steer(run, &steering).await?;
        progress::say(&format!("watch it with: longhaul watch {short}"));
        return Ok(exit::OK);
    }
    resume::go_on(global, meant.found, meant.local, None, probes).await
}

fn refuse_over(found: &Found) -> Result<(), Fault> {
    let run = found.record.run;
    let short = run.short();
    match found.record.state {
        State::Planning | State::Running | State::Paused | State::Complete => Ok(()),
        state @ (State::Cancelled | State::Void) => {
            Err(Fault::new(Code::RunBusy, format!("run {run}"))
                .saying(format!("it is {state}, and nothing more is written for it"))
                .next(format!("Drop what it made, and begin anew: longhaul clean {short}")))
        }
    }
}

/// The open rejects of each chunk.
async fn open(found: &mut Found) -> Result<BTreeMap<ChunkId, u64>, Fault> {
    let mut open = BTreeMap::new();
    let mut pages = Pages::of(found.home.as_mut(), found.record.run).await?;
    while let Some(page) = pages.next(found.home.as_mut()).await? {
        for reject in page {
            *open.entry(reject.chunk).or_default() += 1;
        }
    }
    Ok(open)
}

/// The plan, with what the file says now of values that do not fit, and of how many rows may be lost.
/// What else it says is for `revise`.
async fn as_now(found: &mut Found, stored: &Plan) -> Result<Revised, Failure> {
    let mut now = Revised {
        plan: stored.clone(),
        changed: BTreeSet::new(),
        taken: Vec::new(),
        refused: Vec::new(),
    };
    if !revise::changed(found, stored) {
        return Ok(now);
    }
    let revised = revise::redraw(found, stored).await?;
    for (entity, new) in now.plan.entities.iter_mut().zip(&revised.plan.entities) {
        entity.policies.clone_from(&new.policies);
        entity.rejects_max = new.rejects_max;
    }
    now.plan.limits = revised.plan.limits;
    let concerns = |line: &&String| {
        line.starts_with("limits.") || line.ends_with(": policies") || line.ends_with(": rejects")
    };
    let (taken, left): (Vec<_>, Vec<_>) = revised.taken.iter().partition(concerns);
    taken.iter().for_each(|one| progress::say(&format!("taken over: {one}")));
    let left = left.into_iter().chain(&revised.refused);
    left.for_each(|one| progress::insist(&format!("not taken over by a retry: {one}")));
    Ok(now)
}

fn is_meant(tables: &[String], entity: &Entity) -> bool {
    let target = entity.target.to_string();
    let named = |name: &String| *name == target || *name == entity.target.name;
    tables.is_empty() || tables.iter().any(named)
}

/// Nothing can be tried again of what was asked for.
fn none_chosen(plan: &Plan, open: &BTreeMap<ChunkId, u64>, line: &Again) -> Fault {
    let entity = |chunk: &ChunkId| plan.chunk(*chunk).and_then(|chunk| chunk.entity);
    let mut tables: Vec<_> =
        open.keys().filter_map(entity).map(|id| plan.entity(id).target.to_string()).collect();
    tables.dedup();
    let fault = Fault::new(Code::Usage, "rejects retry");
    if line.refused.is_empty() {
        fault
            .saying(format!(
                "none of these tables has rejected rows; those that have: {}",
                tables.join(", ")
            ))
            .next("Name one of them with `--table`, or none to try all.")
    } else {
        fault
            .saying(line.refused.join("; "))
            .next("Move that table anew: `longhaul clean` drops what the run made.")
    }
}
