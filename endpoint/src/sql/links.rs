//! Foreign keys that the rows forbid: how many rows, and how that is said.

use std::time::Duration;

use protocol::fault::{Code, Fault, Refusal};
use protocol::plan::{Step, StepKind};

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
