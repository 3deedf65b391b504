//! The proof that a chunk was committed: a row in the target, written in the chunk's own
//! transaction.

use std::collections::BTreeMap;

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
    /// Why: a [`Reason`], or the target's own code such as `23505`.
    pub reason: String,
    /// The constraint that refused it, where one did.
    pub constraint: Option<String>,
}
