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
#[cfg(test)]
mod tests;
mod value;

use protocol::schema::{Column, Engine, Logical};
use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, Ident, ObjectNamePart, UnaryOperator, Value,
};
use sqlparser::dialect::{Dialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

pub use default::translate_default;
use value::{Kind, Printed, alike};

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

/// Prints for the other engine, or finds that it cannot.
struct Printer<'a> {
    columns: Option<&'a [Column]>,
    from: Engine,
    to: Engine,
}

impl Printer<'_> {
    fn print(&self, expr: &Expr) -> Option<Printed> {
        match expr {
            Expr::Nested(inner) => self.print(inner),
            Expr::Identifier(name) => self.column(name),
            Expr::Value(value) => literal::plain(&value.value),
            Expr::Cast { kind, expr, data_type, format: None } => self.cast(kind, expr, data_type),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::IsNull(inner) => self.test(inner, "IS NULL"),
            Expr::IsNotNull(inner) => self.test(inner, "IS NOT NULL"),
            Expr::IsTrue(inner) => self.truth(inner, "IS TRUE"),
            Expr::IsNotTrue(inner) => self.truth(inner, "IS NOT TRUE"),
            Expr::IsFalse(inner) => self.truth(inner, "IS FALSE"),
            Expr::IsNotFalse(inner) => self.truth(inner, "IS NOT FALSE"),
            Expr::Between { expr, negated, low, high } => self.between(expr, *negated, low, high),
            Expr::InList { expr, list, negated } => self.among(expr, list, *negated),
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
                self.among(left, array(right)?, false)
            }
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => {
                self.among(left, array(right)?, true)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Expr::Function(function) => self.call(function),
            _ => None,
        }
    }

    fn column(&self, name: &Ident) -> Option<Printed> {
        let Some(columns) = self.columns else {
            return Some(Printed::atom(self.quoted(&name.value), Kind::Unknown));
        };
        let exact = columns.iter().find(|column| column.name == name.value);
        let folded = || {
            let same = |c: &&Column| c.name.eq_ignore_ascii_case(&name.value);
            let folds = matches!(self.from, Engine::Sqlite | Engine::MySql);
            columns.iter().find(same).filter(|_| folds)
        };
        let column = exact.or_else(folded)?;
        Some(Printed::atom(self.quoted(&column.name), self.kind(column)))
    }

    /// A name, in the quotes that the other engine takes for those of a name.
    fn quoted(&self, name: &str) -> String {
        match self.to {
            Engine::MySql => format!("`{}`", name.replace('`', "``")),
            Engine::Postgres | Engine::Sqlite | Engine::Memory => {
                format!("\"{}\"", name.replace('"', "\"\""))
            }
        }
    }

    /// Whether one of the two is MySQL, where `||` is a truth and `length` counts bytes.
    fn has_mysql(&self) -> bool {
        self.from == Engine::MySql || self.to == Engine::MySql
    }

    fn kind(&self, column: &Column) -> Kind {
        // MySQL compares texts by their collation; only one that compares byte by byte is not named.
        if self.from == Engine::MySql && column.native.contains(" COLLATE ") {
            return Kind::Strange;
        }
        // Of a SQLite column it is known whether it keeps its decimals as text.
        let text = || column.native.to_ascii_uppercase().contains("TEXT");
        let decimal = matches!(column.logical, Logical::Decimal { .. });
        if decimal && self.from == Engine::Sqlite && !text() {
            return Kind::Fraction;
        }
        Kind::of(&column.logical)
    }

    /// A cast that changes nothing is left out; any other is refused.
    fn cast(&self, kind: &CastKind, expr: &Expr, to: &DataType) -> Option<Printed> {
        if !matches!(kind, CastKind::Cast | CastKind::DoubleColon) {
            return None;
        }
        // SQLite's CAST has rules of its own for text that is not a number.
        if self.from != Engine::Postgres {
            return None;
        }
        if let Some(printed) = literal::cast(bare(expr), to) {
            return Some(printed);
        }
        let inner = self.print(expr)?;
        let text = is_text(to) && matches!(inner.kind, Kind::Text | Kind::Unknown);
        let wide = matches!(to, DataType::Numeric(ExactNumberInfo::None))
            && (inner.kind.is_number() || inner.kind == Kind::Unknown);
        let kind = match (text, wide, inner.kind) {
            (true, _, _) => Kind::Text,
            (_, true, Kind::Unknown) => Kind::Fraction,
            (_, true, kind) => kind,
            _ => return None,
        };
        Some(Printed { kind, ..inner })
    }

    fn unary(&self, op: UnaryOperator, expr: &Expr) -> Option<Printed> {
        let inner = self.print(expr)?;
        match op {
            UnaryOperator::Not => {
                self.condition(&inner)?;
                Some(Printed::compound(format!("NOT {}", inner.wrapped()), Kind::Boolean))
            }
            UnaryOperator::Minus if inner.kind.is_number() => {
                Some(Printed::compound(format!("-{}", inner.wrapped()), inner.kind))
            }
            _ => None,
        }
    }

    /// Whether a value can stand where a truth is wanted, in both engines.
    fn condition(&self, value: &Printed) -> Option<()> {
        let known = value.kind == Kind::Boolean;
        // PostgreSQL accepted it there, so it is one.
        (known || (value.kind == Kind::Unknown && self.from == Engine::Postgres)).then_some(())
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Printed> {
        use BinaryOperator as Op;
        let comparison = matches!(op, Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq);
        // `a = b < c` without parentheses is read differently by each engine and by the parser.
        if comparison && (compares(left) || compares(right)) {
            return None;
        }
        let (left, right) = (self.print(left)?, self.print(right)?);
        let kind = if comparison {
            let (kind, [left, right]) = alike([left, right])?;
            let ordered = !matches!(op, Op::Eq | Op::NotEq);
            if ordered && !kind.is_number() {
                return None;
            }
            let text = format!("{} {} {}", left.wrapped(), operator(op)?, right.wrapped());
            return Some(Printed::compound(text, Kind::Boolean));
        } else {
            self.joined(&left, op, &right)?
        };
        let text = format!("{} {} {}", left.wrapped(), operator(op)?, right.wrapped());
        Some(Printed::compound(text, kind))
    }

    /// The kind of `left op right` where `op` does not compare.
    fn joined(&self, left: &Printed, op: &BinaryOperator, right: &Printed) -> Option<Kind> {
        use BinaryOperator as Op;
        if matches!(op, Op::And | Op::Or) {
            self.condition(left)?;
            self.condition(right)?;
            return Some(Kind::Boolean);
        }
        let kinds = [left.kind, right.kind];
        let only = |kind| kinds.iter().all(|k| [kind, Kind::Unknown, Kind::Null].contains(k));
        let some = |kind| kinds.contains(&kind);
        match op {
            Op::StringConcat if self.has_mysql() => None,
            Op::StringConcat if only(Kind::Text) && some(Kind::Text) => Some(Kind::Text),
            Op::Plus | Op::Minus | Op::Multiply if only(Kind::Number) && some(Kind::Number) => {
                Some(Kind::Number)
            }
            _ => None,
        }
    }

    fn test(&self, inner: &Expr, test: &str) -> Option<Printed> {
        if compares(inner) {
            return None;
        }
        let inner = self.print(inner)?;
        Some(Printed::compound(format!("{} {test}", inner.wrapped()), Kind::Boolean))
    }

    fn truth(&self, inner: &Expr, test: &str) -> Option<Printed> {
        self.condition(&self.print(inner)?)?;
        self.test(inner, test)
    }

    fn between(&self, expr: &Expr, negated: bool, low: &Expr, high: &Expr) -> Option<Printed> {
        let (kind, parts) = alike([self.print(expr)?, self.print(low)?, self.print(high)?])?;
        if !kind.is_number() || compares(expr) {
            return None;
        }
        let not = if negated { "NOT " } else { "" };
        let [expr, low, high] = parts.map(|part| part.wrapped());
        Some(Printed::compound(format!("{expr} {not}BETWEEN {low} AND {high}"), Kind::Boolean))
    }

    fn among(&self, expr: &Expr, list: &[Expr], negated: bool) -> Option<Printed> {
        if list.is_empty() || compares(expr) {
            return None;
        }
        // One kind for all: each engine settles on one type for the whole list.
        let (_, all) = alike(self.all(std::iter::once(expr).chain(list))?)?;
        let (expr, items) = all.split_first()?;
        let items: Vec<_> = items.iter().map(|item| item.text.as_str()).collect();
        let not = if negated { "NOT " } else { "" };
        let text = format!("{} {not}IN ({})", expr.wrapped(), items.join(", "));
        Some(Printed::compound(text, Kind::Boolean))
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Option<Printed> {
        let whens = conditions.iter().map(|when| &when.condition);
        let mut tests = self.all(operand.into_iter().chain(whens))?;
        let mut text = String::from("CASE");
        if operand.is_some() {
            tests = alike(tests)?.1;
            let operand = tests.remove(0);
            // PostgreSQL takes a bare NULL here for a text.
            if operand.kind == Kind::Null {
                return None;
            }
            text = format!("{text} {}", operand.wrapped());
        } else {
            tests.iter().try_for_each(|test| self.condition(test))?;
        }
        let thens = conditions.iter().map(|when| &when.result);
        let (kind, results) = alike(self.all(thens.chain(otherwise))?)?;
        let mut results = results.into_iter();
        for (test, result) in tests.iter().zip(results.by_ref()) {
            text = format!("{text} WHEN {} THEN {}", test.wrapped(), result.wrapped());
        }
        if let Some(result) = results.next() {
            text = format!("{text} ELSE {}", result.wrapped());
        }
        (kind != Kind::Null).then(|| Printed::atom(format!("{text} END"), kind))
    }

    fn all<'e>(&self, exprs: impl Iterator<Item = &'e Expr>) -> Option<Vec<Printed>> {
        exprs.map(|expr| self.print(expr)).collect()
    }

    fn call(&self, function: &Function) -> Option<Printed> {
        let (name, arguments) = plain_call(function)?;
        // MySQL counts characters by another name, and bytes by this one.
        let name = match (self.from, name.as_str()) {
            (Engine::MySql, "char_length") => "length".to_owned(),
            (Engine::MySql, "length") => return None,
            _ => name,
        };
        let (common, arguments) = alike(self.all(arguments.into_iter())?)?;
        let text_like = matches!(common, Kind::Text | Kind::Unknown);
        let kind = match (name.as_str(), arguments.len()) {
            ("length", 1) if text_like => Kind::Number,
            ("abs", 1) if common.is_number() => common,
            ("abs", 1) if common == Kind::Unknown => Kind::Fraction,
            // Of NULL alone PostgreSQL makes a text.
            ("coalesce", 2..) | ("nullif", 2) if common != Kind::Null => common,
            _ => return None,
        };
        let arguments: Vec<_> = arguments.iter().map(|argument| argument.text.as_str()).collect();
        let name = match (name.as_str(), self.to) {
            ("length", Engine::MySql) => "char_length",
            (name, _) => name,
        };
        Some(Printed::atom(format!("{name}({})", arguments.join(", ")), kind))
    }
}

/// Whether the expression is a comparison that stands without parentheses.
fn compares(expr: &Expr) -> bool {
    use BinaryOperator as Op;
    match expr {
        Expr::BinaryOp { op, .. } => matches!(
            op,
            Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq | Op::And | Op::Or
        ),
        other => matches!(
            other,
            Expr::Between { .. }
                | Expr::InList { .. }
                | Expr::IsNull(_)
                | Expr::IsNotNull(_)
                | Expr::IsTrue(_)
                | Expr::IsNotTrue(_)
                | Expr::IsFalse(_)
                | Expr::IsNotFalse(_)
                | Expr::UnaryOp { op: UnaryOperator::Not, .. }
        ),
    }
}

fn operator(op: &BinaryOperator) -> Option<&'static str> {
    use BinaryOperator as Op;
    Some(match op {
        Op::Eq => "=",
        Op::NotEq => "<>",
        Op::Lt => "<",
        Op::LtEq => "<=",
        Op::Gt => ">",
        Op::GtEq => ">=",
        Op::And => "AND",
        Op::Or => "OR",
        Op::Plus => "+",
        Op::Minus => "-",
        Op::Multiply => "*",
        Op::StringConcat => "||",
        _ => return None,
    })
}

/// The elements of `ARRAY[…]`, also in parentheses and cast to a list of texts.
fn array(expr: &Expr) -> Option<&[Expr]> {
    match bare(expr) {
        Expr::Array(array) => Some(&array.elem),
        Expr::Cast { expr, data_type: DataType::Array(of), .. } => {
            use sqlparser::ast::ArrayElemTypeDef as Of;
            let of = match of {
                Of::SquareBracket(of, _) | Of::AngleBracket(of) | Of::Parenthesis(of) => of,
                Of::None | Of::Qualified(..) => return None,
            };
            if is_text(of) { array(expr) } else { None }
        }
        _ => None,
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
