//! How fast rows move, and when they will be through: smoothed, and silent until there is something to
//! say.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over which time a rate is taken.
const WINDOW: Duration = Duration::from_secs(15);

/// A rate over less time says nothing.
const RATE_LEAST: Duration = Duration::from_secs(2);

/// From less time nothing is foretold.
const LEFT_LEAST: Duration = Duration::from_secs(5);

/// What was moved at a moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    rows: u64,
    bytes: u64,
}

/// Samples of what was moved since the first row: planning does not count.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The last moment at which nothing had moved yet.
    first: Option<Sample>,
    samples: VecDeque<Sample>,
}

impl Pace {
    /// Takes note of what was moved until now.
    pub(super) fn note(&mut self, at: Instant, rows: u64, bytes: u64) {
        let sample = Sample { at, rows, bytes };
        if self.first.is_none_or(|first| rows == first.rows) {
            self.first = Some(sample);
            self.samples.clear();
        }
        self.samples.push_back(sample);
        while self.samples.front().is_some_and(|old| at.duration_since(old.at) > WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Rows and bytes per second of late.
    pub(super) fn rate(&self) -> Option<(f64, f64)> {
        per_second(self.samples.front()?, self.samples.back()?, RATE_LEAST)
    }

    /// How long so many rows will take: by the rate of late and that since the first row, half each.
    pub(super) fn left(&self, rows: u64) -> Option<Duration> {
        let late = self.rate()?.0;
        let whole = per_second(self.first.as_ref()?, self.samples.back()?, LEFT_LEAST)?.0;
        let rate = f64::midpoint(late, whole);
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let seconds = rows as f64 / rate;
        // A run that stands still foretells nothing; nor does one that would take a year.
        (late > 0.0 && seconds < 3e7).then(|| Duration::from_secs_f64(seconds))
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn per_second(from: &Sample, to: &Sample, least: Duration) -> Option<(f64, f64)> {
    let time = to.at.duration_since(from.at);
    let over = |from: u64, to: u64| to.saturating_sub(from) as f64 / time.as_secs_f64();
    (time >= least).then(|| (over(from.rows, to.rows), over(from.bytes, to.bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(samples: &[(u64, u64)]) -> Pace {
        let began = Instant::now();
        let mut pace = Pace::default();
        for (second, rows) in samples {
            pace.note(began + Duration::from_secs(*second), *rows, rows * 10);
        }
        pace
    }

    #[test]
    fn nothing_is_foretold_before_there_is_something_to_tell_from() {
        assert_eq!(pace(&[]).rate(), None);
        assert_eq!(pace(&[(0, 0), (1, 9_000_000)]).rate(), None);
        assert_eq!(pace(&[(0, 0), (3, 300)]).rate(), Some((100.0, 1000.0)));
        assert_eq!(pace(&[(0, 0), (3, 300)]).left(100), None);
        let left = pace(&[(0, 0), (5, 500), (10, 1000)]).left(1000);
        assert_eq!(left, Some(Duration::from_secs(10)));
    }

    #[test]
    fn planning_does_not_count_and_standing_still_is_seen() {
        let slow_start = pace(&[(0, 0), (60, 0), (65, 500), (70, 1000)]);
        assert_eq!(slow_start.rate(), Some((100.0, 1000.0)));
        let still: Vec<_> = (0..40).map(|second| (second, second.min(10) * 100)).collect();
        assert_eq!(pace(&still).rate(), Some((0.0, 0.0)));
        assert_eq!(pace(&still).left(1000), None);
    }
}
