//! Another plan for a stored run, and rolling one back.

use std::collections::BTreeSet;

use protocol::fault::Fault;
use protocol::history::Entry;
use protocol::id::{ChunkId, RunId};
use protocol::plan::{Chunk, Plan};
use protocol::run::{Event, State};

use super::home::Control;
use super::rows::Cells;
use super::{Param, Sql, spell};
use crate::{Home as _, Revision};

impl<S: Sql> Control<S> {
    pub(super) async fn revise_all(
        &mut self,
        run: RunId,
        revision: &Revision,
    ) -> Result<State, Fault> {
        self.catch_up().await?;
        self.begin_durable().await?;
        let done = self.revise_inside(run, revision).await;
        self.end(done).await
    }

    async fn revise_inside(&mut self, run: RunId, revision: &Revision) -> Result<State, Fault> {
        self.take_gate(run).await?;
        let record = self.run(run).await?;
        if record.fingerprint != revision.of {
            return Err(self.busy(run).saying("its plan was changed by somebody else meanwhile"));
        }
        let state = match record.state {
            state @ (State::Planning | State::Running | State::Paused) => state,
            state @ (State::Cancelled | State::Complete | State::Void) => {
                state.on(Event::Reopened).map_err(|error| self.busy(run).because(error))?
            }
        };
        for entity in revision.plan.entities.iter().map(|e| &e.target).collect::<BTreeSet<_>>() {
            self.own(run, entity).await?;
        }
        let kept: Vec<_> =
            revision.changed.iter().copied().filter(|id| !revision.undone.contains(id)).collect();
        if let Some(done) = self.done_of(run, &kept).await?.first() {
            let said = format!("chunk {done} was done meanwhile, and would have changed");
            return Err(self.busy(run).saying(said).next("Run the command again."));
        }
        self.replace_plan(run, state, revision).await?;
        self.take_back(run, &revision.undone).await?;
        self.keep_entry_inside(run, &revision.entry).await?;
        Ok(state)
    }

    async fn replace_plan(
        &mut self,
        run: RunId,
        state: State,
        revision: &Revision,
    ) -> Result<(), Fault> {
        let p = self.dialect.prefix;
        let plan = &revision.plan;
        let head = Plan { chunks: Vec::new(), ..plan.clone() };
        // A new epoch, so that whoever leads by the old plan is deposed, and nobody counts as heard of.
        let update = format!(
            "UPDATE {p}run SET state = $1, ended = NULL, head = $2, fingerprint = $3, \
             epoch = epoch + 1, held = NULL, led = NULL WHERE run = $4"
        );
        let params = [
            Param::text(state),
            Param::Text(spell::json(&head)),
            Param::Text(plan.fingerprint()),
            Param::text(run),
        ];
        self.sql.execute(&update, &params).await?;
        let mut new = Vec::new();
        for chunk in revision.changed.iter().filter_map(|id| plan.chunk(*id)) {
            if !self.replace_chunk(run, chunk).await? {
                new.push(chunk.clone());
            }
        }
        let added = Plan { chunks: new, ..head };
        self.insert_chunks(run, &added).await
    }

    /// False where there is no such chunk yet.
    async fn replace_chunk(&mut self, run: RunId, chunk: &Chunk) -> Result<bool, Fault> {
        let there = self.of_run("chunk", "plan", run, &format!("AND chunk = {}", chunk.id)).await?;
        if there.is_empty() {
            return Ok(false);
        }
        let update = format!(
            "UPDATE {}plan SET body = $1 WHERE run = $2 AND chunk = $3",
            self.dialect.prefix
        );
        let id = Param::Int(i64::from(chunk.id.0));
        let params = [Param::Text(spell::json(chunk)), Param::text(run), id];
        self.sql.execute(&update, &params).await?;
        Ok(true)
    }

    /// Takes receipts back, and what an engine noted of how far their steps had come.
    async fn take_back(&mut self, run: RunId, chunks: &[ChunkId]) -> Result<(), Fault> {
        let p = self.dialect.prefix;
        let notes = self.dialect.made_of.more.iter().any(|(name, _)| *name == "step");
        let tables = ["receipt", "step"];
        for table in &tables[..1 + usize::from(notes)] {
            for chunk in chunks {
                let delete = format!("DELETE FROM {p}{table} WHERE run = $1 AND chunk = $2");
                let params = [Param::text(run), Param::Int(i64::from(chunk.0))];
                self.sql.execute(&delete, &params).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn begun_steps(&mut self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        if !self.dialect.made_of.more.iter().any(|(name, _)| *name == "step") {
            return Ok(Vec::new());
        }
        let rows = self.of_run("DISTINCT chunk", "step", run, "ORDER BY chunk").await?;
        rows.into_iter().map(|row| Cells::of(row).parse().map(ChunkId)).collect()
    }

    pub(super) async fn undo_all(
        &mut self,
        run: RunId,
        statements: &[String],
        entry: &Entry,
    ) -> Result<State, Fault> {
        self.catch_up().await?;
        self.begin_durable().await?;
        let done = self.undo_inside(run, statements, entry).await;
        self.end(done).await
    }

    async fn undo_inside(
        &mut self,
        run: RunId,
        statements: &[String],
        entry: &Entry,
    ) -> Result<State, Fault> {
        self.take_gate(run).await?;
        let from = self.run(run).await?.state;
        from.on(Event::RolledBack).map_err(|error| self.busy(run).because(error))?;
        for statement in statements {
            self.sql.batch(statement).await?;
        }
        let state = self.change_inside(run, Event::RolledBack, entry.at).await?;
        self.keep_entry_inside(run, entry).await?;
        Ok(state)
    }
}
