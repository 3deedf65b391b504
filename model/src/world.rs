//! What is remembered, and by whom: the target, the ledger, the broker, workers, coordinators.

use protocol::chunk;
use protocol::id::AttemptId;
use protocol::run;

/// Chunks that a world has room for; a plan may have fewer.
pub(crate) const CHUNKS_MAX: usize = 3;

/// The whole world at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) target: Target,
    /// The state of each chunk as the ledger remembers it; `None` when it forgot the run.
    pub(crate) ledger: Option<Ledger>,
    /// How many messages for each chunk wait on the broker.
    pub(crate) queue: [u8; CHUNKS_MAX],
    /// Kept sorted: which of two equal workers did something does not matter.
    pub(crate) workers: [Worker; 2],
    /// Kept sorted, too.
    pub(crate) coordinators: [Coordinator; 2],
    /// How much may still go wrong.
    pub(crate) faults_left: u8,
    /// How often a person may still pause the run.
    pub(crate) pauses_left: u8,
    /// How often a person may still cancel it.
    pub(crate) cancels_left: u8,
    pub(crate) seen: Seen,
}

/// What is committed in the target, and what is in flight there without a worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) run: run::State,
    /// How many `done` receipts each chunk has. More than one is a broken invariant.
    pub(crate) receipts: [u8; CHUNKS_MAX],
    /// How often the rows of each chunk are there.
    pub(crate) rows: [u8; CHUNKS_MAX],
    /// The chunk of a transaction whose COMMIT is on its way and whose worker no longer listens.
    /// It holds gate and receipt until the server has decided.
    pub(crate) orphan: Option<u8>,
    /// Commits, in order, that a crash of the server could still take back. Empty where commits
    /// wait for the disk.
    pub(crate) volatile: Vec<u8>,
}

/// What the ledger remembers of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Ledger {
    pub(crate) states: [chunk::State; CHUNKS_MAX],
    /// Claims that ran out, per chunk, up to the limit. Counted only where a limit is modelled.
    pub(crate) tries: [u8; CHUNKS_MAX],
}

/// How far a worker is with the delivery in its hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Nothing in its hands.
    Idle,
    /// It holds a delivery and has not asked the ledger yet.
    Delivered,
    /// It may begin a transaction.
    Cleared,
    /// Its transaction has looked at the run's state; a copy holds the gate from here on.
    Entered,
    /// Its receipt is inserted and open.
    Open,
    /// Rows are written and the receipt is complete; a step holds the gate from here on.
    Completed,
    /// Only in the mutant that commits first: rows are committed, their record is not.
    Unrecorded,
    /// It knows that the receipt is committed.
    Decided,
    /// The ledger was told, or there is nothing to tell: the delivery can be settled.
    Told,
}

/// A worker with one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Worker {
    pub(crate) phase: Phase,
    pub(crate) chunk: u8,
    /// The attempt under which it holds, or once held, the claim.
    pub(crate) claim: Option<u8>,
    /// The server ended its session, and it does not know yet.
    pub(crate) cut_off: bool,
}

impl Worker {
    pub(crate) const IDLE: Self =
        Self { phase: Phase::Idle, chunk: 0, claim: None, cut_off: false };

    /// Whether the server holds a transaction for it.
    pub(crate) fn in_transaction(&self) -> bool {
        !self.cut_off && matches!(self.phase, Phase::Entered | Phase::Open | Phase::Completed)
    }

    /// Whether it holds a delivery of this chunk.
    pub(crate) fn has(&self, chunk: usize) -> bool {
        self.phase != Phase::Idle && usize::from(self.chunk) == chunk
    }
}

/// A coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Coordinator {
    /// It believes that it leads.
    pub(crate) leads: bool,
    /// Its epoch is the latest.
    pub(crate) latest: bool,
    /// Chunks that it rang for, as bits.
    pub(crate) rung: u8,
    /// What it decided at its last look and has not carried out, in order. The world may have
    /// moved on since.
    pub(crate) decided: Vec<Decision>,
}

impl Coordinator {
    pub(crate) const OFF: Self = Self { leads: false, latest: false, rung: 0, decided: Vec::new() };
}

/// `coordinator::next::Action`, small enough to be hashed by the million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Decision {
    /// The chunks as bits.
    WearOut(u8),
    /// The chunks as bits.
    Release(u8),
    Ring(u8),
    Complete,
    Stuck,
}

/// What no state shows by itself: whether something forbidden was seen on the way here, and
/// whether the rare things that the model is about did happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Seen {
    /// A commit while the run's state admitted none.
    pub(crate) late_commit: bool,
    /// A receipt was opened before those of all chunks it depends on were done.
    pub(crate) early_start: bool,
    /// A worker found, by the receipts, that its chunk was rung for too early.
    pub(crate) found_early: bool,
    /// A worker found its chunk decided by another attempt.
    pub(crate) found_decided: bool,
    /// A worker found the run's door shut.
    pub(crate) fenced: bool,
    /// A coordinator asked to complete, and the target refused.
    pub(crate) refused: bool,
}

impl World {
    /// Runs a chunk's event through the real table, if the ledger knows the run. What is out of
    /// turn changes nothing.
    pub(crate) fn tell_ledger(&mut self, chunk: usize, event: chunk::Event) {
        if let Some(ledger) = &mut self.ledger
            && let Ok(state) = ledger.states[chunk].on(event)
        {
            ledger.states[chunk] = state;
        }
    }

    /// What a ledger remembers after `open` and `restore`: what it knew, and every receipt.
    pub(crate) fn open_and_restore(&mut self, chunks: usize) {
        self.ledger.get_or_insert(Ledger {
            states: [chunk::State::Waiting; CHUNKS_MAX],
            tries: [0; CHUNKS_MAX],
        });
        for chunk in 0..chunks {
            if self.target.receipts[chunk] > 0 {
                self.tell_ledger(chunk, chunk::Event::Receipt);
            }
        }
    }

    /// Whether some transaction holds the chunk's receipt, uncommitted.
    pub(crate) fn receipt_in_flight(&self, chunk: u8) -> bool {
        let holds = |w: &Worker| {
            w.in_transaction()
                && w.chunk == chunk
                && matches!(w.phase, Phase::Open | Phase::Completed)
        };
        self.target.orphan == Some(chunk) || self.workers.iter().any(holds)
    }

    /// Whether a message for the chunk is on the broker or in a worker's hands.
    pub(crate) fn is_under_way(&self, chunk: usize) -> bool {
        self.queue[chunk] > 0 || self.workers.iter().any(|worker| worker.has(chunk))
    }

    /// One attempt id that nobody uses for this chunk: the smallest, so that worlds that differ
    /// only in names are one.
    pub(crate) fn fresh_attempt(&self, chunk: usize) -> u8 {
        let taken = |id: u8| {
            let worker = |w: &Worker| w.has(chunk) && w.claim == Some(id);
            let ledger = |l: &Ledger| l.states[chunk] == chunk::State::Claimed(attempt(id));
            self.workers.iter().any(worker) || self.ledger.as_ref().is_some_and(ledger)
        };
        (0..).find(|id| !taken(*id)).expect("two workers and one ledger take three ids at most")
    }
}

/// A small number as the id that the real table wants.
pub(crate) fn attempt(id: u8) -> AttemptId {
    AttemptId(uuid::Uuid::from_u128(u128::from(id)))
}
