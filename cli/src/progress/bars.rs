//! Narration in a terminal: one bar for the run, and a line per entity under way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use protocol::event::{Event, Fact};
use protocol::id::EntityId;
use protocol::plan::{Plan, Stage};

use super::tally::{Tally, expected, grouped};
use super::{Narrator, trouble};
use crate::render::visible;

/// How often a bar without news moves, so that one sees it lives.
const TICK: Duration = Duration::from_millis(250);

pub(super) struct Bars {
    plan: Arc<Plan>,
    tally: Tally,
    all: MultiProgress,
    whole: ProgressBar,
    entities: BTreeMap<EntityId, ProgressBar>,
}

impl Bars {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let all = MultiProgress::new();
        let whole = all.add(ProgressBar::new(expected(&plan)));
        whole.set_style(style(
            "{prefix:<8} {wide_bar} {human_pos}/~{human_len} rows  {rate}  ETA {eta}",
        ));
        whole.enable_steady_tick(TICK);
        Self { plan, tally: Tally::default(), all, whole, entities: BTreeMap::new() }
    }

    fn moved(&mut self, entity: EntityId) {
        self.whole.set_position(self.tally.total());
        let far = self.tally.entities.get(&entity).cloned().unwrap_or_default();
        let (all, whole) = (&self.all, &self.whole);
        // An event comes from the ledger, and may name what the plan does not have.
        let Some(planned) = self.plan.entities.get(entity.index()) else { return };
        let bar = self.entities.entry(entity).or_insert_with(|| {
            let bar = all.insert_before(whole, ProgressBar::new(planned.rows_estimate));
            bar.set_style(style(
                "  {prefix:<28!} {bar:20} {human_pos:>12} rows  {rate:>14}  ETA {eta} {msg}",
            ));
            bar.set_prefix(planned.target.to_string());
            bar
        });
        bar.set_position(far.total());
        if far.rejected > 0 {
            bar.set_message(format!("{} rejected", grouped(far.rejected)));
        }
    }

    /// A line above the bars, or several.
    fn print(&self, line: &str) {
        let _ = self.all.println(visible::lines(line));
    }

    fn through(&mut self, entity: EntityId, name: &str) {
        let far = self.tally.entities.get(&entity).cloned().unwrap_or_default();
        if let Some(bar) = self.entities.remove(&entity) {
            bar.finish_and_clear();
        }
        self.print(&format!("  {:<40} {:>14} rows", visible::text(name), grouped(far.rows)));
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("our own templates are well formed");
    style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // Whole rows: what stands after the point only flickers.
        let rows = Duration::from_secs_f64(state.per_sec().clamp(0.0, 1e15)).as_secs();
        let _ = write!(out, "{}/s", grouped(rows));
    })
}

impl Narrator for Bars {
    fn event(&mut self, event: &Event) {
        if let Some(entity) = self.tally.hear(&event.fact) {
            self.moved(entity);
        }
        if let Some(trouble) = trouble(&event.fact) {
            self.print(&trouble);
        }
        match &event.fact {
            Fact::Stage { stage, .. } => {
                self.whole.set_prefix(stage.as_str());
                if *stage > Stage::Copy {
                    self.whole.set_style(style("{prefix:<8} {spinner} {wide_msg} {elapsed}"));
                }
            }
            Fact::Entity { entity, name, stage: Stage::Copy } => self.through(*entity, name),
            Fact::Claimed { what, .. } => {
                self.whole.set_message(visible::text(what).into_owned());
            }
            Fact::Run { .. }
            | Fact::Entity { .. }
            | Fact::Moving { .. }
            | Fact::Done { .. }
            | Fact::Faulted { .. }
            | Fact::Finding { .. }
            | Fact::Worker { .. }
            | Fact::Gap { .. } => {}
        }
    }

    fn end(&mut self) {
        for bar in self.entities.values() {
            bar.finish_and_clear();
        }
        self.whole.finish_and_clear();
    }
}
