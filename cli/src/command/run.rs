//! `longhaul run`: plan what is asked, store it, carry it out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::fault::{Code, Fault};
use protocol::id::RunId;
use protocol::plan::Plan;
use protocol::run::Record;
use protocol::wire;

use crate::args::{Between, Global, Run};
use crate::assemble::{self, Settings};
use crate::execute::{self, Stored, execute};
use crate::exit::{Answer, Failure};
use crate::{Probes, progress};

/// Plans, or reads a plan, and runs it.
pub(crate) async fn run(global: &Global, run: Run, probes: Probes) -> Answer {
    let (between, saved) = divide(run.what, run.between);
    start(global, between, saved.as_deref(), probes).await
}

/// Starts a new run. `saved` is a plan that was drawn before.
pub(crate) async fn start(
    global: &Global,
    between: Between,
    saved: Option<&Path>,
    probes: Probes,
) -> Answer {
    let saved = saved.map(read_plan).transpose()?;
    let settings = Settings::read(&between)?;
    let migration = settings.migration();
    let (source, target) = (settings.source().await?, settings.target().await?);
    let plan = match saved {
        Some(plan) => {
            let fits =
                coordinator::plan::refuse_stale(&plan, migration, source.as_ref(), target.as_ref());
            assemble::or_owned(target.as_ref(), fits.await).await?;
            plan
        }
        None => assemble::draw(&settings, source.as_ref(), target.as_ref()).await?,
    };
    let record = Record::new(RunId(uuid::Uuid::now_v7()), &plan, assemble::clock().now());
    // Before the run is stored, so that a folder that cannot be used stops it in time.
    let ledger = assemble::ledger(global).await?;
    let mut home = target.home().await?;
    assemble::refuse_second(home.as_mut(), &plan).await?;
    home.install().await?;
    home.store(&record, &plan).await?;
    (probes.coordinator)(coordinator::Point::Stored);
    assemble::remember(ledger.as_ref(), record.run, &between).await;
    execute::announce(ledger.as_ref(), &record).await;
    progress::say(&format!("run {}", record.run));
    let on_snapshot_lost = plan.on_snapshot_lost;
    let plan = Arc::new(plan);
    let target = (probes.target)(target);
    let stored = Stored { record, plan, source, target, home, ledger, on_snapshot_lost };
    execute(global, stored, probes).await
}

/// A first argument that is a plan, or a migration file.
pub(crate) fn divide(what: Option<PathBuf>, between: Between) -> (Between, Option<PathBuf>) {
    match what {
        Some(path) if path.extension().is_some_and(|end| end == "json") => (between, Some(path)),
        Some(path) => (Between { file: Some(path), ..between }, None),
        None => (between, None),
    }
}

fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Fault::new(Code::ConfigUnreadable, path.display().to_string()).because(error)
    })?;
    Ok(wire::plan_from_json(&text).map_err(|fault| fault.within(path.display()))?)
}
