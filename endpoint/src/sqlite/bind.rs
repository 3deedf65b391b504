//! A cell of a batch as a value that SQLite will give back as it was, or a reason why it would not.

use protocol::cell::Reason;
use protocol::plan::{ColumnMap, Lane};
use protocol::schema::Logical;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::render;
use super::types::{self, Affinity};

/// How the cells of one column are bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bind {
    /// By the tag of the raw lane.
    Tagged,
    Boolean,
    Integer,
    /// A double; a column that makes integers of whole numbers forgets the sign of zero.
    Float {
        bits: u8,
        keeps_sign: bool,
    },
    /// A decimal of so few digits that a double gives it back.
    ExactDecimal,
    Blob,
    /// Text, in a column that leaves text alone.
    Text,
    /// Text, in a column that would turn text that spells a number into that number.
    TextBesideNumbers,
}

/// How cells reach that column.
pub(super) fn bind(lane: Lane, column: &ColumnMap) -> Bind {
    if lane == Lane::Raw {
        return Bind::Tagged;
    }
    let affinity = Affinity::of(&column.native);
    let text = if affinity.turns_text_to_numbers() { Bind::TextBesideNumbers } else { Bind::Text };
    match &column.to {
        Logical::Boolean => Bind::Boolean,
        Logical::Integer { .. } => Bind::Integer,
        Logical::Float { bits } => {
            Bind::Float { bits: *bits, keeps_sign: !affinity.turns_text_to_numbers() }
        }
        Logical::Binary => Bind::Blob,
        Logical::Decimal { precision, scale }
            if affinity.turns_text_to_numbers() && types::is_exact(*precision, *scale) =>
        {
            Bind::ExactDecimal
        }
        Logical::Decimal { .. }
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
        | Logical::Any => text,
    }
}

impl Bind {
    /// The value of a cell.
    pub(super) fn value(self, cell: Option<&[u8]>) -> Result<ToSqlOutput<'_>, Reason> {
        let Some(cell) = cell else { return Ok(ToSqlOutput::Borrowed(ValueRef::Null)) };
        let value = match self {
            Self::Tagged => tagged(cell)?,
            Self::Boolean => match cell {
                b"t" => ValueRef::Integer(1),
                b"f" => ValueRef::Integer(0),
                _ => return Err(Reason::WrongType),
            },
            Self::Integer => ValueRef::Integer(number(cell)?),
            Self::Float { bits, keeps_sign } => ValueRef::Real(float(cell, bits, keeps_sign)?),
            Self::ExactDecimal => ValueRef::Real(exact(cell)?),
            Self::Blob => ValueRef::Blob(cell),
            Self::TextBesideNumbers if spells_number(cell) => return Err(Reason::WrongType),
            Self::Text | Self::TextBesideNumbers => ValueRef::Text(cell),
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

fn tagged(cell: &[u8]) -> Result<ValueRef<'_>, Reason> {
    let (tag, bytes) = cell.split_first().ok_or(Reason::WrongType)?;
    let word = || bytes.try_into().map_err(|_| Reason::WrongType);
    Ok(match *tag {
        render::INTEGER => ValueRef::Integer(i64::from_be_bytes(word()?)),
        render::REAL => ValueRef::Real(f64::from_bits(u64::from_be_bytes(word()?))),
        render::TEXT => ValueRef::Text(bytes),
        render::BLOB => ValueRef::Blob(bytes),
        _ => return Err(Reason::WrongType),
    })
}

fn number<T: std::str::FromStr>(cell: &[u8]) -> Result<T, Reason> {
    let text = std::str::from_utf8(cell).map_err(|_| Reason::InvalidEncoding)?;
    text.parse().map_err(|_| Reason::WrongType)
}

fn float(cell: &[u8], bits: u8, keeps_sign: bool) -> Result<f64, Reason> {
    let value = match bits {
        32 => f64::from(number::<f32>(cell)?),
        _ => number(cell)?,
    };
    // SQLite has no NaN: it would store NULL. And a column of REAL affinity keeps whole numbers as
    // integers, which have one zero only.
    match value {
        _ if value.is_nan() => Err(Reason::NotFinite),
        _ if value == 0.0 && value.is_sign_negative() && !keeps_sign => Err(Reason::NegativeZero),
        _ => Ok(value),
    }
}

/// The double of a decimal, if the shortest spelling of that double is this decimal again.
fn exact(cell: &[u8]) -> Result<f64, Reason> {
    let digits = cell.iter().filter(|byte| byte.is_ascii_digit()).skip_while(|byte| **byte == b'0');
    if digits.count() > usize::from(types::EXACT_DIGITS) {
        return Err(Reason::TooPrecise);
    }
    let value: f64 = number(cell)?;
    if value.is_finite() { Ok(value) } else { Err(Reason::NotFinite) }
}

/// Whether numeric affinity would take this text for a number, as SQLite reads numbers: blanks
/// around, a sign, digits with a point among them, an exponent.
fn spells_number(text: &[u8]) -> bool {
    // It reads no further than a NUL, though it keeps what follows in text.
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    let text = &text[start..end];
    let text = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    let exponent = text.iter().position(|byte| byte.eq_ignore_ascii_case(&b'e'));
    let (mantissa, exponent) = match exponent {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let points = mantissa.iter().filter(|byte| **byte == b'.').count();
    let digits: Vec<u8> = mantissa.iter().copied().filter(|byte| *byte != b'.').collect();
    let exponent = exponent.is_none_or(|exponent| {
        is_number(exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent))
    });
    points <= 1 && is_number(&digits) && exponent
}

#[cfg(test)]
mod tests {
    use protocol::batch::Batch;
    use rusqlite::Connection;

    use super::*;

    /// What a column gives back for a cell that was bound to it; or why it was not bound.
    fn round_trip(native: &str, logical: &Logical, cell: &[u8]) -> Result<Vec<u8>, Reason> {
        let column = ColumnMap {
            source: "c".into(),
            target: "c".into(),
            from: logical.clone(),
            to: logical.clone(),
            native: native.into(),
            compared: true,
        };
        let value = bind(Lane::Text, &column).value(Some(cell))?;
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&format!("CREATE TABLE t (c {native})")).unwrap();
        connection.execute("INSERT INTO t VALUES (?1)", [value]).unwrap();
        let mut batch = Batch::default();
        batch.begin_row(1);
        connection
            .query_row("SELECT c FROM t", [], |row| {
                render::push_text(&mut batch, logical, 0, row.get_ref(0)?);
                Ok(())
            })
            .unwrap();
        batch.end_row();
        match batch.misfits().first() {
            Some(misfit) => Err(misfit.reason),
            None => Ok(batch.row(0).cell(0).unwrap().to_vec()),
        }
    }

    fn survives(logical: &Logical, cells: &[&str]) {
        let (native, gives) = types::chosen(logical);
        for cell in cells {
            let back = round_trip(&native, &gives, cell.as_bytes());
            assert_eq!(back.as_deref(), Ok(cell.as_bytes()), "{cell} in {native}");
        }
    }

    #[test]
    fn values_survive_the_affinity_of_the_type_that_is_chosen_for_them() {
        let decimal = |precision, scale| Logical::Decimal { precision, scale };
        let hostile = ["1e5", "0012", "1.50", " 7 ", "-0", "+3", ".5", "0x1F", "NaN", "", "a'b\"c"];
        let labels = hostile.iter().map(|label| (*label).to_owned()).collect();
        for text in [
            Logical::Text { length: None },
            Logical::Text { length: Some(3) },
            Logical::Char { length: 9 },
            Logical::JsonBinary,
            Logical::Json,
            Logical::Interval,
            Logical::Enum { labels },
            Logical::Array { of: Box::new(Logical::Boolean) },
            Logical::Native { engine: protocol::schema::Engine::Postgres, name: "point".into() },
            Logical::Any,
        ] {
            survives(&text, &hostile);
        }
        survives(&Logical::Bits { length: None, varying: true }, &["0012", "1", "", "0101"]);
        survives(&Logical::Boolean, &["t", "f"]);
        for bits in [16, 32, 64] {
            survives(&Logical::Integer { bits }, &["0", "-1", "32767", "-32768"]);
        }
        let integers = ["9223372036854775807", "-9223372036854775808", "9007199254740993"];
        survives(&Logical::Integer { bits: 64 }, &integers);
        survives(
            &decimal(Some(12), Some(2)),
            &["1.50", "0.00", "-0.01", "9999999999.99", "-9999999999.99", "12.00", "0.10"],
        );
        survives(&decimal(Some(15), Some(0)), &["999999999999999", "-1", "0"]);
        survives(&decimal(Some(15), Some(15)), &["0.999999999999999", "0.000000000000001"]);
        survives(&decimal(Some(3), Some(5)), &["0.00123", "0.00000"]);
        survives(
            &decimal(None, None),
            &["1.50", "1e5", "0012", "NaN", "Infinity", "123456789012345678901234567890.5"],
        );
        survives(&decimal(Some(38), Some(2)), &["1.50", "0.00"]);
        let floats = ["0", "1", "0.1", "1e+20", "1e-05", "Infinity", "-Infinity", "-1.5"];
        survives(&Logical::Float { bits: 64 }, &floats);
        survives(&Logical::Float { bits: 64 }, &["1.7976931348623157e+308", "5e-324"]);
        survives(&Logical::Float { bits: 32 }, &["0.1", "1e+06", "3.4028235e+38", "1e-45"]);
        survives(&Logical::Date, &["2024-02-29", "12024-02-29", "0044-03-15 BC", "infinity"]);
        survives(&Logical::Time, &["12:30:00", "12:30:00.25", "24:00:00"]);
        survives(&Logical::TimeWithZone, &["12:30:00+02", "12:30:00-03:30"]);
        survives(&Logical::Timestamp, &["2024-02-29 12:30:00.25", "-infinity"]);
        survives(&Logical::TimestampWithZone, &["2024-02-29 12:30:00+00", "infinity"]);
        survives(&Logical::Uuid, &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]);
    }

    #[test]
    fn bytes_and_text_with_nul_survive() {
        for logical in [Logical::Binary, Logical::Text { length: None }] {
            let (native, _) = types::chosen(&logical);
            let cell = b"\0a\0";
            assert_eq!(round_trip(&native, &logical, cell).as_deref(), Ok(&cell[..]));
        }
        assert_eq!(round_trip("BLOB", &Logical::Binary, b"\xff").as_deref(), Ok(&b"\xff"[..]));
    }

    #[test]
    fn what_would_not_come_back_is_refused() {
        let float = Logical::Float { bits: 64 };
        assert_eq!(round_trip("DOUBLE", &float, b"NaN"), Err(Reason::NotFinite));
        assert_eq!(round_trip("DOUBLE", &float, b"-0"), Err(Reason::NegativeZero));
        assert_eq!(round_trip("", &float, b"-0").as_deref(), Ok(&b"-0"[..]));
        let exact = Logical::Decimal { precision: Some(5), scale: Some(2) };
        assert_eq!(round_trip("NUMERIC(5,2)", &exact, b"NaN"), Err(Reason::NotFinite));
        assert_eq!(
            round_trip("INTEGER", &Logical::Integer { bits: 64 }, b"x"),
            Err(Reason::WrongType)
        );
        assert_eq!(round_trip("BOOLEAN", &Logical::Boolean, b"true"), Err(Reason::WrongType));
    }

    #[test]
    fn text_that_numeric_affinity_takes_for_a_number_is_known_as_sqlite_knows_it() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (c NUMERIC)").unwrap();
        for text in [
            "1",
            "-1",
            "+1",
            "1e5",
            "1E+5",
            "1e",
            "e5",
            "1.5",
            ".5",
            "5.",
            ".",
            "-",
            "",
            " 7 ",
            "\t7\n",
            "7 7",
            "0x10",
            "1_000",
            "Infinity",
            "NaN",
            "inf",
            "1e999",
            "--1",
            "1.2.3",
            "2024-02-29",
            "12:30",
            "\u{a0}1",
            "1\0",
            "1\0x",
            "\0",
            "\u{b}1\u{b}",
            "\u{c}1",
            "0012",
        ] {
            connection.execute("DELETE FROM t", []).unwrap();
            connection.execute("INSERT INTO t VALUES (?1)", [text]).unwrap();
            let class: String =
                connection.query_row("SELECT typeof(c) FROM t", [], |row| row.get(0)).unwrap();
            assert_eq!(spells_number(text.as_bytes()), class != "text", "{text:?} became {class}");
        }
    }

    #[test]
    fn the_raw_lane_keeps_class_and_bits() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (c)").unwrap();
        for literal in ["NULL", "-5", "0.1", "-0.0", "9e999", "'a'", "''", "x''", "x'00ff'"] {
            let mut batch = Batch::default();
            batch.begin_row(1);
            let select = format!("SELECT {literal}");
            connection
                .query_row(&select, [], |row| {
                    render::push_raw(&mut batch, row.get_ref(0)?);
                    Ok(())
                })
                .unwrap();
            batch.end_row();
            let value = Bind::Tagged.value(batch.row(0).cell(0)).unwrap();
            let same = format!("SELECT ?1 IS {literal} AND typeof(?1) = typeof({literal})");
            let same: bool = connection.query_row(&same, [value], |row| row.get(0)).unwrap();
            assert!(same, "{literal}");
        }
    }
}
