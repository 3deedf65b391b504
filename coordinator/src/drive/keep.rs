//! Keeping hold of the source while a fleet reads it.
//!
//! What is held lives in a connection to the source, and goes with it: the source's server was
//! restarted, or the connection was cut. Workers then find nothing to join, and wait. So the leader
//! looks now and then, takes hold anew, and tells under which name.

use std::time::Duration;

use endpoint::Home;
use protocol::chunk::State;
use protocol::fault::Fault;
use protocol::mapping::Consistency;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{Drive, Parts};
use crate::hold;

/// How often the leader looks whether it still holds the source.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Under which name the source is held, and when that was last looked at.
pub(super) struct Keep {
    held: Option<String>,
    looked: Instant,
}

impl Keep {
    /// For a leader that has just taken hold.
    pub(super) fn of(held: Option<String>) -> Self {
        Self { held, looked: Instant::now() }
    }
}

impl Drive {
    /// Takes hold of the source anew if what was held is gone, and rows are left to read.
    ///
    /// # Errors
    /// `SnapshotLost` when the source changed meanwhile, and the plan says to stop; otherwise what
    /// the home answered. A source that is away is only waited for.
    pub(super) async fn keep_hold(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
        states: &[State],
    ) -> Result<(), Fault> {
        let shared = self.fleet.is_some() && self.keep.held.is_some();
        if !shared || self.keep.looked.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        self.keep.looked = Instant::now();
        let is_read =
            |chunk: protocol::id::ChunkId| states.get(chunk.index()) == Some(&State::Done);
        if hold::readers(&parts.plan).all(is_read) {
            return Ok(());
        }
        let (source, lost) = (parts.source.as_ref(), parts.on_snapshot_lost);
        match source.hold(Consistency::Snapshot).await {
            Ok(held) if held == self.keep.held => return Ok(()),
            Ok(_) => {}
            Err(fault) => {
                warn!(run = %parts.run, error = %fault, "what was held of the source is gone");
                return Ok(());
            }
        }
        let record = home.run(parts.run).await?;
        let how = (true, hold::only_again(&parts.plan, is_read));
        let (held, finding) = hold::hold(&parts.plan, &record, how, source, home, lost).await?;
        if let Some(held) = &held {
            home.note_held(parts.run, self.epoch, held).await?;
        }
        info!(run = %parts.run, "took hold of the source anew");
        self.keep.held = held;
        match finding {
            Some(finding) => self.recall.publish(finding).await,
            None => Ok(()),
        }
    }
}
