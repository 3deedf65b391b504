//! Facts published for whoever watches.
//!
//! Events are for people and subscribers; no decision is taken from them. Each is a CloudEvents
//! 1.0 object in JSON (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>)
//! with our facts in `data`. [`schema`] describes them all; within a version, fields are added and
//! never taken away. They carry names, counts and times, and never a row value.

mod schema;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Instant;
use crate::id::{ChunkId, EntityId, RunId, WorkerId};
use crate::plan::Stage;
use crate::receipt::Spent;
use crate::run::State;

pub use schema::schema;

/// A fact about a run, with its place in the order of all facts about that run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Position in the run's stream, from 1, as the ledger gave it.
    pub sequence: u64,
    /// Which run.
    pub run: RunId,
    /// When it was published.
    pub at: Instant,
    /// What happened.
    pub fact: Fact,
}

/// What can be told about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// The run reached a state.
    Run {
        /// The state.
        state: State,
        /// Which leadership it is; above 1 the run was resumed, or its leader changed.
        epoch: u64,
    },
    /// A stage began.
    Stage {
        /// The stage.
        stage: Stage,
        /// Chunks in it that are not done.
        chunks: u64,
    },
    /// An entity's rows are all written, or all verified.
    Entity {
        /// The entity.
        entity: EntityId,
        /// Its name in the target.
        name: String,
        /// The stage it is through with.
        stage: Stage,
    },
    /// A worker began a chunk.
    Claimed {
        /// The chunk.
        chunk: ChunkId,
        /// Its entity, where it has one.
        entity: Option<EntityId>,
        /// Its stage.
        stage: Stage,
        /// What it is called.
        what: String,
        /// Who.
        worker: WorkerId,
    },
    /// Rows on their way in a chunk that is not committed yet: for progress bars only.
    Moving {
        /// The chunk.
        chunk: ChunkId,
        /// Its entity.
        entity: EntityId,
        /// Rows so far in this try.
        rows: u64,
        /// Bytes so far in this try.
        bytes: u64,
    },
    /// A chunk's receipt is in the target.
    Done {
        /// The chunk.
        chunk: ChunkId,
        /// Its entity, where it has one.
        entity: Option<EntityId>,
        /// Its stage.
        stage: Stage,
        /// What it is called.
        what: String,
        /// Rows written (in verify: read back).
        rows: u64,
        /// Rows rejected.
        rejected: u64,
        /// Bytes written.
        bytes: u64,
        /// Whether it had been done before, and only its receipt was read.
        again: bool,
        /// Where the time of the try went that wrote the receipt.
        spent: Spent,
    },
    /// A chunk met a fault.
    Faulted {
        /// The chunk.
        chunk: ChunkId,
        /// Its entity, where it has one.
        entity: Option<EntityId>,
        /// What it is called.
        what: String,
        /// The fault's code.
        code: String,
        /// The fault in one line.
        message: String,
        /// What to do.
        advice: String,
        /// Which try it was.
        attempt: u32,
        /// Whether the chunk is left to a person now.
        parked: bool,
    },
    /// A finding that belongs in the report: a lost snapshot, a broken promise, a difference.
    Finding {
        /// The fault's code.
        code: String,
        /// One sentence.
        message: String,
    },
    /// Somebody who carries chunks of this fleet came or went while the run was led. Told by the
    /// leader from what workers say of themselves; a new leader tells again who is there.
    Worker {
        /// Who: the process, whatever its slots.
        worker: WorkerId,
        /// The machine it runs on.
        host: String,
        /// Chunks that it works on at once.
        slots: u32,
        /// What became of it.
        change: Change,
    },
    /// Events are missing here: the reader's position fell out of what is kept, or the stream
    /// began anew. Made for one reader and never kept. Its sequence is the number before the
    /// first event that is there (zero when there is none), so whoever reads on after it misses
    /// nothing that is left; after a stream began anew, that can be below the reader's position.
    Gap {
        /// How many events are missing at most; unknown when the stream began anew.
        missed: Option<u64>,
    },
}

/// What became of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is there.
    Came,
    /// It takes nothing new, and goes when what it has is done.
    Drains,
    /// It went as it was told to.
    Went,
    /// It says nothing any more. What it had is done by others.
    Lost,
}

impl Fact {
    /// The CloudEvents `type`: `longhaul.chunk.done.v1`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Run { .. } => "longhaul.run.v1",
            Self::Stage { .. } => "longhaul.stage.v1",
            Self::Entity { .. } => "longhaul.entity.v1",
            Self::Claimed { .. } => "longhaul.chunk.claimed.v1",
            Self::Moving { .. } => "longhaul.chunk.moving.v1",
            Self::Done { .. } => "longhaul.chunk.done.v1",
            Self::Faulted { .. } => "longhaul.chunk.faulted.v1",
            Self::Finding { .. } => "longhaul.finding.v1",
            Self::Worker { .. } => "longhaul.worker.v1",
            Self::Gap { .. } => "longhaul.gap.v1",
        }
    }
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    r#type: &'static str,
    time: String,
    datacontenttype: &'static str,
    sequence: String,
    data: &'a Fact,
}

/// What is read back of it; the rest follows from that.
#[derive(Deserialize)]
struct Told {
    source: String,
    time: String,
    sequence: String,
    data: Fact,
}

/// What stands before the run in `source`.
const SOURCE: &str = "/longhaul/runs/";

impl Event {
    /// The event as one line of CloudEvents JSON.
    pub fn to_json(&self) -> String {
        // The CloudEvents "sequence" extension wants a string that sorts as the events do.
        self.spell(&self.sequence.to_string(), &format!("{:020}", self.sequence))
    }

    /// The same for whoever will know the number only when it is too late to write JSON: raw
    /// control characters, which JSON cannot hold otherwise, stand where the number belongs:
    /// `\u{1}` for it as it is, `\u{2}` for it with leading zeros to twenty digits.
    pub fn to_json_unnumbered(&self) -> String {
        // Escaped by the writer, and before all that is not of our making.
        let json = self.spell("\u{1}", "\u{2}");
        json.replacen("\\u0001", "\u{1}", 1).replacen("\\u0002", "\u{2}", 1)
    }

    fn spell(&self, sequence: &str, padded: &str) -> String {
        let event = CloudEvent {
            specversion: "1.0",
            id: format!("{}-{sequence}", self.run),
            source: format!("{SOURCE}{}", self.run),
            r#type: self.fact.kind(),
            time: self.at.to_string(),
            datacontenttype: "application/json",
            sequence: padded.to_owned(),
            data: &self.fact,
        };
        serde_json::to_string(&event).expect("a fact has string keys only")
    }

    /// Reads an event of ours; `None` when it is none, or one that only a newer build knows. Its
    /// time is to the millisecond.
    pub fn from_json(json: &str) -> Option<Self> {
        let told: Told = serde_json::from_str(json).ok()?;
        Some(Self {
            sequence: told.sequence.parse().ok()?,
            run: told.source.strip_prefix(SOURCE)?.parse().ok()?,
            at: told.time.parse().ok()?,
            fact: told.data,
        })
    }
}
