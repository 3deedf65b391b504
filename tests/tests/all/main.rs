//! All tests of whole runs and of the house's own rules, as one binary.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cargo;
mod chaos;
mod chinook;
mod commands;
mod consistency;
mod deaths;
mod deploy;
mod doctor;
mod drafts;
mod embedded;
mod encryption;
mod faults;
mod fleet;
mod floors;
mod isolation;
mod ledger;
mod licences;
mod mixed;
mod modes;
mod moves;
mod mysql;
mod names;
mod operators;
mod parked;
mod policies;
mod process;
mod rabbit;
mod scale;
mod schema;
mod service;
mod signals;
mod subscribers;
mod tampering;
mod traces;
mod types;
