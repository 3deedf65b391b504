//! A [`Home`] over any SQL connection.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use protocol::clock::Instant;
use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, RunId};
use protocol::plan::Plan;
use protocol::receipt::{Outcome, Receipt, Reject};
use protocol::run::{Event, Record, State, Steering};
use protocol::wire::FORMAT;

use super::rows::{self, Cells};
use super::{Dialect, Param, Sql, chunk, pages, tables};
use crate::Home;

/// Chunks that are asked after in one statement.
const DONE_OF_PAGE: usize = 500;

/// The bookkeeping of runs, on a connection of its own.
pub(crate) struct Control<S> {
    sql: S,
    dialect: &'static Dialect,
    place: String,
    /// A transaction was begun and its end was not seen: whoever waited for it was cancelled.
    dirty: bool,
}

impl<S: Sql> Control<S> {
    /// Bookkeeping through this connection; `place` is for messages.
    pub(crate) fn new(sql: S, dialect: &'static Dialect, place: impl Into<String>) -> Self {
        Self { sql, dialect, place: place.into(), dirty: false }
    }

    async fn begin(&mut self) -> Result<(), Fault> {
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
    async fn begin_durable(&mut self) -> Result<(), Fault> {
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
    async fn end<T>(&mut self, done: Result<T, Fault>) -> Result<T, Fault> {
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
    async fn format(&mut self) -> Result<Option<u32>, Fault> {
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

    async fn install_inside(&mut self) -> Result<(), Fault> {
        if let Some(lock) = self.dialect.install_lock {
            self.sql.batch(lock).await?;
        }
        self.sql.batch(&tables::create(self.dialect)).await?;
        if self.format().await?.is_none() {
            let insert = format!("INSERT INTO {}meta (format) VALUES ($1)", self.dialect.prefix);
            self.sql.execute(&insert, &[Param::Int(i64::from(FORMAT))]).await?;
        }
        Ok(())
    }

    async fn store_inside(&mut self, record: &Record, plan: &Plan) -> Result<(), Fault> {
        let mut planning = record.clone();
        planning.state = State::Planning;
        if !self.insert_run(&planning, plan).await? {
            return Ok(());
        }
        for entity in plan.entities.iter().map(|entity| &entity.target).collect::<BTreeSet<_>>() {
            self.own(record.run, entity).await?;
        }
        self.insert_chunks(record.run, plan).await?;
        self.set_state(record.run, State::Planning, open_state(record.run)?, None).await
    }

    /// False when the run is stored already.
    async fn insert_run(&mut self, record: &Record, plan: &Plan) -> Result<bool, Fault> {
        let head = Plan { chunks: Vec::new(), ..plan.clone() };
        let mut params = rows::record_params(record);
        params.push(Param::Text(to_json(&head)));
        let insert = format!(
            "INSERT INTO {}run ({}, head) VALUES {}",
            self.dialect.prefix,
            rows::RECORD,
            rows::placeholders(1, params.len())
        );
        self.sql.insert_new(&insert, "run", &params).await
    }

    async fn insert_chunks(&mut self, run: RunId, plan: &Plan) -> Result<(), Fault> {
        for part in plan.chunks.chunks(chunk::ROWS_PER_INSERT) {
            let insert = format!(
                "INSERT INTO {}plan (run, chunk, stage, entity, body) VALUES {}",
                self.dialect.prefix,
                rows::placeholders(part.len(), 5)
            );
            let row = |chunk: &protocol::plan::Chunk| {
                [
                    Param::text(run),
                    Param::Int(i64::from(chunk.id.0)),
                    Param::text(chunk.stage.as_str()),
                    chunk.entity.map_or(Param::Null, |entity| Param::Int(i64::from(entity.0))),
                    Param::Text(to_json(chunk)),
                ]
            };
            let params: Vec<_> = part.iter().flat_map(row).collect();
            self.sql.execute(&insert, &params).await?;
        }
        Ok(())
    }

    /// Takes ownership of a target entity. An owner that is over, or gone, gives way.
    async fn own(&mut self, run: RunId, entity: &protocol::schema::TableName) -> Result<(), Fault> {
        let p = self.dialect.prefix;
        let key = self.dialect.owner_key(entity);
        let params = [Param::Text(key.clone()), Param::text(run)];
        let insert = format!("INSERT INTO {p}owner (entity, run) VALUES ($1, $2)");
        if self.sql.insert_new(&insert, "entity", &params).await? {
            return Ok(());
        }
        let select = format!(
            "SELECT o.run, r.state FROM {p}owner o LEFT JOIN {p}run r ON r.run = o.run \
             WHERE o.entity = $1"
        );
        for row in self.sql.query(&select, &[Param::Text(key)]).await? {
            let over = row.get(1).cloned().flatten().and_then(|state| state.parse::<State>().ok());
            let owner: RunId = Cells::of(row).parse()?;
            if owner != run && over.is_some_and(|state| !state.is_final()) {
                let said = format!("run {owner} is not over");
                return Err(Fault::new(Code::TargetOwned, entity.to_string()).saying(said));
            }
        }
        let update = format!("UPDATE {p}owner SET run = $2 WHERE entity = $1");
        self.sql.execute(&update, &params).await.map(drop)
    }

    /// `from` is what was read before: who waits for no gate may meet somebody quicker.
    async fn set_state(
        &mut self,
        run: RunId,
        from: State,
        state: State,
        ended: Option<Instant>,
    ) -> Result<(), Fault> {
        let p = self.dialect.prefix;
        let update =
            format!("UPDATE {p}run SET state = $1, ended = $2 WHERE run = $3 AND state = $4");
        let ended = ended.map_or(Param::Null, |ended| Param::Int(ended.0));
        let params = [Param::text(state), ended, Param::text(run), Param::text(from)];
        if self.sql.execute(&update, &params).await? == 0 && from != state {
            return Err(self.busy(run).saying("somebody else changed its state at this moment"));
        }
        if state.is_final() {
            let owners = format!("DELETE FROM {p}owner WHERE run = $1");
            self.sql.execute(&owners, &[Param::text(run)]).await?;
        }
        Ok(())
    }

    async fn take_gate(&mut self, run: RunId) -> Result<(), Fault> {
        match self.dialect.gate_exclusive {
            Some(gate) => self.sql.batch(&gate(run)).await,
            None => Ok(()),
        }
    }

    async fn change_inside(
        &mut self,
        run: RunId,
        event: Event,
        now: Instant,
    ) -> Result<State, Fault> {
        if event.shuts_the_door() {
            self.take_gate(run).await?;
        }
        let from = self.run(run).await?.state;
        let to = from.on(event).map_err(|error| self.busy(run).because(error))?;
        if to == State::Complete {
            self.refuse_unless_done(run).await?;
        }
        if to == State::Void {
            let void = format!(
                "UPDATE {}receipt SET outcome = $1 WHERE run = $2 AND outcome = $3",
                self.dialect.prefix
            );
            let [void_word, done] = [Outcome::Void, Outcome::Done].map(Outcome::as_str);
            let params = [Param::text(void_word), Param::text(run), Param::text(done)];
            self.sql.execute(&void, &params).await?;
        }
        self.set_state(run, from, to, to.is_final().then_some(now)).await?;
        Ok(to)
    }

    async fn lead_inside(&mut self, run: RunId, after: Option<u64>) -> Result<u64, Fault> {
        let only = after.map_or_else(String::new, |after| format!(" AND epoch = {after}"));
        let update = format!(
            "UPDATE {}run SET epoch = epoch + 1, held = NULL, led = {} WHERE run = $1{only}",
            self.dialect.prefix, self.dialect.now
        );
        let led = self.sql.execute(&update, &[Param::text(run)]).await?;
        // Where it was changed, nobody else changes it before this transaction ends.
        let epoch = self.epoch(run).await?;
        if led == 0 { Err(Fault::new(Code::Deposed, run.to_string())) } else { Ok(epoch) }
    }

    /// Every planned chunk must have its receipt. A plan numbers its chunks one by one and a chunk has
    /// one receipt at most, so it is enough to count those between the first and the last. A join would
    /// be the other way: about tables that were filled a moment ago a server knows nothing, and may
    /// compare each row with each, behind the gate.
    async fn refuse_unless_done(&mut self, run: RunId) -> Result<(), Fault> {
        let p = self.dialect.prefix;
        let ends = format!(
            "SELECT coalesce(min(chunk), 0), coalesce(max(chunk), -1) FROM {p}plan WHERE run = $1"
        );
        let row = self.sql.query(&ends, &[Param::text(run)]).await?.pop().unwrap_or_default();
        let mut cells = Cells::of(row);
        let (first, last): (i64, i64) = (cells.parse()?, cells.parse()?);
        let select = format!(
            "SELECT count(*) FROM {p}receipt WHERE run = $1 AND chunk BETWEEN $2 AND $3 AND outcome = $4"
        );
        let done = Param::text(Outcome::Done.as_str());
        let params = [Param::text(run), Param::Int(first), Param::Int(last), done];
        let row = self.sql.query(&select, &params).await?.pop().unwrap_or_default();
        let missing = last - first + 1 - Cells::of(row).parse::<i64>()?;
        if missing == 0 {
            return Ok(());
        }
        let said = format!("{missing} chunks have no receipt");
        Err(Fault::new(Code::Parked, format!("run {run}")).saying(said))
    }

    async fn forget_inside(&mut self, run: RunId) -> Result<(), Fault> {
        self.take_gate(run).await?;
        if !self.run(run).await?.state.is_final() {
            return Err(self.busy(run).saying("it is not over"));
        }
        let more = self.dialect.made_of.more.iter().map(|(table, _)| *table);
        let tables = ["sample", "reject", "receipt", "plan", "owner", "run"];
        for table in more.chain(tables) {
            let delete = format!("DELETE FROM {}{table} WHERE run = $1", self.dialect.prefix);
            self.sql.execute(&delete, &[Param::text(run)]).await?;
        }
        Ok(())
    }

    async fn keep_inside(&mut self, run: RunId, sample: &[Reject]) -> Result<(), Fault> {
        let table = format!("{}sample", self.dialect.prefix);
        for chunk in sample.iter().map(|reject| reject.chunk).collect::<BTreeSet<_>>() {
            let delete = format!("DELETE FROM {table} WHERE run = $1 AND chunk = $2");
            let params = [Param::text(run), Param::Int(i64::from(chunk.0))];
            self.sql.execute(&delete, &params).await?;
        }
        chunk::insert_rows(&mut self.sql, &table, run, sample).await
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

    fn busy(&self, run: RunId) -> Fault {
        Fault::new(Code::RunBusy, format!("run {run} in {}", self.place))
    }

    fn unknown(&self, run: RunId) -> Fault {
        Fault::new(Code::RunUnknown, format!("run {run} in {}", self.place))
    }
}

/// The state of a run whose plan is stored.
fn open_state(run: RunId) -> Result<State, Fault> {
    State::Planning
        .on(Event::Started)
        .map_err(|error| Fault::new(Code::RunBusy, format!("run {run}")).because(error))
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("our own types have string keys only")
}

#[async_trait]
impl<S: Sql> Home for Control<S> {
    async fn install(&mut self) -> Result<(), Fault> {
        // Where all is there already, the right to create is not needed.
        if self.format().await?.is_some() {
            return Ok(());
        }
        self.begin_durable().await?;
        let done = self.install_inside().await;
        self.end(done).await
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
        let update = format!(
            "UPDATE {}run SET counters = $1, drifted = $2 WHERE run = $3",
            self.dialect.prefix
        );
        let drifted = Param::Int(i64::from(drifted));
        let params = [Param::text(counters), drifted, Param::text(run)];
        let noted = self.sql.execute(&update, &params).await;
        self.known(run, noted).await
    }

    async fn forget(&mut self, run: RunId) -> Result<(), Fault> {
        self.begin_durable().await?;
        let done = self.forget_inside(run).await;
        self.end(done).await
    }
}
