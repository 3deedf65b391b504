//! The tree of an expression, and its value for one row.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "types were looked at when the tree was made; what is of another is NULL"
)]

use std::borrow::Cow;
use std::cmp::Ordering;

use protocol::cell::Reason;

use super::calendar::{self, DAY, HOUR, MINUTE};
use super::convert::{Arithmetic, Cast};
use super::decimal::Decimal;
use super::functions::{ARGUMENTS_MAX, Run, TEXT_MAX};
use super::value::{Failure, Value};

/// A part of an expression. Types were looked at when it was made, so that evaluation does not.
#[derive(Debug)]
pub(super) enum Node {
    Constant(Value<'static>),
    Column(usize),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    /// `IS TRUE`, `IS FALSE`.
    Is(bool, Box<Node>),
    IsNull(Box<Node>),
    IsDistinct(Box<Node>, Box<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    Case(Vec<(Node, Node)>, Box<Node>),
    Coalesce(Vec<Node>),
    /// `greatest` (true) and `least`.
    Extreme(bool, Vec<Node>),
    Concatenate(Vec<Node>),
    ConcatenateWith(String, Vec<Node>),
    Cast(Cast, Box<Node>),
    /// `numeric(precision, scale)`.
    FitDecimal {
        precision: u32,
        scale: u32,
        of: Box<Node>,
    },
    /// `smallint`, `integer`: so many bits.
    FitInteger(u32, Box<Node>),
    /// `varchar(length)`: a cast cuts.
    FitText(usize, Box<Node>),
    /// NULL instead of a failure: `try_cast`.
    Try(Box<Node>),
    Call(Run, Vec<Node>),
    Matches(Box<regex::Regex>, Box<Node>),
    Replace {
        pattern: Box<regex::Regex>,
        with: String,
        all: bool,
        of: Box<Node>,
    },
    Extract(Field, Box<Node>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

/// A part of a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Year,
    Quarter,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Epoch,
}

impl Field {
    /// Its words.
    pub(super) const ALL: [(&str, Self); 11] = [
        ("year", Self::Year),
        ("quarter", Self::Quarter),
        ("month", Self::Month),
        ("day", Self::Day),
        ("hour", Self::Hour),
        ("minute", Self::Minute),
        ("second", Self::Second),
        ("dow", Self::DayOfWeek),
        ("isodow", Self::IsoDayOfWeek),
        ("doy", Self::DayOfYear),
        ("epoch", Self::Epoch),
    ];

    fn of(self, micros: i64) -> Decimal {
        let (days, clock) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
        let (year, month, day) = calendar::civil(days);
        match self {
            Self::Year => if year <= 0 { year - 1 } else { year }.into(),
            Self::Quarter => ((month + 2) / 3).into(),
            Self::Month => month.into(),
            Self::Day => day.into(),
            Self::Hour => (clock / HOUR).into(),
            Self::Minute => (clock / MINUTE % 60).into(),
            Self::Second => Decimal::of_micros(clock % MINUTE),
            // 1970-01-01 was a Thursday.
            Self::DayOfWeek => (days + 4).rem_euclid(7).into(),
            Self::IsoDayOfWeek => ((days + 3).rem_euclid(7) + 1).into(),
            Self::DayOfYear => (days - calendar::days(year, 1, 1) + 1).into(),
            Self::Epoch => Decimal::of_micros(micros),
        }
    }
}

type Evaluated<'r> = Result<Value<'r>, Failure>;

impl Node {
    pub(super) fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    /// Whether it can be computed without a row, its parts being constants.
    pub(super) fn is_foldable(&self) -> bool {
        match self {
            Self::Cast(_, of)
            | Self::Negate(of)
            | Self::FitText(_, of)
            | Self::FitInteger(_, of) => of.is_constant(),
            Self::FitDecimal { of, .. } => of.is_constant(),
            Self::Arithmetic(_, a, b) => a.is_constant() && b.is_constant(),
            Self::Call(_, of) => of.iter().all(Self::is_constant),
            _ => false,
        }
    }

    pub(super) fn evaluate<'r>(&'r self, row: &'r [Value<'r>]) -> Evaluated<'r> {
        Ok(match self {
            Self::Constant(value) => value.reborrow(),
            Self::Column(at) => row[*at].reborrow(),
            Self::And(a, b) => connective(a, b, false, row)?,
            Self::Or(a, b) => connective(a, b, true, row)?,
            Self::Not(of) => match of.evaluate(row)? {
                Value::Boolean(is) => Value::Boolean(!is),
                _ => Value::Null,
            },
            Self::Is(what, of) => {
                Value::Boolean(matches!(of.evaluate(row)?, Value::Boolean(is) if is == *what))
            }
            Self::IsNull(of) => Value::Boolean(of.evaluate(row)?.is_null()),
            Self::IsDistinct(a, b) => {
                let (a, b) = (a.evaluate(row)?, b.evaluate(row)?);
                let both = !a.is_null() && !b.is_null();
                let same = if both { a.compare(&b).is_eq() } else { a.is_null() == b.is_null() };
                Value::Boolean(!same)
            }
            Self::Compare(how, a, b) => {
                let (a, b) = (a.evaluate(row)?, b.evaluate(row)?);
                match a.is_null() || b.is_null() {
                    true => Value::Null,
                    false => Value::Boolean(how.holds(a.compare(&b))),
                }
            }
            Self::Arithmetic(how, a, b) => how.apply(&a.evaluate(row)?, &b.evaluate(row)?)?,
            Self::Negate(of) => negate(&of.evaluate(row)?)?,
            Self::Case(arms, otherwise) => case(arms, otherwise, row)?,
            Self::Coalesce(all) => first(all, row)?,
            Self::Extreme(greatest, all) => extreme(*greatest, all, row)?,
            Self::Concatenate(all) => concatenate(all, row)?,
            Self::ConcatenateWith(between, all) => concatenate_with(between, all, row)?,
            Self::Cast(cast, of) => cast.apply(of.evaluate(row)?)?,
            Self::FitDecimal { precision, scale, of } => {
                fit_decimal(*precision, *scale, of.evaluate(row)?)?
            }
            Self::FitInteger(bits, of) => fit_integer(*bits, of.evaluate(row)?)?,
            Self::FitText(length, of) => fit_text(*length, of.evaluate(row)?),
            Self::Try(of) => of.evaluate(row).unwrap_or(Value::Null),
            Self::Call(run, of) => call(*run, of, row)?,
            Self::Matches(pattern, of) => match of.evaluate(row)? {
                Value::Text(text) => Value::Boolean(pattern.is_match(&text)),
                _ => Value::Null,
            },
            Self::Replace { pattern, with, all, of } => {
                replace(pattern, with, *all, of.evaluate(row)?)?
            }
            Self::Extract(field, of) => match of.evaluate(row)? {
                Value::Timestamp(micros) | Value::Instant(micros) | Value::Time(micros) => {
                    Value::Decimal(field.of(micros))
                }
                _ => Value::Null,
            },
        })
    }
}

/// `AND` (`decided` is false) and `OR` (true): the second is looked at only where the first does
/// not decide, so that `n <> 0 and 10 / n > 1` is safe.
fn connective<'r>(a: &'r Node, b: &'r Node, decided: bool, row: &'r [Value<'r>]) -> Evaluated<'r> {
    let is = |value: &Value<'_>, what: bool| matches!(value, Value::Boolean(is) if *is == what);
    let a = a.evaluate(row)?;
    if is(&a, decided) {
        return Ok(a);
    }
    let b = b.evaluate(row)?;
    let open = !is(&b, decided) && !is(&a, !decided);
    Ok(if open { Value::Null } else { b })
}

fn negate<'r>(value: &Value<'_>) -> Evaluated<'r> {
    Ok(match value {
        Value::Integer(n) => Value::Integer(n.checked_neg().ok_or(Failure::OutOfRange)?),
        Value::Decimal(n) => Value::Decimal(n.negated()),
        Value::Float(n) => Value::Float(-n),
        _ => Value::Null,
    })
}

fn case<'r>(arms: &'r [(Node, Node)], otherwise: &'r Node, row: &'r [Value<'r>]) -> Evaluated<'r> {
    for (when, then) in arms {
        if let Value::Boolean(true) = when.evaluate(row)? {
            return then.evaluate(row);
        }
    }
    otherwise.evaluate(row)
}

fn first<'r>(all: &'r [Node], row: &'r [Value<'r>]) -> Evaluated<'r> {
    for one in all {
        let value = one.evaluate(row)?;
        if !value.is_null() {
            return Ok(value);
        }
    }
    Ok(Value::Null)
}

fn extreme<'r>(greatest: bool, all: &'r [Node], row: &'r [Value<'r>]) -> Evaluated<'r> {
    let better = if greatest { Ordering::Greater } else { Ordering::Less };
    let mut best = Value::Null;
    for one in all {
        let value = one.evaluate(row)?;
        if !value.is_null() && (best.is_null() || value.compare(&best) == better) {
            best = value;
        }
    }
    Ok(best)
}

fn push(out: &mut String, text: &str) -> Result<(), Failure> {
    if out.len() + text.len() > TEXT_MAX {
        return Err(Reason::TooLong.into());
    }
    out.push_str(text);
    Ok(())
}

fn concatenate<'r>(all: &'r [Node], row: &'r [Value<'r>]) -> Evaluated<'r> {
    let mut out = String::with_capacity(32);
    for one in all {
        match one.evaluate(row)? {
            Value::Text(text) => push(&mut out, &text)?,
            _ => return Ok(Value::Null),
        }
    }
    Ok(Value::Text(Cow::Owned(out)))
}

fn concatenate_with<'r>(between: &str, all: &'r [Node], row: &'r [Value<'r>]) -> Evaluated<'r> {
    let mut out: Option<String> = None;
    for one in all {
        let Value::Text(text) = one.evaluate(row)? else { continue };
        match &mut out {
            None => out = Some(text.into_owned()),
            Some(out) => {
                push(out, between)?;
                push(out, &text)?;
            }
        }
    }
    Ok(Value::Text(Cow::Owned(out.unwrap_or_default())))
}

fn fit_decimal(precision: u32, scale: u32, value: Value<'_>) -> Evaluated<'_> {
    let Value::Decimal(number) = value else { return Ok(Value::Null) };
    let rounded = number.round(scale as i32).ok_or(Failure::OutOfRange)?;
    match rounded.fits_before_point(precision - scale) {
        true => Ok(Value::Decimal(rounded)),
        false => Err(Failure::OutOfRange),
    }
}

fn fit_integer(bits: u32, value: Value<'_>) -> Evaluated<'_> {
    let end = 1_i64 << (bits - 1);
    match value {
        Value::Integer(number) if !(-end..end).contains(&number) => Err(Failure::OutOfRange),
        value => Ok(value),
    }
}

fn fit_text(length: usize, value: Value<'_>) -> Value<'_> {
    let Value::Text(text) = value else { return Value::Null };
    match text.char_indices().nth(length) {
        None => Value::Text(text),
        Some((end, _)) => Value::Text(match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
            Cow::Owned(mut text) => {
                text.truncate(end);
                Cow::Owned(text)
            }
        }),
    }
}

/// A function of the table: NULL where any argument is.
fn call<'r>(run: Run, of: &'r [Node], row: &'r [Value<'r>]) -> Evaluated<'r> {
    let mut arguments = [const { Value::Null }; ARGUMENTS_MAX];
    for (place, one) in arguments.iter_mut().zip(of) {
        *place = one.evaluate(row)?;
        if place.is_null() {
            return Ok(Value::Null);
        }
    }
    run(&arguments[..of.len()])
}

fn replace<'r>(pattern: &regex::Regex, with: &str, all: bool, value: Value<'r>) -> Evaluated<'r> {
    let Value::Text(text) = value else { return Ok(Value::Null) };
    if longest_replaced(pattern, with, &text) > TEXT_MAX {
        return Err(Reason::TooLong.into());
    }
    let replaced = match all {
        true => pattern.replace_all(&text, with),
        false => pattern.replace(&text, with),
    };
    match replaced {
        Cow::Borrowed(_) => Ok(Value::Text(text)),
        Cow::Owned(replaced) => Ok(Value::Text(Cow::Owned(replaced))),
    }
}

/// No less than the length of the text after all its matches were replaced: each group that the
/// replacement names is at most its match, and all matches together at most the text.
fn longest_replaced(pattern: &regex::Regex, with: &str, text: &str) -> usize {
    let rough = (text.len() + 1).saturating_mul(with.len() + 1);
    if rough <= TEXT_MAX {
        return rough;
    }
    let groups = 1 + with.matches("${").count();
    let matches = pattern.find_iter(text).count();
    text.len().saturating_mul(groups).saturating_add(matches.saturating_mul(with.len()))
}
