//! Sizes as people write them: `64MiB`, `64 MB`, `1.5GiB`, or plain bytes.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size(pub(super) u64);

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1000),
    ("mb", 1000 * 1000),
    ("gb", 1000 * 1000 * 1000),
    ("tb", 1000 * 1000 * 1000 * 1000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

/// Why a text is not a size: what is wrong, a line break, what to write instead.
const HOW: &str = "Write a number and a unit, such as `64MiB` (2²⁰ bytes each) or `64MB` (10⁶), \
    or a plain number of bytes.";

impl Size {
    /// Reads a size. The error is a fragment, a line break, and a sentence with advice.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_');
        let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
        let unit = unit.trim().to_ascii_lowercase();
        let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("unknown unit\n{HOW}"));
        };
        let bytes = scaled(&number.replace('_', ""), *factor);
        bytes.map(Self).ok_or_else(|| format!("this is not a size\n{HOW}"))
    }
}

/// A decimal number times a factor, in whole bytes; the rest of a byte is dropped.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    // Ten digits behind the point are more than a size needs, and cannot overflow.
    let digits = u32::try_from(fraction.len()).ok().filter(|digits| (1..=10).contains(digits))?;
    let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(factor);
    whole.checked_add(u64::try_from(part / 10_u128.pow(digits)).ok()?)
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sizes;

        impl Visitor<'_> for Sizes {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                Size::parse(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Sizes)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of bytes, or a number with a unit: `64MiB`, `64 MB`.",
            "anyOf": [
                { "type": "integer", "minimum": 1 },
                {
                    "type": "string",
                    "pattern": "^[0-9][0-9_]*(\\.[0-9]+)?( ?([kKmMgGtT][iI]?)?[bB])?$",
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("64 MB", 64_000_000),
            ("64mib", 64 << 20),
            ("1.5GiB", 3 << 29),
            ("1_000", 1000),
            ("0", 0),
            ("16384", 16384),
            ("2 TB", 2_000_000_000_000),
            ("7 B", 7),
        ] {
            assert_eq!(Size::parse(text), Ok(Size(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "MiB", "64M", "64 parsecs", "-1", "1.2.3", "1.", ".5", "99999999TiB"] {
            assert!(Size::parse(text).is_err(), "{text}");
        }
    }
}
