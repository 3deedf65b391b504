//! What an engine cannot hold, although the type in general can.

use super::Reason;
use super::time::days_in;
use crate::schema::{Engine, Logical};

/// Whether a column of type `to` in this engine can hold a canonical text, beyond what the type
/// itself says: PostgreSQL has no NUL in text and no zero dates, SQLite has no NaN (it stores NULL
/// instead) and no negative zero, MySQL has neither infinities nor a negative zero nor years before 1
/// or beyond 9999, and instants from 1970 to 2038 only, and zero.
///
/// # Errors
/// The reason why it cannot.
pub fn holds(engine: Engine, to: &Logical, cell: &[u8]) -> Result<(), Reason> {
    let not = |wrong: bool, reason| if wrong { Err(reason) } else { Ok(()) };
    match engine {
        Engine::Postgres if is_dated(to) => {
            not(is_zero_date(cell) || is_past_its_month(cell), Reason::NoSuchDate)
        }
        Engine::Postgres => not(may_have_nul(to) && cell.contains(&0), Reason::NulInText),
        // A column of REAL affinity keeps whole numbers as integers, which have one zero only.
        Engine::Sqlite if matches!(to, Logical::Float { .. }) => {
            not(cell == b"NaN", Reason::NotFinite)?;
            not(cell == b"-0", Reason::NegativeZero)
        }
        Engine::MySql if is_number(to) => {
            not(is_not_finite(cell), Reason::NotFinite)?;
            not(cell == b"-0", Reason::NegativeZero)
        }
        Engine::MySql if is_dated(to) && is_not_finite(cell) => Err(Reason::NotFinite),
        Engine::MySql if *to == Logical::TimestampWithZone => {
            not(!is_instant_of_mysql(cell), Reason::OutOfRange)
        }
        Engine::MySql if is_dated(to) => not(!has_four_digit_year(cell), Reason::OutOfRange),
        Engine::Sqlite | Engine::MySql | Engine::Memory => Ok(()),
    }
}

/// Whether [`holds`] must be asked about cells of this type at all.
pub fn asks_engine(engine: Engine, to: &Logical) -> bool {
    match engine {
        Engine::Postgres => is_dated(to) || may_have_nul(to),
        Engine::Sqlite => matches!(to, Logical::Float { .. }),
        Engine::MySql => is_number(to) || is_dated(to),
        Engine::Memory => false,
    }
}

fn is_number(to: &Logical) -> bool {
    matches!(to, Logical::Float { .. } | Logical::Decimal { .. })
}

fn is_dated(to: &Logical) -> bool {
    matches!(to, Logical::Date | Logical::Timestamp | Logical::TimestampWithZone)
}

/// `NaN`, `Infinity`, `-infinity`.
pub(super) fn is_not_finite(cell: &[u8]) -> bool {
    let digits = cell.strip_prefix(b"-").unwrap_or(cell);
    digits.first().is_some_and(u8::is_ascii_alphabetic)
}

/// `0000-00-00`, `2024-00-15`, `2024-02-00`: what only MySQL calls a date.
fn is_zero_date(cell: &[u8]) -> bool {
    let four = has_four_digit_year(cell);
    four && (cell.starts_with(b"0000") || &cell[5..7] == b"00" || &cell[8..10] == b"00")
}

/// `2024-02-31`, `2023-02-29`: MySQL lets a month have 31 days, where it is told to.
fn is_past_its_month(cell: &[u8]) -> bool {
    if !has_four_digit_year(cell) || &cell[8..10] < b"29".as_slice() {
        return false;
    }
    let number = |digits: &[u8]| digits.iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0'));
    let digits = [&cell[..4], &cell[5..7], &cell[8..10]];
    if !digits.concat().iter().all(u8::is_ascii_digit) {
        return false;
    }
    let [year, month, day] = digits.map(number);
    day > days_in(year, month)
}

/// `YYYY-MM-DD`, whatever follows but an era.
fn has_four_digit_year(cell: &[u8]) -> bool {
    let shaped = cell.len() >= 10 && cell[4] == b'-' && cell[7] == b'-';
    shaped && cell[0].is_ascii_digit() && !cell.ends_with(b"BC")
}

/// From one second after the beginning of 1970 to the end of what 31 bits of seconds can say, and the
/// zero that stands for none. A text of this shape is ordered as its moment is.
fn is_instant_of_mysql(cell: &[u8]) -> bool {
    let known = &b"1970-01-01 00:00:01"[..]..&b"2038-01-19 03:14:08"[..];
    has_four_digit_year(cell) && (known.contains(&cell) || cell.starts_with(b"0000-00-00 00:00:00"))
}

/// Types whose canonical text may contain a NUL character.
fn may_have_nul(to: &Logical) -> bool {
    match to {
        Logical::Text { .. }
        | Logical::Char { .. }
        | Logical::Interval
        | Logical::Array { .. }
        | Logical::Native { .. }
        | Logical::Enum { .. }
        | Logical::Any => true,
        Logical::Boolean
        | Logical::Integer { .. }
        | Logical::Decimal { .. }
        | Logical::Float { .. }
        | Logical::Binary
        | Logical::Date
        | Logical::Time
        | Logical::TimeWithZone
        | Logical::Timestamp
        | Logical::TimestampWithZone
        | Logical::Uuid
        | Logical::Json
        | Logical::JsonBinary
        | Logical::Bits { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_lacks_something() {
        use Reason::{NegativeZero, NoSuchDate, NotFinite, NulInText, OutOfRange};
        let text = Logical::Text { length: None };
        let float = Logical::Float { bits: 64 };
        let decimal = Logical::Decimal { precision: None, scale: None };
        let (date, stamp, zoned) = (Logical::Date, Logical::Timestamp, Logical::TimestampWithZone);
        for (engine, to, cell, held) in [
            (Engine::Postgres, &text, "a\0b", Err(NulInText)),
            (Engine::Sqlite, &text, "a\0b", Ok(())),
            (Engine::Postgres, &date, "0000-00-00", Err(NoSuchDate)),
            (Engine::Postgres, &stamp, "2024-00-15 00:00:00", Err(NoSuchDate)),
            (Engine::Postgres, &date, "2024-02-00", Err(NoSuchDate)),
            (Engine::Postgres, &date, "2024-02-31", Err(NoSuchDate)),
            (Engine::Postgres, &stamp, "2023-02-29 12:00:00", Err(NoSuchDate)),
            (Engine::Postgres, &date, "2024-02-29", Ok(())),
            (Engine::Postgres, &date, "2024-12-31", Ok(())),
            (Engine::Postgres, &date, "infinity", Ok(())),
            (Engine::Postgres, &date, "12024-02-29", Ok(())),
            (Engine::Sqlite, &date, "0000-00-00", Ok(())),
            (Engine::Sqlite, &float, "NaN", Err(NotFinite)),
            (Engine::MySql, &float, "-Infinity", Err(NotFinite)),
            (Engine::MySql, &decimal, "NaN", Err(NotFinite)),
            (Engine::MySql, &float, "-0", Err(NegativeZero)),
            (Engine::Sqlite, &float, "-0", Err(NegativeZero)),
            (Engine::Sqlite, &float, "-0.5", Ok(())),
            (Engine::Postgres, &float, "-0", Ok(())),
            (Engine::MySql, &float, "-1e-05", Ok(())),
            (Engine::MySql, &date, "12024-02-29", Err(OutOfRange)),
            (Engine::MySql, &date, "0044-03-15 BC", Err(OutOfRange)),
            (Engine::MySql, &stamp, "-infinity", Err(NotFinite)),
            (Engine::MySql, &stamp, "9999-12-31 23:59:59.999999", Ok(())),
            (Engine::MySql, &zoned, "1970-01-01 00:00:00+00", Err(OutOfRange)),
            (Engine::MySql, &zoned, "1970-01-01 00:00:01+00", Ok(())),
            (Engine::MySql, &zoned, "2038-01-19 03:14:07.999999+00", Ok(())),
            (Engine::MySql, &zoned, "2038-01-19 03:14:08+00", Err(OutOfRange)),
            (Engine::MySql, &zoned, "0000-00-00 00:00:00+00", Ok(())),
            (Engine::MySql, &zoned, "0001-01-01 00:00:00+00", Err(OutOfRange)),
        ] {
            assert_eq!(holds(engine, to, cell.as_bytes()), held, "{engine} {cell}");
            assert!(held.is_ok() || asks_engine(engine, to));
        }
    }
}
