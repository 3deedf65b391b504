//! What is written to, and read back.

use std::sync::Arc;

use async_trait::async_trait;
use protocol::fault::Fault;
use protocol::id::{ChunkId, RunId};
use protocol::plan::{Entity, Step};
use protocol::schema::{Catalogue, Column, Logical, Table, TableName};

use super::books::MemoryHome;
use super::session::MemorySession;
use super::source::MemoryRows;
use super::{Memory, design};
use crate::{
    Capabilities, Design, DesignedStep, Home, Rehearsal, Rows, Session, Target, Undo, Wanted,
};

#[async_trait]
impl Target for Memory {
    fn capabilities(&self) -> Capabilities {
        Self::able()
    }

    fn place(&self) -> &str {
        &self.shared.place
    }

    async fn identity(&self) -> Result<String, Fault> {
        Ok(self.shared.identity.clone())
    }

    async fn catalogue(&self) -> Result<Catalogue, Fault> {
        Ok(self.describe())
    }

    fn design(&self, wanted: &Wanted) -> Result<Design, Fault> {
        design::design(wanted)
    }

    fn accepts(&self, from: &Logical, column: &Column) -> Option<Logical> {
        design::accepts(from, &column.logical).then(|| column.logical.clone())
    }

    fn numbering(&self, _table: &Table, _columns: &[String]) -> Option<Step> {
        None
    }

    fn undoing(&self, _run: RunId, undo: &Undo) -> Vec<String> {
        design::undoing(undo)
    }

    async fn holds_rows(&self, table: &TableName) -> Result<bool, Fault> {
        Ok(!self.now(table)?.rows.is_empty())
    }

    async fn count_rows(&self, table: &TableName, at_most: u64) -> Result<u64, Fault> {
        Ok((self.now(table)?.rows.len() as u64).min(at_most))
    }

    async fn may_write(&self, _entities: &[&Entity]) -> Result<(), Fault> {
        Ok(())
    }

    async fn at_work(&self, run: RunId, chunks: &[ChunkId]) -> Result<Vec<ChunkId>, Fault> {
        let state = self.shared.lock();
        let busy = chunks.iter().filter(|chunk| state.flights.contains(&(run, **chunk)));
        Ok(busy.copied().collect())
    }

    async fn rehearse(&self, _steps: &[DesignedStep]) -> Result<Rehearsal, Fault> {
        // It refuses nothing that it designed.
        Ok(Rehearsal::default())
    }

    async fn end_sessions(&self, _label: &str) -> Result<u64, Fault> {
        Ok(0)
    }

    async fn read_back(
        &self,
        entity: &Entity,
        index: u32,
        of: u32,
        batch_bytes: usize,
    ) -> Result<Box<dyn Rows>, Fault> {
        let stored = self.now(&entity.target)?;
        let names: Vec<_> = entity.columns.iter().map(|map| map.target.clone()).collect();
        let columns = stored.columns(&names)?;
        let places: Vec<_> =
            (index as usize..stored.rows.len()).step_by(of.max(1) as usize).collect();
        Ok(Box::new(MemoryRows { from: stored, places: places.into_iter(), columns, batch_bytes }))
    }

    async fn home(&self) -> Result<Box<dyn Home>, Fault> {
        Ok(Box::new(MemoryHome::new(Arc::clone(&self.shared))))
    }

    async fn session(&self, _label: &str) -> Result<Box<dyn Session>, Fault> {
        Ok(Box::new(MemorySession::new(Arc::clone(&self.shared))))
    }
}
