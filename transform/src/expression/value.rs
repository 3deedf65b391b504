//! Values, their types, and the canonical text of each.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use protocol::cell::{self, Reason};
use protocol::schema::Logical;

use super::calendar;
use super::decimal::Decimal;

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// NULL, or a text literal whose type its surroundings decide.
    Unknown,
    /// `boolean`.
    Boolean,
    /// `bigint`; smaller integers are this one, too.
    Integer,
    /// `numeric`.
    Decimal,
    /// `double precision`.
    Float,
    /// `text`, and whatever is carried as text.
    Text,
    /// `bytea`.
    Bytes,
    /// `date`.
    Date,
    /// `time`.
    Time,
    /// `timestamp`.
    Timestamp,
    /// `timestamptz`.
    Instant,
    /// `uuid`.
    Uuid,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Boolean => "boolean",
            Self::Integer => "bigint",
            Self::Decimal => "numeric",
            Self::Float => "double precision",
            Self::Text => "text",
            Self::Bytes => "bytea",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Instant => "timestamptz",
            Self::Uuid => "uuid",
        })
    }
}

impl Type {
    /// The type that a column's values have in an expression. What has no type of its own here
    /// (intervals, JSON, arrays, labels) is text.
    pub fn of(logical: &Logical) -> Self {
        match logical {
            Logical::Boolean => Self::Boolean,
            Logical::Integer { .. } => Self::Integer,
            Logical::Decimal { .. } => Self::Decimal,
            Logical::Float { .. } => Self::Float,
            Logical::Binary => Self::Bytes,
            Logical::Date => Self::Date,
            Logical::Time => Self::Time,
            Logical::Timestamp => Self::Timestamp,
            Logical::TimestampWithZone => Self::Instant,
            Logical::Uuid => Self::Uuid,
            Logical::Text { .. }
            | Logical::Char { .. }
            | Logical::TimeWithZone
            | Logical::Interval
            | Logical::Json
            | Logical::JsonBinary
            | Logical::Bits { .. }
            | Logical::Enum { .. }
            | Logical::Array { .. }
            | Logical::Native { .. }
            | Logical::Any => Self::Text,
        }
    }

    /// The column type that holds all values of this one.
    pub fn logical(self) -> Logical {
        match self {
            Self::Boolean => Logical::Boolean,
            Self::Integer => Logical::Integer { bits: 64 },
            Self::Decimal => Logical::Decimal { precision: None, scale: None },
            Self::Float => Logical::Float { bits: 64 },
            Self::Unknown | Self::Text => Logical::Text { length: None },
            Self::Bytes => Logical::Binary,
            Self::Date => Logical::Date,
            Self::Time => Logical::Time,
            Self::Timestamp => Logical::Timestamp,
            Self::Instant => Logical::TimestampWithZone,
            Self::Uuid => Logical::Uuid,
        }
    }
}

/// Why a row has no value. Never with the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A number, date or time beyond what its type holds.
    OutOfRange,
    /// Something was divided by zero.
    DivisionByZero,
    /// The value does not fit, as for a column.
    Unfit(Reason),
}

impl Failure {
    /// What happened, in a fragment.
    pub fn said(self) -> &'static str {
        match self {
            Self::OutOfRange | Self::Unfit(Reason::OutOfRange) => "it is out of range",
            Self::DivisionByZero => "division by zero",
            Self::Unfit(Reason::TooLong) => "it is too long",
            Self::Unfit(Reason::NoSuchDate) => "there is no such date",
            Self::Unfit(_) => "it is not a value of that type",
        }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::Unfit(reason)
    }
}

/// A value of one row.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// An exact number.
    Decimal(Decimal),
    /// A binary floating-point number.
    Float(f64),
    /// Characters.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970-01-01 00:00:00, of no zone.
    Timestamp(i64),
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    Instant(i64),
    /// A UUID.
    Uuid(uuid::Uuid),
}

impl<'a> Value<'a> {
    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The value of a cell in canonical text.
    ///
    /// # Errors
    /// The reason why the cell is no value of that type. Infinite dates and those before year 1
    /// are none.
    pub fn read(of: Type, cell: &'a [u8]) -> Result<Self, Failure> {
        let text = || std::str::from_utf8(cell).map_err(|_| Reason::InvalidEncoding);
        let wrong = || Failure::Unfit(Reason::WrongType);
        let dated = || Failure::Unfit(Reason::NotFinite);
        Ok(match of {
            Type::Unknown | Type::Text => Self::Text(Cow::Borrowed(text()?)),
            Type::Boolean => match cell {
                b"t" => Self::Boolean(true),
                b"f" => Self::Boolean(false),
                _ => return Err(wrong()),
            },
            Type::Integer => Self::Integer(text()?.parse().map_err(|_| wrong())?),
            Type::Decimal => Self::Decimal(Decimal::read(cell).ok_or_else(dated)?),
            Type::Float => Self::Float(text()?.parse().map_err(|_| wrong())?),
            Type::Bytes => Self::Bytes(Cow::Borrowed(cell)),
            Type::Date => Self::Date(calendar::read_date(cell).ok_or_else(dated)?),
            Type::Time => Self::Time(calendar::read_time(cell).ok_or_else(wrong)?),
            Type::Timestamp => Self::Timestamp(calendar::read_timestamp(cell).ok_or_else(dated)?),
            Type::Instant => Self::Instant(calendar::read_timestamp(cell).ok_or_else(dated)?),
            Type::Uuid => Self::Uuid(text()?.parse().map_err(|_| wrong())?),
        })
    }

    /// The value of any spelling that a column of the type reads: `Yes`, ` +007 `, `2024-02-29T12:30Z`.
    ///
    /// # Errors
    /// The reason why it is no value of that type.
    pub fn parse(of: Type, text: &str) -> Result<Value<'static>, Failure> {
        let mut canonical = Vec::with_capacity(text.len());
        cell::fit(&of.logical(), text.trim().as_bytes(), &mut canonical)?;
        Value::read(of, &canonical).map(Value::into_owned)
    }

    /// Appends its canonical text; nothing for NULL.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => {}
            Self::Boolean(is) => out.push(if *is { b't' } else { b'f' }),
            Self::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::Decimal(number) => number.write(out),
            Self::Float(number) => cell::write_f64(out, *number),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Date(days) => calendar::write_date(i64::from(*days), out),
            Self::Time(micros) => calendar::write_time(*micros, out),
            Self::Timestamp(micros) => calendar::write_timestamp(*micros, "", out),
            Self::Instant(micros) => calendar::write_timestamp(*micros, "+00", out),
            Self::Uuid(uuid) => out.extend_from_slice(uuid.hyphenated().to_string().as_bytes()),
        }
    }

    /// Its text, as a cast to `text` gives it.
    pub fn to_text(&self) -> String {
        match self {
            Self::Boolean(is) => is.to_string(),
            Self::Bytes(bytes) => {
                let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
                format!("\\x{}", hex.collect::<String>())
            }
            Self::Text(text) => text.clone().into_owned(),
            Self::Null
            | Self::Integer(_)
            | Self::Decimal(_)
            | Self::Float(_)
            | Self::Date(_)
            | Self::Time(_)
            | Self::Timestamp(_)
            | Self::Instant(_)
            | Self::Uuid(_) => {
                let mut out = Vec::new();
                self.write(&mut out);
                String::from_utf8_lossy(&out).into_owned()
            }
        }
    }

    /// How it compares with another of the same type; NULLs are the caller's.
    pub(super) fn compare(&self, other: &Value<'_>) -> Ordering {
        match (self, other) {
            (Self::Boolean(a), Value::Boolean(b)) => a.cmp(b),
            (Self::Integer(a), Value::Integer(b))
            | (Self::Time(a), Value::Time(b))
            | (Self::Timestamp(a), Value::Timestamp(b))
            | (Self::Instant(a), Value::Instant(b)) => a.cmp(b),
            (Self::Decimal(a), Value::Decimal(b)) => a.compare(b),
            // NaN is equal to itself and greater than all others.
            (Self::Float(a), Value::Float(b)) => {
                a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
            }
            (Self::Text(a), Value::Text(b)) => a.cmp(b),
            (Self::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (Self::Date(a), Value::Date(b)) => a.cmp(b),
            (Self::Uuid(a), Value::Uuid(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }

    /// The same value, that borrows from this one.
    pub(super) fn reborrow(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Self::Decimal(number) => Value::Decimal(number.clone()),
            Self::Null => Value::Null,
            Self::Boolean(is) => Value::Boolean(*is),
            Self::Integer(number) => Value::Integer(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Date(days) => Value::Date(*days),
            Self::Time(micros) => Value::Time(*micros),
            Self::Timestamp(micros) => Value::Timestamp(*micros),
            Self::Instant(micros) => Value::Instant(*micros),
            Self::Uuid(uuid) => Value::Uuid(*uuid),
        }
    }

    /// The same value, that borrows from nothing.
    pub(super) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Decimal(number) => Value::Decimal(number),
            Self::Null => Value::Null,
            Self::Boolean(is) => Value::Boolean(is),
            Self::Integer(number) => Value::Integer(number),
            Self::Float(number) => Value::Float(number),
            Self::Date(days) => Value::Date(days),
            Self::Time(micros) => Value::Time(micros),
            Self::Timestamp(micros) => Value::Timestamp(micros),
            Self::Instant(micros) => Value::Instant(micros),
            Self::Uuid(uuid) => Value::Uuid(uuid),
        }
    }
}
