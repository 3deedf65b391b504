//! How chunks move, and who may move them.

use std::time::Duration;

use protocol::chunk::{Event, State};
use protocol::id::ChunkId;

use super::{Bench, TTL, attempt, run, worker};
use crate::{Claim, Hold, Holder};

const FIRST: Claim = Claim::Claimed { tries: 1 };
const SECOND: Claim = Claim::Claimed { tries: 2 };

/// Releasing moves what waits, and nothing else.
pub async fn a_released_chunk_is_ready_and_releasing_again_changes_nothing(bench: &Bench) {
    bench.ledger.open(run(1), 3).await.unwrap();
    bench.ledger.release(run(1), &[ChunkId(1)]).await.unwrap();
    assert_eq!(bench.checkpoints().await.states, [State::Waiting, State::Ready, State::Waiting]);
    assert_eq!(bench.claim(1, 1).await, FIRST);
    bench.ledger.release(run(1), &[ChunkId(1)]).await.unwrap();
    assert_eq!(bench.state(1).await, State::Claimed(attempt(1)));
}

/// The target has spoken: no state resists.
pub async fn a_receipt_ends_a_chunk_from_any_state(bench: &Bench) {
    let run = bench.ready(4).await;
    bench.claim(1, 1).await;
    bench.claim(2, 2).await;
    bench.ledger.record(run, ChunkId(2), Event::Parked(attempt(2))).await.unwrap();
    bench.ledger.restore(run, &[ChunkId(3)]).await.unwrap();
    for chunk in (0..4).map(ChunkId) {
        assert!(bench.ledger.record(run, chunk, Event::Receipt).await.unwrap());
    }
    assert_eq!(bench.checkpoints().await.states, [State::Done; 4]);
    assert!(bench.checkpoints().await.holders.is_empty());
}

/// Every other state is an answer of its own.
pub async fn only_what_is_ready_is_claimed(bench: &Bench) {
    let run = run(1);
    bench.ledger.open(run, 4).await.unwrap();
    bench.ledger.release(run, &[1, 2, 3].map(ChunkId)).await.unwrap();
    bench.ledger.restore(run, &[ChunkId(1)]).await.unwrap();
    bench.claim(2, 9).await;
    bench.ledger.record(run, ChunkId(2), Event::Parked(attempt(9))).await.unwrap();

    assert_eq!(bench.claim(0, 1).await, Claim::Waiting);
    assert_eq!(bench.claim(1, 1).await, Claim::Done);
    assert_eq!(bench.claim(2, 1).await, Claim::Parked);
    assert_eq!(bench.claim(3, 1).await, FIRST);
    assert_eq!(bench.claim(4, 1).await, Claim::Unknown);
}

/// One attempt at a time.
pub async fn a_claim_is_exclusive_while_its_time_lasts(bench: &Bench) {
    bench.ready(1).await;
    assert_eq!(bench.claim(0, 1).await, FIRST);
    bench.time.pass(TTL - Duration::from_secs(1)).await;
    assert_eq!(bench.claim(0, 2).await, Claim::AliveElsewhere);
    assert_eq!(bench.state(0).await, State::Claimed(attempt(1)));
}

/// Whoever did not hear the answer may ask again.
pub async fn asking_twice_with_one_attempt_is_asking_once(bench: &Bench) {
    bench.ready(1).await;
    assert_eq!(bench.claim(0, 1).await, FIRST);
    assert_eq!(bench.claim(0, 1).await, FIRST);
    assert_eq!(bench.attempts(0).await, 0);
}

/// A claim that ran out is nobody's, even before it was reaped.
pub async fn a_claim_that_ran_out_is_taken_over_and_counted(bench: &Bench) {
    bench.ready(1).await;
    bench.claim(0, 1).await;
    bench.time.pass(TTL).await;
    assert_eq!(bench.claim(0, 2).await, SECOND);
    assert_eq!(bench.state(0).await, State::Claimed(attempt(2)));
    assert_eq!(bench.attempts(0).await, 1);
}

/// Renewing moves the end of the claim.
pub async fn a_renewed_claim_lasts(bench: &Bench) {
    let run = bench.ready(1).await;
    bench.claim(0, 1).await;
    for _ in 0..5 {
        bench.time.pass(TTL / 2).await;
        let hold = bench.ledger.renew(run, ChunkId(0), attempt(1), TTL).await.unwrap();
        assert_eq!(hold, Hold::Held);
    }
    assert_eq!(bench.claim(0, 2).await, Claim::AliveElsewhere);
    assert!(bench.ledger.reap(run).await.unwrap().is_empty());
}

/// Held, taken, or unknown; only *taken* abandons a chunk.
pub async fn a_renewal_says_who_has_the_chunk(bench: &Bench) {
    let run = bench.ready(4).await;
    let renew =
        async |chunk: u32| bench.ledger.renew(run, ChunkId(chunk), attempt(1), TTL).await.unwrap();
    assert_eq!(renew(0).await, Hold::Unknown, "it is ready, and nobody's");
    bench.claim(1, 1).await;
    bench.time.pass(TTL).await;
    assert_eq!(renew(1).await, Hold::Held, "it ran out, and nobody noticed");
    bench.claim(2, 2).await;
    assert_eq!(renew(2).await, Hold::Taken, "another attempt has it");
    bench.ledger.restore(run, &[ChunkId(3)]).await.unwrap();
    assert_eq!(renew(3).await, Hold::Taken, "it is done");
    bench.ledger.record(run, ChunkId(2), Event::Parked(attempt(2))).await.unwrap();
    assert_eq!(renew(2).await, Hold::Taken, "it is parked");
    assert_eq!(renew(9).await, Hold::Unknown, "there is no such chunk");
}

/// Reaping returns the chunks whose claim ran out, and counts a try for each.
pub async fn reaping_frees_what_ran_out_and_nothing_else(bench: &Bench) {
    let run = bench.ready(3).await;
    bench.claim(0, 1).await;
    bench.time.pass(TTL / 2).await;
    bench.claim(1, 2).await;
    bench.time.pass(TTL / 2).await;
    assert_eq!(bench.ledger.reap(run).await.unwrap(), [ChunkId(0)]);
    assert!(bench.ledger.reap(run).await.unwrap().is_empty());

    let states = [State::Ready, State::Claimed(attempt(2)), State::Ready];
    assert_eq!(bench.checkpoints().await.states, states);
    assert_eq!((bench.attempts(0).await, bench.attempts(1).await), (1, 0));
}

/// A zombie changes nothing, except by a receipt.
pub async fn a_claim_that_is_over_cannot_be_ended_by_its_former_holder(bench: &Bench) {
    let run = bench.ready(1).await;
    bench.claim(0, 1).await;
    bench.time.pass(TTL).await;
    bench.claim(0, 2).await;
    for event in [Event::Lapsed(attempt(1)), Event::Parked(attempt(1))] {
        assert!(!bench.ledger.record(run, ChunkId(0), event).await.unwrap());
    }
    assert!(!bench.ledger.hand_back(run, ChunkId(0), attempt(1)).await.unwrap());
    assert_eq!(bench.state(0).await, State::Claimed(attempt(2)));
    assert_eq!(bench.attempts(0).await, 1);
    assert!(bench.ledger.record(run, ChunkId(0), Event::Receipt).await.unwrap());
}

/// For a run that lives in one process and begins again.
pub async fn lapsing_all_spares_no_claim(bench: &Bench) {
    let run = bench.ready(3).await;
    bench.claim(0, 1).await;
    bench.claim(2, 2).await;
    assert_eq!(bench.ledger.lapse_all(run).await.unwrap(), [ChunkId(0), ChunkId(2)]);
    assert_eq!(bench.checkpoints().await.states, [State::Ready; 3]);
    assert_eq!(bench.claim(0, 3).await, SECOND);
    assert_eq!(bench.claim(1, 3).await, FIRST);
}

/// A shutdown is no fault of the chunk; a fault is.
pub async fn handing_back_counts_no_try(bench: &Bench) {
    let run = bench.ready(2).await;
    bench.claim(0, 1).await;
    assert!(bench.ledger.hand_back(run, ChunkId(0), attempt(1)).await.unwrap());
    assert!(!bench.ledger.hand_back(run, ChunkId(0), attempt(1)).await.unwrap());
    assert_eq!(bench.claim(0, 2).await, FIRST);

    bench.claim(1, 1).await;
    assert!(bench.ledger.record(run, ChunkId(1), Event::Lapsed(attempt(1))).await.unwrap());
    assert_eq!(bench.claim(1, 2).await, SECOND);
}

/// One that was claimed too early waits again, to be released by whoever asks the receipts.
pub async fn a_chunk_that_is_too_early_waits_again_and_counts_no_try(bench: &Bench) {
    let run = bench.ready(1).await;
    bench.claim(0, 1).await;
    assert!(!bench.ledger.record(run, ChunkId(0), Event::Early(attempt(2))).await.unwrap());
    assert!(bench.ledger.record(run, ChunkId(0), Event::Early(attempt(1))).await.unwrap());
    assert_eq!((bench.state(0).await, bench.attempts(0).await), (State::Waiting, 0));
    bench.ledger.release(run, &[ChunkId(0)]).await.unwrap();
    assert_eq!(bench.claim(0, 2).await, FIRST);
}

/// Parking keeps the count, reopening begins a new one.
pub async fn a_parked_chunk_waits_for_a_person_who_starts_the_count_anew(bench: &Bench) {
    let run = bench.ready(1).await;
    bench.claim(0, 1).await;
    bench.ledger.record(run, ChunkId(0), Event::Lapsed(attempt(1))).await.unwrap();
    bench.claim(0, 2).await;
    assert!(bench.ledger.record(run, ChunkId(0), Event::Parked(attempt(2))).await.unwrap());
    assert_eq!((bench.state(0).await, bench.attempts(0).await), (State::Parked, 2));

    assert!(bench.ledger.record(run, ChunkId(0), Event::Reopened).await.unwrap());
    assert_eq!(bench.attempts(0).await, 0);
    assert_eq!(bench.claim(0, 3).await, FIRST);
}

/// Delivery is at least once: a done chunk hears of its former life and stays as it is.
pub async fn late_news_about_a_done_chunk_counts_no_try(bench: &Bench) {
    let run = bench.ready(1).await;
    bench.claim(0, 1).await;
    bench.ledger.record(run, ChunkId(0), Event::Receipt).await.unwrap();
    for event in [Event::Lapsed(attempt(1)), Event::Parked(attempt(1)), Event::Receipt] {
        assert!(bench.ledger.record(run, ChunkId(0), event).await.unwrap());
    }
    assert_eq!((bench.state(0).await, bench.attempts(0).await), (State::Done, 0));
}

/// Who works on what can be seen, and until when.
pub async fn the_holders_are_those_of_the_claimed_chunks(bench: &Bench) {
    let run = bench.ready(2).await;
    bench.claim(0, 1).await;
    bench.claim(1, 2).await;
    bench.ledger.record(run, ChunkId(0), Event::Lapsed(attempt(1))).await.unwrap();
    let holders = bench.checkpoints().await.holders;
    assert_eq!(holders.keys().collect::<Vec<_>>(), [&ChunkId(1)]);
    let Holder { worker: name, until } = &holders[&ChunkId(1)];
    assert_eq!(*name, worker("worker 2"));

    bench.time.pass(TTL / 2).await;
    bench.ledger.renew(run, ChunkId(1), attempt(2), TTL).await.unwrap();
    assert!(bench.checkpoints().await.holders[&ChunkId(1)].until > *until);
}
