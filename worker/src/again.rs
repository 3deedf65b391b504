//! Rejected rows, read and written again.
//!
//! The range of the chunk that rejected them is read once more, and only rows with the keys that were
//! kept go through: that asks nothing of an engine that reading a range does not, and compares keys as
//! they were compared when they were kept.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use endpoint::{Rows, Session};
use protocol::batch::Batch;
use protocol::fault::Fault;
use protocol::id::ChunkId;
use transform::Pipeline;

use crate::carrier::Carrier;
use crate::carry::Try;
use crate::tally::{Tally, timed};

/// Keys of rows that came by.
pub(crate) type Met = Arc<Mutex<BTreeSet<String>>>;

/// The rows of a read that have certain keys, each in a batch of its own: there are few.
pub(crate) struct Only {
    rows: Box<dyn Rows>,
    pipeline: Pipeline,
    keys: BTreeSet<String>,
    met: Met,
    found: VecDeque<Batch>,
}

impl Only {
    /// The keys of the rows that came.
    pub(crate) fn met(&self) -> Met {
        self.met.clone()
    }

    fn sift(&mut self, batch: &Batch) {
        for at in 0..batch.rows() {
            let key = self.pipeline.key(batch.row(at));
            if self.keys.contains(&key) {
                self.found.push_back(batch.slice(at, at + 1));
                self.met.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
            }
        }
    }
}

#[async_trait]
impl Rows for Only {
    async fn next(&mut self) -> Result<Option<Batch>, Fault> {
        loop {
            if let Some(row) = self.found.pop_front() {
                return Ok(Some(row));
            }
            match self.rows.next().await? {
                Some(batch) => self.sift(&batch),
                None => return Ok(None),
            }
        }
    }
}

impl Carrier {
    /// Lets through what the chunk `of` rejected.
    pub(crate) async fn only_rejected(
        &self,
        of: ChunkId,
        pipeline: Pipeline,
        rows: Box<dyn Rows>,
    ) -> Result<Only, Fault> {
        let mut home = self.parts.target.home().await?;
        let rejects = home.rejects_of(self.parts.run, of, of).await?;
        let keys = rejects.into_iter().map(|reject| reject.key).collect();
        Ok(Only { rows, pipeline, keys, met: Met::default(), found: VecDeque::new() })
    }

    /// Settles what became of the rejects of the chunk `of`. Those that the source no longer has stay as
    /// they are.
    pub(crate) async fn settle(
        &self,
        this: &Try<'_>,
        of: ChunkId,
        met: Vec<String>,
        session: &mut dyn Session,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        let again: BTreeSet<_> = tally.rejects.iter().map(|reject| reject.key.clone()).collect();
        let resolved: Vec<_> = met.into_iter().filter(|key| !again.contains(key)).collect();
        let settling = session.settle(this.chunk.id, of, &resolved, &tally.rejects);
        timed(&mut tally.spent.write, settling).await
    }
}
