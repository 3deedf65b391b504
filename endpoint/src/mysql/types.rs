//! MySQL's types and what they mean, in both directions.
//!
//! A native type is what `COLUMN_TYPE` says, and for texts that are not compared byte by byte also
//! the character set and collation: `varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci`.
//!
//! A display width means nothing: `tinyint(1)` holds 127. It is a boolean only where a check says
//! so, which is how a boolean of another engine is made here.

#[cfg(test)]
mod tests;

use protocol::schema::{Column, Logical};

use super::version::Server;
use super::words;

/// What stands in parentheses behind a type's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Modifier {
    /// Nothing that changes the meaning.
    None,
    /// A length in characters.
    Length,
    /// Precision and scale.
    Decimal,
    /// A length in bits.
    Bits,
    /// Labels.
    Labels,
}

/// The name, what it means, what it means unsigned, and its modifier.
const TYPES: &[(&str, Logical, Option<Logical>, Modifier)] = &[
    ("tinyint", INT16, Some(INT16), Modifier::None),
    ("smallint", INT16, Some(INT32), Modifier::None),
    ("mediumint", INT32, Some(INT32), Modifier::None),
    ("int", INT32, Some(INT64), Modifier::None),
    ("bigint", INT64, Some(UINT64), Modifier::None),
    ("year", INT16, None, Modifier::None),
    ("decimal", Logical::Decimal { precision: None, scale: None }, None, Modifier::Decimal),
    ("float", Logical::Float { bits: 32 }, None, Modifier::None),
    ("double", Logical::Float { bits: 64 }, None, Modifier::None),
    ("bit", Logical::Bits { length: None, varying: false }, None, Modifier::Bits),
    ("char", Logical::Char { length: 1 }, None, Modifier::Length),
    ("varchar", TEXT, None, Modifier::Length),
    ("tinytext", TEXT, None, Modifier::None),
    ("text", TEXT, None, Modifier::None),
    ("mediumtext", TEXT, None, Modifier::None),
    ("longtext", TEXT, None, Modifier::None),
    ("enum", Logical::Enum { labels: Vec::new() }, None, Modifier::Labels),
    ("set", TEXT, None, Modifier::None),
    ("binary", Logical::Binary, None, Modifier::None),
    ("varbinary", Logical::Binary, None, Modifier::None),
    ("tinyblob", Logical::Binary, None, Modifier::None),
    ("blob", Logical::Binary, None, Modifier::None),
    ("mediumblob", Logical::Binary, None, Modifier::None),
    ("longblob", Logical::Binary, None, Modifier::None),
    ("date", Logical::Date, None, Modifier::None),
    ("datetime", Logical::Timestamp, None, Modifier::None),
    ("timestamp", Logical::TimestampWithZone, None, Modifier::None),
    // It goes from -838 to 838 hours: no time of day.
    ("time", Logical::Interval, None, Modifier::None),
    ("json", Logical::Json, None, Modifier::None),
    ("uuid", Logical::Uuid, None, Modifier::None),
    ("inet6", Logical::Text { length: Some(45) }, None, Modifier::None),
    ("inet4", Logical::Text { length: Some(15) }, None, Modifier::None),
    // The server's own bytes: the number of the reference system, and well-known binary.
    ("geometry", Logical::Binary, None, Modifier::None),
    ("point", Logical::Binary, None, Modifier::None),
    ("linestring", Logical::Binary, None, Modifier::None),
    ("polygon", Logical::Binary, None, Modifier::None),
    ("multipoint", Logical::Binary, None, Modifier::None),
    ("multilinestring", Logical::Binary, None, Modifier::None),
    ("multipolygon", Logical::Binary, None, Modifier::None),
    ("geometrycollection", Logical::Binary, None, Modifier::None),
    ("geomcollection", Logical::Binary, None, Modifier::None),
];

const INT16: Logical = Logical::Integer { bits: 16 };
const INT32: Logical = Logical::Integer { bits: 32 };
const INT64: Logical = Logical::Integer { bits: 64 };
const UINT64: Logical = Logical::Decimal { precision: Some(20), scale: Some(0) };
const TEXT: Logical = Logical::Text { length: None };

/// Most digits of a decimal, and most of them after the point.
const PRECISION_MAX: u16 = 65;
const SCALE_MAX: u16 = 30;

/// Longest `char(n)`, and longest `varchar(n)` in four bytes a character.
const CHAR_MAX: u32 = 255;
const VARCHAR_MAX: u32 = 16_383;

/// Most labels of an enumeration whose catalogue entry stays readable, and longest label.
const LABELS_MAX: usize = 3_000;
const LABEL_MAX: usize = 255;

/// What a column of this native type means; `None` for a type that nobody here knows.
pub(super) fn logical(native: &str) -> Option<Logical> {
    let (name, inside) = split(native);
    let (_, signed, unsigned, modifier) = TYPES.iter().find(|(known, ..)| *known == name)?;
    let words = native.split(" CHARACTER SET").next().unwrap_or_default();
    let plain = match unsigned {
        Some(unsigned) if words.ends_with("unsigned") || words.contains("unsigned zerofill") => {
            unsigned
        }
        Some(_) | None => signed,
    };
    let number = |at: usize| inside.split(',').nth(at).and_then(|n| n.trim().parse::<u32>().ok());
    let small = |at: usize| number(at).and_then(|n| u16::try_from(n).ok());
    Some(match (modifier, plain) {
        (Modifier::Length, Logical::Char { .. }) => {
            Logical::Char { length: number(0).unwrap_or(1) }
        }
        (Modifier::Length, _) => Logical::Text { length: number(0) },
        (Modifier::Decimal, _) => Logical::Decimal { precision: small(0), scale: small(1) },
        (Modifier::Bits, _) => {
            Logical::Bits { length: Some(number(0).unwrap_or(1)), varying: false }
        }
        (Modifier::Labels, _) => Logical::Enum { labels: labels(inside) },
        (Modifier::None, plain) => plain.clone(),
    })
}

/// `decimal(10,2) unsigned` → `decimal`, `10,2`.
fn split(native: &str) -> (&str, &str) {
    let end = native.find(['(', ' ']).unwrap_or(native.len());
    let inside = native[end..].strip_prefix('(').map_or("", |rest| {
        // Labels may hold parentheses; nothing that follows them does.
        let rest = rest.split(" CHARACTER SET ").next().unwrap_or(rest);
        rest.rfind(')').map_or(rest, |at| &rest[..at])
    });
    (&native[..end], inside)
}

/// `'a','it''s','b\\c'` → `a`, `it's`, `b\c`.
fn labels(inside: &str) -> Vec<String> {
    let mut labels = Vec::new();
    let mut rest = inside;
    while let Some(start) = rest.find('\'') {
        let literal = &rest[start..start + words::literal_length(&rest[start..])];
        rest = &rest[start + literal.len()..];
        let label = words::unquoted(literal).unwrap_or_default();
        labels.push(String::from_utf8_lossy(&label).into_owned());
    }
    labels
}

/// What a new column is given for values of this meaning, and what it then gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    /// The type.
    pub(super) native: String,
    /// What it gives back.
    pub(super) logical: Logical,
    /// Whether that can be foretold.
    pub(super) compared: bool,
}

impl Chosen {
    fn new(native: impl Into<String>, logical: Logical) -> Self {
        Self { native: native.into(), logical, compared: true }
    }
}

/// The type that a column of this meaning is given on this server. Texts and bytes in keys have at
/// most `key` characters or bytes, since an index cannot hold more.
pub(super) fn chosen(from: &Logical, server: Server, key: Option<u32>) -> Chosen {
    if let Some(key) = key {
        return in_key(from, server, key);
    }
    let same = |native: &str| Chosen::new(native, from.clone());
    match from {
        Logical::Boolean => same("tinyint(1)"),
        Logical::Integer { bits } => same(match (bits, server.lists_widths()) {
            (..=16, true) => "smallint(6)",
            (..=32, true) => "int(11)",
            (_, true) => "bigint(20)",
            (..=16, false) => "smallint",
            (..=32, false) => "int",
            (_, false) => "bigint",
        }),
        Logical::Decimal { precision, scale } => decimal(*precision, *scale),
        Logical::Float { bits: ..=32 } => same("float"),
        Logical::Float { .. } => same("double"),
        Logical::Text { length: Some(n) } if (1..=VARCHAR_MAX).contains(n) => {
            same(&format!("varchar({n})"))
        }
        Logical::Char { length } if (1..=CHAR_MAX).contains(length) => {
            same(&format!("char({length})"))
        }
        Logical::Char { length } if (1..=VARCHAR_MAX).contains(length) => {
            Chosen::new(format!("varchar({length})"), Logical::Text { length: Some(*length) })
        }
        Logical::Binary => same("longblob"),
        Logical::Date => same("date"),
        Logical::Time => same("time(6)"),
        Logical::Timestamp => same("datetime(6)"),
        Logical::TimestampWithZone => same("timestamp(6)"),
        // MariaDB has a `uuid`, which takes no value of a version from 9 on in the old variant; a hash
        // that was made into a UUID is one in fifty times such a value.
        Logical::Uuid => same("char(36) CHARACTER SET ascii COLLATE ascii_bin"),
        Logical::Json | Logical::JsonBinary => {
            Chosen { compared: server.json_keeps_text(), ..same("json") }
        }
        Logical::Bits { length: Some(n @ 1..=64), varying: false } => same(&format!("bit({n})")),
        Logical::Bits { .. } => same("longtext"),
        Logical::Enum { labels } if is_enum(labels) => {
            // As the server lists them.
            let listed = |label: &String| label.replace('\\', "\\\\").replace('\'', "''");
            let labels: Vec<_> =
                labels.iter().map(|label| format!("'{}'", listed(label))).collect();
            same(&format!("enum({})", labels.join(",")))
        }
        // Kept as text, as their own engine spells them.
        Logical::Text { .. }
        | Logical::Char { .. }
        | Logical::TimeWithZone
        | Logical::Interval
        | Logical::Enum { .. }
        | Logical::Array { .. }
        | Logical::Native { .. }
        | Logical::Any => Chosen::new("longtext", TEXT),
    }
}

fn in_key(from: &Logical, server: Server, key: u32) -> Chosen {
    let chosen = chosen(from, server, None);
    match (&*chosen.native, &chosen.logical) {
        ("longblob", _) => Chosen::new(format!("varbinary({})", key * 4), Logical::Binary),
        ("longtext", _) => {
            Chosen::new(format!("varchar({key})"), Logical::Text { length: Some(key) })
        }
        (_, Logical::Text { length: Some(n) }) if *n > key => {
            Chosen::new(format!("varchar({key})"), Logical::Text { length: Some(key) })
        }
        _ => chosen,
    }
}

/// Without precision, the widest there is.
fn decimal(precision: Option<u16>, scale: Option<u16>) -> Chosen {
    let (precision, scale) = match (precision, scale) {
        (Some(p), Some(s)) if p <= PRECISION_MAX && s <= SCALE_MAX && s <= p => (p, s),
        (Some(p), Some(s)) => {
            let s = s.min(SCALE_MAX);
            (p.max(s).min(PRECISION_MAX), s)
        }
        _ => (PRECISION_MAX, SCALE_MAX),
    };
    let logical = Logical::Decimal { precision: Some(precision), scale: Some(scale) };
    Chosen::new(format!("decimal({precision},{scale})"), logical)
}

/// Whether the labels can be those of an enumeration: the server cuts blanks at their end.
fn is_enum(labels: &[String]) -> bool {
    let fits = |label: &String| {
        let plain = !label.contains('\0');
        plain && !label.ends_with(' ') && label.chars().count() <= LABEL_MAX
    };
    !labels.is_empty() && labels.len() <= LABELS_MAX && labels.iter().all(fits)
}

/// What an existing column gives back for values of `from`; `None` when it would change them.
///
/// Each value is spelled for the column by `protocol::cell::fit` first, which refuses what the
/// column would round or cut, and the server is strict about all the rest; so this asks only whether
/// the two mean the same sort of thing.
pub(super) fn accepts(from: &Logical, column: &Column) -> Option<Logical> {
    use Logical as L;
    let to = &column.logical;
    let name = split(&column.native).0;
    // What is shorter would be filled up with zeros.
    if name == "binary" || matches!(name, "set" | "geometry" | "point") {
        return None;
    }
    let agrees = match (from, to) {
        (
            L::Integer { .. } | L::Decimal { .. } | L::Float { .. } | L::Any,
            L::Integer { .. } | L::Decimal { .. } | L::Float { .. },
        )
        | (L::Text { .. } | L::Char { .. } | L::Any, L::Text { .. } | L::Char { .. } | L::Uuid)
        | (
            L::Text { .. },
            L::Enum { .. } | L::Json | L::Date | L::Timestamp | L::TimestampWithZone,
        )
        | (L::Enum { .. }, L::Enum { .. } | L::Text { .. })
        | (L::Json | L::JsonBinary, L::Json | L::Text { length: None })
        | (L::Uuid | L::Interval | L::TimeWithZone | L::Bits { .. }, L::Text { length: None })
        | (L::Array { .. } | L::Native { .. }, L::Text { length: None })
        | (L::Integer { .. } | L::Decimal { .. }, L::Text { length: None }) => true,
        // A number there by name only, and made for this.
        (L::Boolean, L::Integer { .. }) if column.native.starts_with("tinyint(1)") => {
            return Some(L::Boolean);
        }
        (L::Time, L::Interval) => return Some(L::Time),
        (L::Uuid, L::Char { length: 36 }) => return Some(L::Uuid),
        (from, to) => from == to,
    };
    agrees.then(|| to.clone())
}

/// Characters of a text, where they are limited.
pub(super) fn length(logical: &Logical) -> Option<u32> {
    if let Logical::Char { length } = logical {
        return Some(*length);
    }
    if let Logical::Text { length } = logical { *length } else { None }
}

/// Whether a column is a text whose collation matters.
pub(super) fn is_text(logical: &Logical) -> bool {
    match logical {
        Logical::Text { .. }
        | Logical::Char { .. }
        | Logical::Enum { .. }
        | Logical::Json
        | Logical::JsonBinary
        | Logical::Any
        | Logical::Interval
        | Logical::TimeWithZone
        | Logical::Bits { .. }
        | Logical::Array { .. }
        | Logical::Native { .. } => true,
        Logical::Boolean
        | Logical::Integer { .. }
        | Logical::Decimal { .. }
        | Logical::Float { .. }
        | Logical::Binary
        | Logical::Date
        | Logical::Time
        | Logical::Timestamp
        | Logical::TimestampWithZone
        | Logical::Uuid => false,
    }
}
