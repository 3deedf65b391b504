//! What stands on the terminal when a run has ended: a line per table, and the verdict last.

use std::io::IsTerminal as _;

use coordinator::report::{EntityReport, Report, Verdict};

use super::grouped;
use crate::render::visible;

/// Tables that have a line; the report has all of them.
const TABLES_MAX: usize = 40;

/// Columns of a table's name.
const NAME_MAX: usize = 34;

/// Tables with their rows, narrow enough for 80 columns; those that need a look come first where not
/// all of them are shown.
pub(super) fn tables(report: &Report) -> String {
    let mut shown: Vec<&EntityReport> = report.entities.iter().collect();
    if shown.len() > TABLES_MAX {
        let fine = |e: &&EntityReport| e.verdict == Verdict::Verified && e.counts.rejected == 0;
        shown.sort_by_key(fine);
    }
    let more = shown.len().saturating_sub(TABLES_MAX);
    shown.truncate(TABLES_MAX);
    let width = shown.iter().map(|e| visible::text(&e.target).chars().count()).max().unwrap_or(0);
    let width = width.clamp(5, NAME_MAX);
    let filtered = report.totals.filtered > 0;
    let column = |is: bool, text: &str| if is { format!("  {text:>9}") } else { String::new() };
    let mut out = format!(
        "{:<width$}  {:>13}{}  {:>8}  verdict\n",
        "table",
        "written",
        column(filtered, "filtered"),
        "rejected"
    );
    for entity in &shown {
        out += &format!(
            "{:<width$}  {:>13}{}  {:>8}  {}\n",
            shortened(&visible::text(&entity.target), width),
            grouped(entity.counts.written),
            column(filtered, &grouped(entity.counts.filtered)),
            grouped(entity.counts.rejected),
            entity.verdict.as_str(),
        );
        out += &entity
            .why
            .as_ref()
            .map(|why| format!("    {}\n", visible::text(why)))
            .unwrap_or_default();
    }
    if more > 0 {
        out += &format!("and {} more in the report\n", grouped(more as u64));
    }
    out
}

/// The end of a name that is too long.
fn shortened(name: &str, columns: usize) -> String {
    let length = name.chars().count();
    if length <= columns {
        return name.to_owned();
    }
    ['…'].into_iter().chain(name.chars().skip(length - columns + 1)).collect()
}

/// A summary with the word of the verdict in its colour, where stdout is a terminal and nobody asked
/// for none.
pub(super) fn coloured(report: &Report, safe: &str) -> String {
    if std::env::var_os("NO_COLOR").is_some() || !std::io::stdout().is_terminal() {
        return safe.to_owned();
    }
    painted(report.verdict, report.totals.rejected > 0, safe)
}

fn painted(verdict: Verdict, rejects: bool, text: &str) -> String {
    let colour = match (verdict, rejects) {
        (Verdict::Verified, false) => "32",
        (Verdict::Verified, true) | (Verdict::NotVerified, _) => "33",
        (Verdict::Different, _) => "31",
    };
    let word = verdict.as_str().to_uppercase();
    let line = |line: &str| match line.strip_prefix(&word) {
        Some(rest) => format!("\x1b[1;{colour}m{word}\x1b[0m{rest}\n"),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_the_verdict_has_a_colour() {
        let text = "a table\nVERIFIED: 3 rows\n";
        let wanted = "a table\n\x1b[1;32mVERIFIED\x1b[0m: 3 rows\n";
        assert_eq!(painted(Verdict::Verified, false, text), wanted);
        let rejected = painted(Verdict::Verified, true, text);
        assert_eq!(rejected, wanted.replace("[1;32m", "[1;33m"));
        assert!(painted(Verdict::Different, false, "DIFFERENT").starts_with("\x1b[1;31m"));
    }

    #[test]
    fn a_long_name_keeps_its_end() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("public.customers", 10), "…customers");
    }
}
