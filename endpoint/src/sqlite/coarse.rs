//! Unique keys whose collation takes texts that differ for one, and which texts those are.

use std::collections::HashMap;

use protocol::fault::Fault;
use protocol::schema::Table;
use rusqlite::Connection;

use super::faults::Doing;
use super::link::Link;
use crate::{CoarseKey, Coincidence, KeyTexts};

/// The parts of every unique key; an expression has no name.
const KEYS: &str = "SELECT l.name, x.name, x.coll FROM pragma_index_list(?1) AS l, \
     pragma_index_xinfo(l.name) AS x WHERE l.\"unique\" AND NOT l.partial AND x.key \
     ORDER BY l.seq, x.seqno";

/// The coarse keys of a table.
pub(super) async fn keys(link: &Link, table: &Table) -> Result<Vec<CoarseKey>, Fault> {
    let name = table.name.name.clone();
    let parts = link.call(Doing::Read, move |connection| parts(connection, &name)).await?;
    let mut keys: Vec<CoarseKey> = Vec::new();
    let mut expressions = Vec::new();
    for (name, column, collation) in parts {
        if keys.last().is_none_or(|key| key.name != name) {
            let (name, columns, texts) = (name.clone(), Vec::new(), Vec::new());
            keys.push(CoarseKey { name, columns, texts, as_declared: true });
        }
        let (Some(key), Some(column)) = (keys.last_mut(), column) else {
            expressions.push(name);
            continue;
        };
        if folds(&collation).is_some() {
            let declared = table.column(&column).map(|column| column.native.to_ascii_uppercase());
            let declared =
                declared.and_then(|native| Some(native.split_once(" COLLATE ")?.1.to_owned()));
            key.as_declared &= declared.is_some_and(|declared| {
                declared.trim_matches('"').eq_ignore_ascii_case(&collation)
            });
            key.texts.push((column.clone(), collation));
        }
        key.columns.push(column);
    }
    keys.retain(|key| !key.texts.is_empty() && !expressions.contains(&key.name));
    Ok(keys)
}

type Part = (String, Option<String>, String);

fn parts(connection: &mut Connection, table: &str) -> rusqlite::Result<Vec<Part>> {
    let mut list = connection.prepare(KEYS)?;
    let parts = list.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    parts.collect()
}

/// What a collation compares in the place of a text; none for one that compares byte by byte, or that a
/// program brought with it. These two are all that SQLite itself has.
fn folds(collation: &str) -> Option<fn(&str) -> String> {
    if collation.eq_ignore_ascii_case("NOCASE") {
        Some(|text| text.to_ascii_lowercase())
    } else if collation.eq_ignore_ascii_case("RTRIM") {
        Some(|text| text.trim_end_matches(' ').to_owned())
    } else {
        None
    }
}

/// Groups the keys as SQLite would.
pub(super) fn coincide(key: &CoarseKey, rows: &[KeyTexts]) -> Vec<Coincidence> {
    let mut groups: HashMap<Vec<String>, Coincidence> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        let folded = row.texts.iter().zip(&key.texts).map(|(text, (_, collation))| {
            folds(collation).map_or_else(|| text.clone(), |fold| fold(text))
        });
        let parts = std::iter::once(row.exact.clone()).chain(folded).collect();
        let alone = Coincidence { first: at, last: at, rows: 0 };
        let group = groups.entry(parts).or_insert(alone);
        group.last = at;
        group.rows += 1;
    }
    let mut found: Vec<_> = groups.into_values().filter(|group| group.rows > 1).collect();
    found.sort_by_key(|group| group.first);
    found
}
