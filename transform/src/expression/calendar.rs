//! Days and microseconds since 1970-01-01, in the Gregorian calendar that has no beginning.

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// Microseconds of an hour, a minute and a second.
pub(super) const HOUR: i64 = 3_600_000_000;
pub(super) const MINUTE: i64 = 60_000_000;
pub(super) const SECOND: i64 = 1_000_000;

/// The first and the last day that PostgreSQL's `date` has: 4713-11-24 BC and 5874897-12-31.
const DAYS: std::ops::RangeInclusive<i64> = -2_440_588..=2_145_031_948;

/// Days since 1970-01-01 of a day of the calendar. The algorithm is Howard Hinnant's
/// (`days_from_civil`).
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of so many days since 1970-01-01: `civil_from_days`.
pub(super) fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// How many days a month has.
pub(super) fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// That day as an `i32`, if PostgreSQL's `date` has it.
pub(super) fn within(days: i64) -> Option<i32> {
    DAYS.contains(&days).then(|| i32::try_from(days).ok()).flatten()
}

/// A number of at most six decimal digits.
fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 7 {
        return None;
    }
    text.iter().try_fold(0, |n, c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')))
}

/// The days of a canonical date: `2024-02-29`, `12024-02-29`. None for one before year 1 and
/// for an infinite one, which have no number here.
pub(super) fn read_date(text: &[u8]) -> Option<i32> {
    let [year @ .., b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let (year, month, day) = (digits(year)?, digits(&[*m1, *m2])?, digits(&[*d1, *d2])?);
    within(days(year, month, day))
}

/// The microseconds of a canonical time: `12:30:00.25`.
pub(super) fn read_time(text: &[u8]) -> Option<i64> {
    let point = text.iter().position(|byte| *byte == b'.');
    let (clock, fraction) = match point {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &text[..0]),
    };
    let mut parts = clock.split(|byte| *byte == b':').map(digits);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let fraction = match fraction.len() {
        0 => 0,
        places @ 1..=6 => digits(fraction)? * 10_i64.pow(6 - places as u32),
        _ => return None,
    };
    Some(hour * HOUR + minute * MINUTE + second * SECOND + fraction)
}

/// The microseconds of a canonical timestamp, or of an instant in UTC: `2024-02-29 12:30:00+00`.
pub(super) fn read_timestamp(text: &[u8]) -> Option<i64> {
    let text = text.strip_suffix(b"+00").unwrap_or(text);
    let space = text.iter().position(|byte| *byte == b' ')?;
    let date = read_date(&text[..space])?;
    i64::from(date).checked_mul(DAY)?.checked_add(read_time(&text[space + 1..])?)
}

fn two(out: &mut Vec<u8>, number: i64) {
    out.push(b'0' + (number / 10 % 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

/// Appends a canonical date.
pub(super) fn write_date(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    // There is no year 0: the year before 1 is 1 BC.
    let shown = if year <= 0 { 1 - year } else { year };
    out.extend_from_slice(format!("{shown:04}-").as_bytes());
    two(out, month);
    out.push(b'-');
    two(out, day);
    if year <= 0 {
        out.extend_from_slice(b" BC");
    }
}

/// Appends a canonical time.
pub(super) fn write_time(micros: i64, out: &mut Vec<u8>) {
    two(out, micros / HOUR);
    out.push(b':');
    two(out, micros / MINUTE % 60);
    out.push(b':');
    two(out, micros / SECOND % 60);
    let fraction = micros % SECOND;
    if fraction > 0 {
        let text = format!(".{fraction:06}");
        out.extend_from_slice(text.trim_end_matches('0').as_bytes());
    }
}

/// Appends a canonical timestamp.
pub(super) fn write_timestamp(micros: i64, zone: &str, out: &mut Vec<u8>) {
    let mut date = Vec::with_capacity(16);
    write_date(micros.div_euclid(DAY), &mut date);
    let (date, bc) = match date.strip_suffix(b" BC") {
        Some(date) => (date, " BC"),
        None => (&date[..], ""),
    };
    out.extend_from_slice(date);
    out.push(b' ');
    write_time(micros.rem_euclid(DAY), out);
    out.extend_from_slice(zone.as_bytes());
    out.extend_from_slice(bc.as_bytes());
}
