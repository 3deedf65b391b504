//! A session of a target that fails as told.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use protocol::batch::Batch;
use protocol::fault::Fault;
use protocol::id::{AttemptId, ChunkId, RunId};
use protocol::plan::{Chunk, Entity, Step};
use protocol::receipt::{Receipt, Reject};
use protocol::schema::TableName;

use super::{Op, Script};
use crate::{Begun, Session, Write};

pub(super) struct FaultySession {
    pub(super) inner: Box<dyn Session>,
    pub(super) script: Script,
}

#[async_trait]
impl Session for FaultySession {
    async fn begin(
        &mut self,
        run: RunId,
        chunk: &Chunk,
        attempt: AttemptId,
    ) -> Result<Begun, Fault> {
        self.script.around(Op::Begin, self.inner.begin(run, chunk, attempt)).await
    }

    async fn all_done(
        &mut self,
        run: RunId,
        chunks: &[RangeInclusive<ChunkId>],
    ) -> Result<bool, Fault> {
        self.inner.all_done(run, chunks).await
    }

    fn believe(&mut self, fingerprint: &str) {
        self.inner.believe(fingerprint);
    }

    async fn settle(
        &mut self,
        by: ChunkId,
        of: ChunkId,
        resolved: &[String],
        again: &[Reject],
    ) -> Result<(), Fault> {
        self.inner.settle(by, of, resolved, again).await
    }

    async fn start(
        &mut self,
        entity: &Entity,
        write: &Write,
        immediate: bool,
    ) -> Result<(), Fault> {
        self.script.around(Op::Start, self.inner.start(entity, write, immediate)).await
    }

    async fn write(&mut self, batch: Batch) -> Result<(), Fault> {
        self.script.around(Op::Write, self.inner.write(batch)).await
    }

    async fn finish(&mut self) -> Result<u64, Fault> {
        self.script.around(Op::Finish, self.inner.finish()).await
    }

    async fn savepoint(&mut self) -> Result<(), Fault> {
        self.script.around(Op::Savepoint, self.inner.savepoint()).await
    }

    async fn rollback_to(&mut self) -> Result<(), Fault> {
        self.script.around(Op::RollbackTo, self.inner.rollback_to()).await
    }

    async fn release(&mut self) -> Result<(), Fault> {
        self.script.around(Op::Release, self.inner.release()).await
    }

    async fn execute(&mut self, step: &Step) -> Result<(), Fault> {
        self.script.around(Op::Execute, self.inner.execute(step)).await
    }

    async fn reject(&mut self, rejects: &[Reject]) -> Result<(), Fault> {
        self.script.around(Op::Reject, self.inner.reject(rejects)).await
    }

    async fn rejected_by(
        &mut self,
        entity: &TableName,
        chunks: RangeInclusive<ChunkId>,
    ) -> Result<u64, Fault> {
        self.script.around(Op::RejectedBy, self.inner.rejected_by(entity, chunks)).await
    }

    async fn complete(&mut self, receipt: &Receipt) -> Result<(), Fault> {
        self.script.around(Op::Complete, self.inner.complete(receipt)).await
    }

    async fn commit(&mut self) -> Result<(), Fault> {
        self.script.around(Op::Commit, self.inner.commit()).await
    }

    async fn rollback(&mut self) -> Result<(), Fault> {
        self.script.around(Op::Rollback, self.inner.rollback()).await
    }
}
