//! What a drive remembers a run by: the ledger, or what stands in for it while it is away.
//!
//! The stand-in is a ledger in this process that hears of receipts only. Nobody claims in it, so a
//! chunk stays ready until its receipt is seen, and is rung for again after growing waits.

use std::sync::Arc;
use std::time::Duration;

use ledger::{Checkpoints, Ledger, Memory};
use protocol::chunk;
use protocol::clock::Clock;
use protocol::event::Fact;
use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, RunId};
use tokio::time::Instant;
use tracing::{info, warn};

/// A ledger that failed is left alone for so long. One that answers, but takes no writes, would
/// otherwise be believed again at every look.
const ALONE_FOR: Duration = Duration::from_secs(5);

/// The memory of one run.
pub(crate) struct Recall {
    run: RunId,
    ledger: Arc<dyn Ledger>,
    /// What stands in; none where the ledger's faults end the drive.
    stand_in: Option<Memory>,
    /// Until when the ledger is left alone, if it failed and was not heard since.
    away: Option<Instant>,
    returned: bool,
}

impl Recall {
    /// The ledger and nothing else: in one process it fails only if all does.
    pub(crate) fn alone(run: RunId, ledger: Arc<dyn Ledger>) -> Self {
        Self { run, ledger, stand_in: None, away: None, returned: false }
    }

    /// The ledger, and a stand-in for it.
    pub(crate) fn of_fleet(run: RunId, ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>) -> Self {
        Self { stand_in: Some(Memory::new(clock)), ..Self::alone(run, ledger) }
    }

    /// Whether the ledger is away, so that only receipts tell what was done.
    pub(crate) fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// Whether the ledger came back since this was last asked: it is behind then.
    pub(crate) fn take_returned(&mut self) -> bool {
        std::mem::take(&mut self.returned)
    }

    /// Reaps, and says what is remembered then. This is where a ledger that came back is noticed.
    pub(crate) async fn look(&mut self) -> Result<Option<Checkpoints>, Fault> {
        if self.away.is_none_or(|until| Instant::now() >= until) {
            match self.ask().await {
                Ok(known) => {
                    if self.away.take().is_some() {
                        info!(run = %self.run, "the ledger is back");
                        self.returned = true;
                    }
                    return Ok(known);
                }
                Err(fault) => self.missed(fault).await?,
            }
        }
        self.now().checkpoints(self.run).await
    }

    async fn ask(&self) -> Result<Option<Checkpoints>, Fault> {
        self.ledger.reap(self.run).await?;
        match self.ledger.checkpoints(self.run).await {
            Err(fault) if fault.code() == Code::Absurd => {
                warn!(run = %self.run, error = %fault, "the ledger is made to forget the run");
                // A memory of another plan is thrown away; events and notes stay.
                self.ledger.open(self.run, 0).await?;
                Ok(None)
            }
            known => known,
        }
    }

    /// See [`Ledger::checkpoints`].
    pub(crate) async fn checkpoints(&mut self) -> Result<Option<Checkpoints>, Fault> {
        match self.now().checkpoints(self.run).await {
            Ok(known) => Ok(known),
            Err(fault) => self.missed(fault).await.map(|()| None),
        }
    }

    /// See [`Ledger::open`].
    pub(crate) async fn open(&mut self, chunks: u32) -> Result<(), Fault> {
        if let Err(fault) = self.now().open(self.run, chunks).await {
            self.missed(fault).await?;
            self.now().open(self.run, chunks).await?;
        }
        Ok(())
    }

    /// See [`Ledger::restore`].
    pub(crate) async fn restore(&mut self, done: &[ChunkId]) -> Result<(), Fault> {
        let restored = self.now().restore(self.run, done).await;
        self.or_missed(restored).await
    }

    /// See [`Ledger::release`].
    pub(crate) async fn release(&mut self, chunks: &[ChunkId]) -> Result<(), Fault> {
        let released = self.now().release(self.run, chunks).await;
        self.or_missed(released).await
    }

    /// See [`Ledger::record`].
    pub(crate) async fn record(
        &mut self,
        chunk: ChunkId,
        event: chunk::Event,
    ) -> Result<(), Fault> {
        let recorded = self.now().record(self.run, chunk, event).await;
        self.or_missed(recorded.map(drop)).await
    }

    /// Publishes a fact; a ledger that is away is not told.
    pub(crate) async fn publish(&self, fact: Fact) -> Result<(), Fault> {
        if self.is_away() {
            return Ok(());
        }
        match self.ledger.publish(self.run, fact).await {
            Err(fault) if self.stand_in.is_none() => Err(fault),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn now(&self) -> &dyn Ledger {
        match &self.stand_in {
            Some(stand_in) if self.is_away() => stand_in,
            Some(_) | None => self.ledger.as_ref(),
        }
    }

    /// What was not done is done after the receipts were asked: the stand-in begins empty.
    async fn or_missed(&mut self, done: Result<(), Fault>) -> Result<(), Fault> {
        match done {
            Ok(()) => Ok(()),
            Err(fault) => self.missed(fault).await,
        }
    }

    /// The ledger failed: from now on the stand-in answers, if there is one.
    async fn missed(&mut self, fault: Fault) -> Result<(), Fault> {
        let Some(stand_in) = &self.stand_in else { return Err(fault) };
        if self.away.replace(Instant::now() + ALONE_FOR).is_none() {
            warn!(run = %self.run, error = %fault, "the ledger is away; going on by receipts alone");
            stand_in.forget(self.run).await?;
        }
        Ok(())
    }
}
