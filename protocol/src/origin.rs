//! Where a run came from: evidence for whoever reads its report, and nothing that a run depends on.

use serde::{Deserialize, Serialize};

/// How a run was begun. Holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// The version of this product.
    pub version: String,
    /// The user of the operating system, and the machine: `ann@nightjar`.
    pub by: String,
    /// The command line, without passwords.
    pub command: String,
    /// The migration file, where there was one.
    pub file: Option<String>,
    /// SHA-256 of its bytes, in hexadecimal.
    pub file_digest: Option<String>,
    /// What is read.
    pub from: Place,
    /// What is written.
    pub to: Place,
}

/// A database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// The server and its version: `PostgreSQL 15.6`.
    pub server: String,
    /// Host and database, without user and password.
    pub at: String,
}
