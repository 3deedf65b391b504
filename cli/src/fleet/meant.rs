//! A run that an operator speaks of, and whoever is to hear what was done to it.

use std::sync::Arc;
use std::time::Duration;

use ledger::Ledger;
use protocol::event::Fact;
use protocol::fault::{Code, Fault};
use protocol::run::{self, State};
use tokio::time::{Instant, timeout};

use super::servers;
use crate::args::{Global, OfRun};
use crate::assemble::{self, Settings};
use crate::exit::Failure;
use crate::find::{Found, Which, find};
use crate::progress;

/// How long a ledger that is away may keep an operator waiting.
const TELL_WITHIN: Duration = Duration::from_secs(3);

/// A run, and the ledger that its watchers listen to.
pub(crate) struct Meant {
    /// The run, with its home.
    pub(crate) found: Found,
    /// The fleet's ledger for a run of a fleet, else this machine's.
    pub(crate) ledger: Arc<dyn Ledger>,
    /// This machine's.
    pub(crate) local: Arc<dyn Ledger>,
}

impl Meant {
    /// Finds it.
    pub(crate) async fn find(global: &Global, of: &OfRun, which: Which) -> Result<Self, Failure> {
        let local = assemble::ledger(global).await?;
        let found = find(local.as_ref(), of.run.as_ref(), &of.between, which).await?;
        let ledger = match fleets(&found) {
            Some(ledger) => ledger,
            None => local.clone(),
        };
        Ok(Self { found, ledger, local })
    }

    /// Moves the run along `protocol::run`, waiting for chunks in flight at most so long.
    ///
    /// # Errors
    /// `Code::Busy` when they took longer.
    pub(crate) async fn change(
        &mut self,
        event: run::Event,
        within: Duration,
    ) -> Result<State, Fault> {
        let (run, until) = (self.found.record.run, Instant::now() + within);
        loop {
            // The home's own patience may be shorter than ours: then it is asked again.
            let change = self.found.home.change(run, event, assemble::clock().now());
            let changed = match tokio::time::timeout_at(until, change).await {
                Ok(changed) => changed,
                Err(_) => Err(Fault::new(Code::Busy, run.to_string())),
            };
            match changed {
                Err(fault) if fault.code() == Code::Busy && Instant::now() < until => {
                    progress::say("waiting for chunks in flight");
                }
                Err(fault) => {
                    self.found.home = self.found.target.home().await?;
                    return Err(fault);
                }
                Ok(state) => {
                    self.found.record.state = state;
                    self.tell(state).await;
                    return Ok(state);
                }
            }
        }
    }

    /// Tells those who watch. The home knows already, so nobody else needs to.
    async fn tell(&self, state: State) {
        let record = &self.found.record;
        let fact = Fact::Run { state, epoch: record.epoch };
        let told = timeout(TELL_WITHIN, self.ledger.publish(record.run, fact)).await;
        if !matches!(told, Ok(Ok(_))) {
            progress::say("the ledger is away, so watchers hear of it later; the run itself knows");
        }
    }

    /// Whether it is a fleet's. A run of one process can only be steered by that process.
    ///
    /// # Errors
    /// `Code::RunBusy`, with what to do instead.
    pub(crate) fn must_be_of_a_fleet(&self, instead: &str) -> Result<(), Fault> {
        let record = &self.found.record;
        if record.fleet {
            return Ok(());
        }
        Err(Fault::new(Code::RunBusy, record.run.to_string())
            .saying("it belongs to the process that began it, not to a fleet")
            .next(format!("{instead} longhaul resume {}", record.run.short())))
    }
}

/// The ledger of the fleet that the run belongs to, where the file names one.
fn fleets(found: &Found) -> Option<Arc<dyn Ledger>> {
    if !found.record.fleet {
        return None;
    }
    let settings = Settings::read(&found.between).ok()?;
    servers::ledger(&settings).ok()
}
