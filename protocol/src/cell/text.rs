//! Characters, labels, bits and UUIDs.

use super::Reason;

/// Text of at most so many characters. Blanks at the end count: PostgreSQL would cut those beyond
/// the length away in silence, we do not.
pub(super) fn fit_text(length: Option<u32>, cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let text = std::str::from_utf8(cell).map_err(|_| Reason::InvalidEncoding)?;
    if length.is_some_and(|length| is_longer(text, length)) {
        return Err(Reason::TooLong);
    }
    out.extend_from_slice(cell);
    Ok(())
}

/// Text in a field of fixed length: blanks at the end mean nothing and are left out.
pub(super) fn fit_char(length: u32, cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let text = std::str::from_utf8(cell).map_err(|_| Reason::InvalidEncoding)?;
    fit_text(Some(length), text.trim_end_matches(' ').as_bytes(), out)
}

/// Text that only the engine that wrote it can take apart.
pub(super) fn fit_opaque(cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    fit_text(None, cell, out)
}

/// One of the labels, exactly as it is spelled.
pub(super) fn fit_label(labels: &[String], cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    if !labels.iter().any(|label| label.as_bytes() == cell) {
        return Err(Reason::NoSuchLabel);
    }
    out.extend_from_slice(cell);
    Ok(())
}

/// `0` and `1`, as many as the field has, or at most so many when it is varying.
pub(super) fn fit_bits(
    length: Option<u32>,
    varying: bool,
    cell: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Reason> {
    if !cell.iter().all(|bit| matches!(bit, b'0' | b'1')) {
        return Err(Reason::WrongType);
    }
    if let Some(length) = length {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if cell.len() > length {
            return Err(Reason::TooLong);
        }
        if cell.len() < length && !varying {
            return Err(Reason::WrongType);
        }
    }
    out.extend_from_slice(cell);
    Ok(())
}

/// 32 hexadecimal digits in any case, in braces or not, with a hyphen after any group of four;
/// written in lower case and 8-4-4-4-12.
pub(super) fn fit_uuid(cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let inner = match cell {
        [b'{', inner @ .., b'}'] => inner,
        bare => bare,
    };
    let mut digits = 0;
    let mut after_hyphen = true;
    for &byte in inner {
        if byte == b'-' {
            if after_hyphen || digits % 4 != 0 || digits == 32 {
                return Err(Reason::WrongType);
            }
            after_hyphen = true;
            continue;
        }
        if !byte.is_ascii_hexdigit() || digits == 32 {
            return Err(Reason::WrongType);
        }
        if matches!(digits, 8 | 12 | 16 | 20) {
            out.push(b'-');
        }
        out.push(byte.to_ascii_lowercase());
        after_hyphen = false;
        digits += 1;
    }
    if digits == 32 { Ok(()) } else { Err(Reason::WrongType) }
}

/// Whether text has more than `length` characters; counts only where its bytes leave doubt.
fn is_longer(text: &str, length: u32) -> bool {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    text.len() > length && text.chars().nth(length).is_some()
}
