//! Whole runs from and to MySQL and MariaDB.
//!
//! What arrived is read by queries of these tests, never by Longhaul's own digests; a value that did
//! not arrive must be a counted reject with its key, column and reason, and the run's own verdict
//! must be *verified* nevertheless.

mod around;
mod dump;
mod encryption;
mod policies;
mod types;
mod values;
mod whole;
