//! What stands in a database beside its tables and can be made again by its own engine: views,
//! routines, triggers and their like, each with the statements that make it.

use serde::{Deserialize, Serialize};

use crate::mapping::Include;
use crate::schema::TableName;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// What its engine calls the kind: `view`, `function`, `text search configuration`.
    pub word: String,
    /// Its name, for people; what is a part of a table is named `orders.stamp`.
    pub name: TableName,
    /// What tells it from all others of its database, in every database alike: with the types of its
    /// arguments, where it has any. What [`Need::Object`] names.
    pub key: String,
    /// The table or view that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<TableName>,
    /// The statements that make it, with its comments; who may use it is an object of its own.
    pub definition: Vec<String>,
    /// The statement that fills it once rows are there, where it has rows of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled_by: Option<String>,
    /// What must be there before, as far as its engine knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
}

/// The kinds of [`Object`], as far as it matters when and where each is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// Something that computes: a function, a procedure, an aggregate, an operator, a cast.
    Routine,
    /// A view, or a materialized view.
    View,
    /// Something that acts when rows are written.
    Trigger,
    /// A rule that rewrites statements.
    Rule,
    /// What says which rows somebody sees, and whether it is asked.
    Policy,
    /// What somebody may do.
    Grant,
}

/// What must be there before something can be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Another [`Object`], by its key.
    Object(String),
    /// A table, or a column of it.
    Table {
        /// The table, or a partition.
        name: TableName,
        /// The column, where it is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        column: Option<String>,
    },
    /// A type.
    Type(TableName),
    /// A sequence.
    Sequence(TableName),
    /// A collation.
    Collation(TableName),
    /// An extension, or what it brings.
    Extension(String),
    /// A role of the server.
    Role(String),
    /// Something that is never moved, as people call it.
    Other(String),
}

impl ObjectKind {
    /// Which word of `include` asks for it.
    pub fn include(self) -> Include {
        match self {
            Self::Routine => Include::Routines,
            Self::View => Include::Views,
            Self::Trigger => Include::Triggers,
            Self::Rule => Include::Rules,
            Self::Policy => Include::Policies,
            Self::Grant => Include::Grants,
        }
    }
}
