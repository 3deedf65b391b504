//! `longhaul pause`: no new chunk begins; those in flight end.

use std::time::Duration;

use protocol::history::Deed;
use protocol::run::{Event, State};

use crate::args::{Global, OfRun};
use crate::exit::{self, Answer};
use crate::fleet::meant::Meant;
use crate::{assemble, find, progress, render};

/// How long chunks in flight are waited for. The pause holds for new ones from the beginning of
/// the wait: they stand behind it.
const WITHIN: Duration = Duration::from_secs(60);

/// Pauses a run, of a fleet or of a process.
pub(crate) async fn pause(global: &Global, of: OfRun) -> Answer {
    let mut meant = Meant::find(global, &of, find::Which::Unfinished).await?;
    find::refuse_final(&meant.found.record)?;
    let run = meant.found.record.run;
    if meant.found.record.state == State::Paused {
        render::state(global.output, &meant.found.record);
        progress::say("it was paused already");
        progress::say(&format!("go on with: longhaul resume {run}"));
        return Ok(exit::OK);
    }
    meant.change(Event::Paused, WITHIN).await?;
    assemble::note(meant.found.home.as_mut(), run, Deed::Paused { why: None }).await;
    render::state(global.output, &meant.found.record);
    progress::say("chunks in flight finish, no new ones start");
    progress::say(&format!("continue with: longhaul resume {}", run.short()));
    Ok(exit::OK)
}
