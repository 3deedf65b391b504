//! `longhaul submit`: plan a migration, store it in its target, and leave it to the fleet.

use std::path::Path;
use std::time::Duration;

use endpoint::Source;
use protocol::fault::{Code, Fault};
use protocol::id::RunId;
use protocol::mapping::Consistency;
use protocol::plan::Plan;
use protocol::presence::Role;
use protocol::run::{Record, Steering};
use serde_json::json;
use tokio::time::timeout;

use crate::args::{Between, Global, Output, Submit};
use crate::assemble::{self, Settings};
use crate::command::agree;
use crate::command::run::{asked, drawn, settings};
use crate::exit::{self, Answer, Failure};
use crate::fleet::traces::{Span, Traces, root};
use crate::fleet::{self, crew, servers};
use crate::{config, execute, origin, progress, render};

/// How long a ledger that is away may keep a submission waiting.
const NOTE_WITHIN: Duration = Duration::from_secs(3);

/// Submits, and says how to watch.
pub(crate) async fn submit(global: &Global, args: Submit) -> Answer {
    let (between, saved) = asked(args.what, args.between, args.asked)?;
    let Left { run, warnings } =
        leave(global, &between, saved.as_deref(), args.priority, args.yes).await?;
    match global.output {
        Output::Json => render::answer_json(&json!({ "run": run, "warnings": warnings })),
        Output::Text => render::answer(&run.to_string()),
    }
    progress::say(&format!("submitted; watch it with: longhaul watch {}", run.short()));
    Ok(exit::OK)
}

/// A run that was left to the fleet.
pub(crate) struct Left {
    pub(crate) run: RunId,
    /// Why it will not go on as things stand; said already.
    pub(crate) warnings: Vec<String>,
}

/// Stores a run that coordinators of the fleet will find, and says who would have to be there.
pub(crate) async fn leave(
    global: &Global,
    between: &Between,
    saved: Option<&Path>,
    priority: Option<u8>,
    yes: bool,
) -> Result<Left, Failure> {
    let settings = settings(between, saved)?;
    let traces = Traces::begin(settings.fleet()?, "submit", &std::process::id().to_string());
    refuse_addresses(between)?;
    let clock = assemble::clock();
    let began = clock.now();
    let (source, target) = (settings.source().await?, settings.target().await?);
    let drawing = clock.now();
    let mut plan = drawn(&settings, saved, source.as_ref(), target.as_ref()).await?;
    plan.origin = Some(origin::of(between, source.as_ref(), target.as_ref()).await);
    refuse_unshared(source.as_ref(), &plan).await?;
    agree::to_lose(&plan, target.as_ref(), yes).await?;
    let drew = clock.now();
    let mut record = Record::new(assemble::new_run(), &plan, drew);
    record.fleet = true;
    record.steering = Steering {
        priority: priority.unwrap_or(Steering::PRIORITY),
        slots: settings.slots(),
        ..Steering::default()
    };
    let local = assemble::ledger(global).await?;
    let mut home = target.home().await?;
    assemble::refuse_second(home.as_mut(), &plan).await?;
    home.install().await?;
    home.store(&record, &plan).await?;
    assemble::remember(local.as_ref(), record.run, between).await;
    let warnings = note(&settings, &record).await;
    warnings.iter().for_each(|warning| progress::insist(&format!("warning: {warning}")));
    if let Some(traces) = traces {
        let chunks = plan.chunks.len() as u64;
        let planned = Span::under(root(record.run), "plan", drawing, drew);
        traces.tell(planned.counting("longhaul.chunks", chunks));
        let submitted = Span::first(record.run, "submit", began, clock.now());
        traces.tell(submitted.with("longhaul.migration", plan.migration.clone()));
        traces.flush().await;
    }
    Ok(Left { run: record.run, warnings })
}

/// Tells the fleet's ledger where the run lives, and asks it who is there to carry the run. Nobody
/// need be: the run waits. Coordinators find it without the ledger, a little later.
async fn note(settings: &Settings, record: &Record) -> Vec<String> {
    let noting = async {
        let ledger = servers::ledger(settings)?;
        ledger.note(record.run, fleet::HOME, &record.to.0).await?;
        execute::announce(ledger.as_ref(), record).await;
        ledger.presences().await
    };
    const UNSEEN: &str = "coordinators find the run in its target, and nobody can see who is there";
    match timeout(NOTE_WITHIN, noting).await {
        Ok(Ok(there)) => {
            let roles = [Role::Coordinator, Role::Worker];
            crew::hindrances([&record.from, &record.to], &there, &roles)
        }
        Ok(Err(fault)) => vec![format!("{fault}; {UNSEEN}")],
        Err(_) => vec![format!("the ledger does not answer; {UNSEEN}")],
    }
}

/// Workers know environments by the names in their file, and no address that stood on one command
/// line.
fn refuse_addresses(between: &Between) -> Result<(), Fault> {
    let given = [("--from", &between.from), ("--to", &between.to)];
    let address = |(_, named): &(_, &Option<String>)| named.as_deref().is_some_and(config::is_url);
    match given.into_iter().find(address) {
        None => Ok(()),
        Some((option, _)) => Err(Fault::new(Code::EnvironmentUnknown, option)
            .saying("a fleet knows environments by the names in its file, not by addresses")
            .next("Add the environment to the file of the fleet, and name it there.")),
    }
}

/// A snapshot that only one process can read is of no use to many. Whether it has a name for others
/// is found by taking one, which ends with this process.
async fn refuse_unshared(source: &dyn Source, plan: &Plan) -> Result<(), Fault> {
    if plan.consistency != Consistency::Snapshot {
        return Ok(());
    }
    match source.hold(Consistency::Snapshot).await? {
        Some(_) => Ok(()),
        None => Err(Fault::new(Code::SnapshotUnshared, source.place())
            .saying(format!("{} cannot share one", source.capabilities().engine))),
    }
}
