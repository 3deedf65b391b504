//! What operators asked of a run.

use protocol::run::Steering;

use super::report::grouped;

/// What stands over the plan, in one line: `slots 8, 20,000 rows/s (priority 4)`.
pub(crate) fn text(steering: &Steering) -> String {
    let asked = [
        steering.slots.map(|slots| format!("slots {slots}")),
        steering.rows_per_second.map(|rows| format!("{} rows/s", grouped(rows))),
        steering.bytes_per_second.map(|bytes| format!("{} bytes/s", grouped(bytes))),
        steering.rejects.map(|rejects| format!("rejects {}", grouped(rejects))),
    ];
    let asked: Vec<_> = asked.into_iter().flatten().collect();
    let asked = if asked.is_empty() { "none".into() } else { asked.join(", ") };
    format!("{asked} (priority {})", steering.priority)
}
