//! Keys under which an engine takes texts that differ for one.
//!
//! Two keys that are two in the source may be one in a target that stands there already: one that
//! ignores case or accents, or blanks at the end. Which texts those are, the target alone can say.

/// A unique key of an existing table that takes some texts that differ for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoarseKey {
    /// What the table calls it.
    pub name: String,
    /// Its columns, in key order.
    pub columns: Vec<String>,
    /// Those of them whose texts are compared so, each with how, in the engine's own words: a
    /// collation, or a type.
    pub texts: Vec<(String, String)>,
    /// Whether each is compared as its `Column::native` says, and so like any column of the engine
    /// with that type.
    pub as_declared: bool,
}

/// The key of a row, as the target is asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTexts {
    /// Stands for the columns that are compared exactly: the same where all of those are.
    pub exact: String,
    /// The texts of [`CoarseKey::texts`], in their order.
    pub texts: Vec<String>,
}

/// Rows whose keys are one key, by their places among those that were asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coincidence {
    /// The first of them.
    pub first: usize,
    /// The last.
    pub last: usize,
    /// How many there are: two at least.
    pub rows: u64,
}
