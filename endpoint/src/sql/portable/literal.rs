//! Literals: what they are, whatever casts stand around them.

use protocol::schema::Engine;
use sqlparser::ast::{DataType, ExactNumberInfo, Expr, FunctionArguments, TimezoneInfo, Value};

use super::{Kind, Printed, bare, is_text, plain_call, string, string_of};

pub(super) fn boolean(value: bool) -> Printed {
    Printed::atom(if value { "TRUE" } else { "FALSE" }, Kind::Boolean)
}

/// A literal without a cast.
pub(super) fn plain(value: &Value) -> Option<Printed> {
    Some(match value {
        Value::Number(digits, false) => number(digits)?,
        Value::SingleQuotedString(text) => Printed::atom(string(text)?, Kind::Text),
        Value::Boolean(value) => boolean(*value),
        Value::Null => Printed::atom("NULL", Kind::Null),
        _ => return None,
    })
}

/// Digits that both engines read as the same number: an integer of 64 bits, or a fraction of so
/// few digits that a binary number gives them back.
pub(super) fn number(digits: &str) -> Option<Printed> {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let kind = if unsigned.contains('.') { Kind::Fraction } else { Kind::Number };
    let fits = match kind {
        Kind::Fraction => !fraction.is_empty() && whole.len() + fraction.len() <= 15,
        Kind::Number
        | Kind::Text
        | Kind::Boolean
        | Kind::Day
        | Kind::Moment
        | Kind::Other
        | Kind::Strange
        | Kind::Unknown
        | Kind::Null => digits.parse::<i64>().is_ok(),
    };
    let bit = match unsigned {
        "0" => Some(false),
        "1" if unsigned == digits => Some(true),
        _ => None,
    };
    let atom = unsigned == digits;
    fits.then(|| Printed { text: digits.to_owned(), kind, atom, bit })
}

/// A literal in a cast that changes nothing about it: `'x'::text`, `(0)::numeric`,
/// `'-1'::integer`, `'2024-01-01'::date`.
pub(super) fn cast(literal: &Expr, to: &DataType) -> Option<Printed> {
    if let Expr::Value(value) = literal
        && value.value == Value::Null
    {
        return Some(Printed::atom("NULL", Kind::Null));
    }
    let text = match literal {
        Expr::UnaryOp { op: sqlparser::ast::UnaryOperator::Minus, expr } => {
            return cast(bare(expr), to).filter(|p| p.kind != Kind::Text).and_then(negated);
        }
        Expr::Value(value) => match &value.value {
            Value::Number(digits, false) => digits,
            Value::SingleQuotedString(text) => text,
            Value::Boolean(value) if matches!(to, DataType::Boolean | DataType::Bool) => {
                return Some(boolean(*value));
            }
            _ => return None,
        },
        // A cast of a cast: `('x'::character varying)::text`.
        Expr::Cast { expr, data_type, format: None, .. } if is_text(data_type) && is_text(to) => {
            return cast(bare(expr), to);
        }
        _ => return None,
    };
    match to {
        to if is_text(to) => {
            string_of(literal).and_then(string).map(|s| Printed::atom(s, Kind::Text))
        }
        DataType::Int(None)
        | DataType::Integer(None)
        | DataType::BigInt(None)
        | DataType::SmallInt(None) => number(text).filter(|n| n.kind == Kind::Number),
        DataType::Numeric(ExactNumberInfo::None) => number(text),
        DataType::DoublePrecision => number(text),
        DataType::Boolean | DataType::Bool => truth(text),
        DataType::Date if is_date(text) => Some(Printed::atom(string(text)?, Kind::Day)),
        DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)
            if is_timestamp(text) =>
        {
            Some(Printed::atom(string(text)?, Kind::Moment))
        }
        _ => None,
    }
}

fn negated(printed: Printed) -> Option<Printed> {
    if printed.text.starts_with('-') {
        return None;
    }
    number(&format!("-{}", printed.text))
}

fn truth(text: &str) -> Option<Printed> {
    match text {
        "t" | "true" => Some(boolean(true)),
        "f" | "false" => Some(boolean(false)),
        _ => None,
    }
}

/// `CURRENT_TIMESTAMP` or `CURRENT_DATE`, when the whole expression comes to that.
pub(super) fn moment(expr: &Expr, from: Engine) -> Option<&'static str> {
    let Expr::Function(function) = expr else { return None };
    if matches!(function.args, FunctionArguments::None) {
        let name = function.name.to_string().to_ascii_uppercase();
        return ["CURRENT_TIMESTAMP", "CURRENT_DATE"].into_iter().find(|known| *known == name);
    }
    let (name, arguments) = plain_call(function)?;
    let words: Option<Vec<_>> = arguments.into_iter().map(string_of).collect();
    match (from, name.as_str(), words?.as_slice()) {
        (Engine::Postgres, "now", []) | (Engine::Sqlite, "datetime", ["now"]) => {
            Some("CURRENT_TIMESTAMP")
        }
        (Engine::MySql, "current_timestamp" | "now", []) => Some("CURRENT_TIMESTAMP"),
        (Engine::Sqlite, "date", ["now"]) | (Engine::MySql, "curdate", []) => Some("CURRENT_DATE"),
        _ => None,
    }
}

/// `YYYY-MM-DD`, of a day that there is.
pub(super) fn is_date(text: &str) -> bool {
    let number =
        |range: std::ops::Range<usize>| text.get(range).and_then(|t| t.parse::<u32>().ok());
    let parts = || Some((number(0..4)?, number(5..7)?, number(8..10)?));
    let there = |(year, month, day): (u32, u32, u32)| {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        year >= 1 && (1..=12).contains(&month) && (1..=days).contains(&day)
    };
    shaped(text, "dddd-dd-dd") && parts().is_some_and(there)
}

/// `HH:MM:SS`, with microseconds perhaps.
pub(super) fn is_time(text: &str) -> bool {
    let (time, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    let number = |at: usize| time.get(at..at + 2).and_then(|t| t.parse::<u32>().ok());
    let there = number(0) < Some(24) && number(3) < Some(60) && number(6) < Some(60);
    shaped(time, "dd:dd:dd") && there && digits && fraction.len() <= 6
}

/// `YYYY-MM-DD HH:MM:SS`, with microseconds perhaps.
pub(super) fn is_timestamp(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(date, time)| is_date(date) && is_time(time))
}

/// Whether every `d` of the shape is a digit, and every other character itself.
pub(super) fn shaped(text: &str, shape: &str) -> bool {
    let fits = |(byte, wanted): (u8, u8)| match wanted {
        b'd' => byte.is_ascii_digit(),
        b'x' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        other => byte == other,
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}
