//! Endpoints that fail as told, for tests.
//!
//! [`FaultySource`] and [`FaultyTarget`] stand in front of any endpoint and pass everything on,
//! until a [`Script`] says otherwise. A script holds a queue of moods for each [`Op`]; each
//! call takes the next one, and where there is none, the call goes through.
//!
//! # Promises
//! 1. *Refuse*: the operation is not done. *Do then fail*: it is done, and the caller hears of a
//!    fault: the lost answer. *Hold*: it is not done until the test says so.
//! 2. A call takes at most one mood, and moods are taken in the order in which they were given,
//!    over all sessions of the endpoint.
//!
//! # Not promised
//! That a session is closed after a fault; as with any session, whoever hears of one drops it.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use protocol::batch::Batch;
use protocol::clock::Instant;
use protocol::fault::{Code, Fault};
use protocol::id::{AttemptId, ChunkId, RunId};
use protocol::mapping::Consistency;
use protocol::plan::{Bound, Chunk, Entity, Plan, Step};
use protocol::receipt::{Receipt, Reject};
use protocol::run::{self, Record, Steering};
use protocol::schema::{Catalogue, Column, Logical, Table, TableName};
use tokio::sync::Notify;

use crate::{
    Begun, Capabilities, CoarseKey, Coincidence, Cut, Design, Home, KeyTexts, Read, Rows, Session,
    Source, Target, Wanted, Write,
};

/// What can fail: the methods of the seam, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the method of that name")]
pub enum Op {
    Identity,
    Catalogue,
    Hold,
    Counters,
    Cut,
    Read,
    /// [`Rows::next`], of a read or of a reading back.
    Next,
    HoldsRows,
    ReadBack,
    Home,
    Session,
    Install,
    Store,
    Runs,
    Run,
    Plan,
    Lead,
    Epoch,
    Done,
    Receipts,
    Rejects,
    KeepSample,
    Samples,
    Change,
    NoteSource,
    Forget,
    Begin,
    Start,
    Write,
    Finish,
    Savepoint,
    RollbackTo,
    Release,
    Execute,
    Reject,
    RejectedBy,
    Complete,
    Commit,
    Rollback,
}

/// How a call goes wrong.
#[derive(Debug)]
enum Mood {
    Pass,
    Refuse(Code),
    DoThenFail(Code),
    Hold(Arc<Turnstile>),
}

#[derive(Debug, Default)]
struct Turnstile {
    arrived: Notify,
    released: Notify,
}

/// What is to go wrong. Clones share one script.
#[derive(Debug, Clone, Default)]
pub struct Script {
    moods: Arc<Mutex<BTreeMap<Op, VecDeque<Mood>>>>,
}

/// A call that waits, or will. Dropping it lets the call go on.
#[derive(Debug)]
#[must_use = "dropping it releases the call"]
pub struct Held(Arc<Turnstile>);

impl Held {
    /// Waits until the call is there. Once.
    pub async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// Lets the call go on.
    pub fn release(self) {}
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.released.notify_one();
    }
}

impl Script {
    /// A call goes through. For "not this one, but the next".
    pub fn pass(&self, op: Op) -> &Self {
        self.push(op, Mood::Pass)
    }

    /// A call is refused with this code, and not done.
    pub fn refuse(&self, op: Op, code: Code) -> &Self {
        self.push(op, Mood::Refuse(code))
    }

    /// A call is done, and its answer lost: the caller hears of this code. Where the call itself
    /// meets a fault, that one is told.
    pub fn do_then_fail(&self, op: Op, code: Code) -> &Self {
        self.push(op, Mood::DoThenFail(code))
    }

    /// A call waits, undone, until it is released.
    pub fn hold(&self, op: Op) -> Held {
        let turnstile = Arc::<Turnstile>::default();
        self.push(op, Mood::Hold(Arc::clone(&turnstile)));
        Held(turnstile)
    }

    /// Whether everything that was to go wrong did.
    pub fn is_over(&self) -> bool {
        let moods = self.moods.lock().expect("nothing panics while it is held");
        moods.values().all(VecDeque::is_empty)
    }

    fn push(&self, op: Op, mood: Mood) -> &Self {
        let mut moods = self.moods.lock().expect("nothing panics while it is held");
        moods.entry(op).or_default().push_back(mood);
        drop(moods);
        self
    }

    fn take(&self, op: Op) -> Mood {
        let mut moods = self.moods.lock().expect("nothing panics while it is held");
        moods.get_mut(&op).and_then(VecDeque::pop_front).unwrap_or(Mood::Pass)
    }

    async fn around<T>(
        &self,
        op: Op,
        act: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let scripted = |code| Fault::new(code, "a scripted fault").saying(format!("{op:?}"));
        match self.take(op) {
            Mood::Pass => act.await,
            Mood::Refuse(code) => Err(scripted(code)),
            Mood::DoThenFail(code) => {
                act.await?;
                Err(scripted(code))
            }
            Mood::Hold(turnstile) => {
                turnstile.arrived.notify_one();
                turnstile.released.notified().await;
                act.await
            }
        }
    }
}

/// A source that fails as told.
pub struct FaultySource {
    inner: Arc<dyn Source>,
    script: Script,
}

impl FaultySource {
    /// Stands in front of `inner`.
    pub fn new(inner: Arc<dyn Source>, script: Script) -> Self {
        Self { inner, script }
    }
}

struct FaultyRows {
    inner: Box<dyn Rows>,
    script: Script,
}

#[async_trait]
impl Rows for FaultyRows {
    async fn next(&mut self) -> Result<Option<Batch>, Fault> {
        self.script.around(Op::Next, self.inner.next()).await
    }

    fn read_ahead(&mut self) -> bool {
        self.inner.read_ahead()
    }
}

#[async_trait]
impl Source for FaultySource {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn place(&self) -> &str {
        self.inner.place()
    }

    async fn identity(&self) -> Result<String, Fault> {
        self.script.around(Op::Identity, self.inner.identity()).await
    }

    async fn catalogue(&self) -> Result<Catalogue, Fault> {
        self.script.around(Op::Catalogue, self.inner.catalogue()).await
    }

    async fn hides(&self) -> Result<Option<String>, Fault> {
        self.inner.hides().await
    }

    async fn hold(&self, consistency: Consistency) -> Result<Option<String>, Fault> {
        self.script.around(Op::Hold, self.inner.hold(consistency)).await
    }

    async fn join(&self, held: &str) -> Result<(), Fault> {
        self.inner.join(held).await
    }

    async fn counters(&self, tables: &[TableName]) -> Result<String, Fault> {
        self.script.around(Op::Counters, self.inner.counters(tables)).await
    }

    fn unchanged(&self, then: &str, now: &str) -> bool {
        self.inner.unchanged(then, now)
    }

    async fn cut(&self, cut: &Cut) -> Result<Vec<Bound>, Fault> {
        self.script.around(Op::Cut, self.inner.cut(cut)).await
    }

    async fn read(&self, read: &Read) -> Result<Box<dyn Rows>, Fault> {
        let inner = self.script.around(Op::Read, self.inner.read(read)).await?;
        Ok(Box::new(FaultyRows { inner, script: self.script.clone() }))
    }
}

/// A target that fails as told, with its home and its sessions.
pub struct FaultyTarget {
    inner: Arc<dyn Target>,
    script: Script,
}

impl FaultyTarget {
    /// Stands in front of `inner`.
    pub fn new(inner: Arc<dyn Target>, script: Script) -> Self {
        Self { inner, script }
    }
}

#[async_trait]
impl Target for FaultyTarget {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn place(&self) -> &str {
        self.inner.place()
    }

    async fn identity(&self) -> Result<String, Fault> {
        self.script.around(Op::Identity, self.inner.identity()).await
    }

    async fn catalogue(&self) -> Result<Catalogue, Fault> {
        self.script.around(Op::Catalogue, self.inner.catalogue()).await
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

    fn emptying(&self, tables: &[TableName]) -> Option<Step> {
        self.inner.emptying(tables)
    }

    async fn holds_rows(&self, table: &TableName) -> Result<bool, Fault> {
        self.script.around(Op::HoldsRows, self.inner.holds_rows(table)).await
    }

    async fn coarse_keys(&self, table: &Table) -> Result<Vec<CoarseKey>, Fault> {
        self.inner.coarse_keys(table).await
    }

    async fn coincide(
        &self,
        key: &CoarseKey,
        rows: &[KeyTexts],
    ) -> Result<Vec<Coincidence>, Fault> {
        self.inner.coincide(key, rows).await
    }

    async fn may_write(&self, entities: &[&Entity]) -> Result<(), Fault> {
        self.inner.may_write(entities).await
    }

    async fn end_sessions(&self, label: &str) -> Result<u64, Fault> {
        self.inner.end_sessions(label).await
    }

    async fn read_back(
        &self,
        entity: &Entity,
        index: u32,
        of: u32,
        batch_bytes: usize,
    ) -> Result<Box<dyn Rows>, Fault> {
        let read = self.inner.read_back(entity, index, of, batch_bytes);
        let inner = self.script.around(Op::ReadBack, read).await?;
        Ok(Box::new(FaultyRows { inner, script: self.script.clone() }))
    }

    async fn home(&self) -> Result<Box<dyn Home>, Fault> {
        let inner = self.script.around(Op::Home, self.inner.home()).await?;
        Ok(Box::new(FaultyHome { inner, script: self.script.clone() }))
    }

    async fn session(&self, label: &str) -> Result<Box<dyn Session>, Fault> {
        let inner = self.script.around(Op::Session, self.inner.session(label)).await?;
        Ok(Box::new(FaultySession { inner, script: self.script.clone() }))
    }
}

struct FaultyHome {
    inner: Box<dyn Home>,
    script: Script,
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

    async fn forget(&mut self, run: RunId) -> Result<(), Fault> {
        self.script.around(Op::Forget, self.inner.forget(run)).await
    }
}

struct FaultySession {
    inner: Box<dyn Session>,
    script: Script,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;

    fn target(script: &Script) -> FaultyTarget {
        FaultyTarget::new(Arc::new(Memory::new("faulty")), script.clone())
    }

    #[tokio::test]
    async fn moods_come_in_order_and_then_calls_go_through() {
        let script = Script::default();
        script.refuse(Op::Identity, Code::Unreachable).pass(Op::Identity);
        script.do_then_fail(Op::Identity, Code::Busy);
        let target = target(&script);
        assert_eq!(target.identity().await.unwrap_err().code(), Code::Unreachable);
        assert!(target.identity().await.is_ok());
        assert_eq!(target.identity().await.unwrap_err().code(), Code::Busy);
        assert!(target.identity().await.is_ok());
        assert!(script.is_over());
    }

    #[tokio::test]
    async fn a_lost_answer_is_of_something_done_and_a_refusal_of_nothing() {
        let script = Script::default();
        script.refuse(Op::Install, Code::Unreachable).do_then_fail(Op::Install, Code::Unreachable);
        let memory = Memory::new("faulty");
        let target = FaultyTarget::new(Arc::new(memory.clone()), script);
        let run = RunId(uuid::Uuid::nil());
        let mut home = target.home().await.unwrap();
        home.install().await.unwrap_err();
        assert!(!memory.is_installed());
        home.install().await.unwrap_err();
        assert!(memory.is_installed());
        assert_eq!(home.run(run).await.unwrap_err().code(), Code::RunUnknown);
    }

    #[tokio::test]
    async fn a_held_call_waits_for_its_release() {
        let script = Script::default();
        let held = script.hold(Op::Catalogue);
        let target = target(&script);
        let call = tokio::spawn(async move { Target::catalogue(&target).await.map(drop) });
        held.arrived().await;
        assert!(!call.is_finished());
        held.release();
        call.await.unwrap().unwrap();
    }
}
