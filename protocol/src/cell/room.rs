//! What a column holds, and what stands nearest to what it does not: the engine, and the type that
//! the column was declared with, which may be narrower than its meaning.
//!
//! A server refuses what is beyond such a type by itself. But then it is too late for a value policy,
//! so whoever has one asks here first.

use super::Reason;
use super::charset::Repertoire;
use super::engine::{holds, is_not_finite};
use super::seconds::{keeps_seconds, second_digits};
use crate::schema::{Engine, Logical};

/// What one column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    pub(super) engine: Engine,
    /// Digits of a second that it keeps, where it keeps fewer than microseconds.
    pub(super) seconds: Option<u8>,
    pub(super) span: Option<Span>,
    /// Most bytes of a text, or of bytes, where they are counted as ours are: in UTF-8.
    pub(super) bytes: Option<usize>,
    /// Decimals are kept as binary numbers, which have no NaN here and no infinity.
    finite: bool,
    /// What its character set has, where that lacks something.
    pub(super) characters: Option<Repertoire>,
}

/// Numbers that a column holds, where those are fewer than its meaning says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// Whole numbers from the first to the second.
    Whole(i128, i128),
    /// Zero, which stands for none, and years from the first to the second.
    Years(i128, i128),
    /// None below zero.
    Unsigned,
}

impl Room {
    /// What a column of this engine holds that means `to`, and whose type its engine prints as
    /// `native`.
    pub fn of(engine: Engine, to: &Logical, native: &str) -> Self {
        let (span, bytes) = match engine {
            Engine::MySql => (span(to, native), bytes(to, native)),
            Engine::Postgres | Engine::Sqlite | Engine::Memory => (None, None),
        };
        let finite = engine == Engine::Sqlite && is_binary_decimal(to, native);
        let seconds = second_digits(engine, to, native);
        Self { engine, seconds, span, bytes, finite, characters: None }
    }

    /// The same room for texts of these characters only; see [`super::Charsets::of`].
    #[must_use]
    pub fn with(self, characters: Option<Repertoire>) -> Self {
        Self { characters, ..self }
    }

    /// Whether there are characters that its texts cannot have.
    pub fn lacks_characters(&self) -> bool {
        self.characters.is_some()
    }

    /// Whether the column holds less than its meaning says, and than its engine does.
    pub fn is_narrow(&self) -> bool {
        self.seconds.is_some() || self.span.is_some() || self.bytes.is_some() || self.finite
    }

    /// Whether the column holds a value in the canonical text of its meaning, `to`.
    ///
    /// # Errors
    /// The reason why it does not.
    pub fn holds(&self, to: &Logical, cell: &[u8]) -> Result<(), Reason> {
        self.seconds.map_or(Ok(()), |digits| keeps_seconds(digits, cell))?;
        holds(self.engine, to, cell)?;
        if self.finite && is_not_finite(cell) {
            return Err(Reason::NotFinite);
        }
        // Before bytes are counted: what stands in the place of a character is shorter.
        if self.characters.as_ref().is_some_and(|set| !set.has_all(cell)) {
            return Err(Reason::NoSuchCharacter);
        }
        if self.bytes.is_some_and(|most| cell.len() > most) {
            return Err(Reason::TooLong);
        }
        self.span.map_or(Ok(()), |span| span.holds(cell))
    }
}

impl Span {
    fn holds(self, cell: &[u8]) -> Result<(), Reason> {
        let number = || std::str::from_utf8(cell).ok().and_then(|text| text.parse::<i128>().ok());
        let within = match self {
            Self::Unsigned => !cell.starts_with(b"-"),
            Self::Whole(least, most) => number().is_some_and(|n| (least..=most).contains(&n)),
            Self::Years(first, last) => {
                number().is_some_and(|n| n == 0 || (first..=last).contains(&n))
            }
        };
        if within { Ok(()) } else { Err(Reason::OutOfRange) }
    }

    /// The least and the greatest, where it has both.
    pub(super) fn ends(self) -> Option<(i128, i128)> {
        match self {
            Self::Whole(least, most) | Self::Years(least, most) => Some((least, most)),
            Self::Unsigned => None,
        }
    }
}

/// Whole numbers of MySQL by name: the bits of each.
const WHOLE: [(&str, u32); 5] =
    [("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64)];

/// The name of a type without what stands behind it: `int(10) unsigned` → `int`.
fn name(native: &str) -> &str {
    native.split(['(', ' ']).next().unwrap_or_default()
}

fn span(to: &Logical, native: &str) -> Option<Span> {
    let number =
        matches!(to, Logical::Integer { .. } | Logical::Decimal { .. } | Logical::Float { .. });
    if !number {
        return None;
    }
    let unsigned = native.contains(" unsigned");
    if name(native) == "year" {
        return Some(Span::Years(1901, 2155));
    }
    let bits = WHOLE.iter().find(|(whole, _)| *whole == name(native)).map(|(_, bits)| *bits);
    match (bits, unsigned) {
        (Some(bits), true) => Some(Span::Whole(0, (1 << bits) - 1)),
        // What the meaning says already.
        (Some(16 | 32 | 64), false) | (None, false) => None,
        (Some(bits), false) => Some(Span::Whole(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)),
        (None, true) => Some(Span::Unsigned),
    }
}

fn bytes(to: &Logical, native: &str) -> Option<usize> {
    if counts_other_bytes(native) {
        return None;
    }
    match (name(native), to) {
        ("tinytext" | "tinyblob", _) => Some(0xff),
        ("text" | "blob", _) => Some(0xffff),
        ("mediumtext" | "mediumblob", _) => Some(0xff_ffff),
        ("varbinary", Logical::Binary) => {
            let (_, rest) = native.split_once('(')?;
            rest.split_once(')')?.0.parse().ok()
        }
        _ => None,
    }
}

/// Whether MySQL counts the bytes of a text in another character set than ours: an `ä` is one in
/// latin1. Then the server says what is too long.
fn counts_other_bytes(native: &str) -> bool {
    native.split_once(" CHARACTER SET ").is_some_and(|(_, charset)| !charset.starts_with("utf8"))
}

/// Whether SQLite makes numbers of such decimals, whose digits a double has; it leaves them text where
/// the name of the type says so, and where there is none.
fn is_binary_decimal(to: &Logical, native: &str) -> bool {
    let few = matches!(to, Logical::Decimal { precision: Some(..=15), scale: Some(..=15) });
    let upper = native.to_ascii_uppercase();
    let text = ["CHAR", "CLOB", "TEXT", "BLOB"].iter().any(|word| upper.contains(word));
    few && !native.is_empty() && (!text || upper.contains("INT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(to: &Logical, native: &str, cell: &str) -> Result<(), Reason> {
        Room::of(Engine::MySql, to, native).holds(to, cell.as_bytes())
    }

    #[test]
    fn a_column_may_hold_less_than_its_meaning() {
        let whole = |bits| Logical::Integer { bits };
        let text = Logical::Text { length: None };
        let twenty = Logical::Decimal { precision: Some(20), scale: Some(0) };
        let fee = Logical::Decimal { precision: Some(5), scale: Some(2) };
        let long = "a".repeat(256);
        let accented = "ä".repeat(200);
        for (to, native, cell, expected) in [
            (whole(16), "tinyint(4)", "-128", Ok(())),
            (whole(16), "tinyint(4)", "128", Err(Reason::OutOfRange)),
            (whole(16), "tinyint(3) unsigned", "255", Ok(())),
            (whole(16), "tinyint(3) unsigned", "-1", Err(Reason::OutOfRange)),
            (whole(16), "smallint(6)", "32767", Ok(())),
            (whole(32), "mediumint(9)", "8388608", Err(Reason::OutOfRange)),
            (whole(64), "int(10) unsigned", "4294967296", Err(Reason::OutOfRange)),
            (twenty.clone(), "bigint(20) unsigned", "18446744073709551615", Ok(())),
            (twenty, "bigint(20) unsigned", "18446744073709551616", Err(Reason::OutOfRange)),
            (whole(16), "year(4)", "0", Ok(())),
            (whole(16), "year(4)", "1900", Err(Reason::OutOfRange)),
            (fee.clone(), "decimal(5,2) unsigned", "-0.01", Err(Reason::OutOfRange)),
            (fee, "decimal(5,2)", "-0.01", Ok(())),
            (text.clone(), "tinytext", &*long, Err(Reason::TooLong)),
            (text.clone(), "tinytext CHARACTER SET utf8mb4 COLLATE x", "ä", Ok(())),
            (text.clone(), "tinytext", &*accented, Err(Reason::TooLong)),
            (
                text.clone(),
                "tinytext CHARACTER SET utf8mb3 COLLATE x",
                &*accented,
                Err(Reason::TooLong),
            ),
            (text.clone(), "tinytext CHARACTER SET latin1 COLLATE x", &*accented, Ok(())),
            (text, "longtext", &*long, Ok(())),
            (Logical::Binary, "varbinary(2)", "abc", Err(Reason::TooLong)),
            (
                Logical::Timestamp,
                "datetime(3)",
                "2024-01-01 00:00:00.1239",
                Err(Reason::TooPrecise),
            ),
        ] {
            assert_eq!(held(&to, native, cell), expected, "{native} {cell:.30}");
        }
        let few = Logical::Decimal { precision: Some(5), scale: Some(2) };
        for (native, expected) in
            [("NUMERIC(5,2)", Err(Reason::NotFinite)), ("DECIMAL_TEXT", Ok(())), ("", Ok(()))]
        {
            assert_eq!(
                Room::of(Engine::Sqlite, &few, native).holds(&few, b"NaN"),
                expected,
                "{native}"
            );
        }
        assert!(!Room::of(Engine::MySql, &whole(64), "bigint(20)").is_narrow());
        assert!(!Room::of(Engine::Sqlite, &whole(64), "tinyint").is_narrow());
    }
}
