//! What a run came to: the page an operator forwards in the morning.
//!
//! Drawn from what stands in the target alone (plan, receipts, rejects), so it can be drawn again
//! at any time, on any machine. Green is never a default: an entity is *verified* only if every
//! slice of it was read back and the digests are those of its receipts.

mod behind;
mod checks;
mod groups;
mod made;
mod met;
mod settings;
mod timeline;

use std::collections::{BTreeMap, BTreeSet};

use protocol::batch::Digest;
use protocol::cell::Reason;
use protocol::id::RunId;
use protocol::mapping::{Consistency, Mode};
use protocol::origin::Origin;
use protocol::plan::{Chunk, Entity, Lane, Note, Plan, Side, Stage, Work};
use protocol::receipt::{Receipt, Reject, Spent};
use protocol::run::{Record, State};
use serde::Serialize;

pub use behind::LeftBehind;
pub use checks::Check;
pub use groups::{Group, Groups, entity_of};
pub use made::Made;
pub use met::{Met, meet};
pub use settings::Setting;
pub use timeline::{StageSpan, Timeline};

/// What was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The target holds what the receipts say.
    Verified,
    /// That was not shown.
    NotVerified,
    /// The target holds something else.
    Different,
}

impl Verdict {
    /// The words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::NotVerified => "not verified",
            Self::Different => "different",
        }
    }
}

/// A run's report. Serialises to `report.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Version of this form.
    pub format: u32,
    /// What was proven, over all entities.
    pub verdict: Verdict,
    /// The run.
    pub run: RunId,
    /// The migration's name.
    pub migration: String,
    /// What was read.
    pub from: Side,
    /// What was written.
    pub to: Side,
    /// Where the run stands.
    pub state: State,
    /// The plan's fingerprint.
    pub fingerprint: String,
    /// What the target guarantees.
    pub guarantee: &'static str,
    /// What the rows show of the source, in words.
    pub consistency: String,
    /// When the run was stored.
    pub created: String,
    /// When it ended.
    pub ended: Option<String>,
    /// Seconds between the two.
    pub seconds: Option<f64>,
    /// How often a process took it up again; of a fleet's run, see `leader_changes`.
    pub resumes: u64,
    /// How often its leader changed, where a fleet carried it.
    pub leader_changes: u64,
    /// Where the time of all chunks went, in microseconds over all slots.
    pub spent: Spent,
    /// Rows over all entities.
    pub totals: Counts,
    /// Entity by entity.
    pub entities: Vec<EntityReport>,
    /// Steps done, and planned.
    pub steps: (u64, u64),
    /// How it was begun, where that is known.
    pub origin: Option<Origin>,
    /// The settings in force.
    pub settings: Vec<Setting>,
    /// What was created beside rows, kind by kind.
    pub made: Vec<Made>,
    /// Keys, indexes, foreign keys and what else stands beside rows that are not made although all rows
    /// are there.
    pub links_left: Vec<String>,
    /// When what was done; nothing where nothing is.
    pub timeline: Option<Timeline>,
    /// All rejected rows, counted by what they have in common.
    pub rejected: Vec<Group>,
    /// Rejected rows, the first of them.
    pub rejects: Vec<Reject>,
    /// Rows kept as evidence of chunks that were given up.
    pub samples: Vec<Reject>,
    /// Faults met on the way, as far as a ledger remembers: they do not stand in the target.
    pub faults: Vec<Met>,
    /// What of the source is not in the target, counted.
    pub left_behind: LeftBehind,
    /// What the plan said, losses first.
    pub notes: Vec<Note>,
    /// Each time that the target was read back, the oldest first.
    pub checks: Vec<Check>,
    /// Who drives the run, or why nobody does, where it is not over.
    pub standing: Option<String>,
    /// Whether the source was written to although the migration promised that nobody would.
    pub broken_promise: bool,
}

/// Rows, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Read from the source.
    pub read: u64,
    /// Written to the target.
    pub written: u64,
    /// Left out by us.
    pub filtered: u64,
    /// Refused.
    pub rejected: u64,
    /// Bytes written, as framed.
    pub bytes: u64,
}

/// One entity's part of a report.
#[derive(Debug, Clone, Serialize)]
pub struct EntityReport {
    /// What was read.
    pub source: String,
    /// What was written.
    pub target: String,
    /// How.
    pub mode: Mode,
    /// On which lane.
    pub lane: Lane,
    /// What was proven.
    pub verdict: Verdict,
    /// Why not, where it was not.
    pub why: Option<String>,
    /// Keys, indexes and what else stands beside its rows that are not made although the rows are
    /// there.
    pub missing: Vec<String>,
    /// Chunks of rows done, and planned.
    pub chunks: (u64, u64),
    /// Its rows.
    #[serde(flatten)]
    pub counts: Counts,
    /// The digest of the rows written, by the receipts.
    pub written_digest: Digest,
    /// The digest of the rows read back, when all were.
    pub found_digest: Option<Digest>,
    /// Columns that verification left out.
    pub not_compared: Vec<String>,
    /// Seconds spent in its chunks, over all slots.
    pub seconds: f64,
    /// Where that went, in microseconds.
    pub spent: Spent,
    /// Tries beyond the first.
    pub retries: u64,
    /// How often a value policy was applied.
    pub policies: BTreeMap<String, BTreeMap<Reason, u64>>,
}

/// Rows that were refused, as a report shows them.
#[derive(Debug, Clone, Default)]
pub struct Refused {
    /// All rejects, counted.
    pub groups: Groups,
    /// The first of them.
    pub rejects: Vec<Reject>,
    /// Evidence of chunks that were given up.
    pub samples: Vec<Reject>,
}

/// Draws the report.
pub fn draw(plan: &Plan, record: &Record, receipts: &[Receipt], refused: Refused) -> Report {
    let facts = Facts { plan, receipts: receipts.iter().map(|r| (r.chunk.0, r)).collect() };
    let entities: Vec<_> = plan.entities.iter().map(|e| facts.entity(e)).collect();
    let totals = entities.iter().fold(Counts::default(), |sum, e| sum.and(e.counts));
    Report {
        format: protocol::wire::FORMAT,
        verdict: verdict(record, plan, &entities),
        run: record.run,
        migration: plan.migration.clone(),
        from: plan.from.clone(),
        to: plan.to.clone(),
        state: record.state,
        fingerprint: record.fingerprint.clone(),
        guarantee: plan.guarantee.as_str(),
        consistency: consistency(plan, record),
        created: record.created.to_string(),
        ended: record.ended.as_ref().map(ToString::to_string),
        seconds: record.ended.map(|end| seconds(end.micros_since(record.created))),
        resumes: record.resumes(),
        leader_changes: record.leader_changes(),
        spent: spent(receipts),
        totals,
        entities,
        steps: facts.steps(),
        origin: plan.origin.clone(),
        settings: settings::settings(plan),
        made: made::made(plan, receipts),
        links_left: facts.links_left(),
        timeline: Timeline::draw(plan, receipts),
        rejected: refused.groups.sorted(),
        rejects: refused.rejects,
        samples: refused.samples,
        faults: Vec::new(),
        left_behind: LeftBehind::count(&plan.notes),
        notes: plan.notes.clone(),
        checks: Vec::new(),
        standing: None,
        broken_promise: broken_promise(plan, record),
    }
}

impl Counts {
    fn and(self, other: Self) -> Self {
        Self {
            read: self.read + other.read,
            written: self.written + other.written,
            filtered: self.filtered + other.filtered,
            rejected: self.rejected + other.rejected,
            bytes: self.bytes + other.bytes,
        }
    }

    fn add(&mut self, receipt: &Receipt) {
        *self = self.and(Self {
            read: receipt.read.rows,
            written: receipt.written.rows,
            filtered: receipt.filtered,
            rejected: receipt.rejected,
            bytes: receipt.bytes,
        });
    }
}

/// Where the time of these chunks went, over all slots.
pub fn spent(receipts: &[Receipt]) -> Spent {
    receipts.iter().fold(Spent::default(), |sum, receipt| sum.and(receipt.spent))
}

fn verdict(record: &Record, plan: &Plan, entities: &[EntityReport]) -> Verdict {
    let worst = entities.iter().map(|e| e.verdict).max().unwrap_or(Verdict::Verified);
    let broken = broken_promise(plan, record);
    match worst {
        Verdict::Verified if record.state != State::Complete || broken => Verdict::NotVerified,
        Verdict::Verified | Verdict::NotVerified | Verdict::Different => worst,
    }
}

fn broken_promise(plan: &Plan, record: &Record) -> bool {
    record.drifted && plan.consistency == Consistency::Quiesced
}

/// Rows that are rejected still, by these receipts.
pub fn rejected(plan: &Plan, receipts: &[Receipt]) -> u64 {
    let (mut rejected, mut settled) = (0_u64, 0);
    for receipt in receipts {
        match plan.chunk(receipt.chunk) {
            Some(chunk) if chunk.retries.is_some() => {
                settled += receipt.read.rows.saturating_sub(receipt.rejected);
            }
            Some(_) => rejected += receipt.rejected,
            None => {}
        }
    }
    rejected.saturating_sub(settled)
}

fn consistency(plan: &Plan, record: &Record) -> String {
    let again = plan.chunks.iter().any(|chunk| chunk.retries.is_some());
    let later = if again { "; rows that were rejected at first were read again later" } else { "" };
    consistency_at_first(plan, record) + later
}

fn consistency_at_first(plan: &Plan, record: &Record) -> String {
    match (plan.consistency, record.drifted, record.epoch > 1) {
        (Consistency::Snapshot, false, false) => "snapshot: all rows are of one moment",
        (Consistency::Snapshot, false, true) => {
            "snapshot: taken anew when the run was resumed; by its change counters, the source \
             had not changed since rows were first read"
        }
        (Consistency::Snapshot, true, _) => {
            "drifting: the snapshot was lost and the source had changed"
        }
        (Consistency::Quiesced, false, _) => {
            "quiesced: nobody was to write, and the source's change counters agree"
        }
        (Consistency::Quiesced, true, _) => {
            "broken promise: the source was written to during the run"
        }
        (Consistency::Drifting, ..) => "drifting: each chunk is of the moment it was read",
    }
    .to_string()
}

#[expect(clippy::cast_precision_loss, reason = "for people, to the millisecond")]
fn seconds(micros: u64) -> f64 {
    (micros / 1000) as f64 / 1000.0
}

struct Facts<'a> {
    plan: &'a Plan,
    receipts: BTreeMap<u32, &'a Receipt>,
}

impl Facts<'_> {
    fn steps(&self) -> (u64, u64) {
        self.plan.chunks.iter().fold((0, 0), |(done, all), chunk| {
            let Work::Step(step) = &chunk.work else { return (done, all) };
            let parts = step.parts.len().max(1) as u64;
            let made = self.receipts.contains_key(&chunk.id.0);
            (done + if made { parts } else { 0 }, all + parts)
        })
    }

    fn links_left(&self) -> Vec<String> {
        let left = |chunk: &&Chunk| !self.receipts.contains_key(&chunk.id.0);
        let chunks = || self.plan.chunks.iter().filter(left);
        if chunks().any(|chunk| chunk.stage == Stage::Copy) {
            return Vec::new();
        }
        let beside = chunks().filter(|chunk| chunk.stands_beside_rows());
        beside.map(|chunk| self.plan.what(chunk)).collect()
    }

    fn entity(&self, entity: &Entity) -> EntityReport {
        let mut report = EntityReport {
            source: entity.source.to_string(),
            target: entity.target.to_string(),
            mode: entity.mode,
            lane: entity.lane,
            verdict: Verdict::NotVerified,
            why: None,
            missing: Vec::new(),
            chunks: (0, 0),
            counts: Counts::default(),
            written_digest: Digest::default(),
            found_digest: None,
            not_compared: Vec::new(),
            seconds: 0.0,
            spent: Spent::default(),
            retries: 0,
            policies: BTreeMap::new(),
        };
        let compared = entity.columns.iter().filter(|c| !c.compared);
        report.not_compared = compared.map(|c| c.target.clone()).collect();
        let mut slices = Slices::default();
        for chunk in self.plan.chunks.iter().filter(|c| c.entity == Some(entity.id)) {
            let receipt = self.receipts.get(&chunk.id.0).copied();
            match &chunk.work {
                Work::Copy(_) if chunk.retries.is_some() => report.copy_again(receipt),
                Work::Copy(_) => report.copy(receipt),
                Work::Verify { .. } => slices.add(receipt),
                Work::Step(step) if receipt.is_none() && chunk.stands_beside_rows() => {
                    let parts = step.changes();
                    report.missing.extend(parts.into_iter().map(|(_, what)| what.to_owned()));
                }
                Work::Link(_) | Work::Step(_) => {}
            }
            if let Some(receipt) = receipt {
                report.seconds += seconds(receipt.finished.micros_since(receipt.started));
                report.spent = report.spent.and(receipt.spent);
                report.retries += u64::from(receipt.tries.saturating_sub(1));
            }
        }
        report.found_digest = slices.whole();
        if report.chunks.0 < report.chunks.1 {
            // Nothing is missing whose turn has not come.
            report.missing.clear();
        }
        report.judge(&slices, entity);
        report
    }
}

impl EntityReport {
    fn copy(&mut self, receipt: Option<&Receipt>) {
        self.chunks.1 += 1;
        let Some(receipt) = receipt else { return };
        self.chunks.0 += 1;
        self.counts.add(receipt);
        self.written_digest = self.written_digest.and(receipt.written);
        for (column, reasons) in &receipt.policies {
            let mine = self.policies.entry(column.clone()).or_default();
            for (reason, times) in reasons {
                *mine.entry(*reason).or_default() += times;
            }
        }
    }

    /// Rejected rows that were tried again: those that were written are rejected no more.
    fn copy_again(&mut self, receipt: Option<&Receipt>) {
        let before = self.counts;
        self.copy(receipt);
        let Some(receipt) = receipt else { return };
        let settled = receipt.read.rows.saturating_sub(receipt.rejected);
        let rejected = before.rejected.saturating_sub(settled);
        self.counts = Counts { read: before.read, rejected, ..self.counts };
    }

    fn judge(&mut self, slices: &Slices, entity: &Entity) {
        let (verdict, why) = match self.found_digest {
            _ if self.chunks.0 < self.chunks.1 => {
                let left = self.chunks.1 - self.chunks.0;
                (Verdict::NotVerified, Some(format!("{left} chunks are not done")))
            }
            Some(found) if found == self.written_digest => (Verdict::Verified, None),
            Some(found) => {
                let written = self.written_digest.rows;
                let why = if found.rows == written {
                    format!("{written} rows are there, but not all as they were written")
                } else {
                    format!("{written} rows were written, and {} are there", found.rows)
                };
                (Verdict::Different, Some(why))
            }
            None if slices.planned == 0 && entity.mode != Mode::Create => {
                (Verdict::NotVerified, Some("the target held rows before".to_string()))
            }
            None => (Verdict::NotVerified, Some("it was not read back".to_string())),
        };
        self.verdict = verdict;
        self.why = why;
    }
}

#[derive(Default)]
struct Slices {
    planned: u64,
    done: u64,
    found: Digest,
}

impl Slices {
    fn add(&mut self, receipt: Option<&Receipt>) {
        self.planned += 1;
        if let Some(receipt) = receipt {
            self.done += 1;
            self.found = self.found.and(receipt.read);
        }
    }

    fn whole(&self) -> Option<Digest> {
        (self.planned > 0 && self.done == self.planned).then_some(self.found)
    }
}

/// Chunks of a stage that have no receipt, with what they are called: for "what is left".
pub fn left(plan: &Plan, receipts: &[Receipt]) -> Vec<(Stage, u64)> {
    let done: BTreeSet<_> = receipts.iter().map(|receipt| receipt.chunk).collect();
    let open = |stage| {
        let of_stage = plan.chunks.iter().filter(|c| c.stage == stage && !done.contains(&c.id));
        (stage, of_stage.count() as u64)
    };
    Stage::ALL.into_iter().map(open).filter(|(_, left)| *left > 0).collect()
}
