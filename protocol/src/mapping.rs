//! A migration, as a person meant it: which entities, from where to where, and how.
//!
//! `cli` reads the file; this is what remains of it when every default is filled in, every
//! secret left out, and nothing is left to interpret. The planner takes it from here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::Environment;

/// A migration, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Its name, for people.
    pub name: String,
    /// The environment that is read.
    pub from: Environment,
    /// The environment that is written.
    pub to: Environment,
    /// Which entities, and what is special about each. The first rule that matches wins.
    pub entities: Vec<EntityRule>,
    /// How reads relate to writers on the source.
    pub consistency: Consistency,
    /// What a resumed run does when the snapshot is gone and the source has changed.
    pub on_snapshot_lost: OnSnapshotLost,
    /// How much of everything.
    pub limits: Limits,
    /// What moves beside tables; absent: as is usual between the two engines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<BTreeSet<Include>>,
}

/// What can move beside tables, between databases of one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Include {
    /// Views, and materialized views with their rows.
    Views,
    /// Functions, procedures, aggregates, operators, casts, text search configurations.
    Routines,
    /// Triggers, made once the rows are there.
    Triggers,
    /// Row security: policies, and whether they are in force.
    Policies,
    /// Rules that rewrite statements.
    Rules,
    /// Rights of roles that the target has.
    Grants,
}

impl Include {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Views, Self::Routines, Self::Triggers, Self::Policies, Self::Rules, Self::Grants];

    /// The word for plan and file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Views => "views",
            Self::Routines => "routines",
            Self::Triggers => "triggers",
            Self::Policies => "policies",
            Self::Rules => "rules",
            Self::Grants => "grants",
        }
    }
}

/// A rule for the entities that a pattern names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityRule {
    /// `*`, `sales.*`, `public.orders`: matched against `schema.name`, and against `name`.
    pub pattern: String,
    /// False: what matches is left out.
    pub include: bool,
    /// The target entity; only for a pattern that names one entity.
    pub target: Option<String>,
    /// How rows are written.
    pub mode: Mode,
    /// In upsert: the target columns that say which row is meant. Empty: the primary key.
    pub conflict: Vec<String>,
    /// A condition in the source's own SQL, passed on as written.
    pub filter: Option<String>,
    /// At most so many rows, in key order.
    pub top: Option<u64>,
    /// Source column → target column.
    pub rename: BTreeMap<String, String>,
    /// Source columns that are not moved.
    pub exclude: Vec<String>,
    /// Rows that one chunk aims at; absent: from the estimated row width.
    pub chunk_rows: Option<u64>,
    /// What becomes of values that their column cannot hold, where `policies` says nothing else.
    pub on_unfit: Policy,
    /// The same by source column, or else by reason (`cell::Reason`).
    pub policies: BTreeMap<String, Policy>,
    /// An expression (`transform::expression`): rows for which it is not true are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Expressions by name: rows for which one is false are rejected.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, String>,
    /// Target column → expression that its values are computed by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub compute: BTreeMap<String, String>,
    /// Rows that may be rejected before the entity stops; absent: as the limits say.
    pub rejects: Option<u64>,
    /// Whether triggers that the target entity has fire for the rows that are written.
    pub triggers: Triggers,
    /// What becomes of its foreign keys, where `foreign_key_rules` says nothing else.
    #[serde(default, skip_serializing_if = "ForeignKeyRule::is_keep")]
    pub foreign_keys: ForeignKeyRule,
    /// The same by name of the foreign key, or by its columns, joined by commas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub foreign_key_rules: BTreeMap<String, ForeignKeyRule>,
    /// Name of an index, a key, a foreign key or a check → its name in the target.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rename_indexes: BTreeMap<String, String>,
}

/// What becomes of a foreign key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignKeyRule {
    /// It is made, and the rows are checked; where rows of the source break it, it is made without a
    /// look at them.
    #[default]
    Keep,
    /// It is made without a look at the rows: it binds those that come later.
    NotValid,
    /// It stays behind.
    Skip,
}

impl ForeignKeyRule {
    /// Whether it is what holds where nothing is said.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_keep(&self) -> bool {
        *self == Self::Keep
    }
}

impl EntityRule {
    /// The rule that moves what `pattern` names as it is.
    pub fn plain(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            include: true,
            target: None,
            mode: Mode::Create,
            conflict: Vec::new(),
            filter: None,
            top: None,
            rename: BTreeMap::new(),
            exclude: Vec::new(),
            chunk_rows: None,
            on_unfit: Policy::Reject,
            policies: BTreeMap::new(),
            when: None,
            checks: BTreeMap::new(),
            compute: BTreeMap::new(),
            rejects: None,
            triggers: Triggers::On,
            foreign_keys: ForeignKeyRule::Keep,
            foreign_key_rules: BTreeMap::new(),
            rename_indexes: BTreeMap::new(),
        }
    }

    /// Whether rows are looked at by expressions.
    pub fn reshapes(&self) -> bool {
        self.when.is_some() || !self.checks.is_empty() || !self.compute.is_empty()
    }

    /// What becomes of a foreign key of that name, if it has one, over these columns.
    pub fn foreign_key(&self, name: Option<&str>, columns: &[String]) -> ForeignKeyRule {
        let by_name = name.and_then(|name| self.foreign_key_rules.get(name));
        let by_columns = || self.foreign_key_rules.get(&columns.join(","));
        let spaced = || self.foreign_key_rules.get(&columns.join(", "));
        by_name.or_else(by_columns).or_else(spaced).copied().unwrap_or(self.foreign_keys)
    }
}

/// Whether triggers that the target entity has fire for the rows that are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Triggers {
    /// They fire.
    #[default]
    On,
    /// They do not, and nobody else sees them switched off.
    Off,
}

/// What becomes of a value that its column cannot hold. Each time it is anything but `Reject` is
/// counted, by column and reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The row is refused, and kept with its reason.
    #[default]
    Reject,
    /// NULL stands in its place.
    Null,
    /// This stands in its place, spelled as the source might.
    Replace(String),
    /// The nearest value that the column holds stands in its place (`cell::clamp`); where there is
    /// none, the row is refused.
    Clamp,
}

impl Policy {
    /// The word for plan and file.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Null => "null",
            Self::Replace(_) => "replace",
            Self::Clamp => "clamp",
        }
    }
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The rows must not exist yet: the target entity is new or empty.
    Create,
    /// A row that exists is overwritten, one that does not is inserted.
    Upsert,
    /// A row that exists is overwritten, one that does not is a reject.
    Update,
    /// The target entity is emptied first, by a step of the plan; then as in create.
    Replace,
    /// Rows come to those that are there, and must not exist yet.
    Append,
}

impl Mode {
    /// The word for plan, report and file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Upsert => "upsert",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Append => "append",
        }
    }

    /// Whether rows go straight in, and one that exists already is refused.
    pub fn inserts(self) -> bool {
        match self {
            Self::Create | Self::Replace | Self::Append => true,
            Self::Upsert | Self::Update => false,
        }
    }
}

/// How reads relate to those who write to the source meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// Every chunk sees the source as it stood at one moment.
    Snapshot,
    /// The operator promises that nobody writes; change counters test the promise.
    Quiesced,
    /// Each chunk sees the source as it stands when it is read.
    Drifting,
}

/// What a resumed run does when its snapshot died with the process *and* the source has
/// changed since. Where the change counters say that nothing changed, a new snapshot shows
/// the same rows, and the run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnSnapshotLost {
    /// Stop and say so.
    Stop,
    /// Go on, and call the run drifting in the report.
    Drift,
}

/// How much of everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Chunks in flight at once.
    pub slots: u32,
    /// Rows per second over all slots; absent: as fast as the servers can.
    pub rows_per_second: Option<u64>,
    /// Bytes per second over all slots.
    pub bytes_per_second: Option<u64>,
    /// Bytes of rows held in memory over all slots.
    pub memory_bytes: u64,
    /// Bytes that one chunk aims at.
    pub chunk_bytes: u64,
    /// Rows per entity that may be rejected before the entity stops.
    pub rejects: u64,
    /// Tries per chunk before it is parked.
    pub attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            slots: 2,
            rows_per_second: None,
            bytes_per_second: None,
            memory_bytes: 64 << 20,
            chunk_bytes: 16 << 20,
            rejects: 0,
            attempts: 5,
        }
    }
}
