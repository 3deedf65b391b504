//! The bytes of rows that a worker has in hands at once, over all its slots and runs.
//!
//! # Promises
//! 1. Batches that are transformed and written at one time never take more than the budget together;
//!    one that is larger than that has it to itself.
//! 2. Room for a batch is taken before it is read, also for one that is read ahead; none is kept where
//!    the source reads none ahead.
//! 3. Whoever waits is served in turn: a large batch is not passed by for ever.
//! 4. A share is only waited for by a slot that holds none, so no two slots wait for each other here.
//!
//! # Not promised
//! What cannot be known before it is there: how large the last row of a batch is. So beside the budget
//! each slot may have one batch in memory that waits for its room (the first of a chunk, whose
//! transaction has not begun; one that became larger than was planned for) and what the driver holds of
//! one row more. A batch closes on bytes or is a single row: of many slots that each meet a huge row at
//! once, all those rows are in memory, and one of them at a time is transformed and written.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is counted as one: bytes are counted in kibibytes, rounded up.
const UNIT: u64 = 1024;

/// A batch stands in memory as it was read, as it was transformed, and as the driver sends it.
const COPIES: u64 = 3;

/// What one worker may hold. Copies are handles on the same budget.
#[derive(Debug, Clone)]
pub struct Budget {
    free: Arc<Semaphore>,
    units: u32,
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    units: OwnedSemaphorePermit,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn of_bytes(bytes: u64) -> Self {
        let units = u32::try_from((bytes / UNIT).max(1)).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Takes what a batch of so many bytes needs, and waits until others gave it back if need be.
    pub(crate) async fn take(&self, bytes: u64) -> Share {
        let units = self.free.clone().acquire_many_owned(self.units_for(bytes)).await;
        Share { units: units.expect("it is never closed") }
    }

    /// Takes what a batch of so many bytes needs, if that is free now.
    pub(crate) fn take_if_free(&self, bytes: u64) -> Option<Share> {
        let units = self.free.clone().try_acquire_many_owned(self.units_for(bytes));
        units.ok().map(|units| Share { units })
    }

    /// Makes of a share what a batch of so many bytes needs. What is too much is given back. What is
    /// missing is taken if it is free; otherwise the share is given back and all of it waited for.
    pub(crate) async fn fit(&self, share: Option<Share>, bytes: u64) -> Share {
        let Some(Share { mut units }) = share else { return self.take(bytes).await };
        let (has, needs) = (units.num_permits(), self.units_for(bytes));
        if let Some(more) = needs.checked_sub(u32::try_from(has).unwrap_or(u32::MAX)) {
            match self.free.clone().try_acquire_many_owned(more) {
                Ok(more) => units.merge(more),
                Err(_) => {
                    drop(units);
                    return self.take(bytes).await;
                }
            }
        } else {
            drop(units.split(has - needs as usize));
        }
        Share { units }
    }

    fn units_for(&self, bytes: u64) -> u32 {
        let units = bytes.saturating_mul(COPIES).div_ceil(UNIT);
        u32::try_from(units).unwrap_or(u32::MAX).min(self.units)
    }

    /// Bytes that are taken now.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> u64 {
        (u64::from(self.units) - self.free.available_permits() as u64) * UNIT
    }

    /// Bytes that a batch of so many bytes takes, where there is room for all of them.
    #[cfg(test)]
    pub(crate) fn needed(bytes: u64) -> u64 {
        bytes * COPIES
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;
    use tokio::task::JoinSet;

    use super::*;

    /// What is in hands now, and the most that ever was.
    #[derive(Default)]
    struct Hands {
        now: AtomicU64,
        most: AtomicU64,
        alone: AtomicU64,
    }

    /// One slot that carries batches of these sizes.
    async fn slot(budget: Budget, hands: Arc<Hands>, sizes: Vec<u64>, total: u64) {
        for bytes in sizes {
            let share = budget.take(bytes).await;
            let takes = bytes * COPIES;
            let before = hands.now.fetch_add(takes, Ordering::SeqCst);
            if takes > total {
                assert_eq!(before, 0, "what is larger than all is alone");
                hands.alone.fetch_add(1, Ordering::SeqCst);
            } else {
                hands.most.fetch_max(before + takes, Ordering::SeqCst);
            }
            tokio::task::yield_now().await;
            hands.now.fetch_sub(takes, Ordering::SeqCst);
            drop(share);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn slots_together_never_hold_more_than_the_budget_and_all_come_to_an_end(
            kibibytes in 1_u64..200,
            slots in prop::collection::vec(prop::collection::vec(0_u64..300_000, 0..12), 1..8),
        ) {
            let total = kibibytes * UNIT;
            let large = slots.iter().flatten().filter(|bytes| **bytes * COPIES > total).count();
            let hands = Arc::new(Hands::default());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let budget = Budget::of_bytes(total);
                let mut all = JoinSet::new();
                for sizes in slots {
                    all.spawn(slot(budget.clone(), hands.clone(), sizes, total));
                }
                all.join_all().await;
            });
            prop_assert!(hands.most.load(Ordering::SeqCst) <= total);
            prop_assert_eq!(hands.alone.load(Ordering::SeqCst), large as u64);
        }
    }

    #[tokio::test]
    async fn a_large_batch_waits_for_the_small_ones_and_later_ones_wait_for_it() {
        let budget = Budget::of_bytes(30 * UNIT);
        let small = budget.take(UNIT).await;
        let mut large = Box::pin(budget.take(1 << 30));
        let mut later = Box::pin(budget.take(UNIT));
        let waits = |taking: &mut std::pin::Pin<Box<_>>| {
            futures_util::FutureExt::now_or_never(taking).is_none()
        };
        assert!(waits(&mut large) && waits(&mut later), "in turn");
        drop(small);
        let large = large.await;
        assert!(waits(&mut later));
        drop(large);
        later.await;
    }
}
