//! Facts published for whoever watches.
//!
//! Events are for people and subscribers; no decision is taken from them. Each is a CloudEvents
//! 1.0 object in JSON (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>)
//! with our facts in `data`. They carry names, counts and times, and never a row value.

use serde::{Deserialize, Serialize};

use crate::clock::Instant;
use crate::id::{ChunkId, EntityId, RunId, WorkerId};
use crate::plan::Stage;
use crate::run::State;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// The run reached a state.
    Run {
        /// The state.
        state: State,
        /// Which leadership it is; above 1 the run was resumed.
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

impl Event {
    /// The event as one line of CloudEvents JSON.
    pub fn to_json(&self) -> String {
        let event = CloudEvent {
            specversion: "1.0",
            id: format!("{}-{}", self.run, self.sequence),
            source: format!("/longhaul/runs/{}", self.run),
            r#type: self.fact.kind(),
            time: self.at.to_string(),
            datacontenttype: "application/json",
            // The CloudEvents "sequence" extension wants a string that sorts as the events do.
            sequence: format!("{:020}", self.sequence),
            data: &self.fact,
        };
        serde_json::to_string(&event).expect("a fact has string keys only")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_cloud_event() {
        let event = Event {
            sequence: 7,
            run: RunId(uuid::Uuid::nil()),
            at: Instant(0),
            fact: Fact::Run { state: State::Running, epoch: 1 },
        };
        assert_eq!(
            event.to_json(),
            "{\"specversion\":\"1.0\",\"id\":\"00000000-0000-0000-0000-000000000000-7\",\
             \"source\":\"/longhaul/runs/00000000-0000-0000-0000-000000000000\",\
             \"type\":\"longhaul.run.v1\",\"time\":\"1970-01-01T00:00:00.000Z\",\
             \"datacontenttype\":\"application/json\",\"sequence\":\"00000000000000000007\",\
             \"data\":{\"kind\":\"run\",\"state\":\"running\",\"epoch\":1}}"
        );
    }
}
