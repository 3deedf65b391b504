//! What `longhaul verify` found, for people.

use coordinator::verify::{Check, How};
use protocol::history::{Checked, Outcome};

use super::report::grouped;
use super::visible;

/// Keys shown per entity; JSON shows all that were found.
const KEYS_SHOWN: usize = 20;

/// A line per entity, and the keys that differ below it.
pub(crate) fn text(checks: &[Check]) -> String {
    checks.iter().map(entity).collect()
}

/// What is kept of a check in the target: evidence, and so not every key.
pub(crate) fn kept(check: &Check) -> Checked {
    let differences = check.differences.as_deref().unwrap_or_default();
    let named = differences.iter().take(KEYS_SHOWN);
    Checked {
        table: check.entity.clone(),
        outcome: match (&check.unprovable, check.equal()) {
            (Some(_), _) => Outcome::Unprovable,
            (None, true) => Outcome::Equal,
            (None, false) => Outcome::Different,
        },
        expected: check.expected.rows,
        found: check.found.rows,
        differences: named.map(|one| format!("{} {}", how(one.how), one.key)).collect(),
        more: check.more || differences.len() > KEYS_SHOWN,
    }
}

fn how(how: How) -> &'static str {
    match how {
        How::Missing => "missing",
        How::Added => "added",
        How::Changed => "changed",
    }
}

fn entity(check: &Check) -> String {
    let rows = grouped(check.found.rows);
    let name = visible::text(&check.entity);
    if let Some(why) = &check.unprovable {
        return format!("not verified  {name}: {rows} rows are there; {}\n", visible::text(why));
    }
    if check.equal() {
        return format!("verified      {name}: {rows} rows\n");
    }
    let mut out = format!(
        "different     {name}: {} rows were written, {rows} are there\n",
        grouped(check.expected.rows)
    );
    let differences = check.differences.as_deref().unwrap_or_default();
    for difference in differences.iter().take(KEYS_SHOWN) {
        let key = visible::text(&difference.key);
        out += &format!("                {:<8} {key}\n", how(difference.how));
    }
    if differences.len() > KEYS_SHOWN {
        out += &format!("                and {} more\n", differences.len() - KEYS_SHOWN);
    }
    if check.more {
        out += "                not all rows that differ are named\n";
    }
    out
}
