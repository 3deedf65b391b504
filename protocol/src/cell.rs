//! Canonical text: one spelling per value, whichever engine it came from.
//!
//! A cell of the text lane is NULL or the canonical text of its [`Logical`] type. For every type
//! that PostgreSQL has, that is what PostgreSQL's own output function prints under
//! `TimeZone = UTC`, `DateStyle = ISO`, `IntervalStyle = postgres`, `extra_float_digits >= 1`;
//! so its text needs no rewriting, with two exceptions named below.
//!
//! # Promises
//! 1. [`fit`] gives the text that a column of the type gives back for a value, or says why the
//!    type cannot hold it. It never rounds, cuts, pads away or moves a value: what it accepts
//!    means the same as what it was given.
//! 2. Fitting what was fitted changes nothing.
//! 3. Two texts of one value become one text, for every type but those carried as they are
//!    (JSON, intervals, arrays, types of one engine).
//!
//! # Not promised
//! That text carried as it is will be understood by the target; its own parser decides, and
//! the row is then a reject of the target's. Nor anything about widths that [`Logical`] does not
//! say, such as the `3` of `timestamp(3)` or the byte of a `tinyint`; ask [`Room`] about those.
//!
//! # The spelling of each type
//!
//! | [`Logical`] | canonical | also read, and so spelled |
//! |---|---|---|
//! | `Boolean` | `t`, `f` | `true`, `no`, `ON`, `1`, `0` |
//! | `Integer` | `7`, `-12`, `0` | ` +007 ` → `7`, `5.0` → `5`, `1e+03` → `1000`, `-0` → `0` |
//! | `Decimal`, no scale | `1.50`, `1000`, `NaN`, `-Infinity` | `1.5e3` → `1500`, `.5` → `0.5`, `-0.0` → `0.0` |
//! | `Decimal`, scale 2 | `1.50`, `NaN` | `1.5`, `1.500` → `1.50`; `1.505` is [`Reason::TooPrecise`] |
//! | `Float` | `0.1`, `1e+20`, `1e-05`, `-0`, `NaN`, `Infinity` | `0.10`, `0.10000000000000001` → `0.1`, `inf` |
//! | `Text` | any UTF-8, the empty text too; NUL only where the engine has it ([`holds`]) | – |
//! | `Char` | without the blanks at its end | `ab   ` → `ab` |
//! | `Binary` | the raw bytes, not encoded | – |
//! | `Date` | `2024-02-29`, `12024-02-29`, `0044-03-15 BC`, `infinity` | `012024-02-29` → `12024-02-29` |
//! | `Time` | `12:30:00`, `12:30:00.25`, `24:00:00` | `12:30`, `12:30:00.250000` |
//! | `TimeWithZone` | `12:30:00+02`, `12:30:00-03:30` | `12:30Z` → `12:30:00+00`, `12:30+0200` |
//! | `Timestamp` | `2024-02-29 12:30:00.25` | `2024-02-29T12:30`, `2024-02-29` (midnight) |
//! | `TimestampWithZone` | `2024-02-29 12:30:00+00` | `2024-02-29T14:30:00+02:00`, `…Z` |
//! | `Interval` | `1 day 02:00:00`, as its engine spells it | – |
//! | `Uuid` | `a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11` | upper case, no hyphens, braces |
//! | `Json` | the source's text | – |
//! | `JsonBinary` | `{"b": 1, "aa": [1.0, null]}` | `{"aa":[1.0,null],"b":0,"b":1}` |
//! | `Bits` | `0101` | – |
//! | `Enum` | the label | – |
//! | `Array`, `Native`, `Any` | as the source spells it | – |
//!
//! MySQL's zero and partial dates (`0000-00-00`) and its `TIME` beyond a day (an `Interval`,
//! `-838:59:59`) are spelled as MySQL spells them.
//!
//! The exceptions: a reader of PostgreSQL must cut the padding of `char(n)` (its cast to `text`
//! does), and give `bytea` as bytes.
//!
//! An offset is never made up and never dropped: text without one does not fit
//! `TimestampWithZone`, and text with one does not fit `Timestamp`. Fractions of a second beyond
//! microseconds are [`Reason::TooPrecise`] unless they are zeros.

mod charset;
mod clamp;
mod engine;
mod float;
mod identity;
mod json;
mod number;
mod room;
mod seconds;
mod text;
mod time;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::schema::Logical;

pub use charset::{Charsets, OF_DATABASE, Repertoire, charset};
pub use clamp::{Clamped, clamp, clamps, clamps_reason};
pub use engine::{asks_engine, holds};
pub use float::{write_f32, write_f64};
pub use identity::is_identity;
pub use room::Room;

/// Why a value does not fit where it should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is not of the column's type at all: `abc` in an integer column.
    WrongType,
    /// A number beyond the type's range.
    OutOfRange,
    /// More digits, or more precision, than the type keeps.
    TooPrecise,
    /// More characters or bits than the type keeps.
    TooLong,
    /// Bytes that are not valid UTF-8.
    InvalidEncoding,
    /// A character that the column's character set lacks.
    NoSuchCharacter,
    /// A NUL character in text.
    NulInText,
    /// NaN or an infinity that the target does not have.
    NotFinite,
    /// A zero with a minus, which the target keeps without it.
    NegativeZero,
    /// A date or time that the target does not have.
    NoSuchDate,
    /// A label that the enumeration lacks.
    NoSuchLabel,
    /// An expression of the migration divided by zero. No policy holds for it.
    DivisionByZero,
    /// A check of the migration does not hold. No policy holds for it.
    Check,
}

impl Reason {
    /// All reasons for which there are policies.
    pub const ALL: [Self; 11] = [
        Self::WrongType,
        Self::OutOfRange,
        Self::TooPrecise,
        Self::TooLong,
        Self::InvalidEncoding,
        Self::NoSuchCharacter,
        Self::NulInText,
        Self::NotFinite,
        Self::NegativeZero,
        Self::NoSuchDate,
        Self::NoSuchLabel,
    ];

    /// The word that is stored: that of the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::TooPrecise => "too_precise",
            Self::TooLong => "too_long",
            Self::InvalidEncoding => "invalid_encoding",
            Self::NoSuchCharacter => "no_such_character",
            Self::NulInText => "nul_in_text",
            Self::NotFinite => "not_finite",
            Self::NegativeZero => "negative_zero",
            Self::NoSuchDate => "no_such_date",
            Self::NoSuchLabel => "no_such_label",
            Self::DivisionByZero => "division_by_zero",
            Self::Check => "check",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Appends the canonical text that a column of type `to` gives back for `cell`.
///
/// `cell` is text as a source gave it: canonical text of another type, or any spelling that the
/// table in the module's documentation lists. Whether the *engine* can hold the value besides, ask
/// [`holds`].
///
/// # Errors
/// The reason why the type cannot hold the value. `out` is then as it was.
pub fn fit(to: &Logical, cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let before = out.len();
    let fitted = append(to, cell, out);
    if fitted.is_err() {
        out.truncate(before);
    }
    fitted
}

fn append(to: &Logical, cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    match to {
        Logical::Boolean => number::fit_boolean(cell, out),
        Logical::Integer { bits } => number::fit_integer(*bits, cell, out),
        Logical::Decimal { precision, scale } => number::fit_decimal(*precision, *scale, cell, out),
        Logical::Float { bits } => float::fit(*bits, cell, out),
        Logical::Text { length } => text::fit_text(*length, cell, out),
        Logical::Char { length } => text::fit_char(*length, cell, out),
        Logical::Binary => {
            out.extend_from_slice(cell);
            Ok(())
        }
        Logical::Date => time::fit_date(cell, out),
        Logical::Time => time::fit_time(cell, out),
        Logical::TimeWithZone => time::fit_time_with_zone(cell, out),
        Logical::Timestamp => time::fit_timestamp(cell, out),
        Logical::TimestampWithZone => time::fit_timestamp_with_zone(cell, out),
        Logical::Uuid => text::fit_uuid(cell, out),
        Logical::Json => json::fit_json(cell, out),
        Logical::JsonBinary => json::fit_json_binary(cell, out),
        Logical::Bits { length, varying } => text::fit_bits(*length, *varying, cell, out),
        Logical::Enum { labels } => text::fit_label(labels, cell, out),
        Logical::Interval | Logical::Array { .. } | Logical::Native { .. } | Logical::Any => {
            text::fit_opaque(cell, out)
        }
    }
}
