//! Where sequences stand: which number each gave last, or is told to give next.
//!
//! The catalogue says only the last number that was given, and nothing of a sequence that was told
//! to begin elsewhere and gave none since. So each that may be read is asked, many in one query.

use std::collections::BTreeMap;

use protocol::fault::Fault;
use tokio_postgres::Row;

use crate::postgres::connect::Link;

/// Sequences asked in one query. A query of more takes the server long to plan.
const TOGETHER: usize = 100;

/// Where a sequence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The last number it gave, or the one it gives next.
    pub(super) value: i64,
    /// Whether the value was given.
    pub(super) called: bool,
    /// The furthest number among the rows that it numbers, where somebody looked and found any.
    pub(super) furthest: Option<i64>,
    /// Whether somebody looked.
    pub(super) looked: bool,
}

/// A sequence to ask.
pub(super) struct Asked {
    pub(super) oid: u32,
    /// Its name, as SQL spells it.
    pub(super) place: String,
    /// The query for the furthest number among the rows, where it is cheap.
    pub(super) furthest: Option<String>,
}

/// The positions of sequences that may be read, by object id.
pub(super) async fn positions(
    link: &Link,
    asked: &[Asked],
) -> Result<BTreeMap<u32, Position>, Fault> {
    let mut found = BTreeMap::new();
    for some in asked.chunks(TOGETHER) {
        let each: Vec<_> = some.iter().map(question).collect();
        let rows = link.query(&each.join(" UNION ALL ")).await?;
        found.extend(rows.iter().map(position));
    }
    Ok(found)
}

fn question(asked: &Asked) -> String {
    let (furthest, looked) = match &asked.furthest {
        Some(query) => (format!("({query})"), true),
        None => ("NULL::bigint".to_owned(), false),
    };
    format!(
        "SELECT {}::oid, last_value, is_called, {furthest}, {looked} FROM {}",
        asked.oid, asked.place
    )
}

fn position(row: &Row) -> (u32, Position) {
    let position = Position {
        value: row.get(1),
        called: row.get(2),
        furthest: row.get(3),
        looked: row.get(4),
    };
    (row.get(0), position)
}
