//! The chunk protocol, tried in every order of events within bounds.
//!
//! # What is modelled
//! Two workers with one slot each; two coordinators that may both believe they lead; a ledger, a
//! broker and a target between them. Three parts are the real ones: what may happen to a chunk
//! (`protocol::chunk::State::on`), what may happen to a run (`protocol::run::State::on`), and what
//! a coordinator decides (`coordinator::next`). The rest is their surroundings as
//! `chunk-protocol.md` and the contracts of `endpoint`, `ledger` and `broker` describe them:
//!
//! - the **target**: receipts behind a unique key that makes a second attempt wait for the first,
//!   the gate, the run's state, and how often the rows of each chunk are there. Commits wait for
//!   the disk, except in [`FORGETFUL_SERVER`], which is PostgreSQL with `synchronous_commit = off`.
//! - **copies**, which hold the gate from their beginning, and a **step** that waits for all
//!   copies and holds the gate only from the completion of its receipt on.
//! - **what breaks**: messages lost and doubled; workers and coordinators killed, workers that
//!   stand still while their claim runs out and then continue (zombies), sessions that the server
//!   ends, COMMITs whose answer is lost while the server may yet do either, ledger and broker
//!   wiped, a rival coordinator; and a person who pauses and cancels.
//! - **who lies**, in [`LIARS`]: a message that nobody sent, and a ledger that says of a chunk that it
//!   is ready, or done, when it is not.
//!
//! # What is not
//! Rows inside a chunk, rejects and gears (a chunk's rows are one counter); rollback of a whole run
//! (`void`); several targets; bounds on waiting, since a model has no clock: what may take long is
//! an action that may come late. Calls to the ledger within one decision are one action. At most
//! one message per chunk waits on the broker and one more is in each worker's hands.
//!
//! # Bounds, and states explored
//! Each test prints its own count. When this was written:
//!
//! | bounds | chunks | faults | states |
//! |---|---|---|---|
//! | [`TWO_FAULTS`] | copy, step | any two, a pause, a cancel | 729,852 |
//! | [`SIDE_BY_SIDE`] | two copies, step | any one, a pause, a cancel | 422,374 |
//! | [`WIPED_AT_WILL`] | copy, step | any one; wipes without end | 827,614 |
//! | [`WIPED_WIDE`] | two copies, step | wipes without end | 233,554 |
//! | [`FORGETFUL_SERVER`] | copy, step | any two, a cancel; the server may lose commits | 302,745 |
//! | [`WEARING_OUT`] | copy, step | any two; one lapse parks a chunk | 182,755 |
//!
//! Whether the run can still end is asked of the same graphs, backwards from the final states:
//! see [`reach`]. Stateright's `eventually` says nothing about paths that end in a cycle.

#![cfg(test)]

mod invariants;
mod lead;
mod machine;
mod mutants;
mod reach;
mod trouble;
mod work;
mod world;

use std::collections::BTreeMap;

use protocol::run;
use stateright::{Checker as _, HasDiscoveries, Model as _, Path, Property};

use machine::{Action, Bounds, Machine, Mutant};
use world::World;

const ONE_OUTCOME: &str = "1: at most one outcome of a chunk ever leaves open";
const ROWS_IFF_DONE: &str = "2: a chunk's rows are visible, once, if and only if its done is";
const NOTHING_LATE: &str = "3: nothing is committed after the run left running or paused";
const COMPLETE_IS_ALL: &str = "6: in a complete run every chunk is done and there once";
const IN_ORDER: &str = "9: a chunk starts only after those it depends on are done";

const COMPLETES: &str = "a run completes";
const IS_CANCELLED: &str = "a run is cancelled";
const FINDS_DECIDED: &str = "an attempt finds its chunk decided by another";
const IS_FENCED: &str = "an attempt finds the door shut";
const IS_TOO_EARLY: &str = "an attempt finds that what it comes after is not done";
const IS_REFUSED: &str = "a coordinator asks to complete too early and is refused";

const QUIET: Bounds = Bounds {
    copies: 1,
    faults: 0,
    pauses: 0,
    cancels: 0,
    wipes_are_free: false,
    volatile_commits: false,
    liars: false,
    tries: None,
};

/// Few chunks, and two faults that may meet.
const TWO_FAULTS: Bounds = Bounds { faults: 2, pauses: 1, cancels: 1, ..QUIET };

/// Copies side by side, and one fault.
const SIDE_BY_SIDE: Bounds = Bounds { copies: 2, faults: 1, pauses: 1, cancels: 1, ..QUIET };

/// Ledger and broker may be wiped whenever, beside one fault of another kind.
const WIPED_AT_WILL: Bounds = Bounds { faults: 1, wipes_are_free: true, ..QUIET };

/// The same with copies side by side and no other fault.
const WIPED_WIDE: Bounds = Bounds { copies: 2, wipes_are_free: true, ..QUIET };

/// Copies commit without waiting for the disk, and the server may crash and forget the last ones.
const FORGETFUL_SERVER: Bounds = Bounds { faults: 2, cancels: 1, volatile_commits: true, ..QUIET };

/// Whoever can write to ledger and broker lies: twice, or once where copies go side by side.
const LIARS: Bounds = Bounds { faults: 2, liars: true, ..QUIET };
const LIARS_WIDE: Bounds = Bounds { copies: 2, faults: 1, liars: true, ..QUIET };

/// A claim that runs out once parks its chunk until a person reopens it.
const WEARING_OUT: Bounds = Bounds { faults: 2, tries: Some(1), ..QUIET };

/// What an exploration found.
struct Findings {
    /// How many states there are, or were seen until it stopped.
    states: usize,
    /// Broken properties with the way to a world that breaks them, and things that should happen
    /// with a way to one where they did.
    found: BTreeMap<&'static str, String>,
}

/// Explores all that can happen, or until `until` is found.
fn explore(bounds: Bounds, mutant: Mutant, until: Option<&'static str>) -> Findings {
    // One thread, when a way is looked for, finds one that is among the shortest.
    let (threads, enough) = match until {
        None => (2, HasDiscoveries::All),
        Some(name) => (1, HasDiscoveries::AllOf([name].into())),
    };
    let machine = Machine::new(bounds, mutant);
    let checker = machine.checker().threads(threads).finish_when(enough).spawn_bfs().join();
    let way = |path: Path<World, Action>| path.into_vec().iter().map(line).collect::<String>();
    let found = checker.discoveries().into_iter().map(|(name, path)| (name, way(path))).collect();
    let states = checker.unique_state_count();
    println!("{mutant:?} in {bounds:?}: {states} states");
    Findings { states, found }
}

/// One step of a way, for people.
fn line((world, action): &(World, Option<Action>)) -> String {
    match action {
        None => String::new(),
        Some(Action::Step(who)) => format!("  Step({who}) of {:?}\n", world.workers[*who]),
        Some(action) => format!("  {action:?}\n"),
    }
}

fn properties() -> Vec<Property<Machine>> {
    vec![
        Property::always(ONE_OUTCOME, |_, world: &World| {
            world.target.receipts.iter().all(|done| *done <= 1)
        }),
        Property::always(ROWS_IFF_DONE, |_, world: &World| {
            let mut both = world.target.rows.iter().zip(&world.target.receipts);
            both.all(|(rows, done)| *rows == (*done).min(1))
        }),
        Property::always(NOTHING_LATE, |_, world: &World| !world.seen.late_commit),
        Property::always(COMPLETE_IS_ALL, |machine: &Machine, world: &World| {
            let once = |counts: &[u8]| counts[..machine.chunks()].iter().all(|n| *n == 1);
            world.target.run != run::State::Complete
                || (once(&world.target.rows) && once(&world.target.receipts))
        }),
        Property::always(IN_ORDER, |_, world: &World| !world.seen.early_start),
        Property::sometimes(COMPLETES, |_, w: &World| w.target.run == run::State::Complete),
        Property::sometimes(IS_CANCELLED, |_, w: &World| w.target.run == run::State::Cancelled),
        Property::sometimes(FINDS_DECIDED, |_, w: &World| w.seen.found_decided),
        Property::sometimes(IS_FENCED, |_, w: &World| w.seen.fenced),
        Property::sometimes(IS_TOO_EARLY, |_, w: &World| w.seen.found_early),
        Property::sometimes(IS_REFUSED, |_, w: &World| w.seen.refused),
    ]
}
