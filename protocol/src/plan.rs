//! What a migration comes to: entities in order, each cut into chunks, and the steps around them.
//!
//! A plan is drawn once, stored beside the receipts before anything is copied, and never changed:
//! boundaries drawn a second time on a source that moved would give gaps and overlaps.
//! It names environments, never addresses, and holds no row value but keys.

mod note;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cell::{Charsets, Reason};
use crate::id::{ChunkId, EntityId, Environment};
use crate::mapping::{Consistency, Limits, Mode, OnSnapshotLost, Policy};
use crate::origin::Origin;
use crate::schema::{Engine, Logical, TableName};

pub use note::{Group, Level, Note, Said, grouped, said, said_of_all};

/// The whole plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The migration's name.
    pub migration: String,
    /// The environment that is read, and its engine.
    pub from: Side,
    /// The environment that is written, and its engine.
    pub to: Side,
    /// How reads relate to writers on the source.
    pub consistency: Consistency,
    /// What a resumed run does when its snapshot is gone and the source changed.
    pub on_snapshot_lost: OnSnapshotLost,
    /// What the target guarantees about each chunk.
    pub guarantee: Guarantee,
    /// How much of everything.
    pub limits: Limits,
    /// What is moved, parents before children.
    pub entities: Vec<Entity>,
    /// All chunks; a chunk's id is its position.
    pub chunks: Vec<Chunk>,
    /// Which characters the target's texts can have, where not all.
    #[serde(default, skip_serializing_if = "Charsets::is_empty")]
    pub charsets: Charsets,
    /// What a person should know before saying yes, most serious first.
    pub notes: Vec<Note>,
    /// What the migration file and both catalogues said when this was drawn.
    pub drawn_from: DrawnFrom,
    /// How the run of it was begun. It changes nothing, and counts for no fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// One side of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The environment's name.
    pub environment: Environment,
    /// What kind of endpoint it is.
    pub engine: Engine,
}

/// Fingerprints of what a plan was drawn from, so that a saved plan is refused when they moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawnFrom {
    /// Of the resolved migration.
    pub migration: String,
    /// Of the source's catalogue, estimates left out.
    pub source: String,
    /// Of the target's catalogue, estimates left out.
    pub target: String,
}

/// What a target guarantees about each chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// Rows and receipt live and die together.
    ExactlyOnce,
    /// As long as the server does not crash: some table is not crash-safe.
    ExactlyOnceUntilCrash,
    /// No receipts beside the rows; rows are written by key, and writing twice changes nothing.
    EffectivelyOnce,
}

impl Guarantee {
    /// The word for plan and report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExactlyOnce => "exactly_once",
            Self::ExactlyOnceUntilCrash => "exactly_once_until_crash",
            Self::EffectivelyOnce => "effectively_once",
        }
    }
}

/// How an entity's rows travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// The engine's own bytes, from one server to another of its kind.
    Raw,
    /// Canonical text.
    Text,
}

impl Lane {
    /// The word for plan and report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Text => "text",
        }
    }
}

/// One entity's way from source to target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    /// Its position in the plan.
    pub id: EntityId,
    /// What is read.
    pub source: TableName,
    /// What is written.
    pub target: TableName,
    /// Whether the plan creates the target entity.
    pub new: bool,
    /// How rows are written.
    pub mode: Mode,
    /// How rows travel.
    pub lane: Lane,
    /// Column by column. Generated columns are not among them.
    pub columns: Vec<ColumnMap>,
    /// Source columns of the NOT NULL unique key that rows are cut and named by; may be empty.
    pub key: Vec<String>,
    /// In upsert and update: the target columns that say which row is meant.
    pub conflict: Vec<String>,
    /// Source columns that the first pass leaves NULL and [`Work::Link`] fills: links to rows
    /// that may not be there yet.
    pub links: Vec<String>,
    /// A condition in the source's SQL, as written.
    pub filter: Option<String>,
    /// At most so many rows, in key order.
    pub top: Option<u64>,
    /// What becomes of values that their column cannot hold: target column → reason → policy.
    /// What is not named is rejected.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub policies: BTreeMap<String, BTreeMap<Reason, Policy>>,
    /// Rows that may be rejected before the entity stops, where it is not as the limits say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejects_max: Option<u64>,
    /// Whether triggers of the target entity are off while its rows are written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// Rows that are left out or refused on purpose, and columns that are computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// About how many rows.
    pub rows_estimate: u64,
    /// About how many bytes.
    pub bytes_estimate: u64,
}

/// What the migration says of an entity's rows in expressions (`transform::expression`). A plan keeps
/// their text, and each worker compiles it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Rows for which this is not true are left out, and counted as filtered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Rows for which one of these is false are rejected: name → expression.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, String>,
    /// Target column → expression, in the order of the entity's last columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub computed: Vec<(String, String)>,
    /// Source columns that only expressions read, with what they mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<(String, Logical)>,
}

/// One column's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnMap {
    /// Its name in the source; empty where it is computed (see [`Shape`]).
    pub source: String,
    /// Its name in the target.
    pub target: String,
    /// What it means in the source.
    pub from: Logical,
    /// What it means in the target.
    pub to: Logical,
    /// The target's own type, as the target prints it.
    pub native: String,
    /// Whether verification compares it. False where the target rewrites values in a way that
    /// cannot be foretold; the plan then says so in a note.
    pub compared: bool,
}

/// The four parts of a run.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Target objects are created.
    Prepare,
    /// Rows are written.
    Copy,
    /// Keys, indexes, foreign keys, sequences and statistics are made.
    Finish,
    /// The target is read back.
    Verify,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Self; 4] = [Self::Prepare, Self::Copy, Self::Finish, Self::Verify];

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Copy => "copy",
            Self::Finish => "finish",
            Self::Verify => "verify",
        }
    }
}

/// One unit of claiming, committing and retrying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Its position in the plan.
    pub id: ChunkId,
    /// Which part of the run it belongs to.
    pub stage: Stage,
    /// Which entity it is about; none for what is about the whole target, such as a type.
    pub entity: Option<EntityId>,
    /// What is to be done.
    pub work: Work,
    /// What must be done before.
    pub after: Vec<After>,
    /// About how many bytes it moves; big ones start first.
    pub weight: u64,
    /// For a copy: the chunk whose rejected rows are read and written again, and no other rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<ChunkId>,
}

/// What a chunk does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Moves the rows of a range.
    Copy(Range),
    /// Fills the links that the first pass left empty, for the rows of a range.
    Link(Range),
    /// Changes the target's catalogue.
    Step(Step),
    /// Reads back slice `index` of `of` of the target entity. Slices are physical: any
    /// partition will do, for digests are summed.
    Verify {
        /// Which slice, from zero.
        index: u32,
        /// How many there are.
        of: u32,
    },
}

/// Something a chunk waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// Every chunk of this stage.
    Stage(Stage),
    /// Every chunk of this entity in this stage.
    Entity(EntityId, Stage),
    /// One chunk.
    Chunk(ChunkId),
}

/// The rows whose key is greater than `after` and at most `upto`, as the source compares keys.
/// An absent bound is open, so the first and last range of an entity miss nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Range {
    /// Exclusive lower bound.
    pub after: Option<Bound>,
    /// Inclusive upper bound.
    pub upto: Option<Bound>,
}

/// A key that the source returned, one text per key column. How to read it is the business of
/// the engine that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bound(pub Vec<String>);

/// A change of the target's catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What kind of change.
    pub kind: StepKind,
    /// What it is called in plan, events and report: `primary key of sales.orders`.
    pub what: String,
    /// The statements, in the target's SQL, run in one transaction with the receipt.
    pub statements: Vec<String>,
    /// Whether something that stood there before is lost.
    pub destructive: bool,
    /// For a foreign key: a query that counts the rows which link to rows that are not there, should
    /// it be refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orphans: Option<String>,
    /// Where it is several steps in one: what each is, in the order of their statements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// One of several steps that are done as one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What kind of change.
    pub kind: StepKind,
    /// What it is called.
    pub what: String,
    /// How many of the statements are its own.
    pub statements: usize,
}

impl Step {
    /// The kind of change that a statement is a part of, and what that is called: so that a statement
    /// which fails is known among those of many tables.
    pub fn part(&self, statement: usize) -> (StepKind, &str) {
        let mut end = 0;
        let part = self.parts.iter().find(|part| {
            end += part.statements;
            statement < end
        });
        part.map_or((self.kind, &self.what), |part| (part.kind, &part.what))
    }

    /// The changes that it is: itself, or its parts.
    pub fn changes(&self) -> Vec<(StepKind, &str)> {
        if self.parts.is_empty() {
            return vec![(self.kind, &self.what)];
        }
        self.parts.iter().map(|part| (part.kind, part.what.as_str())).collect()
    }
}

/// The kinds of [`Step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A schema.
    Schema,
    /// An enumerated type.
    Type,
    /// A sequence that no column owns.
    Sequence,
    /// A table, bare or with what cannot be added later.
    Table,
    /// Tables that are emptied.
    Empty,
    /// A primary key or unique constraint.
    Key,
    /// Another index.
    Index,
    /// A check.
    Check,
    /// A foreign key.
    ForeignKey,
    /// Numbering continues after the last value.
    Identity,
    /// Statistics for the planner of the target.
    Statistics,
    /// Comments.
    Comment,
    /// A function, a procedure, or another thing that computes.
    Routine,
    /// A view.
    View,
    /// The rows of a materialized view.
    Refresh,
    /// A trigger.
    Trigger,
    /// A rule that rewrites statements.
    Rule,
    /// A policy of row security, or whether policies are in force.
    Policy,
    /// Rights.
    Grant,
}

impl StepKind {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Type => "type",
            Self::Sequence => "sequence",
            Self::Table => "table",
            Self::Empty => "emptying",
            Self::Key => "key",
            Self::Index => "index",
            Self::Check => "check",
            Self::ForeignKey => "foreign key",
            Self::Identity => "numbering",
            Self::Statistics => "statistics",
            Self::Comment => "comment",
            Self::Routine => "routine",
            Self::View => "view",
            Self::Refresh => "rows of materialized view",
            Self::Trigger => "trigger",
            Self::Rule => "rule",
            Self::Policy => "policy",
            Self::Grant => "grant",
        }
    }
}

impl Plan {
    /// The entity of that id.
    pub fn entity(&self, id: EntityId) -> &Entity {
        &self.entities[id.index()]
    }

    /// The chunk of that id, if the plan has it.
    pub fn chunk(&self, id: ChunkId) -> Option<&Chunk> {
        self.chunks.get(id.index())
    }

    /// What a chunk is called by people.
    pub fn what(&self, chunk: &Chunk) -> String {
        let name = || {
            let entity = chunk.entity.map(|id| self.entity(id).target.to_string());
            entity.unwrap_or_default()
        };
        match &chunk.work {
            Work::Copy(_) if chunk.retries.is_some() => format!("rejected rows of {}", name()),
            Work::Copy(_) => format!("rows of {}", name()),
            Work::Link(_) => format!("links of {}", name()),
            Work::Step(step) => step.what.clone(),
            Work::Verify { .. } => format!("reading back {}", name()),
        }
    }

    /// The chunks of an entity in a stage.
    pub fn chunks_of(
        &self,
        entity: EntityId,
        stage: Stage,
    ) -> impl DoubleEndedIterator<Item = &Chunk> {
        let wanted = move |c: &&Chunk| c.entity == Some(entity) && c.stage == stage;
        self.chunks.iter().filter(wanted)
    }

    /// Whether carrying out the plan loses something that stands in the target now.
    pub fn destructive(&self) -> bool {
        self.chunks.iter().any(|c| matches!(&c.work, Work::Step(step) if step.destructive))
    }

    /// SHA-256 over everything but estimates, weights and the room for connections, in hexadecimal.
    ///
    /// Equal inputs give equal fingerprints, on any machine; anything a run would do otherwise
    /// changes it.
    pub fn fingerprint(&self) -> String {
        let mut bare = self.clone();
        for entity in &mut bare.entities {
            entity.rows_estimate = 0;
            entity.bytes_estimate = 0;
        }
        for chunk in &mut bare.chunks {
            chunk.weight = 0;
        }
        bare.notes.retain(|note| note.kind != Note::CONNECTIONS);
        bare.origin = None;
        crate::wire::fingerprint(&bare)
    }
}

impl Chunk {
    /// Whether it makes a foreign key, which changes no row: some targets let one be read meanwhile.
    pub fn makes_link(&self) -> bool {
        matches!(&self.work, Work::Step(step) if step.kind == StepKind::ForeignKey)
    }

    /// Whether it makes something beside the rows: a key, an index, a check, a foreign key, a comment,
    /// statistics. No row rests on it: what waits for it only keeps out of its way, and goes on when it
    /// is parked, so that a key which the rows forbid does not withhold the proof of those rows.
    pub fn stands_beside_rows(&self) -> bool {
        match &self.work {
            Work::Step(step) => {
                let finishes = self.stage == Stage::Finish && step.kind != StepKind::Empty;
                finishes || step.kind == StepKind::Comment
            }
            Work::Copy(_) | Work::Link(_) | Work::Verify { .. } => false,
        }
    }
}

impl Entity {
    /// What is read of the source, in the order of the cells: each column that is not computed, and
    /// then what only expressions read.
    pub fn reads(&self) -> Vec<(String, Logical)> {
        let computed = self.shape.as_ref().map_or(0, |shape| shape.computed.len());
        let plain = self.columns.iter().take(self.columns.len() - computed);
        let plain = plain.map(|column| (column.source.clone(), column.from.clone()));
        plain.chain(self.shape.iter().flat_map(|shape| shape.reads.iter().cloned())).collect()
    }

    /// Whether rows may be left out or refused by an expression.
    pub fn skips_rows(&self) -> bool {
        self.shape.is_some()
    }

    /// The target column that a source column is written to.
    pub fn target_of(&self, source: &str) -> Option<&str> {
        self.columns.iter().find(|c| c.source == source).map(|c| c.target.as_str())
    }
}
