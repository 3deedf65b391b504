//! What we say to each other, and what may follow what.
//!
//! # Promises
//! 1. No I/O, no async, no randomness, and no clock but the seam in [`clock`].
//! 2. Every word of the house that two rooms share is defined here, once.
//! 3. The life of a chunk is the one table in [`chunk`]; the life of a run the one in [`run`];
//!    what is done about an error is decided in [`fault`] and nowhere else.
//! 4. What is stored or sent is encoded in [`wire`], with a version in front.
//!
//! # Not promised
//! Anything about a particular database. What a type is called in PostgreSQL or
//! SQLite is the business of `endpoint`.
//!
//! Read in this order: [`id`], [`schema`], [`object`], [`batch`], [`cell`], [`mapping`], [`plan`], [`chunk`],
//! [`run`], [`receipt`], [`event`], [`presence`], [`fault`], [`finding`], [`metric`], [`trace`],
//! [`wire`], [`clock`].

pub mod batch;
pub mod cell;
pub mod chunk;
pub mod clock;
pub mod event;
pub mod fault;
pub mod finding;
pub mod history;
pub mod id;
pub mod mapping;
pub mod metric;
pub mod object;
pub mod origin;
pub mod plan;
pub mod presence;
pub mod receipt;
pub mod run;
pub mod schema;
pub mod trace;
pub mod visible;
pub mod wire;
