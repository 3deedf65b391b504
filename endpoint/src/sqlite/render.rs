//! A cell of SQLite as bytes of a batch: in the raw lane with its storage class, in the text lane
//! as canonical text of what the column means.

use protocol::batch::{Batch, Misfit};
use protocol::cell::{self, Reason};
use protocol::schema::Logical;
use rusqlite::types::ValueRef;

/// Tags of the raw lane.
pub(super) const INTEGER: u8 = b'i';
pub(super) const REAL: u8 = b'r';
pub(super) const TEXT: u8 = b't';
pub(super) const BLOB: u8 = b'b';

/// Appends a cell as its tag and its bytes: nothing is looked at.
pub(super) fn push_raw(batch: &mut Batch, value: ValueRef<'_>) {
    let mut push = |tag: u8, bytes: &[u8]| {
        batch.push_cell_with(|out| {
            out.push(tag);
            out.extend_from_slice(bytes);
        });
    };
    match value {
        ValueRef::Null => batch.push_cell(None),
        ValueRef::Integer(number) => push(INTEGER, &number.to_be_bytes()),
        ValueRef::Real(number) => push(REAL, &number.to_bits().to_be_bytes()),
        ValueRef::Text(bytes) => push(TEXT, bytes),
        ValueRef::Blob(bytes) => push(BLOB, bytes),
    }
}

/// Appends a cell as canonical text. One that does not fit what the column means is noted as a misfit
/// of the row being built: a text that is not well encoded stands as it is, for it can be mended, and
/// all else as NULL.
pub(super) fn push_text(batch: &mut Batch, logical: &Logical, column: usize, value: ValueRef<'_>) {
    let done = match value {
        ValueRef::Null => {
            batch.push_cell(None);
            Ok(())
        }
        ValueRef::Integer(number) => push_integer(batch, logical, number),
        ValueRef::Real(number) => push_real(batch, logical, number),
        ValueRef::Text(bytes) => push_bytes(batch, logical, bytes),
        ValueRef::Blob(bytes) if *logical == Logical::Binary => {
            batch.push_cell(Some(bytes));
            Ok(())
        }
        // Bytes that are a text, in a column of texts: SQLite looks at no type, and frameworks write
        // what they have in hands.
        ValueRef::Blob(bytes) if is_text(logical) && std::str::from_utf8(bytes).is_ok() => {
            push_bytes(batch, logical, bytes)
        }
        ValueRef::Blob(_) => Err(Reason::WrongType),
    };
    if let Err(reason) = done {
        batch.push_cell(match (reason, value) {
            (Reason::InvalidEncoding, ValueRef::Text(bytes)) => Some(bytes),
            _ => None,
        });
        let row = batch.rows();
        batch.note_misfit(Misfit { row, column, reason });
    }
}

/// Integers that a double holds without loss.
const EXACT_MAX: u64 = 1 << 53;

fn push_integer(batch: &mut Batch, logical: &Logical, number: i64) -> Result<(), Reason> {
    match logical {
        Logical::Boolean => match number {
            0 => batch.push_cell(Some(b"f")),
            1 => batch.push_cell(Some(b"t")),
            _ => return Err(Reason::WrongType),
        },
        // A whole number is stored as an integer under NUMERIC affinity.
        #[expect(clippy::cast_precision_loss, reason = "the arm holds for exact ones only")]
        Logical::Float { .. } if number.unsigned_abs() <= EXACT_MAX => {
            return push_real(batch, logical, number as f64);
        }
        Logical::Decimal { scale, .. } => {
            batch.push_cell_with(|out| {
                out.extend_from_slice(number.to_string().as_bytes());
                pad(out, 0, *scale);
            });
        }
        Logical::Integer { .. }
        | Logical::Float { .. }
        | Logical::Text { .. }
        | Logical::Char { .. }
        | Logical::Json
        | Logical::JsonBinary
        | Logical::Enum { .. }
        | Logical::Native { .. }
        | Logical::Any => batch.push_cell(Some(number.to_string().as_bytes())),
        // A count of days or seconds, or text of digits that the affinity took for a number: which
        // of them, and since when, nobody can tell.
        Logical::Date
        | Logical::Time
        | Logical::TimeWithZone
        | Logical::Timestamp
        | Logical::TimestampWithZone
        | Logical::Interval
        | Logical::Binary
        | Logical::Uuid
        | Logical::Bits { .. }
        | Logical::Array { .. } => return Err(Reason::WrongType),
    }
    Ok(())
}

fn push_real(batch: &mut Batch, logical: &Logical, number: f64) -> Result<(), Reason> {
    match logical {
        Logical::Float { bits: 32 } => {
            #[expect(clippy::cast_possible_truncation, reason = "the column keeps 32 bits")]
            let narrow = number as f32;
            if f64::from(narrow).to_bits() != number.to_bits() {
                return Err(Reason::TooPrecise);
            }
            batch.push_cell_with(|out| cell::write_f32(out, narrow));
        }
        // A fraction in a column of integers is looked at where it goes: it may be rounded there.
        Logical::Float { .. } | Logical::Integer { .. } | Logical::Any | Logical::Native { .. } => {
            batch.push_cell_with(|out| cell::write_f64(out, number));
        }
        Logical::Decimal { scale, .. } => {
            batch.push_cell_with(|out| write_decimal(out, number, *scale));
        }
        Logical::Json | Logical::JsonBinary | Logical::Text { .. } | Logical::Char { .. }
            if number.is_finite() =>
        {
            batch.push_cell_with(|out| cell::write_f64(out, number));
        }
        Logical::Json
        | Logical::JsonBinary
        | Logical::Text { .. }
        | Logical::Char { .. }
        | Logical::Boolean
        | Logical::Binary
        | Logical::Date
        | Logical::Time
        | Logical::TimeWithZone
        | Logical::Timestamp
        | Logical::TimestampWithZone
        | Logical::Interval
        | Logical::Uuid
        | Logical::Bits { .. }
        | Logical::Enum { .. }
        | Logical::Array { .. } => return Err(Reason::WrongType),
    }
    Ok(())
}

fn is_text(logical: &Logical) -> bool {
    matches!(
        logical,
        Logical::Text { .. } | Logical::Char { .. } | Logical::Json | Logical::JsonBinary
    )
}

/// The fewest digits that give the same double again, without exponent, and zeros up to the scale.
/// For a decimal of at most fifteen digits these are the digits that were stored.
fn write_decimal(out: &mut Vec<u8>, number: f64, scale: Option<u16>) {
    if number.is_infinite() {
        let infinity: &[u8] = if number > 0.0 { b"Infinity" } else { b"-Infinity" };
        return out.extend_from_slice(infinity);
    }
    // A decimal knows no negative zero.
    let digits = if number == 0.0 { "0".to_owned() } else { number.to_string() };
    let fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    out.extend_from_slice(digits.as_bytes());
    pad(out, fraction, scale);
}

fn pad(out: &mut Vec<u8>, fraction: usize, scale: Option<u16>) {
    let scale = usize::from(scale.unwrap_or(0));
    if fraction == 0 && scale > 0 {
        out.push(b'.');
    }
    out.resize(out.len() + scale.saturating_sub(fraction), b'0');
}

fn push_bytes(batch: &mut Batch, logical: &Logical, bytes: &[u8]) -> Result<(), Reason> {
    // A text in a column of bytes is its bytes.
    if std::str::from_utf8(bytes).is_err() && *logical != Logical::Binary {
        return Err(Reason::InvalidEncoding);
    }
    match logical {
        // A number's affinity turns every text that is a number into one, so this text is none,
        // unless the column keeps numbers as text.
        Logical::Integer { .. } | Logical::Float { .. } => return Err(Reason::WrongType),
        Logical::Boolean
        | Logical::Binary
        | Logical::Decimal { .. }
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
        | Logical::Any => batch.push_cell(Some(bytes)),
    }
    Ok(())
}
