//! Protocols that are built wrongly. Each must be caught, by the invariant that it breaks: a model
//! that cannot fail proves nothing.

use super::machine::{Bounds, Mutant};
use super::{
    COMPLETE_IS_ALL, FORGETFUL_SERVER, IN_ORDER, LIARS, NOTHING_LATE, ONE_OUTCOME, ROWS_IFF_DONE,
    TWO_FAULTS, explore,
};

fn is_caught(mutant: Mutant, bounds: Bounds, by: &'static str) {
    let findings = explore(bounds, mutant, Some(by));
    let way = findings.found.get(by).unwrap_or_else(|| panic!("{mutant:?} does not break {by}"));
    println!("{mutant:?} breaks {by}\n{way}");
}

#[test]
fn receipts_without_a_unique_key_break_invariant_1() {
    is_caught(Mutant::NoUniqueKey, TWO_FAULTS, ONE_OUTCOME);
}

#[test]
fn a_gate_that_is_not_held_until_the_commit_breaks_invariant_3() {
    is_caught(Mutant::UnlockedGate, TWO_FAULTS, NOTHING_LATE);
}

#[test]
fn completion_by_the_ledger_breaks_invariant_6() {
    is_caught(Mutant::CompletionByLedger, LIARS, COMPLETE_IS_ALL);
}

#[test]
fn completion_by_the_queue_breaks_invariant_6() {
    is_caught(Mutant::CompletionByQueue, TWO_FAULTS, COMPLETE_IS_ALL);
}

/// A forged message is enough, and so is a commit that a crash took back after the ledger heard of it.
#[test]
fn order_by_the_ledger_breaks_invariant_9() {
    is_caught(Mutant::OrderByLedger, LIARS, IN_ORDER);
    is_caught(Mutant::OrderByLedger, FORGETFUL_SERVER, IN_ORDER);
}

/// The usual way, and the usual end of it: a run that is complete and has rows twice.
#[test]
fn committing_first_and_recording_later_breaks_invariants_2_and_6() {
    is_caught(Mutant::CommitFirst, TWO_FAULTS, ROWS_IFF_DONE);
    is_caught(Mutant::CommitFirst, TWO_FAULTS, COMPLETE_IS_ALL);
}
