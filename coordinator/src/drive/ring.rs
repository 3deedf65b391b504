//! Ringing for chunks, several at a time: a broker that writes each task to its disk before it
//! confirms it would otherwise hold up the look.

use std::time::Duration;

use broker::Task;
use futures_util::StreamExt as _;
use protocol::clock::Instant;
use protocol::fault::Fault;
use protocol::id::ChunkId;

use super::{Drive, Parts};
use crate::next::Rung;
use crate::point::Point;

/// Tasks that wait for their confirmation at once.
const AT_ONCE: usize = 32;

impl Drive {
    /// Rings for chunks, in this order. What was rung for before is rung for again only if the broker
    /// is well: a queue that stands still has lost nothing.
    ///
    /// # Errors
    /// The first of the broker's; those that it did take count as rung for.
    pub(super) async fn ring(
        &mut self,
        parts: &Parts,
        mut chunks: Vec<ChunkId>,
        now: Instant,
    ) -> Result<(), Fault> {
        let again = |chunk: &ChunkId| self.rung.contains_key(chunk);
        if chunks.iter().any(again) && parts.broker.trouble().await.is_some() {
            chunks.retain(|chunk| !again(chunk));
        }
        let began = tokio::time::Instant::now();
        let tasks: Vec<Task> = chunks.iter().map(|chunk| self.task(parts, *chunk, now)).collect();
        let publish = async |task: Task| (task.chunk, parts.broker.publish(task).await);
        let mut published = futures_util::stream::iter(tasks).map(publish).buffered(AT_ONCE);
        let mut failed = Ok(());
        while let Some((chunk, done)) = published.next().await {
            if let Err(fault) = done {
                failed = failed.and(Err(fault));
                continue;
            }
            let rung = Rung::again(self.rung.get(&chunk), now);
            self.rung.insert(chunk, rung);
            (parts.probe)(Point::Rung);
        }
        self.ringing += began.elapsed();
        failed
    }

    fn task(&self, parts: &Parts, chunk: ChunkId, now: Instant) -> Task {
        let usual = Task::new(parts.run, chunk, self.epoch);
        let task = self.fleet.as_ref().map_or(usual, |f| f.task(parts, chunk, self.epoch));
        // One whose worker died has waited already, and goes before those that wait ahead of the slots.
        let sooner = u8::from(self.tried.contains(&chunk));
        let priority = (task.priority + sooner).min(Task::PRIORITY_MAX);
        Task { rung: Some(now), priority, ..task }
    }

    /// How long it rang since this was last asked.
    pub(super) fn take_ringing(&mut self) -> Duration {
        std::mem::take(&mut self.ringing)
    }
}
