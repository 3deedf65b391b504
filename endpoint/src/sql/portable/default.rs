//! Defaults: a literal or the present moment, as the column's type reads them.

use protocol::schema::{Engine, Logical};
use sqlparser::ast::{Expr, UnaryOperator, Value};

use super::literal::{self, is_date, is_time, is_timestamp, shaped};
use super::{Kind, bare, parse, string, string_of};

/// The default of a column in the dialect of `to`, when it gives exactly the same value there.
///
/// `logical` is what the column means in the target. Literals of its type, NULL, and the present
/// moment for columns that hold one are carried; `0` and `1` of a boolean become `FALSE` and
/// `TRUE`. Everything else (`nextval`, functions, calculations) is refused with `None`. Between
/// equal engines the text comes back unchanged.
pub fn translate_default(
    expression: &str,
    logical: &Logical,
    from: Engine,
    to: Engine,
) -> Option<String> {
    if from == to {
        return Some(expression.to_owned());
    }
    if to == Engine::Memory {
        return None;
    }
    let expression = if from == Engine::MySql { of_mysql(expression) } else { expression.into() };
    let parsed = parse(&expression, from)?;
    let default = bare(&parsed);
    if let Some(moment) = present(default, from) {
        // SQLite's moment is in UTC and does not say so, as a column of instants must.
        let unsaid = to == Engine::Sqlite && *logical == Logical::TimestampWithZone;
        let suffix = if unsaid { " || '+00'" } else { "" };
        return holds(logical, moment).then(|| format!("{moment}{suffix}"));
    }
    let spelled = carried(default, logical, (from, to))?;
    // A backslash is itself everywhere but in MySQL.
    (to != Engine::MySql || !spelled.contains('\\')).then_some(spelled)
}

/// A default of MySQL without what happens on update, and without the digits of a moment: the column
/// keeps as many as it does.
fn of_mysql(expression: &str) -> String {
    let default = expression.split(" ON UPDATE ").next().unwrap_or_default();
    let lower = default.to_ascii_lowercase();
    let moment = lower.strip_prefix("current_timestamp(").and_then(|rest| rest.strip_suffix(')'));
    match moment {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            "CURRENT_TIMESTAMP".to_owned()
        }
        Some(_) | None => default.to_owned(),
    }
}

fn carried(default: &Expr, logical: &Logical, (from, to): (Engine, Engine)) -> Option<String> {
    match literal_of(default)? {
        Literal::Null => Some("NULL".to_owned()),
        Literal::Boolean(value) if *logical == Logical::Boolean => Some(spelled(value)),
        Literal::Boolean(_) => None,
        Literal::Number(digits) => number(&digits, logical, (from, to)),
        Literal::Text(text) => text_as(&text, logical, (from, to)),
        Literal::Bytes(hex) => bytes(&hex, logical, to),
        Literal::Bits(digits) => bits(&digits, logical, to),
    }
}

/// Bytes in hexadecimal, as each engine spells them.
fn bytes(hex: &str, logical: &Logical, to: Engine) -> Option<String> {
    let whole = hex.len().is_multiple_of(2) && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    let spelled = match to {
        Engine::Postgres => format!("'\\x{hex}'"),
        Engine::Sqlite | Engine::MySql => format!("x'{hex}'"),
        Engine::Memory => return None,
    };
    (whole && *logical == Logical::Binary).then_some(spelled)
}

/// Bits, which stand at the end of a longer column.
fn bits(digits: &str, logical: &Logical, to: Engine) -> Option<String> {
    let Logical::Bits { length: Some(length), varying: false } = logical else { return None };
    let length = usize::try_from(*length).ok()?;
    let plain = digits.len() <= length && digits.bytes().all(|digit| matches!(digit, b'0' | b'1'));
    let filled = format!("{digits:0>length$}");
    plain.then(|| match to {
        Engine::Postgres => format!("B'{filled}'"),
        Engine::MySql => format!("b'{filled}'"),
        Engine::Sqlite | Engine::Memory => format!("'{filled}'"),
    })
}

/// The present moment, cast to its own type perhaps.
fn present(expr: &Expr, from: Engine) -> Option<&'static str> {
    match expr {
        Expr::Cast { expr, data_type, format: None, .. } => {
            let moment = literal::moment(bare(expr), from)?;
            let cut = matches!(data_type, sqlparser::ast::DataType::Date);
            let kept = matches!(data_type, sqlparser::ast::DataType::Timestamp(None, _));
            match moment {
                "CURRENT_TIMESTAMP" if cut => Some("CURRENT_DATE"),
                moment => kept.then_some(moment).filter(|m| *m == "CURRENT_TIMESTAMP"),
            }
        }
        other => literal::moment(other, from),
    }
}

fn holds(logical: &Logical, moment: &str) -> bool {
    match moment {
        "CURRENT_DATE" => *logical == Logical::Date,
        _ => matches!(logical, Logical::Timestamp | Logical::TimestampWithZone),
    }
}

enum Literal {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    /// In hexadecimal.
    Bytes(String),
    /// Ones and zeros.
    Bits(String),
}

fn spelled(value: bool) -> String {
    if value { "TRUE" } else { "FALSE" }.to_owned()
}

/// The literal inside parentheses, signs and casts. A cast of a text is left out, whatever it is
/// to: the column's type reads the text again, and [`text_as`] looks whether it can. A cast of
/// anything else must be one that changes nothing.
fn literal_of(expr: &Expr) -> Option<Literal> {
    match expr {
        Expr::Nested(inner) => literal_of(inner),
        Expr::Value(value) => match &value.value {
            Value::Null => Some(Literal::Null),
            Value::Boolean(value) => Some(Literal::Boolean(*value)),
            Value::Number(digits, false) => Some(Literal::Number(digits.clone())),
            Value::SingleQuotedString(text) => Some(Literal::Text(text.clone())),
            Value::HexStringLiteral(hex) => Some(Literal::Bytes(hex.clone())),
            Value::SingleQuotedByteStringLiteral(bits) => Some(Literal::Bits(bits.clone())),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match literal_of(expr)? {
            Literal::Number(digits) if !digits.starts_with('-') => {
                Some(Literal::Number(format!("-{digits}")))
            }
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => match literal_of(expr)? {
            Literal::Number(digits) => Some(Literal::Number(digits)),
            _ => None,
        },
        Expr::Cast { expr, data_type, format: None, .. } => {
            let inner = bare(expr);
            if let Some(text) = string_of(inner) {
                // Blanks at the end of a `char` mean nothing.
                let text = if is_padded(data_type) { text.trim_end_matches(' ') } else { text };
                return uncut(data_type, text).then(|| Literal::Text(text.to_owned()));
            }
            let printed = literal::cast(inner, data_type)?;
            match printed.kind {
                Kind::Null => Some(Literal::Null),
                Kind::Boolean => Some(Literal::Boolean(printed.text == "TRUE")),
                Kind::Number | Kind::Fraction => Some(Literal::Number(printed.text)),
                Kind::Text
                | Kind::Day
                | Kind::Moment
                | Kind::Other
                | Kind::Strange
                | Kind::Unknown => None,
            }
        }
        _ => None,
    }
}

fn is_padded(data_type: &sqlparser::ast::DataType) -> bool {
    use sqlparser::ast::DataType as T;
    matches!(data_type, T::Character(_) | T::Char(_))
        || data_type.to_string().trim_matches('"').eq_ignore_ascii_case("bpchar")
}

/// Whether a cast of that text leaves all of it: `'abc'::character varying(2)` does not.
fn uncut(data_type: &sqlparser::ast::DataType, text: &str) -> bool {
    use sqlparser::ast::{CharacterLength, DataType as T};
    let length = match data_type {
        T::CharacterVarying(length) | T::Varchar(length) | T::Character(length) => length,
        _ => return true,
    };
    match length {
        None => !matches!(data_type, T::Character(_)) || text.chars().count() <= 1,
        Some(CharacterLength::IntegerLength { length, .. }) => {
            u64::try_from(text.chars().count()).is_ok_and(|chars| chars <= *length)
        }
        Some(CharacterLength::Max) => true,
    }
}

fn number(digits: &str, logical: &Logical, (from, to): (Engine, Engine)) -> Option<String> {
    if let Logical::Decimal { precision, scale } = logical {
        return decimal(digits, (*precision, *scale), to);
    }
    let printed = literal::number(digits)?;
    match logical {
        Logical::Boolean => printed.bit.map(spelled),
        Logical::Integer { bits } => {
            let value: i64 = digits.parse().ok()?;
            let unused = 64u32.checked_sub(u32::from(*bits))?;
            ((i64::MIN >> unused)..=(i64::MAX >> unused)).contains(&value).then(|| digits.into())
        }
        Logical::Float { .. } => Some(digits.into()),
        // SQLite's TEXT columns turn a number into its digits.
        Logical::Text { .. } if from == Engine::Sqlite && printed.kind == Kind::Number => {
            let plain = digits.parse::<i64>().ok()?.to_string();
            text_as(&plain, logical, (from, to))
        }
        Logical::Decimal { .. }
        | Logical::Text { .. }
        | Logical::Char { .. }
        | Logical::Binary
        | Logical::Date
        | Logical::Time
        | Logical::TimeWithZone
        | Logical::Timestamp
        | Logical::TimestampWithZone
        | Logical::Interval
        | Logical::Uuid
        | Logical::Json
        | Logical::JsonBinary
        | Logical::Bits { .. }
        | Logical::Enum { .. }
        | Logical::Array { .. }
        | Logical::Native { .. }
        | Logical::Any => None,
    }
}

/// Digits that a decimal keeps all of. SQLite keeps as text what a binary number does not give back.
fn decimal(
    digits: &str,
    (precision, scale): (Option<u16>, Option<u16>),
    to: Engine,
) -> Option<String> {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let pointed = unsigned.contains('.') && fraction.is_empty();
    if whole.is_empty() || pointed || !plain(whole) || !plain(fraction) {
        return None;
    }
    let kept = scale.is_none_or(|scale| fraction.len() <= usize::from(scale));
    let most =
        precision.map(|precision| usize::from(precision - scale.unwrap_or(0).min(precision)));
    let fits = most.is_none_or(|most| whole.trim_start_matches('0').len() <= most);
    let exact = precision.is_some_and(|precision| precision <= 15) && scale.is_some();
    let as_text = to == Engine::Sqlite && !exact;
    (kept && fits).then(|| if as_text { format!("'{digits}'") } else { digits.to_owned() })
}

/// A span of time as MySQL and the others spell it: `-838:59:59.5`.
fn is_span(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let Some((hours, rest)) = text.split_once(':') else { return false };
    let digits = hours.bytes().all(|byte| byte.is_ascii_digit());
    digits && (2..=3).contains(&hours.len()) && is_time(&format!("00:{rest}"))
}

/// An instant of UTC. A column of MySQL names no zone, and ends in 2038.
fn instant(text: &str, to: Engine) -> Option<String> {
    let moment = text.strip_suffix("+00").filter(|moment| is_timestamp(moment))?;
    if to != Engine::MySql {
        return string(text);
    }
    let within = ("1970-01-01 00:00:01"..="2038-01-19 03:14:07").contains(&moment);
    within.then(|| string(moment)).flatten()
}

fn text_as(text: &str, logical: &Logical, (from, to): (Engine, Engine)) -> Option<String> {
    let fits = |length: u32| u32::try_from(text.chars().count()).is_ok_and(|n| n <= length);
    let whole = match logical {
        Logical::Boolean => {
            return match text {
                "t" | "true" => Some(spelled(true)),
                "f" | "false" => Some(spelled(false)),
                _ => None,
            };
        }
        // `'-1'::integer` is how PostgreSQL prints a negative number.
        Logical::Integer { .. } | Logical::Decimal { .. } | Logical::Float { .. } => {
            return number(text, logical, (Engine::Postgres, to));
        }
        Logical::Text { length } => length.is_none_or(fits),
        Logical::Char { length } => fits(*length),
        Logical::Date => is_date(text),
        Logical::Time => is_time(text),
        Logical::Timestamp => is_timestamp(text),
        Logical::TimestampWithZone => return instant(text, to),
        Logical::Uuid => shaped(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
        Logical::Json | Logical::JsonBinary => {
            serde_json::from_str::<serde_json::Value>(text).is_ok()
        }
        Logical::Enum { labels } => labels.iter().any(|label| label == text),
        Logical::Binary if from == Engine::Postgres => {
            return bytes(text.strip_prefix("\\x")?, logical, to);
        }
        Logical::Bits { .. } if from == Engine::Postgres => return bits(text, logical, to),
        Logical::Interval => from == Engine::MySql && is_span(text),
        Logical::Binary
        | Logical::TimeWithZone
        | Logical::Bits { .. }
        | Logical::Array { .. }
        | Logical::Native { .. }
        | Logical::Any => false,
    };
    whole.then(|| string(text)).flatten()
}
