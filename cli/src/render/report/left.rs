//! What a run left behind, said where people look: beside the verdict and at the top of the report.

use clap::ValueEnum;
use coordinator::report::{LeftBehind, Report};
use protocol::plan::{Group, Level, Note, grouped};

use super::markup::{Text, list, section};
use crate::render::{notes, visible};

/// Names that are listed of a kind, at the end of a run and in `report.html`.
const NAMED_MAX: usize = 5;
const LISTED_MAX: usize = 100;

/// What counts as a loss, for whoever asked to hear of it by the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strict {
    /// Whatever stays behind.
    All,
    /// Whole tables of rows.
    Tables,
}

impl Strict {
    /// Whether too much stays behind.
    pub(crate) fn forbids(self, left: &LeftBehind) -> bool {
        match self {
            Self::All => left.objects > 0,
            Self::Tables => left.tables > 0,
        }
    }
}

/// ` · 15 objects were not moved`, or nothing.
pub(crate) fn beside_verdict(report: &Report) -> String {
    match report.left_behind.objects {
        0 => String::new(),
        n => format!(" · {}", were_not_moved(n, "object")),
    }
}

fn were_not_moved(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what} was not moved"),
        n => format!("{} {what}s were not moved", super::grouped(n)),
    }
}

fn losses(report: &Report) -> Vec<Group<'_>> {
    grouped(report.notes.iter().filter(|note| note.is_missing()))
}

/// What it was, a line for each kind: for the terminal and the top of `report.txt`.
pub(crate) fn lines(report: &Report) -> String {
    let line = |group: &Group<'_>| {
        let mark = if group.level == Level::Lost { "rows not moved" } else { "not moved" };
        let named = notes::named(&names(group), NAMED_MAX);
        format!("  {mark}: {} ({}): {named}\n", visible::text(&group.kind), group.notes.len())
    };
    losses(report).iter().map(line).collect()
}

fn names(group: &Group<'_>) -> Vec<String> {
    let mut names: Vec<_> = group.notes.iter().map(|note| note.subject()).collect();
    names.dedup();
    names
}

/// What an operator must not miss of it, as items of HTML.
pub(crate) fn to_know(report: &Report) -> Vec<String> {
    let mut items = Vec::new();
    let left = &report.left_behind;
    if left.tables > 0 {
        let said = match left.tables {
            1 => "The rows of 1 table were not moved".to_string(),
            n => format!("The rows of {n} tables were not moved"),
        };
        let lost: Vec<_> = losses(report).into_iter().filter(|g| g.level == Level::Lost).collect();
        let all: Vec<_> = lost.iter().flat_map(names).collect();
        let named = notes::named(&all, NAMED_MAX);
        items.push(format!("<strong class=\"bad\">{said}</strong>: {}.", Text(&named)));
    }
    if left.objects > left.tables {
        let others = left.objects - left.tables;
        let kinds: Vec<_> = losses(report)
            .iter()
            .filter(|group| group.level == Level::Left)
            .map(|group| format!("{} ({})", group.kind, group.notes.len()))
            .collect();
        let said = were_not_moved(others, "object");
        let kinds = notes::named(&kinds, NAMED_MAX * 2);
        items.push(format!("<strong class=\"wait\">{said}</strong>: {}.", Text(&kinds)));
    }
    let warns = |note: &&Note| note.level >= Level::Warning && !note.is_missing();
    let warned = grouped(report.notes.iter().filter(warns));
    let lines = warned.iter().flat_map(notes::lines);
    items.extend(lines.map(|(_, line)| format!("{}.", Text(&line))));
    items
}

/// All of it by name, as a section of `report.html`; nothing where all was moved.
pub(crate) fn html(report: &Report) -> String {
    let item = |group: &Group<'_>| {
        let names = notes::named(&names(group), LISTED_MAX);
        format!("<strong>{}</strong> ({}): {}", Text(&group.kind), group.notes.len(), Text(&names))
    };
    let items: Vec<_> = losses(report).iter().map(item).collect();
    if items.is_empty() { String::new() } else { section("Not moved", &list(&items)) }
}
