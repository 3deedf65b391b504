//! Dates and times, in the proleptic Gregorian calendar, with PostgreSQL's limits.
//!
//! Years beyond 9999 have as many digits as they need; years before 1 are spelled ` BC` at the
//! end. A day that the calendar does not have is refused, never moved to the next month.

use super::Reason;
use super::number::{digits, trim, write_unsigned};

const SECONDS_PER_DAY: i64 = 86_400;
const MICROS_PER_DAY: i64 = SECONDS_PER_DAY * 1_000_000;

/// 4714-11-24 BC, the first day of Julian day counting: PostgreSQL's first.
const FIRST_DAY: i64 = day_number(-4713, 11, 24);
/// PostgreSQL's last date.
const LAST_DATE: i64 = day_number(5_874_897, 12, 31);
/// The day of PostgreSQL's last timestamp.
const LAST_TIMESTAMP: i64 = day_number(294_276, 12, 31);

/// `2024-02-29`, `12024-02-29`, `0044-03-15 BC`, `infinity`, `-infinity`.
pub(super) fn fit_date(cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let text = trim(cell);
    if let Some(word) = infinity(text) {
        out.extend_from_slice(word);
        return Ok(());
    }
    let (text, bc) = split_era(text);
    let (spelled, rest) = Date::parse(text)?;
    if !rest.is_empty() {
        return Err(Reason::WrongType);
    }
    let date = spelled.checked(bc)?;
    if !(FIRST_DAY..=LAST_DATE).contains(&date.day()) {
        return Err(Reason::OutOfRange);
    }
    date.write(out);
    date.write_era(out);
    Ok(())
}

/// `12:30:00`, `12:30:00.25`, `24:00:00`.
pub(super) fn fit_time(cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let (time, rest) = Time::parse(trim(cell))?;
    if !rest.is_empty() {
        return Err(Reason::WrongType);
    }
    time.write(out);
    Ok(())
}

/// `12:30:00+02`, `12:30:00.25-03:30`: the offset is a part of the value.
pub(super) fn fit_time_with_zone(cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let (time, rest) = Time::parse(trim(cell))?;
    let offset = parse_offset(rest)?;
    time.write(out);
    write_offset(out, offset);
    Ok(())
}

/// `2024-02-29 12:30:00.25`. Text with an offset is refused: it says more than the column keeps.
pub(super) fn fit_timestamp(cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let text = trim(cell);
    if let Some(word) = infinity(text) {
        out.extend_from_slice(word);
        return Ok(());
    }
    let (text, bc) = split_era(text);
    let (date, time, rest) = parse_moment(text)?;
    if !rest.is_empty() {
        return Err(Reason::WrongType);
    }
    write_moment(out, date.checked(bc)?.day(), time.micros, b"")
}

/// `2024-02-29 12:30:00.25+00`: moved to UTC. Text without an offset is refused: it does not say
/// which instant it means.
pub(super) fn fit_timestamp_with_zone(cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    let text = trim(cell);
    if let Some(word) = infinity(text) {
        out.extend_from_slice(word);
        return Ok(());
    }
    let (text, bc) = split_era(text);
    let (date, time, rest) = parse_moment(text)?;
    let offset = parse_offset(rest).map_err(within_moment)?;
    write_moment(out, date.checked(bc)?.day(), time.micros - offset * 1_000_000, b"+00")
}

/// Date, and time if one follows: midnight where none does, as both engines read it.
fn parse_moment(text: &[u8]) -> Result<(Spelled, Time, &[u8]), Reason> {
    let (date, rest) = Date::parse(text)?;
    match rest {
        [] => Ok((date, Time { micros: 0 }, rest)),
        [b' ' | b'T' | b't', time @ ..] => {
            let (time, rest) = Time::parse(time).map_err(within_moment)?;
            Ok((date, time, rest))
        }
        _ => Err(Reason::WrongType),
    }
}

/// What a part of a moment that is beyond its own range makes of the whole: a moment that there is
/// not, rather than one before the first or after the last, whose nearest would be that.
fn within_moment(of_part: Reason) -> Reason {
    if of_part == Reason::OutOfRange { Reason::NoSuchDate } else { of_part }
}

/// Appends the moment so many microseconds after, or before, the beginning of a day.
fn write_moment(out: &mut Vec<u8>, day: i64, micros: i64, zone: &[u8]) -> Result<(), Reason> {
    let day = day + micros.div_euclid(MICROS_PER_DAY);
    if !(FIRST_DAY..=LAST_TIMESTAMP).contains(&day) {
        return Err(Reason::OutOfRange);
    }
    let date = Date::of_day(day);
    date.write(out);
    out.push(b' ');
    Time { micros: micros.rem_euclid(MICROS_PER_DAY) }.write(out);
    out.extend_from_slice(zone);
    date.write_era(out);
    Ok(())
}

/// `infinity` and `-infinity` as PostgreSQL spells them.
fn infinity(text: &[u8]) -> Option<&'static [u8]> {
    if text.last().is_none_or(u8::is_ascii_digit) {
        return None;
    }
    if text.eq_ignore_ascii_case(b"infinity") || text.eq_ignore_ascii_case(b"+infinity") {
        return Some(b"infinity");
    }
    text.eq_ignore_ascii_case(b"-infinity").then_some(b"-infinity")
}

/// Takes ` BC` or ` AD` off the end.
fn split_era(text: &[u8]) -> (&[u8], bool) {
    match text {
        [rest @ .., b' ', b'B' | b'b', b'C' | b'c'] => (rest.trim_ascii_end(), true),
        [rest @ .., b' ', b'A' | b'a', b'D' | b'd'] => (rest.trim_ascii_end(), false),
        plain => (plain, false),
    }
}

/// A date as it stands in text, before anybody asked the calendar.
#[derive(Clone, Copy)]
struct Spelled {
    year: i64,
    month: i64,
    day: i64,
}

impl Spelled {
    /// The date, if the calendar has it.
    fn checked(self, bc: bool) -> Result<Date, Reason> {
        if self.year == 0 {
            return Err(Reason::NoSuchDate);
        }
        let year = if bc { 1 - self.year } else { self.year };
        if !(1..=12).contains(&self.month) || !(1..=days_in(year, self.month)).contains(&self.day) {
            return Err(Reason::NoSuchDate);
        }
        Ok(Date { year, month: self.month, day: self.day })
    }
}

/// A date that exists. Year 0 is 1 BC.
#[derive(Clone, Copy)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// Reads `YYYY-MM-DD`, with four digits or more for the year.
    fn parse(text: &[u8]) -> Result<(Spelled, &[u8]), Reason> {
        let (year, rest) = digits(text);
        if year.len() < 4 {
            return Err(Reason::WrongType);
        }
        let [b'-', month @ ..] = rest else { return Err(Reason::WrongType) };
        let (month, rest) = two_digits(month)?;
        let [b'-', day @ ..] = rest else { return Err(Reason::WrongType) };
        let (day, rest) = two_digits(day)?;
        if rest.first().is_some_and(u8::is_ascii_digit) {
            return Err(Reason::WrongType);
        }
        // No type goes beyond year 5 874 897.
        let year = year
            .iter()
            .fold(0, |year, digit| (year * 10 + i64::from(digit - b'0')).min(100_000_000));
        Ok((Spelled { year, month, day }, rest))
    }

    /// Days from 1970-01-01.
    fn day(self) -> i64 {
        day_number(self.year, self.month, self.day)
    }

    /// The date so many days from 1970-01-01.
    fn of_day(day: i64) -> Self {
        // After Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in
        // March, so that the leap day comes last, and 400 of them are one era.
        let day = day + 719_468;
        let era = day.div_euclid(146_097);
        let of_era = day.rem_euclid(146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let march = (5 * of_year + 2) / 153;
        let month = if march < 10 { march + 3 } else { march - 9 };
        let day = of_year - (153 * march + 2) / 5 + 1;
        Self { year: year + era * 400 + i64::from(month <= 2), month, day }
    }

    fn write(self, out: &mut Vec<u8>) {
        let year = if self.year > 0 { self.year } else { 1 - self.year };
        write_unsigned(out, year.unsigned_abs(), 4);
        for part in [self.month, self.day] {
            out.push(b'-');
            write_unsigned(out, part.unsigned_abs(), 2);
        }
    }

    fn write_era(self, out: &mut Vec<u8>) {
        if self.year <= 0 {
            out.extend_from_slice(b" BC");
        }
    }
}

/// A time of day, `24:00:00` included.
#[derive(Clone, Copy)]
struct Time {
    micros: i64,
}

impl Time {
    /// Reads `HH:MM[:SS[.ffffff]]`. Hours beyond the day, and a time before it as MySQL has them, are
    /// out of range.
    fn parse(text: &[u8]) -> Result<(Self, &[u8]), Reason> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let (hour, rest) = two_digits(text)?;
        let (more, rest) = digits(rest);
        let [b':', rest @ ..] = rest else { return Err(Reason::WrongType) };
        let (minute, rest) = two_digits(rest)?;
        let (second, micro, rest) = match rest {
            [b':', rest @ ..] => {
                let (second, rest) = two_digits(rest)?;
                let (micro, rest) = fraction(rest)?;
                (second, micro, rest)
            }
            _ => (0, 0, rest),
        };
        if minute > 59 || second > 59 {
            return Err(Reason::NoSuchDate);
        }
        let micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micro;
        if micros > MICROS_PER_DAY || negative || !more.is_empty() {
            return Err(Reason::OutOfRange);
        }
        Ok((Self { micros }, rest))
    }

    fn write(self, out: &mut Vec<u8>) {
        let seconds = self.micros / 1_000_000;
        for (part, colon) in
            [(seconds / 3600, true), (seconds / 60 % 60, true), (seconds % 60, false)]
        {
            write_unsigned(out, part.unsigned_abs(), 2);
            if colon {
                out.push(b':');
            }
        }
        let micro = self.micros % 1_000_000;
        if micro > 0 {
            out.push(b'.');
            write_unsigned(out, micro.unsigned_abs(), 6);
            while out.last() == Some(&b'0') {
                out.pop();
            }
        }
    }
}

/// Microseconds after a point, if there is one. More than six digits only where the rest is zero.
fn fraction(text: &[u8]) -> Result<(i64, &[u8]), Reason> {
    let [b'.', rest @ ..] = text else { return Ok((0, text)) };
    let (fraction, rest) = digits(rest);
    if fraction.is_empty() {
        return Err(Reason::WrongType);
    }
    if fraction.iter().skip(6).any(|&digit| digit != b'0') {
        return Err(Reason::TooPrecise);
    }
    let padded = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(6);
    Ok((padded.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0')), rest))
}

fn two_digits(text: &[u8]) -> Result<(i64, &[u8]), Reason> {
    match text {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            Ok((i64::from(tens - b'0') * 10 + i64::from(ones - b'0'), rest))
        }
        _ => Err(Reason::WrongType),
    }
}

/// Seconds east of UTC: `Z`, `+02`, `+0230`, `+02:30`, `+02:30:15`, with a blank before or not.
fn parse_offset(text: &[u8]) -> Result<i64, Reason> {
    let text = text.trim_ascii_start();
    let (sign, text) = match text {
        [b'Z' | b'z'] => return Ok(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return Err(Reason::WrongType),
    };
    let (mut seconds, mut rest) = two_digits(text).map(|(hours, rest)| (hours * 3600, rest))?;
    for unit in [60, 1] {
        if rest.is_empty() {
            break;
        }
        let (part, after) = two_digits(rest.strip_prefix(b":").unwrap_or(rest))?;
        if part > 59 {
            return Err(Reason::NoSuchDate);
        }
        seconds += part * unit;
        rest = after;
    }
    if !rest.is_empty() {
        return Err(Reason::WrongType);
    }
    // PostgreSQL's limit: below sixteen hours.
    if seconds >= 16 * 3600 { Err(Reason::OutOfRange) } else { Ok(sign * seconds) }
}

/// Appends `+02`, `+02:30` or `+02:30:15`.
fn write_offset(out: &mut Vec<u8>, offset: i64) {
    let seconds = offset.unsigned_abs();
    out.push(if offset < 0 { b'-' } else { b'+' });
    write_unsigned(out, seconds / 3600, 2);
    if !seconds.is_multiple_of(3600) {
        out.push(b':');
        write_unsigned(out, seconds / 60 % 60, 2);
    }
    if !seconds.is_multiple_of(60) {
        out.push(b':');
        write_unsigned(out, seconds % 60, 2);
    }
}

pub(super) fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date; see [`Date::of_day`].
const fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let (year, march) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
