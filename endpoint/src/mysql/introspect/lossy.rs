//! Defaults that the server lists with `?` in the place of what its catalogue cannot hold: characters of
//! four bytes, and bytes that are no characters, unless it gives those as they are.
//!
//! A default is evaluated where there is a row. Where a table has none, a table of this session alone
//! gets the same columns and a row; nobody else sees it, and it is gone at once.

use std::collections::BTreeMap;

use protocol::fault::Fault;

use super::Lines;
use super::shown::Shown;
use crate::mysql::connect::Link;
use crate::mysql::words;

/// What a default really is, by column; nothing where the server does not let us find out.
pub(super) type Defaults = BTreeMap<String, Option<Spelled>>;

/// A literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spelled(pub(super) String);

/// Character sets whose characters the catalogue has all.
const PLAIN: [&str; 4] = ["latin1", "ascii", "utf8mb3", "utf8"];

/// Columns of a table whose default may not be what is listed, and whether they hold bytes.
fn suspects(columns: &Lines, shown: &Shown) -> Vec<(String, bool)> {
    let suspect = |line: &Vec<Option<String>>| {
        let [Some(name), _, _, Some(kind), charset, ..] = line.as_slice() else { return None };
        let default = super::shown::default_literal(shown.columns.get(name)?)?.1;
        let bytes = is_bytes(kind);
        let plain = charset.as_deref().is_some_and(|charset| PLAIN.contains(&charset));
        (default.contains(['?', '\u{fffd}']) && (bytes || !plain)).then(|| (name.clone(), bytes))
    };
    columns.iter().filter_map(suspect).collect()
}

/// Whether a type holds bytes.
pub(super) fn is_bytes(kind: &str) -> bool {
    let kind = kind.split('(').next().unwrap_or_default();
    kind.ends_with("binary") || kind.ends_with("blob")
}

/// Asks for the defaults of a table that are not listed as they are.
pub(super) async fn defaults(
    link: &mut Link,
    table: &str,
    columns: &Lines,
    shown: &Shown,
) -> Result<Defaults, Fault> {
    let suspects = suspects(columns, shown);
    if suspects.is_empty() {
        return Ok(Defaults::new());
    }
    let evaluated = |(name, bytes): &(String, bool)| {
        let default = format!("DEFAULT({})", words::name(name));
        match bytes {
            true => format!("HEX({default})"),
            false => format!("CONVERT({default} USING utf8mb4)"),
        }
    };
    let evaluated: Vec<_> = suspects.iter().map(evaluated).collect();
    let select = |from: &str| format!("SELECT {} FROM {from} LIMIT 1", evaluated.join(", "));
    let from = words::name(table);
    let mut rows = answer(link, &select(&from)).await?;
    if rows.is_empty() {
        rows = aside(link, &from, &suspects, &select(ASIDE)).await?;
    }
    let values = rows.into_iter().next().unwrap_or_default().into_iter();
    let values = values.chain(std::iter::repeat(None));
    let spelled = |((name, bytes), value): ((String, bool), Option<String>)| {
        let spelled = value.map(|value| match bytes {
            true => format!("x'{value}'"),
            false => words::literal(&value),
        });
        (name, spelled.map(Spelled))
    };
    Ok(suspects.into_iter().zip(values).map(spelled).collect())
}

/// The table of this session alone.
const ASIDE: &str = "longhaul_aside";

async fn aside(
    link: &mut Link,
    from: &str,
    suspects: &[(String, bool)],
    select: &str,
) -> Result<Lines, Fault> {
    let columns = words::names(suspects.iter().map(|(name, _)| name.as_str()));
    let steps = [
        format!("CREATE TEMPORARY TABLE {ASIDE} AS SELECT {columns} FROM {from} LIMIT 0"),
        format!("INSERT INTO {ASIDE} () VALUES ()"),
    ];
    let mut rows = Lines::new();
    for step in &steps {
        match link.run(step).await {
            Ok(()) => {}
            Err(fault) if fault.named().is_some() => return Ok(rows),
            Err(fault) => return Err(fault),
        }
    }
    rows.extend(answer(link, select).await?);
    link.run(&format!("DROP TEMPORARY TABLE IF EXISTS {ASIDE}")).await?;
    Ok(rows)
}

/// The answer of the server; none where it refuses.
async fn answer(link: &mut Link, select: &str) -> Result<Lines, Fault> {
    match link.query(select).await {
        Err(fault) if fault.named().is_some() => Ok(Lines::new()),
        answer => answer,
    }
}
