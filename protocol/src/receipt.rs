//! The proof that a chunk was committed: a row in the target, written in the chunk's own
//! transaction.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::batch::Digest;
use crate::cell::Reason;
use crate::clock::Instant;
use crate::id::{AttemptId, ChunkId, WorkerId};

/// How a chunk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Somebody works on it, in a transaction that nobody else can see yet.
    Open,
    /// Its rows and this receipt are committed.
    Done,
    /// It was done, and a rollback took it back.
    Void,
}

impl Outcome {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Void => "void",
        }
    }
}

/// What a chunk came to.
///
/// `read.rows == written.rows + filtered + rejected`, always; see [`Receipt::balance`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which chunk.
    pub chunk: ChunkId,
    /// Whose try it was that counted.
    pub attempt: AttemptId,
    /// Who made that try.
    pub worker: WorkerId,
    /// Which try it was, from 1, as far as its worker knew.
    pub tries: u32,
    /// Rows as read from the source. For a verification slice: as read back from the target.
    pub read: Digest,
    /// Rows as the target will give them back.
    pub written: Digest,
    /// Rows left out by us.
    pub filtered: u64,
    /// Rows refused, each kept with its reason.
    pub rejected: u64,
    /// Bytes of the rows written, as framed.
    pub bytes: u64,
    /// How often a value policy was applied: column → reason → times.
    pub policies: BTreeMap<String, BTreeMap<Reason, u64>>,
    /// Where its time went.
    pub spent: Spent,
    /// When the try began.
    pub started: Instant,
    /// When the receipt was completed, just before its commit.
    pub finished: Instant,
}

impl Receipt {
    /// Row conservation: whether what was read is what was written, filtered or rejected.
    pub fn balance(&self) -> Result<(), Imbalance> {
        let accounted = self.written.rows + self.filtered + self.rejected;
        if self.read.rows == accounted {
            return Ok(());
        }
        Err(Imbalance { read: self.read.rows, accounted })
    }
}

/// Where the time of a chunk went, in microseconds, as far as its worker could see until it wrote
/// the receipt: the commit itself is not in it, nor are waits that an operator's limits ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Spent {
    /// Between the ringing of its task and the claim; absent where the task did not say when it was
    /// rung. By the clocks of two machines.
    pub queue: Option<u64>,
    /// Waiting for rows: from the source or, in a verification, from the target.
    pub read: u64,
    /// Making the target's rows out of the source's, and digests.
    pub transform: u64,
    /// Waiting for the target to take rows or to carry out a step.
    pub write: u64,
    /// Waiting for the target to let the chunk begin: for its gate, and for other attempts.
    pub lock: u64,
}

impl Spent {
    /// What both came to.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            queue: match (self.queue, other.queue) {
                (Some(one), Some(two)) => Some(one.saturating_add(two)),
                (one, two) => one.or(two),
            },
            read: self.read.saturating_add(other.read),
            transform: self.transform.saturating_add(other.transform),
            write: self.write.saturating_add(other.write),
            lock: self.lock.saturating_add(other.lock),
        }
    }

    /// The parts that a slot was busy with, by the names that people read: all but the queue.
    pub fn parts(&self) -> [(&'static str, u64); 4] {
        [
            ("read", self.read),
            ("transform", self.transform),
            ("write", self.write),
            ("lock", self.lock),
        ]
    }
}

/// Rows went missing, or came from nowhere, inside one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{read} rows were read and {accounted} are accounted for")]
pub struct Imbalance {
    /// Rows read.
    pub read: u64,
    /// Rows written, filtered and rejected.
    pub accounted: u64,
}

/// A row that could not be written, kept with its reason. Not an error: data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The chunk it came with.
    pub chunk: ChunkId,
    /// Its key in the source as canonical text, joined by `,`; empty when it has none.
    pub key: String,
    /// The target column, where it is known.
    pub column: Option<String>,
    /// Why: a [`Reason`], or a word with the target's own code beside it, `unique (23505)`.
    pub reason: String,
    /// The constraint that refused it, where one did.
    pub constraint: Option<String>,
}

impl Reject {
    /// Whether it was refused for this reason: the whole of it, its word, or the target's own code.
    pub fn is_for(&self, reason: &str) -> bool {
        let parts = self.reason.split_once(" (");
        let code = |code: &str| code.strip_suffix(')') == Some(reason);
        self.reason == reason || parts.is_some_and(|(word, rest)| word == reason || code(rest))
    }
}
