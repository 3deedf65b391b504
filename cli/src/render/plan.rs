//! A plan, for people.

use protocol::plan::{Entity, Level, Note, Plan, Stage, Work};

use super::report::{grouped, size};
use super::visible;

/// Warnings that are shown when a run begins.
const WARNINGS_MAX: usize = 20;

/// The whole plan: what moves in which order, how it is cut, and what a person should know.
/// `places` are source and target, without secrets.
pub(crate) fn text(plan: &Plan, places: (&str, &str)) -> String {
    let mut out = format!(
        "plan {} of {}\n  from {} ({}, {})\n  to   {} ({}, {})\n  \
         consistency {}, guarantee {}, {} slots\n",
        &plan.fingerprint()[..12],
        visible::text(&plan.migration),
        plan.from.environment,
        plan.from.engine,
        places.0,
        plan.to.environment,
        plan.to.engine,
        places.1,
        format!("{:?}", plan.consistency).to_lowercase(),
        plan.guarantee.as_str(),
        plan.limits.slots,
    );
    out += &entities(plan);
    out += &stages(plan);
    out += &notes(plan);
    if plan.destructive() {
        out += "\nDESTRUCTIVE: this plan removes what stands in the target now.\n";
    } else {
        out += "\nNothing that stands in the target now is removed.\n";
    }
    out
}

/// What the plan warns of, a line each; of very many the first.
pub(crate) fn warnings(plan: &Plan) -> Vec<String> {
    let warnings = plan.notes.iter().filter(|note| note.level == Level::Warning);
    let line = |note: &Note| {
        let entity = note.entity.as_ref().map(|entity| format!("{entity}: ")).unwrap_or_default();
        visible::text(&format!("warning: {entity}{}", note.text)).into_owned()
    };
    let mut lines: Vec<_> = warnings.map(line).collect();
    if let Some(more) = lines.len().checked_sub(WARNINGS_MAX).filter(|more| *more > 0) {
        lines.truncate(WARNINGS_MAX);
        lines.push(format!("warning: {more} more of these are in `longhaul plan`"));
    }
    lines
}

fn entities(plan: &Plan) -> String {
    let name = |e: &Entity| match (&e.source, &e.target) {
        (from, to) if from == to => to.to_string(),
        (from, to) => format!("{from} → {to}"),
    };
    let width = plan.entities.iter().map(|e| name(e).chars().count()).max().unwrap_or(0).max(6);
    let mut out = format!(
        "\n  {:<width$}  {:<7}  {:<4}  {:>12}  {:>10}  {:>6}  cut by\n",
        "entity", "mode", "lane", "~rows", "~size", "chunks"
    );
    for entity in &plan.entities {
        let chunks = plan.chunks_of(entity.id, Stage::Copy).count();
        let mode = if entity.new { "new" } else { entity.mode.as_str() };
        let key = entity.key.join(", ");
        let key = if key.is_empty() { "-".into() } else { visible::text(&key) };
        out += &format!(
            "  {:<width$}  {mode:<7}  {:<4}  {:>12}  {:>10}  {chunks:>6}  {key}\n",
            name(entity),
            entity.lane.as_str(),
            grouped(entity.rows_estimate),
            size(entity.bytes_estimate),
        );
    }
    out
}

fn stages(plan: &Plan) -> String {
    let mut out = String::from("\n");
    for stage in Stage::ALL {
        let chunks: Vec<_> = plan.chunks.iter().filter(|c| c.stage == stage).collect();
        out += &format!("  {:<8} {} chunks\n", stage.as_str(), chunks.len());
        for chunk in chunks {
            if let Work::Step(step) = &chunk.work {
                let mark = if step.destructive { "!" } else { " " };
                out += &format!("   {mark} {}\n", visible::text(&step.what));
            }
        }
    }
    out
}

fn notes(plan: &Plan) -> String {
    if plan.notes.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n  notes\n");
    for note in &plan.notes {
        let level = match note.level {
            Level::Warning => "warning",
            Level::Left | Level::Lost => "left   ",
            Level::Info => "info   ",
        };
        let entity = note.entity.as_ref().map(|e| format!("{e}: ")).unwrap_or_default();
        let said = format!("{entity}{}", note.text);
        out += &format!("    {level}  {}\n", visible::text(&said));
    }
    out
}
