//! What every broker must do: one suite, stamped for each by [`crate::broker_conformance`].
//!
//! The suite allows what a real broker does: tasks out of order, and a task twice. It waits for
//! deliveries with a bound and never for silence; that a task is gone is seen by another one
//! arriving in its stead.
#![expect(clippy::unwrap_used, reason = "a suite fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use protocol::clock::Instant;
use protocol::id::{ChunkId, RunId};
use tokio::time::timeout;

use crate::{Broker, Delivery, Task};

/// Long enough for a broker on a busy machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(30);

/// Stamps the suite for one broker: `broker_conformance!(expression for a new, empty broker)`.
/// Each test is a `tokio::test` in a module `conformance`.
#[macro_export]
macro_rules! broker_conformance {
    ($new:expr) => {
        $crate::broker_conformance! {
            $new;
            a_published_task_is_delivered
            a_task_arrives_with_all_that_it_carries
            a_waiting_worker_hears_the_bell
            an_unsettled_task_comes_back
            a_settled_task_is_gone
            a_task_rung_again_after_it_was_taken_comes_again
            a_wait_that_was_given_up_loses_nothing
            every_task_reaches_one_of_several_workers
            purging_throws_away_what_nobody_took
            what_is_in_hands_survives_a_purge
            closing_ends_every_wait
            closing_twice_is_closing_once
        }
    };
    ($new:expr; $($test:ident)*) => {
        mod conformance {
            #[allow(unused_imports, reason = "the expression may need nothing from outside")]
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    let broker = $new;
                    $crate::conformance::$test(&broker).await;
                }
            )*
        }
    };
}

fn task(chunk: u32) -> Task {
    let run = "0192d3b4-0000-7000-8000-000000000001".parse::<RunId>().unwrap();
    Task::new(run, ChunkId(chunk), 1)
}

async fn take(broker: &dyn Broker) -> Delivery {
    timeout(PATIENCE, broker.next()).await.expect("a task within the bound").unwrap().unwrap()
}

/// Polls a wait once and gives it up.
async fn glance(broker: &dyn Broker) {
    let seen = timeout(Duration::ZERO, broker.next()).await;
    assert!(seen.is_err(), "nothing was rung for, and something came");
}

/// What was published is what arrives.
pub async fn a_published_task_is_delivered(broker: &dyn Broker) {
    broker.publish(task(7)).await.unwrap();
    let delivery = take(broker).await;
    assert_eq!(*delivery.task(), task(7));
    delivery.settle().await.unwrap();
}

/// Priority and trace arrive with the address.
pub async fn a_task_arrives_with_all_that_it_carries(broker: &dyn Broker) {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
    let task = Task {
        priority: Task::PRIORITY_MAX,
        trace: Some(trace),
        rung: Some(Instant(7_000_000)),
        ..task(7)
    };
    broker.publish(task).await.unwrap();
    let delivery = take(broker).await;
    assert_eq!(*delivery.task(), task);
    delivery.settle().await.unwrap();
}

/// A worker that asked first gets the task that comes later.
pub async fn a_waiting_worker_hears_the_bell(broker: &dyn Broker) {
    let (delivery, published) = tokio::join!(biased; take(broker), broker.publish(task(1)));
    published.unwrap();
    assert_eq!(*delivery.task(), task(1));
    delivery.settle().await.unwrap();
}

/// Dropping a delivery says nothing, so the task is offered again.
pub async fn an_unsettled_task_comes_back(broker: &dyn Broker) {
    broker.publish(task(1)).await.unwrap();
    for _ in 0..3 {
        drop(take(broker).await);
    }
    let delivery = take(broker).await;
    assert_eq!(*delivery.task(), task(1));
    delivery.settle().await.unwrap();
}

/// A settled task does not come again.
pub async fn a_settled_task_is_gone(broker: &dyn Broker) {
    broker.publish(task(1)).await.unwrap();
    take(broker).await.settle().await.unwrap();
    broker.publish(task(2)).await.unwrap();
    let delivery = take(broker).await;
    assert_eq!(*delivery.task(), task(2));
    delivery.settle().await.unwrap();
}

/// A task in somebody's hands swallows no later ring for it.
pub async fn a_task_rung_again_after_it_was_taken_comes_again(broker: &dyn Broker) {
    broker.publish(task(1)).await.unwrap();
    let first = take(broker).await;
    broker.publish(task(1)).await.unwrap();
    let second = take(broker).await;
    assert_eq!(first.task(), second.task());
    first.settle().await.unwrap();
    second.settle().await.unwrap();
}

/// A wait may be dropped at any time.
pub async fn a_wait_that_was_given_up_loses_nothing(broker: &dyn Broker) {
    glance(broker).await;
    broker.publish(task(1)).await.unwrap();
    let delivery = take(broker).await;
    assert_eq!(*delivery.task(), task(1));
    delivery.settle().await.unwrap();
}

/// Several workers share the tasks, and none is overlooked.
pub async fn every_task_reaches_one_of_several_workers(broker: &dyn Broker) {
    const TASKS: usize = 200;
    let seen = Mutex::new(BTreeSet::new());
    let work = async || {
        while let Some(delivery) = timeout(PATIENCE, broker.next()).await.unwrap().unwrap() {
            let all = {
                let mut seen = seen.lock().unwrap();
                seen.insert(*delivery.task());
                seen.len() == TASKS
            };
            delivery.settle().await.unwrap();
            if all {
                broker.close().await;
            }
            tokio::task::yield_now().await;
        }
    };
    let ring = async {
        for chunk in 0..TASKS as u32 {
            broker.publish(task(chunk)).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(work(), work(), work(), ring);
    assert_eq!(seen.into_inner().unwrap(), (0..TASKS as u32).map(task).collect());
}

/// A new leader begins with an empty queue.
pub async fn purging_throws_away_what_nobody_took(broker: &dyn Broker) {
    for chunk in 0..5 {
        broker.publish(task(chunk)).await.unwrap();
    }
    broker.purge().await.unwrap();
    broker.publish(task(9)).await.unwrap();
    let delivery = take(broker).await;
    assert_eq!(*delivery.task(), task(9));
    delivery.settle().await.unwrap();
}

/// A purge takes nothing out of anybody's hands.
pub async fn what_is_in_hands_survives_a_purge(broker: &dyn Broker) {
    broker.publish(task(1)).await.unwrap();
    let held = take(broker).await;
    broker.purge().await.unwrap();
    drop(held);
    let delivery = take(broker).await;
    assert_eq!(*delivery.task(), task(1));
    delivery.settle().await.unwrap();
}

/// Whoever waits, and whoever comes later, gets `None`.
pub async fn closing_ends_every_wait(broker: &dyn Broker) {
    let next = || timeout(PATIENCE, broker.next());
    let (one, two, ()) = tokio::join!(biased; next(), next(), broker.close());
    assert!(one.unwrap().unwrap().is_none());
    assert!(two.unwrap().unwrap().is_none());
    assert!(next().await.unwrap().unwrap().is_none());
}

/// Closing again changes nothing, and drops of deliveries after it are harmless.
pub async fn closing_twice_is_closing_once(broker: &dyn Broker) {
    broker.publish(task(1)).await.unwrap();
    let held = take(broker).await;
    broker.close().await;
    broker.close().await;
    drop(held);
    assert!(timeout(PATIENCE, broker.next()).await.unwrap().unwrap().is_none());
}
