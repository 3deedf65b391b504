//! What is guaranteed, what was proven, and what was not and why.

use coordinator::report::{Check, EntityReport, Report, Verdict};
use protocol::history::{Checked, Outcome};

use super::markup::{Text, list, paragraph, section, table, text};
use super::page::{mark, moment};

/// Consistency, guarantee, and what was not verified.
pub(super) fn section_of(report: &Report) -> String {
    let about = format!(
        "<dl>\n<dt>Consistency</dt><dd>{}</dd>\n<dt>Guarantee</dt><dd>{}</dd>\n</dl>\n",
        Text(&report.consistency),
        guarantee(report.guarantee),
    );
    section("Consistency and guarantee", &about) + &section("Not verified", &unproven(report))
}

fn guarantee(word: &str) -> String {
    let means = match word {
        "exactly_once" => "each row was written once: rows and their receipt live and die together",
        "exactly_once_until_crash" => {
            "each row was written once, unless the target's server crashed: a table is not crash-safe"
        }
        "effectively_once" => "rows are written by key, and writing them twice changes nothing",
        _ => "",
    };
    format!("{means} <code>{}</code>", Text(word))
}

fn unproven(report: &Report) -> String {
    let mut items = Vec::new();
    for entity in &report.entities {
        let name = Text(&entity.target);
        if entity.verdict != Verdict::Verified {
            let why = entity.why.as_deref().unwrap_or("it was not read back");
            items.push(format!("<strong>{name}</strong>: {}.", Text(why)));
        }
        if !entity.not_compared.is_empty() {
            let columns = entity.not_compared.join(", ");
            let why = "rewritten by the target in a way that cannot be foretold";
            items.push(format!("<strong>{name}</strong>: {}, {why}.", Text(&columns)));
        }
    }
    if report.totals.rejected > 0 {
        items.push("Rejected rows: they are not in the target.".to_string());
    }
    if items.is_empty() {
        return paragraph("Nothing: every row was read back, and every column compared.");
    }
    list(&items)
}

/// Each time that the target was read back: when, who asked, and what was found.
pub(super) fn checks(report: &Report) -> String {
    if report.checks.is_empty() {
        return String::new();
    }
    let row = |check: &Check| {
        let differs: Vec<_> = check.tables.iter().filter_map(differs).collect();
        let found = format!("{}<small>{}</small>", mark(check.verdict), Text(&differs.join("; ")));
        vec![moment(&check.at), text(&check.by), found]
    };
    let rows: Vec<_> = report.checks.iter().map(row).collect();
    let about = "The latest counts: it says what the target held then.";
    section("Verifications", &(paragraph(about) + &table(&["When", "By", "Found"], &rows, None)))
}

fn differs(table: &Checked) -> Option<String> {
    let Checked { table, outcome, expected, found, .. } = table;
    let differs = format!("{table}: {expected} rows were written, {found} were there");
    (*outcome == Outcome::Different).then_some(differs)
}

/// The digests of each entity, written and found.
pub(super) fn digests(report: &Report) -> String {
    let row = |entity: &EntityReport| {
        let digest = |digest: String| format!("<span class=\"digest\">{digest}</span>");
        let found = entity.found_digest.map_or_else(|| "–".to_string(), |d| digest(d.to_string()));
        vec![text(&entity.target), digest(entity.written_digest.to_string()), found]
    };
    let rows: Vec<_> = report.entities.iter().map(row).collect();
    let about = "Rows, and the sum of a 128-bit digest of each: equal where the same rows, value for \
                 value, were written and read back.";
    section("Digests", &(paragraph(about) + &table(&["Table", "Written", "Found"], &rows, None)))
}
