//! Rows on their way in, a batch at a time, with room for each.
//!
//! Room is taken before a batch is read, for as many bytes as it should have. How many it has shows
//! when it is there: the last row may be any size. Where that is more, and nothing is free, all room
//! is given back and waited for with the batch in hand.

use std::sync::PoisonError;

use endpoint::Rows;
use protocol::batch::Batch;
use protocol::fault::Fault;

use crate::Budget;
use crate::again::Met;
use crate::budget::Share;

/// A read with its first batch in hand.
pub(crate) struct Input {
    first: Option<Batch>,
    rows: Option<Box<dyn Rows>>,
    /// Bytes at which batches close.
    batch_bytes: u64,
    budget: Budget,
    /// What the batch that was handed out last takes of the budget.
    share: Option<Share>,
    /// What is kept for the batch that is read meanwhile.
    ahead: Option<Share>,
    /// Keys of rows that came, where only some rows are let through.
    met: Option<Met>,
}

impl Input {
    /// Nothing to read.
    pub(crate) fn none(budget: &Budget) -> Self {
        let budget = budget.clone();
        Self {
            first: None,
            rows: None,
            batch_bytes: 0,
            budget,
            share: None,
            ahead: None,
            met: None,
        }
    }

    /// A read of batches that close at so many bytes, and its first batch.
    ///
    /// No room is taken for that one before it is asked for: by then its transaction has begun, so
    /// whoever holds a share never waits for a slot that waits for one.
    pub(crate) async fn begin(
        mut rows: Box<dyn Rows>,
        batch_bytes: usize,
        budget: &Budget,
    ) -> Result<Self, Fault> {
        let first = rows.next().await?;
        let batch_bytes = batch_bytes as u64;
        let rows = Some(rows);
        Ok(Self { first, rows, batch_bytes, ..Self::none(budget) })
    }

    /// The same, with the keys of the rows that come.
    pub(crate) fn meeting(self, met: Met) -> Self {
        Self { met: Some(met), ..self }
    }

    /// Keys of rows that came so far, where only some rows are let through.
    pub(crate) fn met(&self) -> Vec<String> {
        let met = self.met.as_ref().map(|met| met.lock().unwrap_or_else(PoisonError::into_inner));
        met.map(|met| met.iter().cloned().collect()).unwrap_or_default()
    }

    /// The next batch, with room for it. What was handed out before is written by now.
    ///
    /// Beside it, one more is read meanwhile where the source can and there is room for that, too.
    pub(crate) async fn next(&mut self) -> Result<Option<Batch>, Fault> {
        self.share = None;
        let mut share = self.ahead.take();
        let batch = match (self.first.take(), &mut self.rows) {
            (Some(first), _) => Some(first),
            (None, Some(rows)) => {
                if share.is_none() {
                    share = Some(self.budget.take(self.batch_bytes).await);
                }
                rows.next().await?
            }
            (None, None) => None,
        };
        let Some(batch) = batch else { return Ok(None) };
        self.share = Some(self.budget.fit(share, batch.bytes() as u64).await);
        self.ahead = self.read_ahead();
        Ok(Some(batch))
    }

    /// Lets one more be read, where there is room for it. What is returned is kept for that one: a
    /// source that reads nothing before it is asked leaves the room to other slots.
    fn read_ahead(&mut self) -> Option<Share> {
        let rows = self.rows.as_mut()?;
        let room = self.budget.take_if_free(self.batch_bytes)?;
        rows.read_ahead().then_some(room)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;
    use proptest::prelude::*;
    use tokio::task::JoinSet;

    use super::*;

    /// Batches are to close at so many bytes.
    const BATCH: u64 = 8 << 10;

    /// Rows that read no batch before they may, and see what was taken when they did.
    struct Watched {
        sizes: VecDeque<usize>,
        ahead: Option<Batch>,
        budget: Budget,
        /// Least and most of what was taken of the budget when a batch but the first was read.
        taken: Arc<(AtomicU64, AtomicU64)>,
        begun: bool,
        /// Reads ahead where it may.
        eager: bool,
    }

    impl Watched {
        fn of(sizes: &[usize], budget: &Budget) -> (Box<Self>, Arc<(AtomicU64, AtomicU64)>) {
            let taken = Arc::new((AtomicU64::new(u64::MAX), AtomicU64::new(0)));
            let (sizes, budget) = (sizes.iter().copied().collect(), budget.clone());
            let (begun, eager) = (false, true);
            let rows = Self { sizes, ahead: None, budget, taken: taken.clone(), begun, eager };
            (Box::new(rows), taken)
        }

        fn read(&mut self) -> Option<Batch> {
            let size = self.sizes.pop_front()?;
            if std::mem::replace(&mut self.begun, true) {
                let taken = self.budget.taken();
                self.taken.0.fetch_min(taken, Ordering::SeqCst);
                self.taken.1.fetch_max(taken, Ordering::SeqCst);
            }
            let mut batch = Batch::default();
            batch.push_row([Some(vec![b'x'; size].as_slice())].into_iter());
            Some(batch)
        }
    }

    #[async_trait]
    impl Rows for Watched {
        async fn next(&mut self) -> Result<Option<Batch>, Fault> {
            tokio::task::yield_now().await;
            Ok(self.ahead.take().or_else(|| self.read()))
        }

        fn read_ahead(&mut self) -> bool {
            assert!(self.ahead.is_none(), "one batch ahead, and no more");
            if self.eager {
                self.ahead = self.read();
            }
            self.eager
        }
    }

    async fn all(mut input: Input) -> usize {
        let mut batches = 0;
        while let Some(batch) = input.next().await.unwrap() {
            tokio::task::yield_now().await;
            drop(batch);
            batches += 1;
        }
        batches
    }

    #[tokio::test]
    async fn room_is_taken_before_a_batch_is_read() {
        let budget = Budget::of_bytes(1 << 20);
        let one = Budget::needed(BATCH);
        let (rows, taken) = Watched::of(&[100; 5], &budget);
        let input = Input::begin(rows, BATCH as usize, &budget).await.unwrap();
        assert_eq!(budget.taken(), 0, "nothing before its transaction begins");
        assert_eq!(all(input).await, 5);
        assert!(taken.0.load(Ordering::SeqCst) >= one);
        assert_eq!(budget.taken(), 0);
    }

    #[tokio::test]
    async fn nothing_is_read_ahead_where_there_is_no_room_for_it() {
        let budget = Budget::of_bytes(2 * Budget::needed(BATCH));
        // The second is larger than the whole budget, and has all of it while it is in hand.
        let (rows, _) = Watched::of(&[100, 1 << 20, 100, 100], &budget);
        let mut input = Input::begin(rows, BATCH as usize, &budget).await.unwrap();
        for ahead in [true, false, true] {
            input.next().await.unwrap().unwrap();
            assert_eq!(input.ahead.is_some(), ahead);
        }
        assert_eq!(all(input).await, 1);
    }

    #[tokio::test]
    async fn a_source_that_reads_nothing_ahead_keeps_no_room_for_it() {
        let budget = Budget::of_bytes(1 << 20);
        let (mut rows, _) = Watched::of(&[BATCH as usize; 3], &budget);
        rows.eager = false;
        let mut input = Input::begin(rows, BATCH as usize, &budget).await.unwrap();
        for _ in 0..3 {
            input.next().await.unwrap().unwrap();
            assert!(budget.taken() < 2 * Budget::needed(BATCH), "one batch, and no other");
        }
        assert!(input.next().await.unwrap().is_none());
        assert_eq!(budget.taken(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn slots_that_share_a_budget_all_come_to_an_end(
            kibibytes in 1_u64..200,
            slots in prop::collection::vec(prop::collection::vec(0_usize..100_000, 0..12), 1..8),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let wanted: usize = slots.iter().map(Vec::len).sum();
            let read: usize = runtime.block_on(async {
                let budget = Budget::of_bytes(kibibytes << 10);
                let mut ends = JoinSet::new();
                for sizes in slots {
                    let (rows, _) = Watched::of(&sizes, &budget);
                    let input = Input::begin(rows, BATCH as usize, &budget).await.unwrap();
                    ends.spawn(all(input));
                }
                let read = ends.join_all().await.into_iter().sum();
                assert_eq!(budget.taken(), 0, "all is given back");
                read
            });
            prop_assert_eq!(read, wanted);
        }
    }
}
