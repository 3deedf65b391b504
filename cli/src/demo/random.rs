//! Numbers that look random and are the same every time, everywhere.

/// SplitMix64: small, fast, and good enough for names and marks.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From zero to below `bound`, which is not zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The bias is far below what anybody could see in a school.
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// The same as [`Random::below`], for SQLite's integers.
    pub(super) fn small(&mut self, bound: u32) -> i64 {
        self.below(u64::from(bound)).cast_signed()
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len() as u64) as usize]
    }

    /// True once in so many.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// The value, but once in so many times nothing.
    pub(super) fn mostly<T>(&mut self, gaps: u64, value: T) -> Option<T> {
        (!self.once_in(gaps)).then_some(value)
    }

    /// `YYYY-MM-DD`, from the first day of a year and within so many years.
    pub(super) fn date(&mut self, year: i64, years: u32) -> String {
        let (year, month, day) = civil(days_to(year) + self.small(years * 365));
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// `YYYY-MM-DD HH:MM:SS`, in school hours.
    pub(super) fn moment(&mut self, year: i64, years: u32) -> String {
        let date = self.date(year, years);
        let (hour, minute, second) = (7 + self.small(11), self.small(60), self.small(60));
        format!("{date} {hour:02}:{minute:02}:{second:02}")
    }
}

/// Days from 1970 to the first day of a year after it.
fn days_to(year: i64) -> i64 {
    let before = year - 1;
    365 * (year - 1970) + (before / 4 - before / 100 + before / 400) - 477
}

/// Year, month and day of a day after 1970 (Howard Hinnant's algorithm).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let of_era = z % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(days_to(2000) + 59), (2000, 2, 29));
        assert_eq!(civil(days_to(2023)), (2023, 1, 1));
        assert_eq!(civil(days_to(2025) - 1), (2024, 12, 31));
    }

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        let mut random = Random::seeded(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }
}
