//! A panic, ours or a driver's, stays with the chunk or the run that met it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use protocol::run::State;

use super::house::House;

/// Panics so often, as a driver does that reads an absurd length.
fn gives_up(times: u32) -> impl Fn() + Send + Sync {
    let left = AtomicU32::new(times);
    move || {
        let again =
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if again.is_ok() {
            let absurd: usize = "18446744073709551615".parse().unwrap();
            drop(Vec::<u64>::with_capacity(absurd));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_chunk_is_a_fault_of_that_chunk_which_is_tried_again() {
    for at in [worker::Point::Read, worker::Point::Begun, worker::Point::Completed] {
        let mut house = House::new();
        let panics = gives_up(2);
        house.probe = Arc::new(move |point| {
            if point == at {
                panics();
            }
        });
        let run = house.submit().await;
        let _fleet = house.staffed(1, 2);
        house.until(run, State::Complete).await;
        house.assert_equal();
        assert!(house.faulted(run, "panicked").await, "{at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_outside_of_a_try_costs_a_delivery() {
    let mut house = House::new();
    let panics = gives_up(2);
    house.probe = Arc::new(move |point| {
        if point == worker::Point::Claimed {
            panics();
        }
    });
    let run = house.submit().await;
    let _fleet = house.staffed(1, 2);
    house.until(run, State::Complete).await;
    house.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_drive_is_a_fault_of_that_run_which_is_led_again() {
    let mut house = House::new();
    let panics = gives_up(2);
    house.drives = Arc::new(move |point| {
        if point == coordinator::Point::Rung {
            panics();
        }
    });
    let run = house.submit().await;
    let _fleet = house.staffed(1, 2);
    house.until(run, State::Complete).await;
    house.assert_equal();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panics_whoever_leads_it_is_paused_and_says_why() {
    let mut house = House::new();
    let panics = gives_up(u32::MAX);
    house.drives = Arc::new(move |point| {
        if point == coordinator::Point::Rung {
            panics();
        }
    });
    let run = house.submit().await;
    let _fleet = house.staffed(2, 2);
    house.until(run, State::Paused).await;
    assert!(house.found(run, "panicked").await);
}
