//! Who carries chunks, and who came and went: found by comparing what workers say of themselves with
//! what they said before.
//!
//! Who was told of is noted in the ledger, so that the next leader neither greets them again nor
//! misses who was lost while nobody led. Whoever was still there when the last leader was, and is not
//! when the next one looks, counts as lost: nobody heard it go.

use std::collections::BTreeMap;

use protocol::clock::Instant;
use protocol::event::{Change, Fact};
use protocol::id::WorkerId;
use protocol::presence::Presence;
use protocol::wire;

/// A worker that is not heard of for so long is lost. A ledger that forgot everything hears of it
/// again sooner than that.
const LOST_MS: u64 = 4_500;

/// The workers that were told of.
#[derive(Default)]
pub(super) struct Staff {
    members: BTreeMap<WorkerId, Member>,
}

struct Member {
    presence: Presence,
    heard: Instant,
}

impl Staff {
    /// The workers that a leader before told of, as it noted them. They have as long to be heard of
    /// as if they had been just now. A line that is not understood is passed over.
    pub(super) fn noted(note: Option<&str>, now: Instant) -> Self {
        let lines = note.unwrap_or_default().lines();
        let presences = lines.filter_map(|line| wire::presence_from_json(line).ok());
        let member = |presence: Presence| (presence.id.clone(), Member { presence, heard: now });
        Self { members: presences.map(member).collect() }
    }

    /// The workers that were told of, for the next leader: a line each.
    pub(super) fn note(&self) -> String {
        let lines = self.members.values().map(|member| wire::presence_to_json(&member.presence));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What became of workers since the last time. A worker that went before it was ever seen is not
    /// told of.
    pub(super) fn changes(&mut self, there: &[Presence], now: Instant) -> Vec<Fact> {
        let mut facts = Vec::new();
        for one in there.iter().filter(|one| one.is_worker()) {
            // What it is at is not told of, and would be noted for nothing.
            let presence = Presence { on: Vec::new(), trouble: None, knows: None, ..one.clone() };
            let before = self.members.insert(one.id.clone(), Member { presence, heard: now });
            if before.is_none() {
                facts.push(self.fact(&one.id, Change::Came));
            }
            if one.draining && !before.is_some_and(|before| before.presence.draining) {
                facts.push(self.fact(&one.id, Change::Drains));
            }
        }
        let gone: Vec<_> = self
            .members
            .iter()
            .filter_map(|(id, member)| {
                let last = there.iter().find(|one| one.id == *id && one.left);
                let silent = now.micros_since(member.heard) / 1000 >= LOST_MS;
                match (last, silent) {
                    (Some(_), _) => Some((id.clone(), Change::Went)),
                    // It said that it would go, and perhaps nobody looked in time to hear its last word.
                    (None, true) if member.presence.draining => Some((id.clone(), Change::Went)),
                    (None, true) => Some((id.clone(), Change::Lost)),
                    (None, false) => None,
                }
            })
            .collect();
        for (id, change) in gone {
            facts.push(self.fact(&id, change));
            self.members.remove(&id);
        }
        facts
    }

    fn fact(&self, id: &WorkerId, change: Change) -> Fact {
        let member = &self.members[id].presence;
        let (host, slots) = (member.host.clone(), member.slots);
        Fact::Worker { worker: id.clone(), host, slots, change }
    }
}

#[cfg(test)]
mod tests {
    use protocol::presence::Role;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn worker(name: &str) -> Presence {
        Presence {
            id: WorkerId(name.into()),
            role: Role::Worker,
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
            knows: None,
        }
    }

    /// What is told at a second, in short.
    fn told(staff: &mut Staff, there: &[Presence], second: i64) -> Vec<(String, Change)> {
        let short = |fact| {
            let Fact::Worker { worker, slots: 4, change, .. } = fact else { panic!("{fact:?}") };
            (worker.0, change)
        };
        staff.changes(there, Instant(second * SECOND)).into_iter().map(short).collect()
    }

    fn of(name: &str, change: Change) -> (String, Change) {
        (name.to_owned(), change)
    }

    #[test]
    fn who_comes_is_told_once_and_coordinators_never() {
        let mut staff = Staff::default();
        let coordinator = Presence { role: Role::Coordinator, ..worker("c") };
        let there = [worker("a"), coordinator];
        assert_eq!(told(&mut staff, &there, 0), [of("a", Change::Came)]);
        assert_eq!(told(&mut staff, &there, 2), []);
    }

    #[test]
    fn who_goes_drains_and_is_not_lost() {
        let mut staff = Staff::default();
        let last = Presence { left: true, draining: true, slots: 0, ..worker("a") };
        told(&mut staff, &[worker("a")], 0);
        let draining = Presence { draining: true, ..worker("a") };
        assert_eq!(told(&mut staff, std::slice::from_ref(&draining), 2), [of("a", Change::Drains)]);
        assert_eq!(told(&mut staff, &[draining], 4), []);
        assert_eq!(told(&mut staff, std::slice::from_ref(&last), 6), [of("a", Change::Went)]);
        assert_eq!(told(&mut staff, &[last], 8), []);
        assert_eq!(told(&mut staff, &[], 20), []);
    }

    #[test]
    fn who_falls_silent_is_lost_unless_it_was_about_to_go() {
        let mut staff = Staff::default();
        let leaving = Presence { draining: true, ..worker("b") };
        told(&mut staff, &[worker("a"), leaving], 0);
        let both = [of("a", Change::Lost), of("b", Change::Went)];
        assert_eq!(told(&mut staff, &[], 2), []);
        assert_eq!(told(&mut staff, &[], 5), both);
        assert_eq!(told(&mut staff, &[], 9), []);
        assert_eq!(told(&mut staff, &[worker("a")], 11), [of("a", Change::Came)]);
    }

    #[test]
    fn the_next_leader_greets_nobody_again_and_tells_who_was_lost_meanwhile() {
        let mut staff = Staff::default();
        let leaving = Presence { draining: true, ..worker("c") };
        told(&mut staff, &[worker("a"), worker("b"), leaving], 0);
        let note = format!("{}\nprose of a newer build", staff.note());
        let mut next = Staff::noted(Some(&note), Instant(60 * SECOND));
        assert_eq!(told(&mut next, &[worker("a"), worker("d")], 60), [of("d", Change::Came)]);
        let gone = [of("b", Change::Lost), of("c", Change::Went)];
        assert_eq!(told(&mut next, &[worker("a"), worker("d")], 65), gone);
        assert_eq!(
            told(&mut Staff::noted(None, Instant(0)), &[worker("a")], 0),
            [of("a", Change::Came)]
        );
    }

    #[test]
    fn a_ledger_that_forgot_for_a_moment_loses_nobody() {
        let mut staff = Staff::default();
        told(&mut staff, &[worker("a")], 0);
        assert_eq!(told(&mut staff, &[], 2), []);
        assert_eq!(told(&mut staff, &[worker("a")], 4), []);
    }
}
