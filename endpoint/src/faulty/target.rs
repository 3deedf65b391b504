//! A target that fails as told.

use std::sync::Arc;

use async_trait::async_trait;
use protocol::fault::Fault;
use protocol::id::{ChunkId, RunId};
use protocol::plan::{Entity, Step};
use protocol::schema::{Catalogue, Column, Logical, Table, TableName};

use super::home::FaultyHome;
use super::session::FaultySession;
use super::source::FaultyRows;
use super::{Op, Script};
use crate::{
    Capabilities, CoarseKey, Coincidence, Design, DesignedStep, Home, KeyTexts, Lacking, Rehearsal,
    Rows, Session, Target, Undo, Wanted,
};

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

    async fn connections_free(&self) -> Result<Option<u64>, Fault> {
        self.inner.connections_free().await
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

    fn undoing(&self, run: RunId, undo: &Undo) -> Vec<String> {
        self.inner.undoing(run, undo)
    }

    async fn holds_rows(&self, table: &TableName) -> Result<bool, Fault> {
        self.script.around(Op::HoldsRows, self.inner.holds_rows(table)).await
    }

    async fn count_rows(&self, table: &TableName, at_most: u64) -> Result<u64, Fault> {
        self.inner.count_rows(table, at_most).await
    }

    async fn repertoire(&self, charset: &str) -> Result<Option<Lacking>, Fault> {
        self.script.around(Op::Repertoire, self.inner.repertoire(charset)).await
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

    async fn at_work(&self, run: RunId, chunks: &[ChunkId]) -> Result<Vec<ChunkId>, Fault> {
        self.inner.at_work(run, chunks).await
    }

    async fn rehearse(&self, steps: &[DesignedStep]) -> Result<Rehearsal, Fault> {
        self.inner.rehearse(steps).await
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
