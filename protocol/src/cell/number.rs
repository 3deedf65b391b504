//! Booleans, integers and decimals.

use super::Reason;

/// Digits that PostgreSQL's `numeric` keeps before and after the point, where nothing narrower is
/// declared.
const NUMERIC_WHOLE_MAX: i64 = 131_072;
const NUMERIC_SCALE_MAX: i64 = 16_383;

/// Leaves out the blanks around a value, as every number and date parser does.
pub(super) fn trim(cell: &[u8]) -> &[u8] {
    cell.trim_ascii()
}

/// `t`, `true`, `y`, `yes`, `on`, `1` and their opposites, in any case, and what begins them
/// without doubt, as PostgreSQL reads them.
pub(super) fn fit_boolean(cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let word = trim(cell);
    let begins = |full: &[u8]| full.get(..word.len()).is_some_and(|b| b.eq_ignore_ascii_case(word));
    let value = match word {
        [] => None,
        b"1" => Some(b't'),
        b"0" => Some(b'f'),
        _ if begins(b"true") || begins(b"yes") => Some(b't'),
        _ if begins(b"false") || begins(b"no") => Some(b'f'),
        // `o` alone begins both.
        _ if word.len() > 1 && begins(b"on") => Some(b't'),
        _ if word.len() > 1 && begins(b"off") => Some(b'f'),
        _ => None,
    };
    out.push(value.ok_or(Reason::WrongType)?);
    Ok(())
}

/// Signed integers of so many bits. A number with a fraction of zeros or an exponent is taken
/// when it is whole: SQLite spells whole reals so.
pub(super) fn fit_integer(bits: u8, cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let number = Number::parse(cell)?;
    let value = number.to_integer()?;
    let (min, max) = match bits {
        16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    if value < min || value > max {
        return Err(Reason::OutOfRange);
    }
    if value < 0 {
        out.push(b'-');
    }
    write_unsigned(out, value.unsigned_abs(), 1);
    Ok(())
}

/// Decimals of so much precision and scale.
pub(super) fn fit_decimal(
    precision: Option<u16>,
    scale: Option<u16>,
    cell: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Reason> {
    if let Some(word) = decimal_word(trim(cell)) {
        if word != b"NaN" && (precision.is_some() || scale.is_some()) {
            return Err(Reason::NotFinite);
        }
        out.extend_from_slice(word);
        return Ok(());
    }
    let number = Number::parse(cell)?;
    let scale = match scale {
        None => number.scale(),
        Some(scale) if number.scale_needed() > i64::from(scale) => return Err(Reason::TooPrecise),
        Some(scale) => i64::from(scale),
    };
    if scale > NUMERIC_SCALE_MAX {
        return Err(Reason::TooPrecise);
    }
    let whole_max = precision.map_or(NUMERIC_WHOLE_MAX, |precision| i64::from(precision) - scale);
    if number.magnitude().is_some_and(|magnitude| magnitude > whole_max) {
        return Err(Reason::OutOfRange);
    }
    number.write(out, scale);
    Ok(())
}

/// A JSON number, as PostgreSQL's `jsonb` spells it: that of an unbounded decimal.
pub(super) fn write_json_number(text: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    fit_decimal(None, None, text, out)
}

/// The canonical word for what is no number but stands where one could.
fn decimal_word(text: &[u8]) -> Option<&'static [u8]> {
    let words: [(&[u8], &'static [u8]); 7] = [
        (b"nan", b"NaN"),
        (b"infinity", b"Infinity"),
        (b"+infinity", b"Infinity"),
        (b"inf", b"Infinity"),
        (b"+inf", b"Infinity"),
        (b"-infinity", b"-Infinity"),
        (b"-inf", b"-Infinity"),
    ];
    // The common case is a number, and its last byte says so.
    if text.last().is_none_or(u8::is_ascii_digit) {
        return None;
    }
    words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, canonical)| *canonical)
}

/// A decimal number taken apart: `± whole fraction × 10^exponent`, digits as they stand.
struct Number<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Number<'a> {
    /// `[blanks] [sign] digits [. digits] [e [sign] digits] [blanks]`; one side of the point may
    /// be empty.
    fn parse(cell: &'a [u8]) -> Result<Self, Reason> {
        let text = trim(cell);
        let (negative, text) = match text.split_first() {
            Some((b'-', rest)) => (true, rest),
            Some((b'+', rest)) => (false, rest),
            Some(_) | None => (false, text),
        };
        let (whole, rest) = digits(text);
        let (fraction, rest) = match rest.split_first() {
            Some((b'.', rest)) => digits(rest),
            Some(_) | None => (&rest[..0], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(Reason::WrongType);
        }
        let exponent = match rest.split_first() {
            None => 0,
            Some((b'e' | b'E', rest)) => exponent(rest)?,
            Some(_) => return Err(Reason::WrongType),
        };
        Ok(Self { negative, whole, fraction, exponent })
    }

    /// All digits, in order.
    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.iter().chain(self.fraction).copied()
    }

    fn digit_count(&self) -> i64 {
        signed(self.whole.len()) + signed(self.fraction.len())
    }

    /// Where the point stands, counted in digits from the first one.
    fn point(&self) -> i64 {
        signed(self.whole.len()) + self.exponent
    }

    /// Position of the first digit that is not zero.
    fn first(&self) -> Option<i64> {
        self.digits().position(|digit| digit != b'0').map(signed)
    }

    /// How many digits stand before the point, leading zeros left out; negative when zeros follow
    /// the point. None for zero.
    fn magnitude(&self) -> Option<i64> {
        self.first().map(|first| self.point() - first)
    }

    /// Digits after the point, as spelled.
    fn scale(&self) -> i64 {
        (self.digit_count() - self.point()).max(0)
    }

    /// Digits after the point, trailing zeros left out.
    fn scale_needed(&self) -> i64 {
        let zeros = |digits: &[u8]| digits.iter().rev().take_while(|&&d| d == b'0').count();
        let mut trailing = zeros(self.fraction);
        if trailing == self.fraction.len() {
            trailing += zeros(self.whole);
        }
        if signed(trailing) == self.digit_count() {
            return 0;
        }
        (self.scale_unclipped() - signed(trailing)).max(0)
    }

    fn scale_unclipped(&self) -> i64 {
        self.digit_count() - self.point()
    }

    /// The whole number that this is.
    fn to_integer(&self) -> Result<i64, Reason> {
        let Some(magnitude) = self.magnitude() else { return Ok(0) };
        if self.scale_needed() > 0 {
            return Err(Reason::TooPrecise);
        }
        if magnitude > 19 {
            return Err(Reason::OutOfRange);
        }
        let mut value: i64 = 0;
        for index in 0..self.point() {
            let digit = i64::from(self.digit(index) - b'0');
            let digit = if self.negative { -digit } else { digit };
            let next = value.checked_mul(10).and_then(|value| value.checked_add(digit));
            value = next.ok_or(Reason::OutOfRange)?;
        }
        Ok(value)
    }

    /// The digit at a position, zero outside of those spelled.
    fn digit(&self, index: i64) -> u8 {
        let Ok(index) = usize::try_from(index) else { return b'0' };
        let digit = match index.checked_sub(self.whole.len()) {
            None => self.whole.get(index),
            Some(index) => self.fraction.get(index),
        };
        digit.copied().unwrap_or(b'0')
    }

    /// Appends in plain digits, with exactly `scale` of them after the point.
    fn write(&self, out: &mut Vec<u8>, scale: i64) {
        let magnitude = self.magnitude();
        if self.negative && magnitude.is_some() {
            out.push(b'-');
        }
        let point = self.point();
        if self.exponent == 0 {
            self.write_as_spelled(out, magnitude, scale);
            return;
        }
        match magnitude {
            Some(whole) if whole > 0 => {
                out.extend((point - whole..point).map(|index| self.digit(index)));
            }
            Some(_) | None => out.push(b'0'),
        }
        if scale > 0 {
            out.push(b'.');
            out.extend((point..point + scale).map(|index| self.digit(index)));
        }
    }

    /// The same where there is no exponent, by whole slices.
    fn write_as_spelled(&self, out: &mut Vec<u8>, magnitude: Option<i64>, scale: i64) {
        let whole = magnitude.and_then(|whole| usize::try_from(whole).ok()).unwrap_or(0);
        match whole {
            0 => out.push(b'0'),
            _ => out.extend_from_slice(&self.whole[self.whole.len() - whole..]),
        }
        let scale = usize::try_from(scale).unwrap_or(0);
        if scale > 0 {
            let spelled = &self.fraction[..scale.min(self.fraction.len())];
            out.push(b'.');
            out.extend_from_slice(spelled);
            out.resize(out.len() + scale - spelled.len(), b'0');
        }
    }
}

/// The digits that `text` begins with, and the rest.
pub(super) fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// An exponent. One that no type can follow becomes a very large one.
fn exponent(text: &[u8]) -> Result<i64, Reason> {
    let (negative, text) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        Some(_) | None => (false, text),
    };
    let (digits, rest) = digits(text);
    if digits.is_empty() || !rest.is_empty() {
        return Err(Reason::WrongType);
    }
    let clipped = digits
        .iter()
        .fold(0i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(1_000_000_000_000));
    Ok(if negative { -clipped } else { clipped })
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).expect("a cell is below 2 GiB")
}

/// Appends a number in at least `width` digits.
pub(super) fn write_unsigned(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut buffer = [b'0'; 20];
    let mut at = buffer.len();
    while value > 0 {
        at -= 1;
        buffer[at] = b'0' + u8::try_from(value % 10).expect("a digit");
        value /= 10;
    }
    out.extend_from_slice(&buffer[at.min(buffer.len() - width)..]);
}
