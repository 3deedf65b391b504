//! From everywhere a way to the end: what Stateright's `eventually` does not check on graphs with
//! cycles.

use std::collections::HashMap;
use std::rc::Rc;

use stateright::Model as _;

use super::machine::{Action, Machine};
use super::world::World;

/// All states of a machine, and whether the run can end from each without a person's or a
/// fault's doing.
pub(crate) struct Reach {
    /// How many states there are.
    pub(crate) states: usize,
    /// States from which there is no way to the end: none, one hopes.
    pub(crate) trapped: Vec<Rc<World>>,
}

/// Explores all states, faults and all; then walks back from the final ones, over everything but
/// faults, pauses and cancellations.
pub(crate) fn reach(machine: &Machine) -> Reach {
    let mut numbers: HashMap<Rc<World>, usize> = HashMap::new();
    let mut worlds: Vec<Rc<World>> = machine.init_states().into_iter().map(Rc::new).collect();
    numbers.insert(worlds[0].clone(), 0);
    // `before[n]`: states that lead to state `n` once faults have stopped.
    let mut before: Vec<Vec<usize>> = vec![vec![]];
    let mut at = 0;
    while at < worlds.len() {
        for (action, world) in machine.next_steps(&worlds[at]) {
            let number = *numbers.entry(Rc::new(world)).or_insert_with_key(|world| {
                worlds.push(world.clone());
                before.push(vec![]);
                worlds.len() - 1
            });
            if goes_on(action) {
                before[number].push(at);
            }
        }
        at += 1;
    }
    let mut ends: Vec<bool> = worlds.iter().map(|w| w.target.run.is_final()).collect();
    let mut open: Vec<usize> = (0..worlds.len()).filter(|n| ends[*n]).collect();
    while let Some(number) = open.pop() {
        for earlier in std::mem::take(&mut before[number]) {
            if !std::mem::replace(&mut ends[earlier], true) {
                open.push(earlier);
            }
        }
    }
    let states = worlds.len();
    let trapped = worlds.into_iter().zip(ends).filter(|(_, ends)| !ends).map(|(w, _)| w).collect();
    Reach { states, trapped }
}

/// Whether an action is part of going on, rather than of going wrong.
fn goes_on(action: Action) -> bool {
    match action {
        Action::Fault(_) | Action::Pause | Action::Cancel => false,
        Action::Take(..)
        | Action::Step(_)
        | Action::Abandon(_)
        | Action::Lead(_)
        | Action::Look { .. }
        | Action::CarryOut(_)
        | Action::AskHome(_)
        | Action::Lapse(_)
        | Action::Decide { .. }
        | Action::Reopen(_) => true,
    }
}
