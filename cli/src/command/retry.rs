//! `longhaul retry`: parked chunks of a fleet's run are tried again.

use protocol::run::State;

use crate::args::{Global, OfRun};
use crate::exit::{self, Answer};
use crate::fleet::meant::Meant;
use crate::{find, progress, render};

/// Asks for it. The wish is kept in the run's home; whoever leads carries it out.
pub(crate) async fn retry(global: &Global, of: OfRun) -> Answer {
    let mut meant = Meant::find(global, &of, find::Which::Unfinished).await?;
    find::refuse_final(&meant.found.record)?;
    meant.must_be_of_a_fleet("Its parked chunks are tried again by:")?;
    let found = &mut meant.found;
    let run = found.record.run;
    let mut steering = found.record.steering.clone();
    steering.retries = steering.retries.saturating_add(1);
    found.home.steer(run, &steering).await?;
    render::state(global.output, &found.record);
    // Somebody paused it for a reason; whoever ends the pause says so.
    if found.record.state == State::Paused {
        progress::say("it is paused: parked chunks are tried again once it goes on");
        progress::say(&format!("go on with: longhaul resume {run}"));
        return Ok(exit::OK);
    }
    progress::say("parked chunks are tried again within a few seconds");
    progress::say(&format!("watch it with: longhaul watch {}", run.short()));
    Ok(exit::OK)
}
