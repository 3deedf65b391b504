//! A source that fails as told, and the rows that come out of it or of a target.

use std::sync::Arc;

use async_trait::async_trait;
use protocol::batch::Batch;
use protocol::fault::Fault;
use protocol::mapping::Consistency;
use protocol::plan::Bound;
use protocol::schema::{Catalogue, TableName};

use super::{Op, Script};
use crate::{Capabilities, Cut, Link, Read, Rows, Source, Strays};

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

#[async_trait]
impl Source for FaultySource {
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

    async fn strays(&self, links: &[Link]) -> Result<Vec<Option<Strays>>, Fault> {
        self.inner.strays(links).await
    }

    async fn cut(&self, cut: &Cut) -> Result<Vec<Bound>, Fault> {
        self.script.around(Op::Cut, self.inner.cut(cut)).await
    }

    async fn read(&self, read: &Read) -> Result<Box<dyn Rows>, Fault> {
        let inner = self.script.around(Op::Read, self.inner.read(read)).await?;
        Ok(Box::new(FaultyRows { inner, script: self.script.clone() }))
    }
}

pub(super) struct FaultyRows {
    pub(super) inner: Box<dyn Rows>,
    pub(super) script: Script,
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
