//! What operators asked of a run.

use protocol::run::Steering;

use super::report::grouped;

/// In one line: `priority 4, slots as the fleet has, rows/s as planned, bytes/s as planned,
/// rejects as planned`.
pub(crate) fn text(steering: &Steering) -> String {
    let slots = steering.slots.map_or_else(|| "as the fleet has".into(), |slots| slots.to_string());
    let rate = |rate: Option<u64>| rate.map_or_else(|| "as planned".into(), grouped);
    format!(
        "priority {}, slots {slots}, rows/s {}, bytes/s {}, rejects {}",
        steering.priority,
        rate(steering.rows_per_second),
        rate(steering.bytes_per_second),
        rate(steering.rejects),
    )
}
