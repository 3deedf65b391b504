//! `longhaul events`: a run's events, as JSON lines.

use std::time::Duration;

use protocol::event::Fact;
use protocol::fault::{Code, Fault};

use crate::args::{Events, Global};
use crate::exit::{self, Answer};
use crate::{assemble, render};

/// Events fetched in one go.
const PAGE: usize = 1000;

/// How often to look for more.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Prints events, and with `--follow` goes on until the run ends.
pub(crate) async fn events(global: &Global, args: Events) -> Answer {
    let ledger = assemble::ledger(global).await?;
    let run = match args.run {
        Some(run) => run,
        None => ledger.runs().await?.into_iter().next().ok_or_else(|| {
            Fault::new(Code::RunUnknown, global.state.display().to_string())
                .saying("this machine's ledger knows no run")
        })?,
    };
    let mut after = args.after;
    loop {
        let page = ledger.events(run, after, PAGE).await?;
        let mut over = false;
        for event in &page {
            if render::line(&event.to_json()).is_err() {
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
