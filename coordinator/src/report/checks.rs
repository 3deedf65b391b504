//! What later looks at the target say: each `verify` is kept, and the latest counts.

use protocol::clock::Instant;
use protocol::history::{Checked, Deed, Entry, Outcome};
use protocol::plan::{Plan, Work};
use protocol::receipt::Receipt;
use protocol::run::Record;
use serde::Serialize;

use super::{EntityReport, Report, Verdict, verdict};

/// One time that the target was read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// When.
    pub at: String,
    /// Who asked for it: `user on host`; the run itself when it verified as its last stage.
    pub by: String,
    /// What was found, over all tables that can be proven.
    pub verdict: Verdict,
    /// Table by table; nothing for the run's own last stage, of which the tables tell.
    pub tables: Vec<Checked>,
}

impl Check {
    /// What somebody's `verify` found.
    pub fn of(entry: &Entry, tables: &[Checked]) -> Self {
        Self {
            at: entry.at.to_string(),
            by: format!("{} on {}", entry.by.user, entry.by.host),
            verdict: found(tables),
            tables: tables.to_vec(),
        }
    }
}

impl Report {
    /// Takes in what was done to the run since: where the target was read back later, what was found
    /// then counts, and not what the run found when it ended.
    pub fn learn(&mut self, plan: &Plan, record: &Record, receipts: &[Receipt], history: &[Entry]) {
        let own = own_check(plan, receipts);
        if let Some(at) = own.filter(|_| record.ended.is_some()) {
            self.checks.push(Check {
                at: at.to_string(),
                by: "the run itself".into(),
                verdict: self.verdict,
                tables: Vec::new(),
            });
        }
        for entry in history {
            let Deed::Verified { tables } = &entry.deed else { continue };
            self.checks.push(Check::of(entry, tables));
            if own.is_none_or(|own| entry.at > own) {
                let at = entry.at.to_string();
                for entity in &mut self.entities {
                    if let Some(table) = tables.iter().find(|one| one.table == entity.target) {
                        entity.believe(table, &at);
                    }
                }
            }
        }
        // In the order of their times: rows that were retried are read back by the run once more.
        self.checks.sort_by(|one, other| one.at.cmp(&other.at));
        self.verdict = verdict(record, plan, &self.entities);
    }
}

/// When the run itself last read something back.
fn own_check(plan: &Plan, receipts: &[Receipt]) -> Option<Instant> {
    let reads_back = |receipt: &&Receipt| {
        let chunk = plan.chunk(receipt.chunk);
        chunk.is_some_and(|chunk| matches!(chunk.work, Work::Verify { .. }))
    };
    receipts.iter().filter(reads_back).map(|receipt| receipt.finished).max()
}

fn found(tables: &[Checked]) -> Verdict {
    let any = |outcome| tables.iter().any(|table| table.outcome == outcome);
    match (any(Outcome::Different), any(Outcome::Equal)) {
        (true, _) => Verdict::Different,
        (false, true) => Verdict::Verified,
        (false, false) => Verdict::NotVerified,
    }
}

impl EntityReport {
    fn believe(&mut self, table: &Checked, at: &str) {
        match table.outcome {
            Outcome::Equal if self.chunks.0 == self.chunks.1 => {
                (self.verdict, self.why) = (Verdict::Verified, None);
            }
            Outcome::Different => {
                (self.verdict, self.why) = (Verdict::Different, Some(differs(table, at)));
            }
            Outcome::Equal | Outcome::Unprovable => {}
        }
    }
}

/// Why it is different, in words.
fn differs(table: &Checked, at: &str) -> String {
    let Checked { expected, found, .. } = table;
    let mut why = if expected == found {
        format!("`verify` found at {at} that not all of {found} rows are as they were written")
    } else {
        format!("{expected} rows were written, and `verify` found {found} at {at}")
    };
    if !table.differences.is_empty() {
        let more = if table.more { ", and more" } else { "" };
        why += &format!(" (by key: {}{more})", table.differences.join(", "));
    }
    why
}
