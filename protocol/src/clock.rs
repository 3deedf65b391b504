//! The only clock.
//!
//! Whoever needs the time of day is handed a [`Clock`]; nobody else may ask the
//! operating system (a lint holds this). No decision about *data* depends on it: leases
//! are judged by the store that keeps them, and receipts by the target.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Instant(pub i64);

impl Instant {
    /// Microseconds that passed from `earlier` to `self`; zero if the clock was set back.
    pub fn micros_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// This instant in the zone of this machine, to the second: `2026-11-21 04:00:00 +01:00`. None where
    /// that zone is UTC.
    pub fn local(self) -> Option<String> {
        let zoned =
            jiff::Timestamp::from_microsecond(self.0).ok()?.to_zoned(jiff::tz::TimeZone::system());
        let abroad = zoned.offset().seconds() != 0;
        abroad.then(|| zoned.strftime("%Y-%m-%d %H:%M:%S %:z").to_string())
    }

    /// This instant plus so many milliseconds.
    #[must_use]
    pub fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add_unsigned(millis.saturating_mul(1000)))
    }
}

/// RFC 3339 in UTC, to the millisecond: `2026-11-21T03:00:00.000Z`.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// Reads RFC 3339.
impl FromStr for Instant {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|instant: jiff::Timestamp| Self(instant.as_microsecond()))
    }
}

/// Something that knows what time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Instant;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    fn now(&self) -> Instant {
        Instant(jiff::Timestamp::now().as_microsecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_prints_as_rfc_3339() {
        assert_eq!(Instant(1_795_230_000_123_456).to_string(), "2026-11-21T03:00:00.123Z");
    }

    #[test]
    fn time_that_runs_backwards_counts_as_none() {
        assert_eq!(Instant(5).micros_since(Instant(9)), 0);
    }
}
