//! What SQL engines share: quoting, the bookkeeping of runs, and expressions that two engines
//! understand alike.
//!
//! Nothing here talks to a driver. An engine hands in an adapter that speaks [`control::Sql`] and
//! a [`control::Dialect`] that says where it differs.

pub(crate) mod beside;
pub(crate) mod control;
pub(crate) mod links;
pub(crate) mod names;
pub mod portable;
pub(crate) mod quote;
pub(crate) mod sequences;

use protocol::schema::TableName;

/// What a step that empties tables is called.
pub(crate) fn emptying_of(tables: &[TableName]) -> String {
    let names: Vec<_> = tables.iter().map(ToString::to_string).collect();
    format!("emptying of {}", names.join(", "))
}
