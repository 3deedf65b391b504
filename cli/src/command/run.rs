//! `longhaul run`: plan what is asked, store it, carry it out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use endpoint::{Source, Target};
use protocol::fault::{Code, Fault};
use protocol::plan::Plan;
use protocol::run::Record;
use protocol::wire;

use crate::args::{AskedAndKept, Between, Global, OfRun, Run};
use crate::assemble::{self, Settings};
use crate::command::agree;
use crate::command::submit::{self, Left};
use crate::execute::{self, Stored, execute};
use crate::exit::{Answer, Failure};
use crate::fleet::meant::Meant;
use crate::watch::{self, Until};
use crate::{Probes, config, find, origin, progress, render};

/// Plans, or reads a plan, and runs it.
pub(crate) async fn run(global: &Global, run: Run, probes: Probes) -> Answer {
    let (between, saved) = asked(run.what, run.between, run.asked)?;
    if run.fleet {
        let Left { run: left, .. } =
            submit::leave(global, &between, saved.as_deref(), None, run.yes).await?;
        progress::say(&format!("run {}", left.short()));
        let meant =
            Meant::find(global, &OfRun { run: Some(left.into()), between }, find::Which::Latest)
                .await?;
        return watch::watch(global, meant, Until::Waiting).await;
    }
    start(global, between, saved.as_deref(), run.yes, probes).await
}

/// Starts a new run. `saved` is a plan that was drawn before.
pub(crate) async fn start(
    global: &Global,
    between: Between,
    saved: Option<&Path>,
    yes: bool,
    probes: Probes,
) -> Answer {
    let settings = settings(&between, saved)?;
    let (source, target) = (settings.source().await?, settings.target().await?);
    let mut plan = drawn(&settings, saved, source.as_ref(), target.as_ref()).await?;
    agree::to_lose(&plan, target.as_ref(), yes).await?;
    plan.origin = Some(origin::of(&between, source.as_ref(), target.as_ref()).await);
    let record = Record::new(assemble::new_run(), &plan, assemble::clock().now());
    // Before the run is stored, so that a folder that cannot be used stops it in time.
    let ledger = assemble::ledger(global).await?;
    let mut home = target.home().await?;
    assemble::refuse_second(home.as_mut(), &plan).await?;
    home.install().await?;
    home.store(&record, &plan).await?;
    (probes.coordinator)(coordinator::Point::Stored);
    assemble::remember(ledger.as_ref(), record.run, &between).await;
    execute::announce(ledger.as_ref(), &record).await;
    progress::say(&format!("run {}", record.run.short()));
    let on_snapshot_lost = plan.on_snapshot_lost;
    let plan = Arc::new(plan);
    let target = (probes.target)(target);
    let stored = Stored { record, plan, source, target, home, ledger, on_snapshot_lost };
    execute(global, stored, probes).await
}

/// The plan that was saved, if it still fits, or a new one; and what it warns of is said, before
/// anything is written.
pub(crate) async fn drawn(
    settings: &Settings,
    saved: Option<&Path>,
    source: &dyn Source,
    target: &dyn Target,
) -> Result<Plan, Failure> {
    let plan = match saved {
        None => assemble::draw(settings, source, target).await?,
        Some(path) => {
            let plan = read_plan(path)?;
            let migration = settings.migration()?;
            let fits = coordinator::plan::refuse_stale(&plan, migration, source, target);
            assemble::or_owned(target, fits.await).await?;
            plan
        }
    };
    render::plan::warnings(&plan).iter().for_each(|warning| progress::say(warning));
    Ok(plan)
}

/// What the command line says moves: perhaps a saved plan, and what was asked, kept where it says.
pub(crate) fn asked(
    what: Option<PathBuf>,
    between: Between,
    asked: AskedAndKept,
) -> Result<(Between, Option<PathBuf>), Failure> {
    let (between, saved) = divide(what, between);
    let between = between.asking(asked.asked);
    if let Some(path) = &asked.kept {
        assemble::keep(&between, path)?;
    }
    Ok((between, saved))
}

/// The settings of a migration. A plan names its environments, and says nothing of where they are.
pub(crate) fn settings(between: &Between, saved: Option<&Path>) -> Result<Settings, Failure> {
    let Some(path) = saved else { return Settings::read(between) };
    read_plan(path)?;
    match Settings::read(between) {
        Err(Failure::Fault(fault)) if fault.code() == Code::Usage => {
            let name = path.display();
            Err(Fault::new(Code::Usage, name.to_string())
                .saying("a plan does not hold the addresses of its databases")
                .next(format!(
                    "Name them as when it was planned: `longhaul run {name} --from URL --to URL`, or \
                     `longhaul run {name} --file FILE`."
                ))
                .into())
        }
        read => read,
    }
}

/// A first argument that is a plan, or a migration file.
pub(crate) fn divide(what: Option<PathBuf>, between: Between) -> (Between, Option<PathBuf>) {
    match what {
        Some(path) if path.extension().is_some_and(|end| end == "json") => (between, Some(path)),
        Some(path) => (Between { file: Some(path), ..between }, None),
        None => (between, None),
    }
}

/// Bytes that a saved plan may have: a million chunks take some hundred million.
const PLAN_BYTES_MAX: u64 = 4 << 30;

fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let bytes = config::read_file(path, PLAN_BYTES_MAX, "it is too large for a plan (4 GiB)")?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Fault::new(Code::PlanFormat, path.display().to_string()).saying("it is no text")
    })?;
    Ok(wire::plan_from_json(&text).map_err(|fault| fault.within(path.display()))?)
}
