//! Expressions that mean exactly the same in two engines, and how each of them spells them.
//!
//! A catalogue keeps checks, index predicates and defaults as its own engine prints them. Carrying
//! one to another engine is safe only when every word of it means the same there, so this module
//! reads the expression with a parser of the one dialect, and prints it anew for the other.
//!
//! # Promises
//! 1. Pure. What is not known to agree is refused with `None`; the caller then leaves it behind and
//!    says so. There is no "close enough".
//! 2. Between equal engines the text comes back unchanged, and is not even read.
//!
//! # What is refused, and why
//! `LIKE`, `GLOB`, `lower`, `upper` (case rules differ), the order of texts and dates (a collation
//! here, bytes there), `/` and `%` (they truncate in the one and not in the other, by what the
//! *cell* holds), arithmetic with fractions (decimal here, binary there), regular expressions,
//! subqueries, casts that change a value, and every function that is not listed here.
//!
//! # Not promised
//! That a collation which a SQLite column declares (`NOCASE`) is noticed: it is not in the
//! expression. Nor, in [`translate`], the types of columns: a column that is compared with a
//! literal is taken to be of the literal's kind. [`translate_over`] knows them, and is the one to
//! use for anything that a target will enforce: a decimal of many digits is text in SQLite, and
//! `score >= 0` over it means something else there.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's enums have a hundred variants each; what is not listed is not portable"
)]

mod default;
mod literal;
mod print;
#[cfg(test)]
mod tests;
mod value;

use protocol::schema::{Column, Engine};
use sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart,
    Value,
};
use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

pub use default::translate_default;
use print::Printer;
use value::{Kind, Printed};

/// The expression in the dialect of `to`, when it means exactly the same there; else `None`.
///
/// Column names come out in double quotes, as the source spelled them. Where an answer depends on
/// column types, use [`translate_over`]: here such an expression is refused, or the column is taken
/// to be of the kind of the literal that it is compared with.
pub fn translate(expression: &str, from: Engine, to: Engine) -> Option<String> {
    whole(expression, None, from, to)
}

/// Like [`translate`], with the columns of the table the expression stands in.
///
/// Names are found as `from` finds them and printed as the catalogue spells them; a name that is no
/// column is refused (in SQLite such a `"name"` is a text). `0` and `1` beside a boolean column
/// become `FALSE` and `TRUE`.
pub fn translate_over(
    expression: &str,
    columns: &[Column],
    from: Engine,
    to: Engine,
) -> Option<String> {
    whole(expression, Some(columns), from, to)
}

fn whole(expression: &str, columns: Option<&[Column]>, from: Engine, to: Engine) -> Option<String> {
    if from == to {
        return Some(expression.to_owned());
    }
    if to == Engine::Memory {
        return None;
    }
    let parsed = parse(expression, from)?;
    if let Some(moment) = literal::moment(bare(&parsed), from) {
        return Some(moment.to_owned());
    }
    let printer = Printer { columns, from, to };
    let text = printer.print(&parsed)?.text;
    // A backslash is itself everywhere but in MySQL.
    (to != Engine::MySql || !text.contains('\\')).then_some(text)
}

/// Reads one expression and nothing after it.
fn parse(expression: &str, engine: Engine) -> Option<Expr> {
    let dialect: &dyn Dialect = match engine {
        Engine::Postgres => &PostgreSqlDialect {},
        Engine::Sqlite => &SQLiteDialect {},
        Engine::MySql => &MySqlDialect {},
        Engine::Memory => return None,
    };
    let mut parser = Parser::new(dialect).try_with_sql(expression).ok()?;
    let parsed = parser.parse_expr().ok()?;
    (parser.peek_token().token == Token::EOF).then_some(parsed)
}

/// The expression without parentheses around it.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}

/// A type that holds every text as it is.
fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Text | DataType::CharacterVarying(None) | DataType::Varchar(None))
}

/// A function's name in lower case and its arguments, when nothing else is said about it.
fn plain_call(function: &Function) -> Option<(String, Vec<&Expr>)> {
    let simple = matches!(function.parameters, FunctionArguments::None)
        && function.within_group.is_empty()
        && function.filter.is_none()
        && function.null_treatment.is_none()
        && function.over.is_none();
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    if !simple || list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return None;
    }
    let plain = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    let arguments = list.args.iter().map(plain).collect::<Option<Vec<_>>>()?;
    Some((name.value.to_ascii_lowercase(), arguments))
}

fn string(text: &str) -> Option<String> {
    (!text.contains('\0')).then(|| format!("'{}'", text.replace('\'', "''")))
}

/// The text of a literal in single quotes.
fn string_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}
