//! Who of a fleet is there to carry a run, and why those who are there could not.

use protocol::id::Environment;
use protocol::presence::{Presence, Role};

/// Why nobody of these roles would carry a run between two environments, or not all who are there: a
/// line for each reason, with the way out. Empty when all of them can.
pub(crate) fn hindrances(
    between: [&Environment; 2],
    there: &[Presence],
    roles: &[Role],
) -> Vec<String> {
    roles.iter().flat_map(|role| of_role(between, there, *role)).collect()
}

fn of_role(between: [&Environment; 2], there: &[Presence], role: Role) -> Vec<String> {
    let mut present =
        there.iter().filter(|one| one.role == role && !one.left && !one.draining).peekable();
    let word = role.as_str();
    if present.peek().is_none() {
        return vec![format!("no {word} is running; start one: longhaul {word} --file FILE")];
    }
    let present: Vec<_> = present.collect();
    let lacked = |name: &Environment| lacked(name, &present, word);
    between.into_iter().filter_map(lacked).collect()
}

/// What follows where not all know an environment.
fn lacked(name: &Environment, present: &[&Presence], word: &str) -> Option<String> {
    const WAY_OUT: &str = "add it under `environments` in their file, and restart them";
    let lacking: Vec<_> = present.iter().filter(|one| one.lacks(name)).collect();
    match lacking.as_slice() {
        [] => None,
        [one, ..] if lacking.len() < present.len() => Some(format!(
            "{} of {} {word}s do not know the environment `{name}`, {} among them; {WAY_OUT}",
            lacking.len(),
            present.len(),
            one.id,
        )),
        _ => Some(format!("no {word} knows the environment `{name}`; {WAY_OUT}")),
    }
}

#[cfg(test)]
mod tests {
    use protocol::clock::Instant;
    use protocol::id::WorkerId;

    use super::*;

    fn one(id: &str, role: Role, knows: Option<&[&str]>) -> Presence {
        let named = |names: &[&str]| names.iter().map(|name| Environment((*name).into())).collect();
        Presence {
            id: WorkerId(id.into()),
            role,
            host: "nightjar".into(),
            pid: 1,
            version: "0.1.0".into(),
            protocol: 1,
            slots: 4,
            since: Instant(0),
            on: Vec::new(),
            leads: Vec::new(),
            draining: false,
            trouble: None,
            left: false,
            knows: knows.map(named),
        }
    }

    fn said(there: &[Presence]) -> Vec<String> {
        let [old, new] = ["old", "new"].map(|name| Environment(name.into()));
        hindrances([&old, &new], there, &[Role::Coordinator, Role::Worker])
    }

    #[test]
    fn all_who_know_both_or_do_not_say_are_believed_to_carry_it() {
        let both = Some(["new", "old", "other"].as_slice());
        let there = [one("c", Role::Coordinator, both), one("w", Role::Worker, None)];
        assert_eq!(said(&there), [""; 0]);
    }

    #[test]
    fn who_is_missing_or_does_not_know_is_named_with_the_way_out() {
        let gone = Presence { left: true, ..one("g", Role::Worker, None) };
        let drains = Presence { draining: true, ..one("d", Role::Worker, None) };
        let there = [one("c", Role::Coordinator, Some(&["old"])), gone, drains];
        assert_eq!(
            said(&there),
            [
                "no coordinator knows the environment `new`; add it under `environments` in their \
                 file, and restart them",
                "no worker is running; start one: longhaul worker --file FILE",
            ]
        );
        let both = Some(["old", "new"].as_slice());
        let there = [
            one("c", Role::Coordinator, both),
            one("v", Role::Worker, Some(&["new"])),
            one("w", Role::Worker, both),
        ];
        assert_eq!(
            said(&there),
            ["1 of 2 workers do not know the environment `old`, v among them; add it under \
              `environments` in their file, and restart them"]
        );
    }
}
