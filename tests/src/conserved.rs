//! The law of conservation for schemas: each fact of a source is at the target, or a note names it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::facts::Fact;

/// Kinds whose names an engine may choose anew, so that between engines their number per table counts;
/// and the words by which a note speaks of them.
const COUNTED: [(&str, &[&str]); 11] = [
    ("primary key", &["key", "unique"]),
    ("unique", &["unique", "key", "index"]),
    ("index", &["index", "key"]),
    ("exclusion", &["exclusion", "exclude"]),
    ("foreign key", &["foreign key"]),
    ("check", &["check"]),
    ("default", &["default"]),
    ("numbering", &["number", "sequence", "default"]),
    ("generated", &["computed", "generated"]),
    ("comment", &["comment"]),
    ("on update", &["update"]),
];

/// Kinds that another engine spells in its own way, so that only their absence could be told from rows.
const ELSEWHERE_INLINE: [&str; 2] = ["enum", "partition"];

/// What a plan or a report says of one thing.
#[derive(Debug, Clone)]
pub struct Said {
    entity: String,
    object: String,
    text: String,
}

impl Said {
    /// Whether a name stands in it, and not as the part of a longer one.
    pub fn mentions(&self, name: &str) -> bool {
        [&self.entity, &self.object, &self.text].into_iter().any(|text| has_word(text, name))
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.entity, self.text)
    }
}

/// The notes of a report.
pub fn notes(report: &Value) -> Vec<Said> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let said = |note: &Value| Said {
        entity: text(&note["entity"]),
        object: text(&note["object"]),
        text: text(&note["text"]),
    };
    report["notes"].as_array().into_iter().flatten().map(said).collect()
}

/// What is neither carried nor named, a line each.
///
/// `moved` says which table became which, by their whole names; it is empty where both are of one
/// engine, and everything keeps its name.
pub fn silent(
    source: &BTreeSet<Fact>,
    target: &BTreeSet<Fact>,
    notes: &[Said],
    moved: &BTreeMap<String, String>,
) -> Vec<String> {
    let same = moved.is_empty();
    let there: BTreeSet<_> = target.iter().map(|fact| fold(&fact.name)).collect();
    let mut missing = Vec::new();
    let mut short: BTreeMap<(String, &'static str), Vec<&Fact>> = BTreeMap::new();
    // Of a table that is missing, one line is enough.
    let (tables, others): (Vec<_>, Vec<_>) = source.iter().partition(|fact| fact.kind == "table");
    for fact in tables.into_iter().chain(others) {
        let carried = match same {
            true => target.iter().any(|other| equal(fact, other)),
            false => there.contains(&fold(&fact.name)) || moved.contains_key(&fact.home()),
        };
        if !fact.table.is_empty() && source.iter().any(|table| lost(table, fact, &missing)) {
            continue;
        }
        if carried && (same || counted(&fact.kind).is_none()) {
            continue;
        }
        if !same && ELSEWHERE_INLINE.contains(&fact.kind.as_str()) {
            continue;
        }
        match counted(&fact.kind).filter(|_| !same) {
            Some(kind) => short.entry((fact.home(), kind)).or_default().push(fact),
            None if named(fact, notes) => {}
            None => missing.push(format!("{fact} is neither there nor named")),
        }
    }
    for ((home, kind), facts) in short {
        let name = moved.get(&home).unwrap_or(&home);
        let is_it = |other: &&Fact| other.kind == "table" && other.home() == *name;
        let table = target.iter().find(is_it).map_or_else(|| bare(name), |other| &other.name);
        missing.extend(fewer((&home, table), kind, &facts, target, notes));
    }
    missing
}

/// Whether it is a part of a table that is missing.
fn lost(table: &Fact, part: &Fact, missing: &[String]) -> bool {
    table.kind == "table"
        && table.home() == part.home()
        && missing.iter().any(|line| line.starts_with(&format!("{table} is")))
}

/// Whether a table has fewer things of a kind than before, and no note says so.
fn fewer(
    (home, table): (&str, &str),
    kind: &'static str,
    facts: &[&Fact],
    target: &BTreeSet<Fact>,
    notes: &[Said],
) -> Option<String> {
    // Another engine may make a unique index of a key, or a key of a unique index.
    let alike = |other: &Fact| other.kind == kind || key(&other.kind) && key(kind);
    let there =
        target.iter().filter(|other| alike(other) && fold(&other.table) == fold(table)).count();
    let said = facts.iter().filter(|fact| named(fact, notes)).count();
    (there + said < facts.len() && there < facts.len()).then(|| {
        let names: Vec<_> = facts.iter().map(|fact| fact.name.as_str()).collect();
        let (had, names) = (facts.len(), names.join(", "));
        format!("{home} had {had} × {kind} ({names}) and has {there}, of which notes name {said}")
    })
}

fn key(kind: &str) -> bool {
    ["primary key", "unique", "index"].contains(&kind)
}

fn counted(kind: &str) -> Option<&'static str> {
    COUNTED.iter().find(|(name, _)| *name == kind).map(|(name, _)| *name)
}

fn equal(fact: &Fact, other: &Fact) -> bool {
    fact == other
        // Its own engine may have made a constraint of what was an index only, or the other way round.
        || key(&fact.kind)
            && key(&other.kind)
            && (&fact.schema, &fact.table, &fact.name) == (&other.schema, &other.table, &other.name)
}

/// Whether a note speaks of it: by its name, or of its table in words that mean its kind.
fn named(fact: &Fact, notes: &[Said]) -> bool {
    let words = COUNTED.iter().find(|(kind, _)| *kind == fact.kind).map(|(_, words)| *words);
    notes.iter().any(|note| {
        let of_it = fact.table.is_empty() || note.entity == fact.home();
        let about = of_it
            || has_word(&note.text, &fact.table)
            || fold(&note.entity).ends_with(&fold(&fact.table));
        let by_kind =
            words.unwrap_or_default().iter().any(|word| note.text.to_lowercase().contains(word));
        let by_name = has_word(&note.text, &fact.name) || note.object == fact.name;
        by_name && (about || note.text.contains(&fact.home()))
            || about && by_kind && !fact.table.is_empty()
    })
}

/// Whether a text has a name in it that is not the part of a longer one.
fn has_word(text: &str, name: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(inside);
        let after = text[at + name.len()..].chars().next().is_some_and(inside);
        !name.is_empty() && !before && !after
    })
}

fn fold(name: &str) -> String {
    name.to_lowercase()
}

fn bare(home: &str) -> &str {
    home.split_once('.').map_or(home, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(kind: &str, table: &str, name: &str) -> Fact {
        let own = |text: &str| text.to_owned();
        Fact { kind: own(kind), schema: "s".into(), table: own(table), name: own(name) }
    }

    fn elsewhere() -> BTreeMap<String, String> {
        BTreeMap::from([("s.t".into(), "t".into())])
    }

    fn said(entity: &str, text: &str) -> Said {
        Said { entity: entity.into(), object: String::new(), text: text.into() }
    }

    #[test]
    fn what_is_missing_and_not_named_is_found() {
        let source = BTreeSet::from([fact("view", "", "v"), fact("check", "t", "positive")]);
        let nothing = BTreeSet::new();
        assert_eq!(silent(&source, &nothing, &[], &BTreeMap::new()).len(), 2);
        assert_eq!(silent(&source, &nothing, &[], &elsewhere()).len(), 2);
        assert_eq!(silent(&source, &source, &[], &BTreeMap::new()).len(), 0);
        assert_eq!(silent(&source, &source, &[], &elsewhere()).len(), 0);
        let notes = [said("", "view not moved: s.v"), said("s.t", "check positive stays behind")];
        assert_eq!(silent(&source, &nothing, &notes, &BTreeMap::new()).len(), 0);
        let others =
            [said("", "view not moved: s.vx"), said("s.u", "check positive2 stays behind")];
        assert_eq!(silent(&source, &nothing, &others, &BTreeMap::new()).len(), 2);
    }

    #[test]
    fn each_of_several_must_be_accounted_for() {
        let source = BTreeSet::from([fact("index", "t", "a"), fact("index", "t", "b")]);
        let target = BTreeSet::from([fact("index", "t", "other")]);
        assert_eq!(silent(&source, &target, &[], &elsewhere()).len(), 1);
        let notes = [said("s.t", "index b stays behind")];
        assert_eq!(silent(&source, &target, &notes, &elsewhere()).len(), 0);
    }
}
