//! From the text of an expression to a tree whose types are known.

mod calls;
mod operators;
mod typing;

use std::borrow::Cow;

use protocol::schema::Logical;
use sqlparser::ast::{self, Expr, Spanned, UnaryOperator};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token, Tokenizer};

use super::Expression;
use super::convert::Cast;
use super::decimal::Decimal;
use super::functions::FORBIDDEN;
use super::mistake::Mistake;
use super::node::{Field, Node};
use super::value::{Type, Value};

/// The longest expression, in bytes.
const BYTES_MAX: usize = 16 << 10;

/// The most words and signs. They are counted before anything is parsed, since `1+1+1+…` nests to the
/// left without bound, and a walk over such a tree would overflow the stack.
const TOKENS_MAX: usize = 1_000;

/// How deep parentheses may nest.
const DEPTH_MAX: usize = 50;

type Typing<T> = Result<T, Mistake>;

/// A part with its type and its place.
struct Typed {
    node: Node,
    of: Type,
    span: Span,
}

/// Reads an expression. See [`Expression::compile`].
pub(super) fn compile(text: &str, columns: &[(&str, &Logical)]) -> Result<Expression, Mistake> {
    parse(text).and_then(|parsed| typed(&parsed, columns)).map_err(|m| m.shown_in(text))
}

fn typed(parsed: &Expr, columns: &[(&str, &Logical)]) -> Typing<Expression> {
    let mut compiler = Compiler { columns, reads: Vec::new() };
    let whole = compiler.part(parsed)?;
    let whole = match whole.of == Type::Unknown {
        true => compiler.cast(whole, Type::Text)?,
        false => whole,
    };
    let mut reads = compiler.reads;
    reads.sort_unstable();
    reads.dedup();
    Ok(Expression { node: whole.node, result: whole.of, reads })
}

fn parse(text: &str) -> Typing<Expr> {
    if text.len() > BYTES_MAX {
        return Err(Mistake::nowhere(format!("the expression is longer than {BYTES_MAX} bytes")));
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text)
        .tokenize_with_location()
        .map_err(|error| Mistake::of_parser(&error.to_string()))?;
    let words = tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).count();
    if words > TOKENS_MAX {
        let said = format!("the expression has more than {TOKENS_MAX} words and signs");
        return Err(Mistake::nowhere(said));
    }
    let parser = Parser::new(&dialect).with_recursion_limit(DEPTH_MAX);
    let mut parser = parser.with_tokens_with_locations(tokens);
    let parsed = parser.parse_expr().map_err(|error| Mistake::of_parser(&error.to_string()))?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        let said = format!("expected the end of the expression, found `{}`", rest.token);
        return Err(Mistake::at(rest.span, said));
    }
    Ok(parsed)
}

fn mistake<T>(span: Span, message: impl Into<String>) -> Typing<T> {
    Err(Mistake::at(span, message))
}

/// A name that nobody knows, with the nearest that somebody does.
fn unknown<'n, T>(
    span: Span,
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'n str>,
) -> Typing<T> {
    let distance = |known: &'n str| (strsim::osa_distance(known, name), known);
    let near = known.map(distance).filter(|(far, known)| *far <= 1 + known.len() / 4).min();
    let mistake = Mistake::at(span, format!("there is no {what} `{name}`"));
    Err(match near {
        Some((_, near)) => mistake.helped(format!("did you mean `{near}`?")),
        None => mistake,
    })
}

fn boxed(typed: Typed) -> Box<Node> {
    Box::new(typed.node)
}

/// What does not depend on a row is computed now; and what fails for every row is said now.
fn folded(node: Node, span: Span) -> Typing<Node> {
    if !node.is_foldable() {
        return Ok(node);
    }
    match node.evaluate(&[]) {
        Ok(value) => Ok(Node::Constant(value.into_owned())),
        Err(failure) => mistake(span, format!("this has no value: {}", failure.said())),
    }
}

struct Compiler<'c> {
    columns: &'c [(&'c str, &'c Logical)],
    reads: Vec<usize>,
}

impl Compiler<'_> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser knows far more than we do")]
    fn part(&mut self, expr: &Expr) -> Typing<Typed> {
        let span = expr.span();
        match expr {
            Expr::Nested(inner) => self.part(inner),
            Expr::Identifier(name) => self.column(name, span),
            Expr::Value(value) => literal(&value.value, span),
            Expr::TypedString(typed) => {
                let of = self.type_named(&typed.data_type, span)?;
                let text = typed.value.clone().into_string().unwrap_or_default();
                self.cast(Typed { node: constant(text), of: Type::Unknown, span }, of)
            }
            Expr::Cast { expr, data_type, kind, .. } => {
                self.asked_cast(expr, data_type, kind, span)
            }
            Expr::UnaryOp { op, expr } => self.unary(*op, expr, span),
            Expr::BinaryOp { left, op, right } => {
                let (left, right) = (self.part(left)?, self.part(right)?);
                self.binary(left, op, right, span)
            }
            Expr::IsNull(of) => self.truth(of, false, span, Node::IsNull),
            Expr::IsNotNull(of) => self.truth(of, true, span, Node::IsNull),
            Expr::IsTrue(of) => self.is(of, true, false, span),
            Expr::IsNotTrue(of) => self.is(of, true, true, span),
            Expr::IsFalse(of) => self.is(of, false, false, span),
            Expr::IsNotFalse(of) => self.is(of, false, true, span),
            Expr::IsDistinctFrom(a, b) => self.distinct(a, b, false, span),
            Expr::IsNotDistinctFrom(a, b) => self.distinct(a, b, true, span),
            Expr::Between { expr, negated, low, high } => {
                self.between(expr, *negated, low, high, span)
            }
            Expr::InList { expr, list, negated } => self.among(expr, list, *negated, span),
            Expr::Like { expr, pattern, negated, any: false, escape_char: None } => {
                self.like(expr, pattern, *negated, false, span)
            }
            Expr::ILike { expr, pattern, negated, any: false, escape_char: None } => {
                self.like(expr, pattern, *negated, true, span)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), span)
            }
            Expr::Extract { field, expr, .. } => self.extract(&field.to_string(), expr, span),
            Expr::Trim { .. }
            | Expr::Substring { .. }
            | Expr::Position { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Overlay { .. } => self.spelled_call(expr, span),
            Expr::Function(function) => self.function(function, span),
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                mistake(span, "an expression sees one row: subqueries are not possible")
            }
            other => mistake(span, format!("`{other}` is not supported here")),
        }
    }

    fn column(&mut self, name: &ast::Ident, span: Span) -> Typing<Typed> {
        let exact = |wanted: &str| self.columns.iter().position(|(name, _)| *name == wanted);
        let lower = name.value.to_lowercase();
        // A name without quotes means the column as it is written, else the one in small letters, else
        // the only one that differs by case.
        let loose = || {
            let same = |(_, c): &(usize, &(&str, &Logical))| c.0.to_lowercase() == lower;
            let mut alike = self.columns.iter().enumerate().filter(same);
            alike.next().filter(|_| alike.next().is_none()).map(|(at, _)| at)
        };
        let found = match name.quote_style {
            Some(_) => exact(&name.value),
            None => exact(&name.value).or_else(|| exact(&lower)).or_else(loose),
        };
        match found {
            Some(at) => {
                self.reads.push(at);
                let of = Type::of(self.columns[at].1);
                Ok(Typed { node: Node::Column(at), of, span })
            }
            None if name.quote_style.is_none() && FORBIDDEN.contains(&lower.as_str()) => {
                mistake(span, forbidden(&lower))
            }
            None => unknown(span, "column", &name.value, self.columns.iter().map(|c| c.0)),
        }
    }

    fn asked_cast(
        &mut self,
        expr: &Expr,
        to: &ast::DataType,
        kind: &ast::CastKind,
        span: Span,
    ) -> Typing<Typed> {
        let inner = self.part(expr)?;
        let of = self.type_named(to, span)?;
        let attempt = matches!(kind, ast::CastKind::TryCast | ast::CastKind::SafeCast);
        let mut node = inner.node;
        let from = if inner.of == Type::Unknown { Type::Text } else { inner.of };
        if from != of {
            let Some(cast) = Cast::between(from, of) else {
                return mistake(span, format!("{from} cannot be cast to {of}"));
            };
            node = Node::Cast(cast, Box::new(node));
        }
        if let Some(fit) = fitted(to, span)? {
            node = fit(Box::new(node));
        }
        let node = match attempt {
            true => Node::Try(Box::new(node)),
            false => folded_through(node, span)?,
        };
        Ok(Typed { node, of, span })
    }

    fn unary(&mut self, op: UnaryOperator, expr: &Expr, span: Span) -> Typing<Typed> {
        let inner = self.part(expr)?;
        match (op, inner.of) {
            (UnaryOperator::Not, _) => {
                let node = Node::Not(boxed(self.to(inner, Type::Boolean)?));
                Ok(Typed { node, of: Type::Boolean, span })
            }
            (UnaryOperator::Minus, of @ (Type::Integer | Type::Decimal | Type::Float)) => {
                Ok(Typed { node: folded(Node::Negate(boxed(inner)), span)?, of, span })
            }
            (UnaryOperator::Plus, Type::Integer | Type::Decimal | Type::Float) => Ok(inner),
            (op, of) => mistake(span, format!("`{op}` does not apply to {of}")),
        }
    }

    fn extract(&mut self, field: &str, expr: &Expr, span: Span) -> Typing<Typed> {
        let inner = self.part(expr)?;
        let inner = match inner.of == Type::Date {
            true => self.to(inner, Type::Timestamp)?,
            false => inner,
        };
        if !matches!(inner.of, Type::Timestamp | Type::Instant | Type::Time) {
            return mistake(
                expr.span(),
                format!("`extract` needs a date or time, this is {}", inner.of),
            );
        }
        let field = field.to_lowercase();
        match Field::ALL.iter().find(|(name, _)| *name == field) {
            Some((_, field)) => {
                let node = Node::Extract(*field, boxed(inner));
                Ok(Typed { node, of: Type::Decimal, span })
            }
            None => unknown(span, "field", &field, Field::ALL.iter().map(|(name, _)| *name)),
        }
    }
}

fn forbidden(name: &str) -> String {
    format!(
        "`{name}` has another value on every run, so that a resumed run would disagree with itself"
    )
}

fn constant(text: String) -> Node {
    Node::Constant(Value::Text(Cow::Owned(text)))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the parser knows far more than we do")]
fn literal(value: &ast::Value, span: Span) -> Typing<Typed> {
    let typed = |value, of| Ok(Typed { node: Node::Constant(value), of, span });
    match value {
        ast::Value::Number(digits, _) => match digits.parse() {
            Ok(number) => typed(Value::Integer(number), Type::Integer),
            Err(_) => match Decimal::read(digits.as_bytes()) {
                Some(number) => typed(Value::Decimal(number), Type::Decimal),
                None => mistake(span, "this number has too many digits"),
            },
        },
        ast::Value::SingleQuotedString(text) | ast::Value::EscapedStringLiteral(text) => {
            typed(Value::Text(Cow::Owned(text.clone())), Type::Unknown)
        }
        ast::Value::DollarQuotedString(text) => {
            typed(Value::Text(Cow::Owned(text.value.clone())), Type::Unknown)
        }
        ast::Value::Boolean(is) => typed(Value::Boolean(*is), Type::Boolean),
        ast::Value::Null => typed(Value::Null, Type::Unknown),
        _ => mistake(span, "this kind of literal is not supported"),
    }
}

/// A cast and what fits its result, both computed now where they can be.
#[expect(clippy::wildcard_enum_match_arm, reason = "only these have something inside to compute")]
fn folded_through(node: Node, span: Span) -> Typing<Node> {
    let inside = |of: Box<Node>| folded(*of, span).map(Box::new);
    let node = match node {
        Node::FitDecimal { precision, scale, of } => {
            Node::FitDecimal { precision, scale, of: inside(of)? }
        }
        Node::FitInteger(bits, of) => Node::FitInteger(bits, inside(of)?),
        Node::FitText(length, of) => Node::FitText(length, inside(of)?),
        node => node,
    };
    folded(node, span)
}

type Fit = Box<dyn FnOnce(Box<Node>) -> Node>;

/// What a cast to `numeric(10,2)`, `smallint` or `varchar(5)` does besides.
#[expect(clippy::wildcard_enum_match_arm, reason = "the parser knows far more than we do")]
fn fitted(to: &ast::DataType, span: Span) -> Typing<Option<Fit>> {
    use ast::{CharacterLength, DataType as T, ExactNumberInfo as N};
    let decimal = |precision: u64, scale: i64| -> Typing<Option<Fit>> {
        let bounds = (u32::try_from(precision), u32::try_from(scale));
        match bounds {
            (Ok(precision @ 1..=1_000), Ok(scale)) if scale <= precision => {
                Ok(Some(Box::new(move |of| Node::FitDecimal { precision, scale, of })))
            }
            _ => mistake(span, "the precision is 1 to 1000, and the scale 0 to the precision"),
        }
    };
    match to {
        T::Numeric(N::PrecisionAndScale(p, s)) | T::Decimal(N::PrecisionAndScale(p, s)) => {
            decimal(*p, *s)
        }
        T::Numeric(N::Precision(p)) | T::Decimal(N::Precision(p)) => decimal(*p, 0),
        T::SmallInt(_) | T::Int2(_) => Ok(Some(Box::new(|of| Node::FitInteger(16, of)))),
        T::Int(_) | T::Integer(_) | T::Int4(_) => Ok(Some(Box::new(|of| Node::FitInteger(32, of)))),
        T::Varchar(Some(CharacterLength::IntegerLength { length, .. }))
        | T::CharacterVarying(Some(CharacterLength::IntegerLength { length, .. })) => {
            let length = usize::try_from(*length).unwrap_or(usize::MAX);
            Ok(Some(Box::new(move |of| Node::FitText(length, of))))
        }
        _ => Ok(None),
    }
}
