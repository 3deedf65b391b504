//! The bytes of rows that a worker has in hands at once, over all its slots and runs.
//!
//! # Promises
//! 1. Batches that are transformed and written at one time never take more than the budget together;
//!    one that is larger than that has it to itself.
//! 2. Whoever waits is served in turn: a large batch is not passed by for ever.
//! 3. A share is only waited for by a slot that holds none, so no two slots wait for each other here.
//!
//! # Not promised
//! What a slot has read and nobody transforms yet is not counted: a batch for each slot, which closes
//! on bytes or is a single row, and what the driver holds of the next.

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
    _units: OwnedSemaphorePermit,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn of_bytes(bytes: u64) -> Self {
        let units = u32::try_from((bytes / UNIT).max(1)).unwrap_or(u32::MAX);
        Self { free: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Takes what a batch of so many bytes needs, and waits until others gave it back if need be.
    pub(crate) async fn take(&self, bytes: u64) -> Share {
        let units = bytes.saturating_mul(COPIES).div_ceil(UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX).min(self.units);
        let units = self.free.clone().acquire_many_owned(units).await;
        Share { _units: units.expect("it is never closed") }
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
