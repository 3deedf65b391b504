//! Unique keys whose collation takes texts that differ for one, and which texts those are.

use std::sync::Arc;

use protocol::fault::Fault;
use protocol::schema::{Column, Index, Logical, Table};

use super::connect::{Door, Duty};
use super::words;
use crate::{CoarseKey, Coincidence, KeyTexts};

/// Characters of the longest text that a key can hold, in the narrowest character set. Longer ones are
/// refused by their column.
const KEY_CHARS_MAX: u32 = 3072;

/// Bytes of a key that are looked at when rows are grouped; the server's own choice is less than a key
/// may have.
const GROUPED_BYTES: u32 = 16384;

/// The coarse keys of a table. Its catalogue says all that there is to know.
pub(super) fn keys(table: &Table) -> Vec<CoarseKey> {
    let named = |name: &Option<String>, fallback: &str| name.clone().unwrap_or(fallback.into());
    let primary = table.primary_key.iter().map(|key| ("PRIMARY".into(), key.columns.clone()));
    let uniques = table.uniques.iter().map(|key| (named(&key.name, "unique"), key.columns.clone()));
    let index = |index: &Index| Some((index.name.clone(), index.unique_columns()?));
    let all = primary.chain(uniques).chain(table.indexes.iter().filter_map(index));
    let coarse = |(name, columns): (String, Vec<String>)| {
        let found = columns.iter().filter_map(|name| table.column(name));
        let texts: Vec<_> = found
            .filter_map(|column| Some((column.name.clone(), collation(column)?.to_owned())))
            .collect();
        let coarse = !texts.is_empty();
        coarse.then_some(CoarseKey { name, columns, texts, as_declared: true })
    };
    all.filter_map(coarse).collect()
}

/// The collation of a text column, if it takes some texts for one: all do but those that compare byte
/// by byte and do not ignore blanks at the end.
fn collation(column: &Column) -> Option<&str> {
    let text = matches!(column.logical, Logical::Text { .. } | Logical::Char { .. });
    let (_, collation) = column.native.split_once(" COLLATE ").filter(|_| text)?;
    let exact = collation.ends_with("_nopad_bin") || collation.ends_with("_0900_bin");
    let word = collation.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (!exact && word).then_some(collation)
}

/// Lets the server group the keys by its own comparison.
pub(super) async fn coincide(
    door: &Arc<Door>,
    key: &CoarseKey,
    rows: &[KeyTexts],
) -> Result<Vec<Coincidence>, Fault> {
    let mut link = door.open("longhaul:keys", Duty::Read).await?;
    link.run(&format!("SET SESSION max_sort_length = {GROUPED_BYTES}")).await?;
    let found = link.query(&question(key, rows)).await?;
    let number = |cell: Option<Option<String>>| cell.flatten()?.parse::<u64>().ok();
    let coincidence = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter();
        let first = usize::try_from(number(cells.next())?).ok()?;
        let last = usize::try_from(number(cells.next())?).ok()?;
        Some(Coincidence { first, last, rows: number(cells.next())? })
    };
    Ok(found.into_iter().filter_map(coincidence).collect())
}

fn question(key: &CoarseKey, rows: &[KeyTexts]) -> String {
    let listed: Vec<Vec<&str>> = rows
        .iter()
        .map(|row| std::iter::once(&row.exact).chain(&row.texts).map(String::as_str).collect())
        .collect();
    let listed = serde_json::Value::from(listed).to_string();
    let mut columns = String::new();
    let mut by = String::from("k.e");
    for (at, (_, collation)) in key.texts.iter().enumerate() {
        columns +=
            &format!(", c{at} VARCHAR({KEY_CHARS_MAX}) CHARACTER SET utf8mb4 PATH '$[{}]'", at + 1);
        // A collation is named after its character set.
        let set = collation.split('_').next().unwrap_or(collation);
        by += &format!(", CONVERT(k.c{at} USING {set}) COLLATE {collation}");
    }
    format!(
        "SELECT MIN(k.i) - 1, MAX(k.i) - 1, COUNT(*) FROM JSON_TABLE({}, '$[*]' COLUMNS \
         (i FOR ORDINALITY, e CHAR(32) CHARACTER SET ascii PATH '$[0]'{columns})) AS k \
         GROUP BY {by} HAVING COUNT(*) > 1 ORDER BY 1",
        words::literal(&listed)
    )
}
