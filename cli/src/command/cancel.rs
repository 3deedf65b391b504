//! `longhaul cancel`: ends a run for good.

use std::time::Duration;

use protocol::fault::Code;
use protocol::run::{Event, State};

use crate::args::{Cancel, Global};
use crate::exit::{self, Answer};
use crate::fleet::meant::Meant;
use crate::{find, progress, render};

/// How long servers may take to end the sessions that were in the way.
const ENDING_WITHIN: Duration = Duration::from_secs(30);

/// Cancels. Chunks in flight may end within a bound; what is left then is undone.
pub(crate) async fn cancel(global: &Global, args: Cancel) -> Answer {
    let mut meant = Meant::find(global, &args.of, find::Which::Unfinished).await?;
    if meant.found.record.state == State::Cancelled {
        render::state(global.output, &meant.found.record);
        progress::say("it was cancelled already");
        return Ok(exit::OK);
    }
    find::refuse_final(&meant.found.record)?;
    let run = meant.found.record.run;
    match meant.change(Event::Cancelled, args.within).await {
        Err(fault) if fault.code() == Code::Busy => {
            let ended = meant.found.target.end_sessions(&format!("longhaul:{run}:")).await?;
            progress::say(&format!("ended {ended} sessions that were in the way"));
            meant.change(Event::Cancelled, ENDING_WITHIN).await?;
        }
        other => {
            other?;
        }
    }
    render::state(global.output, &meant.found.record);
    progress::say("no chunk of it starts or commits any more; rows that were written stay");
    progress::say(&format!("see the result: longhaul report {}", run.short()));
    progress::say(&format!("to drop what it made: longhaul clean {}", run.short()));
    Ok(exit::OK)
}
