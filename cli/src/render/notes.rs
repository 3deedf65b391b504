//! What a plan says to its reader, by kind: a line for many, the most serious first.

use std::collections::BTreeSet;

use protocol::plan::{Group, Level, Note, grouped};

use super::visible;

/// Things that are named in a line.
const NAMED_MAX: usize = 3;

/// Different things that are said of one kind.
const SHAPES_MAX: usize = 4;

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
            let lines = lines(&group).into_iter();
            out += &lines.map(|(n, line)| format!("  {n:>5}  {line}\n")).collect::<String>();
        }
    }
    out
}

/// A kind in few lines: one for all of which the same is said, with their number.
pub(crate) fn lines(group: &Group<'_>) -> Vec<(usize, String)> {
    let mut alike: Vec<(String, Vec<&Note>)> = Vec::new();
    for note in &group.notes {
        let shape = shape(note);
        match alike.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, notes)) => notes.push(note),
            None => alike.push((shape, vec![note])),
        }
    }
    alike.sort_by_key(|(_, notes)| std::cmp::Reverse(notes.len()));
    let rest = alike.split_off(alike.len().min(SHAPES_MAX));
    let mut lines: Vec<_> = alike.iter().map(|(_, notes)| (notes.len(), line(notes))).collect();
    let rest: Vec<_> = rest.into_iter().flat_map(|(_, notes)| notes).collect();
    if !rest.is_empty() {
        let subjects: Vec<_> = rest.iter().map(|note| note.subject()).collect();
        let kind = visible::text(&group.kind);
        lines.push((rest.len(), format!("{kind}: {}", named(&subjects, NAMED_MAX))));
    }
    lines
}

/// What is said, whatever it is about.
fn shape(note: &Note) -> String {
    let Some(object) = note.object.as_deref().filter(|object| !object.is_empty()) else {
        return note.text.clone();
    };
    let within = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let text = &note.text;
    let mut found = text.match_indices(object).map(|(at, _)| (at, at + object.len()));
    let alone = |(from, to): &(usize, usize)| {
        !within(text[..*from].chars().next_back()) && !within(text[*to..].chars().next())
    };
    match found.find(alone) {
        Some((from, to)) => format!("{}…{}", &text[..from], &text[to..]),
        None => text.clone(),
    }
}

/// What is said of the first, and who else it is about.
fn line(notes: &[&Note]) -> String {
    let Some(first) = notes.first() else { return String::new() };
    let others = others(notes);
    let said = visible::text(&first.sentence()).into_owned();
    if others.is_empty() {
        return said;
    }
    let listed = first.object.as_ref().is_some_and(|it| first.text.ends_with(&format!(": {it}")));
    let joint = if listed { ", " } else { "; likewise " };
    format!("{said}{joint}{}", named(&others, NAMED_MAX - 1))
}

/// What the others are about, each once, and not what the first is about.
fn others(notes: &[&Note]) -> Vec<String> {
    let mut seen: BTreeSet<String> = notes.iter().take(1).map(|note| note.subject()).collect();
    let subjects = notes.iter().skip(1).map(|note| note.subject());
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

    #[test]
    fn what_is_said_differently_of_one_kind_is_not_lost_among_the_rest() {
        let policy = |column: &str, what: &str| {
            let text = format!("{column}: values that do not fit {what}");
            Note::new(Level::Info, Some("t".into()), text)
        };
        let mut notes =
            vec![policy("a", "become NULL"), policy("b", "are cut"), policy("c", "are cut")];
        let text = sections(&notes, false);
        assert!(
            text.contains("      2  t: b: values that do not fit are cut; likewise t.c"),
            "{text}"
        );
        assert!(text.contains("      1  t: a: values that do not fit become NULL"), "{text}");
        notes.extend((0..9).map(|at| policy("d", &format!("become {at}"))));
        assert_eq!(sections(&notes, false).lines().count(), 2 + SHAPES_MAX + 1);
    }
}
