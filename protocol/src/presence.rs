//! Who is there: what each process of a fleet says about itself, again and again.
//!
//! A presence is for people and for `longhaul workers`. It lasts as long as its sender renews it;
//! no decision about data is taken from it.

use serde::{Deserialize, Serialize};

use crate::clock::Instant;
use crate::id::{ChunkId, Environment, RunId, WorkerId};

/// What one process says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Its name; two processes never share it.
    pub id: WorkerId,
    /// What it is there for.
    pub role: Role,
    /// The machine it runs on.
    pub host: String,
    /// Its process number there.
    pub pid: u32,
    /// The version of its executable.
    pub version: String,
    /// The major version of the protocol it speaks.
    pub protocol: u32,
    /// How many chunks it works on at a time; zero for a coordinator.
    pub slots: u32,
    /// Since when it is there, by its own clock.
    pub since: Instant,
    /// What it works on.
    pub on: Vec<Busy>,
    /// The runs that it leads.
    pub leads: Vec<RunId>,
    /// Whether it ends as soon as what it works on is done.
    pub draining: bool,
    /// What keeps it from working, in one line.
    pub trouble: Option<String>,
    /// Whether this is its last word: it is gone, and was not lost. It stays for those who look only
    /// now and then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left: bool,
    /// The names of the environments in its file, by which it opens what plans name. `None` of an
    /// older build, which does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knows: Option<Vec<Environment>>,
}

impl Presence {
    /// Whether it says that a worker is there now.
    pub fn is_worker(&self) -> bool {
        self.role == Role::Worker && !self.left
    }

    /// Whether it says that it does not know an environment. One that does not say what it knows may
    /// know it.
    pub fn lacks(&self, environment: &Environment) -> bool {
        self.knows.as_ref().is_some_and(|known| !known.contains(environment))
    }
}

/// What a process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It leads runs, or stands by to.
    Coordinator,
    /// It carries chunks.
    Worker,
}

impl Role {
    /// The word for it, which is also the command that begins it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Worker => "worker",
        }
    }
}

/// A chunk in a worker's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busy {
    /// The run.
    pub run: RunId,
    /// The chunk.
    pub chunk: ChunkId,
    /// Since when, by the worker's clock.
    pub since: Instant,
}
