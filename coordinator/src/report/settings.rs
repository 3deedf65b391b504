//! What the plan was told to do beyond moving everything as it is: the settings in force.

use std::collections::BTreeMap;

use protocol::mapping::Policy;
use protocol::plan::{Entity, Plan};
use serde::Serialize;

/// Tables that are named for one setting.
const NAMED_MAX: usize = 20;

/// A setting that was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// What is set: `mode`, `where`, `policy`.
    pub what: String,
    /// To what.
    pub value: String,
    /// For which tables, the first of them; empty where it is for all.
    pub tables: Vec<String>,
    /// How many more.
    pub more: usize,
}

/// The settings of a plan, those for all tables first.
pub(super) fn settings(plan: &Plan) -> Vec<Setting> {
    let limits = &plan.limits;
    let general = |what: &str, value: String| Setting {
        what: what.into(),
        value,
        tables: Vec::new(),
        more: 0,
    };
    let mut settings = vec![
        general("slots", limits.slots.to_string()),
        general("rejects", format!("at most {} per table", limits.rejects)),
        general("attempts", limits.attempts.to_string()),
    ];
    if let Some(rows) = limits.rows_per_second {
        settings.push(general("rate", format!("at most {rows} rows/s")));
    }
    if let Some(bytes) = limits.bytes_per_second {
        settings.push(general("rate", format!("at most {bytes} bytes/s")));
    }
    let mut of_tables = BTreeMap::<(&str, String), Vec<String>>::new();
    for entity in &plan.entities {
        for (what, value) in of_entity(entity) {
            of_tables.entry((what, value)).or_default().push(entity.target.to_string());
        }
    }
    settings.extend(of_tables.into_iter().map(|((what, value), mut tables)| {
        let all = tables.len() == plan.entities.len();
        let more = if all { 0 } else { tables.len().saturating_sub(NAMED_MAX) };
        tables.truncate(if all { 0 } else { NAMED_MAX });
        Setting { what: what.into(), value, tables, more }
    }));
    settings
}

fn of_entity(entity: &Entity) -> Vec<(&'static str, String)> {
    let mut of = vec![("mode", entity.mode.as_str().to_owned())];
    of.extend(entity.filter.iter().map(|filter| ("where", filter.clone())));
    of.extend(entity.top.iter().map(|top| ("top", format!("{top} rows"))));
    of.extend(entity.rejects_max.iter().map(|rows| ("rejects", format!("at most {rows}"))));
    if entity.silent {
        of.push(("triggers", "off".into()));
    }
    for (column, reasons) in &entity.policies {
        let mut same = BTreeMap::<String, Vec<&str>>::new();
        for (reason, policy) in reasons.iter().filter(|(_, policy)| **policy != Policy::Reject) {
            let policy = match policy {
                Policy::Replace(text) => format!("replace by {text}"),
                Policy::Null | Policy::Clamp | Policy::Reject => policy.as_str().to_owned(),
            };
            same.entry(policy).or_default().push(reason.as_str());
        }
        let said = |(policy, reasons): (String, Vec<&str>)| {
            ("policy", format!("{column}: {policy} ({})", reasons.join(", ")))
        };
        of.extend(same.into_iter().map(said));
    }
    of
}
