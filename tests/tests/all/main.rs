//! All tests of whole runs and of the house's own rules, as one binary.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cargo;
mod chinook;
mod commands;
mod consistency;
mod deaths;
mod embedded;
mod faults;
mod floors;
mod licences;
mod model;
mod moves;
mod names;
mod parked;
mod process;
mod schema;
mod signals;
mod tampering;
mod types;
