//! The functions, in one table: names and meanings are PostgreSQL's.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "types were looked at when the tree was made; what is of another is NULL"
)]

use std::borrow::Cow;

use protocol::cell::Reason;

use super::calendar::{self, DAY, HOUR, MINUTE, SECOND, civil, days, month_days};
use super::decimal::Decimal;
use super::value::{Failure, Type, Value};

/// The most bytes that one value may come to.
pub const TEXT_MAX: usize = 16 << 20;

/// The most arguments of a function in the table.
pub(super) const ARGUMENTS_MAX: usize = 3;

/// A function over values, none of which is NULL.
pub(super) type Run = for<'a> fn(&[Value<'a>]) -> Result<Value<'a>, Failure>;

/// A function of the table.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) takes: &'static [Type],
    /// How many of the last arguments may be left out.
    pub(super) optional: usize,
    pub(super) result: Type,
    pub(super) run: Run,
}

/// What would give another value on every run, so that a resumed run would disagree with itself.
pub(super) const FORBIDDEN: &[&str] = &[
    "now",
    "random",
    "clock_timestamp",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "gen_random_uuid",
    "localtime",
    "localtimestamp",
    "nextval",
    "pg_sleep",
    "setseed",
    "statement_timestamp",
    "timeofday",
    "transaction_timestamp",
    "uuid_generate_v4",
    "uuidv7",
];

/// Functions that the compiler knows by itself, since their types depend on their arguments.
pub(super) const SPECIAL: &[&str] = &[
    "coalesce",
    "concat",
    "concat_ws",
    "greatest",
    "least",
    "nullif",
    "regexp_like",
    "regexp_replace",
];

/// Every function as people write it: `substr(text, bigint[, bigint]) → text`.
pub fn described() -> Vec<String> {
    let one = |function: &Function| {
        let required = function.takes.len() - function.optional;
        let mut takes = String::new();
        for (at, of) in function.takes.iter().enumerate() {
            let open = if at >= required { "[" } else { "" };
            let comma = if at > 0 { ", " } else { "" };
            takes.push_str(&format!("{open}{comma}{of}"));
        }
        takes.push_str(&"]".repeat(function.optional));
        format!("{}({takes}) → {}", function.name, function.result)
    };
    FUNCTIONS.iter().map(one).collect()
}

fn text<'v>(value: &'v Value<'_>) -> &'v str {
    if let Value::Text(text) = value { text } else { "" }
}

fn integer(value: &Value<'_>) -> i64 {
    if let Value::Integer(number) = value { *number } else { 0 }
}

fn decimal<'v>(value: &'v Value<'_>) -> Result<&'v Decimal, Failure> {
    if let Value::Decimal(number) = value { Ok(number) } else { Err(Reason::WrongType.into()) }
}

fn size(number: i64) -> usize {
    usize::try_from(number.max(0)).unwrap_or(usize::MAX)
}

fn owned<'a>(text: String) -> Result<Value<'a>, Failure> {
    match text.len() > TEXT_MAX {
        true => Err(Reason::TooLong.into()),
        false => Ok(Value::Text(Cow::Owned(text))),
    }
}

fn number<'a>(number: Option<Decimal>) -> Result<Value<'a>, Failure> {
    number.map(Value::Decimal).ok_or(Failure::OutOfRange)
}

/// A part of a text. What was borrowed stays so.
fn part<'a>(value: &Value<'a>, cut: impl for<'t> Fn(&'t str) -> &'t str) -> Value<'a> {
    match value {
        Value::Text(Cow::Borrowed(text)) => Value::Text(Cow::Borrowed(cut(text))),
        value => Value::Text(Cow::Owned(cut(text(value)).to_owned())),
    }
}

fn trimmed(of: &[Value<'_>]) -> Vec<char> {
    of.get(1).map_or_else(|| vec![' '], |set| text(set).chars().collect())
}

fn btrim<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let set = trimmed(of);
    Ok(part(&of[0], |text| text.trim_matches(&set[..])))
}

fn ltrim<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let set = trimmed(of);
    Ok(part(&of[0], |text| text.trim_start_matches(&set[..])))
}

fn rtrim<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let set = trimmed(of);
    Ok(part(&of[0], |text| text.trim_end_matches(&set[..])))
}

/// One character for one, as the server's simple mapping has it: `ß` stays.
fn raised(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn lowered(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn upper<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    owned(text(&of[0]).chars().map(raised).collect())
}

fn lower<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    owned(text(&of[0]).chars().map(lowered).collect())
}

fn initcap<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let mut inside = false;
    let mut cased = |c: char| {
        let now = if inside { lowered(c) } else { raised(c) };
        inside = c.is_alphanumeric();
        now
    };
    owned(text(&of[0]).chars().map(&mut cased).collect())
}

fn length<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    Ok(Value::Integer(text(&of[0]).chars().count() as i64))
}

fn octet_length<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    Ok(Value::Integer(text(&of[0]).len() as i64))
}

/// The part of a text from a character (counted from 0) on, so many characters long.
fn slice(text: &str, skip: usize, take: usize) -> &str {
    let begin = text.char_indices().nth(skip).map_or(text.len(), |(at, _)| at);
    let rest = &text[begin..];
    &rest[..rest.char_indices().nth(take).map_or(rest.len(), |(at, _)| at)]
}

fn substr<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let (from, count) = (integer(&of[1]), of.get(2).map(integer));
    if count.is_some_and(|count| count < 0) {
        return Err(Failure::OutOfRange);
    }
    let end = count.map_or(i64::MAX, |count| from.saturating_add(count));
    let from = from.max(1);
    let (skip, take) = (size(from - 1), size(end.saturating_sub(from)));
    Ok(part(&of[0], move |text| slice(text, skip, take)))
}

/// So many characters of one end; where negative, all but so many of the other.
fn kept(of: &[Value<'_>]) -> (usize, usize) {
    let count = text(&of[0]).chars().count();
    let asked = integer(&of[1]);
    let kept = match asked < 0 {
        true => count.saturating_sub(size(asked.saturating_neg())),
        false => count.min(size(asked)),
    };
    (count, kept)
}

fn left<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let (_, kept) = kept(of);
    Ok(part(&of[0], move |text| slice(text, 0, kept)))
}

fn right<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let (count, kept) = kept(of);
    Ok(part(&of[0], move |text| slice(text, count - kept, kept)))
}

fn replace<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let (whole, from, to) = (text(&of[0]), text(&of[1]), text(&of[2]));
    if from.is_empty() {
        return owned(whole.to_owned());
    }
    if whole.len() + whole.matches(from).count().saturating_mul(to.len()) > TEXT_MAX {
        return Err(Reason::TooLong.into());
    }
    owned(whole.replace(from, to))
}

fn repeat<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let (one, times) = (text(&of[0]), size(integer(&of[1])));
    if one.len().saturating_mul(times) > TEXT_MAX {
        return Err(Reason::TooLong.into());
    }
    owned(if one.is_empty() { String::new() } else { one.repeat(times) })
}

fn strpos<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let (whole, wanted) = (text(&of[0]), text(&of[1]));
    let place = whole.find(wanted).map_or(0, |at| whole[..at].chars().count() as i64 + 1);
    Ok(Value::Integer(place))
}

fn split_part<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let (whole, between, wanted) = (text(&of[0]), text(&of[1]), integer(&of[2]));
    if wanted == 0 {
        return Err(Failure::OutOfRange);
    }
    let parts: Vec<&str> = match between.is_empty() {
        true => vec![whole],
        false => whole.split(between).collect(),
    };
    let at = if wanted > 0 { wanted - 1 } else { (parts.len() as i64).saturating_add(wanted) };
    let found = usize::try_from(at).ok().and_then(|at| parts.get(at)).copied();
    owned(found.unwrap_or_default().to_owned())
}

/// The text cut to a length, and what fills it up to there.
fn padding(of: &[Value<'_>]) -> Result<(String, String), Failure> {
    let length = size(integer(&of[1]));
    if length > TEXT_MAX / 4 {
        return Err(Reason::TooLong.into());
    }
    let fill = of.get(2).map_or(" ", text);
    let cut: String = text(&of[0]).chars().take(length).collect();
    let missing = length - cut.chars().count();
    Ok((cut, fill.chars().cycle().take(missing).collect()))
}

fn lpad<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let (cut, fill) = padding(of)?;
    owned(fill + &cut)
}

fn rpad<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let (cut, fill) = padding(of)?;
    owned(cut + &fill)
}

fn reverse<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    owned(text(&of[0]).chars().rev().collect())
}

fn translate<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let from: Vec<char> = text(&of[1]).chars().collect();
    let to: Vec<char> = text(&of[2]).chars().collect();
    let one = |c: char| match from.iter().position(|f| *f == c) {
        None => Some(c),
        Some(at) => to.get(at).copied(),
    };
    owned(text(&of[0]).chars().filter_map(one).collect())
}

fn starts_with<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    Ok(Value::Boolean(text(&of[0]).starts_with(text(&of[1]))))
}

fn places(of: &[Value<'_>]) -> i32 {
    of.get(1).map_or(0, integer).clamp(-2_000, 2_000) as i32
}

fn round<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    number(decimal(&of[0])?.round(places(of)))
}

fn trunc<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    number(decimal(&of[0])?.truncate(places(of)))
}

fn ceil<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    number(decimal(&of[0])?.whole(true))
}

fn floor<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    number(decimal(&of[0])?.whole(false))
}

fn abs<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    number(Some(decimal(&of[0])?.absolute()))
}

fn sign<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let of = decimal(&of[0])?;
    let sign = if of.is_zero() {
        0
    } else if of.is_negative() {
        -1
    } else {
        1
    };
    number(Some(Decimal::from(sign)))
}

fn modulo<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let (a, b) = (decimal(&of[0])?, decimal(&of[1])?);
    if b.is_zero() {
        return Err(Failure::DivisionByZero);
    }
    number(a.remainder(b))
}

fn make_date<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let (year, month, day) = (integer(&of[0]), integer(&of[1]), integer(&of[2]));
    let is_day = (1..=9_999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=month_days(year, month)).contains(&day);
    let date = is_day.then(|| calendar::within(days(year, month, day))).flatten();
    date.map(Value::Date).ok_or(Reason::NoSuchDate.into())
}

fn date_trunc<'a>(of: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    let Value::Timestamp(micros) = of[1] else { return Err(Reason::WrongType.into()) };
    let day = micros.div_euclid(DAY);
    let (year, month, _) = civil(day);
    let down = |unit: i64| micros.div_euclid(unit) * unit;
    Ok(Value::Timestamp(match text(&of[0]) {
        "year" => days(year, 1, 1) * DAY,
        "quarter" => days(year, (month - 1) / 3 * 3 + 1, 1) * DAY,
        "month" => days(year, month, 1) * DAY,
        // Weeks begin on Mondays, and 1970-01-01 was a Thursday.
        "week" => (day - (day + 3).rem_euclid(7)) * DAY,
        "day" => day * DAY,
        "hour" => down(HOUR),
        "minute" => down(MINUTE),
        "second" => down(SECOND),
        _ => return Err(Reason::WrongType.into()),
    }))
}

use Type::{Boolean as B, Date as D, Decimal as N, Integer as I, Text as T, Timestamp as S};

macro_rules! table {
    ($(($name:literal, $takes:expr, $optional:literal, $result:expr, $run:path)),* $(,)?) => {
        &[$(Function {
            name: $name, takes: &$takes, optional: $optional, result: $result, run: $run,
        }),*]
    };
}

/// The table: name, arguments, how many of them are optional, result.
pub(super) const FUNCTIONS: &[Function] = table![
    ("abs", [N], 0, N, abs),
    ("btrim", [T, T], 1, T, btrim),
    ("ceil", [N], 0, N, ceil),
    ("ceiling", [N], 0, N, ceil),
    ("char_length", [T], 0, I, length),
    ("date_trunc", [T, S], 0, S, date_trunc),
    ("floor", [N], 0, N, floor),
    ("initcap", [T], 0, T, initcap),
    ("left", [T, I], 0, T, left),
    ("length", [T], 0, I, length),
    ("lower", [T], 0, T, lower),
    ("lpad", [T, I, T], 1, T, lpad),
    ("ltrim", [T, T], 1, T, ltrim),
    ("make_date", [I, I, I], 0, D, make_date),
    ("mod", [N, N], 0, N, modulo),
    ("octet_length", [T], 0, I, octet_length),
    ("repeat", [T, I], 0, T, repeat),
    ("replace", [T, T, T], 0, T, replace),
    ("reverse", [T], 0, T, reverse),
    ("right", [T, I], 0, T, right),
    ("round", [N, I], 1, N, round),
    ("rpad", [T, I, T], 1, T, rpad),
    ("rtrim", [T, T], 1, T, rtrim),
    ("sign", [N], 0, N, sign),
    ("split_part", [T, T, I], 0, T, split_part),
    ("starts_with", [T, T], 0, B, starts_with),
    ("strpos", [T, T], 0, I, strpos),
    ("substr", [T, I, I], 1, T, substr),
    ("substring", [T, I, I], 1, T, substr),
    ("translate", [T, T, T], 0, T, translate),
    ("trim", [T, T], 1, T, btrim),
    ("trunc", [N, I], 1, N, trunc),
    ("upper", [T], 0, T, upper),
];
