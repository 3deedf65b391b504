//! The bookkeeping of a target that fails as told.

use std::collections::BTreeMap;

use async_trait::async_trait;
use protocol::clock::Instant;
use protocol::fault::Fault;
use protocol::history::Entry;
use protocol::id::{ChunkId, RunId, WorkerId};
use protocol::plan::Plan;
use protocol::receipt::{Receipt, Reject};
use protocol::run::{self, Record, Steering};

use super::{Op, Script};
use crate::{Home, Revision};

pub(super) struct FaultyHome {
    pub(super) inner: Box<dyn Home>,
    pub(super) script: Script,
}

#[async_trait]
impl Home for FaultyHome {
    async fn install(&mut self) -> Result<(), Fault> {
        self.script.around(Op::Install, self.inner.install()).await
    }

    async fn store(&mut self, record: &Record, plan: &Plan) -> Result<(), Fault> {
        self.script.around(Op::Store, self.inner.store(record, plan)).await
    }

    async fn runs(&mut self) -> Result<Vec<Record>, Fault> {
        self.script.around(Op::Runs, self.inner.runs()).await
    }

    async fn run(&mut self, run: RunId) -> Result<Record, Fault> {
        self.script.around(Op::Run, self.inner.run(run)).await
    }

    async fn plan(&mut self, run: RunId) -> Result<Plan, Fault> {
        self.script.around(Op::Plan, self.inner.plan(run)).await
    }

    async fn lead(&mut self, run: RunId, after: Option<u64>) -> Result<u64, Fault> {
        self.script.around(Op::Lead, self.inner.lead(run, after)).await
    }

    async fn beat(&mut self, run: RunId, epoch: u64) -> Result<Record, Fault> {
        self.inner.beat(run, epoch).await
    }

    async fn steer(&mut self, run: RunId, steering: &Steering) -> Result<(), Fault> {
        self.inner.steer(run, steering).await
    }

    async fn note_held(&mut self, run: RunId, epoch: u64, held: &str) -> Result<(), Fault> {
        self.inner.note_held(run, epoch, held).await
    }

    async fn rejected(&mut self, run: RunId) -> Result<BTreeMap<ChunkId, u64>, Fault> {
        self.inner.rejected(run).await
    }

    async fn epoch(&mut self, run: RunId) -> Result<u64, Fault> {
        self.script.around(Op::Epoch, self.inner.epoch(run)).await
    }

    async fn done(&mut self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        self.script.around(Op::Done, self.inner.done(run)).await
    }

    async fn done_of(&mut self, run: RunId, chunks: &[ChunkId]) -> Result<Vec<ChunkId>, Fault> {
        self.script.around(Op::Done, self.inner.done_of(run, chunks)).await
    }

    async fn receipts(&mut self, run: RunId) -> Result<Vec<Receipt>, Fault> {
        self.script.around(Op::Receipts, self.inner.receipts(run)).await
    }

    async fn rejects(&mut self, run: RunId, limit: u64) -> Result<Vec<Reject>, Fault> {
        self.script.around(Op::Rejects, self.inner.rejects(run, limit)).await
    }

    async fn rejects_of(
        &mut self,
        run: RunId,
        from: ChunkId,
        upto: ChunkId,
    ) -> Result<Vec<Reject>, Fault> {
        self.script.around(Op::Rejects, self.inner.rejects_of(run, from, upto)).await
    }

    async fn keep_sample(&mut self, run: RunId, sample: &[Reject]) -> Result<(), Fault> {
        self.script.around(Op::KeepSample, self.inner.keep_sample(run, sample)).await
    }

    async fn samples(&mut self, run: RunId) -> Result<Vec<Reject>, Fault> {
        self.script.around(Op::Samples, self.inner.samples(run)).await
    }

    async fn change(
        &mut self,
        run: RunId,
        event: run::Event,
        now: Instant,
    ) -> Result<run::State, Fault> {
        self.script.around(Op::Change, self.inner.change(run, event, now)).await
    }

    async fn note_source(
        &mut self,
        run: RunId,
        counters: &str,
        drifted: bool,
    ) -> Result<(), Fault> {
        self.script.around(Op::NoteSource, self.inner.note_source(run, counters, drifted)).await
    }

    async fn crew(&mut self, run: RunId, worker: &WorkerId, slots: u32) -> Result<u64, Fault> {
        self.inner.crew(run, worker, slots).await
    }

    async fn revise(&mut self, run: RunId, revision: &Revision) -> Result<run::State, Fault> {
        self.inner.revise(run, revision).await
    }

    async fn resolved(&mut self, run: RunId, limit: u64) -> Result<Vec<Reject>, Fault> {
        self.inner.resolved(run, limit).await
    }

    async fn begun(&mut self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        self.inner.begun(run).await
    }

    async fn undo(
        &mut self,
        run: RunId,
        statements: &[String],
        entry: &Entry,
    ) -> Result<run::State, Fault> {
        self.inner.undo(run, statements, entry).await
    }

    async fn note(&mut self, run: RunId, entry: &Entry) -> Result<(), Fault> {
        self.inner.note(run, entry).await
    }

    async fn history(&mut self, run: RunId) -> Result<Vec<Entry>, Fault> {
        self.inner.history(run).await
    }

    async fn forget(&mut self, run: RunId) -> Result<(), Fault> {
        self.script.around(Op::Forget, self.inner.forget(run)).await
    }
}
