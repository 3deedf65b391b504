//! What a coordinator does: it looks, the real `next` decides, and it carries out.
//!
//! Modelled is one that ends when its run is paused or stuck and begins again later, as one process
//! does. The leader of a fleet stays instead, does nothing meanwhile, and does not resume what an
//! operator paused; so what it can do is among what is modelled. That it takes over by the beats of
//! the home is modelled as taking over at any time, since nothing true depends on when.

use std::collections::BTreeMap;

use coordinator::next::{self, Known, Rung, next};
use protocol::chunk;
use protocol::clock::Instant;
use protocol::id::ChunkId;
use protocol::run;

use super::machine::{Machine, Mutant};
use super::world::{Coordinator, Decision, Phase, World};

/// The time of every look. That a task was rung for long ago is said by until when it is waited for.
const NOW: Instant = Instant(1_000_000_000);

/// Messages that may wait for one chunk. One in the queue and one in hands are two at work on it;
/// more would wait for the same two workers.
const QUEUE_MAX: u8 = 1;

impl Machine {
    /// Whether the gate can be had exclusively: no chunk transaction is behind it.
    pub(crate) fn gate_is_free(&self, world: &World) -> bool {
        if self.mutant == Mutant::UnlockedGate {
            return true;
        }
        let holds = |w: &super::world::Worker| {
            let step = self.is_step(usize::from(w.chunk));
            w.in_transaction() && (!step || w.phase == Phase::Completed)
        };
        world.target.orphan.is_none() && !world.workers.iter().any(holds)
    }

    /// Moves the run along its real table, under the gate where chunks must have ended, and by a
    /// commit that waits for the disk.
    pub(crate) fn change(&self, world: &mut World, event: run::Event) -> Option<()> {
        if event.shuts_the_door() && !self.gate_is_free(world) {
            return None;
        }
        world.target.run = world.target.run.on(event).ok()?;
        world.target.volatile.clear();
        Some(())
    }

    pub(crate) fn lead(&self, world: &mut World, who: usize) -> Option<()> {
        if world.coordinators[who].leads {
            return None;
        }
        let event = match world.target.run {
            run::State::Planning => run::Event::Started,
            run::State::Running
            | run::State::Paused
            | run::State::Cancelled
            | run::State::Complete
            | run::State::Void => run::Event::Resumed,
        };
        self.change(world, event)?;
        for coordinator in &mut world.coordinators {
            coordinator.latest = false;
        }
        world.coordinators[who] = Coordinator { leads: true, latest: true, ..Coordinator::OFF };
        world.open_and_restore(self.chunks());
        Some(())
    }

    pub(crate) fn look(&self, world: &mut World, who: usize, late: bool) -> Option<()> {
        let before = &world.coordinators[who];
        if !before.leads || !before.decided.is_empty() {
            return None;
        }
        let mut rung = before.rung;
        let Some(ledger) = &world.ledger else {
            world.open_and_restore(self.chunks());
            world.coordinators[who].rung = 0;
            return Some(());
        };
        for chunk in 0..self.chunks() {
            if ledger.states[chunk] != chunk::State::Ready {
                rung &= !bit(chunk);
            }
        }
        let lost: Vec<usize> = chunks_of(rung).filter(|c| !world.is_under_way(*c)).collect();
        if late && lost.is_empty() {
            return None;
        }
        let decided = if self.thinks_the_queue_ran_dry(world, rung) {
            vec![Decision::Complete]
        } else {
            self.decided(&ledger.states, &ledger.tries, rung, if late { &lost } else { &[] })
        };
        if decided.is_empty() && rung == before.rung {
            return None;
        }
        world.coordinators[who].rung = rung;
        world.coordinators[who].decided = decided;
        Some(())
    }

    /// Asks the real `next`.
    fn decided(
        &self,
        states: &[chunk::State],
        tries: &[u8],
        rung: u8,
        lost: &[usize],
    ) -> Vec<Decision> {
        let rung_for = |chunk: usize| Rung {
            until: if lost.contains(&chunk) { NOW } else { NOW.plus_millis(1) },
            times: 1,
        };
        let known = Known {
            states: &states[..self.chunks()],
            attempts: &(0..self.chunks()).map(|c| (id(c), u32::from(tries[c]))).collect(),
            rung: &chunks_of(rung).map(|c| (id(c), rung_for(c))).collect::<BTreeMap<_, _>>(),
            window: 8,
            small: 0,
        };
        let bits = |chunks: Vec<ChunkId>| chunks.iter().fold(0, |bits, c| bits | bit(c.index()));
        let decision = |action| match action {
            next::Action::Release(chunks) => Decision::Release(bits(chunks)),
            next::Action::WearOut(chunks) => Decision::WearOut(bits(chunks)),
            next::Action::Ring(chunk) => Decision::Ring(u8::try_from(chunk.0).expect("a handful")),
            next::Action::Complete => Decision::Complete,
            next::Action::Stuck(_) => Decision::Stuck,
        };
        next(&self.plan, known, NOW).into_iter().map(decision).collect()
    }

    /// Only in a mutant: everything that is not done was rung for, and every message is settled.
    fn thinks_the_queue_ran_dry(&self, world: &World, rung: u8) -> bool {
        let Some(ledger) = world.ledger.as_ref() else { return false };
        let settled = |c: usize| {
            ledger.states[c] == chunk::State::Done || (rung & bit(c) != 0 && !world.is_under_way(c))
        };
        self.mutant == Mutant::CompletionByQueue && (0..self.chunks()).all(settled)
    }

    pub(crate) fn carry_out(&self, world: &mut World, who: usize) -> Option<()> {
        let decision = *world.coordinators[who].decided.first()?;
        match decision {
            Decision::Release(chunks) => {
                // What waits for others is released only after the receipts were asked.
                if chunks_of(chunks).any(|c| self.is_step(c)) && self.believes_too_much(world) {
                    self.rebuild(world, who);
                    return Some(());
                }
                for chunk in chunks_of(chunks) {
                    let waits = |l: &super::world::Ledger| l.states[chunk] == chunk::State::Waiting;
                    if world.ledger.as_ref().is_some_and(waits) {
                        world.tell_ledger(chunk, chunk::Event::Released);
                    }
                }
            }
            Decision::WearOut(chunks) => {
                for chunk in chunks_of(chunks) {
                    world.tell_ledger(chunk, chunk::Event::WornOut);
                }
            }
            Decision::Ring(chunk) => {
                let chunk = usize::from(chunk);
                world.queue[chunk] = (world.queue[chunk] + 1).min(QUEUE_MAX);
                world.coordinators[who].rung |= bit(chunk);
            }
            Decision::Complete => return self.close(world, who),
            Decision::Stuck => {
                world.coordinators[who] = Coordinator::OFF;
                return Some(());
            }
        }
        world.coordinators[who].decided.remove(0);
        Some(())
    }

    /// Asks the target to call the run complete, which it does only if no receipt is missing. A
    /// coordinator whose ledger ran ahead makes it forget, and tells it the truth.
    fn close(&self, world: &mut World, who: usize) -> Option<()> {
        let asks_the_target = match self.mutant {
            Mutant::CompletionByLedger | Mutant::CompletionByQueue => false,
            Mutant::None
            | Mutant::NoUniqueKey
            | Mutant::UnlockedGate
            | Mutant::CommitFirst
            | Mutant::OrderByLedger => true,
        };
        let missing = world.target.receipts[..self.chunks()].contains(&0);
        if !world.target.run.is_final() && asks_the_target && missing {
            if !self.gate_is_free(world) {
                return None;
            }
            world.seen.refused = true;
            self.rebuild(world, who);
            return Some(());
        }
        if !world.target.run.is_final() {
            self.change(world, run::Event::Completed)?;
        }
        world.coordinators[who] = Coordinator::OFF;
        Some(())
    }

    /// The ledger forgets, and is told the truth.
    fn rebuild(&self, world: &mut World, who: usize) {
        world.ledger = None;
        world.open_and_restore(self.chunks());
        world.coordinators[who] =
            Coordinator { rung: 0, decided: vec![], ..world.coordinators[who].clone() };
    }

    /// Whether the ledger says of a chunk that it is done, and its receipt is not there.
    fn believes_too_much(&self, world: &World) -> bool {
        let done = |chunk: usize| {
            world.ledger.as_ref().is_some_and(|l| l.states[chunk] == chunk::State::Done)
        };
        (0..self.chunks()).any(|chunk| done(chunk) && world.target.receipts[chunk] == 0)
    }

    pub(crate) fn ask_home(&self, world: &mut World, who: usize) -> Option<()> {
        let coordinator = &world.coordinators[who];
        let ended = match world.target.run {
            run::State::Planning | run::State::Running | run::State::Complete => false,
            run::State::Paused | run::State::Cancelled | run::State::Void => true,
        };
        if !coordinator.leads || (coordinator.latest && !ended) {
            return None;
        }
        world.coordinators[who] = Coordinator::OFF;
        Some(())
    }
}

fn id(chunk: usize) -> ChunkId {
    ChunkId(u32::try_from(chunk).expect("a handful"))
}

fn bit(chunk: usize) -> u8 {
    1 << chunk
}

fn chunks_of(bits: u8) -> impl Iterator<Item = usize> {
    (0..8).filter(move |chunk| bits & bit(*chunk) != 0)
}
