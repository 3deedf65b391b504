//! About how large a table is.

use protocol::schema::Column;
use rusqlite::{Connection, OptionalExtension as _, Result};

use super::Listed;
use crate::sql::quote;

/// Rows counted one by one before the rowids are asked instead.
const COUNTED_MAX: u64 = 100_000;

/// Rows whose width is looked at.
const SAMPLED: u32 = 200;

/// About how many rows and bytes.
pub(super) fn estimate(
    connection: &Connection,
    listed: &Listed,
    columns: &[Column],
) -> Result<(u64, u64)> {
    let from = quote::name(&listed.name);
    let some = format!("SELECT count(*) FROM (SELECT 1 FROM {from} LIMIT {COUNTED_MAX})");
    let counted: u64 = connection.query_row(&some, [], |row| row.get::<_, i64>(0))?.unsigned_abs();
    let rows = if counted < COUNTED_MAX {
        counted
    } else {
        many(connection, listed)?.unwrap_or(counted).max(counted)
    };
    let lengths: Vec<_> = columns
        .iter()
        .map(|column| {
            let name = quote::name(&column.name);
            format!("total(length(CAST({name} AS BLOB)))")
        })
        .collect();
    let sample = format!(
        "SELECT count(*), {} FROM (SELECT * FROM {from} LIMIT {SAMPLED})",
        lengths.join(", ")
    );
    let (sampled, bytes) = connection.query_row(&sample, [], |row| {
        let mut bytes = 0.0;
        for column in 1..=lengths.len() {
            bytes += row.get::<_, f64>(column)?;
        }
        Ok((row.get::<_, i64>(0)?.unsigned_abs(), bytes))
    })?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a sum of lengths is neither negative nor near 2^64, and only an estimate"
    )]
    let average = (bytes as u64).checked_div(sampled).unwrap_or(0);
    // The framing: a length before each cell, and their number.
    let width = average + 4 * lengths.len() as u64 + 2;
    Ok((rows, rows.saturating_mul(width)))
}

/// Rows of a large table: as many as its rowids span, if that is no more than its pages could hold.
fn many(connection: &Connection, listed: &Listed) -> Result<Option<u64>> {
    let from = quote::name(&listed.name);
    let all = format!("SELECT count(*) FROM {from}");
    let count = || connection.query_row(&all, [], |row| row.get::<_, i64>(0));
    if listed.without_rowid {
        return count().map(|count| Some(count.unsigned_abs()));
    }
    let ends = format!("SELECT max(rowid), min(rowid) FROM {from}");
    let ends = connection.query_row(&ends, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    // A column of that name hides the rowid, and may hold anything.
    let span = ends.and_then(|(most, least): (i64, i64)| most.checked_sub(least));
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let most = pages.saturating_mul(200);
    match span {
        Some(span) if span < most => Ok(Some(span.unsigned_abs().saturating_add(1))),
        Some(_) | None => count().map(|count| Some(count.unsigned_abs())),
    }
}
