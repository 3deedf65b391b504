//! `report.html`: one page that stands by itself, to be read, printed and forwarded.
//!
//! # Promises
//! 1. It needs nothing but itself: no script, no font, no picture, no server.
//! 2. Nothing that came from a database is markup in it.
//! 3. It says no more than the report: what was not proven is said where the eye falls.

use coordinator::report::{EntityReport, Report, Verdict};

use super::chart;
use super::facts;
use super::left;
use super::markup::{self, Text, list, paragraph, section, text};
use super::proof;
use super::trouble;
use super::{grouped, size};

/// The colours and the print of the page.
const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(super) fn html(report: &Report) -> String {
    let sections = [
        section("What to know", &to_know(report)),
        left::html(report),
        section("Tables", &entities(report)),
        facts::made(report),
        timeline(report),
        trouble::rejects(report),
        trouble::policies(report),
        trouble::faults(report),
        proof::section_of(report),
        proof::checks(report),
        proof::digests(report),
        facts::provenance(report),
        notes(report),
    ];
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'\"/>\n<meta name=\"referrer\" content=\"no-referrer\"/>\n\
         <title>{}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{}<main>\n{}</main>\n{}\
         </body>\n</html>\n",
        Text(&report.migration),
        headline(report),
        header(report),
        sections.concat(),
        footer(report),
    )
}

fn colour(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Verified => "good",
        Verdict::NotVerified => "wait",
        Verdict::Different => "bad",
    }
}

/// A verdict, in its colour. The word alone says it too.
pub(super) fn mark(verdict: Verdict) -> String {
    format!("<span class=\"{}\">{}</span>", colour(verdict), verdict.as_str())
}

fn headline(report: &Report) -> &'static str {
    match report.verdict {
        Verdict::Verified if report.totals.rejected > 0 => "Verified, with rejected rows",
        Verdict::Verified if report.left_behind.tables > 0 => "Verified, with tables left behind",
        Verdict::Verified => "Verified",
        Verdict::NotVerified => "Not verified",
        Verdict::Different => "The target differs",
    }
}

fn lead(report: &Report) -> String {
    let rows = grouped(report.totals.written);
    let to = &report.to.environment;
    let written = format!("{rows} rows of {} were written to {to}", entities_of(report));
    match report.verdict {
        Verdict::Verified => {
            let left = left::beside_verdict(report);
            format!("{written}, and all of them were read back as written{left}.")
        }
        Verdict::NotVerified if report.ended.is_none() => {
            format!("{written} so far. The run is {}.", report.state)
        }
        Verdict::NotVerified => {
            format!("{written}. Not all of them were shown to be there as written.")
        }
        Verdict::Different => {
            format!("{written}. What was read back is not what was written.")
        }
    }
}

fn entities_of(report: &Report) -> String {
    match report.entities.len() {
        1 => "1 table".to_string(),
        several => format!("{several} tables"),
    }
}

fn header(report: &Report) -> String {
    let lost = report.totals.rejected + report.left_behind.tables;
    let colour = match (report.verdict, lost) {
        (Verdict::Verified, 1..) => "wait",
        (verdict, _) => colour(verdict),
    };
    let facts = [
        ("From", facts::side(report, &report.from, true)),
        ("To", facts::side(report, &report.to, false)),
        ("Began", moment(&report.created)),
        ("Ended", report.ended.as_deref().map_or_else(|| "not yet".to_string(), moment)),
        ("Took", report.seconds.map_or_else(|| "–".to_string(), duration)),
        ("Speed", facts::speed(report).unwrap_or_else(|| "–".to_string())),
        ("By", report.origin.as_ref().map_or_else(|| "–".to_string(), |o| text(&o.by))),
        ("State", standing(report)),
        ("Verified", last_check(report)),
        ("Run", format!("<code>{}</code>", report.run)),
    ];
    let facts: String =
        facts.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>\n")).collect();
    format!(
        "<header class=\"{colour}\">\n<p class=\"over\">Longhaul · {}</p>\n<h1>{}</h1>\n\
         <p class=\"lead\">{}</p>\n<dl>\n{facts}</dl>\n</header>\n",
        Text(&report.migration),
        headline(report),
        Text(&lead(report)),
    )
}

/// The state, and who drives a run that is not over.
fn standing(report: &Report) -> String {
    match &report.standing {
        None => report.state.to_string(),
        Some(standing) => format!("{}, {}", report.state, Text(standing)),
    }
}

/// When the target was read back last, and what came of it.
fn last_check(report: &Report) -> String {
    match report.checks.last() {
        None => "not yet".to_string(),
        Some(check) => format!("{}: {}", moment(&check.at), mark(check.verdict)),
    }
}

/// `2026-11-21 05:36:50 UTC`, and the same in the zone of this machine, from RFC 3339.
pub(super) fn moment(instant: &str) -> String {
    let local = instant.parse::<protocol::clock::Instant>().ok().and_then(|at| at.local());
    let local = local.map(|local| format!(" ({local})")).unwrap_or_default();
    utc(instant) + &local
}

fn utc(instant: &str) -> String {
    match instant.split_once('T') {
        Some((day, time)) => {
            let seconds = time.split(['.', 'Z']).next().unwrap_or_default();
            text(&format!("{day} {seconds} UTC"))
        }
        None => text(instant),
    }
}

/// `1 h 02 min 05 s`.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive")]
    let whole = seconds.round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours} h {minutes:02} min {rest:02} s")
    } else {
        format!("{minutes} min {rest:02} s")
    }
}

/// What an operator must not miss, the gravest first.
fn to_know(report: &Report) -> String {
    let mut items = facts::missing(report);
    let of = |verdict| report.entities.iter().filter(move |e| e.verdict == verdict);
    for (verdict, word) in [(Verdict::Different, "bad"), (Verdict::NotVerified, "wait")] {
        items.extend(of(verdict).map(|entity| {
            let why = entity.why.as_deref().unwrap_or(verdict.as_str());
            let name = Text(&entity.target);
            format!("<strong class=\"{word}\">{name}</strong>: {}.", Text(why))
        }));
    }
    let missed = report.links_left.iter();
    items.extend(
        missed.map(|what| format!("Not made, although the rows are there: {}.", Text(what))),
    );
    if report.broken_promise {
        items.push("The source was written to, although nobody was to write.".to_string());
    }
    if report.totals.rejected > 0 {
        let rows = grouped(report.totals.rejected);
        items
            .push(format!("<strong class=\"wait\">{rows} rows</strong> were rejected; see below."));
    }
    let changed = trouble::changed(report);
    if changed > 0 {
        let times = grouped(changed);
        items.push(format!("{times} values were changed, as the migration's policies say."));
    }
    items.extend(left::to_know(report));
    if report.totals.filtered > 0 {
        let rows = grouped(report.totals.filtered);
        items.push(format!("{rows} rows were left out, as the migration says."));
    }
    if items.is_empty() {
        return paragraph("Nothing needs your attention.");
    }
    list(&items)
}

fn entities(report: &Report) -> String {
    let head =
        ["Table", "#Read", "#Written", "#Filtered", "#Rejected", "#Bytes", "#Time", "Verdict"];
    let rows: Vec<_> = report.entities.iter().map(entity).collect();
    let counts = report.totals;
    let total = [
        "All".to_string(),
        grouped(counts.read),
        grouped(counts.written),
        grouped(counts.filtered),
        grouped(counts.rejected),
        size(counts.bytes),
        String::new(),
        mark(report.verdict),
    ];
    let note = "Time is the sum over the table's chunks; several are in progress at once.";
    format!("{}<p class=\"soft\">{note}</p>\n", markup::table(&head, &rows, Some(total.as_slice())))
}

fn entity(entity: &EntityReport) -> Vec<String> {
    let mut name = text(&entity.target);
    // A table that keeps its name need not say it twice.
    let bare = entity.target.rsplit_once('.').map_or("", |(_, name)| name);
    if entity.source != entity.target && entity.source != bare {
        name += &format!("<small>from {}</small>", Text(&entity.source));
    }
    let why = entity.why.as_deref().map(|why| format!("<small>{}</small>", Text(why)));
    let missing =
        entity.missing.iter().map(|what| format!("<small>not made: {}</small>", Text(what)));
    let missing: String = missing.collect();
    vec![
        name,
        grouped(entity.counts.read),
        grouped(entity.counts.written),
        grouped(entity.counts.filtered),
        grouped(entity.counts.rejected),
        size(entity.counts.bytes),
        duration(entity.seconds),
        mark(entity.verdict) + &why.unwrap_or_default() + &missing,
    ]
}

fn timeline(report: &Report) -> String {
    let Some(timeline) = &report.timeline else { return String::new() };
    let fastest = chart::whole(timeline.fastest());
    let stage = |span: &coordinator::report::StageSpan| {
        vec![
            span.stage.as_str().to_string(),
            duration(span.from),
            duration(span.to - span.from),
            grouped(span.chunks),
        ]
    };
    let stages: Vec<_> = timeline.stages.iter().map(stage).collect();
    let body = format!(
        "<figure>\n{}<figcaption>Rows written per second, at most {fastest}; below it, the stages. \
         A gap is a time without rows: a pause, or work of another stage.</figcaption>\n</figure>\n{}",
        chart::draw(timeline),
        markup::table(&["Stage", "#Began after", "#Took", "#Steps"], &stages, None),
    );
    section("Timeline", &body)
}

fn notes(report: &Report) -> String {
    if report.notes.is_empty() {
        return String::new();
    }
    let mut items: Vec<String> = Vec::new();
    for group in protocol::plan::grouped(&report.notes).into_iter().filter(|g| !g.level.is_loss()) {
        let lines = super::super::notes::lines(&group).into_iter();
        items.extend(lines.map(|(count, line)| match count {
            1 => text(&line),
            many => format!("{} <span class=\"soft\">({many})</span>", text(&line)),
        }));
    }
    if items.is_empty() {
        return String::new();
    }
    section("What the plan said beforehand", &list(&items))
}

fn footer(report: &Report) -> String {
    format!(
        "<footer>\n<p>Longhaul {} made this page from plan, receipts and rejects as they are in the \
         target; <code>longhaul report {}</code> makes it again.</p>\n</footer>\n",
        env!("CARGO_PKG_VERSION"),
        report.run,
    )
}
