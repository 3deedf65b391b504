//! When what was done, from the times in the receipts: stages, and rows written per second.

use protocol::clock::Instant;
use protocol::plan::{Plan, Stage, Work};
use protocol::receipt::Receipt;
use serde::Serialize;

/// Equal parts that the time of a run is cut into.
const PARTS: usize = 60;

/// The time of a run, from the first try that counted to the last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    /// When the first of its chunks was begun.
    pub began: String,
    /// When the last of them was completed.
    pub ended: String,
    /// Seconds between the two.
    pub seconds: f64,
    /// The stages that have begun, in order. They may overlap.
    pub stages: Vec<StageSpan>,
    /// Rows written per second, in equal parts of the time. Each chunk's rows are spread evenly
    /// over its own time; a pause, or a run that stood still, is a part without rows.
    pub rows_per_second: Vec<f64>,
}

/// From the first to the last chunk of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StageSpan {
    /// Which.
    pub stage: Stage,
    /// Seconds after the beginning of the timeline.
    pub from: f64,
    /// Seconds after the beginning of the timeline.
    pub to: f64,
    /// Chunks of it that are done.
    pub chunks: u64,
}

impl Timeline {
    /// Draws the timeline; nothing where nothing is done yet.
    pub fn draw(plan: &Plan, receipts: &[Receipt]) -> Option<Self> {
        let began = receipts.iter().map(|receipt| receipt.started).min()?;
        let ended = receipts.iter().map(|receipt| receipt.finished).max()?;
        let whole = ended.micros_since(began).max(1);
        let span = |stage| stage_span(plan, receipts, stage, began);
        Some(Self {
            began: began.to_string(),
            ended: ended.to_string(),
            seconds: super::seconds(whole),
            stages: Stage::ALL.into_iter().filter_map(span).collect(),
            rows_per_second: pace(plan, receipts, began, whole),
        })
    }

    /// Rows per second in its fastest part.
    pub fn fastest(&self) -> f64 {
        self.rows_per_second.iter().copied().fold(0.0, f64::max)
    }
}

fn stage_span(
    plan: &Plan,
    receipts: &[Receipt],
    stage: Stage,
    began: Instant,
) -> Option<StageSpan> {
    let mine = || {
        let of_stage = |r: &&Receipt| plan.chunk(r.chunk).is_some_and(|c| c.stage == stage);
        receipts.iter().filter(of_stage)
    };
    let from = mine().map(|receipt| receipt.started).min()?;
    let to = mine().map(|receipt| receipt.finished).max()?;
    Some(StageSpan {
        stage,
        from: super::seconds(from.micros_since(began)),
        to: super::seconds(to.micros_since(began)),
        chunks: mine().count() as u64,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a drawing, not an account")]
fn pace(plan: &Plan, receipts: &[Receipt], began: Instant, whole: u64) -> Vec<f64> {
    let mut rows = vec![0.0; PARTS];
    let part = whole as f64 / PARTS as f64;
    let copies = |receipt: &&Receipt| {
        plan.chunk(receipt.chunk).is_some_and(|chunk| matches!(chunk.work, Work::Copy(_)))
    };
    for receipt in receipts.iter().filter(copies) {
        let from = receipt.started.micros_since(began) as f64;
        let to = (receipt.finished.micros_since(began) as f64).max(from + 1.0);
        for (at, rows) in rows.iter_mut().enumerate() {
            let (left, right) = (at as f64 * part, (at + 1) as f64 * part);
            let shared = (to.min(right) - from.max(left)).max(0.0);
            *rows += receipt.written.rows as f64 * shared / (to - from);
        }
    }
    rows.into_iter().map(|rows| rows * 1_000_000.0 / part).collect()
}
