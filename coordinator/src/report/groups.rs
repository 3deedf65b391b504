//! Rejected rows, counted by what they have in common.

use std::collections::BTreeMap;

use protocol::plan::Plan;
use protocol::receipt::Reject;
use serde::Serialize;

/// Keys that stand for a group.
const EXAMPLES: usize = 3;

/// Rejected rows of one entity that share column, reason and constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The target entity.
    pub entity: String,
    /// The target column, where it is known.
    pub column: Option<String>,
    /// Why they were refused.
    pub reason: String,
    /// The constraint that refused them, where one did.
    pub constraint: Option<String>,
    /// How many.
    pub rows: u64,
    /// The keys of the first of them.
    pub examples: Vec<String>,
}

type Shared = (String, Option<String>, String, Option<String>);

/// Counts rejects as they come by, without keeping them.
#[derive(Debug, Clone, Default)]
pub struct Groups(BTreeMap<Shared, (u64, Vec<String>)>);

impl Groups {
    /// Counts one more.
    pub fn add(&mut self, plan: &Plan, reject: &Reject) {
        let shared = (
            entity_of(plan, reject),
            reject.column.clone(),
            reject.reason.clone(),
            reject.constraint.clone(),
        );
        let (rows, examples) = self.0.entry(shared).or_default();
        *rows += 1;
        if examples.len() < EXAMPLES && !reject.key.is_empty() {
            examples.push(reject.key.clone());
        }
    }

    /// The groups, the largest first.
    pub fn sorted(self) -> Vec<Group> {
        let group = |((entity, column, reason, constraint), (rows, examples))| Group {
            entity,
            column,
            reason,
            constraint,
            rows,
            examples,
        };
        let mut groups: Vec<_> = self.0.into_iter().map(group).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.rows));
        groups
    }
}

/// The target entity of a rejected row.
pub fn entity_of(plan: &Plan, reject: &Reject) -> String {
    let entity = plan.chunk(reject.chunk).and_then(|chunk| chunk.entity);
    // An event comes from the ledger, and may name what the plan does not have.
    let entity = entity.and_then(|id| plan.entities.get(id.index()));
    entity.map(|entity| entity.target.to_string()).unwrap_or_default()
}
