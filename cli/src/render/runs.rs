//! A list of runs.

use protocol::run::Record;
use serde_json::{Value, json};

use super::visible;
use crate::progress::span;

/// For people: a line each.
pub(crate) fn text(runs: &[&Record]) -> String {
    if runs.is_empty() {
        return "there are no runs in these environments".into();
    }
    let mut out = format!(
        "{:<8}  {:<9}  {:<7}  {:<20}  {:<16}  migration\n",
        "run", "state", "by", "started", "took"
    );
    for record in runs {
        let carrier = if record.fleet { "fleet" } else { "process" };
        let created = record.created.to_string();
        let took = record.ended.map(|end| span(end.micros_since(record.created) / 1_000_000));
        out += &format!(
            "{:<8}  {:<9}  {carrier:<7}  {:<20}  {:<16}  {}: {} → {}\n",
            record.run.short(),
            record.state.to_string(),
            format!("{}Z", created.split('.').next().unwrap_or_default()),
            took.unwrap_or_else(|| "not ended".into()),
            visible::text(&record.migration),
            visible::text(&record.from.0),
            visible::text(&record.to.0),
        );
    }
    out
}

/// For programs.
pub(crate) fn json(record: &Record) -> Value {
    json!({
        "run": record.run,
        "migration": record.migration,
        "state": record.state,
        "from": record.from,
        "to": record.to,
        "fleet": record.fleet,
        "created": record.created.to_string(),
        "ended": record.ended.map(|at| at.to_string()),
        "epoch": record.epoch,
        "priority": record.steering.priority,
    })
}
