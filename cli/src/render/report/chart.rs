//! The timeline of a run as a drawing: rows written per second, and the stages below.

use coordinator::report::{StageSpan, Timeline};

use super::markup::Text;
use super::page::moment;
use crate::progress::grouped;

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 28.0;
const HEIGHT: f64 = 150.0;
const BAR: f64 = 22.0;

/// Draws a timeline as inline SVG.
pub(super) fn draw(timeline: &Timeline) -> String {
    let bars: String =
        timeline.stages.iter().enumerate().map(|(at, span)| bar(timeline, at, *span)).collect();
    let rows = u32::try_from(timeline.stages.len()).unwrap_or(0);
    let base = TOP + HEIGHT;
    let height = base + 34.0 + f64::from(rows) * BAR;
    format!(
        "<svg viewBox=\"0 0 {WIDTH:.0} {height:.0}\" role=\"img\" aria-labelledby=\"pace\">\n\
         <title id=\"pace\">Rows written per second over the time of the run, and its stages</title>\n\
         {}<polygon class=\"area\" points=\"{LEFT:.1},{base:.1} {} {WIDTH:.1},{base:.1}\"/>\n\
         <polyline class=\"line\" points=\"{}\"/>\n{bars}</svg>\n",
        axes(timeline),
        points(timeline),
        points(timeline),
    )
}

/// Where a second stands.
fn across(timeline: &Timeline, second: f64) -> f64 {
    LEFT + (WIDTH - LEFT) * (second / timeline.seconds).clamp(0.0, 1.0)
}

fn points(timeline: &Timeline) -> String {
    let most = timeline.fastest().max(1.0);
    let parts = u32::try_from(timeline.rows_per_second.len().max(1)).unwrap_or(u32::MAX);
    let width = (WIDTH - LEFT) / f64::from(parts);
    let mut left = LEFT;
    let step = |pace: &f64| {
        let top = TOP + HEIGHT * (1.0 - pace / most);
        let drawn = format!("{left:.1},{top:.1} {:.1},{top:.1}", left + width);
        left += width;
        drawn
    };
    timeline.rows_per_second.iter().map(step).collect::<Vec<_>>().join(" ")
}

fn axes(timeline: &Timeline) -> String {
    let most = timeline.fastest();
    let line = |share: f64| {
        let at = TOP + HEIGHT * (1.0 - share);
        format!(
            "<line class=\"axis\" x1=\"{LEFT:.0}\" x2=\"{WIDTH:.0}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\n\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            LEFT - 8.0,
            at + 4.0,
            whole(most * share)
        )
    };
    let under = TOP + HEIGHT + 17.0;
    let lines: String = [0.0, 0.5, 1.0].into_iter().map(line).collect();
    format!(
        "{lines}<text x=\"0\" y=\"11\">rows per second</text>\n\
         <text x=\"{LEFT:.0}\" y=\"{under:.0}\">{}</text>\n\
         <text x=\"{WIDTH:.0}\" y=\"{under:.0}\" text-anchor=\"end\">{}</text>\n",
        Text(&moment(&timeline.began)),
        Text(&moment(&timeline.ended))
    )
}

fn bar(timeline: &Timeline, at: usize, span: StageSpan) -> String {
    let top = TOP + HEIGHT + 28.0 + f64::from(u32::try_from(at).unwrap_or(0)) * BAR;
    let (from, to) = (across(timeline, span.from), across(timeline, span.to));
    format!(
        "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
         <rect class=\"stage\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"10\" rx=\"2\">\
         <title>{}: {:.1} s</title></rect>\n",
        LEFT - 8.0,
        top + 10.0,
        span.stage.as_str(),
        top + 1.0,
        (to - from).max(2.0),
        span.stage.as_str(),
        span.to - span.from,
    )
}

/// A number for people, whole.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is not negative")]
pub(super) fn whole(number: f64) -> String {
    grouped(number.round() as u64)
}
