//! Conditions in this engine's own SQL: comparisons of a column with a literal, `IS NULL`, and
//! `AND` between them.

use std::cmp::Ordering;

use protocol::fault::{Code, Fault};
use protocol::schema::{Logical, Table};
use sqlparser::ast::{BinaryOperator, Expr, Value};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::compare;
use super::tables::Row;

/// A condition that was understood.
pub(super) enum Condition {
    /// Both hold.
    Both(Box<Condition>, Box<Condition>),
    /// A column is NULL, or is not.
    Null { column: usize, is: bool },
    /// A column stands in one of these orders to a value.
    Compared { column: usize, logical: Logical, value: Vec<u8>, orders: &'static [Ordering] },
}

impl Condition {
    /// Reads a condition over a table.
    ///
    /// # Errors
    /// `Code::FilterInvalid` when it is anything but what this module says.
    pub(super) fn read(text: &str, table: &Table) -> Result<Self, Fault> {
        let parse = || {
            let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).ok()?;
            let expr = parser.parse_expr().ok()?;
            (parser.peek_token().token == Token::EOF).then_some(expr)
        };
        parse()
            .and_then(|expr| Self::of(&expr, table))
            .ok_or_else(|| Fault::new(Code::FilterInvalid, table.name.to_string()))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser knows far more than we do")]
    fn of(expr: &Expr, table: &Table) -> Option<Self> {
        match expr {
            Expr::Nested(inner) => Self::of(inner, table),
            Expr::IsNull(inner) => Some(Self::Null { column: column(inner, table)?, is: true }),
            Expr::IsNotNull(inner) => Some(Self::Null { column: column(inner, table)?, is: false }),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                let (left, right) = (Self::of(left, table)?, Self::of(right, table)?);
                Some(Self::Both(Box::new(left), Box::new(right)))
            }
            Expr::BinaryOp { left, op, right } => {
                let column = column(left, table)?;
                let logical = table.columns[column].logical.clone();
                Some(Self::Compared {
                    column,
                    logical,
                    value: literal(right)?,
                    orders: orders(op)?,
                })
            }
            _ => None,
        }
    }

    /// Whether a row meets it. NULL meets no comparison.
    pub(super) fn holds(&self, row: &Row) -> bool {
        match self {
            Self::Both(left, right) => left.holds(row) && right.holds(row),
            Self::Null { column, is } => row[*column].is_none() == *is,
            Self::Compared { column, logical, value, orders } => {
                row[*column].as_deref().is_some_and(|cell| {
                    orders.contains(&compare::cells(logical, Some(cell), Some(value)))
                })
            }
        }
    }
}

fn column(expr: &Expr, table: &Table) -> Option<usize> {
    let Expr::Identifier(name) = expr else { return None };
    table.columns.iter().position(|column| column.name == name.value)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the parser knows far more than we do")]
fn literal(expr: &Expr) -> Option<Vec<u8>> {
    let Expr::Value(value) = expr else { return None };
    let text = match &value.value {
        Value::Number(digits, _) => digits.clone(),
        Value::SingleQuotedString(text) => text.clone(),
        Value::Boolean(value) => if *value { "t" } else { "f" }.to_owned(),
        _ => return None,
    };
    Some(text.into_bytes())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the parser knows far more than we do")]
fn orders(op: &BinaryOperator) -> Option<&'static [Ordering]> {
    use Ordering::{Equal, Greater, Less};
    Some(match op {
        BinaryOperator::Eq => &[Equal],
        BinaryOperator::NotEq => &[Less, Greater],
        BinaryOperator::Lt => &[Less],
        BinaryOperator::LtEq => &[Less, Equal],
        BinaryOperator::Gt => &[Greater],
        BinaryOperator::GtEq => &[Greater, Equal],
        _ => return None,
    })
}
