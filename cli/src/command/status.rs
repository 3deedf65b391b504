//! `longhaul status`: which runs there are, and how far the one in question is.

use std::io::IsTerminal as _;
use std::time::Duration;

use ledger::Ledger;
use protocol::event::Event;
use protocol::fault::Fault;
use protocol::id::RunId;
use tokio::time::timeout;

use crate::args::{Global, Output, Status};
use crate::exit::{self, Answer};
use crate::fleet::meant::Meant;
use crate::signals::Signals;
use crate::{find, render};

/// How often a status that is watched is drawn again.
const DRAW_EVERY: Duration = Duration::from_secs(1);

/// How long a ledger that is away may keep a status waiting.
const ASK_WITHIN: Duration = Duration::from_secs(2);

/// Shows a run, once or until it ends.
pub(crate) async fn status(global: &Global, args: Status) -> Answer {
    let mut meant = Meant::find(global, &args.of, find::Which::Latest).await?;
    let mut signals = Signals::only_looking();
    loop {
        let status = look(&mut meant).await?;
        let clears = args.watch && std::io::stdout().is_terminal();
        match global.output {
            Output::Json => render::answer_json(&status),
            Output::Text => {
                if clears {
                    render::clear();
                }
                render::answer(&status.text());
            }
        }
        if !args.watch || meant.found.record.state.is_final() {
            return Ok(exit::OK);
        }
        tokio::select! {
            () = tokio::time::sleep(DRAW_EVERY) => {}
            code = signals.first() => return Ok(code),
        }
    }
}

/// Adds up what home and ledger say now.
async fn look(meant: &mut Meant) -> Result<render::status::Status, Fault> {
    let found = &mut meant.found;
    let run = found.record.run;
    found.record = found.home.run(run).await?;
    let plan = found.home.plan(run).await?;
    let receipts = found.home.receipts(run).await?;
    let others = found.home.runs().await?;
    let history = found.home.history(run).await?;
    let ledger = meant.ledger.as_ref();
    // A ledger that is away is asked once, and says why.
    let presences = match timeout(ASK_WITHIN, ledger.presences()).await {
        Ok(presences) => presences,
        Err(_) => Err(away(run)),
    };
    let (known, events) = match presences {
        Ok(_) => (ledger.checkpoints(run).await, all(ledger, run).await),
        Err(_) => (Ok(None), Vec::new()),
    };
    let fleet = found.record.fleet;
    let fleet = fleet.then(|| render::status::Fleet::of(&found.record, &presences, &known));
    let known = known.unwrap_or_default();
    let record = &found.record;
    let status =
        render::status::Status::of(record, &plan, &receipts, known, &events, &others, fleet);
    Ok(status.with(record, &history))
}

/// All kept events; what is known of faults stands there.
async fn all(ledger: &dyn Ledger, run: RunId) -> Vec<Event> {
    ledger.events(run, 0, ledger::EVENTS_MAX).await.unwrap_or_default()
}

fn away(run: RunId) -> Fault {
    Fault::new(protocol::fault::Code::Unreachable, format!("the ledger of run {run}"))
        .saying(format!("no answer within {} s", ASK_WITHIN.as_secs()))
}
