//! One connection that makes chunks true.
//!
//! The transaction is READ COMMITTED, so that state and owner, read behind the gate, are those of
//! now and not of a snapshot taken before. A chunk of rows commits without waiting for the disk:
//! its rows and its receipt are lost together in a crash, and done again.

#[cfg(test)]
mod tests;
mod triggers;
mod way;

use std::ops::RangeInclusive;

use async_trait::async_trait;
use protocol::batch::Batch;
use protocol::fault::{Code, Fault};
use protocol::id::{AttemptId, ChunkId, RunId};
use protocol::plan::{Chunk, Entity, Step, StepKind, Work};
use protocol::receipt::{Receipt, Reject};
use protocol::schema::TableName;

use super::connect::Link;
use super::copy::Understood;
use super::faults;
use super::sql::{DIALECT, Often, Once, Purpose, gate_shared, lock_key};
use crate::sql::control::chunk as receipts;
use crate::sql::links;
use crate::{Begun, Session, Write};
use way::Way;

/// A session for chunk transactions.
pub(super) struct Writer {
    link: Link,
    /// The chunk whose transaction is open.
    open: Option<Open>,
    /// The way for rows that is open.
    way: Option<Way>,
    understood: Understood,
    /// What switches the triggers on again that are off for the rows of the way.
    silenced: Option<String>,
    seen: receipts::Seen,
    /// The plan that its chunks are of, by fingerprint.
    believed: Option<String>,
}

struct Open {
    run: RunId,
    /// The session lock of a step.
    lock: Option<i64>,
    /// The entity that was found to be the run's own. Behind the gate that stays so.
    owned: Option<TableName>,
    /// Deferred constraints speak at once, from a point before the savepoint on.
    immediate: bool,
    /// Statements that go to the server with the next one, since nobody needs their answers before
    /// that: in careful gear there are three for each piece.
    ahead: String,
    /// Its receipt was completed, and nothing was done since. Only then may it be committed: the
    /// server answers COMMIT with a rollback, and without an error, when the transaction failed
    /// before.
    complete: bool,
}

/// Whether the server computes expressions over rows in steps of this kind.
fn computes(kind: StepKind) -> bool {
    match kind {
        StepKind::Index | StepKind::Check | StepKind::Statistics | StepKind::Refresh => true,
        StepKind::Schema
        | StepKind::Type
        | StepKind::Sequence
        | StepKind::Table
        | StepKind::Empty
        | StepKind::Key
        | StepKind::ForeignKey
        | StepKind::Identity
        | StepKind::Comment
        | StepKind::Routine
        | StepKind::View
        | StepKind::Trigger
        | StepKind::Rule
        | StepKind::Policy
        | StepKind::Grant => false,
    }
}

impl Writer {
    pub(super) fn new(link: Link) -> Self {
        let (open, way, understood, silenced) = (None, None, None, None);
        let seen = receipts::Seen::default();
        Self { link, open, way, understood, silenced, seen, believed: None }
    }

    fn link(&self) -> &Link {
        &self.link
    }

    /// The bookkeeping, over this connection.
    fn books(&self) -> Often<'_> {
        Often(&self.link)
    }

    fn out_of_turn(&self, what: &str) -> Fault {
        faults::unexpected(self.link().place(), &format!("{what} was called out of turn"))
    }

    /// Begins and takes the gate; then asks and inserts behind it, sent at once. Not all in one go: were
    /// the first to fail before its BEGIN, the receipt would be committed by itself.
    async fn begin_copy(&self, at: &At<'_>) -> Result<(bool, bool), Fault> {
        // Triggers may speak of things without their schema: they find what they find elsewhere.
        let begin = format!(
            "{}; BEGIN; SET LOCAL synchronous_commit = off; SET LOCAL search_path TO DEFAULT; {}",
            at.name(),
            gate_shared(at.run)
        );
        self.link().batch(&begin).await?;
        let (mut asks, mut inserts) = (self.books(), self.books());
        let believed = self.believed.as_deref();
        let (admitted, opened) = tokio::join!(
            biased;
            receipts::admits(&mut asks, &DIALECT, at.run, believed),
            at.open_receipt(&mut inserts),
        );
        // Where the first failed, the other only says that the transaction is over.
        Ok((admitted?, opened?))
    }

    /// The gate is not taken here: a step may take hours, and whoever pauses or cancels the run
    /// would wait for all of them. Its session lock keeps other attempts away.
    async fn begin_step(&self, at: &At<'_>, lock: i64) -> Result<(bool, bool), Fault> {
        // The catalogue and the receipt are lost together in a crash, and made again.
        let begin = format!(
            "{}; SELECT pg_advisory_lock({lock}); BEGIN; SET LOCAL synchronous_commit = off",
            at.name()
        );
        self.link().batch(&begin).await?;
        let (mut asks, mut inserts) = (self.books(), self.books());
        let (admitted, opened) = tokio::join!(
            biased;
            receipts::admits(&mut asks, &DIALECT, at.run, self.believed.as_deref()),
            at.open_receipt(&mut inserts),
        );
        // One that is not admitted is rolled back, with its receipt.
        Ok((admitted?, opened?))
    }

    /// Sends these with the next statement.
    fn ahead(&mut self, statements: &str) -> Result<(), Fault> {
        let Some(open) = &mut self.open else { return Err(self.out_of_turn("savepoint")) };
        if !open.ahead.is_empty() {
            open.ahead += "; ";
        }
        open.ahead += statements;
        Ok(())
    }

    /// Sends what was to go ahead of the next statement.
    async fn catch_up(&mut self) -> Result<(), Fault> {
        match self.open.as_mut().map(|open| std::mem::take(&mut open.ahead)) {
            Some(ahead) if !ahead.is_empty() => self.link().batch(&ahead).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Counts what stands in the way of a step, whose transaction has failed and is given up.
    async fn count(&self, query: &str) -> Option<u64> {
        let counted = async {
            self.link().batch("ROLLBACK").await?;
            self.link().one::<i64>(query).await
        };
        let counted = tokio::time::timeout(links::COUNT_WITHIN, counted).await.ok()?.ok()?;
        u64::try_from(counted).ok()
    }

    /// Ends the transaction without keeping anything of it.
    async fn undo(&mut self) -> Result<(), Fault> {
        self.way = None;
        self.silenced = None;
        let lock = self.open.take().and_then(|open| open.lock);
        self.link().batch("ROLLBACK").await?;
        self.unlock(lock).await
    }

    async fn unlock(&self, lock: Option<i64>) -> Result<(), Fault> {
        match lock {
            Some(lock) => self.link().batch(&format!("SELECT pg_advisory_unlock({lock})")).await,
            None => Ok(()),
        }
    }
}

/// What is to begin.
struct At<'a> {
    run: RunId,
    chunk: &'a Chunk,
    attempt: AttemptId,
}

impl At<'_> {
    /// Names a session after the chunk that it begins: it outlives the one it was opened for, and
    /// whoever must end it knows the chunk alone.
    fn name(&self) -> String {
        let attempt = self.attempt.0.simple().to_string();
        let attempt = &attempt[attempt.len() - 6..];
        let label = format!("longhaul:{}:{}:{attempt}", self.run, self.chunk.id);
        format!("SET application_name = {}", crate::sql::quote::literal(&label))
    }

    async fn open_receipt(&self, books: &mut Often<'_>) -> Result<bool, Fault> {
        receipts::open_receipt(books, &DIALECT, self.run, self.chunk.id, self.attempt).await
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
        let lock = match &chunk.work {
            Work::Step(_) => Some(lock_key(run, Purpose::Step(chunk.id.0))),
            Work::Copy(_) | Work::Link(_) | Work::Verify { .. } => None,
        };
        let at = At { run, chunk, attempt };
        let (admitted, opened) = match lock {
            Some(lock) => self.begin_step(&at, lock).await?,
            None => self.begin_copy(&at).await?,
        };
        let ahead = String::new();
        self.open = Some(Open { run, lock, owned: None, immediate: false, ahead, complete: false });
        if !admitted {
            self.undo().await?;
            return Ok(Begun::Fenced);
        }
        if opened {
            return Ok(Begun::Open);
        }
        self.undo().await?;
        let receipt = receipts::receipt(&mut self.books(), &DIALECT, run, chunk.id).await?;
        receipt.map(|receipt| Begun::Decided(Box::new(receipt))).ok_or_else(|| {
            Fault::new(Code::NotMine, self.link().place()).saying("its receipt came and went")
        })
    }

    async fn all_done(
        &mut self,
        run: RunId,
        chunks: &[RangeInclusive<ChunkId>],
    ) -> Result<bool, Fault> {
        receipts::all_done(&mut Once(&self.link), &DIALECT, &mut self.seen, run, chunks).await
    }

    async fn start(
        &mut self,
        entity: &Entity,
        write: &Write,
        immediate: bool,
    ) -> Result<(), Fault> {
        let target = &entity.target;
        if self.open.as_ref().is_none_or(|open| open.owned.as_ref() != Some(target)) {
            self.catch_up().await?;
        }
        let Some(open) = &mut self.open else { return Err(self.out_of_turn("start")) };
        if open.owned.as_ref() != Some(target) {
            if !receipts::owns(&mut Often(&self.link), &DIALECT, open.run, target).await? {
                return Err(Fault::new(Code::TargetOwned, target.to_string()));
            }
            open.owned = Some(target.clone());
        }
        if immediate && !open.immediate {
            self.link.batch("SET CONSTRAINTS ALL IMMEDIATE").await?;
        }
        if entity.silent {
            // Behind the savepoint, so that going back to it switches them on again.
            self.catch_up().await?;
            self.silenced = triggers::silence(self.link(), target).await?;
        }
        let ahead = self.open.as_mut().map(|open| std::mem::take(&mut open.ahead));
        let ahead = ahead.unwrap_or_default();
        let way = Way::open(&self.link, &ahead, &mut self.understood, entity, write).await?;
        self.way = Some(way);
        Ok(())
    }

    async fn write(&mut self, batch: Batch) -> Result<(), Fault> {
        match &mut self.way {
            Some(way) => way.write(&self.link, batch).await,
            None => Err(self.out_of_turn("write")),
        }
    }

    async fn finish(&mut self) -> Result<u64, Fault> {
        let Some(way) = self.way.take() else { return Err(self.out_of_turn("finish")) };
        let rows = way.finish(self.link()).await?;
        if let Some(on) = self.silenced.take() {
            triggers::wake(self.link(), &on).await?;
        }
        Ok(rows)
    }

    async fn savepoint(&mut self) -> Result<(), Fault> {
        let Some(open) = &mut self.open else { return Err(self.out_of_turn("savepoint")) };
        if std::mem::replace(&mut open.immediate, true) {
            return self.ahead("SAVEPOINT lh");
        }
        // Only careful gear marks savepoints, and going back to one must not undo this.
        self.ahead("SET CONSTRAINTS ALL IMMEDIATE; SAVEPOINT lh")
    }

    async fn rollback_to(&mut self) -> Result<(), Fault> {
        // A COPY that is still open is given up first; the server then waits for this.
        self.way = None;
        self.silenced = None;
        self.ahead("ROLLBACK TO SAVEPOINT lh; RELEASE SAVEPOINT lh")
    }

    async fn release(&mut self) -> Result<(), Fault> {
        self.ahead("RELEASE SAVEPOINT lh")
    }

    async fn execute(&mut self, step: &Step) -> Result<(), Fault> {
        self.catch_up().await?;
        if step.changes().iter().any(|(kind, _)| computes(*kind)) {
            // Functions may call others without their schema: they find what they find elsewhere.
            self.link().batch("SET LOCAL search_path TO DEFAULT").await?;
        }
        for (at, statement) in step.statements.iter().enumerate() {
            if let Err(fault) = self.link().batch(statement).await {
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
        self.catch_up().await?;
        let Some(run) = self.open.as_ref().map(|open| open.run) else {
            return Err(self.out_of_turn("settle"));
        };
        receipts::settle(&mut Once(&self.link), &DIALECT, run, (by, of), resolved, again).await
    }

    async fn reject(&mut self, rejects: &[Reject]) -> Result<(), Fault> {
        self.catch_up().await?;
        match &self.open {
            Some(open) => {
                receipts::insert_rejects(&mut Once(&self.link), &DIALECT, open.run, rejects).await
            }
            None => Err(self.out_of_turn("reject")),
        }
    }

    async fn rejected_by(
        &mut self,
        entity: &TableName,
        chunks: RangeInclusive<ChunkId>,
    ) -> Result<u64, Fault> {
        self.catch_up().await?;
        match &self.open {
            Some(open) => {
                receipts::rejected_by(&mut Once(&self.link), &DIALECT, open.run, entity, chunks)
                    .await
            }
            None => Err(self.out_of_turn("rejected_by")),
        }
    }

    async fn complete(&mut self, receipt: &Receipt) -> Result<(), Fault> {
        self.catch_up().await?;
        let Some(Open { run, lock, .. }) = self.open else {
            return Err(self.out_of_turn("complete"));
        };
        let admitted = async {
            if lock.is_none() {
                return Ok(true);
            }
            let (mut enters, mut asks) = (self.books(), self.books());
            let (entered, admitted) = tokio::join!(
                biased;
                receipts::enter(&mut enters, &DIALECT, run),
                receipts::admits(&mut asks, &DIALECT, run, self.believed.as_deref()),
            );
            entered.and(admitted)
        };
        let (mut completes, mut drops) = (self.books(), self.books());
        // Sent at once; the server asks and completes behind the gate.
        let (admitted, completed, dropped) = tokio::join!(
            biased;
            admitted,
            receipts::complete(&mut completes, &DIALECT, run, receipt),
            receipts::drop_samples(&mut drops, &DIALECT, run, receipt.chunk),
        );
        if !admitted? {
            return Err(Fault::new(Code::NotMine, format!("chunk {}", receipt.chunk))
                .saying("the run ended while the step was done; the step is undone"));
        }
        completed.and(dropped)?;
        if let Some(open) = &mut self.open {
            open.complete = true;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Fault> {
        if !self.open.as_ref().is_some_and(|open| open.complete) {
            return Err(self.out_of_turn("commit"));
        }
        self.link().batch("COMMIT").await?;
        let lock = self.open.take().and_then(|open| open.lock);
        // It is committed, whatever becomes of the session now.
        let _ = self.unlock(lock).await;
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), Fault> {
        self.undo().await
    }
}
