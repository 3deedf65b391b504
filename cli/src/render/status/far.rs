//! How far a run is in numbers: share, rate, and what is left.

use std::collections::{BTreeMap, BTreeSet};

use protocol::clock::Instant;
use protocol::id::EntityId;
use protocol::plan::{Plan, Stage};
use protocol::receipt::Receipt;
use protocol::run::{Record, State};
use serde::Serialize;

use super::super::report::{grouped, size};
use crate::progress::{counted, span, whole};

/// Over which time of late the rate is taken, in microseconds.
const WINDOW: u64 = 60_000_000;

/// From less time nothing is foretold, in microseconds.
const WINDOW_LEAST: u64 = 5_000_000;

/// How far the copy is, by what stands in the target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Far {
    /// Of the rows that are expected.
    percent: u64,
    rows: u64,
    /// By the source's statistics.
    rows_expected: u64,
    bytes: u64,
    tables_done: usize,
    tables: usize,
    /// Since the run was stored, until its end or now.
    elapsed_seconds: u64,
    /// In the last minute; nothing where nothing moves.
    rows_per_second: Option<f64>,
    /// Of copying, at that rate.
    seconds_left: Option<u64>,
}

impl Far {
    /// Adds it up.
    pub(super) fn of(record: &Record, plan: &Plan, receipts: &[Receipt], now: Instant) -> Self {
        let done: BTreeSet<_> = receipts.iter().map(|receipt| receipt.chunk).collect();
        let (mut left, mut rows) = (BTreeMap::<EntityId, u64>::new(), BTreeMap::new());
        let mut all = true;
        for chunk in plan.chunks.iter().filter(|chunk| chunk.stage == Stage::Copy) {
            let Some(entity) = chunk.entity else { continue };
            let open = u64::from(!done.contains(&chunk.id));
            *left.entry(entity).or_default() += open;
            all &= open == 0;
        }
        let copies = || {
            let copies = receipts
                .iter()
                .filter_map(|receipt| plan.chunk(receipt.chunk).map(|chunk| (chunk, receipt)));
            copies.filter(|(chunk, _)| chunk.stage == Stage::Copy)
        };
        for (chunk, receipt) in copies() {
            chunk
                .entity
                .iter()
                .for_each(|id| *rows.entry(*id).or_insert(0) += receipt.written.rows);
        }
        let expected = |(id, left): (&EntityId, &u64)| {
            let seen = rows.get(id).copied().unwrap_or(0);
            if *left == 0 { seen } else { plan.entity(*id).rows_estimate.max(seen) }
        };
        let rows_expected: u64 = left.iter().map(expected).sum();
        let written: u64 = rows.values().sum();
        let share = u128::from(written) * 100 / u128::from(rows_expected.max(1));
        let share = u64::try_from(share).unwrap_or(100).min(99);
        let rate = rate(record, copies().map(|(_, receipt)| receipt), now);
        Self {
            percent: if all { 100 } else { share },
            rows: written,
            rows_expected,
            bytes: copies().map(|(_, receipt)| receipt.bytes).sum(),
            tables_done: left.values().filter(|left| **left == 0).count(),
            tables: left.len(),
            elapsed_seconds: record.ended.unwrap_or(now).micros_since(record.created) / 1_000_000,
            rows_per_second: rate,
            seconds_left: rate
                .and_then(|rate| seconds(rows_expected.saturating_sub(written), rate)),
        }
    }

    /// For people.
    pub(super) fn text(&self, over: bool) -> String {
        let tables = format!("{}/{}", self.tables_done, self.tables);
        let mut out = format!(
            "  copied {}%: {} of about {}, {tables} tables, {}\n  {} {}",
            self.percent,
            grouped(self.rows),
            counted(self.rows_expected, "row", "rows"),
            size(self.bytes),
            if over { "took" } else { "started" },
            span(self.elapsed_seconds),
        );
        if !over {
            out += " ago";
        }
        if let Some(rate) = self.rows_per_second {
            out += &format!(" · {} rows/s in the last minute", grouped(whole(rate)));
        }
        if let Some(left) = self.seconds_left.filter(|left| *left > 0) {
            out += &format!(" · about {} of copying left", span(left));
        }
        out + "\n"
    }
}

/// Rows per second in the last minute of a run that is under way.
#[expect(clippy::cast_precision_loss, reason = "for people")]
fn rate<'a>(
    record: &Record,
    copies: impl Iterator<Item = &'a Receipt>,
    now: Instant,
) -> Option<f64> {
    if record.state != State::Running {
        return None;
    }
    let late: Vec<_> = copies.filter(|one| now.micros_since(one.finished) < WINDOW).collect();
    let began = late.iter().map(|receipt| receipt.started).min()?;
    let time = now.micros_since(began).min(WINDOW);
    let rows: u64 = late.iter().map(|receipt| receipt.written.rows).sum();
    (time >= WINDOW_LEAST && rows > 0).then(|| rows as f64 * 1e6 / time as f64)
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn seconds(rows: u64, rate: f64) -> Option<u64> {
    let seconds = rows as f64 / rate;
    (seconds < 3e7).then(|| whole(seconds))
}
