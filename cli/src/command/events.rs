//! `longhaul events`: a run's events, as JSON lines.

use std::sync::Arc;
use std::time::Duration;

use ledger::Ledger;
use protocol::event::Fact;
use protocol::fault::{Code, Fault};
use protocol::id::RunId;

use crate::args::{Between, Events, Global, RunName};
use crate::assemble::Settings;
use crate::exit::{self, Answer, Failure};
use crate::fleet::servers;
use crate::{assemble, find, render};

/// Events fetched in one go.
const PAGE: usize = 1000;

/// How often to look for more.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Prints events, and with `--follow` goes on until the run ends.
pub(crate) async fn events(global: &Global, args: Events) -> Answer {
    let ledger = listened(global, &args).await?;
    let run = named(ledger.as_ref(), args.of.run.as_ref()).await?.ok_or_else(|| {
        Fault::new(Code::RunUnknown, global.state.display().to_string())
            .saying("the ledger knows no run")
    })?;
    let mut after = args.after;
    loop {
        let page = ledger.events(run, after, PAGE).await?;
        let mut over = false;
        for event in &page {
            if render::line_json(&event.to_json()).is_err() {
                // Whoever read our lines has gone.
                return Ok(exit::OK);
            }
            after = event.sequence;
            over = matches!(event.fact, Fact::Run { state, .. } if state.is_final());
        }
        if page.len() == PAGE {
            continue;
        }
        if !args.follow || over {
            return Ok(exit::OK);
        }
        ledger.wait(run, LOOK_EVERY).await;
    }
}

/// The run of that name, or the latest that the ledger knows.
async fn named(ledger: &dyn Ledger, wanted: Option<&RunName>) -> Result<Option<RunId>, Fault> {
    match wanted {
        Some(name) => Ok(find::known(ledger, name).await?.or_else(|| name.whole())),
        None => Ok(ledger.runs().await?.into_iter().next()),
    }
}

/// The ledger of this machine for a run that is carried here, else that of the fleet that the file
/// names.
async fn listened(global: &Global, args: &Events) -> Result<Arc<dyn Ledger>, Failure> {
    let local = assemble::ledger(global).await?;
    let run = named(local.as_ref(), args.of.run.as_ref()).await?;
    let file = args.of.between.file.clone();
    let mut between = Between { file: file.clone(), ..Between::default() };
    if let Some(run) = run {
        let carried_here = local.checkpoints(run).await?.is_some();
        if file.is_none() && carried_here {
            return Ok(local);
        }
        if assemble::file(&between).is_none() {
            between = assemble::recall(local.as_ref(), run).await.unwrap_or(between);
        }
    }
    match Settings::read(&between) {
        Ok(settings) if settings.fleet().is_ok() => Ok(servers::ledger(&settings)?),
        // A file that was named must be good; one that only happens to be there need not be.
        Err(failure) if file.is_some() => Err(failure),
        Ok(_) | Err(_) => Ok(local),
    }
}
