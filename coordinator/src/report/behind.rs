//! What of the source is not in the target, counted.

use std::collections::BTreeMap;

use protocol::plan::{Level, Note};
use serde::Serialize;

/// What the plan left behind, counted. Which things those are stands in the report's notes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeftBehind {
    /// All of it: tables, views, triggers, defaults, checks.
    pub objects: u64,
    /// Whole tables among it, whose rows were not moved either.
    pub tables: u64,
    /// By kind.
    pub kinds: BTreeMap<String, u64>,
}

impl LeftBehind {
    /// Counts what these notes say.
    pub fn count<'a>(notes: impl IntoIterator<Item = &'a Note>) -> Self {
        let mut all = Self::default();
        for note in notes.into_iter().filter(|note| note.is_missing()) {
            all.objects += 1;
            all.tables += u64::from(note.level == Level::Lost);
            *all.kinds.entry(note.kind()).or_default() += 1;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use protocol::plan::said;

    use super::*;

    #[test]
    fn only_what_is_not_there_counts_as_left_behind() {
        let note = |level, kind| Note::new(level, None, said(kind, "x", "x"));
        let left = LeftBehind::count(&[
            note(Level::Lost, "virtual table"),
            note(Level::Left, "view"),
            note(Level::Left, "view"),
            note(Level::Warning, "triggers"),
            note(Level::Info, "set"),
        ]);
        assert_eq!((left.objects, left.tables), (3, 1));
        assert_eq!(left.kinds["view"], 2);
    }
}
