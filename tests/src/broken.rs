//! A target that does what most tools do: commit the rows, then record that it did.
//!
//! It exists to show that the harness of deaths can fail. Killed between its two commits, it
//! writes a chunk's rows again on resume; on a table without keys they stand there twice. Steps it
//! does right: a table that is made a second time is refused, and the run would wait for a person
//! before any row was written twice.

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use endpoint::{
    Begun, Capabilities, Design, DesignedStep, Home, Rehearsal, Rows, Session, Target, Undo,
    Wanted, Write,
};
use protocol::batch::Batch;
use protocol::fault::Fault;
use protocol::id::{AttemptId, ChunkId, RunId};
use protocol::plan::{Chunk, Entity, Step, Work};
use protocol::receipt::{Receipt, Reject};
use protocol::schema::{Catalogue, Column, Logical, Table, TableName};

/// Ids of the chunks that the broken variant commits rows under are moved up by so much.
const ELSEWHERE: u32 = 1 << 24;

/// Wraps a target.
pub struct CommitFirst {
    /// The target that does it right.
    pub inner: Arc<dyn Target>,
    /// Called between the two commits.
    pub between: Arc<dyn Fn() + Send + Sync>,
}

struct Twice {
    rows: Box<dyn Session>,
    record: Box<dyn Session>,
    between: Arc<dyn Fn() + Send + Sync>,
    run: Option<RunId>,
    chunk: Option<Chunk>,
    receipt: Option<Receipt>,
}

#[async_trait]
impl Session for Twice {
    async fn begin(
        &mut self,
        run: RunId,
        chunk: &Chunk,
        attempt: AttemptId,
    ) -> Result<Begun, Fault> {
        if matches!(chunk.work, Work::Step(_)) {
            self.chunk = None;
            return self.rows.begin(run, chunk, attempt).await;
        }
        let begun = self.record.begin(run, chunk, attempt).await?;
        if begun != Begun::Open {
            return Ok(begun);
        }
        self.record.rollback().await?;
        self.run = Some(run);
        self.chunk = Some(chunk.clone());
        // Each try under an id of its own: that is what having no receipt comes to.
        let spread = u32::from_be_bytes(attempt.0.as_bytes()[12..].try_into().expect("4 of 16"));
        let id = ChunkId(ELSEWHERE + spread % ELSEWHERE);
        self.rows.begin(run, &Chunk { id, ..chunk.clone() }, attempt).await
    }

    async fn all_done(
        &mut self,
        run: RunId,
        chunks: &[RangeInclusive<ChunkId>],
    ) -> Result<bool, Fault> {
        self.rows.all_done(run, chunks).await
    }

    fn believe(&mut self, fingerprint: &str) {
        self.rows.believe(fingerprint);
        self.record.believe(fingerprint);
    }

    async fn settle(
        &mut self,
        by: ChunkId,
        of: ChunkId,
        resolved: &[String],
        again: &[Reject],
    ) -> Result<(), Fault> {
        self.rows.settle(by, of, resolved, again).await
    }

    async fn start(&mut self, entity: &Entity, write: &Write, now: bool) -> Result<(), Fault> {
        self.rows.start(entity, write, now).await
    }

    async fn write(&mut self, batch: Batch) -> Result<(), Fault> {
        self.rows.write(batch).await
    }

    async fn finish(&mut self) -> Result<u64, Fault> {
        self.rows.finish().await
    }

    async fn savepoint(&mut self) -> Result<(), Fault> {
        self.rows.savepoint().await
    }

    async fn rollback_to(&mut self) -> Result<(), Fault> {
        self.rows.rollback_to().await
    }

    async fn release(&mut self) -> Result<(), Fault> {
        self.rows.release().await
    }

    async fn execute(&mut self, step: &Step) -> Result<(), Fault> {
        self.rows.execute(step).await
    }

    async fn reject(&mut self, rejects: &[Reject]) -> Result<(), Fault> {
        self.rows.reject(rejects).await
    }

    async fn rejected_by(
        &mut self,
        entity: &TableName,
        chunks: RangeInclusive<ChunkId>,
    ) -> Result<u64, Fault> {
        self.rows.rejected_by(entity, chunks).await
    }

    async fn complete(&mut self, receipt: &Receipt) -> Result<(), Fault> {
        if self.chunk.is_none() {
            return self.rows.complete(receipt).await;
        }
        self.receipt = Some(receipt.clone());
        let spread =
            u32::from_be_bytes(receipt.attempt.0.as_bytes()[12..].try_into().expect("4 of 16"));
        let chunk = ChunkId(ELSEWHERE + spread % ELSEWHERE);
        self.rows.complete(&Receipt { chunk, ..receipt.clone() }).await
    }

    async fn commit(&mut self) -> Result<(), Fault> {
        self.rows.commit().await?;
        let Some(chunk) = self.chunk.take() else { return Ok(()) };
        (self.between)();
        let run = self.run.expect("begun");
        let receipt = self.receipt.take().expect("completed");
        self.record.begin(run, &chunk, receipt.attempt).await?;
        self.record.complete(&receipt).await?;
        self.record.commit().await
    }

    async fn rollback(&mut self) -> Result<(), Fault> {
        self.rows.rollback().await
    }
}

#[async_trait]
impl Target for CommitFirst {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn place(&self) -> &str {
        self.inner.place()
    }

    async fn identity(&self) -> Result<String, Fault> {
        self.inner.identity().await
    }

    async fn catalogue(&self) -> Result<Catalogue, Fault> {
        self.inner.catalogue().await
    }

    fn design(&self, wanted: &Wanted) -> Result<Design, Fault> {
        self.inner.design(wanted)
    }

    fn accepts(&self, from: &Logical, column: &Column) -> Option<Logical> {
        self.inner.accepts(from, column)
    }

    fn numbering(&self, table: &Table, columns: &[String]) -> Option<Step> {
        self.inner.numbering(table, columns)
    }

    fn undoing(&self, run: RunId, undo: &Undo) -> Vec<String> {
        self.inner.undoing(run, undo)
    }

    async fn holds_rows(&self, table: &TableName) -> Result<bool, Fault> {
        self.inner.holds_rows(table).await
    }

    async fn count_rows(&self, table: &TableName, at_most: u64) -> Result<u64, Fault> {
        self.inner.count_rows(table, at_most).await
    }

    async fn end_sessions(&self, label: &str) -> Result<u64, Fault> {
        self.inner.end_sessions(label).await
    }

    async fn may_write(&self, entities: &[&Entity]) -> Result<(), Fault> {
        self.inner.may_write(entities).await
    }

    async fn rehearse(&self, steps: &[DesignedStep]) -> Result<Rehearsal, Fault> {
        self.inner.rehearse(steps).await
    }

    async fn read_back(
        &self,
        entity: &Entity,
        index: u32,
        of: u32,
        batch_bytes: usize,
    ) -> Result<Box<dyn Rows>, Fault> {
        self.inner.read_back(entity, index, of, batch_bytes).await
    }

    async fn home(&self) -> Result<Box<dyn Home>, Fault> {
        self.inner.home().await
    }

    async fn session(&self, label: &str) -> Result<Box<dyn Session>, Fault> {
        Ok(Box::new(Twice {
            rows: self.inner.session(label).await?,
            record: self.inner.session(label).await?,
            between: self.between.clone(),
            run: None,
            chunk: None,
            receipt: None,
        }))
    }
}
