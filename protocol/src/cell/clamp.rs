//! The value nearest to one that does not fit: what the policy `clamp` puts in its place.
//!
//! Nearest means: the end of the range, the text cut to its length, the number rounded half away
//! from zero, the time without the digits that are not kept, the last day of the month, the text with
//! `?` for a character that its column lacks. Where there is no such value (`abc` in a number, NaN, a
//! month 13) there is none.

use super::room::{Room, Span};
use super::{Reason, fit, holds, write_f32, write_f64};
use crate::schema::{Engine, Logical};

/// Mending one thing may show the next: of bytes that are no text, a character that the set lacks,
/// in a text too long.
const PASSES: usize = 6;

/// What stands in the place of bytes that are no text, where the column has it.
const IN_PLACE: char = char::REPLACEMENT_CHARACTER;

/// A value that was mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clamped {
    /// Its canonical text.
    pub cell: Vec<u8>,
    /// Why it did not fit, each reason once: mending one thing may show another.
    pub reasons: Vec<Reason>,
}

/// The value nearest to `cell` that a column of type `to` with this room holds, where each reason
/// for which `cell` does not fit `may` be mended.
///
/// # Errors
/// The reason that may not be mended, or for which there is nothing nearer.
pub fn clamp(
    room: &Room,
    to: &Logical,
    cell: &[u8],
    may: impl Fn(Reason) -> bool,
) -> Result<Clamped, Reason> {
    let (mut near, mut reasons) = (cell.to_vec(), Vec::new());
    let mut left = PASSES;
    loop {
        let mut fitted = Vec::new();
        let Err(reason) = misfit(room, to, &near, &mut fitted) else {
            return Ok(Clamped { cell: fitted, reasons });
        };
        if left == 0 || !clamps(to) || !may(reason) {
            return Err(reason);
        }
        left -= 1;
        near = nearer(room, to, reason, &near).ok_or(reason)?;
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
}

/// Why a cell does not fit. A NUL comes before a text that is too long, so that no character is cut for
/// one that goes anyway.
fn misfit(room: &Room, to: &Logical, cell: &[u8], fitted: &mut Vec<u8>) -> Result<(), Reason> {
    if holds(room.engine, to, cell) == Err(Reason::NulInText) {
        return Err(Reason::NulInText);
    }
    fit(to, cell, fitted).and_then(|()| room.holds(to, fitted))
}

/// Whether a column of this type has a value nearest to any that does not fit. Of labels, truths,
/// identifiers and bytes none is nearer than another.
pub fn clamps(to: &Logical) -> bool {
    match to {
        Logical::Integer { .. }
        | Logical::Decimal { .. }
        | Logical::Float { .. }
        | Logical::Text { .. }
        | Logical::Char { .. }
        | Logical::Date
        | Logical::Time
        | Logical::TimeWithZone
        | Logical::Timestamp
        | Logical::TimestampWithZone
        | Logical::Interval
        | Logical::Json
        | Logical::Any
        | Logical::Bits { length: Some(_), .. } => true,
        Logical::Boolean
        | Logical::Binary
        | Logical::Uuid
        | Logical::Enum { .. }
        // Their text is taken apart by their own engine; without a character it may be another value.
        | Logical::JsonBinary
        | Logical::Bits { length: None, .. }
        | Logical::Array { .. }
        | Logical::Native { .. } => false,
    }
}

/// Whether a value that is refused for this reason can have a nearest one.
pub fn clamps_reason(reason: Reason) -> bool {
    match reason {
        Reason::WrongType | Reason::NoSuchLabel | Reason::DivisionByZero | Reason::Check => false,
        Reason::OutOfRange
        | Reason::TooPrecise
        | Reason::TooLong
        | Reason::InvalidEncoding
        | Reason::NoSuchCharacter
        | Reason::NulInText
        | Reason::NotFinite
        | Reason::NegativeZero
        | Reason::NoSuchDate => true,
    }
}

fn nearer(room: &Room, to: &Logical, reason: Reason, cell: &[u8]) -> Option<Vec<u8>> {
    match reason {
        Reason::NulInText => Some(cell.iter().copied().filter(|byte| *byte != 0).collect()),
        Reason::InvalidEncoding => {
            let text = String::from_utf8_lossy(cell);
            let lacked = room.characters.as_ref().is_some_and(|set| !set.has(IN_PLACE));
            Some(if lacked { text.replace(IN_PLACE, "?") } else { text.into_owned() }.into_bytes())
        }
        // Two names in an object might become one.
        Reason::NoSuchCharacter if *to == Logical::Json => None,
        Reason::NoSuchCharacter => room.characters.as_ref()?.nearest(cell),
        Reason::TooLong => cut(room, to, cell),
        Reason::OutOfRange | Reason::NotFinite => end_of_range(room, to, cell),
        Reason::NegativeZero => Some(b"0".to_vec()),
        Reason::TooPrecise => less_precise(room.seconds, to, cell),
        Reason::NoSuchDate => last_day(to, cell),
        Reason::WrongType | Reason::NoSuchLabel | Reason::DivisionByZero | Reason::Check => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only these have a length")]
fn cut(room: &Room, to: &Logical, cell: &[u8]) -> Option<Vec<u8>> {
    let length = match to {
        Logical::Text { length } | Logical::Bits { length, .. } => *length,
        Logical::Char { length } => Some(*length),
        _ => return None,
    };
    let mut text = std::str::from_utf8(cell).ok()?;
    if let Some(length) = length {
        let end = text.char_indices().nth(usize::try_from(length).ok()?).map(|(at, _)| at);
        text = &text[..end.unwrap_or(text.len())];
    }
    if let Some(most) = room.bytes {
        text = &text[..text.floor_char_boundary(most)];
    }
    Some(text.as_bytes().to_vec())
}

/// The least or the greatest value of a range, by the side on which what does not fit lies.
fn end_of_range(room: &Room, to: &Logical, cell: &[u8]) -> Option<Vec<u8>> {
    let text = cell.trim_ascii();
    let word = text.to_ascii_lowercase();
    if word.ends_with(b"nan") {
        return None;
    }
    let below = word.starts_with(b"-");
    if let Some(span) = room.span {
        return Some(end_of_span(span, to, below, text));
    }
    if let Some(ends) = ends_of_time(room.engine, to) {
        // Of those with four digits only an instant is refused, and one of MySQL begins with 1970.
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let early = digits == 4 && text < b"1971".as_slice();
        let before = below || early || word.ends_with(b" bc");
        return Some(if before { ends.0 } else { ends.1 }.as_bytes().to_vec());
    }
    end_of_numbers(to, below)
}

fn end_of_span(span: Span, to: &Logical, below: bool, text: &[u8]) -> Vec<u8> {
    match span.ends() {
        Some((least, most)) => {
            // A number of our own spelling; one with more digits than these is beyond all of them.
            let mut plain = Vec::new();
            let whole = Logical::Decimal { precision: None, scale: None };
            let number = fit(&whole, text, &mut plain)
                .ok()
                .and_then(|()| std::str::from_utf8(&plain).ok()?.parse::<i128>().ok());
            let before = number.map_or(below, |number| number < least);
            if before { least } else { most }.to_string().into_bytes()
        }
        // Nothing is below zero; what is above is beyond the meaning.
        None if below => b"0".to_vec(),
        None => end_of_numbers(to, below).unwrap_or_default(),
    }
}

/// The least and the greatest number of a type.
#[expect(clippy::wildcard_enum_match_arm, reason = "only these have ends")]
fn end_of_numbers(to: &Logical, below: bool) -> Option<Vec<u8>> {
    let end = match to {
        Logical::Integer { bits } => {
            let (least, greatest) = match bits {
                16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
                32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
                _ => (i64::MIN, i64::MAX),
            };
            return Some(if below { least } else { greatest }.to_string().into_bytes());
        }
        Logical::Decimal { precision: Some(precision), scale } => {
            let scale = usize::from(scale.unwrap_or(0));
            let whole = usize::from(*precision).saturating_sub(scale);
            let point = if scale > 0 { "." } else { "" };
            let zero = if whole == 0 { "0" } else { "" };
            format!("{zero}{}{point}{}", "9".repeat(whole), "9".repeat(scale))
        }
        Logical::Float { bits: 32 } => f32::MAX.to_string(),
        Logical::Float { .. } => f64::MAX.to_string(),
        _ => return None,
    };
    Some(format!("{}{end}", if below { "-" } else { "" }).into_bytes())
}

/// The first and the last moment of a type in an engine; too many digits of a second are cut later.
fn ends_of_time(engine: Engine, to: &Logical) -> Option<(&'static str, &'static str)> {
    Some(match (engine, to) {
        (Engine::MySql, Logical::Date) => ("0001-01-01", "9999-12-31"),
        (Engine::MySql, Logical::Timestamp) => {
            ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999")
        }
        (Engine::MySql, Logical::TimestampWithZone) => {
            ("1970-01-01 00:00:01+00", "2038-01-19 03:14:07.999999+00")
        }
        (_, Logical::Date) => ("4714-11-24 BC", "5874897-12-31"),
        (_, Logical::Timestamp) => ("4714-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999"),
        (_, Logical::TimestampWithZone) => {
            ("4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00")
        }
        (_, Logical::Time) => ("00:00:00", "24:00:00"),
        _ => return None,
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only these have a precision")]
fn less_precise(seconds: Option<u8>, to: &Logical, cell: &[u8]) -> Option<Vec<u8>> {
    match to {
        Logical::Integer { .. } => rounded(cell, 0),
        Logical::Decimal { scale: Some(scale), .. } => rounded(cell, usize::from(*scale)),
        Logical::Float { bits } => nearest_float(*bits, cell),
        Logical::Time
        | Logical::TimeWithZone
        | Logical::Timestamp
        | Logical::TimestampWithZone
        | Logical::Interval => Some(shorter_seconds(cell, seconds.unwrap_or(6))),
        _ => None,
    }
}

/// The float that reading the digits gives.
fn nearest_float(bits: u8, cell: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(cell.trim_ascii()).ok()?;
    let mut near = Vec::new();
    match bits {
        32 => write_f32(&mut near, text.parse().ok()?),
        _ => write_f64(&mut near, text.parse().ok()?),
    }
    Some(near)
}

/// A number with so many digits after the point, rounded half away from zero.
fn rounded(cell: &[u8], scale: usize) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    fit(&Logical::Decimal { precision: None, scale: None }, cell, &mut plain).ok()?;
    let at = plain.iter().position(|byte| *byte == b'.').unwrap_or(plain.len());
    let end = at + 1 + scale;
    let up = plain.get(end).is_some_and(|digit| *digit >= b'5');
    plain.truncate(if scale == 0 { at } else { end });
    if !up {
        return Some(plain);
    }
    for at in (0..plain.len()).rev() {
        match plain[at] {
            b'9' => plain[at] = b'0',
            b'0'..=b'8' => {
                plain[at] += 1;
                return Some(plain);
            }
            _ => {}
        }
    }
    let sign = usize::from(plain.first() == Some(&b'-'));
    plain.insert(sign, b'1');
    Some(plain)
}

/// A time with at most so many digits of a second; what follows them stays.
fn shorter_seconds(cell: &[u8], digits: u8) -> Vec<u8> {
    let Some(point) = cell.iter().position(|byte| *byte == b'.') else { return cell.to_vec() };
    let fraction = cell[point + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let kept = fraction.min(usize::from(digits));
    let head = if kept == 0 { &cell[..point] } else { &cell[..=point + kept] };
    [head, &cell[point + 1 + fraction..]].concat()
}

/// `2024-02-30` → `2024-02-29`: the last day that the month has.
fn last_day(to: &Logical, cell: &[u8]) -> Option<Vec<u8>> {
    let text = cell.trim_ascii();
    let month = text.iter().position(|byte| *byte == b'-')?;
    let at = month + 4;
    let day: u8 = std::str::from_utf8(text.get(at..at + 2)?).ok()?.parse().ok()?;
    let tries = (28..=30).rev().filter(|last| *last < day).map(|last: u8| {
        let mut near = text.to_vec();
        near[at..at + 2].copy_from_slice(last.to_string().as_bytes());
        near
    });
    let has = |near: &Vec<u8>| fit(to, near, &mut Vec::new()) != Err(Reason::NoSuchDate);
    tries.into_iter().find(has)
}

#[cfg(test)]
mod tests {
    use super::super::Repertoire;
    use super::*;

    fn nearest(to: &Logical, cell: &str) -> Option<String> {
        nearest_in(Engine::Postgres, to, "", cell)
    }

    fn nearest_in(engine: Engine, to: &Logical, native: &str, cell: &str) -> Option<String> {
        let near = clamp(&Room::of(engine, to, native), to, cell.as_bytes(), |_| true).ok()?;
        Some(String::from_utf8(near.cell).unwrap())
    }

    #[test]
    fn the_nearest_value_is_found_where_there_is_one() {
        let text = |length| Logical::Text { length };
        let money = Logical::Decimal { precision: Some(4), scale: Some(2) };
        for (to, cell, near) in [
            (Logical::Integer { bits: 16 }, "40000", Some("32767")),
            (Logical::Integer { bits: 32 }, "-1e30", Some("-2147483648")),
            (Logical::Integer { bits: 32 }, "2.5", Some("3")),
            (Logical::Integer { bits: 32 }, "-9.99", Some("-10")),
            (Logical::Integer { bits: 16 }, "32767.5", Some("32767")),
            (Logical::Integer { bits: 32 }, "abc", None),
            (money.clone(), "1.005", Some("1.01")),
            (money.clone(), "99.995", Some("99.99")),
            (money.clone(), "-12345", Some("-99.99")),
            (money.clone(), "Infinity", Some("99.99")),
            (Logical::Float { bits: 32 }, "1e300", Some("3.4028235e+38")),
            (Logical::Float { bits: 32 }, "0.30000000000000004", Some("0.3")),
            (Logical::Float { bits: 64 }, "9007199254740993", Some("9.007199254740992e+15")),
            (text(Some(3)), "Zoë 学", Some("Zoë")),
            (text(Some(2)), "\0a\0bc", Some("ab")),
            (text(None), "\0", Some("")),
            (Logical::Date, "2024-02-31", Some("2024-02-29")),
            (Logical::Date, "2023-02-29", Some("2023-02-28")),
            (Logical::Date, "2023-04-31", Some("2023-04-30")),
            (Logical::Date, "0000-00-00", None),
            (Logical::Date, "2023-13-01", None),
            (Logical::Timestamp, "2023-02-29 12:30:00.1234567", Some("2023-02-28 12:30:00.123456")),
            (Logical::Date, "5874898-01-01", Some("5874897-12-31")),
            (Logical::Date, "4714-11-23 BC", Some("4714-11-24 BC")),
            (Logical::Timestamp, "294277-01-01 00:00:00", Some("294276-12-31 23:59:59.999999")),
            (Logical::Timestamp, "2024-01-01 25:00:00", None),
            (Logical::Timestamp, "2024-01-31 24:00:01", None),
            (Logical::Timestamp, "2024-01-01 24:00:01", None),
            (Logical::Timestamp, "2024-01-01 -01:00:00", None),
            (Logical::TimestampWithZone, "2024-01-01 12:00:00+17", None),
            (Logical::Time, "25:00:00", Some("24:00:00")),
            (Logical::Time, "838:59:59", Some("24:00:00")),
            (Logical::Time, "-00:00:01", Some("00:00:00")),
            (Logical::Time, "12:60:00", None),
            (Logical::Boolean, "maybe", None),
            (Logical::Enum { labels: vec!["a".into()] }, "b", None),
        ] {
            assert_eq!(nearest(&to, cell).as_deref(), near, "{to:?} {cell}");
        }
    }

    #[test]
    fn what_only_an_engine_lacks_is_mended_too() {
        use Engine::{MySql, Postgres, Sqlite};
        let float = Logical::Float { bits: 64 };
        let (date, stamp, zoned) = (Logical::Date, Logical::Timestamp, Logical::TimestampWithZone);
        let small = Logical::Integer { bits: 16 };
        let text = Logical::Text { length: None };
        for (engine, to, native, cell, near) in [
            (Sqlite, &float, "DOUBLE", "NaN", None),
            (Sqlite, &float, "DOUBLE", "-0", Some("0")),
            (MySql, &float, "double", "-0", Some("0")),
            (MySql, &float, "double unsigned", "-1.5", Some("0")),
            (
                Postgres,
                &stamp,
                "timestamp(3)",
                "2024-01-01 00:00:00.1239",
                Some("2024-01-01 00:00:00.123"),
            ),
            (MySql, &date, "date", "0044-03-15 BC", Some("0001-01-01")),
            (MySql, &date, "date", "12024-02-29", Some("9999-12-31")),
            (MySql, &date, "date", "-infinity", Some("0001-01-01")),
            (MySql, &stamp, "datetime(6)", "infinity", Some("9999-12-31 23:59:59.999999")),
            (MySql, &stamp, "datetime", "infinity", Some("9999-12-31 23:59:59")),
            (
                MySql,
                &zoned,
                "timestamp(6)",
                "2039-01-01 00:00:00+00",
                Some("2038-01-19 03:14:07.999999+00"),
            ),
            (MySql, &zoned, "timestamp", "12024-01-01 00:00:00+00", Some("2038-01-19 03:14:07+00")),
            (MySql, &zoned, "timestamp", "1969-12-31 00:00:00+00", Some("1970-01-01 00:00:01+00")),
            (MySql, &zoned, "timestamp", "-infinity", Some("1970-01-01 00:00:01+00")),
            (MySql, &small, "tinyint(4)", "300", Some("127")),
            (MySql, &small, "tinyint(4)", "-1e9", Some("-128")),
            (MySql, &small, "tinyint(3) unsigned", "-1", Some("0")),
            (MySql, &small, "year(4)", "1850", Some("1901")),
            (MySql, &small, "year(4)", "40000", Some("2155")),
            (MySql, &Logical::Interval, "time", "-838:59:59.5", Some("-838:59:59")),
        ] {
            assert_eq!(nearest_in(engine, to, native, cell).as_deref(), near, "{native} {cell}");
        }
        let long = "ä".repeat(128);
        assert_eq!(nearest_in(MySql, &text, "tinytext", &long), Some("ä".repeat(127)));
        let near = clamp(&Room::of(Postgres, &text, "text"), &text, b"a\xffb", |_| true);
        assert_eq!(near.unwrap().cell, "a\u{fffd}b".as_bytes());
    }

    #[test]
    fn a_character_that_the_set_lacks_becomes_a_question_mark() {
        let (text, bytes) = (Logical::Text { length: Some(4) }, Logical::Text { length: None });
        let latin1 = Repertoire::keeping((0..=0xff).filter_map(char::from_u32));
        let basic = Repertoire::keeping((0..=0xffff).filter_map(char::from_u32));
        for (to, native, set, cell, near) in [
            (&text, "varchar(4)", &latin1, "Zoë学".as_bytes(), Some("Zoë?".to_owned())),
            (
                &text,
                "varchar(4)",
                &latin1,
                "学\u{1F600}é\u{1F600}x".as_bytes(),
                Some("??é?".into()),
            ),
            // What is put in the place of no character is lacked, too.
            (&text, "varchar(4)", &latin1, b"a\xffb", Some("a?b".into())),
            // The whole of what is shorter then.
            (&bytes, "tinytext", &basic, "😀".repeat(255).as_bytes(), Some("?".repeat(255))),
            // Two names in an object would be one.
            (&Logical::Json, "text", &latin1, "{\"学\":1,\"漢\":2}".as_bytes(), None),
        ] {
            let room = Room::of(Engine::MySql, to, native).with(Some(set.clone()));
            let found = clamp(&room, to, cell, |_| true);
            let found = found.ok().map(|near| String::from_utf8(near.cell).unwrap());
            assert_eq!(found, near, "{native}");
        }
        let narrow =
            Room::of(Engine::MySql, &text, "").with(Some(Repertoire::keeping("a".chars())));
        assert_eq!(clamp(&narrow, &text, b"ab", |_| true), Err(Reason::NoSuchCharacter));
    }

    #[test]
    fn only_what_may_be_mended_is_and_each_reason_is_named() {
        let text = Logical::Text { length: Some(3) };
        let latin1 = Repertoire::keeping((0..=0xff).filter_map(char::from_u32));
        let room = Room::of(Engine::Postgres, &text, "").with(Some(latin1));
        let (long, lacked) = (Reason::TooLong, Reason::NoSuchCharacter);
        let all = "a学bc\0d".as_bytes();
        let near = clamp(&room, &text, all, |_| true).unwrap();
        let reasons = vec![Reason::NulInText, long, lacked];
        assert_eq!(near, Clamped { cell: b"a?b".to_vec(), reasons });
        for not in [Reason::NulInText, long, lacked] {
            assert_eq!(clamp(&room, &text, all, |reason| reason != not), Err(not));
        }
        // What stands in the place of broken bytes is no reason of its own.
        let near = clamp(&room, &text, b"a\xff", |reason| reason == Reason::InvalidEncoding);
        let reasons = vec![Reason::InvalidEncoding];
        assert_eq!(near, Ok(Clamped { cell: b"a?".to_vec(), reasons }));
    }

    /// A type of each kind, with a cell that it has not, and whether a nearer one is known.
    fn kinds() -> [(Logical, &'static [u8], bool); 21] {
        let labels = vec!["a".into()];
        let whole = Logical::Integer { bits: 32 };
        [
            (whole.clone(), b"1e300", true),
            (Logical::Decimal { precision: Some(4), scale: Some(2) }, b"12345", true),
            (Logical::Float { bits: 32 }, b"1e300", true),
            (Logical::Text { length: Some(1) }, b"ab", true),
            (Logical::Char { length: 1 }, b"ab", true),
            (Logical::Date, b"2024-02-30", true),
            (Logical::Time, b"25:00:00", true),
            (Logical::TimeWithZone, b"12:00:00.1234567+00", true),
            (Logical::Timestamp, b"2024-02-30 12:00:00", true),
            (Logical::TimestampWithZone, b"294277-01-01 00:00:00+00", true),
            (Logical::Interval, b"1\0 day", true),
            (Logical::Json, b"\"\xff\"", true),
            (Logical::Any, b"a\0", true),
            (Logical::Bits { length: Some(1), varying: true }, b"10", true),
            (Logical::Boolean, b"maybe", false),
            (Logical::Uuid, b"x", false),
            (Logical::Enum { labels }, b"b", false),
            (Logical::Bits { length: None, varying: true }, b"2", false),
            // Whose text is their own engine's: a nearer one would be found, and is not asked for.
            (Logical::JsonBinary, b"\"\xff\"", false),
            (Logical::Array { of: Box::new(whole) }, b"{1\0}", false),
            (Logical::Native { engine: Engine::Postgres, name: "x".into() }, b"a\0", false),
        ]
    }

    #[test]
    fn a_type_clamps_where_something_nearer_is_found() {
        for (to, cell, expected) in kinds() {
            let room = Room::of(Engine::Postgres, &to, "");
            let mut fitted = Vec::new();
            let held = fit(&to, cell, &mut fitted).and_then(|()| room.holds(&to, &fitted));
            let reason = held.expect_err("chosen so that it does not fit");
            let near = nearer(&room, &to, reason, cell);
            let engines_own =
                matches!(to, Logical::JsonBinary | Logical::Array { .. } | Logical::Native { .. });
            assert_eq!(near.is_some(), expected || engines_own, "{to:?}: {reason}");
            assert_eq!(clamps(&to), expected, "{to:?}");
            assert_eq!(clamp(&room, &to, cell, |_| true).is_ok(), expected, "{to:?}");
        }
        // Only a column of MySQL has bytes that it does not hold.
        let room = Room::of(Engine::MySql, &Logical::Binary, "varbinary(2)");
        assert_eq!(room.holds(&Logical::Binary, b"abc"), Err(Reason::TooLong));
        assert_eq!(nearer(&room, &Logical::Binary, Reason::TooLong, b"abc"), None);
        assert!(!clamps(&Logical::Binary));
    }

    /// Whatever the type is, and the cell.
    #[test]
    fn a_reason_clamps_where_something_nearer_is_found() {
        let kinds = kinds();
        let lacking = Repertoire::keeping("?".chars());
        let found = |reason, to: &Logical| {
            let room = Room::of(Engine::Postgres, to, "").with(Some(lacking.clone()));
            kinds.iter().any(|(_, cell, _)| nearer(&room, to, reason, cell).is_some())
        };
        for reason in Reason::ALL {
            let any = kinds.iter().any(|(to, ..)| found(reason, to));
            assert_eq!(any, clamps_reason(reason), "{reason}");
        }
    }
}
