//! What every ledger must do: one suite, stamped for each by [`crate::ledger_conformance`].
//!
//! The suite never waits for time to pass: it is handed something that lets it pass.
#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

mod events;
mod fleet;
mod life;
mod memory;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use protocol::chunk::State;
use protocol::clock::{Clock, Instant};
use protocol::id::{AttemptId, ChunkId, RunId, WorkerId};
use uuid::Uuid;

use crate::{Checkpoints, Claim, Ledger};

pub use events::*;
pub use fleet::*;
pub use life::*;
pub use memory::*;

/// A ledger on the bench. It is empty, and nobody else uses it.
pub struct Bench {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// What lets its time pass.
    pub time: Arc<dyn Time>,
    /// What is cleaned up after the ledger is gone.
    pub litter: Option<Box<dyn Any + Send + Sync>>,
}

/// Something that lets time pass by a ledger's clock.
#[async_trait]
pub trait Time: Send + Sync {
    /// Returns when so much has passed.
    async fn pass(&self, time: Duration);
}

/// A clock that stands still until it is told to go on.
#[derive(Debug, Default)]
pub struct SteppedClock(AtomicI64);

impl Clock for SteppedClock {
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Time for SteppedClock {
    async fn pass(&self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).unwrap();
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

/// Stamps the suite for one ledger: `ledger_conformance!(a future of a new Bench)`. Each test is
/// a `tokio::test` in a module `conformance`.
#[macro_export]
macro_rules! ledger_conformance {
    ($bench:expr) => {
        $crate::ledger_conformance! {
            $bench;
            a_run_is_unknown_once
            a_memory_of_another_plan_is_thrown_away
            a_released_chunk_is_ready_and_releasing_again_changes_nothing
            a_receipt_ends_a_chunk_from_any_state
            only_what_is_ready_is_claimed
            a_claim_is_exclusive_while_its_time_lasts
            asking_twice_with_one_attempt_is_asking_once
            a_claim_that_ran_out_is_taken_over_and_counted
            a_renewed_claim_lasts
            a_renewal_says_who_has_the_chunk
            reaping_frees_what_ran_out_and_nothing_else
            a_claim_that_is_over_cannot_be_ended_by_its_former_holder
            lapsing_all_spares_no_claim
            handing_back_counts_no_try
            a_parked_chunk_waits_for_a_person_who_starts_the_count_anew
            late_news_about_a_done_chunk_counts_no_try
            the_holders_are_those_of_the_claimed_chunks
            what_is_unknown_stays_unknown
            two_runs_do_not_see_each_other
            rebuilding_may_be_repeated
            forgetting_leaves_nothing
            a_forgotten_run_is_rebuilt_from_receipts
            events_come_back_in_order_and_in_parts
            movements_reach_those_who_watch_and_are_not_kept
            events_need_no_open_run
            a_wait_ends_with_a_change_or_with_its_time
            a_change_before_the_wait_is_not_missed
            several_may_wait_for_one_change
            notes_are_kept_by_key
            runs_are_listed_latest_first
            whoever_is_there_says_so_again_and_again
            whoever_leaves_is_gone_at_once
            a_bucket_gives_what_flows_into_it
            a_changed_rate_holds_at_once
            a_place_holds_no_more_than_it_may
            a_permit_that_is_not_renewed_ends
            a_reader_of_a_stream_that_began_anew_hears_of_a_gap
        }
    };
    ($bench:expr; $($test:ident)*) => {
        mod conformance {
            #[allow(unused_imports, reason = "the expression may need nothing from outside")]
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    let bench = $bench.await;
                    $crate::conformance::$test(&bench).await;
                }
            )*
        }
    };
}

const TTL: Duration = Duration::from_secs(30);

/// Longer than any suite takes; a wait that is woken ends at once.
const PATIENCE: Duration = Duration::from_secs(60);

fn run(number: u128) -> RunId {
    RunId(Uuid::from_u128(0x0192_d3b4_0000_7000_8000_0000_0000_0000 + number))
}

fn attempt(number: u128) -> AttemptId {
    AttemptId(Uuid::from_u128(number))
}

fn worker(name: &str) -> WorkerId {
    WorkerId(name.to_owned())
}

impl Bench {
    /// Opens run 1 with so many chunks, all released.
    async fn ready(&self, chunks: u32) -> RunId {
        self.ledger.open(run(1), chunks).await.unwrap();
        let all: Vec<_> = (0..chunks).map(ChunkId).collect();
        self.ledger.release(run(1), &all).await.unwrap();
        run(1)
    }

    async fn claim(&self, chunk: u32, by: u128) -> Claim {
        let name = worker(&format!("worker {by}"));
        self.ledger.claim(run(1), ChunkId(chunk), attempt(by), &name, TTL).await.unwrap()
    }

    async fn checkpoints(&self) -> Checkpoints {
        self.ledger.checkpoints(run(1)).await.unwrap().unwrap()
    }

    async fn state(&self, chunk: usize) -> State {
        self.checkpoints().await.states[chunk]
    }

    async fn attempts(&self, chunk: u32) -> u32 {
        self.checkpoints().await.attempts.get(&ChunkId(chunk)).copied().unwrap_or(0)
    }
}
