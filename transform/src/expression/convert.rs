//! Casts, and arithmetic: a value from one or two others.

use std::borrow::Cow;

use protocol::cell::Reason;

use super::calendar::{self, DAY};
use super::decimal::Decimal;
use super::value::{Failure, Type, Value};

/// The ways to cast a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cast {
    ToText,
    FromText(Type),
    IntegerToDecimal,
    IntegerToBoolean,
    BooleanToInteger,
    ToFloat,
    ToInteger,
    FloatToDecimal,
    DateToTimestamp,
    TimestampToDate,
    TimestampToTime,
}

impl Cast {
    /// How a value of one type becomes one of another; none where it cannot. Types differ.
    pub(super) fn between(from: Type, to: Type) -> Option<Self> {
        Some(match (from, to) {
            (_, Type::Text) => Self::ToText,
            (Type::Text | Type::Unknown, to) => Self::FromText(to),
            (Type::Integer, Type::Decimal) => Self::IntegerToDecimal,
            (Type::Integer, Type::Boolean) => Self::IntegerToBoolean,
            (Type::Boolean, Type::Integer) => Self::BooleanToInteger,
            (Type::Integer | Type::Decimal, Type::Float) => Self::ToFloat,
            (Type::Decimal | Type::Float, Type::Integer) => Self::ToInteger,
            (Type::Float, Type::Decimal) => Self::FloatToDecimal,
            (Type::Date, Type::Timestamp) => Self::DateToTimestamp,
            (Type::Timestamp, Type::Date) => Self::TimestampToDate,
            (Type::Timestamp, Type::Time) => Self::TimestampToTime,
            _ => return None,
        })
    }

    /// Casts a value.
    pub(super) fn apply(self, value: Value<'_>) -> Result<Value<'_>, Failure> {
        let range = Failure::OutOfRange;
        Ok(match (self, value) {
            (_, Value::Null) => Value::Null,
            (Self::ToText, Value::Text(text)) => Value::Text(text),
            (Self::ToText, value) => Value::Text(Cow::Owned(value.to_text())),
            (Self::FromText(Type::Bytes), Value::Text(text)) => Value::Bytes(read_bytes(&text)?),
            (Self::FromText(of), Value::Text(text)) => Value::parse(of, &text)?,
            (Self::IntegerToDecimal, Value::Integer(n)) => Value::Decimal(n.into()),
            (Self::IntegerToBoolean, Value::Integer(n)) => Value::Boolean(n != 0),
            (Self::BooleanToInteger, Value::Boolean(is)) => Value::Integer(is.into()),
            #[expect(clippy::cast_precision_loss, reason = "what a cast to a float does")]
            (Self::ToFloat, Value::Integer(n)) => Value::Float(n as f64),
            (Self::ToFloat, Value::Decimal(n)) => Value::Float(n.to_float().ok_or(range)?),
            (Self::ToInteger, Value::Decimal(n)) => Value::Integer(n.to_integer().ok_or(range)?),
            (Self::ToInteger, Value::Float(n)) => Value::Integer(whole(n).ok_or(range)?),
            (Self::FloatToDecimal, Value::Float(n)) => Value::Decimal(exact(n).ok_or(range)?),
            (Self::DateToTimestamp, Value::Date(days)) => {
                Value::Timestamp(i64::from(days).checked_mul(DAY).ok_or(range)?)
            }
            (Self::TimestampToDate, Value::Timestamp(micros)) => {
                Value::Date(calendar::within(micros.div_euclid(DAY)).ok_or(range)?)
            }
            (Self::TimestampToTime, Value::Timestamp(micros)) => {
                Value::Time(micros.rem_euclid(DAY))
            }
            _ => return Err(Reason::WrongType.into()),
        })
    }
}

/// The bytes of `\x0aff`, or of a text without backslashes.
fn read_bytes<'a>(text: &str) -> Result<Cow<'a, [u8]>, Failure> {
    let wrong = || Failure::Unfit(Reason::WrongType);
    let Some(hex) = text.strip_prefix("\\x") else {
        return match text.contains('\\') {
            true => Err(wrong()),
            false => Ok(Cow::Owned(text.as_bytes().to_vec())),
        };
    };
    let pairs = hex.as_bytes().chunks(2).map(|pair| match pair {
        [_, _] => std::str::from_utf8(pair).ok().and_then(|p| u8::from_str_radix(p, 16).ok()),
        _ => None,
    });
    pairs.collect::<Option<Vec<u8>>>().map(Cow::Owned).ok_or_else(wrong)
}

/// The nearest whole number of 64 bits; of two equally near, the even one.
fn whole(number: f64) -> Option<i64> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    let rounded = number.round_ties_even();
    #[expect(clippy::cast_possible_truncation, reason = "it was looked at")]
    (-END..END).contains(&rounded).then_some(rounded as i64)
}

/// The decimal of at most 15 digits that PostgreSQL makes of a float.
fn exact(number: f64) -> Option<Decimal> {
    if !number.is_finite() {
        return None;
    }
    let shortest = Decimal::read(format!("{number:.14e}").as_bytes())?;
    let mut text = Vec::new();
    shortest.write(&mut text);
    // Trailing zeros behind the point are not digits of the float.
    let text = String::from_utf8(text).ok()?;
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    Decimal::read(text.as_bytes())
}

/// The signs of arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    /// Computes. Both values are of one type, or days are added to a date.
    pub(super) fn apply(self, a: &Value<'_>, b: &Value<'_>) -> Result<Value<'static>, Failure> {
        Ok(match (a, b) {
            (Value::Null, _) | (_, Value::Null) => Value::Null,
            (Value::Decimal(a), Value::Decimal(b)) => Value::Decimal(self.decimals(a, b)?),
            (Value::Integer(a), Value::Integer(b)) => Value::Integer(self.integers(*a, *b)?),
            (Value::Float(a), Value::Float(b)) => Value::Float(self.floats(*a, *b)?),
            (Value::Date(date), Value::Integer(n)) => {
                let days = match self == Self::Subtract {
                    true => i64::from(*date).checked_sub(*n),
                    false => i64::from(*date).checked_add(*n),
                };
                Value::Date(days.and_then(calendar::within).ok_or(Failure::OutOfRange)?)
            }
            (Value::Date(a), Value::Date(b)) => Value::Integer(i64::from(*a) - i64::from(*b)),
            _ => return Err(Reason::WrongType.into()),
        })
    }

    fn divides(self) -> bool {
        matches!(self, Self::Divide | Self::Remainder)
    }

    fn decimals(self, a: &Decimal, b: &Decimal) -> Result<Decimal, Failure> {
        if self.divides() && b.is_zero() {
            return Err(Failure::DivisionByZero);
        }
        let result = match self {
            Self::Add => a.add(b),
            Self::Subtract => a.subtract(b),
            Self::Multiply => a.multiply(b),
            Self::Divide => a.divide(b),
            Self::Remainder => a.remainder(b),
        };
        result.ok_or(Failure::OutOfRange)
    }

    fn integers(self, a: i64, b: i64) -> Result<i64, Failure> {
        if self.divides() && b == 0 {
            return Err(Failure::DivisionByZero);
        }
        let result = match self {
            Self::Add => a.checked_add(b),
            Self::Subtract => a.checked_sub(b),
            Self::Multiply => a.checked_mul(b),
            Self::Divide => a.checked_div(b),
            // The least number by -1 leaves 0; only the quotient overflows.
            Self::Remainder => Some(a.wrapping_rem(b)),
        };
        result.ok_or(Failure::OutOfRange)
    }

    fn floats(self, a: f64, b: f64) -> Result<f64, Failure> {
        if self.divides() && b == 0.0 {
            return Err(Failure::DivisionByZero);
        }
        let result = match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Remainder => a % b,
        };
        let vanished = result == 0.0 && a != 0.0 && b != 0.0;
        let lost = vanished && matches!(self, Self::Multiply | Self::Divide) && b.is_finite();
        let grew = result.is_infinite() && a.is_finite() && b.is_finite();
        if grew || lost { Err(Failure::OutOfRange) } else { Ok(result) }
    }
}
