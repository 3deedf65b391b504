//! What a plan says to its reader, by kind: a line for many, the most serious first.

use std::collections::BTreeSet;

use protocol::plan::{Group, Level, Note, grouped};

use super::visible;

/// Things that are named of a kind.
const NAMED_MAX: usize = 3;

/// All notes under headings: a line for each kind, or for each note where `verbose`.
pub(crate) fn sections(notes: &[Note], verbose: bool) -> String {
    let mut out = String::new();
    let mut level = None;
    for group in grouped(notes) {
        if level.replace(group.level) != Some(group.level) {
            out += &format!("\n  {}\n", heading(group.level));
        }
        if verbose {
            let sentences =
                group.notes.iter().map(|note| visible::text(&note.sentence()).into_owned());
            out += &sentences.map(|sentence| format!("    {sentence}\n")).collect::<String>();
        } else {
            out += &format!("  {:>5}  {}\n", group.notes.len(), line(&group));
        }
    }
    out
}

/// A kind in one line: what is said of the first, and who else it is about.
pub(crate) fn line(group: &Group<'_>) -> String {
    let Some(first) = group.notes.first() else { return String::new() };
    let others = others(group);
    let said = visible::text(&first.sentence()).into_owned();
    if others.is_empty() {
        return said;
    }
    let listed = first.object.as_ref().is_some_and(|it| first.text.ends_with(&format!(": {it}")));
    let joint = if listed { ", " } else { "; likewise " };
    format!("{said}{joint}{}", named(&others, NAMED_MAX - 1))
}

/// What the others are about, each once, and not what the first is about.
fn others(group: &Group<'_>) -> Vec<String> {
    let mut seen: BTreeSet<String> = group.notes.iter().take(1).map(|n| n.subject()).collect();
    let subjects = group.notes.iter().skip(1).map(|note| note.subject());
    subjects.filter(|subject| seen.insert(subject.clone())).collect()
}

/// The first of these names, and how many more there are.
pub(crate) fn named(names: &[String], most: usize) -> String {
    let shown: Vec<_> = names.iter().take(most).map(|name| visible::text(name)).collect();
    match names.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn heading(level: Level) -> &'static str {
    match level {
        Level::Lost => "rows that are not moved",
        Level::Left => "left behind",
        Level::Warning => "warnings",
        Level::Info => "good to know",
    }
}

#[cfg(test)]
mod tests {
    use protocol::plan::said;

    use super::*;

    #[test]
    fn a_kind_is_one_line_and_names_a_few() {
        let default = |column: &str| {
            let text = format!("default of {column} stays behind");
            Note::new(Level::Left, Some("orders".into()), said("default", column, text))
        };
        let view = |name: &str| {
            Note::new(Level::Left, None, said("view", name, format!("view not moved: {name}")))
        };
        let notes: Vec<_> = ["a", "b", "c", "d", "e"]
            .into_iter()
            .map(default)
            .chain([view("seen"), view("v\u{202e}")])
            .collect();
        assert_eq!(
            sections(&notes, false),
            "\n  left behind\n      5  orders: default of a stays behind; likewise orders.b, orders.c \
             and 2 more\n      2  view not moved: seen, v\\u{202e}\n"
        );
        assert_eq!(sections(&notes, true).lines().count(), 2 + notes.len());
    }
}
