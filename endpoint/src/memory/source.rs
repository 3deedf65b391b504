//! What is read: the present, or the moment that is held.

use std::sync::Arc;

use async_trait::async_trait;
use protocol::batch::Batch;
use protocol::fault::Fault;
use protocol::mapping::Consistency;
use protocol::plan::Bound;
use protocol::schema::{Catalogue, TableName};

use super::condition::Condition;
use super::tables::{Row, Stored};
use super::{Held, Memory};
use crate::{Capabilities, Cut, Read, Rows, Source};

#[async_trait]
impl Source for Memory {
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

    async fn hold(&self, consistency: Consistency) -> Result<Option<String>, Fault> {
        match consistency {
            Consistency::Snapshot => {}
            Consistency::Quiesced | Consistency::Drifting => return Ok(None),
        }
        let mut held = self.held.lock().expect("nothing panics while it is held");
        if let Held::Own(name, _) = &*held {
            return Ok(Some(name.clone()));
        }
        let mut state = self.shared.lock();
        let (name, moment) = (uuid::Uuid::new_v4().to_string(), Arc::new(state.tables.clone()));
        state.moments.retain(|_, moment| moment.strong_count() > 0);
        state.moments.insert(name.clone(), Arc::downgrade(&moment));
        *held = Held::Own(name.clone(), moment);
        Ok(Some(name))
    }

    async fn join(&self, held: &str) -> Result<(), Fault> {
        let moment = self.shared.lock().moments.get(held).cloned();
        let moment = moment.filter(|moment| moment.strong_count() > 0);
        let joined = moment.ok_or_else(|| self.lost())?;
        *self.held.lock().expect("nothing panics while it is held") = Held::Joined(joined);
        Ok(())
    }

    async fn counters(&self, tables: &[TableName]) -> Result<String, Fault> {
        let versions: Result<Vec<_>, _> =
            tables.iter().map(|name| Ok(format!("{name}:{}", self.now(name)?.version))).collect();
        Ok(versions?.join(" "))
    }

    async fn cut(&self, cut: &Cut) -> Result<Vec<Bound>, Fault> {
        let stored = self.seen(&cut.table)?;
        let key = stored.columns(&cut.key)?;
        let mut places = chosen(&stored, cut.filter.as_deref())?;
        let order = |a: &usize, b: &usize| stored.order(&key, &stored.rows[*a], &stored.rows[*b]);
        places.sort_by(order);
        let rows = usize::try_from(cut.rows).unwrap_or(usize::MAX).max(1);
        let lasts = places.iter().skip(rows - 1).step_by(rows);
        let inner = lasts.filter(|place| Some(*place) != places.last());
        Ok(inner.map(|place| stored.bound(&key, &stored.rows[*place])).collect())
    }

    async fn read(&self, read: &Read) -> Result<Box<dyn Rows>, Fault> {
        let stored = self.seen(&read.table)?;
        let key = stored.columns(&read.key)?;
        let names: Vec<_> = read.columns.iter().map(|(name, _)| name.clone()).collect();
        let columns = stored.columns(&names)?;
        let mut places = chosen(&stored, read.filter.as_deref())?;
        let within = |row: &Row| {
            let (after, upto) = (read.range.after.as_ref(), read.range.upto.as_ref());
            after.is_none_or(|bound| stored.against(&key, row, bound).is_gt())
                && upto.is_none_or(|bound| stored.against(&key, row, bound).is_le())
        };
        places.retain(|place| within(&stored.rows[*place]));
        if let Some(top) = read.top {
            places.sort_by(|a, b| stored.order(&key, &stored.rows[*a], &stored.rows[*b]));
            places.truncate(usize::try_from(top).unwrap_or(usize::MAX));
        }
        let (places, batch_bytes) = (places.into_iter(), read.batch_bytes);
        Ok(Box::new(MemoryRows { from: stored, places, columns, batch_bytes }))
    }
}

/// Rows of a table at one moment, on their way out.
pub(super) struct MemoryRows {
    pub(super) from: Arc<Stored>,
    /// Which rows, and in what order.
    pub(super) places: std::vec::IntoIter<usize>,
    /// Which columns.
    pub(super) columns: Vec<usize>,
    pub(super) batch_bytes: usize,
}

#[async_trait]
impl Rows for MemoryRows {
    async fn next(&mut self) -> Result<Option<Batch>, Fault> {
        let mut batch = Batch::default();
        for place in self.places.by_ref() {
            let row = &self.from.rows[place];
            batch.push_row(self.columns.iter().map(|column| row[*column].as_deref()));
            if batch.bytes() >= self.batch_bytes {
                break;
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }
}

/// The places of rows that a condition lets through.
fn chosen(stored: &Stored, filter: Option<&str>) -> Result<Vec<usize>, Fault> {
    let all = 0..stored.rows.len();
    match filter {
        None => Ok(all.collect()),
        Some(filter) => {
            let condition = Condition::read(filter, &stored.table)?;
            Ok(all.filter(|place| condition.holds(&stored.rows[*place])).collect())
        }
    }
}
