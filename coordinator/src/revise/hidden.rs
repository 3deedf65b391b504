//! The databases as they would be without a run that has begun.

use async_trait::async_trait;
use endpoint::{
    Capabilities, CoarseKey, Coincidence, Cut, Design, DesignedStep, Home, KeyTexts, Lacking, Read,
    Rehearsal, Rows, Session, Source, Target, Undo, Wanted,
};
use protocol::fault::Fault;
use protocol::id::RunId;
use protocol::mapping::Consistency;
use protocol::plan::{Bound, Entity, Plan, Stage, Step, StepKind, Work};
use protocol::schema::{Catalogue, Column, Logical, Table, TableName};

/// A source whose tables are cut as they were.
pub(super) struct AsCut<'a> {
    pub(super) inner: &'a dyn Source,
    pub(super) plan: &'a Plan,
}

#[async_trait]
impl Source for AsCut<'_> {
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

    async fn hides(&self) -> Result<Option<String>, Fault> {
        self.inner.hides().await
    }

    async fn hold(&self, consistency: Consistency) -> Result<Option<String>, Fault> {
        self.inner.hold(consistency).await
    }

    async fn join(&self, held: &str) -> Result<(), Fault> {
        self.inner.join(held).await
    }

    async fn counters(&self, tables: &[TableName]) -> Result<String, Fault> {
        self.inner.counters(tables).await
    }

    async fn cut(&self, cut: &Cut) -> Result<Vec<Bound>, Fault> {
        let same = |entity: &&Entity| entity.source == cut.table && entity.key == cut.key;
        let Some(entity) = self.plan.entities.iter().find(same) else {
            return self.inner.cut(cut).await;
        };
        let copies = self.plan.chunks_of(entity.id, Stage::Copy).filter(|c| c.retries.is_none());
        let upto = copies.filter_map(|chunk| match &chunk.work {
            Work::Copy(range) => range.upto.clone(),
            Work::Link(_) | Work::Step(_) | Work::Verify { .. } => None,
        });
        Ok(upto.collect())
    }

    async fn read(&self, read: &Read) -> Result<Box<dyn Rows>, Fault> {
        self.inner.read(read).await
    }
}

/// A target without what the run made there.
pub(super) struct Without<'a> {
    pub(super) inner: &'a dyn Target,
    pub(super) plan: &'a Plan,
}

impl Without<'_> {
    fn mine(&self, table: &TableName) -> Option<&Entity> {
        self.plan.entities.iter().find(|entity| entity.target == *table)
    }

    fn makes(&self, kind: StepKind, what: &str) -> bool {
        self.plan.chunks.iter().any(|chunk| match &chunk.work {
            Work::Step(step) => step.changes().contains(&(kind, what)),
            Work::Copy(_) | Work::Link(_) | Work::Verify { .. } => false,
        })
    }
}

#[async_trait]
impl Target for Without<'_> {
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
        let mut there = self.inner.catalogue().await?;
        there.tables.retain(|table| !self.mine(&table.name).is_some_and(|entity| entity.new));
        there.enums.retain(|one| !self.makes(StepKind::Type, &format!("type {}", one.name)));
        there
            .sequences
            .retain(|one| !self.makes(StepKind::Sequence, &format!("sequence {}", one.name)));
        Ok(there)
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

    fn undoing(&self, run: RunId, undo: &Undo) -> Vec<String> {
        self.inner.undoing(run, undo)
    }

    /// Rows that are there are the run's own, unless the plan said that there were others.
    async fn holds_rows(&self, table: &TableName) -> Result<bool, Fault> {
        match self.mine(table) {
            Some(entity) => Ok(self.plan.chunks_of(entity.id, Stage::Verify).next().is_none()),
            None => self.inner.holds_rows(table).await,
        }
    }

    async fn count_rows(&self, table: &TableName, at_most: u64) -> Result<u64, Fault> {
        self.inner.count_rows(table, at_most).await
    }

    async fn repertoire(&self, charset: &str) -> Result<Option<Lacking>, Fault> {
        self.inner.repertoire(charset).await
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
        let new: Vec<_> =
            entities.iter().copied().filter(|entity| self.mine(&entity.target).is_none()).collect();
        self.inner.may_write(&new).await
    }

    /// Nothing is tried: what the run made stands under the names that would be tried. What the first
    /// rehearsal took out of the plan stays out of it.
    async fn rehearse(&self, _steps: &[DesignedStep]) -> Result<Rehearsal, Fault> {
        Ok(Rehearsal::default())
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

    async fn end_sessions(&self, label: &str) -> Result<u64, Fault> {
        self.inner.end_sessions(label).await
    }

    async fn session(&self, label: &str) -> Result<Box<dyn Session>, Fault> {
        self.inner.session(label).await
    }
}
