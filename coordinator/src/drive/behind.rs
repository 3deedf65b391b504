//! What is remembered is behind: the ledger forgot, was away, or is. Then the receipts tell.

use std::time::Duration;

use endpoint::Home;
use protocol::fault::Fault;
use protocol::id::ChunkId;
use tokio::time::Instant;

use super::begin::take_receipts;
use super::{Drive, LOOK_EVERY, Parts};
use crate::next::Rung;

/// The receipts of a large plan take a while to read; with the ledger away, no more of the time than
/// one part in so many is spent on it.
const READ_SHARE: u32 = 10;

/// With the ledger away all receipts are read so seldom: what was rung for is asked after by itself.
const READ_EVERY: Duration = Duration::from_secs(5);

/// With the ledger away nobody tells that a chunk is done, so that is asked so often.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A chunk that was seen to be at work is looked at again after so long.
const AT_WORK_MS: u64 = 2_000;

/// After the ledger forgot, those at work on chunks have so long to say so again before others are
/// rung for.
const CLAIM_AGAIN_MS: u64 = 2_000;

impl Drive {
    /// Tells a ledger that forgot, or that believes too much, what the receipts say. True when it
    /// believed too much.
    pub(super) async fn rebuild(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
    ) -> Result<bool, Fault> {
        let began = Instant::now();
        let (_, ahead) = take_receipts(parts, &mut self.recall, home).await?;
        if ahead {
            self.rung.clear();
        }
        self.read_again = Instant::now() + (began.elapsed() * READ_SHARE).max(READ_EVERY);
        Ok(ahead)
    }

    /// Tells a ledger that forgot. Whoever is at work goes on, and has time to claim again before
    /// somebody else is rung for.
    pub(super) async fn after_forgetting(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
    ) -> Result<(), Fault> {
        self.rebuild(parts, home).await?;
        let now = parts.clock.now();
        for chunk in std::mem::take(&mut self.claimed) {
            self.rung.entry(chunk).or_insert(Rung::for_millis(CLAIM_AGAIN_MS, now));
        }
        Ok(())
    }

    /// Brings what is remembered up to the receipts, where it may be behind them. True when it was
    /// changed.
    pub(super) async fn catch_up(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
    ) -> Result<bool, Fault> {
        let returned = self.recall.take_returned();
        if returned || (self.recall.is_away() && Instant::now() >= self.read_again) {
            self.rebuild(parts, home).await?;
            return Ok(true);
        }
        if !self.recall.is_away() || self.rung.is_empty() {
            return Ok(false);
        }
        // Few, whatever the plan's size: no more than may be outstanding.
        let rung: Vec<ChunkId> = self.rung.keys().copied().collect();
        let done = home.done_of(parts.run, &rung).await?;
        if !done.is_empty() {
            self.recall.restore(&done).await?;
        }
        Ok(!done.is_empty())
    }

    /// With the ledger away nobody says who is at work. A chunk that was rung for long ago may be a slow
    /// one; so the target is asked whose session is in the middle of it, and those are not rung for
    /// again: whoever took such a task would only wait for the receipt of the first.
    pub(super) async fn spare_those_at_work(&mut self, parts: &Parts) {
        let now = parts.clock.now();
        let late = self.rung.iter().filter(|(_, rung)| rung.until <= now);
        let late: Vec<ChunkId> = late.map(|(chunk, _)| *chunk).collect();
        if late.is_empty() || !self.recall.is_away() {
            return;
        }
        // A target that does not say is asked again when they are late again.
        let busy = parts.target.at_work(parts.run, &late).await.unwrap_or_default();
        for chunk in busy {
            if let Some(rung) = self.rung.get_mut(&chunk) {
                rung.until = now.plus_millis(AT_WORK_MS);
            }
        }
    }

    /// How long to wait for news at most.
    pub(super) fn look_every(&self) -> Duration {
        let asks = self.recall.is_away() && !self.rung.is_empty();
        if asks { ASK_EVERY } else { LOOK_EVERY }
    }
}
