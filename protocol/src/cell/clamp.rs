//! The value nearest to one that does not fit: what the policy `clamp` puts in its place.
//!
//! Nearest means: the end of the range, the text cut to its length, the number rounded half away
//! from zero, the time without the digits that are not kept, the last day of the month. Where there
//! is no such value (`abc` in a number, NaN, a month 13) there is none.

use super::{Reason, fit, holds, keeps_seconds};
use crate::schema::{Engine, Logical};

/// Mending one thing may show the next: a text too long that holds a NUL.
const PASSES: usize = 4;

/// The canonical text of the value nearest to `cell` that a column of type `to` holds in this
/// engine, if there is one. `seconds` are the digits of a second that it keeps, where it keeps
/// fewer than microseconds.
pub fn clamp(engine: Engine, to: &Logical, seconds: Option<u8>, cell: &[u8]) -> Option<Vec<u8>> {
    let mut near = cell.to_vec();
    if holds(engine, to, cell) == Err(Reason::NulInText) {
        // Before anything is cut, so that no character is lost for one that goes anyway.
        near.retain(|byte| *byte != 0);
    }
    for _ in 0..PASSES {
        let mut fitted = Vec::new();
        let done = fit(to, &near, &mut fitted)
            .and_then(|()| seconds.map_or(Ok(()), |digits| keeps_seconds(digits, &fitted)))
            .and_then(|()| holds(engine, to, &fitted));
        match done {
            Ok(()) => return Some(fitted),
            Err(reason) => near = nearer(to, seconds, reason, &near)?,
        }
    }
    None
}

fn nearer(to: &Logical, seconds: Option<u8>, reason: Reason, cell: &[u8]) -> Option<Vec<u8>> {
    match reason {
        Reason::NulInText => Some(cell.iter().copied().filter(|byte| *byte != 0).collect()),
        Reason::InvalidEncoding => Some(String::from_utf8_lossy(cell).into_owned().into_bytes()),
        Reason::TooLong => cut(to, cell),
        Reason::OutOfRange | Reason::NotFinite => end_of_range(to, cell),
        Reason::NegativeZero => Some(b"0".to_vec()),
        Reason::TooPrecise => less_precise(to, seconds, cell),
        Reason::NoSuchDate => last_day(to, cell),
        Reason::WrongType | Reason::NoSuchLabel => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only these have a length")]
fn cut(to: &Logical, cell: &[u8]) -> Option<Vec<u8>> {
    let length = match to {
        Logical::Text { length } | Logical::Bits { length, .. } => (*length)?,
        Logical::Char { length } => *length,
        _ => return None,
    };
    let text = std::str::from_utf8(cell).ok()?;
    Some(text.chars().take(usize::try_from(length).ok()?).collect::<String>().into_bytes())
}

/// The least or the greatest value of a range, by the sign of what lies beyond it.
#[expect(clippy::wildcard_enum_match_arm, reason = "only these have ends")]
fn end_of_range(to: &Logical, cell: &[u8]) -> Option<Vec<u8>> {
    let text = cell.trim_ascii();
    let word = text.to_ascii_lowercase();
    if word.ends_with(b"nan") {
        return None;
    }
    let below = word.starts_with(b"-");
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

#[expect(clippy::wildcard_enum_match_arm, reason = "only these have a precision")]
fn less_precise(to: &Logical, seconds: Option<u8>, cell: &[u8]) -> Option<Vec<u8>> {
    match to {
        Logical::Integer { .. } => rounded(cell, 0),
        Logical::Decimal { scale: Some(scale), .. } => rounded(cell, usize::from(*scale)),
        Logical::Time | Logical::TimeWithZone | Logical::Timestamp | Logical::TimestampWithZone => {
            Some(shorter_seconds(cell, seconds.unwrap_or(6)))
        }
        _ => None,
    }
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
    use super::*;

    fn nearest(to: &Logical, cell: &str) -> Option<String> {
        let near = clamp(Engine::Postgres, to, None, cell.as_bytes())?;
        Some(String::from_utf8(near).unwrap())
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
            (text(Some(3)), "Zoë 学", Some("Zoë")),
            (text(Some(2)), "\0a\0bc", Some("ab")),
            (text(None), "\0", Some("")),
            (Logical::Date, "2024-02-31", Some("2024-02-29")),
            (Logical::Date, "2023-02-29", Some("2023-02-28")),
            (Logical::Date, "2023-04-31", Some("2023-04-30")),
            (Logical::Date, "0000-00-00", None),
            (Logical::Date, "2023-13-01", None),
            (Logical::Timestamp, "2023-02-29 12:30:00.1234567", Some("2023-02-28 12:30:00.123456")),
            (Logical::Boolean, "maybe", None),
        ] {
            assert_eq!(nearest(&to, cell).as_deref(), near, "{to:?} {cell}");
        }
    }

    #[test]
    fn what_only_an_engine_lacks_is_mended_too() {
        let float = Logical::Float { bits: 64 };
        assert_eq!(clamp(Engine::Sqlite, &float, None, b"NaN"), None);
        for engine in [Engine::Sqlite, Engine::MySql] {
            assert_eq!(clamp(engine, &float, None, b"-0").as_deref(), Some(&b"0"[..]));
        }
        let near =
            clamp(Engine::Postgres, &Logical::Timestamp, Some(3), b"2024-01-01 00:00:00.1239");
        assert_eq!(near.as_deref(), Some(&b"2024-01-01 00:00:00.123"[..]));
        let near = clamp(Engine::Postgres, &Logical::Text { length: None }, None, b"a\xffb");
        assert_eq!(near.as_deref(), Some("a\u{fffd}b".as_bytes()));
    }
}
