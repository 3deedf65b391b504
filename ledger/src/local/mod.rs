//! The ledger of one machine: the memory of this process, written down in one SQLite file.
//!
//! # Promises
//! 1. A change is made in memory and written shortly afterwards, so recording a chunk does not
//!    wait for a disk. What was written survives the process.
//! 2. Other processes of the machine can read the file while the run goes on. A run that this
//!    process did not open is read from the file each time.
//! 3. The file may be deleted at any time. A running process begins a new one with all it knows
//!    but the events; the next process finds nothing, and rebuilds from the target.
//!
//! # Not promised
//! Presences, rates and permits beyond this process: a fleet has another ledger.
//! The last moments before a crash or a power cut. Nor that two processes which open one run see
//! each other's claims: they do not need to, since receipts decide.

mod file;
mod store;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protocol::chunk;
use protocol::clock::Clock;
use protocol::event::{Event, Fact};
use protocol::fault::{Code, Fault};
use protocol::id::{AttemptId, ChunkId, RunId, WorkerId};
use protocol::presence::Presence;
use tokio::sync::broadcast;

use crate::gap::Kept;
use crate::memory::Memory;
use crate::{Checkpoints, Claim, EVENTS_MAX, Hold, Ledger};

use file::File;

/// The ledger of one machine, in one file. Dropping it writes down what is left, and waits for it.
pub struct Local {
    memory: Memory,
    file: File,
}

impl Local {
    /// Opens the ledger in a folder, and makes both where they are missing.
    ///
    /// # Errors
    /// `Code::LedgerUnusable` when the file is damaged, of a newer format, not a ledger, or cannot
    /// be made or opened. The advice says whether it can be deleted.
    pub async fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        Self::open_with(folder, clock, EVENTS_MAX).await
    }

    async fn open_with(
        folder: &Path,
        clock: Arc<dyn Clock>,
        events_max: usize,
    ) -> Result<Self, Fault> {
        std::fs::create_dir_all(folder).map_err(|e| {
            Fault::new(Code::LedgerUnusable, folder.display().to_string())
                .saying("the folder cannot be made")
                .next("Name a folder that can be written with `--state`.")
                .because(e)
        })?;
        let memory = Memory::with_events(clock, events_max);
        let file = File::open(Self::file_in(folder), memory.clone(), events_max).await?;
        Ok(Self { memory, file })
    }

    /// Where the ledger of a folder lies, whether or not it is there yet.
    pub fn file_in(folder: &Path) -> PathBuf {
        folder.join("ledger.db")
    }

    /// Waits until all that was said so far is in the file.
    ///
    /// # Errors
    /// `Code::LedgerUnusable` when it could not be written. It stays in memory and is tried again.
    pub async fn flush(&self) -> Result<(), Fault> {
        self.file.ask(|_| Ok(())).await
    }

    /// Passes an answer on, and has the file hear what changed.
    fn told<T>(&self, answer: T) -> T {
        self.file.tell();
        answer
    }
}

#[async_trait]
impl Ledger for Local {
    async fn open(&self, run: RunId, chunks: u32) -> Result<bool, Fault> {
        if self.memory.knows(run, chunks) {
            return Ok(false);
        }
        let recall =
            move |store: &mut store::Store| Ok((store.chunks(run)?, store.last_event(run)?));
        let (recalled, last) = self.file.ask(recall).await?;
        self.memory.count_events(run, last);
        match recalled {
            Some(known) if known.count() == chunks as usize => {
                self.memory.adopt(run, known);
                Ok(false)
            }
            Some(_) | None => Ok(self.told(self.memory.open(run, chunks).await?)),
        }
    }

    async fn restore(&self, run: RunId, done: &[ChunkId]) -> Result<(), Fault> {
        self.told(self.memory.restore(run, done).await)
    }

    async fn release(&self, run: RunId, chunks: &[ChunkId]) -> Result<(), Fault> {
        self.told(self.memory.release(run, chunks).await)
    }

    async fn claim(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
        worker: &WorkerId,
        ttl: Duration,
    ) -> Result<Claim, Fault> {
        self.told(self.memory.claim(run, chunk, attempt, worker, ttl).await)
    }

    async fn renew(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
        ttl: Duration,
    ) -> Result<Hold, Fault> {
        self.told(self.memory.renew(run, chunk, attempt, ttl).await)
    }

    async fn record(&self, run: RunId, chunk: ChunkId, event: chunk::Event) -> Result<bool, Fault> {
        self.told(self.memory.record(run, chunk, event).await)
    }

    async fn hand_back(
        &self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
    ) -> Result<bool, Fault> {
        self.told(self.memory.hand_back(run, chunk, attempt).await)
    }

    async fn checkpoints(&self, run: RunId) -> Result<Option<Checkpoints>, Fault> {
        if let Some(checkpoints) = self.memory.checkpoints(run).await? {
            return Ok(Some(checkpoints));
        }
        let chunks = self.file.ask(move |store| store.chunks(run)).await?;
        Ok(chunks.map(|chunks| chunks.checkpoints()))
    }

    async fn reap(&self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        self.told(self.memory.reap(run).await)
    }

    async fn lapse_all(&self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        self.told(self.memory.lapse_all(run).await)
    }

    async fn publish(&self, run: RunId, fact: Fact) -> Result<u64, Fault> {
        if !self.memory.counts_events(run) {
            let last = self.file.ask(move |store| store.last_event(run)).await?;
            self.memory.count_events(run, last);
        }
        self.told(self.memory.publish(run, fact).await)
    }

    async fn events(&self, run: RunId, after: u64, limit: usize) -> Result<Vec<Event>, Fault> {
        // Movements take numbers and are not in the file.
        let (last, now) = (self.memory.last_event(run), self.memory.now());
        let read = move |store: &mut store::Store| {
            let kept = store.kept(run)?;
            let kept = Kept { last: kept.last.max(last), ..kept };
            let (gap, after) = kept.find(run, after, now);
            let left = store.events(run, after, limit.saturating_sub(gap.iter().len()))?;
            Ok(gap.into_iter().chain(left).take(limit).collect())
        };
        self.file.ask(read).await
    }

    fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.memory.subscribe()
    }

    async fn wait(&self, run: RunId, at_most: Duration) {
        self.memory.wait(run, at_most).await;
    }

    async fn note(&self, run: RunId, key: &str, value: &str) -> Result<(), Fault> {
        self.told(self.memory.note(run, key, value).await)
    }

    async fn notes(&self, run: RunId) -> Result<BTreeMap<String, String>, Fault> {
        self.file.ask(move |store| store.notes(run)).await
    }

    async fn runs(&self) -> Result<Vec<RunId>, Fault> {
        self.file.ask(|store| store.runs()).await
    }

    async fn forget(&self, run: RunId) -> Result<(), Fault> {
        self.memory.forget(run).await?;
        self.file.forget(run).await
    }

    async fn present(&self, presence: &Presence, ttl: Duration) -> Result<(), Fault> {
        self.memory.present(presence, ttl).await
    }

    async fn leave(&self, who: &WorkerId) -> Result<(), Fault> {
        self.memory.leave(who).await
    }

    async fn presences(&self) -> Result<Vec<Presence>, Fault> {
        self.memory.presences().await
    }

    async fn admit(&self, bucket: &str, per_second: u64, amount: u64) -> Result<Duration, Fault> {
        self.memory.admit(bucket, per_second, amount).await
    }

    async fn enter(
        &self,
        place: &str,
        max: u32,
        holder: &str,
        ttl: Duration,
    ) -> Result<bool, Fault> {
        self.memory.enter(place, max, holder, ttl).await
    }

    async fn depart(&self, place: &str, holder: &str) -> Result<(), Fault> {
        self.memory.depart(place, holder).await
    }

    async fn trouble(&self) -> Option<String> {
        self.memory.trouble().await
    }
}
