//! Narration in a terminal: a few lines for the run, and one for each table under way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::event::{Event, Fact};
use protocol::plan::{Plan, Stage};
use protocol::receipt::Receipt;

use super::pace::Pace;
use super::tally::{Far, Tally, grouped, percent, span, whole};
use super::{Narrator, screen, trouble};
use crate::render;
use crate::render::visible;

/// Tables under way that have a line.
const TABLES_MAX: usize = 8;

/// Columns of a table's name.
const NAME: usize = 28;

pub(super) struct Bars {
    tally: Tally,
    pace: Pace,
    began: Instant,
    stage: Stage,
    /// What was begun last.
    what: String,
}

impl Bars {
    pub(super) fn new(plan: Arc<Plan>, receipts: &[Receipt]) -> Self {
        let (tally, pace) = (Tally::new(plan, receipts), Pace::default());
        let (stage, what) = (Stage::Prepare, String::new());
        Self { tally, pace, began: Instant::now(), stage, what }
    }

    fn lines(&self, elapsed: Duration) -> Vec<String> {
        let tally = &self.tally;
        let under_way = |far: &&Far| !far.moving.is_empty() && far.left > 0;
        let moving = tally.entities.iter().filter(|(_, far)| under_way(far));
        let mut lines: Vec<_> = moving
            .clone()
            .take(TABLES_MAX)
            .map(|(id, far)| {
                // An event comes from the ledger, and may name what the plan does not have.
                let planned = tally.plan.entities.get(id.index());
                let name = planned.map(|planned| planned.target.to_string());
                let name = name.unwrap_or_else(|| "?".into());
                let estimate = planned.map_or(0, |planned| planned.rows_estimate);
                table(&visible::text(&name), far, estimate)
            })
            .collect();
        let more = moving.count().saturating_sub(TABLES_MAX);
        if more > 0 {
            lines.push(format!("  and {more} more under way"));
        }
        lines.push(self.head());
        lines.push(self.figures());
        let stages = Stage::ALL.map(|stage| {
            let (done, planned) = tally.stage(stage);
            format!("{} {done}/{planned}", stage.as_str())
        });
        lines.push(format!("  {}", stages.join(" · ")));
        lines.push(format!("  {}", self.time(elapsed)));
        lines
    }

    /// How far the stage is.
    fn head(&self) -> String {
        let (done, planned) = self.tally.stage(self.stage);
        let name = self.stage.as_str();
        if self.stage == Stage::Copy {
            let share = self.tally.percent();
            let rows = grouped(self.tally.total().0);
            let all = grouped(self.tally.expected());
            return format!("{name:<8}{} {share:>3}%  {rows} of ~{all} rows", bar(share, 24));
        }
        let share = percent(done, planned);
        format!("{name:<8}{} {share:>3}%  {done}/{planned} {}", bar(share, 24), self.what)
    }

    fn figures(&self) -> String {
        let (done, tables) = self.tally.tables();
        let mut out = format!("  tables {done}/{tables} · {}", size(self.tally.total().1));
        if let Some((rows, bytes)) = self.pace.rate().filter(|_| self.stage == Stage::Copy) {
            out += &format!(" · {} rows/s · {}/s", grouped(whole(rows)), size(whole(bytes)));
        }
        out
    }

    fn time(&self, elapsed: Duration) -> String {
        let rest = self.tally.expected().saturating_sub(self.tally.total().0);
        let left = self.pace.left(rest).filter(|_| self.stage == Stage::Copy);
        let left = left.map(|left| format!(" · about {} of copying left", span(left.as_secs())));
        format!("{} elapsed{}", span(elapsed.as_secs()), left.unwrap_or_default())
    }
}

/// A line of a table under way.
fn table(name: &str, far: &Far, estimate: u64) -> String {
    let rows = far.total();
    let share = percent(rows, estimate.max(rows)).min(99);
    let rejected = match far.rejected {
        0 => String::new(),
        n => format!(", {} rejected", grouped(n)),
    };
    let name = shortened(name, NAME);
    format!("  {name:<NAME$} {} {share:>3}%  {} rows{rejected}", bar(share, 14), grouped(rows))
}

/// The end of a name that is too long: what tells tables apart stands there.
fn shortened(name: &str, columns: usize) -> String {
    let length = name.chars().count();
    if length <= columns {
        return name.to_owned();
    }
    ['…'].into_iter().chain(name.chars().skip(length - columns + 1)).collect()
}

fn bar(share: u64, columns: u64) -> String {
    let full = share * columns / 100;
    (0..columns).map(|at| if at < full { '█' } else { '░' }).collect()
}

fn size(bytes: u64) -> String {
    render::report::size(bytes)
}

impl Narrator for Bars {
    fn event(&mut self, event: &Event) {
        self.tally.hear(&event.fact);
        if let Some(trouble) = trouble(&event.fact) {
            super::write(&trouble);
        }
        match &event.fact {
            Fact::Stage { stage, .. } => {
                self.stage = *stage;
                self.what.clear();
            }
            Fact::Claimed { what, stage, .. } if *stage == self.stage => {
                self.what = visible::text(what).into_owned();
            }
            Fact::Run { .. }
            | Fact::Entity { .. }
            | Fact::Claimed { .. }
            | Fact::Moving { .. }
            | Fact::Done { .. }
            | Fact::Faulted { .. }
            | Fact::Finding { .. }
            | Fact::Worker { .. }
            | Fact::Gap { .. } => {}
        }
    }

    fn tick(&mut self) {
        let (rows, bytes) = self.tally.moved();
        self.pace.note(Instant::now(), rows, bytes);
        screen::draw(self.lines(self.began.elapsed()));
    }

    fn end(&mut self) {
        screen::clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_with_a_long_name_fits_a_line() {
        let far = Far { rows: 123_456_789_012, rejected: 4, ..Far::default() };
        let name = "a_schema_with_a_long_name.and_a_table_with_another_one_of_them";
        let line = table(name, &far, 200_000_000_000);
        let wanted =
            "  …le_with_another_one_of_them ████████░░░░░░  61%  123,456,789,012 rows, 4 rejected";
        assert_eq!(line, wanted);
    }

    #[test]
    fn a_bar_is_full_only_at_the_end() {
        assert_eq!(
            (bar(0, 4), bar(99, 4), bar(100, 4)),
            ("░░░░".into(), "███░".into(), "████".into())
        );
    }
}
