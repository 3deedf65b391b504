//! Narration without a terminal: a line for each thing worth one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::event::{Change, Event, Fact};
use protocol::plan::{Plan, Stage};

use super::tally::{Tally, expected, grouped};
use super::{Narrator, say, trouble};
use crate::render::visible;

/// How often a copy under way says how far it is.
const FAR_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Plain {
    plan: Arc<Plan>,
    tally: Tally,
    told: Instant,
}

impl Plain {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self { plan, tally: Tally::default(), told: Instant::now() }
    }

    fn far(&mut self) {
        if self.told.elapsed() < FAR_EVERY {
            return;
        }
        self.told = Instant::now();
        let (rows, all) = (self.tally.total(), expected(&self.plan));
        say(&format!("copy: {} of about {} rows", grouped(rows), grouped(all)));
    }
}

impl Narrator for Plain {
    fn event(&mut self, event: &Event) {
        if self.tally.hear(&event.fact).is_some() {
            self.far();
        }
        if let Some(trouble) = trouble(&event.fact) {
            say(&trouble);
        }
        match &event.fact {
            Fact::Stage { stage, chunks } => say(&format!("{}: {chunks} to do", stage.as_str())),
            Fact::Entity { entity, name, stage: Stage::Copy } => {
                let far = self.tally.entities.get(entity).cloned().unwrap_or_default();
                let rejected = match far.rejected {
                    0 => String::new(),
                    n => format!(", {} rejected", grouped(n)),
                };
                let name = visible::text(name);
                say(&format!("  {name}: {} rows{rejected}", grouped(far.rows)));
            }
            Fact::Worker { worker, slots, change, .. } => match change {
                Change::Came => say(&format!("worker {worker} is there, with {slots} slots")),
                Change::Drains => say(&format!("worker {worker} finishes what it has")),
                Change::Went => say(&format!("worker {worker} went")),
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

    fn end(&mut self) {}
}
