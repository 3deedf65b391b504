//! Canonical cells as MySQL reads them: in the text of LOAD DATA, and as literals of an INSERT.

use protocol::cell;
use protocol::plan::ColumnMap;
use protocol::schema::Logical;

use super::words;

/// How the cells of one column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spell {
    /// As text.
    Text,
    /// As hexadecimal digits: bytes of no character set.
    Bytes,
    /// `0101`, as a number.
    Bits,
    /// `t` and `f`, as `1` and `0`.
    Boolean,
    /// Without the offset, which is always `+00`: the session is in UTC.
    Instant,
    /// With the digits of a double: those of a single are read as a number a little beyond it.
    Single,
    /// With four digits: `0` alone would be the year 2000.
    Year,
}

impl Spell {
    pub(super) fn of(column: &ColumnMap) -> Self {
        let native = column.native.to_ascii_lowercase();
        let is = |name: &str| native.starts_with(name);
        match &column.to {
            Logical::Binary => Self::Bytes,
            Logical::Boolean => Self::Boolean,
            Logical::Bits { .. } if is("bit") => Self::Bits,
            Logical::TimestampWithZone if is("timestamp") || is("datetime") => Self::Instant,
            Logical::Integer { .. } if is("year") => Self::Year,
            Logical::Float { bits: ..=32 } => Self::Single,
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
            | Logical::Uuid
            | Logical::Json
            | Logical::JsonBinary
            | Logical::Bits { .. }
            | Logical::Enum { .. }
            | Logical::Array { .. }
            | Logical::Native { .. }
            | Logical::Any => Self::Text,
        }
    }

    /// What LOAD DATA makes of a field that it read into a variable; none where the field is the
    /// column's own text.
    pub(super) fn of_variable(self, variable: &str) -> Option<String> {
        match self {
            Self::Bytes => Some(format!("UNHEX({variable})")),
            Self::Bits => Some(format!("CAST({variable} AS UNSIGNED)")),
            Self::Text | Self::Boolean | Self::Instant | Self::Single | Self::Year => None,
        }
    }

    /// Appends a field of LOAD DATA: tabs between, a newline at the end, a backslash before both.
    pub(super) fn push_field(self, out: &mut Vec<u8>, cell: &[u8]) {
        match self {
            Self::Bytes => words::push_hex(out, cell),
            Self::Text => push_escaped(out, cell),
            Self::Bits | Self::Boolean | Self::Instant | Self::Single | Self::Year => {
                self.push_plain(out, cell);
            }
        }
    }

    /// Appends a literal.
    pub(super) fn push_literal(self, out: &mut Vec<u8>, cell: &[u8]) {
        match self {
            Self::Bytes => {
                out.extend_from_slice(b"x'");
                words::push_hex(out, cell);
                out.push(b'\'');
            }
            Self::Bits | Self::Boolean => self.push_plain(out, cell),
            Self::Text => words::push_literal(out, cell),
            Self::Instant | Self::Single | Self::Year => {
                out.push(b'\'');
                self.push_plain(out, cell);
                out.push(b'\'');
            }
        }
    }

    /// Appends what needs no escapes. A cell that is not of the type goes as it is, for the server to
    /// refuse it.
    fn push_plain(self, out: &mut Vec<u8>, cell: &[u8]) {
        match self {
            Self::Bits => out.extend_from_slice(bits(cell).to_string().as_bytes()),
            Self::Boolean => out.push(if cell == b"t" { b'1' } else { b'0' }),
            Self::Instant => push_escaped(out, cell.strip_suffix(b"+00").unwrap_or(cell)),
            Self::Single => {
                match std::str::from_utf8(cell).ok().and_then(|text| text.parse::<f32>().ok()) {
                    Some(number) => cell::write_f64(out, number.into()),
                    None => push_escaped(out, cell),
                }
            }
            Self::Year => {
                out.resize(out.len() + 4_usize.saturating_sub(cell.len()), b'0');
                push_escaped(out, cell);
            }
            Self::Text | Self::Bytes => push_escaped(out, cell),
        }
    }
}

/// At most 64 bits, as a column of bits has.
fn bits(cell: &[u8]) -> u64 {
    cell.iter().fold(0, |number, bit| number << 1 | u64::from(*bit == b'1'))
}

fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'\\' | b'\'' => out.extend_from_slice(&[b'\\', *byte]),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0 => out.extend_from_slice(b"\\0"),
            _ => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(to: Logical, native: &str) -> Spell {
        Spell::of(&ColumnMap {
            source: "c".into(),
            target: "c".into(),
            from: to.clone(),
            to,
            native: native.into(),
            compared: true,
        })
    }

    #[test]
    fn cells_are_spelled_for_load_and_insert() {
        let text = Logical::Text { length: None };
        let bits = Logical::Bits { length: Some(4), varying: false };
        for (to, native, cell, field, literal) in [
            (
                text.clone(),
                "longtext",
                "a\tb\\N'\n\0",
                "a\\tb\\\\N\\'\\n\\0",
                "'a\tb\\\\N\\'\n\\0'",
            ),
            (Logical::Binary, "longblob", "a\0", "6100", "x'6100'"),
            (Logical::Boolean, "tinyint(1)", "t", "1", "1"),
            (bits.clone(), "bit(4)", "0101", "5", "5"),
            (bits, "varchar(4)", "0101", "0101", "'0101'"),
            (
                Logical::TimestampWithZone,
                "timestamp(6)",
                "2024-02-29 12:30:00.25+00",
                "2024-02-29 12:30:00.25",
                "'2024-02-29 12:30:00.25'",
            ),
            (Logical::Integer { bits: 16 }, "year(4)", "0", "0000", "'0000'"),
            (
                Logical::Float { bits: 32 },
                "float",
                "3.4028235e+38",
                "3.4028234663852886e+38",
                "'3.4028234663852886e+38'",
            ),
        ] {
            let spell = column(to, native);
            let (mut loaded, mut quoted) = (Vec::new(), Vec::new());
            spell.push_field(&mut loaded, cell.as_bytes());
            spell.push_literal(&mut quoted, cell.as_bytes());
            assert_eq!(String::from_utf8(loaded).unwrap(), field, "{native}");
            assert_eq!(String::from_utf8(quoted).unwrap(), literal, "{native}");
        }
    }
}
