//! What only one engine has, kept so that the same engine can have it again.

use serde::{Deserialize, Serialize};

use super::{Check, TableName, is_false};

/// What a table is beyond its columns and keys, in the words of its own engine, so that the same
/// engine can have exactly this table again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// What stands among the columns and is neither of them nor a constraint: `PERIOD FOR …`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// What stands behind the columns, each as it is written: `ROW_FORMAT=COMPRESSED`, `STRICT`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

impl Own {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The sequence behind a numbered column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// Its name.
    pub name: TableName,
    /// The type of its numbers, as its engine prints it.
    pub native: String,
    /// The number that comes next, where none was handed out since it was told to begin there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<i64>,
    /// Whether the user may not see where it stands.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// The furthest number among the rows when they were looked at, or where the sequence stood if
    /// that was further; absent where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub furthest: Option<i64>,
    /// A comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// What a table of PostgreSQL has that other engines have no word for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Peculiar {
    /// Constraints by which no two rows agree under some operators.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclusions: Vec<Exclusion>,
    /// Tables that it inherits from, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<TableName>,
    /// Columns that it has from those alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<String>,
    /// Checks that it has from those alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inherited_checks: Vec<String>,
    /// The composite type whose rows it holds (`OF`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<TableName>,
    /// Statistics over several of its columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statistics: Vec<Extended>,
    /// Everything small.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

impl Peculiar {
    /// Whether there is nothing in it.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// An exclusion constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// Its name.
    pub name: String,
    /// `EXCLUDE USING gist (during WITH &&)`, as its engine prints it.
    pub definition: String,
}

/// Statistics over several columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extended {
    /// Its name.
    pub name: TableName,
    /// What stands between its name and `FROM`: `(ndistinct) ON a, b`.
    pub clause: String,
    /// How much is sampled for it, where that is not left to the server.
    pub target: Option<i32>,
    /// A comment.
    pub comment: Option<String>,
}

/// Something small that a table, or a part of it, is set to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// What is set.
    pub kind: PropertyKind,
    /// What it is set on.
    pub of: Part,
    /// What it is set to, as the engine's own statement spells it; empty where the kind says all.
    pub value: String,
}

/// A table, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The table itself.
    Table,
    /// A column.
    Column(String),
    /// A constraint.
    Constraint(String),
    /// An index, and of which constraint it is the shadow does not matter.
    Index(String),
    /// A column of an index, counted from one.
    IndexColumn(String, i16),
}

/// What can be set on a table or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PropertyKind {
    /// `fillfactor='70'`, and others like it.
    StorageParameters,
    /// How many values are sampled of a column.
    StatisticsTarget,
    /// Where long values of a column go.
    Storage,
    /// How long values of a column are compressed.
    Compression,
    /// `n_distinct=5`.
    ColumnOptions,
    /// By which index the table is ordered when it is next rewritten.
    Cluster,
    /// What tells replicas which row changed.
    ReplicaIdentity,
    /// A comment.
    Comment,
}

/// A type or collation of the database's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnType {
    /// Its name.
    pub name: TableName,
    /// What it is.
    pub kind: OwnKind,
    /// The statements that make it.
    pub create: Vec<String>,
    /// As its engine prints it behind a column's name.
    pub spelled: Option<String>,
    /// A comment.
    pub comment: Option<String>,
    /// The type that comes with it: a range has a multirange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<TableName>,
    /// What a domain asks of a column, for engines without domains.
    pub rules: Option<Rules>,
}

/// What a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnKind {
    /// A type with rules.
    Domain,
    /// A row as a value.
    Composite,
    /// A range of another type.
    Range,
    /// An order of texts.
    Collation,
}

impl OwnKind {
    /// As people and statements call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Composite | Self::Range => "type",
            Self::Collation => "collation",
        }
    }
}

/// What a domain asks of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Whether NULL is forbidden.
    pub not_null: bool,
    /// The default of columns that have none.
    pub default: Option<String>,
    /// Its checks, in which the value is called `VALUE`.
    pub checks: Vec<Check>,
}

/// Something installed in a database that brings types, functions and operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// The schema it was installed in.
    pub schema: String,
    /// Types, functions, operators and what else can be mentioned, by name.
    pub brings: Vec<TableName>,
}
