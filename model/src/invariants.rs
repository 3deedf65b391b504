//! The invariants of `chunk-protocol.md`, by their numbers.

use std::sync::OnceLock;

use super::machine::{Bounds, Machine, Mutant};
use super::reach::reach;
use super::{
    COMPLETE_IS_ALL, COMPLETES, FINDS_DECIDED, FORGETFUL_SERVER, Findings, IN_ORDER, IS_CANCELLED,
    IS_FENCED, IS_REFUSED, IS_TOO_EARLY, LIARS, LIARS_WIDE, NOTHING_LATE, ONE_OUTCOME, QUIET,
    ROWS_IFF_DONE, SIDE_BY_SIDE, TWO_FAULTS, WEARING_OUT, WIPED_AT_WILL, WIPED_WIDE, explore,
};

/// Explored once, and asked by every test that is about it.
fn two_faults() -> &'static Findings {
    static EXPLORED: OnceLock<Findings> = OnceLock::new();
    EXPLORED.get_or_init(|| explore(TWO_FAULTS, Mutant::None, None))
}

fn side_by_side() -> &'static Findings {
    static EXPLORED: OnceLock<Findings> = OnceLock::new();
    EXPLORED.get_or_init(|| explore(SIDE_BY_SIDE, Mutant::None, None))
}

fn holds(findings: &Findings, invariant: &'static str) {
    assert!(findings.states > 10_000, "too little was explored: {} states", findings.states);
    if let Some(way) = findings.found.get(invariant) {
        panic!("broken is {invariant}\n{way}");
    }
}

fn happens(findings: &Findings, what: &'static str) {
    assert!(findings.found.contains_key(what), "never seen: {what}");
}

fn from_everywhere_the_run_can_end(bounds: Bounds) {
    let reach = reach(&Machine::new(bounds, Mutant::None));
    println!("ends from everywhere in {bounds:?}: {} states", reach.states);
    assert!(reach.trapped.is_empty(), "no way on from {:#?}", reach.trapped[0]);
}

#[test]
fn invariant_1_at_most_one_outcome_of_a_chunk_ever_leaves_open() {
    holds(two_faults(), ONE_OUTCOME);
    holds(side_by_side(), ONE_OUTCOME);
}

#[test]
fn invariant_2_rows_are_visible_once_if_and_only_if_done_is() {
    holds(two_faults(), ROWS_IFF_DONE);
    holds(side_by_side(), ROWS_IFF_DONE);
}

#[test]
fn invariant_3_nothing_is_committed_after_the_run_left_running_or_paused() {
    holds(two_faults(), NOTHING_LATE);
    holds(side_by_side(), NOTHING_LATE);
}

#[test]
fn invariant_6_a_complete_run_has_every_chunk_done_and_there_once() {
    holds(two_faults(), COMPLETE_IS_ALL);
    holds(side_by_side(), COMPLETE_IS_ALL);
}

#[test]
fn invariant_7_wiping_ledger_and_broker_at_any_instant_changes_only_time() {
    for bounds in [WIPED_AT_WILL, WIPED_WIDE] {
        let findings = explore(bounds, Mutant::None, None);
        for invariant in [ONE_OUTCOME, ROWS_IFF_DONE, NOTHING_LATE, COMPLETE_IS_ALL, IN_ORDER] {
            holds(&findings, invariant);
        }
        happens(&findings, COMPLETES);
    }
    from_everywhere_the_run_can_end(WIPED_WIDE);
}

#[test]
fn invariant_9_a_chunk_starts_only_after_those_it_depends_on_are_done() {
    holds(two_faults(), IN_ORDER);
    holds(side_by_side(), IN_ORDER);
}

/// As far as a model without a clock can say it: there is always a way on, and it needs nobody.
#[test]
fn invariant_12_once_faults_stop_the_run_can_end_from_everywhere() {
    from_everywhere_the_run_can_end(Bounds { cancels: 0, ..TWO_FAULTS });
    from_everywhere_the_run_can_end(Bounds { cancels: 0, ..SIDE_BY_SIDE });
}

/// A chunk that is parked waits for a person, visibly; with one, the run ends.
#[test]
fn invariant_14_a_parked_chunk_leaves_a_way_on() {
    from_everywhere_the_run_can_end(WEARING_OUT);
}

/// Rows and receipt are lost together, and the target is asked before a run is called complete and
/// before a chunk begins that comes after others: so whatever a crash takes back is redone first.
#[test]
fn a_server_that_forgets_commits_breaks_nothing() {
    let findings = explore(FORGETFUL_SERVER, Mutant::None, None);
    for invariant in [ONE_OUTCOME, ROWS_IFF_DONE, NOTHING_LATE, COMPLETE_IS_ALL, IN_ORDER] {
        holds(&findings, invariant);
    }
    happens(&findings, IS_TOO_EARLY);
    from_everywhere_the_run_can_end(Bounds { cancels: 0, ..FORGETFUL_SERVER });
}

#[test]
fn whoever_lies_in_ledger_or_broker_costs_time_and_nothing_else() {
    for bounds in [LIARS, LIARS_WIDE] {
        let findings = explore(bounds, Mutant::None, None);
        for invariant in [ONE_OUTCOME, ROWS_IFF_DONE, NOTHING_LATE, COMPLETE_IS_ALL, IN_ORDER] {
            holds(&findings, invariant);
        }
        for what in [COMPLETES, IS_TOO_EARLY, IS_REFUSED] {
            happens(&findings, what);
        }
    }
    from_everywhere_the_run_can_end(LIARS_WIDE);
}

#[test]
fn what_the_model_is_about_does_happen_in_it() {
    for what in [COMPLETES, IS_CANCELLED, FINDS_DECIDED, IS_FENCED] {
        happens(two_faults(), what);
        happens(side_by_side(), what);
    }
    // Without faults nobody ever asks too early: a refusal means that a ledger ran ahead.
    let quiet = explore(Bounds { copies: 2, ..QUIET }, Mutant::None, None);
    assert!(!quiet.found.contains_key(IS_REFUSED));
    happens(&quiet, COMPLETES);
}
