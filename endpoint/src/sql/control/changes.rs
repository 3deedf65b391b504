//! What changes in the bookkeeping, for a [`super::Control`] that has begun a transaction and ends it.

use std::collections::BTreeSet;

use protocol::clock::Instant;
use protocol::fault::{Code, Fault};
use protocol::id::RunId;
use protocol::plan::Plan;
use protocol::receipt::{Outcome, Reject};
use protocol::run::{Event, Record, State};
use protocol::wire::FORMAT;

use super::home::Control;
use super::rows::{self, Cells};
use super::{Param, Sql, chunk, spell, tables};
use crate::Home as _;

impl<S: Sql> Control<S> {
    pub(super) async fn install_inside(&mut self) -> Result<(), Fault> {
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

    pub(super) async fn store_inside(&mut self, record: &Record, plan: &Plan) -> Result<(), Fault> {
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
        let texts = record.counters.as_deref().into_iter().chain([&*record.migration]);
        let has_all = spell::has_all(&mut self.sql, self.dialect, texts).await?;
        let mut params = rows::record_params(record, has_all);
        params.push(Param::Text(spell::json(&head)));
        let insert = format!(
            "INSERT INTO {}run ({}, head) VALUES {}",
            self.dialect.prefix,
            rows::RECORD,
            rows::placeholders(1, params.len())
        );
        self.sql.insert_new(&insert, "run", &params).await
    }

    pub(super) async fn insert_chunks(&mut self, run: RunId, plan: &Plan) -> Result<(), Fault> {
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
                    Param::Text(spell::json(chunk)),
                ]
            };
            let params: Vec<_> = part.iter().flat_map(row).collect();
            self.sql.execute(&insert, &params).await?;
        }
        Ok(())
    }

    /// Takes ownership of a target entity. An owner that is over, or gone, gives way.
    pub(super) async fn own(
        &mut self,
        run: RunId,
        entity: &protocol::schema::TableName,
    ) -> Result<(), Fault> {
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

    pub(super) async fn take_gate(&mut self, run: RunId) -> Result<(), Fault> {
        match self.dialect.gate_exclusive {
            Some(gate) => self.sql.batch(&gate(run)).await,
            None => Ok(()),
        }
    }

    pub(super) async fn change_inside(
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

    pub(super) async fn lead_inside(
        &mut self,
        run: RunId,
        after: Option<u64>,
    ) -> Result<u64, Fault> {
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

    pub(super) async fn forget_inside(&mut self, run: RunId) -> Result<(), Fault> {
        self.take_gate(run).await?;
        if !self.run(run).await?.state.is_final() {
            return Err(self.busy(run).saying("it is not over"));
        }
        let more = self.dialect.made_of.more.iter().map(|(table, _)| *table);
        let tables =
            ["sample", "reject", "resolved", "history", "crew", "receipt", "plan", "owner", "run"];
        let there = self.tables.clone().unwrap_or_default();
        for table in more.chain(tables).filter(|table| there.contains(*table)) {
            let delete = format!("DELETE FROM {}{table} WHERE run = $1", self.dialect.prefix);
            self.sql.execute(&delete, &[Param::text(run)]).await?;
        }
        Ok(())
    }

    pub(super) async fn note_source_inside(
        &mut self,
        run: RunId,
        counters: &str,
        drifted: bool,
    ) -> Result<u64, Fault> {
        let p = self.dialect.prefix;
        let update = format!("UPDATE {p}run SET counters = $1, drifted = $2 WHERE run = $3");
        // They may name the source's tables.
        let texts = [counters].into_iter();
        let has_all = spell::has_all(&mut self.sql, self.dialect, texts).await?;
        let counters = Param::Text(spell::keep(counters, has_all));
        let params = [counters, Param::Int(i64::from(drifted)), Param::text(run)];
        self.sql.execute(&update, &params).await
    }

    pub(super) async fn keep_inside(&mut self, run: RunId, sample: &[Reject]) -> Result<(), Fault> {
        let p = self.dialect.prefix;
        for chunk in sample.iter().map(|reject| reject.chunk).collect::<BTreeSet<_>>() {
            let delete = format!("DELETE FROM {p}sample WHERE run = $1 AND chunk = $2");
            let params = [Param::text(run), Param::Int(i64::from(chunk.0))];
            self.sql.execute(&delete, &params).await?;
        }
        chunk::insert_rows(&mut self.sql, self.dialect, "sample", run, sample).await
    }
}

/// The state of a run whose plan is stored.
fn open_state(run: RunId) -> Result<State, Fault> {
    State::Planning
        .on(Event::Started)
        .map_err(|error| Fault::new(Code::RunBusy, format!("run {run}")).because(error))
}
