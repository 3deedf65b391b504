//! A cell as MySQL's text protocol gives it, as canonical text of what the column means.

use mysql_async::Column;
use mysql_async::consts::{ColumnFlags, ColumnType};
use protocol::batch::{Batch, Misfit};
use protocol::cell::{self, Reason};
use protocol::schema::Logical;

use super::words;

/// How the cells of one column become canonical text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Render {
    /// Bytes as they are.
    Bytes,
    /// Text as it is, when it is UTF-8.
    Text,
    /// The same of a column that was selected with care.
    CarefulText,
    /// A number that may be padded with zeros.
    Number,
    /// A double in the server's own digits, which lose nothing.
    Float { bits: u8 },
    /// `1` and `0`.
    Boolean,
    /// Bits in bytes.
    Bits { length: usize },
    /// A date or time, whose seconds end where the last digit that is not zero does.
    Moment { zone: &'static [u8] },
}

/// How a column is selected. A `FLOAT` is printed with six digits, and as a double with all it has;
/// a multiplication by one keeps the sign of zero.
pub(super) fn selected(column: &str, logical: &Logical) -> String {
    let name = words::name(column);
    match logical {
        Logical::Float { .. } => format!("{name} * 1e0"),
        Logical::Boolean
        | Logical::Integer { .. }
        | Logical::Decimal { .. }
        | Logical::Text { .. }
        | Logical::Char { .. }
        | Logical::Binary
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
        | Logical::Any => name,
    }
}

/// What stands before the bytes of a text that its character set does not have; no text in UTF-8
/// begins so.
const UNREADABLE: u8 = 0xff;

/// How a text is selected whose character set does not have all bytes. The server turns what is no
/// character into `?` without a word; so where there are more of those than before, the bytes are
/// given as they are stored. What is too long for a function of the server is NULL there, and must not
/// become one here: the mark alone says that there is a text.
pub(super) fn selected_with_care(column: &str) -> String {
    let name = words::name(column);
    let others = |text: &str| format!("CHAR_LENGTH(REPLACE({text}, '?', ''))");
    let converted = format!("CONVERT({name} USING utf8mb4)");
    format!(
        "IF({} <> {}, COALESCE(CONCAT(x'ff', CAST({name} AS BINARY)), x'ff'), {converted})",
        others(&converted),
        others(&name)
    )
}

impl Render {
    pub(super) fn of(column: &Column, logical: &Logical) -> Self {
        let kind = column.column_type();
        let timed = matches!(
            kind,
            ColumnType::MYSQL_TYPE_TIME
                | ColumnType::MYSQL_TYPE_TIME2
                | ColumnType::MYSQL_TYPE_DATETIME
                | ColumnType::MYSQL_TYPE_DATETIME2
                | ColumnType::MYSQL_TYPE_TIMESTAMP
                | ColumnType::MYSQL_TYPE_TIMESTAMP2
        );
        match logical {
            Logical::Binary => Self::Bytes,
            Logical::Boolean => Self::Boolean,
            Logical::Float { bits } => Self::Float { bits: *bits },
            Logical::Bits { length, .. } if kind == ColumnType::MYSQL_TYPE_BIT => {
                let length = length.unwrap_or_else(|| column.column_length());
                Self::Bits { length: usize::try_from(length).unwrap_or(64) }
            }
            Logical::Integer { .. } | Logical::Decimal { .. } if is_padded(column) => Self::Number,
            Logical::TimestampWithZone if timed => Self::Moment { zone: b"+00" },
            Logical::Time | Logical::Interval | Logical::Timestamp if timed => {
                Self::Moment { zone: b"" }
            }
            Logical::Integer { .. }
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
            | Logical::Any => Self::Text,
        }
    }

    /// Appends a cell. One that is not what its column means is noted as a misfit of the row being
    /// built: a text that is not well encoded stands as it is, for it can be mended, and all else as
    /// NULL.
    pub(super) fn push(&self, batch: &mut Batch, column: usize, cell: Option<&[u8]>) {
        let Some(cell) = cell else { return batch.push_cell(None) };
        if let Err(reason) = self.push_value(batch, cell) {
            let marked = (*self == Self::CarefulText).then(|| cell.strip_prefix(&[UNREADABLE]));
            let stored = marked.flatten().unwrap_or(cell);
            batch.push_cell((reason == Reason::InvalidEncoding).then_some(stored));
            let row = batch.rows();
            batch.note_misfit(Misfit { row, column, reason });
        }
    }

    fn push_value(&self, batch: &mut Batch, cell: &[u8]) -> Result<(), Reason> {
        match self {
            Self::Bytes => batch.push_cell(Some(cell)),
            Self::Text | Self::CarefulText if std::str::from_utf8(cell).is_err() => {
                return Err(Reason::InvalidEncoding);
            }
            Self::Text | Self::CarefulText => batch.push_cell(Some(cell)),
            Self::Number => batch.push_cell(Some(unpadded(cell))),
            Self::Float { bits } => return push_float(batch, *bits, cell),
            Self::Boolean => match cell {
                b"0" => batch.push_cell(Some(b"f")),
                b"1" => batch.push_cell(Some(b"t")),
                _ => return Err(Reason::WrongType),
            },
            Self::Bits { length } => batch.push_cell_with(|out| push_bits(out, *length, cell)),
            Self::Moment { zone } => batch.push_cell_with(|out| {
                out.extend_from_slice(whole_seconds(cell));
                out.extend_from_slice(zone);
            }),
        }
        Ok(())
    }
}

fn is_padded(column: &Column) -> bool {
    column.flags().contains(ColumnFlags::ZEROFILL_FLAG)
        || column.column_type() == ColumnType::MYSQL_TYPE_YEAR
}

/// `00042` → `42`, `0001.50` → `1.50`, `0000` → `0`.
fn unpadded(cell: &[u8]) -> &[u8] {
    let zeros = cell.iter().take_while(|byte| **byte == b'0').count();
    // One zero stays before the point, and where there is nothing else.
    let last = cell.get(zeros).is_none_or(|byte| *byte == b'.');
    &cell[zeros - usize::from(last && zeros > 0)..]
}

fn push_float(batch: &mut Batch, bits: u8, cell: &[u8]) -> Result<(), Reason> {
    let text = std::str::from_utf8(cell).map_err(|_| Reason::WrongType)?;
    let number: f64 = text.parse().map_err(|_| Reason::WrongType)?;
    if bits > 32 {
        batch.push_cell_with(|out| cell::write_f64(out, number));
        return Ok(());
    }
    #[expect(clippy::cast_possible_truncation, reason = "the column keeps 32 bits")]
    let narrow = number as f32;
    if f64::from(narrow).to_bits() != number.to_bits() {
        return Err(Reason::TooPrecise);
    }
    batch.push_cell_with(|out| cell::write_f32(out, narrow));
    Ok(())
}

/// The last `length` bits.
fn push_bits(out: &mut Vec<u8>, length: usize, cell: &[u8]) {
    let there = cell.len() * 8;
    for at in there.saturating_sub(length)..there {
        let bit = cell[at / 8] >> (7 - at % 8) & 1;
        out.push(b'0' + bit);
    }
}

/// `12:30:00.250000` → `12:30:00.25`, `12:30:00.000` → `12:30:00`.
fn whole_seconds(cell: &[u8]) -> &[u8] {
    if !cell.contains(&b'.') {
        return cell;
    }
    let zeros = cell.iter().rev().take_while(|byte| **byte == b'0').count();
    let kept = &cell[..cell.len() - zeros];
    kept.strip_suffix(b".").unwrap_or(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_that_say_nothing_are_left_out() {
        for (cell, number) in [
            ("00042", "42"),
            ("0000", "0"),
            ("0001.50", "1.50"),
            ("0.50", "0.50"),
            ("-0.50", "-0.50"),
            ("7", "7"),
            ("1000", "1000"),
        ] {
            assert_eq!(unpadded(cell.as_bytes()), number.as_bytes());
        }
        for (cell, moment) in [
            ("12:30:00.250000", "12:30:00.25"),
            ("-838:59:59.000", "-838:59:59"),
            ("2024-02-29 10:20:30", "2024-02-29 10:20:30"),
        ] {
            assert_eq!(whole_seconds(cell.as_bytes()), moment.as_bytes());
        }
    }

    #[test]
    fn a_text_that_is_marked_as_unreadable_is_noted_and_stands_as_it_is_stored() {
        for (render, cell, stored) in [
            (Render::CarefulText, &b"\xff\xc3\xa9"[..], Some(&b"\xc3\xa9"[..])),
            (Render::CarefulText, b"\xff", Some(b"")),
            (Render::Text, b"\xffa", Some(b"\xffa")),
            (Render::Boolean, b"2", None),
        ] {
            let mut batch = Batch::default();
            batch.begin_row(1);
            render.push(&mut batch, 0, Some(cell));
            batch.end_row();
            assert_eq!(batch.row(0).cell(0), stored, "{render:?}");
            assert_eq!(batch.misfits().len(), 1, "{render:?}");
        }
        let mut batch = Batch::default();
        batch.begin_row(1);
        Render::CarefulText.push(&mut batch, 0, Some("é?".as_bytes()));
        batch.end_row();
        assert_eq!((batch.row(0).cell(0), batch.misfits().len()), (Some("é?".as_bytes()), 0));
    }

    #[test]
    fn bits_stand_one_by_one() {
        let mut out = Vec::new();
        push_bits(&mut out, 3, &[0b101]);
        push_bits(&mut out, 10, &[0b10, 0b0000_0001]);
        assert_eq!(out, b"1011000000001");
    }

    #[test]
    fn a_float_comes_in_the_shortest_form_that_says_it() {
        let spelled = |bits, cell: &str| {
            let mut batch = Batch::default();
            batch.begin_row(1);
            let pushed = push_float(&mut batch, bits, cell.as_bytes());
            batch.end_row();
            pushed.map(|()| String::from_utf8(batch.row(0).cell(0).unwrap().to_vec()).unwrap())
        };
        assert_eq!(spelled(32, "0.10000000149011612").as_deref(), Ok("0.1"));
        assert_eq!(spelled(32, "0.1"), Err(Reason::TooPrecise));
        assert_eq!(spelled(64, "-0").as_deref(), Ok("-0"));
        assert_eq!(spelled(64, "5e-324").as_deref(), Ok("5e-324"));
        assert_eq!(spelled(64, "abc"), Err(Reason::WrongType));
    }
}
