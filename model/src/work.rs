//! What a worker does with one delivery, and what the target answers.

use protocol::chunk;

use super::machine::{Machine, Mutant};
use super::world::{Phase, Worker, World, attempt};

impl Machine {
    pub(crate) fn take(&self, world: &mut World, who: usize, chunk: usize) -> Option<()> {
        if world.workers[who].phase != Phase::Idle || world.queue[chunk] == 0 {
            return None;
        }
        world.queue[chunk] -= 1;
        let chunk = u8::try_from(chunk).expect("a handful");
        world.workers[who] = Worker { phase: Phase::Delivered, chunk, ..Worker::IDLE };
        Some(())
    }

    /// The next thing, in the order of `chunk-protocol.md`.
    pub(crate) fn step(&self, world: &mut World, who: usize) -> Option<()> {
        let worker = world.workers[who];
        if worker.cut_off {
            // It speaks, and learns that its session is gone: once more, with a new attempt.
            world.workers[who] = Worker { phase: Phase::Cleared, cut_off: false, ..worker };
            return Some(());
        }
        match worker.phase {
            Phase::Idle => return None,
            Phase::Delivered => self.claim(world, who),
            Phase::Cleared => self.enter(world, who),
            Phase::Entered => return self.open(world, who),
            Phase::Open => self.complete(world, who),
            Phase::Completed => {
                self.commit(world, worker.chunk);
                world.workers[who].phase = match self.mutant {
                    Mutant::CommitFirst => Phase::Unrecorded,
                    Mutant::None
                    | Mutant::NoUniqueKey
                    | Mutant::UnlockedGate
                    | Mutant::CompletionByLedger
                    | Mutant::CompletionByQueue
                    | Mutant::OrderByLedger => Phase::Decided,
                };
            }
            Phase::Unrecorded => {
                world.target.receipts[usize::from(worker.chunk)] = 1;
                world.workers[who].phase = Phase::Decided;
            }
            Phase::Decided => {
                world.tell_ledger(usize::from(worker.chunk), chunk::Event::Receipt);
                world.workers[who] = Worker { phase: Phase::Told, claim: None, ..worker };
            }
            Phase::Told => world.workers[who] = Worker::IDLE,
        }
        Some(())
    }

    /// Advice from the ledger. One that forgot forbids nothing.
    fn claim(&self, world: &mut World, who: usize) {
        let chunk = usize::from(world.workers[who].chunk);
        let fresh = world.fresh_attempt(chunk);
        let state = world.ledger.as_ref().map(|ledger| ledger.states[chunk]);
        let (phase, claim) = match state {
            None => (Phase::Cleared, None),
            Some(chunk::State::Ready) => (Phase::Cleared, Some(fresh)),
            Some(
                chunk::State::Claimed(_)
                | chunk::State::Done
                | chunk::State::Parked
                | chunk::State::Waiting,
            ) => (Phase::Told, None),
        };
        if claim.is_some() {
            world.tell_ledger(chunk, chunk::Event::Claimed(attempt(fresh)));
        }
        world.workers[who] = Worker { phase, claim, ..world.workers[who] };
    }

    /// Begins a transaction and looks at the run's state: a copy behind the gate, a step before
    /// it. Nobody holds the gate exclusively for longer than one action of this model. Where the
    /// door is shut, the claim is handed back.
    fn enter(&self, world: &mut World, who: usize) {
        if world.target.run.admits_chunks() {
            world.workers[who].phase = Phase::Entered;
            return;
        }
        world.seen.fenced = true;
        let worker = world.workers[who];
        if let Some(claim) = worker.claim {
            world.tell_ledger(usize::from(worker.chunk), chunk::Event::Lapsed(attempt(claim)));
        }
        world.workers[who] = Worker { phase: Phase::Told, claim: None, ..worker };
    }

    /// Inserts the receipt. The unique key answers: it waits for an attempt in flight, refuses
    /// after one that was committed, and lets in otherwise.
    fn open(&self, world: &mut World, who: usize) -> Option<()> {
        let worker = world.workers[who];
        let chunk = usize::from(worker.chunk);
        let unique = match self.mutant {
            Mutant::NoUniqueKey => false,
            Mutant::None
            | Mutant::UnlockedGate
            | Mutant::CompletionByLedger
            | Mutant::CompletionByQueue
            | Mutant::CommitFirst
            | Mutant::OrderByLedger => true,
        };
        let waits = self.mutant != Mutant::CommitFirst && world.receipt_in_flight(worker.chunk);
        if unique && waits {
            return None;
        }
        if unique && world.target.receipts[chunk] > 0 {
            world.seen.found_decided = true;
            world.workers[who].phase = Phase::Decided;
            return Some(());
        }
        let copies = &world.target.receipts[..self.bounds.copies];
        let early = self.is_step(chunk) && copies.contains(&0);
        if early && self.mutant != Mutant::OrderByLedger {
            self.wait_again(world, who);
            return Some(());
        }
        world.seen.early_start |= early;
        world.workers[who].phase = Phase::Open;
        Some(())
    }

    /// The receipts say that it is too early: the transaction is undone, and the ledger is told.
    fn wait_again(&self, world: &mut World, who: usize) {
        world.seen.found_early = true;
        let worker = world.workers[who];
        if let Some(claim) = worker.claim {
            world.tell_ledger(usize::from(worker.chunk), chunk::Event::Early(attempt(claim)));
        }
        world.workers[who] = Worker { phase: Phase::Told, claim: None, ..worker };
    }

    /// Writes, and completes the receipt. A step takes the gate only now, and looks again; where
    /// the door is shut it is undone, and the worker, beginning once more, finds itself fenced.
    fn complete(&self, world: &mut World, who: usize) {
        let chunk = usize::from(world.workers[who].chunk);
        let looks = self.is_step(chunk) && self.mutant != Mutant::UnlockedGate;
        let shut = looks && !world.target.run.admits_chunks();
        world.workers[who].phase = if shut { Phase::Cleared } else { Phase::Completed };
    }

    /// What a commit makes visible, at once and together.
    pub(crate) fn commit(&self, world: &mut World, chunk: u8) {
        let at = usize::from(chunk);
        world.seen.late_commit |= !world.target.run.admits_chunks();
        world.target.rows[at] += 1;
        if self.mutant != Mutant::CommitFirst {
            world.target.receipts[at] += 1;
        }
        if self.bounds.volatile_commits && !self.is_step(at) {
            world.target.volatile.push(chunk);
        } else {
            // The log is written in order: what came before is on the disk as well.
            world.target.volatile.clear();
        }
    }

    /// A renewal said *taken*: the session is dropped, and its transaction with it.
    pub(crate) fn abandon(&self, world: &mut World, who: usize) -> Option<()> {
        let worker = world.workers[who];
        let claim = attempt(worker.claim?);
        let state = world.ledger.as_ref()?.states[usize::from(worker.chunk)];
        let taken = match state {
            chunk::State::Claimed(holder) => holder != claim,
            chunk::State::Done | chunk::State::Parked => true,
            chunk::State::Waiting | chunk::State::Ready => false,
        };
        let works = match worker.phase {
            Phase::Cleared | Phase::Entered | Phase::Open | Phase::Completed => true,
            Phase::Idle | Phase::Delivered | Phase::Unrecorded | Phase::Decided | Phase::Told => {
                false
            }
        };
        if !taken || !works {
            return None;
        }
        world.workers[who] = Worker { phase: Phase::Told, claim: None, cut_off: false, ..worker };
        Some(())
    }
}
