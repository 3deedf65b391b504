//! What a run created in its target beside rows.

use std::collections::{BTreeMap, BTreeSet};

use protocol::plan::{Plan, StepKind, Work};
use protocol::receipt::Receipt;
use serde::Serialize;

/// Objects of a kind that are named.
const NAMED_MAX: usize = 100;

/// Objects of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// The kind, as in a plan: `foreign_key`.
    pub kind: String,
    /// How many were created.
    pub done: u64,
    /// How many the plan creates.
    pub planned: u64,
    /// The first of those created, by name.
    pub names: Vec<String>,
    /// The first of those not created, by name.
    pub missing: Vec<String>,
}

/// Whether a step creates an object that stays; the others empty, number, analyse and comment.
fn creates(kind: StepKind) -> bool {
    !matches!(kind, StepKind::Empty | StepKind::Identity | StepKind::Statistics | StepKind::Comment)
}

/// What the plan creates, kind by kind, and how much of it is there.
pub(super) fn made(plan: &Plan, receipts: &[Receipt]) -> Vec<Made> {
    let done: BTreeSet<_> = receipts.iter().map(|receipt| receipt.chunk).collect();
    let mut kinds = BTreeMap::<String, Made>::new();
    for chunk in &plan.chunks {
        let Work::Step(step) = &chunk.work else { continue };
        for (kind, what) in step.changes().into_iter().filter(|(kind, _)| creates(*kind)) {
            let word = serde_json::to_value(kind).unwrap_or_default();
            let kind = word.as_str().unwrap_or("object").to_owned();
            let made = kinds.entry(kind.clone()).or_insert_with(|| Made {
                kind,
                done: 0,
                planned: 0,
                names: Vec::new(),
                missing: Vec::new(),
            });
            made.planned += 1;
            let is_done = done.contains(&chunk.id);
            made.done += u64::from(is_done);
            let names = if is_done { &mut made.names } else { &mut made.missing };
            if names.len() < NAMED_MAX {
                names.push(what.to_owned());
            }
        }
    }
    kinds.into_values().collect()
}
