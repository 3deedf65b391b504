//! Rows in, rows and rejects out.
//!
//! [`compile`] turns one entity's column map into a [`Pipeline`]; a worker sends every batch that
//! it read through [`Pipeline::apply`], and verification sends what it read back through
//! [`Pipeline::read_back_digest`].
//!
//! # Promises
//! 1. Every row that goes in comes out once: in `rows`, in `rejects`, or counted in `filtered`.
//!    `read.rows = written.rows + filtered + rejects`.
//! 2. The rows that come out are in order, and each cell is what the target's column gives back
//!    for it, as [`protocol::cell`] says; `written` is their digest. So a target that was written
//!    truly gives the same digest when it is read back.
//! 3. Nothing is changed silently. A value that its column cannot hold refuses its row, with the
//!    row's key, the column and the reason, and never with the value; or, where the migration has
//!    a policy for it, something else stands in its place and is named in `changed`.
//! 4. What the migration says in expressions comes first: rows that are not wanted are counted in
//!    `filtered`, rows that a check refuses are rejected under its name, and columns are computed from
//!    the row as it was read.
//! 5. What need not be looked at is not looked at: a batch of the raw lane, or one whose columns
//!    all mean the same on both sides, comes out as the same memory that went in.
//! 6. Pure: the same batch gives the same result, on any thread.
//!
//! # Not promised
//! That the target takes the rows. Constraints, triggers and types of its own are its business,
//! and NULL is always passed on.

mod compile;
pub mod expression;
mod reject;
mod shape;
mod step;

#[cfg(test)]
mod tests;

pub use compile::{Changed, Misshapen, Pipeline, Transformed, compile};
pub use reject::RejectedRow;
