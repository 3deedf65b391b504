//! One connection that makes chunks true.
//!
//! The transaction is READ COMMITTED, so that state and owner, read behind the gate, are those of
//! now. Statements that change the catalogue commit by themselves, and so a step goes another way
//! than rows do: under a session lock, each statement noted before it is run, and with its receipt
//! written after the last, behind the gate. A step that died on its way finds what it had noted, and
//! takes what stands there for done.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use protocol::batch::Batch;
use protocol::fault::{Code, Fault};
use protocol::id::{AttemptId, ChunkId, RunId};
use protocol::plan::{Chunk, Entity, Step, StepKind, Work};
use protocol::receipt::{Receipt, Reject};
use protocol::schema::TableName;

use super::connect::{Link, lock_name};
use super::faults;
use super::sql::{Bookkeeping, DIALECT};
use super::way::Way;
use crate::sql::control::{Param, Sql as _, chunk as receipts};
use crate::sql::links;
use crate::{Begun, Session, Write};

/// Seconds that another attempt at the same step is waited for.
const STEP_WAIT: u32 = 15;

/// A session for chunk transactions.
pub(super) struct Writer {
    books: Bookkeeping,
    /// The chunk that is being made true.
    open: Option<Open>,
    /// The way for rows that is open.
    way: Option<Way>,
    seen: receipts::Seen,
    /// The plan that its chunks are of, by fingerprint.
    believed: Option<String>,
}

struct Open {
    run: RunId,
    chunk: ChunkId,
    /// The session lock of a step, as a literal, and the attempt that its receipt will name.
    step: Option<(String, AttemptId)>,
    /// Its receipt was completed, and nothing was done since.
    complete: bool,
}

impl Writer {
    pub(super) fn new(link: Link) -> Self {
        let seen = receipts::Seen::default();
        let believed = None;
        Self { books: Bookkeeping(link), open: None, way: None, seen, believed }
    }

    fn link(&mut self) -> &mut Link {
        &mut self.books.0
    }

    fn out_of_turn(&self, what: &str) -> Fault {
        faults::unexpected(self.books.0.place(), &format!("{what} was called out of turn"))
    }

    async fn begin_copy(
        &mut self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
    ) -> Result<Begun, Fault> {
        self.link().run(DIALECT.begin).await?;
        self.open = Some(Open { run, chunk, step: None, complete: false });
        receipts::enter(&mut self.books, &DIALECT, run).await?;
        if !receipts::admits(&mut self.books, &DIALECT, run, self.believed.as_deref()).await? {
            self.undo().await?;
            return Ok(Begun::Fenced);
        }
        if receipts::open_receipt(&mut self.books, &DIALECT, run, chunk, attempt).await? {
            return Ok(Begun::Open);
        }
        self.undo().await?;
        self.decided(run, chunk).await?.ok_or_else(|| {
            Fault::new(Code::NotMine, self.books.0.place()).saying("its receipt came and went")
        })
    }

    /// The gate is not taken here: a step may take hours, and whoever pauses or cancels the run would
    /// wait for all of them. Its session lock keeps other attempts away.
    async fn begin_step(
        &mut self,
        run: RunId,
        chunk: ChunkId,
        attempt: AttemptId,
    ) -> Result<Begun, Fault> {
        let lock = lock_name(&format!("longhaul:{run}:{chunk}"));
        let got = self.link().one(&format!("SELECT GET_LOCK({lock}, {STEP_WAIT})")).await?;
        if got.as_deref() != Some("1") {
            return Err(Fault::new(Code::Busy, self.books.0.place())
                .saying("another attempt at the step is in flight"));
        }
        self.open = Some(Open { run, chunk, step: Some((lock, attempt)), complete: false });
        let begun = match receipts::admits(&mut self.books, &DIALECT, run, self.believed.as_deref())
            .await?
        {
            true => self.decided(run, chunk).await?.unwrap_or(Begun::Open),
            false => Begun::Fenced,
        };
        if begun != Begun::Open {
            self.undo().await?;
        }
        Ok(begun)
    }

    async fn decided(&mut self, run: RunId, chunk: ChunkId) -> Result<Option<Begun>, Fault> {
        let receipt = receipts::receipt(&mut self.books, &DIALECT, run, chunk).await?;
        Ok(receipt.map(|receipt| Begun::Decided(Box::new(receipt))))
    }

    /// Counts what stands in the way of a step.
    async fn count(&mut self, query: &str) -> Option<u64> {
        let counted = self.link().one(query);
        let counted = tokio::time::timeout(links::COUNT_WITHIN, counted).await.ok()?.ok()?;
        counted?.parse().ok()
    }

    /// Ends the transaction without keeping anything of it.
    async fn undo(&mut self) -> Result<(), Fault> {
        self.way = None;
        let step = self.open.take().and_then(|open| open.step);
        self.link().run("ROLLBACK").await?;
        self.unlock(step).await
    }

    async fn unlock(&mut self, step: Option<(String, AttemptId)>) -> Result<(), Fault> {
        match step {
            Some((lock, _)) => {
                self.link().one(&format!("SELECT RELEASE_LOCK({lock})")).await.map(drop)
            }
            None => Ok(()),
        }
    }

    /// Runs one statement of a step, unless it was run before. It was noted before, so what stands
    /// there under its name was made by it: the server makes such an object whole or not at all.
    async fn run_noted(&mut self, at: usize, statement: &str) -> Result<(), Fault> {
        let Some(open) = &self.open else { return Err(self.out_of_turn("execute")) };
        let insert = "INSERT INTO longhaul_step (run, chunk, statement) VALUES ($1, $2, $3)";
        let params = [
            Param::Text(open.run.to_string()),
            Param::Int(i64::from(open.chunk.0)),
            Param::Int(i64::try_from(at).unwrap_or(i64::MAX)),
        ];
        let new = self.books.insert_new(insert, "run, chunk, statement", &params).await?;
        match self.link().run(statement).await {
            Err(fault) if !new && faults::is_there(&fault) => Ok(()),
            done => {
                if new && done.as_ref().is_err_and(faults::is_there) {
                    // It stood there before, and is not ours to take for done next time.
                    let delete = "DELETE FROM longhaul_step \
                         WHERE run = $1 AND chunk = $2 AND statement = $3";
                    self.books.execute(delete, &params).await?;
                }
                done
            }
        }
    }

    /// The receipt of a step, behind the gate, in a transaction of its own.
    async fn open_step(&mut self, run: RunId, receipt: &Receipt) -> Result<(), Fault> {
        self.link().run(DIALECT.begin).await?;
        receipts::enter(&mut self.books, &DIALECT, run).await?;
        let admitted =
            receipts::admits(&mut self.books, &DIALECT, run, self.believed.as_deref()).await?;
        let Some((_, attempt)) = self.open.as_ref().and_then(|open| open.step.as_ref()) else {
            return Err(self.out_of_turn("complete"));
        };
        let (chunk, attempt) = (receipt.chunk, *attempt);
        if !admitted
            || !receipts::open_receipt(&mut self.books, &DIALECT, run, chunk, attempt).await?
        {
            return Err(Fault::new(Code::NotMine, format!("chunk {chunk}"))
                .saying("the run ended while the step was done"));
        }
        Ok(())
    }
}

#[async_trait]
impl Session for Writer {
    async fn begin(
        &mut self,
        run: RunId,
        chunk: &Chunk,
        attempt: AttemptId,
    ) -> Result<Begun, Fault> {
        match &chunk.work {
            // DELETE is no statement that commits by itself: it stands or falls with its receipt.
            Work::Step(step) if step.kind == StepKind::Empty => {
                self.begin_copy(run, chunk.id, attempt).await
            }
            Work::Step(_) => self.begin_step(run, chunk.id, attempt).await,
            Work::Copy(_) | Work::Link(_) | Work::Verify { .. } => {
                self.begin_copy(run, chunk.id, attempt).await
            }
        }
    }

    async fn all_done(
        &mut self,
        run: RunId,
        chunks: &[RangeInclusive<ChunkId>],
    ) -> Result<bool, Fault> {
        receipts::all_done(&mut self.books, &DIALECT, &mut self.seen, run, chunks).await
    }

    async fn start(
        &mut self,
        entity: &Entity,
        write: &Write,
        immediate: bool,
    ) -> Result<(), Fault> {
        let Some(run) = self.open.as_ref().map(|open| open.run) else {
            return Err(self.out_of_turn("start"));
        };
        if !receipts::owns(&mut self.books, &DIALECT, run, &entity.target).await? {
            return Err(Fault::new(Code::TargetOwned, entity.target.to_string()));
        }
        self.way = Some(Way::open(&mut self.books.0, entity, write, !immediate).await?);
        Ok(())
    }

    async fn write(&mut self, batch: Batch) -> Result<(), Fault> {
        match &mut self.way {
            Some(way) => way.write(&mut self.books.0, &batch).await,
            None => Err(self.out_of_turn("write")),
        }
    }

    async fn finish(&mut self) -> Result<u64, Fault> {
        match self.way.take() {
            Some(way) => way.finish(&mut self.books.0).await,
            None => Err(self.out_of_turn("finish")),
        }
    }

    async fn savepoint(&mut self) -> Result<(), Fault> {
        self.link().run("SAVEPOINT lh").await
    }

    async fn rollback_to(&mut self) -> Result<(), Fault> {
        self.way = None;
        self.link().run("ROLLBACK TO SAVEPOINT lh").await?;
        self.link().run("RELEASE SAVEPOINT lh").await
    }

    async fn release(&mut self) -> Result<(), Fault> {
        self.link().run("RELEASE SAVEPOINT lh").await
    }

    async fn execute(&mut self, step: &Step) -> Result<(), Fault> {
        if step.kind == StepKind::Empty && self.open.is_some() {
            for statement in &step.statements {
                let done = self.link().run(statement).await;
                done.map_err(|fault| fault.within(&step.what))?;
            }
            return Ok(());
        }
        // In the transaction of a chunk of rows such a statement would commit what is half done.
        if self.open.as_ref().is_none_or(|open| open.step.is_none()) {
            return Err(self.out_of_turn("execute"));
        }
        for (at, statement) in step.statements.iter().enumerate() {
            if let Err(fault) = self.run_noted(at, statement).await {
                return Err(match links::in_the_way(step, &fault) {
                    Some(count) => links::broken(step, &fault, self.count(count).await),
                    None => {
                        let (kind, what) = step.part(at);
                        faults::of_step(fault, kind).within(what)
                    }
                });
            }
        }
        Ok(())
    }

    fn believe(&mut self, fingerprint: &str) {
        self.believed = Some(fingerprint.to_owned());
    }

    async fn settle(
        &mut self,
        by: ChunkId,
        of: ChunkId,
        resolved: &[String],
        again: &[Reject],
    ) -> Result<(), Fault> {
        let Some(run) = self.open.as_ref().map(|open| open.run) else {
            return Err(self.out_of_turn("settle"));
        };
        receipts::settle(&mut self.books, &DIALECT, run, (by, of), resolved, again).await
    }

    async fn reject(&mut self, rejects: &[Reject]) -> Result<(), Fault> {
        match &self.open {
            Some(open) => {
                receipts::insert_rejects(&mut self.books, &DIALECT, open.run, rejects).await
            }
            None => Err(self.out_of_turn("reject")),
        }
    }

    async fn rejected_by(
        &mut self,
        entity: &TableName,
        chunks: RangeInclusive<ChunkId>,
    ) -> Result<u64, Fault> {
        match &self.open {
            Some(open) => {
                receipts::rejected_by(&mut self.books, &DIALECT, open.run, entity, chunks).await
            }
            None => Err(self.out_of_turn("rejected_by")),
        }
    }

    async fn complete(&mut self, receipt: &Receipt) -> Result<(), Fault> {
        let Some(open) = &self.open else { return Err(self.out_of_turn("complete")) };
        let (run, step) = (open.run, open.step.is_some());
        if step && !open.complete {
            self.open_step(run, receipt).await?;
        }
        receipts::complete(&mut self.books, &DIALECT, run, receipt).await?;
        receipts::drop_samples(&mut self.books, &DIALECT, run, receipt.chunk).await?;
        if let Some(open) = &mut self.open {
            open.complete = true;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Fault> {
        if !self.open.as_ref().is_some_and(|open| open.complete) {
            return Err(self.out_of_turn("commit"));
        }
        self.link().run("COMMIT").await?;
        let step = self.open.take().and_then(|open| open.step);
        // It is committed, whatever becomes of the session now.
        let _ = self.unlock(step).await;
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), Fault> {
        self.undo().await
    }
}
