//! A report, for people: a summary at the end of a run, `report.txt` and `report.html`.

mod chart;
mod facts;
pub(crate) mod left;
mod markup;
mod page;
mod proof;
mod summary;
#[cfg(test)]
mod tests;
mod trouble;

use std::path::Path;

use coordinator::report::{Check, EntityReport, Report, Verdict};
use protocol::fault::Fault;

use super::{notes, spent, visible};
use crate::assemble;
use crate::progress::counted;

/// Writes `report.json`, `report.txt` and `report.html` into a folder.
pub(crate) fn save(report: &Report, folder: &Path) -> Result<(), Fault> {
    let json = serde_json::to_string_pretty(report).expect("a report has string keys only");
    assemble::write(&folder.join("report.json"), &json)?;
    assemble::write(&folder.join("report.txt"), &visible::lines(&text(report)))?;
    assemble::write(&folder.join("report.html"), &page::html(report))
}

/// One screen: a line per table, and the verdict last.
pub(crate) fn summary(report: &Report) -> String {
    let mut out = summary::tables(report);
    out += "\n";
    // Two lines where one would be too long for a terminal of 80 columns.
    let time = time(report);
    out += &if time.chars().count() > 80 { time.replacen(": ", ":\n  ", 1) } else { time };
    out += &facts::made_line(report).map(|line| format!("created {line}\n")).unwrap_or_default();
    out += &left::lines(report);
    out += &verdict(report);
    out
}

/// A summary that was made safe to look at, with the word of the verdict in its colour.
pub(crate) fn coloured(report: &Report, safe: &str) -> String {
    summary::coloured(report, safe)
}

/// The whole report.
pub(crate) fn text(report: &Report) -> String {
    let mut out = verdict(report);
    out += &left::lines(report);
    out += &format!(
        "\nmigration    {}\nrun          {}\nfrom         {} ({})\nto           {} ({})\n\
         state        {}\nplan         {}\nguarantee    {}\nconsistency  {}\n\
         created      {}\nended        {}\nresumes      {}\nsteps        {} of {} done\n",
        visible::text(&report.migration),
        report.run,
        report.from.environment,
        report.from.engine,
        report.to.environment,
        report.to.engine,
        report.state,
        report.fingerprint,
        report.guarantee,
        report.consistency,
        report.created,
        report.ended.as_deref().unwrap_or("-"),
        report.resumes,
        report.steps.0,
        report.steps.1,
    );
    match report.leader_changes {
        0 => {}
        1 => out += "leader       changed once\n",
        n => out += &format!("leader       changed {n} times\n"),
    }
    if let Some(line) = spent::line(&report.spent) {
        out += &format!("time         {line}\n");
    }
    if let Some(standing) = &report.standing {
        let what = if standing.starts_with("paused") { "pause" } else { "driver" };
        out += &format!("{what:<12} {}\n", visible::text(standing));
    }
    out += &report
        .checks
        .iter()
        .map(|check| format!("verified     {}\n", checked(check)))
        .collect::<String>();
    if let Some(speed) = facts::speed(report) {
        out += &format!("speed        {speed}\n");
    }
    if let Some(line) = facts::made_line(report) {
        out += &format!("created      {line}\n");
    }
    if let Some(origin) = &report.origin {
        let [by, command] = [&origin.by, &origin.command].map(|said| visible::text(said));
        out += &format!("by           {by}\ncommand      {command}\n");
    }
    out += "\n";
    out += &entities(report);
    out += &digests(report);
    out += &groups(report);
    out += &list("\nrejected rows, the first of them\n", &report.rejects);
    out += &list("\nevidence kept of chunks that were given up\n", &report.samples);
    if !report.links_left.is_empty() {
        out += "\nnot made, since the rows forbid it or it was not its turn yet\n";
        out += &report
            .links_left
            .iter()
            .map(|link| format!("  {}\n", visible::text(link)))
            .collect::<String>();
    }
    out += &met(report);
    out += &said_before(report);
    out
}

/// Faults on the way.
fn met(report: &Report) -> String {
    let mut out = String::new();
    if !report.faults.is_empty() {
        out += "\nfaults on the way\n";
        for met in &report.faults {
            let parked = if met.parked > 0 { ", left to a person" } else { "" };
            out += &format!(
                "  {} times{parked}: {} ({})\n",
                met.times,
                visible::text(&met.message),
                met.code
            );
            if met.parked > 0 {
                out += &format!("    {}\n", visible::text(&met.advice));
            }
        }
    }
    out
}

/// What the plan said.
fn said_before(report: &Report) -> String {
    let mut out = String::new();
    if !report.notes.is_empty() {
        out += "\nwhat the plan said\n";
        out += &notes::sections(&report.notes, true);
    }
    out
}

/// When the target was read back, by whom, and what was found.
pub(crate) fn checked(check: &Check) -> String {
    let found = match check.verdict {
        Verdict::Verified => "it holds what was written",
        Verdict::NotVerified => "nothing could be proven",
        Verdict::Different => "IT DIFFERS",
    };
    format!("{} by {}: {found}", check.at, check.by)
}

fn verdict(report: &Report) -> String {
    let seconds = report.seconds.map(|s| format!(" in {s:.1} s")).unwrap_or_default();
    let rejected = match report.totals.rejected {
        0 => String::new(),
        n => format!(", {} rejected", grouped(n)),
    };
    format!(
        "{}{}: {} of {}{rejected}{seconds}\n",
        report.verdict.as_str().to_uppercase(),
        left::beside_verdict(report),
        counted(report.totals.written, "row", "rows"),
        counted(report.entities.len() as u64, "table", "tables"),
    )
}

/// Where the time went, in one line, where anything is known of it.
fn time(report: &Report) -> String {
    spent::line(&report.spent).map(|line| format!("{line}\n")).unwrap_or_default()
}

fn entities(report: &Report) -> String {
    let width = report.entities.iter().map(|e| e.target.chars().count()).max().unwrap_or(0).max(6);
    let mut out = format!(
        "{:<width$}  {:>12}  {:>12}  {:>8}  {:>8}  {:>9}  verdict\n",
        "table", "read", "written", "filtered", "rejected", "seconds"
    );
    for entity in &report.entities {
        let why =
            entity.why.as_ref().map(|why| format!(": {}", visible::text(why))).unwrap_or_default();
        let why = why + &visible::text(&missing(entity));
        out += &format!(
            "{:<width$}  {:>12}  {:>12}  {:>8}  {:>8}  {:>9.1}  {}{why}\n",
            entity.target,
            grouped(entity.counts.read),
            grouped(entity.counts.written),
            grouped(entity.counts.filtered),
            grouped(entity.counts.rejected),
            entity.seconds,
            entity.verdict.as_str(),
        );
    }
    out
}

/// What is not made beside the rows, in the line of the table that it is missed by.
fn missing(entity: &EntityReport) -> String {
    match &entity.missing[..] {
        [] => String::new(),
        [one] => format!("; not made: {one}"),
        [one, rest @ ..] => format!("; not made: {one} and {} more", rest.len()),
    }
}

fn digests(report: &Report) -> String {
    let mut out = String::from("\ndigests (rows:sum), written and found\n");
    for entity in &report.entities {
        let found = entity.found_digest.map_or_else(|| "-".to_string(), |d| d.to_string());
        out += &format!("  {}\n    {}\n    {found}\n", entity.target, entity.written_digest);
        out += &remarks(entity);
    }
    out
}

fn remarks(entity: &EntityReport) -> String {
    let mut out = String::new();
    if !entity.not_compared.is_empty() {
        out += &format!("    not compared: {}\n", visible::text(&entity.not_compared.join(", ")));
    }
    if let Some(line) = spent::line(&entity.spent) {
        out += &format!("    time: {line}\n");
    }
    if entity.retries > 0 {
        out += &format!("    retries: {}\n", entity.retries);
    }
    for (column, reasons) in &entity.policies {
        for (reason, times) in reasons {
            out += &format!(
                "    policy: {}, {}, {times} times\n",
                visible::text(column),
                reason.as_str()
            );
        }
    }
    out
}

fn groups(report: &Report) -> String {
    if report.rejected.is_empty() {
        return String::new();
    }
    let mut out = String::from("\nrejected rows, by reason\n");
    for group in &report.rejected {
        let column = group.column.as_ref().map(|c| format!(".{c}")).unwrap_or_default();
        let by = group.constraint.as_ref().map(|c| format!(" by {c}")).unwrap_or_default();
        let rows = grouped(group.rows);
        let what = format!("{}{column}: {}{by}", group.entity, group.reason);
        out += &format!("  {rows:>9}  {}\n", visible::text(&what));
    }
    out + &format!("  all of them: longhaul rejects list {}\n", report.run)
}

fn list(title: &str, rejects: &[protocol::receipt::Reject]) -> String {
    if rejects.is_empty() {
        return String::new();
    }
    let mut out = title.to_string();
    for reject in rejects {
        let column = reject.column.as_deref().unwrap_or("-");
        let constraint = reject.constraint.as_deref().unwrap_or("-");
        let what = format!(
            "chunk {}, key {}, column {column}, constraint {constraint}: {}",
            reject.chunk, reject.key, reject.reason
        );
        out += &format!("  {}\n", visible::text(&what));
    }
    out
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    crate::progress::grouped(number)
}

/// `12.3 MiB`.
#[expect(clippy::cast_precision_loss, reason = "for people, to one digit")]
pub(crate) fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    // From 1,000 on the next unit reads better beside its like: 1.0 MiB, not 1003.7 KiB.
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}
