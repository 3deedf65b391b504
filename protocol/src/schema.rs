//! What a database says about itself, in words that all engines share.
//!
//! A [`Catalogue`] is what introspection returns. Text that only its own engine understands
//! (a default, a check, an index expression) is kept as that engine prints it, beside the
//! [`Engine`] it came from; whoever carries it elsewhere must translate it or say that it
//! stayed behind.

mod constraints;
mod own;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::object::Object;
pub use constraints::{Check, Deferred, ForeignKey, Index, IndexOn, IndexPart, Key};
pub use own::{
    Exclusion, Extended, Extension, Numbers, Own, OwnKind, OwnType, Part, Peculiar, Property,
    PropertyKind, Rules,
};

/// A kind of endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// PostgreSQL, 12 or later.
    Postgres,
    /// SQLite 3.
    Sqlite,
    /// MySQL 8 or later, or MariaDB 10.11 or later.
    #[serde(rename = "mysql")]
    MySql,
    /// The one that lives in this process and dies with it, for tests.
    Memory,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
            Self::MySql => "MySQL",
            Self::Memory => "memory",
        })
    }
}

/// A table's name. Engines without schemas leave `schema` empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    /// The schema, where the engine has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The name itself, unquoted, in the case the catalogue stores.
    pub name: String,
}

impl TableName {
    /// A name without schema.
    pub fn bare(name: impl Into<String>) -> Self {
        Self { schema: None, name: name.into() }
    }

    /// A name in a schema.
    pub fn within(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: Some(schema.into()), name: name.into() }
    }
}

/// `schema.name`, unquoted: for people and patterns, never for SQL.
impl TableName {
    /// Schema and name as they are, with a point between them.
    pub fn plain(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// For people: what is hidden in a name is spelled out.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::visible::text(&self.plain()))
    }
}

/// What a value means, whatever an engine calls its type.
///
/// The canonical text of each is in [`crate::cell`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Logical {
    /// True or false.
    Boolean,
    /// A signed integer of 16, 32 or 64 bits.
    Integer {
        /// Width in bits.
        bits: u8,
    },
    /// An exact decimal number. Without precision: any number of digits.
    Decimal {
        /// Significant digits at most.
        precision: Option<u16>,
        /// Digits after the point; absent means as many as the value has.
        scale: Option<u16>,
    },
    /// A binary floating-point number of 32 or 64 bits.
    Float {
        /// Width in bits.
        bits: u8,
    },
    /// Characters, at most `length` of them where given.
    Text {
        /// Length in characters.
        length: Option<u32>,
    },
    /// Characters in a field of fixed length, whose trailing blanks mean nothing.
    Char {
        /// Length in characters.
        length: u32,
    },
    /// Bytes.
    Binary,
    /// A calendar date.
    Date,
    /// A time of day.
    Time,
    /// A time of day with its offset from UTC.
    TimeWithZone,
    /// A date and a time, of no particular zone.
    Timestamp,
    /// An instant.
    TimestampWithZone,
    /// A span of time, spelled as its engine spells it.
    Interval,
    /// A UUID.
    Uuid,
    /// JSON, kept as the text it is.
    Json,
    /// JSON that its engine normalises (PostgreSQL `jsonb`).
    JsonBinary,
    /// A bit string of `length` bits, or at most so many when `varying`.
    Bits {
        /// Length in bits.
        length: Option<u32>,
        /// Whether shorter strings are allowed.
        varying: bool,
    },
    /// One of a list of labels.
    Enum {
        /// The labels, in their order.
        labels: Vec<String>,
    },
    /// A list, in PostgreSQL's literal form.
    Array {
        /// What it is a list of.
        of: Box<Logical>,
    },
    /// A type that only its own engine knows; carried as text where both sides have it.
    Native {
        /// The engine.
        engine: Engine,
        /// What that engine calls the type, with modifiers.
        name: String,
    },
    /// Anything: each cell has a type of its own (SQLite columns without declared type).
    #[default]
    Any,
}

/// One column of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as its engine prints it, with modifiers: `character varying(20)`.
    pub native: String,
    /// What that means.
    pub logical: Logical,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// The domain that it is of, as its engine prints it, or an array of one; `native` is the type
    /// below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Its default, as its engine prints it; a sequence's `nextval` is in `identity` instead.
    pub default: Option<String>,
    /// Whether and how the engine numbers rows in it.
    pub identity: Option<Identity>,
    /// The expression it is computed from; such a column is never written.
    pub generated: Option<Generated>,
    /// A comment.
    pub comment: Option<String>,
    /// Whether its values mean the same bytes in every database of its engine, so that the raw
    /// lane may carry them (no type whose identity is local to one database).
    pub raw: bool,
    /// What its engine puts in whenever a row changes and no value is given: MySQL's
    /// `ON UPDATE CURRENT_TIMESTAMP`, without these two words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_update: Option<String>,
    /// All that stands behind its name in its `CREATE TABLE`, as its engine prints it, so that the
    /// same engine can have exactly this column again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<String>,
}

impl Column {
    /// A column that may be NULL, with nothing but a name and a type.
    pub fn new(name: impl Into<String>, native: impl Into<String>, logical: Logical) -> Self {
        Self {
            name: name.into(),
            native: native.into(),
            logical,
            nullable: true,
            domain: None,
            default: None,
            identity: None,
            generated: None,
            comment: None,
            raw: false,
            on_update: None,
            own: None,
        }
    }

    /// Its type as its own engine has it: the domain, where it is of one.
    pub fn own_type(&self) -> &str {
        self.domain.as_deref().unwrap_or(&self.native)
    }
}

impl Column {
    /// Whether the source does not have it: the migration computes it, and only its meaning is known.
    pub fn is_computed(&self) -> bool {
        self.native.is_empty() && self.logical != Logical::Any
    }
}

/// How an engine numbers rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Which kind.
    pub kind: IdentityKind,
    /// The last value handed out, if any was.
    pub last: Option<i64>,
    /// The step between values.
    pub increment: i64,
    /// Where the numbers begin and end, unless that is left to the engine.
    pub bounds: Option<Bounds>,
    /// The sequence behind the column, where the engine has sequences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Numbers>,
}

impl Identity {
    /// Numbers in steps of one, `last` the last that was handed out.
    pub fn new(kind: IdentityKind, last: Option<i64>) -> Self {
        Self { kind, last, increment: 1, bounds: None, sequence: None }
    }

    /// The number that comes next, where the engine says it.
    pub fn next(&self) -> Option<i64> {
        let restart = || self.sequence.as_ref().and_then(|sequence| sequence.restart);
        self.last.map_or_else(restart, |last| last.checked_add(self.increment))
    }
}

/// Where numbers begin and end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// The first value.
    pub start: i64,
    /// The least value, where it is not the engine's own choice.
    pub min: Option<i64>,
    /// The greatest value, where it is not the engine's own choice.
    pub max: Option<i64>,
    /// Whether they begin again at their end.
    pub cycle: bool,
    /// How many a session takes at once, so that it need not ask for each.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub cache: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(truth: &bool) -> bool {
    !truth
}

fn one() -> i64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_one(number: &i64) -> bool {
    *number == one()
}

/// The ways in which rows are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// `GENERATED ALWAYS AS IDENTITY`.
    Always,
    /// `GENERATED BY DEFAULT AS IDENTITY`.
    ByDefault,
    /// A default of `nextval` on a sequence that the column owns (`serial`).
    Serial,
    /// SQLite's `AUTOINCREMENT`, MySQL's `AUTO_INCREMENT`.
    AutoIncrement,
}

/// A computed column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    /// The expression as its engine prints it.
    pub expression: String,
    /// Whether the value is stored, or computed when read.
    pub stored: bool,
}

/// How a partitioned table is cut in its own database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partitioning {
    /// `RANGE (taken_on)`, as its engine prints it.
    pub by: String,
    /// Its partitions, outer before inner.
    pub partitions: Vec<Partition>,
}

/// A partition of a partitioned table. Its rows are read and written through the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Its name.
    pub name: TableName,
    /// The table it is a part of: the root, or a partition that is itself partitioned.
    pub parent: TableName,
    /// `FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')`, or `DEFAULT`.
    pub bound: String,
    /// How it is itself partitioned, if it is.
    pub by: Option<String>,
    /// What it has and its root does not give it, as if it were a table: keys, indexes and checks of
    /// its own, and columns whose default or NOT NULL differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<Table>>,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: TableName,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Its primary key.
    pub primary_key: Option<Key>,
    /// Its unique constraints.
    pub uniques: Vec<Key>,
    /// Its foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Its other indexes.
    pub indexes: Vec<Index>,
    /// Its checks.
    pub checks: Vec<Check>,
    /// How it is partitioned, if it is.
    pub partitioning: Option<Partitioning>,
    /// A comment.
    pub comment: Option<String>,
    /// Triggers that fire when rows are written, by name.
    pub triggers: Vec<String>,
    /// Whether its rows survive a crash of the server (false: PostgreSQL `UNLOGGED`).
    pub durable: bool,
    /// About how many rows; for planning only, never for correctness.
    pub rows_estimate: u64,
    /// About how many bytes; for planning only.
    pub bytes_estimate: u64,
    /// What only its own engine has words for.
    #[serde(default, skip_serializing_if = "Own::is_empty")]
    pub own: Own,
    /// What only PostgreSQL has, by kind.
    #[serde(default, skip_serializing_if = "Peculiar::is_nothing")]
    pub peculiar: Peculiar,
}

impl Table {
    /// A table with a name and nothing else.
    pub fn new(name: TableName) -> Self {
        Self {
            name,
            columns: Vec::new(),
            primary_key: None,
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            indexes: Vec::new(),
            checks: Vec::new(),
            partitioning: None,
            comment: None,
            triggers: Vec::new(),
            durable: true,
            rows_estimate: 0,
            bytes_estimate: 0,
            own: Own::default(),
            peculiar: Peculiar::default(),
        }
    }

    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The key that rows are cut by: the primary key, else the first unique constraint or plain
    /// unique index whose columns all forbid NULL.
    pub fn cutting_key(&self) -> Option<Vec<String>> {
        let solid = |columns: &[String]| {
            columns.iter().all(|c| self.column(c).is_some_and(|c| !c.nullable))
        };
        let keys = self.primary_key.iter().chain(&self.uniques).map(|key| key.columns.clone());
        let indexes = self.indexes.iter().filter_map(Index::unique_columns);
        keys.chain(indexes).find(|columns| !columns.is_empty() && solid(columns))
    }
}

/// An enumerated type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnumType {
    /// Its name.
    pub name: TableName,
    /// Its labels, in order.
    pub labels: Vec<String>,
    /// A comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A sequence that no column owns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Its name.
    pub name: TableName,
    /// The first value.
    pub start: i64,
    /// The step.
    pub increment: i64,
    /// The least value.
    pub min: i64,
    /// The greatest value.
    pub max: i64,
    /// Whether it begins again at its end.
    pub cycle: bool,
    /// The type of its numbers, as its engine prints it.
    pub native: String,
    /// How many numbers a session takes at once.
    pub cache: i64,
    /// The last value handed out, if any was.
    pub last: Option<i64>,
    /// The value that comes next, where none was handed out since it was told to begin there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<i64>,
    /// Whether the user may not see where it stands.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// The table and column that it goes with when they are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<(TableName, String)>,
    /// A comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Something that stands in the source and is not moved: a view, a function, …
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmoved {
    /// `view`, `materialized view`, `trigger`, …
    pub kind: String,
    /// Its name.
    pub name: TableName,
}

impl Unmoved {
    /// Of MySQL: a column that `SELECT *` leaves out.
    pub const INVISIBLE: &str = "INVISIBLE of column";
    /// Of MySQL: a column that is given the present moment when its row changes.
    pub const ON_UPDATE: &str = "ON UPDATE of column";
    /// Of MariaDB: rows of one key whose periods may not overlap.
    pub const WITHOUT_OVERLAPS: &str = "WITHOUT OVERLAPS of key";
    /// Of MySQL: a key that looks at the beginning of a column only.
    pub const PREFIX_OF_KEY: &str = "prefix length of key";
    /// Of MySQL: what people wrote beside an index.
    pub const COMMENT_OF_INDEX: &str = "comment of index";
    /// Of MySQL: an index that is kept and not used.
    pub const IGNORED_INDEX: &str = "IGNORED of index";
    /// Of MariaDB: two columns that are a period.
    pub const PERIOD: &str = "PERIOD of table";
    /// Of MariaDB: a table that remembers its former rows.
    pub const VERSIONING: &str = "SYSTEM VERSIONING of table";
    /// Of MariaDB: those former rows.
    pub const HISTORY: &str = "system-versioned history";
    /// A table that has rows, but no value that is not computed.
    pub const COMPUTED_TABLE: &str = "table of computed columns only";

    /// Of SQLite: a table without rowids.
    pub const WITHOUT_ROWID: &str = "WITHOUT ROWID of table";
    /// Of SQLite: a table that looks at the types of its values.
    pub const STRICT: &str = "STRICT of table";
    /// Of SQLite: what happens to a row that breaks a constraint.
    pub const ON_CONFLICT: &str = "ON CONFLICT clause of table";

    /// Kinds that another SQLite has again.
    const OF_SQLITE: [&str; 3] = [Self::WITHOUT_ROWID, Self::STRICT, Self::ON_CONFLICT];

    /// Kinds that a server of the same kind has again.
    const OF_MYSQL: [&str; 8] = [
        Self::INVISIBLE,
        Self::ON_UPDATE,
        Self::WITHOUT_OVERLAPS,
        Self::PREFIX_OF_KEY,
        Self::COMMENT_OF_INDEX,
        Self::IGNORED_INDEX,
        Self::PERIOD,
        Self::VERSIONING,
    ];

    /// Whether another MySQL may have it, in the words in which the source printed it: its design
    /// carries it, or says that it stays behind.
    pub fn is_of_mysql(&self) -> bool {
        Self::OF_MYSQL.contains(&&*self.kind)
    }

    /// Kinds of tables, whose rows stay behind with them. What belongs to an extension comes with the
    /// extension, and what a view shows can be computed again.
    const TABLES: [&str; 5] =
        ["virtual table", "foreign table", "system versioned", Self::HISTORY, "large objects"];

    /// Whether rows stay behind with it: a whole table of data is not moved.
    pub fn holds_rows(&self) -> bool {
        Self::TABLES.contains(&&*self.kind)
    }

    /// Whether it stays behind when tables move to this engine. What only this engine has is carried
    /// there by the design of its tables, which says what it cannot carry.
    pub fn concerns(&self, to: Engine) -> bool {
        match to {
            Engine::MySql => !self.is_of_mysql(),
            Engine::Sqlite => !Self::OF_SQLITE.contains(&&*self.kind),
            Engine::Postgres | Engine::Memory => true,
        }
    }
}

/// All that a database says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Whose words these are.
    pub engine: Engine,
    /// The server's version, as it prints it.
    pub version: String,
    /// The schema in which a name without one is looked up or created, where there are schemas.
    pub default_schema: Option<String>,
    /// The encoding of all its texts, where a database has one and it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// All tables, sorted by name; partitions stand inside their root.
    pub tables: Vec<Table>,
    /// Enumerated types.
    pub enums: Vec<EnumType>,
    /// Sequences that no column owns.
    pub sequences: Vec<Sequence>,
    /// What the same engine can make again from its own words: views, routines, triggers, … No object
    /// stands here and in `unmoved`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
    /// The roles that rights can be given to, where they are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// What Longhaul sees and leaves.
    pub unmoved: Vec<Unmoved>,
    /// Domains, composite and range types, and collations, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<OwnType>,
    /// What is installed beside what the engine has of itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
}

impl Catalogue {
    /// A catalogue of an engine with nothing in it.
    pub fn new(engine: Engine, version: impl Into<String>) -> Self {
        Self {
            engine,
            version: version.into(),
            default_schema: None,
            encoding: None,
            tables: Vec::new(),
            enums: Vec::new(),
            sequences: Vec::new(),
            objects: Vec::new(),
            roles: Vec::new(),
            unmoved: Vec::new(),
            types: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// A table by name.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == *name)
    }
}
