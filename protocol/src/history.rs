//! What was done to a run, by whom, and when.
//!
//! Kept in the target beside the receipts, one entry after another, so that whoever looks later learns
//! who drives a run, and whether the target was found as it was written. Entries are evidence for
//! people: no chunk is decided by one.

use serde::{Deserialize, Serialize};

use crate::clock::Instant;
use crate::fault::Fault;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, by the clock of whoever did it.
    pub at: Instant,
    /// Who did it.
    pub by: Person,
    /// What was done.
    pub deed: Deed,
}

/// A process, and whose it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Person {
    /// The user of the operating system.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// What tells this process from others of the same number, on the same machine. Empty where the
    /// system does not say.
    pub process: String,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case")]
pub enum Deed {
    /// A process began to drive the run.
    Driven,
    /// That process stopped, and left the run unfinished.
    Stopped {
        /// Why, as a fragment.
        why: String,
    },
    /// The run was paused: by itself, or by an operator.
    Paused {
        /// Why it paused itself: the code and the message of the fault. Empty where an operator did it.
        #[serde(default)]
        why: Option<Why>,
    },
    /// The target was read back and compared with the receipts.
    Verified {
        /// Table by table.
        tables: Vec<Checked>,
    },
    /// The run took up a changed migration file.
    Revised {
        /// What it took over, a line each.
        taken: Vec<String>,
    },
    /// Rejected rows were put in line to be read and written again.
    Retried {
        /// So many rows.
        rows: u64,
        /// Of these tables.
        tables: Vec<String>,
    },
    /// What the run had made was dropped.
    Cleaned {
        /// What it was, a line each.
        dropped: Vec<String>,
    },
    /// Something that this build does not know.
    #[serde(other)]
    Other,
}

/// A fault, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// Its code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub advice: String,
}

impl From<&Fault> for Why {
    fn from(fault: &Fault) -> Self {
        let (code, message) = (fault.code().to_string(), fault.to_string());
        Self { code, message, advice: fault.advice().to_owned() }
    }
}

/// What reading one table back showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The table, by its name in the target.
    pub table: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Rows that the receipts say were written.
    pub expected: u64,
    /// Rows that were there.
    pub found: u64,
    /// Rows that differ, the first of them: `changed 5`, `missing 7`, `added 9`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
    /// Whether more rows differ than are named.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// What a check of one table came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The target holds what the receipts say.
    Equal,
    /// It holds something else.
    Different,
    /// Nothing is proven: the table held rows before the run.
    Unprovable,
}

/// The last verification, if there was one: its entry and what it found.
pub fn last_verified(history: &[Entry]) -> Option<(&Entry, &[Checked])> {
    let verified = |entry: &Entry| matches!(entry.deed, Deed::Verified { .. });
    let entry = history.iter().rev().find(|entry| verified(entry))?;
    match &entry.deed {
        Deed::Verified { tables } => Some((entry, tables)),
        Deed::Driven
        | Deed::Stopped { .. }
        | Deed::Paused { .. }
        | Deed::Revised { .. }
        | Deed::Retried { .. }
        | Deed::Cleaned { .. }
        | Deed::Other => None,
    }
}

/// The last pause, and why: `None` inside where an operator asked for it.
pub fn last_paused(history: &[Entry]) -> Option<(&Entry, Option<&Why>)> {
    history.iter().rev().find_map(|entry| match &entry.deed {
        Deed::Paused { why } => Some((entry, why.as_ref())),
        Deed::Driven
        | Deed::Stopped { .. }
        | Deed::Verified { .. }
        | Deed::Revised { .. }
        | Deed::Retried { .. }
        | Deed::Cleaned { .. }
        | Deed::Other => None,
    })
}

/// Who drove the run last: the entry that says so; and when it stopped and why, if it said so.
pub fn last_driven(history: &[Entry]) -> Option<(&Entry, Option<(Instant, &str)>)> {
    let at = history.iter().rposition(|entry| entry.deed == Deed::Driven)?;
    let rest = history.get(at + 1..).unwrap_or_default();
    let stopped = rest.iter().find_map(|entry| match &entry.deed {
        Deed::Stopped { why } => Some((entry.at, why.as_str())),
        Deed::Driven
        | Deed::Paused { .. }
        | Deed::Verified { .. }
        | Deed::Revised { .. }
        | Deed::Retried { .. }
        | Deed::Cleaned { .. }
        | Deed::Other => None,
    });
    history.get(at).map(|driven| (driven, stopped))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: i64, deed: Deed) -> Entry {
        Entry { at: Instant(at), by: Person::default(), deed }
    }

    #[test]
    fn what_a_later_build_writes_is_read_as_something_unknown() {
        let text = r#"{"at":1,"by":{"user":"u","host":"h","pid":2},"deed":{"deed":"blessed"}}"#;
        let read: Entry = serde_json::from_str(text).unwrap();
        assert_eq!((read.deed, read.by.process.as_str()), (Deed::Other, ""));
    }

    #[test]
    fn the_last_of_each_is_found() {
        let verified = |found| {
            let checked = Checked {
                table: "t".into(),
                outcome: Outcome::Equal,
                expected: 1,
                found,
                differences: Vec::new(),
                more: false,
            };
            Deed::Verified { tables: vec![checked] }
        };
        let stopped = Deed::Stopped { why: "1 chunk is parked".into() };
        let history = [
            entry(1, Deed::Driven),
            entry(2, stopped),
            entry(3, Deed::Driven),
            entry(4, verified(1)),
            entry(5, verified(2)),
        ];
        let (last, tables) = last_verified(&history).unwrap();
        assert_eq!((last.at, tables[0].found), (Instant(5), 2));
        assert_eq!(last_driven(&history).map(|(d, s)| (d.at, s)), Some((Instant(3), None)));
        let (_, stopped) = last_driven(&history[..2]).unwrap();
        assert_eq!(stopped, Some((Instant(2), "1 chunk is parked")));
        assert_eq!(last_verified(&history[..3]), None);
    }
}
