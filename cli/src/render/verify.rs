//! What `longhaul verify` found, for people.

use coordinator::verify::{Check, How};

use super::report::grouped;

/// Keys shown per entity; JSON shows all that were found.
const KEYS_SHOWN: usize = 20;

/// A line per entity, and the keys that differ below it.
pub(crate) fn text(checks: &[Check]) -> String {
    checks.iter().map(entity).collect()
}

fn entity(check: &Check) -> String {
    let rows = grouped(check.found.rows);
    if let Some(why) = &check.unprovable {
        return format!("not verified  {}: {rows} rows are there; {why}\n", check.entity);
    }
    if check.equal() {
        return format!("verified      {}: {rows} rows\n", check.entity);
    }
    let mut out = format!(
        "different     {}: {} rows were written, {rows} are there\n",
        check.entity,
        grouped(check.expected.rows)
    );
    let differences = check.differences.as_deref().unwrap_or_default();
    for difference in differences.iter().take(KEYS_SHOWN) {
        let how = match difference.how {
            How::Missing => "missing",
            How::Added => "added",
            How::Changed => "changed",
        };
        out += &format!("                {how:<8} {}\n", difference.key);
    }
    if differences.len() > KEYS_SHOWN {
        out += &format!("                and {} more\n", differences.len() - KEYS_SHOWN);
    }
    if check.more {
        out += "                not all rows that differ are named\n";
    }
    out
}
