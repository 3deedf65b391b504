//! Rates: no more rows or bytes per second than an operator allows.
//!
//! One [`Pace`] is shared by all slots. It books each batch's share of time after the last one
//! booked (a leaky bucket, the generic cell rate algorithm of ITU-T I.371), so slots queue up
//! fairly and a burst is at most one batch.

use std::sync::Mutex;
use std::time::Duration;

use protocol::mapping::Limits;
use protocol::plan::Entity;
use tokio::time::Instant;

/// Rows of unknown width are taken to be so wide.
const ROW_BYTES_UNKNOWN: u64 = 100;

/// How long a slot may wait for its turn, about.
const WAIT_SECONDS_MAX: u64 = 5;

/// A limit on rows and bytes per second, or none.
#[derive(Debug)]
pub struct Pace {
    limits: Mutex<Rates>,
    free_at: Mutex<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Rates {
    rows_per_second: Option<u64>,
    bytes_per_second: Option<u64>,
}

impl Pace {
    /// A pace with these limits; `None` is unlimited.
    pub fn new(rows_per_second: Option<u64>, bytes_per_second: Option<u64>) -> Self {
        let limits = Rates { rows_per_second, bytes_per_second };
        Self { limits: Mutex::new(limits), free_at: Mutex::new(Instant::now()) }
    }

    /// Goes on with other limits.
    pub(crate) fn change(&self, rows_per_second: Option<u64>, bytes_per_second: Option<u64>) {
        let limits = Rates { rows_per_second, bytes_per_second };
        *self.limits.lock().expect("nothing panics while it is held") = limits;
    }

    /// Waits until so many more rows and bytes may go.
    pub async fn take(&self, rows: u64, bytes: u64) {
        let limits = *self.limits.lock().expect("nothing panics while it is held");
        let share = share(rows, limits.rows_per_second).max(share(bytes, limits.bytes_per_second));
        if share.is_zero() {
            return;
        }
        let start = {
            let mut free_at = self.free_at.lock().expect("nothing panics while it is held");
            let start = (*free_at).max(Instant::now());
            *free_at = start + share;
            start
        };
        tokio::time::sleep_until(start).await;
    }
}

/// Bytes that a batch of an entity may have: `most`, or so few that no slot waits longer than a few
/// seconds for its turn. A session that waits longer inside its transaction would be taken for dead
/// and ended by the server.
pub(crate) fn batch_bytes(limits: &Limits, entity: &Entity, most: usize) -> usize {
    let width = entity.bytes_estimate.checked_div(entity.rows_estimate).unwrap_or(0);
    let width = if width == 0 { ROW_BYTES_UNKNOWN } else { width };
    let by_rows = limits.rows_per_second.map(|rows| rows.saturating_mul(width));
    let rates = by_rows.into_iter().chain(limits.bytes_per_second);
    let Some(rate) = rates.min() else { return most };
    let bytes = rate.saturating_mul(WAIT_SECONDS_MAX) / u64::from(limits.slots.max(1));
    usize::try_from(bytes.max(1)).map_or(most, |bytes| bytes.min(most))
}

fn share(amount: u64, per_second: Option<u64>) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "a pause needs no more than 53 bits")]
    let seconds = per_second.map_or(0.0, |limit| amount as f64 / limit.max(1) as f64);
    Duration::from_secs_f64(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_thousand_rows_at_a_hundred_a_second_take_ten_seconds() {
        let pace = Pace::new(Some(100), None);
        let start = Instant::now();
        for _ in 0..11 {
            pace.take(100, 0).await;
        }
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[test]
    fn a_slow_rate_makes_small_batches_so_that_nobody_waits_long() {
        let entity: Entity = serde_json::from_value(serde_json::json!({
            "id": 0, "source": { "name": "t" }, "target": { "name": "t" }, "new": true,
            "mode": "create", "lane": "raw", "columns": [], "key": [], "conflict": [],
            "links": [], "filter": null, "top": null,
            "rows_estimate": 1000, "bytes_estimate": 50_000,
        }))
        .unwrap();
        let most = 1 << 20;
        let unlimited = Limits::default();
        assert_eq!(batch_bytes(&unlimited, &entity, most), most);
        // 100 rows of 50 bytes a second, for five seconds, over two slots.
        let slow = Limits { rows_per_second: Some(100), slots: 2, ..Limits::default() };
        assert_eq!(batch_bytes(&slow, &entity, most), 12_500);
        let fast = Limits { rows_per_second: Some(u64::MAX), ..Limits::default() };
        assert_eq!(batch_bytes(&fast, &entity, most), most);
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_is_no_wait() {
        let start = Instant::now();
        Pace::new(None, None).take(u64::MAX, u64::MAX).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
