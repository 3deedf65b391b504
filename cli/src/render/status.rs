//! How far a run is.

mod far;
mod fleet;

use std::collections::BTreeMap;

use coordinator::report::Check;
use ledger::Checkpoints;
use protocol::chunk;
use protocol::event::{Event, Fact};
use protocol::history::{Entry, last_verified};
use protocol::plan::{Plan, Stage};
use protocol::receipt::{Receipt, Spent};
use protocol::run::{Record, State};
use serde::Serialize;

use super::report::{checked, grouped};
use super::{spent, visible};
use crate::assemble;
use crate::person::{Driver, Pause};
use crate::progress::{counted, span};
use far::Far;
pub(crate) use fleet::Fleet;

/// People are told of so many entities' time; JSON has them all.
const ENTITIES_MAX: usize = 5;

/// How far a run is, and what can be done.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    run: String,
    migration: String,
    state: State,
    from: String,
    to: String,
    created: String,
    ended: Option<String>,
    resumes: u64,
    leader_changes: u64,
    rows_written: u64,
    rows_rejected: u64,
    /// How far the copy is, how fast, and what is left.
    progress: Far,
    /// How long ago its leader was last heard of, by the target's own clock.
    heard_seconds_ago: Option<u64>,
    /// Where the time of the chunks went that are done.
    spent: Spent,
    entities: Vec<EntityTime>,
    stages: Vec<StageStatus>,
    parked: Vec<Parked>,
    next: Option<String>,
    fleet: Option<Fleet>,
    /// Who drives it, or drove it last, where it lives in a process.
    driver: Option<Driver>,
    /// Why it is paused, where it is.
    pause: Option<Pause>,
    /// The last time that `verify` read the target back: when, by whom, what was found.
    verified: Option<Check>,
    other_runs: Vec<Other>,
}

/// Where the time of an entity's chunks went.
#[derive(Debug, Serialize)]
struct EntityTime {
    entity: String,
    spent: Spent,
}

#[derive(Debug, Serialize)]
struct StageStatus {
    stage: Stage,
    done: usize,
    planned: usize,
}

#[derive(Debug, Serialize)]
struct Parked {
    chunk: u32,
    what: String,
    code: String,
    message: String,
    advice: String,
}

#[derive(Debug, Serialize)]
struct Other {
    run: String,
    migration: String,
    state: State,
    created: String,
}

impl Status {
    /// Adds up what is known. `known` and `events` are this machine's ledger, which may know
    /// nothing of a run that is driven elsewhere.
    pub(crate) fn of(
        record: &Record,
        plan: &Plan,
        receipts: &[Receipt],
        known: Option<Checkpoints>,
        events: &[Event],
        others: &[Record],
        fleet: Option<Fleet>,
    ) -> Self {
        let done: std::collections::BTreeSet<_> = receipts.iter().map(|r| r.chunk).collect();
        let stage = |stage| {
            let of_stage = || plan.chunks.iter().filter(move |c| c.stage == stage);
            let done = of_stage().filter(|c| done.contains(&c.id)).count();
            StageStatus { stage, done, planned: of_stage().count() }
        };
        let copies = receipts
            .iter()
            .filter(|r| plan.chunk(r.chunk).is_some_and(|chunk| chunk.stage == Stage::Copy));
        let rows_written = copies.map(|receipt| receipt.written.rows).sum();
        let rows_rejected = coordinator::report::rejected(plan, receipts);
        let next = next(record, fleet.is_some());
        Self {
            run: record.run.to_string(),
            migration: record.migration.clone(),
            state: record.state,
            from: record.from.to_string(),
            to: record.to.to_string(),
            created: record.created.to_string(),
            ended: record.ended.map(|at| at.to_string()),
            resumes: record.resumes(),
            leader_changes: record.leader_changes(),
            rows_written,
            rows_rejected,
            progress: Far::of(record, plan, receipts, assemble::clock().now()),
            heard_seconds_ago: record.led_ms_ago.map(|ms| ms / 1000),
            spent: coordinator::report::spent(receipts),
            entities: entities(plan, receipts),
            stages: Stage::ALL.into_iter().map(stage).collect(),
            parked: parked(known, events),
            next,
            fleet,
            driver: None,
            pause: None,
            verified: None,
            other_runs: others.iter().filter(|o| o.run != record.run).map(other).collect(),
        }
    }

    /// The same, with what was done to the run.
    pub(crate) fn with(mut self, record: &Record, history: &[Entry]) -> Self {
        self.driver = Driver::of(record, history);
        self.pause = Pause::of(record, history);
        self.verified = last_verified(history).map(|(entry, tables)| Check::of(entry, tables));
        self
    }

    /// Where the time went, over the run and for the entities that took most of it.
    fn time(&self) -> String {
        let Some(line) = spent::line(&self.spent) else { return String::new() };
        let mut out = format!("  {line}\n");
        for EntityTime { entity, spent } in self.entities.iter().take(ENTITIES_MAX) {
            out += &spent::line(spent).map(|l| format!("    {entity}: {l}\n")).unwrap_or_default();
        }
        out
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut out = format!(
            "run {} of {}: {}\n  {} → {}, started {}{}\n  {} written, {} rejected\n",
            self.run,
            self.migration,
            self.state,
            self.from,
            self.to,
            self.created,
            often("resumed", self.resumes) + &often("its leader changed", self.leader_changes),
            counted(self.rows_written, "row", "rows"),
            grouped(self.rows_rejected),
        );
        out += &self.progress.text(self.state.is_final());
        let unnamed = self.driver.is_none() && !self.state.is_final();
        if let Some(heard) = self.heard_seconds_ago.filter(|_| unnamed) {
            out += &format!("  last heard of {} ago\n", span(heard));
        }
        for stage in &self.stages {
            out += &format!("  {:<8} {}/{}\n", stage.stage.as_str(), stage.done, stage.planned);
        }
        out += &self.time();
        for parked in &self.parked {
            out += &format!(
                "  parked: {} [{}]: {}\n          {}\n",
                visible::text(&parked.what),
                visible::text(&parked.code),
                visible::text(&parked.message),
                visible::text(&parked.advice),
            );
        }
        if let Some(pause) = &self.pause {
            out += &format!("  {}\n", visible::text(&pause.sentence()));
        }
        if let Some(driver) = &self.driver {
            out += &format!("  {}\n", visible::text(&driver.sentence()));
        }
        if let Some(check) = &self.verified {
            out += &format!("  verified {}\n", visible::text(&checked(check)));
        }
        let alive = self.driver.as_ref().map(|driver| driver.alive);
        match (&self.next, &self.fleet) {
            (Some(_), None) if alive == Some(true) => {}
            (Some(next), None) if alive == Some(false) => out += &format!("  next: {next}\n"),
            (Some(next), None) => out += &format!("  if nobody is driving it: {next}\n"),
            (next, Some(fleet)) => {
                out += &fleet.text();
                out += &next.iter().map(|next| format!("  next: {next}\n")).collect::<String>();
            }
            (None, None) => {}
        }
        for other in &self.other_runs {
            out += &format!(
                "also here: {} of {}: {}, started {}\n",
                other.run, other.migration, other.state, other.created
            );
        }
        out
    }
}

/// How often something happened to it, where it did.
fn often(what: &str, times: u64) -> String {
    match times {
        0 => String::new(),
        1 => format!(", {what} once"),
        more => format!(", {what} {more} times"),
    }
}

/// Where the time of each entity's chunks went, the longest first; entities of which nothing is
/// done are left out.
fn entities(plan: &Plan, receipts: &[Receipt]) -> Vec<EntityTime> {
    let mut spent = BTreeMap::<_, Spent>::new();
    for receipt in receipts {
        if let Some(entity) = plan.chunk(receipt.chunk).and_then(|chunk| chunk.entity) {
            let sum = spent.entry(entity).or_default();
            *sum = sum.and(receipt.spent);
        }
    }
    let named = |(id, spent)| EntityTime { entity: plan.entity(id).target.to_string(), spent };
    let mut entities: Vec<_> = spent.into_iter().map(named).collect();
    entities.sort_by_key(|entity| std::cmp::Reverse(spent::busy(&entity.spent)));
    entities
}

/// What a person can do, where anything is to be done. A fleet's run goes on by itself.
fn next(record: &Record, fleet: bool) -> Option<String> {
    let run = record.run.short();
    match record.state {
        State::Planning | State::Running if fleet => Some(format!("longhaul watch {run}")),
        State::Planning | State::Running | State::Paused => Some(format!("longhaul resume {run}")),
        State::Cancelled | State::Complete | State::Void => None,
    }
}

fn other(record: &Record) -> Other {
    Other {
        run: record.run.short(),
        migration: record.migration.clone(),
        state: record.state,
        created: record.created.to_string(),
    }
}

/// The chunks that are parked now, each with its last fault.
fn parked(known: Option<Checkpoints>, events: &[Event]) -> Vec<Parked> {
    let states = known.map(|known| known.states).unwrap_or_default();
    let mut found = std::collections::BTreeMap::new();
    for event in events {
        let Fact::Faulted { chunk, what, code, message, advice, .. } = &event.fact else {
            continue;
        };
        if states.get(chunk.index()) != Some(&chunk::State::Parked) {
            continue;
        }
        let parked = Parked {
            chunk: chunk.0,
            what: what.clone(),
            code: code.clone(),
            message: message.clone(),
            advice: advice.clone(),
        };
        found.insert(chunk.0, parked);
    }
    found.into_values().collect()
}
