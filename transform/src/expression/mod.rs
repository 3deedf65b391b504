//! SQL scalar expressions over one row, with PostgreSQL's meaning.
//!
//! An operator writes them in the migration file: `upper(trim(first) || ' ' || trim(last))`. They are
//! read and typed once, as the plan is drawn and again by each worker, and then evaluated for
//! every row.
//!
//! # Promises
//! 1. What [`Expression::compile`] accepts has one type, and means what PostgreSQL 15 means by it, byte
//!    order for the comparison of texts given. A test asks a server the same questions.
//! 2. The same row gives the same value, on any machine, at any time: nothing asks for the clock, for
//!    chance, or for another row.
//! 3. An evaluation ends with a value or with a [`Failure`] of that row. No input panics, and no
//!    value grows beyond [`TEXT_MAX`] bytes.
//! 4. A [`Mistake`] says where it is and holds nothing but the expression's own text.
//!
//! # Not promised
//! All of SQL. `now()`, `random()`, subqueries, aggregates and windows are refused by name;
//! intervals, `to_char` and JSON are not there.

mod calendar;
mod compile;
mod convert;
mod decimal;
mod functions;
mod mistake;
mod node;
#[cfg(test)]
mod tests;
mod value;

use protocol::schema::Logical;

pub use functions::{TEXT_MAX, described};
pub use mistake::Mistake;
pub use value::{Failure, Type, Value};

use node::Node;

/// An expression whose types are known.
#[derive(Debug)]
pub struct Expression {
    node: Node,
    result: Type,
    reads: Vec<usize>,
}

impl Expression {
    /// Reads an expression over the columns of a row.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn compile(text: &str, columns: &[(&str, &Logical)]) -> Result<Self, Mistake> {
        compile::compile(text, columns)
    }

    /// The type of its value.
    pub fn result(&self) -> Type {
        self.result
    }

    /// The positions of the columns that it reads, ascending.
    pub fn reads(&self) -> &[usize] {
        &self.reads
    }

    /// Its value for a row: a value for each column, of the column's [`Type`]. Columns that it
    /// does not read may hold anything.
    ///
    /// # Errors
    /// Why this row has no value.
    pub fn evaluate<'r>(&'r self, row: &'r [Value<'r>]) -> Result<Value<'r>, Failure> {
        self.node.evaluate(row)
    }
}
