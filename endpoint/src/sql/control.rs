//! The bookkeeping of runs in a target: tables `meta`, `run`, `plan`, `receipt`, `reject`,
//! `sample`, `resolved`, `history` and `owner`, the same in every SQL engine.
//!
//! A target that an earlier build wrote to lacks the tables that came since: they are made when
//! something is first kept in them, and count as empty until then.
//!
//! Every column is text or a 64-bit integer, so that an engine binds and returns them without
//! thought. What differs between engines is data, in [`Dialect`].
//!
//! [`Control`] is a whole [`crate::Home`] over any [`Sql`]. The functions in [`chunk`] are what a
//! [`crate::Session`] needs inside its own transaction.

mod changes;
pub(crate) mod chunk;
mod history;
mod home;
mod pages;
mod revise;
mod rows;
mod spell;
mod tables;

use async_trait::async_trait;
use protocol::fault::Fault;
use protocol::id::RunId;
use protocol::schema::TableName;

pub(crate) use home::Control;

/// One connection, as far as bookkeeping needs it.
#[async_trait]
pub(crate) trait Sql: Send + Sync {
    /// Runs one statement with parameters `$1`, `$2`, … and returns how many rows it changed.
    async fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64, Fault>;

    /// Runs one statement with parameters `$1`, `$2`, … and returns its rows; cells are text or
    /// 64-bit integers, and come as text.
    async fn query(
        &mut self,
        sql: &str,
        params: &[Param],
    ) -> Result<Vec<Vec<Option<String>>>, Fault>;

    /// Runs statements without parameters, separated by a semicolon and the end of a line.
    async fn batch(&mut self, sql: &str) -> Result<(), Fault>;

    /// Runs an INSERT of one row, unless its key is there. Whether it was inserted. Where another
    /// transaction has inserted that key and not ended, waits for its end.
    async fn insert_new(
        &mut self,
        insert: &str,
        key: &str,
        params: &[Param],
    ) -> Result<bool, Fault> {
        let first = key.split(',').next().unwrap_or(key);
        let insert = format!("{insert} ON CONFLICT ({key}) DO NOTHING RETURNING {first}");
        Ok(!self.query(&insert, params).await?.is_empty())
    }
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Param {
    /// Text.
    Text(String),
    /// A 64-bit integer.
    Int(i64),
    /// NULL, in a column of text or integer.
    Null,
}

/// Where engines differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// What stands before the name of a bookkeeping table: `longhaul.` or `longhaul_`.
    pub(crate) prefix: &'static str,
    /// Creates the schema, where the engine has schemas.
    pub(crate) schema: Option<&'static str>,
    /// Returns a row when the encoding of the database lacks characters. None where it has them all.
    pub(crate) lacks_characters: Option<&'static str>,
    /// Returns one row with a cell that is not NULL when `meta` is there.
    pub(crate) installed: &'static str,
    /// Returns the bookkeeping tables that are there, a row each, with their prefix but for a schema.
    pub(crate) tables: &'static str,
    /// Keeps two installations apart, inside the transaction of each.
    pub(crate) install_lock: Option<&'static str>,
    /// Begins a transaction that will write.
    pub(crate) begin: &'static str,
    /// Milliseconds since 1970 by the server's own clock, as an integer.
    pub(crate) now: &'static str,
    /// What a cast to a 64-bit integer calls it.
    pub(crate) integer: &'static str,
    /// Makes the commit of this transaction wait for the disk.
    pub(crate) durable: Option<&'static str>,
    /// Takes the gate of a run shared until the end of the transaction. None where `begin`
    /// already lets in one writer at a time.
    pub(crate) gate_shared: Option<fn(RunId) -> String>,
    /// Takes the gate of a run exclusively until the end of the transaction.
    pub(crate) gate_exclusive: Option<fn(RunId) -> String>,
    /// What a SELECT ends with that locks its rows until the end of the transaction. Empty where
    /// `begin` already lets in one writer at a time.
    pub(crate) lock_row: &'static str,
    /// Whether names that differ only by (ASCII) case are the same table.
    pub(crate) folds_case: bool,
    /// What the bookkeeping tables are made of.
    pub(crate) made_of: Made,
}

/// What the bookkeeping tables are made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made {
    /// The type of text that stands in keys.
    pub(crate) word: &'static str,
    /// The type of text of any length.
    pub(crate) text: &'static str,
    /// What stands after the columns of a table.
    pub(crate) tail: &'static str,
    /// More tables, whose rows belong to runs: their names without prefix, and their columns.
    pub(crate) more: &'static [(&'static str, &'static str)],
}

/// As the standard has it.
pub(crate) const PLAIN: Made = Made { word: "text", text: "text", tail: "", more: &[] };

impl Dialect {
    /// What `owner` calls a target entity: equal for equal tables, different for different ones.
    fn owner_key(&self, entity: &TableName) -> String {
        let key = super::quote::table(entity).to_string();
        if self.folds_case { key.to_ascii_lowercase() } else { key }
    }
}

impl Param {
    /// Text, or NULL.
    fn text_or_null(text: Option<&str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.to_owned()))
    }

    /// A count. Beyond what the column holds it stays at the column's greatest value.
    fn count(count: u64) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }
}
