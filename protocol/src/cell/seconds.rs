//! Columns that keep fewer digits of a second than microseconds, such as `timestamp(3)`.
//!
//! Their engine rounds what has more, without a word; so whoever writes to one asks here first.

use super::Reason;
use crate::schema::{Engine, Logical};

/// How many digits of a second a column keeps, where it keeps fewer than its meaning says.
///
/// `native` is the column's type as its engine prints it. SQLite ignores such modifiers.
pub(super) fn second_digits(engine: Engine, to: &Logical, native: &str) -> Option<u8> {
    let timed = matches!(
        to,
        Logical::Time | Logical::TimeWithZone | Logical::Timestamp | Logical::TimestampWithZone
    );
    match engine {
        Engine::Postgres if timed => {
            let (_, rest) = native.split_once('(')?;
            rest.split_once(')')?.0.parse().ok().filter(|digits| *digits < 6)
        }
        // Where nothing is said it is none.
        Engine::MySql if timed || *to == Logical::Interval => {
            let said = native.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
            let digits = said.and_then(|(digits, _)| digits.parse().ok()).unwrap_or(0);
            let temporal = ["time", "datetime", "timestamp"];
            let name = native.split(['(', ' ']).next().unwrap_or_default();
            (digits < 6 && temporal.contains(&name)).then_some(digits)
        }
        Engine::Postgres | Engine::Sqlite | Engine::MySql | Engine::Memory => None,
    }
}

/// Whether a canonical time or timestamp has no more digits of a second than these.
///
/// # Errors
/// [`Reason::TooPrecise`] when it has.
pub(super) fn keeps_seconds(digits: u8, cell: &[u8]) -> Result<(), Reason> {
    let Some(point) = cell.iter().position(|byte| *byte == b'.') else { return Ok(()) };
    let fraction = cell[point + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if fraction > usize::from(digits) { Err(Reason::TooPrecise) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_keep_fewer_digits_than_six_and_only_of_times() {
        let digits = |engine, to: &Logical, native| second_digits(engine, to, native);
        let on = Engine::Postgres;
        assert_eq!(digits(on, &Logical::Timestamp, "timestamp(3) without time zone"), Some(3));
        assert_eq!(digits(on, &Logical::TimeWithZone, "time(0) with time zone"), Some(0));
        assert_eq!(digits(on, &Logical::Timestamp, "timestamp(6) without time zone"), None);
        assert_eq!(digits(on, &Logical::Timestamp, "timestamp without time zone"), None);
        assert_eq!(digits(on, &Logical::Text { length: Some(3) }, "character varying(3)"), None);
        assert_eq!(digits(Engine::Sqlite, &Logical::Timestamp, "TIMESTAMP(3)"), None);
        assert_eq!(digits(Engine::MySql, &Logical::Timestamp, "datetime"), Some(0));
        assert_eq!(digits(Engine::MySql, &Logical::Interval, "time(3)"), Some(3));
        assert_eq!(digits(Engine::MySql, &Logical::Timestamp, "datetime(6)"), None);
        assert_eq!(digits(Engine::MySql, &Logical::Interval, "varchar(64)"), None);
    }

    #[test]
    fn more_digits_than_are_kept_are_refused() {
        for (digits, cell, kept) in [
            (3, "2024-02-29 12:30:00.125", true),
            (3, "2024-02-29 12:30:00.1251+00", false),
            (0, "12:30:00", true),
            (0, "12:30:00.5+02", false),
            (2, "infinity", true),
            (2, "0044-03-15 12:00:00.25 BC", true),
        ] {
            assert_eq!(keeps_seconds(digits, cell.as_bytes()).is_ok(), kept, "{cell}");
        }
    }
}
