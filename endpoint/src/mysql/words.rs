//! Names and literals on their way into MySQL's SQL. No identifier is pasted into a statement but
//! through here.
//!
//! Names stand in backticks, whatever `sql_mode` says. Literals are read with backslash escapes,
//! which every session of ours leaves on, in `utf8mb4`, which every session of ours speaks.

use std::fmt::Write as _;

use protocol::schema::TableName;

/// A name of a column, index, table or constraint.
pub(super) fn name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A table: in MySQL a schema is a database, and ours is the one that the URL names.
pub(super) fn table(table: &TableName) -> String {
    name(&table.name)
}

/// `` `a`, `b` ``.
pub(super) fn names<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    all.into_iter().map(name).collect::<Vec<_>>().join(", ")
}

/// `'it\'s'`.
pub(super) fn literal(text: &str) -> String {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    push_literal(&mut quoted, text.as_bytes());
    String::from_utf8(quoted).expect("escapes are ASCII before ASCII")
}

/// Appends a literal of bytes that are UTF-8.
pub(super) fn push_literal(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'\'');
    for byte in text {
        match byte {
            0 => out.extend_from_slice(b"\\0"),
            b'\'' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            // Ends the input on some platforms.
            0x1a => out.extend_from_slice(b"\\Z"),
            _ => out.push(*byte),
        }
    }
    out.push(b'\'');
}

/// How long the literal in single quotes is that begins a text.
pub(super) fn literal_length(text: &str) -> usize {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        let ends = byte == b'\'' && text.as_bytes().get(at + 1) != Some(&b'\'');
        if ends {
            return at + 1;
        }
        if matches!(byte, b'\\' | b'\'') {
            bytes.next();
        }
    }
    text.len()
}

/// The bytes of a literal in single quotes, as the server prints one; nothing where it is none.
pub(super) fn unquoted(literal: &str) -> Option<Vec<u8>> {
    let inner = literal.strip_prefix('\'')?.strip_suffix('\'')?;
    let (mut bytes, mut rest) = (Vec::with_capacity(inner.len()), inner.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'0' => 0,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'Z' => 0x1a,
                other => other,
            },
            b'\'' => rest.next().filter(|next| *next == b'\'')?,
            other => other,
        });
    }
    Some(bytes)
}

/// Appends bytes in hexadecimal.
pub(super) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// `0A1b` in hexadecimal, or nothing where it is not.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_name_nor_literal_can_leave_its_quotes() {
        assert_eq!(name("a`; DROP TABLE t; --"), "`a``; DROP TABLE t; --`");
        assert_eq!(literal("it's \\' \0"), "'it\\'s \\\\\\' \\0'");
        assert_eq!(names(["select", "B"]), "`select`, `B`");
        assert_eq!(hex(&[0, 255, 0x1a]), "00FF1A");
        assert_eq!(unquoted("'it''s \\\\ \\0'").as_deref(), Some(&b"it's \\ \0"[..]));
        assert_eq!(literal_length("'it''s \\\\',''"), 10);
        assert_eq!(literal_length("'a"), 2);
        for other in ["x'00'", "'a'b'", "'a", "", "now()"] {
            assert_eq!(unquoted(other), None, "{other}");
        }
    }
}
