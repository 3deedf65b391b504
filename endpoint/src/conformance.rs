//! What it means to be an endpoint: one suite, for every engine.
//!
//! Each function is a promise of the crate, and fails by panicking. [`endpoint_conformance!`] stamps
//! a test for each of them, over a [`World`] that makes fresh databases of one engine. The suite
//! itself knows no engine: tables are made through [`Target::design`] and rows come in through a
//! [`crate::Session`], so that whatever passes here can be source and target of any other.
//!
//! [`endpoint_conformance!`]: crate::endpoint_conformance

#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

pub mod catalogue;
pub mod chunk;
pub mod cut;
pub mod home;
pub mod later;
pub mod reading;
pub mod rows;
mod scene;
#[cfg(test)]
mod worlds;
pub mod writing;

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Source, Target};

/// A maker of databases of one engine.
#[async_trait]
pub trait World: Send + Sync {
    /// A new, empty database.
    async fn fresh(&self) -> Database;

    /// Removes all databases that were made. Called once, after the case passed or failed.
    async fn end(&self);
}

/// A database, opened as target and as source.
#[derive(Clone)]
pub struct Database {
    /// Where rows are written.
    pub target: Arc<dyn Target>,
    /// The same place, where rows are read.
    pub source: Arc<dyn Source>,
}

/// Runs a case in a world, and ends the world also when the case fails.
pub async fn hold<C>(world: Arc<dyn World>, case: C)
where
    C: FnOnce(Arc<dyn World>) -> Pin<Box<dyn Future<Output = ()> + Send>>,
{
    let ended = tokio::spawn(case(Arc::clone(&world))).await;
    world.end().await;
    if let Err(error) = ended {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// Stamps a `#[tokio::test]` for each case of the suite. The argument makes an `Arc<dyn World>`
/// and is awaited.
#[macro_export]
macro_rules! endpoint_conformance {
    ($world:expr) => {
        $crate::endpoint_conformance! { @each $world;
            reading::every_row_comes_once,
            reading::null_and_empty_text_stay_apart,
            reading::batches_close_on_bytes_and_a_large_row_still_comes,
            reading::a_limit_takes_the_first_rows_of_the_key,
            reading::a_filter_chooses_rows_and_nonsense_is_named,
            reading::a_held_moment_does_not_see_later_rows,
            reading::counters_notice_a_writer,
            cut::ranges_partition_whole_numbers,
            cut::ranges_partition_texts,
            cut::ranges_partition_composite_keys,
            cut::ranges_respect_the_filter,
            cut::an_empty_table_has_no_bounds,
            chunk::rows_and_receipt_appear_together_and_only_after_commit,
            chunk::a_dropped_session_leaves_nothing,
            chunk::a_session_serves_many_chunks,
            chunk::a_rollback_leaves_nothing_and_the_session_goes_on,
            chunk::a_done_chunk_is_decided,
            chunk::who_is_at_work_can_be_seen_or_nobody_is_named,
            chunk::what_comes_before_is_told_by_receipts_and_only_once_they_stand,
            chunk::a_second_attempt_waits_and_is_decided,
            chunk::a_second_attempt_waits_and_goes_on_where_the_first_gave_up,
            chunk::chunks_of_a_run_that_is_over_are_fenced,
            chunk::a_run_that_is_not_stored_is_fenced,
            chunk::a_paused_run_still_admits_chunks,
            chunk::pausing_does_not_wait_for_chunks_in_flight,
            chunk::cancelling_waits_for_chunks_in_flight,
            chunk::chunks_of_one_table_run_side_by_side,
            chunk::a_long_step_finds_the_door_shut,
            chunk::a_receipt_is_completed_once_and_by_its_own_attempt,
            chunk::steps_run_once,
            chunk::a_failed_step_leaves_nothing,
            writing::refused_rows_are_undone_and_others_stay,
            writing::null_is_refused_where_it_is_forbidden,
            writing::a_released_savepoint_keeps_its_rows,
            writing::rejects_stand_with_their_chunk_only,
            writing::rejects_are_counted_one_after_the_other,
            writing::upsert_overwrites_and_inserts,
            writing::update_overwrites_and_counts_what_is_there,
            writing::tables_are_emptied_with_the_receipt_or_not_at_all,
            writing::links_are_left_empty_and_filled,
            writing::faults_quote_no_values,
            rows::slices_partition_and_give_back_what_was_written,
            rows::the_raw_lane_carries_every_row_as_it_was,
            rows::values_of_every_type_survive,
            rows::hostile_names_are_names,
            catalogue::what_was_designed_is_what_stands_there,
            catalogue::emptiness_is_noticed,
            catalogue::places_and_identities_tell_databases_apart,
            catalogue::our_own_tables_are_not_listed,
            home::an_untouched_target_has_no_runs,
            home::a_run_is_kept_as_it_was_stored,
            home::a_plan_of_many_chunks_comes_back_whole,
            home::installing_and_storing_twice_changes_nothing,
            home::a_table_has_one_owner,
            home::chunks_are_asked_after_one_by_one,
            home::leading_counts_up,
            home::one_leads_of_those_who_come_at_once,
            home::a_leader_is_heard_of_until_another_leads,
            home::what_operators_ask_is_kept,
            home::a_run_is_complete_when_every_chunk_is_done,
            home::only_a_run_that_is_over_is_forgotten,
            home::samples_are_replaced_and_go_when_the_chunk_is_done,
            home::what_the_source_counted_is_noted,
            home::workers_at_a_run_are_counted,
            later::what_was_done_to_a_run_is_kept,
            later::a_revised_plan_takes_the_place_of_the_stored_one,
            later::a_revision_touches_nothing_that_is_done,
            later::rejects_are_settled_with_their_receipt,
            later::what_a_run_made_is_dropped_as_it_is_rolled_back,
        }
    };
    (@each $world:expr; $($room:ident :: $case:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $case() {
                let case = |world: std::sync::Arc<dyn $crate::conformance::World>| {
                    Box::pin(async move {
                        $crate::conformance::$room::$case(&*world).await;
                    }) as std::pin::Pin<Box<dyn std::future::Future<Output = ()> + Send>>
                };
                $crate::conformance::hold($world.await, case).await;
            }
        )*
    };
}
