//! A plan, for people.

use std::collections::BTreeMap;

use protocol::plan::{Chunk, Entity, Level, Note, Plan, Stage, Work, grouped as by_kind};

use super::notes;
use super::report::{grouped, size};
use super::visible;

/// Warnings that are shown when a run begins.
const WARNINGS_MAX: usize = 20;

/// Tables that are shown without `--verbose`: the largest.
const TABLES_MAX: usize = 40;

/// Steps of a kind that are named without `--verbose`.
const STEPS_NAMED_MAX: usize = 3;

/// The whole plan: what moves in which order, how it is cut, and what a person should know.
/// `places` are source and target, without secrets.
pub(crate) fn text(plan: &Plan, places: (&str, &str), verbose: bool) -> String {
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
    out += &entities(plan, verbose);
    out += &stages(plan, verbose);
    out += &notes::sections(&plan.notes, verbose);
    if plan.destructive() {
        out += "\nDESTRUCTIVE: this plan removes what stands in the target now.\n";
    } else {
        out += "\nNothing that stands in the target now is removed.\n";
    }
    out
}

/// What is said when a run begins: rows that are not moved and warnings, a line each kind; and in one
/// line all else that stays behind.
pub(crate) fn warnings(plan: &Plan) -> Vec<String> {
    let grave = |note: &&Note| matches!(note.level, Level::Lost | Level::Warning);
    let groups = by_kind(plan.notes.iter().filter(grave));
    let mut lines: Vec<_> =
        groups.iter().flat_map(notes::lines).map(|(_, line)| format!("warning: {line}")).collect();
    if let Some(more) = lines.len().checked_sub(WARNINGS_MAX).filter(|more| *more > 0) {
        lines.truncate(WARNINGS_MAX);
        lines.push(format!("warning: {more} more of these are in `longhaul plan`"));
    }
    let left = by_kind(plan.notes.iter().filter(|note| note.level == Level::Left));
    if !left.is_empty() {
        let kinds: Vec<_> =
            left.iter().map(|g| format!("{} ({})", g.kind, g.notes.len())).collect();
        lines.push(format!(
            "left behind: {}; `longhaul plan` says more",
            notes::named(&kinds, WARNINGS_MAX)
        ));
    }
    lines
}

fn entities(plan: &Plan, verbose: bool) -> String {
    let name = |e: &Entity| match (&e.source, &e.target) {
        (from, to) if from == to => visible::text(&to.to_string()).into_owned(),
        (from, to) => visible::text(&format!("{from} → {to}")).into_owned(),
    };
    let (shown, others) = shown(plan, verbose);
    let width = shown.iter().map(|e| name(e).chars().count()).max().unwrap_or(0).max(6);
    let mut chunks: BTreeMap<_, usize> = BTreeMap::new();
    for chunk in plan.chunks.iter().filter(|chunk| chunk.stage == Stage::Copy) {
        *chunks.entry(chunk.entity).or_default() += 1;
    }
    let mut out = format!(
        "\n  {:<width$}  {:<7}  {:<4}  {:>12}  {:>10}  {:>6}  cut by\n",
        "table", "mode", "lane", "~rows", "~size", "chunks"
    );
    for entity in shown {
        let mode = if entity.new { "new" } else { entity.mode.as_str() };
        let key = match entity.key.is_empty() {
            true => "-".to_string(),
            false => visible::text(&entity.key.join(", ")).into_owned(),
        };
        out += &format!(
            "  {:<width$}  {mode:<7}  {:<4}  {:>12}  {:>10}  {:>6}  {key}\n",
            name(entity),
            entity.lane.as_str(),
            grouped(entity.rows_estimate),
            size(entity.bytes_estimate),
            chunks.get(&Some(entity.id)).copied().unwrap_or(0),
        );
    }
    if let Some(others) = others {
        out += &format!("  {others}\n");
    }
    out
}

/// The tables to show, in the order of the plan, and what is said of the others.
fn shown(plan: &Plan, verbose: bool) -> (Vec<&Entity>, Option<String>) {
    let mut all: Vec<_> = plan.entities.iter().collect();
    if verbose || all.len() <= TABLES_MAX {
        return (all, None);
    }
    all.sort_by_key(|e| (std::cmp::Reverse((e.bytes_estimate, e.rows_estimate)), e.id));
    let rest = all.split_off(TABLES_MAX);
    all.sort_by_key(|entity| entity.id);
    let rows: u64 = rest.iter().map(|entity| entity.rows_estimate).sum();
    let bytes: u64 = rest.iter().map(|entity| entity.bytes_estimate).sum();
    let said = format!(
        "and {} smaller ones with ~{} rows, ~{} together: `--verbose` lists them",
        rest.len(),
        grouped(rows),
        size(bytes)
    );
    (all, Some(said))
}

fn stages(plan: &Plan, verbose: bool) -> String {
    let mut out = String::from("\n");
    for stage in Stage::ALL {
        let chunks: Vec<_> = plan.chunks.iter().filter(|c| c.stage == stage).collect();
        let word = if chunks.len() == 1 { "chunk" } else { "chunks" };
        out += &format!("  {:<8} {} {word}\n", stage.as_str(), chunks.len());
        out += &steps(&chunks, verbose);
    }
    out
}

/// Steps by kind. What removes something is always named.
fn steps(chunks: &[&Chunk], verbose: bool) -> String {
    let steps = chunks.iter().filter_map(|chunk| match &chunk.work {
        Work::Step(step) => Some(step),
        Work::Copy(_) | Work::Link(_) | Work::Verify { .. } => None,
    });
    let line = |mark: &str, what: &str| format!("   {mark} {}\n", visible::text(what));
    let mut out = String::new();
    let mut kinds: Vec<(&str, Vec<String>)> = Vec::new();
    for (step, (kind, what)) in steps.flat_map(|s| s.changes().into_iter().map(move |c| (s, c))) {
        if step.destructive {
            out += &line("!", what);
        } else if verbose {
            out += &line(" ", what);
        } else {
            match kinds.iter_mut().find(|(known, _)| *known == kind.as_str()) {
                Some((_, named)) => named.push(what.to_string()),
                None => kinds.push((kind.as_str(), vec![what.to_string()])),
            }
        }
    }
    for (kind, named) in kinds {
        let names = notes::named(&named, STEPS_NAMED_MAX);
        out += &match named.len() {
            0..=STEPS_NAMED_MAX => format!("     {names}\n"),
            many => format!("     {kind} ({many}): {names}\n"),
        };
    }
    out
}
