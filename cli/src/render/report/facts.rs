//! What an auditor asks of a run beside its rows: where it came from, what was in force, what it made.

use coordinator::report::{Made, Report, Setting};
use protocol::plan::Side;

use super::markup::{Text, section, table, text};
use super::{grouped, size};
use crate::progress::{counted, whole};

/// One side of the run: environment, server with version, and place.
pub(super) fn side(report: &Report, side: &Side, from: bool) -> String {
    let place = report.origin.as_ref().map(|origin| if from { &origin.from } else { &origin.to });
    let server = match place {
        Some(place) if !place.server.is_empty() => place.server.clone(),
        Some(_) | None => side.engine.to_string(),
    };
    let at = place
        .filter(|place| !place.at.is_empty())
        .map(|place| format!("<small><code>{}</code></small>", Text(&place.at)));
    format!(
        "{} <span class=\"soft\">({})</span>{}",
        Text(&side.environment.0),
        Text(&server),
        at.unwrap_or_default()
    )
}

/// Rows and bytes per second over the whole run; nothing where that says nothing.
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(super) fn speed(report: &Report) -> Option<String> {
    let seconds = report.seconds.filter(|seconds| *seconds >= 0.001)?;
    let over = |number: u64| whole(number as f64 / seconds);
    let rows = grouped(over(report.totals.written));
    Some(format!("{rows} rows/s, {}/s", size(over(report.totals.bytes))))
}

/// How it was run, and the settings in force.
pub(super) fn provenance(report: &Report) -> String {
    let mut facts = Vec::new();
    if let Some(origin) = &report.origin {
        facts.push(("By", text(&origin.by)));
        facts.push(("Command", format!("<code>{}</code>", Text(&origin.command))));
        if let Some(file) = &origin.file {
            facts.push(("File", format!("<code>{}</code>", Text(file))));
        }
        if let Some(digest) = &origin.file_digest {
            facts
                .push(("File, SHA-256", format!("<span class=\"digest\">{}</span>", Text(digest))));
        }
        facts.push(("Version", format!("Longhaul {}", Text(&origin.version))));
    }
    let plan = Text(&report.fingerprint);
    facts.push(("Plan, SHA-256", format!("<span class=\"digest\">{plan}</span>")));
    let facts: String =
        facts.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>\n")).collect();
    let rows: Vec<_> = report.settings.iter().map(setting).collect();
    let settings = table(&["Setting", "Value", "Tables"], &rows, None);
    section("How it was run", &format!("<dl>\n{facts}</dl>\n{settings}"))
}

fn setting(setting: &Setting) -> Vec<String> {
    let tables = match (setting.tables.as_slice(), setting.more) {
        ([], _) => "all".to_owned(),
        (some, 0) => some.join(", "),
        (some, more) => format!("{}, and {more} more", some.join(", ")),
    };
    vec![text(&setting.what), text(&setting.value), text(&tables)]
}

/// What was created beside rows.
pub(super) fn made(report: &Report) -> String {
    if report.made.is_empty() {
        return String::new();
    }
    let row = |made: &Made| {
        let mut names = text(&made.names.join(", "));
        let unnamed = made.done.saturating_sub(made.names.len() as u64);
        if unnamed > 0 {
            names += &format!(", and {} more", grouped(unnamed));
        }
        if !made.missing.is_empty() {
            names += &format!("<small>not created: {}</small>", Text(&made.missing.join(", ")));
        }
        vec![kind(&made.kind, made.planned), grouped(made.done), grouped(made.planned), names]
    };
    let rows: Vec<_> = report.made.iter().map(row).collect();
    section("Objects created", &table(&["Kind", "#Created", "#Planned", "Names"], &rows, None))
}

/// What a kind is called.
fn kind(word: &str, number: u64) -> String {
    let plain = word.replace('_', " ");
    let several = match plain.as_str() {
        "index" => "indexes".to_owned(),
        other if other.ends_with('y') && !other.ends_with("ey") => {
            format!("{}ies", other.trim_end_matches('y'))
        }
        other => format!("{other}s"),
    };
    text(if number == 1 { &plain } else { &several })
}

/// In one line for the terminal: `4 tables, 9 indexes, 3 foreign keys`.
pub(super) fn made_line(report: &Report) -> Option<String> {
    let made = report.made.iter().filter(|made| made.done > 0);
    let made = made.map(|made| format!("{} {}", grouped(made.done), kind(&made.kind, made.done)));
    let made: Vec<_> = made.collect();
    (!made.is_empty()).then(|| made.join(", "))
}

/// What failed for good and what is missing for it: to be said at the top.
pub(super) fn missing(report: &Report) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for met in report.faults.iter().filter(|met| met.parked > 0) {
        items.push(format!(
            "<strong class=\"bad\">{}</strong> failed: {}.<small>{}</small>",
            Text(&met.what),
            Text(&met.message),
            Text(&met.advice)
        ));
    }
    let unnamed =
        |link: &&String| !report.faults.iter().any(|met| met.parked > 0 && met.what == **link);
    let left: Vec<_> = report.links_left.iter().filter(unnamed).collect();
    items.extend(left.iter().map(|link| {
        format!(
            "<strong class=\"bad\">{}</strong> is missing, although all rows are there.",
            Text(link)
        )
    }));
    let (done, planned) = report.steps;
    if report.ended.is_none() && done < planned {
        let left = counted(planned - done, "step is", "steps are");
        items.push(format!("{left} not done yet, of {}.", grouped(planned)));
    }
    items
}
