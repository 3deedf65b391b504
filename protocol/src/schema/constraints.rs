//! What holds between the rows of tables, and what finds them.

use serde::{Deserialize, Serialize};

use super::{TableName, is_false};

/// A primary key or unique constraint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Its columns, in key order.
    pub columns: Vec<String>,
    /// All that stands behind its name, as its engine prints it, where the columns do not say it all:
    /// MySQL's prefixes, comments and `WITHOUT OVERLAPS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<String>,
    /// Columns that its index only carries along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Whether two NULLs count as equal.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nulls_equal: bool,
    /// Whether the check may wait for the commit, and whether it does so by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferrable: Option<Deferred>,
    /// How its index is stored, as its engine prints it: `fillfactor='70'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
}

impl Key {
    /// A key of these columns and nothing more.
    pub fn new(name: Option<String>, columns: Vec<String>) -> Self {
        Self { name, columns, ..Self::default() }
    }
}

/// A foreign key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Its columns.
    pub columns: Vec<String>,
    /// The table they point to.
    pub references: TableName,
    /// The columns there, in the same order.
    pub referenced: Vec<String>,
    /// What happens here when the row there goes: `NO ACTION`, `CASCADE`, …
    pub on_delete: String,
    /// What happens here when its key there changes.
    pub on_update: String,
    /// Whether the check may wait for the commit, and whether it does so by itself.
    pub deferrable: Option<Deferred>,
    /// Whether the engine vouches that the rows there now satisfy it.
    pub validated: bool,
    /// Whether all its columns are NULL or none (`MATCH FULL`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub full: bool,
}

/// When a deferrable constraint is checked by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deferred {
    /// `INITIALLY IMMEDIATE`.
    Immediate,
    /// `INITIALLY DEFERRED`.
    Deferred,
}

/// An index that is not the shadow of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Whether it forbids duplicates.
    pub unique: bool,
    /// `btree`, `gin`, …
    pub method: String,
    /// What it is ordered by.
    pub parts: Vec<IndexPart>,
    /// Columns that it only carries along.
    pub include: Vec<String>,
    /// The condition of a partial index, as its engine prints it.
    pub predicate: Option<String>,
    /// All after `ON table`, as its engine prints it, so that the same engine can have exactly
    /// this index again.
    pub tail: Option<String>,
}

/// One thing an index is ordered by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPart {
    /// A column, or an expression.
    pub on: IndexOn,
    /// Whether it runs downwards.
    pub descending: bool,
}

/// What an [`IndexPart`] looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexOn {
    /// A column by name.
    Column(String),
    /// The beginning of a column.
    Prefix {
        /// The column.
        column: String,
        /// So many characters of it, or bytes where it holds bytes.
        length: u32,
    },
    /// An expression, as its engine prints it.
    Expression(String),
}

/// A check constraint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// What must hold, as its engine prints it, without `CHECK` and outer parentheses.
    pub expression: String,
    /// Whether rows that were there before it may break it (`NOT VALID`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub unproven: bool,
    /// Whether tables that inherit from this one do without it (`NO INHERIT`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub alone: bool,
}

impl Check {
    /// A check that all rows pass.
    pub fn new(name: Option<String>, expression: impl Into<String>) -> Self {
        Self { name, expression: expression.into(), unproven: false, alone: false }
    }
}

impl Index {
    /// The columns that this index keeps unique over all rows, if that is what it does.
    pub fn unique_columns(&self) -> Option<Vec<String>> {
        if !self.unique || self.predicate.is_some() {
            return None;
        }
        let column = |part: &IndexPart| match &part.on {
            IndexOn::Column(name) => Some(name.clone()),
            IndexOn::Prefix { .. } | IndexOn::Expression(_) => None,
        };
        self.parts.iter().map(column).collect()
    }
}
