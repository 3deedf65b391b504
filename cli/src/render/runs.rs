//! A list of runs.

use protocol::run::Record;
use serde_json::{Value, json};

/// For people: a line each.
pub(crate) fn text(runs: &[&Record]) -> String {
    if runs.is_empty() {
        return "no run was ever stored in these environments".into();
    }
    let mut out = String::new();
    for record in runs {
        let carrier = if record.fleet { "fleet" } else { "process" };
        out += &format!(
            "{}  {:<10} {:<8} {}  {} → {}  {}\n",
            record.run,
            record.state,
            carrier,
            record.created,
            record.from,
            record.to,
            record.migration,
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
