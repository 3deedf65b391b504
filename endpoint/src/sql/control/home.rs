//! A [`Home`] over any SQL connection.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use protocol::clock::Instant;
use protocol::fault::{Code, Fault};
use protocol::history::Entry;
use protocol::id::{ChunkId, RunId, WorkerId};
use protocol::plan::Plan;
use protocol::receipt::{Receipt, Reject};
use protocol::run::{Event, Record, State, Steering};
use protocol::wire::FORMAT;

use super::rows::{self, Cells};
use super::{Dialect, Param, Sql, pages};
use crate::{Home, Revision};

/// Chunks that are asked after in one statement.
const DONE_OF_PAGE: usize = 500;

/// The bookkeeping of runs, on a connection of its own.
pub(crate) struct Control<S> {
    pub(super) sql: S,
    pub(super) dialect: &'static Dialect,
    place: String,
    /// A transaction was begun and its end was not seen: whoever waited for it was cancelled.
    dirty: bool,
    /// The bookkeeping tables that are there, once they were asked for: none goes away.
    pub(super) tables: Option<BTreeSet<String>>,
}

impl<S: Sql> Control<S> {
    /// Bookkeeping through this connection; `place` is for messages.
    pub(crate) fn new(sql: S, dialect: &'static Dialect, place: impl Into<String>) -> Self {
        Self { sql, dialect, place: place.into(), dirty: false, tables: None }
    }

    pub(super) async fn begin(&mut self) -> Result<(), Fault> {
        if self.dirty {
            // It may be over all the same, and then there is nothing to undo.
            let _ = self.sql.batch("ROLLBACK").await;
        }
        self.dirty = true;
        let begun = self.sql.batch(self.dialect.begin).await;
        if begun.is_err() {
            self.dirty = false;
        }
        begun
    }

    /// Begins a transaction whose commit survives a crash.
    pub(super) async fn begin_durable(&mut self) -> Result<(), Fault> {
        self.begin().await?;
        match self.dialect.durable {
            Some(durable) => {
                let set = self.sql.batch(durable).await;
                self.undo_on_error(set).await
            }
            None => Ok(()),
        }
    }

    /// Commits what went well, and undoes what did not.
    pub(super) async fn end<T>(&mut self, done: Result<T, Fault>) -> Result<T, Fault> {
        let value = self.undo_on_error(done).await?;
        let committed = self.sql.batch("COMMIT").await;
        self.undo_on_error(committed).await?;
        self.dirty = false;
        Ok(value)
    }

    async fn undo_on_error<T>(&mut self, done: Result<T, Fault>) -> Result<T, Fault> {
        if done.is_err() {
            // The first fault is the one to tell. If this fails too, the connection is gone, and
            // the server undoes it.
            let _ = self.sql.batch("ROLLBACK").await;
            self.dirty = false;
        }
        done
    }

    /// The format of the tables that are there; none when nothing was ever installed.
    pub(super) async fn format(&mut self) -> Result<Option<u32>, Fault> {
        let found = self.sql.query(self.dialect.installed, &[]).await?;
        if !found.iter().any(|row| row.first().is_some_and(Option::is_some)) {
            return Ok(None);
        }
        let select = format!("SELECT format FROM {}meta", self.dialect.prefix);
        let row = self.sql.query(&select, &[]).await?.pop();
        let format = row.map(|row| Cells::of(row).parse::<u32>()).transpose()?;
        match format {
            Some(format) if format != FORMAT => {
                let said = format!("it has format {format}, and this build knows format {FORMAT}");
                let place = format!("Longhaul's own tables in {}", self.place);
                Err(Fault::new(Code::PlanFormat, place)
                    .saying(said)
                    .next("Use the build that made them, or one that is newer."))
            }
            known => Ok(known),
        }
    }

    /// Rows of a run from a table, read with `by` appended to the condition on the run.
    pub(super) async fn of_run(
        &mut self,
        columns: &str,
        table: &str,
        run: RunId,
        by: &str,
    ) -> Result<Vec<Vec<Option<String>>>, Fault> {
        let p = self.dialect.prefix;
        let select = format!("SELECT {columns} FROM {p}{table} WHERE run = $1 {by}");
        self.sql.query(&select, &[Param::text(run)]).await
    }

    /// What a select of records lists.
    fn record(&self) -> String {
        format!("{}, {} - led", rows::RECORD, self.dialect.now)
    }

    /// One statement in a transaction of its own; how many rows it changed.
    async fn changed(&mut self, sql: &str, params: &[Param]) -> Result<u64, Fault> {
        self.begin().await?;
        let done = self.sql.execute(sql, params).await;
        self.end(done).await
    }

    /// Ends a change of a run's row, which must be there.
    async fn known(&mut self, run: RunId, changed: Result<u64, Fault>) -> Result<(), Fault> {
        match self.end(changed).await? {
            0 => Err(self.unknown(run)),
            _ => Ok(()),
        }
    }

    pub(super) fn busy(&self, run: RunId) -> Fault {
        Fault::new(Code::RunBusy, format!("run {run} in {}", self.place))
    }

    fn unknown(&self, run: RunId) -> Fault {
        Fault::new(Code::RunUnknown, format!("run {run} in {}", self.place))
    }
}

#[async_trait]
impl<S: Sql> Home for Control<S> {
    async fn install(&mut self) -> Result<(), Fault> {
        // Where all is there already, the right to create is not needed.
        if self.format().await?.is_some() && self.lacks().await?.is_empty() {
            return Ok(());
        }
        self.make_tables().await
    }

    async fn store(&mut self, record: &Record, plan: &Plan) -> Result<(), Fault> {
        self.begin_durable().await?;
        let done = self.store_inside(record, plan).await;
        self.end(done).await
    }

    async fn runs(&mut self) -> Result<Vec<Record>, Fault> {
        if self.format().await?.is_none() {
            return Ok(Vec::new());
        }
        let select = format!(
            "SELECT {} FROM {}run ORDER BY created DESC, run DESC",
            self.record(),
            self.dialect.prefix
        );
        self.sql.query(&select, &[]).await?.into_iter().map(rows::record).collect()
    }

    async fn run(&mut self, run: RunId) -> Result<Record, Fault> {
        if self.format().await?.is_none() {
            return Err(self.unknown(run));
        }
        let row = self.of_run(&self.record(), "run", run, "").await?.pop();
        row.map(rows::record).transpose()?.ok_or_else(|| self.unknown(run))
    }

    async fn plan(&mut self, run: RunId) -> Result<Plan, Fault> {
        // Existence of the tables and of the run.
        self.run(run).await?;
        let head = self.of_run("head", "run", run, "").await?.pop().unwrap_or_default();
        let mut plan: Plan = Cells::of(head).json()?;
        let mut chunks = Vec::new();
        let take = |_, mut cells: Cells| {
            chunks.push(pages::snug(cells.json()?));
            Ok(())
        };
        self.by_chunk(", body", "plan", run, "", take).await?;
        chunks.shrink_to_fit();
        plan.chunks = chunks;
        Ok(plan)
    }

    async fn lead(&mut self, run: RunId, after: Option<u64>) -> Result<u64, Fault> {
        self.begin_durable().await?;
        let led = self.lead_inside(run, after).await;
        self.end(led).await
    }

    async fn epoch(&mut self, run: RunId) -> Result<u64, Fault> {
        let row = self.of_run("epoch", "run", run, "").await?.pop();
        Cells::of(row.ok_or_else(|| self.unknown(run))?).parse()
    }

    async fn beat(&mut self, run: RunId, epoch: u64) -> Result<Record, Fault> {
        let update = format!(
            "UPDATE {}run SET led = {} WHERE run = $1 AND epoch = $2",
            self.dialect.prefix, self.dialect.now
        );
        let params = [Param::text(run), Param::count(epoch)];
        self.changed(&update, &params).await?;
        let record = self.run(run).await?;
        if record.epoch == epoch {
            Ok(record)
        } else {
            Err(Fault::new(Code::Deposed, run.to_string()))
        }
    }

    async fn steer(&mut self, run: RunId, steering: &Steering) -> Result<(), Fault> {
        self.begin_durable().await?;
        let update = format!("UPDATE {}run SET steering = $1 WHERE run = $2", self.dialect.prefix);
        let params = [Param::Text(rows::steering(steering)), Param::text(run)];
        let steered = self.sql.execute(&update, &params).await;
        self.known(run, steered).await
    }

    async fn note_held(&mut self, run: RunId, epoch: u64, held: &str) -> Result<(), Fault> {
        let update = format!(
            "UPDATE {}run SET held = $1 WHERE run = $2 AND epoch = $3",
            self.dialect.prefix
        );
        let params = [Param::text(held), Param::text(run), Param::count(epoch)];
        match self.changed(&update, &params).await? {
            0 => Err(Fault::new(Code::Deposed, run.to_string())),
            _ => Ok(()),
        }
    }

    async fn rejected(&mut self, run: RunId) -> Result<BTreeMap<ChunkId, u64>, Fault> {
        let by = "AND outcome = 'done' AND rejected > 0";
        let found = self.of_run("chunk, rejected", "receipt", run, by).await?;
        let pair = |row| {
            let mut cells = Cells::of(row);
            Ok((ChunkId(cells.parse()?), cells.parse()?))
        };
        found.into_iter().map(pair).collect()
    }

    async fn done(&mut self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        let mut done = Vec::new();
        let take = |chunk, _| {
            done.push(chunk);
            Ok(())
        };
        self.by_chunk("", "receipt", run, "AND outcome = 'done'", take).await?;
        if self.dialect.durable.is_some() {
            // Chunks commit without waiting for the disk. Logs are written in order, so one commit
            // that does wait takes all along that were seen before.
            self.begin_durable().await?;
            let touch =
                format!("UPDATE {}run SET epoch = epoch WHERE run = $1", self.dialect.prefix);
            let touched = self.sql.execute(&touch, &[Param::text(run)]).await;
            self.end(touched).await?;
        }
        Ok(done)
    }

    async fn done_of(&mut self, run: RunId, chunks: &[ChunkId]) -> Result<Vec<ChunkId>, Fault> {
        let mut done = Vec::new();
        for some in chunks.chunks(DONE_OF_PAGE) {
            let some: Vec<_> = some.iter().map(|chunk| chunk.0.to_string()).collect();
            let by = format!("AND outcome = 'done' AND chunk IN ({})", some.join(", "));
            for row in self.of_run("chunk", "receipt", run, &by).await? {
                done.push(ChunkId(Cells::of(row).parse()?));
            }
        }
        Ok(done)
    }

    async fn receipts(&mut self, run: RunId) -> Result<Vec<Receipt>, Fault> {
        let by = "AND outcome = 'done' ORDER BY chunk";
        let found = self.of_run(rows::RECEIPT, "receipt", run, by).await?;
        found.into_iter().map(rows::receipt).collect()
    }

    async fn rejects(&mut self, run: RunId, limit: u64) -> Result<Vec<Reject>, Fault> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let by = format!("ORDER BY chunk, row_key LIMIT {limit}");
        let found = self.of_run(rows::REJECT, "reject", run, &by).await?;
        found.into_iter().map(rows::reject).collect()
    }

    async fn rejects_of(
        &mut self,
        run: RunId,
        from: ChunkId,
        upto: ChunkId,
    ) -> Result<Vec<Reject>, Fault> {
        let by = format!("AND chunk BETWEEN {from} AND {upto} ORDER BY chunk, row_key");
        let found = self.of_run(rows::REJECT, "reject", run, &by).await?;
        found.into_iter().map(rows::reject).collect()
    }

    async fn keep_sample(&mut self, run: RunId, sample: &[Reject]) -> Result<(), Fault> {
        self.begin().await?;
        let done = self.keep_inside(run, sample).await;
        self.end(done).await
    }

    async fn samples(&mut self, run: RunId) -> Result<Vec<Reject>, Fault> {
        let found = self.of_run(rows::REJECT, "sample", run, "ORDER BY chunk, row_key").await?;
        found.into_iter().map(rows::reject).collect()
    }

    async fn change(&mut self, run: RunId, event: Event, now: Instant) -> Result<State, Fault> {
        self.begin_durable().await?;
        let done = self.change_inside(run, event, now).await;
        self.end(done).await
    }

    async fn note_source(
        &mut self,
        run: RunId,
        counters: &str,
        drifted: bool,
    ) -> Result<(), Fault> {
        self.begin().await?;
        let noted = self.note_source_inside(run, counters, drifted).await;
        self.known(run, noted).await
    }

    async fn crew(&mut self, run: RunId, worker: &WorkerId, slots: u32) -> Result<u64, Fault> {
        self.join_crew(run, worker, slots).await
    }

    async fn revise(&mut self, run: RunId, revision: &Revision) -> Result<State, Fault> {
        self.revise_all(run, revision).await
    }

    async fn resolved(&mut self, run: RunId, limit: u64) -> Result<Vec<Reject>, Fault> {
        if !self.there().await?.contains("resolved") {
            return Ok(Vec::new());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let by = format!("ORDER BY chunk, row_key LIMIT {limit}");
        let found = self.of_run(rows::REJECT, "resolved", run, &by).await?;
        found.into_iter().map(rows::reject).collect()
    }

    async fn begun(&mut self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        self.begun_steps(run).await
    }

    async fn undo(
        &mut self,
        run: RunId,
        statements: &[String],
        entry: &Entry,
    ) -> Result<State, Fault> {
        self.undo_all(run, statements, entry).await
    }

    async fn note(&mut self, run: RunId, entry: &Entry) -> Result<(), Fault> {
        self.keep_entry(run, entry).await
    }

    async fn history(&mut self, run: RunId) -> Result<Vec<Entry>, Fault> {
        self.entries(run).await
    }

    async fn forget(&mut self, run: RunId) -> Result<(), Fault> {
        // Known before the transaction: what is not there holds nothing of the run.
        self.there().await?;
        self.begin_durable().await?;
        let done = self.forget_inside(run).await;
        self.end(done).await
    }
}
