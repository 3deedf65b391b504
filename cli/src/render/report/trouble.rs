//! What did not go by itself: rejected rows, changed values, faults and resumes.

use std::collections::BTreeMap;

use coordinator::report::{EntityReport, Group, Met, Report};
use protocol::receipt::Reject;

use super::grouped;
use super::markup::{Text, list, paragraph, section, table, text};

/// Rejected rows, grouped by reason.
pub(super) fn rejects(report: &Report) -> String {
    if report.rejected.is_empty() {
        return section("Rejected rows", &paragraph("None."));
    }
    let row = |group: &Group| {
        vec![
            text(&group.entity),
            text(group.column.as_deref().unwrap_or("–")),
            reason(&group.reason, group.constraint.as_deref()),
            grouped(group.rows),
            text(&group.examples.join(" · ")),
        ]
    };
    let rows: Vec<_> = report.rejected.iter().map(row).collect();
    let more = format!(
        "<p>All of them, by key: <code>longhaul rejects list {run}</code>, or as a file: \
         <code>longhaul rejects export {run} -o rejects.csv</code>.</p>\n",
        run = report.run
    );
    let headings = ["Table", "Column", "Reason", "#Rows", "Keys, the first of them"];
    section("Rejected rows", &(table(&headings, &rows, None) + &more))
}

/// A reason, with what it means where we know it.
fn reason(reason: &str, constraint: Option<&str>) -> String {
    let constraint = constraint.map(|name| format!("<small>by {}</small>", Text(name)));
    let means = meaning(reason).map(|means| format!("{means} ")).unwrap_or_default();
    format!("{means}<code>{}</code>{}", Text(reason), constraint.unwrap_or_default())
}

/// The words for what the house calls by words of its own: `unique (23505)` is known by its first.
fn meaning(reason: &str) -> Option<&'static str> {
    Some(match reason.split(' ').next().unwrap_or_default() {
        "wrong_type" => "not of the column's type",
        "out_of_range" => "beyond the type's range",
        "too_precise" => "more precise than the type keeps",
        "too_long" => "longer than the type keeps",
        "too_large" => "larger than the server takes",
        "invalid_encoding" => "invalid encoding",
        "no_such_character" => "no such character in the column's set",
        "nul_in_text" => "NUL character in text",
        "not_finite" => "NaN or infinite",
        "negative_zero" => "a zero with a minus",
        "no_such_date" => "no such date there",
        "no_such_label" => "no such label",
        "no_such_row" => "no such row to update",
        "not_null" => "NULL not allowed",
        "foreign_key" => "refers to a missing row",
        "unique" => "duplicate key",
        "check" => "check failed",
        "exclusion" => "excluded by another row",
        "trigger" => "refused by a trigger",
        _ => return None,
    })
}

/// How many values the migration's policies changed.
pub(super) fn changed(report: &Report) -> u64 {
    let columns = report.entities.iter().flat_map(|entity| entity.policies.values());
    columns.flat_map(BTreeMap::values).sum()
}

/// Values that policies changed, by column and reason.
pub(super) fn policies(report: &Report) -> String {
    if changed(report) == 0 {
        return String::new();
    }
    let of = |entity: &EntityReport| {
        let mut rows = Vec::new();
        for (column, reasons) in &entity.policies {
            for (why, times) in reasons {
                let why = reason(why.as_str(), None);
                rows.push(vec![text(&entity.target), text(column), why, grouped(*times)]);
            }
        }
        rows
    };
    let rows: Vec<_> = report.entities.iter().flat_map(of).collect();
    let about = "These values did not fit their column, and were changed as the migration's policies \
                 say.";
    let body = paragraph(about) + &table(&["Table", "Column", "Reason", "#Values"], &rows, None);
    section("Changed values", &body)
}

/// Resumes, retries, and evidence of what was given up.
pub(super) fn faults(report: &Report) -> String {
    let mut items = Vec::new();
    match report.resumes {
        0 => {}
        1 => items.push("The run was resumed once.".to_string()),
        n => items.push(format!("The run was resumed {n} times.")),
    }
    match report.leader_changes {
        0 => {}
        1 => items.push("Its leader changed once.".to_string()),
        n => items.push(format!("Its leader changed {n} times.")),
    }
    let retried = report.entities.iter().filter(|entity| entity.retries > 0);
    items.extend(retried.map(|entity| {
        let times = grouped(entity.retries);
        format!("{}: {times} retries of its chunks.", Text(&entity.target))
    }));
    let (done, planned) = report.steps;
    if done < planned {
        items.push(format!("{done} of {planned} steps are done."));
    }
    let left = report.links_left.iter();
    items.extend(
        left.map(|link| format!("Not created, although all rows are there: {}.", Text(link))),
    );
    items.extend(report.samples.iter().map(evidence));
    let body = match (items.is_empty(), report.faults.is_empty()) {
        (true, true) => paragraph("None."),
        (true, false) => met(&report.faults),
        (false, true) => list(&items),
        (false, false) => list(&items) + &met(&report.faults),
    };
    section("Resumes and faults", &body)
}

/// What went wrong on the way, most often first.
fn met(faults: &[Met]) -> String {
    let mut faults: Vec<_> = faults.iter().collect();
    faults.sort_by_key(|met| std::cmp::Reverse((met.parked, met.times)));
    let row = |met: &&Met| {
        let left = match met.parked {
            0 => "retried".to_string(),
            chunks => format!("{} parked", grouped(chunks)),
        };
        vec![
            format!("{}<small>{}</small>", Text(&met.message), Text(&met.what)),
            format!("<code>{}</code>", Text(&met.code)),
            grouped(met.times),
            format!("{left}<small>{}</small>", Text(&met.advice)),
        ]
    };
    let rows: Vec<_> = faults.iter().map(row).collect();
    table(&["Fault", "Code", "#Times", "Result"], &rows, None)
}

fn evidence(sample: &Reject) -> String {
    let why = reason(&sample.reason, sample.constraint.as_deref());
    let key = Text(&sample.key);
    format!("Chunk {} was parked; sample: key <code>{key}</code>, {why}.", sample.chunk)
}
