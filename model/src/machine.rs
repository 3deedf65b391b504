//! The model as Stateright wants it: which actions there are, and what each does.

use protocol::id::{ChunkId, EntityId, Environment};
use protocol::mapping::{Consistency, Limits, OnSnapshotLost};
use protocol::plan::Work;
use protocol::plan::{
    After, Chunk, DrawnFrom, Guarantee, Plan, Range, Side, Stage, Step, StepKind,
};
use protocol::run;
use protocol::schema::Engine;
use stateright::{Model, Property};

use super::world::{CHUNKS_MAX, Coordinator, Seen, Target, Worker, World};

/// How far the model is let go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Copies of one entity; a step that waits for all of them comes on top.
    pub(crate) copies: usize,
    /// How many faults, of any kind, in one life.
    pub(crate) faults: u8,
    /// How often a person may pause, and how often cancel.
    pub(crate) pauses: u8,
    pub(crate) cancels: u8,
    /// Ledger and broker may be wiped at any instant, as often as wanted, at no charge.
    pub(crate) wipes_are_free: bool,
    /// Copies commit without waiting for the disk, and the server may crash.
    pub(crate) volatile_commits: bool,
    /// Whoever can write to the ledger or the broker lies about order.
    pub(crate) liars: bool,
    /// Claims that may run out before a chunk is parked; `None` for no limit.
    pub(crate) tries: Option<u8>,
}

/// One thing built wrongly, to see that the properties notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// Everything as designed.
    None,
    /// A second receipt for a chunk is inserted like the first.
    NoUniqueKey,
    /// A chunk looks at the run's state without holding the gate until its commit.
    UnlockedGate,
    /// A run is complete when the ledger says that every chunk is done.
    CompletionByLedger,
    /// A run is complete when every chunk was rung for and every message is acknowledged.
    CompletionByQueue,
    /// Rows are committed, and that they are is recorded afterwards.
    CommitFirst,
    /// What a chunk comes after is believed to be done because the ledger released it.
    OrderByLedger,
}

/// Something that happens. Numbers are places in the world's sorted lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// A worker takes a message for a chunk.
    Take(usize, usize),
    /// A worker does the next thing that its phase asks for.
    Step(usize),
    /// A worker learns that its claim is another's, and drops the chunk.
    Abandon(usize),
    /// A coordinator begins to lead, which also starts or resumes the run.
    Lead(usize),
    /// A coordinator looks at the ledger and decides. `late`: long enough after it rang that what
    /// got lost counts as lost.
    Look { who: usize, late: bool },
    /// A coordinator carries out the first of its decisions.
    CarryOut(usize),
    /// A coordinator asks the home target whether it still leads, and whether it should go on.
    AskHome(usize),
    /// A claim that nobody renews runs out.
    Lapse(usize),
    /// The server decides a transaction whose worker no longer listens.
    Decide { committed: bool },
    /// A person gives a parked chunk another try.
    Reopen(usize),
    /// A person pauses the run.
    Pause,
    /// A person cancels it.
    Cancel,
    /// Something breaks.
    Fault(Fault),
}

/// What breaks. Numbers as in [`Action`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A message for a chunk is lost.
    Lose(usize),
    /// A message for a chunk comes twice: published twice, or delivered again.
    Double(usize),
    /// A worker dies. Its transaction ends, its message comes back, its claim stays.
    KillWorker(usize),
    /// A coordinator dies.
    KillCoordinator(usize),
    /// A worker stands still so long that its claim runs out. Later it continues as if nothing
    /// had happened.
    Sleep(usize),
    /// The server ends a worker's session; the worker finds out when it next speaks.
    CutOff(usize),
    /// A worker sent COMMIT and hears nothing.
    LoseAnswer(usize),
    /// The ledger forgets everything.
    WipeLedger,
    /// The broker forgets everything.
    WipeBroker,
    /// A second coordinator begins to lead while the first still does.
    Rival(usize),
    /// The target's server crashes, and the last so many volatile commits with it.
    CrashTarget { lost: usize },
    /// Somebody sends a message for a chunk that nobody rang for.
    Forge(usize),
    /// Somebody tells the ledger that a chunk that waits is ready.
    LieReady(usize),
    /// Somebody tells the ledger that a chunk without a receipt is done.
    LieDone(usize),
}

/// The model.
pub(crate) struct Machine {
    pub(crate) bounds: Bounds,
    pub(crate) mutant: Mutant,
    pub(crate) plan: Plan,
}

impl Machine {
    pub(crate) fn new(bounds: Bounds, mutant: Mutant) -> Self {
        Self { plan: plan(bounds), bounds, mutant }
    }

    /// How many chunks the plan has.
    pub(crate) fn chunks(&self) -> usize {
        self.plan.chunks.len()
    }

    /// Whether the chunk is the step, which waits for all copies.
    pub(crate) fn is_step(&self, chunk: usize) -> bool {
        chunk == self.bounds.copies
    }
}

/// Copies of one entity, and a step that waits for them. Before [`Stage::Copy`] nothing is to do.
fn plan(bounds: Bounds) -> Plan {
    let side = |name: &str| Side { environment: Environment(name.into()), engine: Engine::Memory };
    let chunk = |at: usize| {
        let id = ChunkId(u32::try_from(at).expect("a handful"));
        let entity = Some(EntityId(0));
        if at < bounds.copies {
            let work = Work::Copy(Range::default());
            return Chunk {
                id,
                stage: Stage::Copy,
                entity,
                work,
                after: vec![],
                weight: 1,
                retries: None,
            };
        }
        let step = Step {
            kind: StepKind::Key,
            what: "a key".into(),
            statements: vec![],
            destructive: false,
            orphans: None,
            parts: Vec::new(),
        };
        let after = vec![After::Entity(EntityId(0), Stage::Copy)];
        Chunk {
            id,
            stage: Stage::Finish,
            entity,
            work: Work::Step(step),
            after,
            weight: 1,
            retries: None,
        }
    };
    let nothing = String::new;
    Plan {
        migration: "model".into(),
        from: side("a"),
        to: side("b"),
        consistency: Consistency::Drifting,
        on_snapshot_lost: OnSnapshotLost::Stop,
        guarantee: Guarantee::ExactlyOnce,
        limits: Limits { attempts: bounds.tries.map_or(u32::MAX, u32::from), ..Limits::default() },
        entities: vec![],
        chunks: (0..=bounds.copies).map(chunk).collect(),
        charsets: Default::default(),
        notes: vec![],
        drawn_from: DrawnFrom { migration: nothing(), source: nothing(), target: nothing() },
        origin: None,
    }
}

impl Model for Machine {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        assert!(self.chunks() <= CHUNKS_MAX, "the world has room for so many chunks only");
        vec![World {
            target: Target {
                run: run::State::Planning,
                receipts: [0; CHUNKS_MAX],
                rows: [0; CHUNKS_MAX],
                orphan: None,
                volatile: vec![],
            },
            ledger: None,
            queue: [0; CHUNKS_MAX],
            workers: [Worker::IDLE; 2],
            coordinators: [Coordinator::OFF, Coordinator::OFF],
            faults_left: self.bounds.faults,
            pauses_left: self.bounds.pauses,
            cancels_left: self.bounds.cancels,
            seen: Seen::default(),
        }]
    }

    /// All that could be thought of; what cannot happen in this world, `next_state` refuses.
    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for who in 0..2 {
            actions.extend((0..self.chunks()).map(|chunk| Action::Take(who, chunk)));
            actions.extend([Action::Step(who), Action::Abandon(who)]);
            actions.extend([Action::Lead(who), Action::CarryOut(who), Action::AskHome(who)]);
            actions.extend([false, true].map(|late| Action::Look { who, late }));
        }
        actions.extend((0..self.chunks()).map(Action::Lapse));
        actions.extend([true, false].map(|committed| Action::Decide { committed }));
        if self.bounds.tries.is_some() {
            actions.extend((0..self.chunks()).map(Action::Reopen));
        }
        actions.extend([Action::Pause, Action::Cancel]);
        if world.faults_left > 0 || self.bounds.wipes_are_free {
            actions.extend(self.faults().into_iter().map(Action::Fault));
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut world = world.clone();
        match action {
            Action::Take(who, chunk) => self.take(&mut world, who, chunk),
            Action::Step(who) => self.step(&mut world, who),
            Action::Abandon(who) => self.abandon(&mut world, who),
            Action::Lead(who) => {
                let alone = world.coordinators.iter().all(|c| !c.leads);
                if alone { self.lead(&mut world, who) } else { None }
            }
            Action::Look { who, late } => self.look(&mut world, who, late),
            Action::CarryOut(who) => self.carry_out(&mut world, who),
            Action::AskHome(who) => self.ask_home(&mut world, who),
            Action::Lapse(chunk) => self.lapse(&mut world, chunk),
            Action::Decide { committed } => self.decide(&mut world, committed),
            Action::Reopen(chunk) => self.reopen(&mut world, chunk),
            Action::Pause => self.pause(&mut world),
            Action::Cancel => self.cancel(&mut world),
            Action::Fault(fault) => self.break_something(&mut world, fault),
        }?;
        world.workers.sort_unstable();
        world.coordinators.sort_unstable();
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        super::properties()
    }
}
