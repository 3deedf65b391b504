//! What breaks, what a person does, and what time does by itself.

use protocol::chunk;
use protocol::run;

use super::machine::{Fault, Machine, Mutant};
use super::world::{Coordinator, Phase, Worker, World, attempt};

impl Machine {
    /// Everything that could break.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![Fault::WipeLedger, Fault::WipeBroker];
        for chunk in 0..self.chunks() {
            faults.extend([Fault::Lose(chunk), Fault::Double(chunk), Fault::Sleep(chunk)]);
        }
        for who in 0..2 {
            faults.extend([Fault::KillWorker(who), Fault::KillCoordinator(who)]);
            faults.extend([Fault::CutOff(who), Fault::LoseAnswer(who), Fault::Rival(who)]);
        }
        if self.bounds.volatile_commits {
            faults.extend((0..=self.chunks()).map(|lost| Fault::CrashTarget { lost }));
        }
        if self.bounds.liars {
            for chunk in 0..self.chunks() {
                faults.extend([Fault::Forge(chunk), Fault::LieReady(chunk), Fault::LieDone(chunk)]);
            }
        }
        faults
    }

    pub(crate) fn break_something(&self, world: &mut World, fault: Fault) -> Option<()> {
        let free = match fault {
            Fault::WipeLedger | Fault::WipeBroker => self.bounds.wipes_are_free,
            Fault::Lose(_)
            | Fault::Double(_)
            | Fault::KillWorker(_)
            | Fault::KillCoordinator(_)
            | Fault::Sleep(_)
            | Fault::CutOff(_)
            | Fault::LoseAnswer(_)
            | Fault::Rival(_)
            | Fault::CrashTarget { .. }
            | Fault::Forge(_)
            | Fault::LieReady(_)
            | Fault::LieDone(_) => false,
        };
        if !free {
            world.faults_left = world.faults_left.checked_sub(1)?;
        }
        match fault {
            Fault::Lose(chunk) => world.queue[chunk] = world.queue[chunk].checked_sub(1)?,
            Fault::Double(chunk) => {
                let doubled = world.queue[chunk] == 0 && world.is_under_way(chunk);
                world.queue[chunk] += u8::from(doubled.then_some(true)?);
            }
            Fault::KillWorker(who) => kill_worker(world, who)?,
            Fault::KillCoordinator(who) => {
                world.coordinators[who].leads.then_some(())?;
                world.coordinators[who] = Coordinator::OFF;
            }
            Fault::Sleep(chunk) => {
                holder(world, chunk)?;
                self.run_out(world, chunk)?;
            }
            Fault::CutOff(who) => {
                world.workers[who].in_transaction().then_some(())?;
                world.workers[who].cut_off = true;
            }
            Fault::LoseAnswer(who) => self.lose_answer(world, who)?,
            Fault::WipeLedger => {
                world.ledger.take()?;
            }
            Fault::WipeBroker => {
                let empty = [0; super::world::CHUNKS_MAX];
                (std::mem::replace(&mut world.queue, empty) != empty).then_some(())?;
            }
            Fault::Rival(who) => {
                world.coordinators.iter().any(|c| c.leads).then_some(())?;
                self.lead(world, who)?;
            }
            Fault::CrashTarget { lost } => self.crash_target(world, lost)?,
            Fault::Forge(chunk) => {
                (world.queue[chunk] == 0).then_some(())?;
                world.queue[chunk] = 1;
            }
            Fault::LieReady(chunk) => {
                let state = &mut world.ledger.as_mut()?.states[chunk];
                (*state == chunk::State::Waiting).then_some(())?;
                *state = chunk::State::Ready;
            }
            Fault::LieDone(chunk) => {
                let state = &mut world.ledger.as_mut()?.states[chunk];
                (*state != chunk::State::Done).then_some(())?;
                *state = chunk::State::Done;
            }
        }
        Some(())
    }

    /// The connection went silent after COMMIT was sent. The worker goes on to a new attempt; the
    /// server may still do either.
    fn lose_answer(&self, world: &mut World, who: usize) -> Option<()> {
        let worker = world.workers[who];
        let sent = worker.in_transaction() && worker.phase == Phase::Completed;
        if !sent || world.target.orphan.is_some() {
            return None;
        }
        world.target.orphan = Some(worker.chunk);
        world.workers[who].phase = Phase::Cleared;
        Some(())
    }

    pub(crate) fn decide(&self, world: &mut World, committed: bool) -> Option<()> {
        let chunk = world.target.orphan.take()?;
        if committed {
            self.commit(world, chunk);
        }
        Some(())
    }

    fn crash_target(&self, world: &mut World, lost: usize) -> Option<()> {
        let kept = world.target.volatile.len().checked_sub(lost)?;
        for chunk in world.target.volatile.split_off(kept) {
            world.target.rows[usize::from(chunk)] -= 1;
            if self.mutant != Mutant::CommitFirst {
                world.target.receipts[usize::from(chunk)] -= 1;
            }
        }
        world.target.volatile.clear();
        world.target.orphan = None;
        for worker in &mut world.workers {
            worker.cut_off |= worker.in_transaction();
        }
        Some(())
    }

    /// A claim whose holder is gone runs out by itself.
    pub(crate) fn lapse(&self, world: &mut World, chunk: usize) -> Option<()> {
        if holder(world, chunk).is_some() {
            return None;
        }
        self.run_out(world, chunk)
    }

    fn run_out(&self, world: &mut World, chunk: usize) -> Option<()> {
        let ledger = world.ledger.as_mut()?;
        let chunk::State::Claimed(claim) = ledger.states[chunk] else { return None };
        if let Some(limit) = self.bounds.tries {
            ledger.tries[chunk] = (ledger.tries[chunk] + 1).min(limit);
        }
        world.tell_ledger(chunk, chunk::Event::Lapsed(claim));
        Some(())
    }

    pub(crate) fn reopen(&self, world: &mut World, chunk: usize) -> Option<()> {
        let ledger = world.ledger.as_mut()?;
        if ledger.states[chunk] != chunk::State::Parked {
            return None;
        }
        ledger.tries[chunk] = 0;
        world.tell_ledger(chunk, chunk::Event::Reopened);
        Some(())
    }

    pub(crate) fn pause(&self, world: &mut World) -> Option<()> {
        world.pauses_left = world.pauses_left.checked_sub(1)?;
        self.change(world, run::Event::Paused)
    }

    pub(crate) fn cancel(&self, world: &mut World) -> Option<()> {
        world.cancels_left = world.cancels_left.checked_sub(1)?;
        self.change(world, run::Event::Cancelled)
    }
}

/// The worker that is alive and holds the chunk's claim.
fn holder(world: &World, chunk: usize) -> Option<&Worker> {
    let state = world.ledger.as_ref()?.states[chunk];
    let holds = |w: &&Worker| {
        w.has(chunk) && w.claim.is_some_and(|id| state == chunk::State::Claimed(attempt(id)))
    };
    world.workers.iter().find(holds)
}

fn kill_worker(world: &mut World, who: usize) -> Option<()> {
    let worker = world.workers[who];
    if worker.phase == Phase::Idle {
        return None;
    }
    let chunk = usize::from(worker.chunk);
    world.queue[chunk] = world.queue[chunk].max(1);
    world.workers[who] = Worker::IDLE;
    Some(())
}
