//! Foreign keys that the rows forbid: how many rows, and how that is said.

use std::time::Duration;

use protocol::fault::{Code, Fault, Refusal};
use protocol::plan::{Step, StepKind};
use protocol::schema::TableName;

/// A foreign key of a source, whose rows may lead nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The table.
    pub table: TableName,
    /// Its columns.
    pub columns: Vec<String>,
    /// The table they lead to.
    pub references: TableName,
    /// The columns there, in the same order.
    pub referenced: Vec<String>,
    /// Which rows of the table move: a condition in the engine's own SQL.
    pub filter: Option<String>,
    /// Which rows there move.
    pub their_filter: Option<String>,
    /// Columns whose texts lead somewhere only when they are the same byte by byte, as in a target that
    /// compares them so.
    pub exact: Vec<String>,
}

/// Rows that lead nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Strays {
    /// Rows that lead to none.
    pub none: u64,
    /// Rows that lead to one only where letter case, accents or blanks at the end mean nothing.
    pub inexact: u64,
}

impl Link {
    /// The query that counts: the rows that lead to none, and those that lead to none exactly. Names are
    /// quoted by `name` and `table`; `same` and `exactly` compare a column `p.…` with a column `c.…`.
    pub(crate) fn question(
        &self,
        table: impl Fn(&TableName) -> String,
        name: impl Fn(&str) -> String,
        exactly: impl Fn(&str, &str) -> String,
    ) -> String {
        let some = |of: &TableName, filter: &Option<String>| match filter {
            Some(filter) => format!("(SELECT * FROM {} WHERE ({filter}\n))", table(of)),
            None => table(of),
        };
        let here: Vec<_> =
            self.columns.iter().map(|c| format!("c.{} IS NOT NULL", name(c))).collect();
        let pairs = || self.columns.iter().zip(&self.referenced);
        let same: Vec<_> =
            pairs().map(|(here, there)| format!("p.{} = c.{}", name(there), name(here))).collect();
        let mut exact = same.clone();
        exact.extend(pairs().filter(|(here, _)| self.exact.contains(here)).map(|(here, there)| {
            exactly(&format!("p.{}", name(there)), &format!("c.{}", name(here)))
        }));
        let parents = some(&self.references, &self.their_filter);
        let there = self.referenced.first().map(|there| format!("p.{}", name(there)));
        // Not EXISTS: MariaDB remembers its answer for a text, and gives it for one that only its
        // collation takes for the same.
        let count = |how: &[String]| {
            format!(
                "SELECT COUNT(*) AS n FROM {} c LEFT JOIN {parents} p ON {} WHERE {} AND {} IS NULL",
                some(&self.table, &self.filter),
                how.join(" AND "),
                here.join(" AND "),
                there.as_deref().unwrap_or("NULL"),
            )
        };
        match self.exact.is_empty() {
            true => format!("SELECT n, n FROM ({}) s", count(&same)),
            false => format!("SELECT ({}), ({})", count(&same), count(&exact)),
        }
    }
}

impl Strays {
    /// From the two numbers of [`Link::question`].
    pub(crate) fn of(none: u64, all: u64) -> Self {
        Self { none, inexact: all.saturating_sub(none) }
    }
}

/// How long all counting before a run may take, and counting of one foreign key.
pub(crate) const COUNT_ALL_WITHIN: Duration = Duration::from_secs(30);
pub(crate) const COUNT_ONE_WITHIN: Duration = Duration::from_secs(10);

/// How long a server may count. Counting takes about as long as the check of the foreign key did.
pub(crate) const COUNT_WITHIN: Duration = Duration::from_secs(120);

/// The query that counts the rows of a table which link to rows that are not there. The names of the
/// tables and columns are quoted. A link with a NULL in it leads nowhere, and may.
pub(crate) fn orphans(table: &str, parent: &str, columns: &[(String, String)]) -> String {
    let here = columns.iter().map(|(here, _)| here.as_str());
    let same = columns.iter().map(|(here, there)| format!("p.{there} = c.{here}"));
    orphans_unless(table, parent, here, same)
}

/// The same, where a row `c` of the table leads to a row `p` of the other under conditions of an
/// engine's own.
pub(crate) fn orphans_unless<'a>(
    table: &str,
    parent: &str,
    here: impl Iterator<Item = &'a str>,
    same: impl Iterator<Item = String>,
) -> String {
    let here: Vec<_> = here.map(|here| format!("c.{here} IS NOT NULL")).collect();
    let same: Vec<_> = same.collect();
    format!(
        "SELECT count(*) FROM {table} c WHERE {} AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE {})",
        here.join(" AND "),
        same.join(" AND ")
    )
}

/// What counts the rows that a foreign key was refused for; nothing where it was refused for something
/// else.
pub(crate) fn in_the_way<'a>(step: &'a Step, fault: &Fault) -> Option<&'a str> {
    let refusal = fault.named().and_then(|native| native.refusal);
    let about_rows = step.kind == StepKind::ForeignKey && refusal == Some(Refusal::ForeignKey);
    step.orphans.as_deref().filter(|_| about_rows)
}

/// The refusal of a foreign key, with the number of rows it was refused for, where they were counted.
pub(crate) fn broken(step: &Step, fault: &Fault, rows: Option<u64>) -> Fault {
    let said = match rows {
        Some(1) => "1 row links to a row that is not there".to_owned(),
        Some(rows) => format!("{rows} rows link to rows that are not there"),
        None => "rows link to rows that are not there; they could not be counted".to_owned(),
    };
    let broken = Fault::new(Code::LinkBroken, fault.place()).within(&step.what).saying(said);
    match fault.named() {
        Some(native) => broken.native(native.clone()),
        None => broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_of_two_columns_is_counted_where_neither_is_null() {
        let columns = [("a".into(), "x".into()), ("b".into(), "y".into())];
        assert_eq!(
            orphans("child", "parent", &columns),
            "SELECT count(*) FROM child c WHERE c.a IS NOT NULL AND c.b IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM parent p WHERE p.x = c.a AND p.y = c.b)"
        );
    }
}
