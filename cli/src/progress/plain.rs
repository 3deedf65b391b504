//! Narration without a terminal: a line with a time stamp for each thing worth one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::event::{Change, Event, Fact};
use protocol::plan::{Plan, Stage};
use protocol::receipt::Receipt;

use super::pace::Pace;
use super::tally::{Tally, counted, grouped, span, whole};
use super::{Narrator, say, trouble};
use crate::assemble;
use crate::render::{self, visible};

/// How often a copy under way says how far it is.
const FAR_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Plain {
    tally: Tally,
    pace: Pace,
    told: Instant,
    /// Rows when it was said last.
    rows: u64,
}

impl Plain {
    pub(super) fn new(plan: Arc<Plan>, receipts: &[Receipt]) -> Self {
        let (tally, pace) = (Tally::new(plan, receipts), Pace::default());
        let rows = tally.total().0;
        Self { tally, pace, told: Instant::now(), rows }
    }

    /// How far the copy is.
    fn far(&self) -> String {
        let tally = &self.tally;
        let (rows, bytes) = tally.total();
        let (done, tables) = tally.tables();
        let expected = tally.expected();
        let mut out = format!(
            "copy {}%: {} of about {} rows, {done}/{tables} tables, {}",
            tally.percent(),
            grouped(rows),
            grouped(expected),
            render::report::size(bytes)
        );
        if let Some((rate, _)) = self.pace.rate() {
            out += &format!(", {} rows/s", grouped(whole(rate)));
        }
        if let Some(left) = self.pace.left(expected.saturating_sub(rows)) {
            out += &format!(", about {} of copying left", span(left.as_secs()));
        }
        out
    }
}

/// A line with the time in front.
fn stamped(line: &str) {
    let now = assemble::clock().now().to_string();
    let seconds = now.split('.').next().unwrap_or_default();
    say(&format!("{seconds}Z {line}"));
}

impl Narrator for Plain {
    fn event(&mut self, event: &Event) {
        self.tally.hear(&event.fact);
        if let Some(trouble) = trouble(&event.fact) {
            stamped(&trouble);
        }
        match &event.fact {
            Fact::Stage { stage, chunks } => {
                let (what, whats) = match stage {
                    Stage::Copy => ("chunk", "chunks"),
                    Stage::Prepare | Stage::Finish | Stage::Verify => ("step", "steps"),
                };
                stamped(&format!("{}: {} to do", stage.as_str(), counted(*chunks, what, whats)));
            }
            Fact::Entity { entity, name, stage: Stage::Copy } => {
                let far = self.tally.entities.get(entity).cloned().unwrap_or_default();
                let rejected = match far.rejected {
                    0 => String::new(),
                    n => format!(", {} rejected", grouped(n)),
                };
                let name = visible::text(name);
                let rows = counted(far.rows, "row", "rows");
                let (done, tables) = self.tally.tables();
                stamped(&format!("  {name}: {rows}{rejected} ({done}/{tables} tables)"));
            }
            Fact::Worker { worker, slots, change, .. } => match change {
                Change::Came => {
                    let slots = counted(u64::from(*slots), "slot", "slots");
                    stamped(&format!("worker {worker} joined ({slots})"));
                }
                Change::Drains => stamped(&format!("worker {worker} is finishing its chunks")),
                Change::Went => stamped(&format!("worker {worker} left")),
                // Told above: it is a trouble.
                Change::Lost => {}
            },
            Fact::Run { .. }
            | Fact::Entity { .. }
            | Fact::Claimed { .. }
            | Fact::Moving { .. }
            | Fact::Done { .. }
            | Fact::Faulted { .. }
            | Fact::Finding { .. }
            | Fact::Gap { .. } => {}
        }
    }

    fn tick(&mut self) {
        let (rows, bytes) = self.tally.moved();
        self.pace.note(Instant::now(), rows, bytes);
        let total = self.tally.total().0;
        if self.told.elapsed() >= FAR_EVERY && total != self.rows {
            (self.told, self.rows) = (Instant::now(), total);
            stamped(&self.far());
        }
    }

    fn end(&mut self) {}
}
