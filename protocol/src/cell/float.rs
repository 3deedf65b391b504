//! Binary floating-point numbers, spelled as PostgreSQL 12 and later spell them.
//!
//! The spelling is the shortest decimal that lies *strictly* between the midpoints to both
//! neighbours, so that every reader, however it rounds a tie, comes back to the same bits. Rust's
//! own shortest form accepts a midpoint where it would round back; those few values (one in some
//! thousands of large integers) are found exactly and given the digits that PostgreSQL gives them.

use std::io::Write as _;

use super::Reason;
use super::number::trim;

/// Most significant digits a shortest form can have: 17 for 64 bits.
const DIGITS_MAX: usize = 17;

/// Appends `value` as PostgreSQL's `float8` prints it: `0.1`, `1e+20`, `1e-05`, `-0`, `NaN`.
///
/// Fixed notation for decimal exponents from −4 to 14, scientific beyond. Reading it back gives
/// the same bits (all NaN are one).
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        let shortest = shortest_f64(value);
        shortest.write(out, value.is_sign_negative(), 15);
    } else {
        write_special(out, value);
    }
}

/// Appends `value` as PostgreSQL's `float4` prints it: `0.1`, `1e+06`, `1e-05`, `-0`, `NaN`.
///
/// Fixed notation for decimal exponents from −4 to 5, scientific beyond.
pub fn write_f32(out: &mut Vec<u8>, value: f32) {
    if value.is_finite() {
        let shortest = shortest_f32(value);
        shortest.write(out, value.is_sign_negative(), 6);
    } else {
        write_special(out, f64::from(value));
    }
}

/// Fits text into a float of so many bits.
///
/// Digits that the float would not give back are refused, so that `9007199254740993` does not
/// become `9007199254740992` on the way; a longer spelling of the same float is not.
pub(super) fn fit(bits: u8, cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let text = std::str::from_utf8(trim(cell)).map_err(|_| Reason::WrongType)?;
    let at = out.len();
    if bits == 32 {
        let value: f32 = text.parse().map_err(|_| Reason::WrongType)?;
        write_f32(out, value);
        let vanished = !value.is_finite() || value == 0.0;
        keeps(text.as_bytes(), &out[at..], vanished, |digits| format!("{value:.digits$e}"))
    } else {
        let value: f64 = text.parse().map_err(|_| Reason::WrongType)?;
        write_f64(out, value);
        let vanished = !value.is_finite() || value == 0.0;
        keeps(text.as_bytes(), &out[at..], vanished, |digits| format!("{value:.digits$e}"))
    }
}

/// Whether `written` keeps what `text` says. `vanished` when it is zero or not finite; `exactly`
/// spells the float with so many digits after the first.
fn keeps(
    text: &[u8],
    written: &[u8],
    vanished: bool,
    exactly: impl Fn(usize) -> String,
) -> Result<(), Reason> {
    if text == written {
        return Ok(());
    }
    let Some(asked) = significant(text) else {
        // Zero, or a word such as `inf`, spelled in another way.
        return Ok(());
    };
    if vanished {
        return Err(Reason::OutOfRange);
    }
    if significant(written).is_some_and(|kept| asked.clone().eq(kept)) {
        return Ok(());
    }
    // Not the shortest spelling, but perhaps a longer one of the same float: `0.1` to 17 digits.
    let digits = asked.clone().count();
    let longer = exactly(digits - 1);
    let kept = significant(longer.as_bytes()).is_some_and(|kept| asked.eq(kept));
    if kept { Ok(()) } else { Err(Reason::TooPrecise) }
}

/// The digits of a number from the first to the last that is not zero; none for zero and for
/// words. The exponent need not be compared: a float is never off by a power of ten.
fn significant(text: &[u8]) -> Option<impl Iterator<Item = u8> + Clone> {
    let end = text.iter().position(|b| matches!(b, b'e' | b'E')).unwrap_or(text.len());
    let mantissa = &text[..end];
    let nonzero = |b: &u8| matches!(b, b'1'..=b'9');
    let first = mantissa.iter().position(nonzero)?;
    let last = mantissa.iter().rposition(nonzero)?;
    Some(mantissa[first..=last].iter().copied().filter(|&b| b != b'.'))
}

fn write_special(out: &mut Vec<u8>, value: f64) {
    let word: &[u8] = if value.is_nan() {
        b"NaN"
    } else if value > 0.0 {
        b"Infinity"
    } else {
        b"-Infinity"
    };
    out.extend_from_slice(word);
}

/// `0.d₁d₂d₃… × 10^(exponent + 1)`: decimal digits of a finite number, without sign.
#[derive(Clone, Copy)]
struct Decimal {
    digits: [u8; DIGITS_MAX],
    length: usize,
    /// Power of ten of the first digit.
    exponent: i32,
}

impl Decimal {
    /// Reads Rust's `{:e}`: `-1.25e-7`.
    fn from_scientific(text: &[u8]) -> Self {
        let mut decimal = Self { digits: [0; DIGITS_MAX], length: 0, exponent: 0 };
        let split = text.iter().position(|&b| b == b'e').expect("{:e} prints an exponent");
        for &byte in text[..split].iter().filter(|b| b.is_ascii_digit()) {
            decimal.digits[decimal.length] = byte;
            decimal.length += 1;
        }
        let exponent = std::str::from_utf8(&text[split + 1..]).expect("{:e} prints ASCII");
        decimal.exponent = exponent.parse().expect("{:e} prints a small exponent");
        decimal
    }

    /// Appends in fixed notation for exponents from −4 to below `scientific_from`.
    fn write(&self, out: &mut Vec<u8>, negative: bool, scientific_from: i32) {
        let digits = &self.digits[..self.length];
        if negative {
            out.push(b'-');
        }
        match usize::try_from(self.exponent) {
            Ok(exponent) if self.exponent < scientific_from => match digits.get(exponent + 1..) {
                Some(fraction) if !fraction.is_empty() => {
                    out.extend_from_slice(&digits[..=exponent]);
                    out.push(b'.');
                    out.extend_from_slice(fraction);
                }
                Some(_) | None => {
                    out.extend_from_slice(digits);
                    out.resize(out.len() + exponent + 1 - digits.len(), b'0');
                }
            },
            Err(_) if self.exponent >= -4 => {
                let zeros = &b"0.000"[..(1 - self.exponent).unsigned_abs() as usize];
                out.extend_from_slice(zeros);
                out.extend_from_slice(digits);
            }
            Ok(_) | Err(_) => self.write_scientific(out),
        }
    }

    fn write_scientific(&self, out: &mut Vec<u8>) {
        out.push(self.digits[0]);
        if self.length > 1 {
            out.push(b'.');
            out.extend_from_slice(&self.digits[1..self.length]);
        }
        let sign = if self.exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "e{sign}{:02}", self.exponent.unsigned_abs());
    }

    /// The float that it reads as.
    fn parse<T: std::str::FromStr>(&self) -> Option<T> {
        let mut text = Vec::with_capacity(32);
        self.write_scientific(&mut text);
        std::str::from_utf8(&text).ok()?.parse().ok()
    }

    /// Whether this is exactly the midpoint between the float and one of its neighbours.
    fn is_midpoint(&self, float: Float) -> bool {
        let (value, ten) = self.integer();
        float.midpoints().into_iter().any(|(odd, two)| equal(value, ten, odd, two))
    }

    /// Where the float lies exactly between this and the next decimal of as many digits, and this
    /// ends in an odd digit: that other one.
    fn even_twin(&self, float: Float) -> Option<Self> {
        let last = self.length - 1;
        if self.digits[last].is_multiple_of(2) {
            return None;
        }
        let (value, ten) = self.integer();
        let (mantissa, exponent) = (u128::from(float.mantissa), float.exponent + 1);
        let mut twin = *self;
        // An odd digit has even ones at both sides, but 9 would carry.
        if equal(2 * value - 1, ten, mantissa, exponent) {
            twin.digits[last] -= 1;
        } else if self.digits[last] != b'9' && equal(2 * value + 1, ten, mantissa, exponent) {
            twin.digits[last] += 1;
        } else {
            return None;
        }
        Some(twin)
    }

    /// The digits as an integer, with the power of ten of the last one.
    fn integer(&self) -> (u128, i32) {
        let digits = &self.digits[..self.length];
        let value = digits.iter().fold(0, |value, digit| value * 10 + u128::from(digit - b'0'));
        let length = i32::try_from(self.length).expect("at most 17 digits");
        (value, self.exponent - (length - 1))
    }
}

/// Whether `decimal · 10^ten` is `binary · 2^two`. Neither integer is zero or has above 60 bits.
fn equal(decimal: u128, ten: i32, binary: u128, two: i32) -> bool {
    // The powers of five stand on the side where they multiply. Beyond 27 of them the sides
    // cannot meet, for the other has no such factor.
    let fives = |power: i32| (power <= 27).then(|| 5u128.pow(power.max(0).unsigned_abs()));
    let (Some(left), Some(right)) = (fives(ten), fives(-ten)) else { return false };
    let (left, right) = (decimal * left, binary * right);
    let (left_twos, right_twos) = (left.trailing_zeros(), right.trailing_zeros());
    left >> left_twos == right >> right_twos
        && i64::from(left_twos) + i64::from(ten) == i64::from(right_twos) + i64::from(two)
}

/// A finite float taken apart: `mantissa · 2^exponent`.
#[derive(Clone, Copy)]
struct Float {
    mantissa: u64,
    exponent: i32,
    /// Whether the neighbour towards zero is at half the distance of the other.
    at_power_of_two: bool,
}

impl Float {
    /// `fraction` and `biased` are the fields of the bit pattern, `width` that of the fraction.
    fn from_fields(fraction: u64, biased: u64, width: u32, bias: i32) -> Self {
        let subnormal = biased == 0;
        let mantissa = if subnormal { fraction } else { fraction | (1 << width) };
        let stored = i32::try_from(biased.max(1)).expect("at most eleven bits");
        let width = i32::try_from(width).expect("at most 52");
        let at_power_of_two = fraction == 0 && biased > 1;
        Self { mantissa, exponent: stored - bias - width, at_power_of_two }
    }

    /// The midpoints to both neighbours, each as an odd number times a power of two.
    fn midpoints(self) -> [(u128, i32); 2] {
        let mantissa = u128::from(self.mantissa);
        let above = (2 * mantissa + 1, self.exponent - 1);
        let below = if self.at_power_of_two {
            (4 * mantissa - 1, self.exponent - 2)
        } else {
            ((2 * mantissa).saturating_sub(1), self.exponent - 1)
        };
        [above, below]
    }
}

fn shortest_f64(value: f64) -> Decimal {
    let bits = value.to_bits();
    let float = Float::from_fields(bits & ((1 << 52) - 1), (bits >> 52) & 0x7ff, 52, 1023);
    let same = |digits: &Decimal| digits.parse() == Some(value.abs());
    shortest(float, 17, |precision| scientific(value.abs(), precision), same)
}

fn shortest_f32(value: f32) -> Decimal {
    let bits = u64::from(value.to_bits());
    let float = Float::from_fields(bits & ((1 << 23) - 1), (bits >> 23) & 0xff, 23, 127);
    let same = |digits: &Decimal| digits.parse() == Some(value.abs());
    shortest(float, 9, |precision| scientific(value.abs(), precision), same)
}

/// Room for any `{:e}` of at most 17 digits.
type Scientific = ([u8; 32], usize);

/// `{:e}` of a number, with so many digits after the point, or as many as it takes.
fn scientific(value: impl std::fmt::LowerExp, precision: Option<usize>) -> Scientific {
    let mut buffer = [0; 32];
    let mut rest = &mut buffer[..];
    let written = match precision {
        None => write!(rest, "{value:e}"),
        Some(precision) => write!(rest, "{value:.precision$e}"),
    };
    written.expect("17 digits and an exponent fit 32 bytes");
    let left = rest.len();
    (buffer, 32 - left)
}

fn shortest(
    float: Float,
    digits_max: usize,
    render: impl Fn(Option<usize>) -> Scientific,
    reads_back: impl Fn(&Decimal) -> bool,
) -> Decimal {
    let (text, length) = render(None);
    let shortest = Decimal::from_scientific(&text[..length]);
    if float.mantissa == 0 {
        return shortest;
    }
    if let Some(twin) = shortest.even_twin(float)
        && reads_back(&twin)
        && !twin.is_midpoint(float)
    {
        return twin;
    }
    // Rounding to even takes the midpoints away from an odd mantissa.
    if !float.mantissa.is_multiple_of(2) || !shortest.is_midpoint(float) {
        return shortest;
    }
    for digits in shortest.length..digits_max {
        let (text, length) = render(Some(digits));
        let longer = Decimal::from_scientific(&text[..length]);
        if reads_back(&longer) && !longer.is_midpoint(float) {
            return longer;
        }
    }
    shortest
}
