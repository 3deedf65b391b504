//! COPY's text format, into cells of canonical text.
//!
//! Under our session settings the server prints canonical text itself, so a field is copied as it
//! stands; only escapes are undone. Two types need more: `bytea` comes in hexadecimal and becomes
//! bytes, `char(n)` comes padded and loses its blanks. Where the server vouches for no encoding, a text
//! that is not UTF-8 is noted as a misfit and stands as it is, for it can be mended.

use protocol::batch::{Batch, Misfit};
use protocol::cell::Reason;
use protocol::schema::Logical;

use super::Waiting;

/// What is done to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rendering {
    AsPrinted,
    Bytes,
    Trimmed,
}

/// Takes the stream apart into rows. The server sends a line per message; what is not whole waits.
#[derive(Debug)]
pub(super) struct Decoder {
    columns: Vec<Rendering>,
    /// The server vouches for the encoding of texts.
    encoded: bool,
    waiting: Waiting,
    /// Where an escaped field is put together before it is rendered.
    scratch: Vec<u8>,
}

impl Decoder {
    pub(super) fn new(columns: &[(String, Logical)], encoded: bool) -> Self {
        let rendering = |(_, logical): &(String, Logical)| match logical {
            Logical::Binary => Rendering::Bytes,
            Logical::Char { .. } => Rendering::Trimmed,
            Logical::Boolean
            | Logical::Integer { .. }
            | Logical::Decimal { .. }
            | Logical::Float { .. }
            | Logical::Text { .. }
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
            | Logical::Any => Rendering::AsPrinted,
        };
        let columns = columns.iter().map(rendering).collect();
        Self { columns, encoded, waiting: Waiting::default(), scratch: Vec::new() }
    }

    /// Appends the whole lines of a message.
    pub(super) fn push(&mut self, message: &[u8], batch: &mut Batch) -> Result<(), &'static str> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = waiting.and(message, |bytes| self.take(bytes, batch))?;
        Ok(())
    }

    /// Whether no line was left half said.
    pub(super) fn is_complete(&self) -> bool {
        self.waiting.is_empty()
    }

    fn take(&mut self, bytes: &[u8], batch: &mut Batch) -> Result<usize, &'static str> {
        let mut taken = 0;
        // Line feeds inside values are escaped, so the last one ends the last whole line.
        while let Some(length) = line_length(&bytes[taken..]) {
            self.line(&bytes[taken..taken + length - 1], batch)?;
            taken += length;
        }
        Ok(taken)
    }

    fn line(&mut self, mut line: &[u8], batch: &mut Batch) -> Result<(), &'static str> {
        batch.begin_row(self.columns.len());
        let last = self.columns.len().wrapping_sub(1);
        for (index, rendering) in self.columns.iter().enumerate() {
            let (end, escaped) = scan(line);
            if (end == line.len()) != (index == last) {
                return Err("a row has another number of fields than were asked for");
            }
            // What the server escapes is ASCII, and so is how it does.
            if !self.encoded && std::str::from_utf8(&line[..end]).is_err() {
                let (row, reason) = (batch.rows(), Reason::InvalidEncoding);
                batch.note_misfit(Misfit { row, column: index, reason });
            }
            render(&line[..end], escaped, *rendering, &mut self.scratch, batch)?;
            line = line.get(end + 1..).unwrap_or_default();
        }
        batch.end_row();
        Ok(())
    }
}

/// The length of the first line with its line feed. A message is one line, so its end is looked
/// at first.
fn line_length(bytes: &[u8]) -> Option<usize> {
    let position = bytes.iter().position(|byte| *byte == b'\n')?;
    Some(position + 1)
}

/// Where the first field ends, and whether it holds an escape.
fn scan(line: &[u8]) -> (usize, bool) {
    let stop = |byte: &u8| *byte == b'\t' || *byte == b'\\';
    let Some(first) = line.iter().position(stop) else { return (line.len(), false) };
    if line[first] == b'\t' {
        return (first, false);
    }
    // A tab inside a value is escaped as `\t`, so a bare one always ends the field.
    let rest = line[first..].iter().position(|byte| *byte == b'\t');
    (rest.map_or(line.len(), |at| first + at), true)
}

fn render(
    field: &[u8],
    escaped: bool,
    rendering: Rendering,
    scratch: &mut Vec<u8>,
    batch: &mut Batch,
) -> Result<(), &'static str> {
    if field == br"\N" {
        batch.push_cell(None);
        return Ok(());
    }
    match (rendering, escaped) {
        (Rendering::AsPrinted, false) => batch.push_cell(Some(field)),
        (Rendering::AsPrinted, true) => batch.push_cell_with(|out| unescape(field, out)),
        (Rendering::Trimmed, _) => {
            scratch.clear();
            unescape(field, scratch);
            let blanks = scratch.iter().rev().take_while(|byte| **byte == b' ').count();
            batch.push_cell(Some(&scratch[..scratch.len() - blanks]));
        }
        (Rendering::Bytes, _) => {
            // `\x` with its backslash escaped.
            let digits = field.strip_prefix(br"\\x").ok_or("bytes are not in hexadecimal")?;
            let mut well = digits.len().is_multiple_of(2);
            batch.push_cell_with(|out| well &= unhex(digits, out));
            return if well { Ok(()) } else { Err("bytes are not in hexadecimal") };
        }
    }
    Ok(())
}

/// Undoes the escapes that the server writes.
fn unescape(field: &[u8], out: &mut Vec<u8>) {
    let mut rest = field;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        let Some(letter) = rest.get(at + 1) else { return };
        out.push(match letter {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            other => *other,
        });
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
}

/// Appends the bytes that pairs of digits spell; false when one is no digit.
fn unhex(digits: &[u8], out: &mut Vec<u8>) -> bool {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    out.reserve(digits.len() / 2);
    for pair in digits.chunks_exact(2) {
        match (value(pair[0]), value(pair[1])) {
            (Some(high), Some(low)) => out.push(high << 4 | low),
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(columns: &[Logical], text: &[u8], size: usize) -> Vec<Vec<Option<Vec<u8>>>> {
        let columns: Vec<_> = columns.iter().map(|c| (String::new(), c.clone())).collect();
        let (mut decoder, mut batch) = (Decoder::new(&columns, true), Batch::default());
        for message in text.chunks(size) {
            decoder.push(message, &mut batch).unwrap();
        }
        assert!(decoder.is_complete());
        batch.iter().map(|row| row.cells().map(|cell| cell.map(<[u8]>::to_vec)).collect()).collect()
    }

    const TEXT: Logical = Logical::Text { length: None };

    #[test]
    fn escapes_are_undone_and_null_is_not_its_spelling() {
        let text = b"\\N\t\\\\N\ta\\tb\\nc\\\\\n\tx\t\\b\\f\\r\\v\n";
        for size in 1..=text.len() {
            assert_eq!(
                decode(&[TEXT, TEXT, TEXT], text, size),
                [
                    vec![None, Some(b"\\N".to_vec()), Some(b"a\tb\nc\\".to_vec())],
                    vec![Some(vec![]), Some(b"x".to_vec()), Some(vec![8, 12, 13, 11])],
                ]
            );
        }
    }

    #[test]
    fn bytes_are_bytes_and_padding_is_cut() {
        let columns = [Logical::Binary, Logical::Char { length: 4 }];
        assert_eq!(
            decode(&columns, b"\\\\x00ff\tab  \n\\\\x\t    \n", 64),
            [vec![Some(vec![0, 255]), Some(b"ab".to_vec())], vec![Some(vec![]), Some(vec![])],]
        );
    }

    #[test]
    fn text_of_another_encoding_is_noted_where_nobody_vouches_for_it() {
        let columns = [(String::new(), TEXT), (String::new(), TEXT)];
        for (encoded, misfits) in [(true, 0), (false, 1)] {
            let (mut decoder, mut batch) = (Decoder::new(&columns, encoded), Batch::default());
            decoder.push("ä\t\\N\n".as_bytes(), &mut batch).unwrap();
            decoder.push(b"a\tb\\t\xff\n", &mut batch).unwrap();
            assert_eq!(batch.misfits().len(), misfits);
            assert_eq!(batch.row(1).cell(1), Some(&b"b\t\xff"[..]));
            let noted = batch.misfits().first().map(|misfit| (misfit.row, misfit.column));
            assert_eq!(noted, (!encoded).then_some((1, 1)));
        }
    }

    #[test]
    fn a_table_without_columns_has_rows_all_the_same() {
        assert_eq!(decode(&[], b"\n\n", 8).len(), 2);
    }

    #[test]
    fn a_row_of_another_width_is_refused() {
        let columns = [(String::new(), TEXT)];
        let mut decoder = Decoder::new(&columns, true);
        assert!(decoder.push(b"a\tb\n", &mut Batch::default()).is_err());
    }
}
