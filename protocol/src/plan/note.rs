//! What a person should know before saying yes: note by note, and by kind where there are many.

mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a person should know before saying yes.
///
/// A note is about one thing, so that it can be counted: of ten triggers that stay behind there are
/// ten notes, and they are one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// How serious it is.
    pub level: Level,
    /// What kind of thing happens: a stable short word such as `default` or `collation`, by which notes
    /// are grouped. Empty in what older builds wrote; see [`Note::kind`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The entity it is about, by target name, where it is about one.
    pub entity: Option<String>,
    /// What it is about within the entity, or within the database: a column, an index, a view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// One sentence.
    pub text: String,
}

/// How serious a [`Note`] is. Greater is more serious: losses come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good to know.
    Info,
    /// Something about the result may surprise.
    Warning,
    /// Something is not moved, or the target cannot express it.
    Left,
    /// Rows that the source has are not moved: a whole table of them.
    Lost,
}

impl Level {
    /// Whether something of the source is missing from the target afterwards.
    pub fn is_loss(self) -> bool {
        self >= Self::Left
    }

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Left => "left behind",
            Self::Lost => "rows left behind",
        }
    }
}

/// What a [`Note`] says, under which kind, and of what. A bare text is one too: its kind is then made
/// out from its words, which is good enough to group by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    kind: String,
    object: Option<String>,
    text: String,
}

/// A sentence of a kind (`default`) about an object (`created_at`).
pub fn said(kind: &str, object: impl ToString, text: impl Into<String>) -> Said {
    Said { kind: kind.into(), object: Some(object.to_string()), text: text.into() }
}

/// A sentence of a kind about the entity itself, or about no object in particular.
pub fn said_of_all(kind: &str, text: impl Into<String>) -> Said {
    Said { kind: kind.into(), object: None, text: text.into() }
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        match words::known(&text) {
            Some((kind, object)) => Self { kind: kind.into(), object, text },
            None => Self { kind: String::new(), object: None, text },
        }
    }
}

impl From<&str> for Said {
    fn from(text: &str) -> Self {
        text.to_string().into()
    }
}

impl Note {
    /// The kind of what is true only as long as others are connected as they are, and so no part of what
    /// a plan is.
    pub const CONNECTIONS: &str = "connections";

    /// A note about an entity, by target name, or about none.
    pub fn new(level: Level, entity: Option<String>, said: impl Into<Said>) -> Self {
        let Said { kind, object, text } = said.into();
        Self { level, kind, entity, object, text }
    }

    /// By what it is grouped: its kind, or what its words have in common with others of their kind.
    pub fn kind(&self) -> String {
        if !self.kind.is_empty() {
            return self.kind.clone();
        }
        let known = words::known(&self.text).map(|(kind, _)| kind.to_string());
        known.unwrap_or_else(|| pattern(&self.text))
    }

    /// Whether an object of the source is missing from the target: not where it is there, and only
    /// means less.
    pub fn is_missing(&self) -> bool {
        self.level.is_loss() && !words::is_meaning(&self.kind())
    }

    /// What it is about, in as few words as there are: `orders.note`, `orders`, `top_customers`; where
    /// nothing is named, its text.
    pub fn subject(&self) -> String {
        match (&self.entity, &self.object) {
            (Some(entity), Some(object)) => format!("{entity}.{object}"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => self.text.clone(),
        }
    }

    /// The whole sentence: `orders: default of note stays behind`.
    pub fn sentence(&self) -> String {
        match &self.entity {
            Some(entity) => format!("{entity}: {}", self.text),
            None => self.text.clone(),
        }
    }
}

/// The words of a text without those that look like names and numbers.
fn pattern(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let verbs = ["is", "has", "was", "becomes", "may", "holds"];
    let plain = |word: &str| {
        let word = word.trim_end_matches([',', '.', ';', ':']);
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '\'')
    };
    let subject = words.first().is_some_and(|word| word.ends_with(':'))
        || words.get(1).is_some_and(|word| verbs.contains(word));
    let kept =
        words.iter().enumerate().map(|(at, word)| match plain(word) && (at > 0 || !subject) {
            true => *word,
            false => "…",
        });
    kept.collect::<Vec<_>>().join(" ")
}

/// Notes of one level and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group<'a> {
    /// How serious they are.
    pub level: Level,
    /// Their kind; see [`Note::kind`].
    pub kind: String,
    /// The notes, in the order of the plan. Never empty.
    pub notes: Vec<&'a Note>,
}

/// Notes by level and kind: the most serious first, and of these the kinds that are met most often.
pub fn grouped<'a>(notes: impl IntoIterator<Item = &'a Note>) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(Level, String), Vec<&Note>> = BTreeMap::new();
    for note in notes {
        groups.entry((note.level, note.kind())).or_default().push(note);
    }
    let group = |((level, kind), notes)| Group { level, kind, notes };
    let mut groups: Vec<_> = groups.into_iter().map(group).collect();
    groups.sort_by_key(|group| std::cmp::Reverse((group.level, group.notes.len())));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(level: Level, entity: &str, said: impl Into<Said>) -> Note {
        Note::new(level, Some(entity.into()), said)
    }

    #[test]
    fn notes_are_grouped_by_kind_and_losses_come_first() {
        let notes = [
            note(Level::Info, "a", said("collation", "x", "x is compared otherwise")),
            note(Level::Warning, "a", said_of_all("triggers", "triggers will fire: t")),
            note(Level::Left, "a", said("check", "c", "check c stays behind")),
            note(Level::Left, "a", said("default", "x", "default of x stays behind")),
            note(Level::Left, "b", said("default", "y", "default of y stays behind")),
            Note::new(
                Level::Lost,
                None,
                said("virtual table", "f", "virtual table f is not moved"),
            ),
        ];
        let groups: Vec<_> =
            grouped(&notes).iter().map(|g| (g.level, g.kind.clone(), g.notes.len())).collect();
        let expected = [
            (Level::Lost, "virtual table", 1),
            (Level::Left, "default", 2),
            (Level::Left, "check", 1),
            (Level::Warning, "triggers", 1),
            (Level::Info, "collation", 1),
        ];
        assert_eq!(groups, expected.map(|(level, kind, count)| (level, kind.to_string(), count)));
    }

    #[test]
    fn texts_without_a_kind_are_grouped_by_their_words() {
        let kinds = [
            "name is of a kind that nobody knows_yet",
            "title is of a kind that nobody knows_2",
            "index a_b_idx is unheard of",
            "index films_idx is unheard of",
        ]
        .map(|text| note(Level::Left, "a", text).kind());
        assert_eq!(kinds[0], kinds[1]);
        assert_ne!(kinds[1], kinds[2]);
        assert_eq!(kinds[2], "index … is unheard of");
    }

    #[test]
    fn a_text_that_is_known_has_a_kind_and_an_object() {
        for (text, kind, subject) in [
            ("name is compared without its collation C", "collation", "a.name"),
            ("index a b stays behind: method gin", "index", "a.a b"),
            ("comments stay behind, SQLite has none", "comment", "a"),
        ] {
            let note = note(Level::Left, "a", text);
            assert_eq!((note.kind().as_str(), note.subject().as_str()), (kind, subject));
            assert_eq!(note.is_missing(), kind != "collation");
        }
    }

    /// What a build wrote that knew no kinds is read, and keeps its fingerprint.
    #[test]
    fn notes_of_older_plans_are_read_and_written_as_they_were() {
        let old = r#"{"level":"left","entity":"a","text":"check c stays behind"}"#;
        let note: Note = serde_json::from_str(old).unwrap();
        assert_eq!(serde_json::to_string(&note).unwrap(), old);
    }
}
