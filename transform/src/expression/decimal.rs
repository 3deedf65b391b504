//! Exact numbers with the scales of PostgreSQL's `numeric`.
//!
//! Digits are an `i128` while they fit, which is nearly always, and a big integer otherwise. NaN and
//! infinities have no place here.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

/// The most digits that a number may come to. PostgreSQL's own bound is far beyond what a column
/// holds, and would let one row take all memory.
const DIGITS_MAX: u64 = 1_000;

/// The greatest exponent that is read: `1e500`.
const EXPONENT_MAX: i32 = 500;

/// Bits of a decimal digit, rounded up.
const BITS_PER_DIGIT: u64 = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Digits {
    Small(i128),
    Big(Box<BigInt>),
}

/// An exact number: digits, of which the last `scale` stand behind the point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    digits: Digits,
    scale: u32,
}

fn power(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

fn big_power(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self::small(number.into(), 0)
    }
}

impl Decimal {
    fn small(digits: i128, scale: u32) -> Self {
        Self { digits: Digits::Small(digits), scale }
    }

    /// A number of millionths.
    pub(super) fn of_micros(micros: i64) -> Self {
        Self::small(micros.into(), 6)
    }

    fn of_big(digits: BigInt, scale: u32) -> Option<Self> {
        if digits.bits() > DIGITS_MAX * BITS_PER_DIGIT {
            return None;
        }
        let digits = match i128::try_from(&digits) {
            Ok(small) => Digits::Small(small),
            Err(_) => Digits::Big(Box::new(digits)),
        };
        Some(Self { digits, scale })
    }

    fn big(&self) -> BigInt {
        match &self.digits {
            Digits::Small(digits) => BigInt::from(*digits),
            Digits::Big(digits) => (**digits).clone(),
        }
    }

    /// The number that a text spells: `-1.50`, `1e3`.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let (negative, rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let e = rest.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let (plain, exponent) = match e {
            None => (rest, 0),
            Some(at) => (&rest[..at], std::str::from_utf8(&rest[at + 1..]).ok()?.parse().ok()?),
        };
        Self::read_plain(negative, plain)?.shifted(exponent)
    }

    fn read_plain(negative: bool, text: &[u8]) -> Option<Self> {
        let (mut small, mut scale, mut count, mut point) = (0_i128, 0_u32, 0_u32, false);
        for byte in text {
            match byte {
                b'0'..=b'9' => {
                    count += 1;
                    if count > 38 {
                        return Self::read_long(negative, text);
                    }
                    small = small * 10 + i128::from(byte - b'0');
                    scale += u32::from(point);
                }
                b'.' if !point => point = true,
                _ => return None,
            }
        }
        (count > 0).then(|| Self::small(if negative { -small } else { small }, scale))
    }

    fn read_long(negative: bool, text: &[u8]) -> Option<Self> {
        if text.len() as u64 > DIGITS_MAX || text.iter().filter(|b| **b == b'.').count() > 1 {
            return None;
        }
        let behind = text.iter().position(|b| *b == b'.').map_or(0, |at| text.len() - at - 1);
        let digits: Vec<u8> = text.iter().copied().filter(|b| *b != b'.').collect();
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digits = BigInt::parse_bytes(&digits, 10)?;
        Self::of_big(if negative { -digits } else { digits }, u32::try_from(behind).ok()?)
    }

    /// The number times a power of ten.
    fn shifted(self, exponent: i32) -> Option<Self> {
        let by = exponent.unsigned_abs();
        if exponent.abs() > EXPONENT_MAX {
            return None;
        }
        if exponent <= 0 {
            return Some(Self { scale: self.scale + by, ..self });
        }
        if by <= self.scale {
            return Some(Self { scale: self.scale - by, ..self });
        }
        Self::of_big(self.big() * big_power(by - self.scale), 0)
    }

    /// Appends its text.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (negative, digits) = match &self.digits {
            Digits::Small(digits) => (*digits < 0, digits.unsigned_abs().to_string()),
            Digits::Big(digits) => {
                (digits.sign() == Sign::Minus, digits.magnitude().to_str_radix(10))
            }
        };
        if negative {
            out.push(b'-');
        }
        let scale = self.scale as usize;
        if digits.len() <= scale {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', scale - digits.len()));
            out.extend_from_slice(digits.as_bytes());
            return;
        }
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.extend_from_slice(whole.as_bytes());
        if scale > 0 {
            out.push(b'.');
            out.extend_from_slice(fraction.as_bytes());
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        matches!(self.digits, Digits::Small(0))
    }

    pub(super) fn is_negative(&self) -> bool {
        match &self.digits {
            Digits::Small(digits) => *digits < 0,
            Digits::Big(digits) => digits.sign() == Sign::Minus,
        }
    }

    /// The digits at a scale that is not smaller.
    fn aligned(&self, scale: u32) -> Option<i128> {
        match &self.digits {
            Digits::Small(digits) => digits.checked_mul(power(scale - self.scale)?),
            Digits::Big(_) => None,
        }
    }

    fn aligned_big(&self, scale: u32) -> BigInt {
        self.big() * big_power(scale - self.scale)
    }

    /// The sum; none where it has too many digits.
    pub(super) fn add(&self, other: &Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let small = self.aligned(scale).zip(other.aligned(scale));
        match small.and_then(|(a, b)| a.checked_add(b)) {
            Some(digits) => Some(Self::small(digits, scale)),
            None => Self::of_big(self.aligned_big(scale) + other.aligned_big(scale), scale),
        }
    }

    /// The difference; none where it has too many digits.
    pub(super) fn subtract(&self, other: &Self) -> Option<Self> {
        self.add(&other.negated())
    }

    /// The product; none where it has too many digits.
    pub(super) fn multiply(&self, other: &Self) -> Option<Self> {
        let scale = self.scale + other.scale;
        if u64::from(scale) > DIGITS_MAX {
            return None;
        }
        if let (Digits::Small(a), Digits::Small(b)) = (&self.digits, &other.digits)
            && let Some(digits) = a.checked_mul(*b)
        {
            return Some(Self::small(digits, scale));
        }
        Self::of_big(self.big() * other.big(), scale)
    }

    /// Weight and first digit in base 10,000, as `numeric` stores it.
    fn weight(&self) -> (i64, i64) {
        let digits = self.big();
        if digits.sign() == Sign::NoSign {
            return (0, 0);
        }
        let text = digits.magnitude().to_str_radix(10);
        let whole = text.len() as i64 - i64::from(self.scale);
        let weight = (whole - 1).div_euclid(4);
        let lead = (whole - weight * 4) as usize;
        let first: String = text.chars().chain(std::iter::repeat('0')).take(lead).collect();
        (weight, first.parse().unwrap_or(0))
    }

    /// The quotient, to as many places as `select_div_scale` of PostgreSQL's `numeric.c` gives it,
    /// rounded half away from zero. None where the divisor is zero or the result too long.
    pub(super) fn divide(&self, by: &Self) -> Option<Self> {
        if by.is_zero() {
            return None;
        }
        let ((weight, first), (by_weight, by_first)) = (self.weight(), by.weight());
        let estimated = weight - by_weight - i64::from(first <= by_first);
        let least = i64::from(self.scale.max(by.scale));
        let scale = (16 - estimated * 4).max(least).clamp(0, DIGITS_MAX as i64) as u32;
        // One place more, to round.
        let up = i64::from(scale) + 1 + i64::from(by.scale) - i64::from(self.scale);
        let shift = big_power(up.unsigned_abs() as u32);
        let quotient =
            if up >= 0 { self.big() * shift / by.big() } else { self.big() / (by.big() * shift) };
        Self::of_big(quotient, scale + 1)?.round(scale as i32)
    }

    /// What a division to a whole number leaves, with the sign of the dividend.
    pub(super) fn remainder(&self, by: &Self) -> Option<Self> {
        if by.is_zero() {
            return None;
        }
        let scale = self.scale.max(by.scale);
        Self::of_big(self.aligned_big(scale) % by.aligned_big(scale), scale)
    }

    /// With so many places behind the point, half away from zero; negative places are before it.
    pub(super) fn round(&self, places: i32) -> Option<Self> {
        self.cut(places, true)
    }

    /// With so many places behind the point, the others cut off.
    pub(super) fn truncate(&self, places: i32) -> Option<Self> {
        self.cut(places, false)
    }

    fn cut(&self, places: i32, half_up: bool) -> Option<Self> {
        let places = places.clamp(-(DIGITS_MAX as i32), DIGITS_MAX as i32);
        let kept = places.max(0) as u32;
        if i64::from(places) >= i64::from(self.scale) {
            return match self.aligned(kept) {
                Some(digits) => Some(Self::small(digits, kept)),
                None => Self::of_big(self.aligned_big(kept), kept),
            };
        }
        let dropped = (i64::from(self.scale) - i64::from(places)) as u32;
        let zeros = places.min(0).unsigned_abs();
        if let Some(small) = self.cut_small(dropped, zeros, half_up) {
            return Some(Self::small(small, kept));
        }
        let unit = big_power(dropped);
        let digits = self.big();
        let twice = BigInt::from(2) * (&digits % &unit);
        let mut quotient = &digits / &unit;
        if half_up && twice.magnitude() >= unit.magnitude() {
            quotient += if self.is_negative() { -1 } else { 1 };
        }
        Self::of_big(quotient * big_power(zeros), kept)
    }

    fn cut_small(&self, dropped: u32, zeros: u32, half_up: bool) -> Option<i128> {
        let Digits::Small(digits) = self.digits else { return None };
        let unit = power(dropped)?;
        let (mut quotient, rest) = (digits / unit, (digits % unit).unsigned_abs());
        if half_up && rest >= unit.unsigned_abs() - rest {
            quotient += digits.signum();
        }
        quotient.checked_mul(power(zeros)?)
    }

    pub(super) fn negated(&self) -> Self {
        let small = match &self.digits {
            Digits::Small(digits) => digits.checked_neg(),
            Digits::Big(_) => None,
        };
        let digits = match small {
            Some(digits) => Digits::Small(digits),
            None => Digits::Big(Box::new(-self.big())),
        };
        Self { digits, scale: self.scale }
    }

    pub(super) fn absolute(&self) -> Self {
        if self.is_negative() { self.negated() } else { self.clone() }
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.aligned(scale), other.aligned(scale)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => self.aligned_big(scale).cmp(&other.aligned_big(scale)),
        }
    }

    /// The next whole number, upwards or downwards.
    pub(super) fn whole(&self, upwards: bool) -> Option<Self> {
        let whole = self.truncate(0)?;
        match (self.compare(&whole), upwards) {
            (Ordering::Greater, true) => whole.add(&Self::from(1)),
            (Ordering::Less, false) => whole.subtract(&Self::from(1)),
            _ => Some(whole),
        }
    }

    /// The nearest whole number, where it has 64 bits.
    pub(super) fn to_integer(&self) -> Option<i64> {
        match self.round(0)?.digits {
            Digits::Small(digits) => i64::try_from(digits).ok(),
            Digits::Big(_) => None,
        }
    }

    /// The nearest floating-point number.
    pub(super) fn to_float(&self) -> Option<f64> {
        let mut text = Vec::new();
        self.write(&mut text);
        std::str::from_utf8(&text).ok()?.parse().ok().filter(|float: &f64| float.is_finite())
    }

    /// Whether at most so many digits stand before the point.
    pub(super) fn fits_before_point(&self, digits: u32) -> bool {
        let limit = Self::of_big(big_power(digits), 0);
        limit.is_none_or(|limit| self.absolute().compare(&limit).is_lt())
    }
}
