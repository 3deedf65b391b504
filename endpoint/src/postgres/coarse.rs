//! Unique keys that take texts that differ for one, and which texts those are.

use protocol::fault::Fault;
use protocol::schema::TableName;
use tokio_postgres::types::ToSql;

use super::connect::Link;
use crate::{CoarseKey, Coincidence, KeyTexts};

/// The columns of each unique key, and how their texts are compared where that is not byte by byte: by
/// a collation that is not deterministic, or by a type that ignores case. (What goes into `char(n)`
/// comes without blanks at the end.)
const KEYS: &str = "
    SELECT ic.relname::text, a.attname::text,
           CASE WHEN t.typname = 'citext' THEN quote_ident(tn.nspname) || '.citext'
                WHEN NOT co.collisdeterministic THEN 'text' END
           || CASE WHEN NOT co.collisdeterministic
                   THEN ' COLLATE ' || quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
                   ELSE '' END,
           x.compares IS NOT DISTINCT FROM a.attcollation
      FROM pg_index i
      JOIN pg_class ic ON ic.oid = i.indexrelid
      JOIN pg_class c ON c.oid = i.indrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indcollation::oid[])
           WITH ORDINALITY AS x (attnum, compares, at)
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = x.attnum
      JOIN pg_type t ON t.oid = a.atttypid
      JOIN pg_namespace tn ON tn.oid = t.typnamespace
      LEFT JOIN pg_collation co ON co.oid = x.compares
      LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
     WHERE n.nspname = $1::text::name AND c.relname = $2::text::name
       AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND x.at <= i.indnkeyatts
     ORDER BY ic.relname, x.at";

/// The coarse keys of a table.
pub(super) async fn keys(link: &Link, table: &TableName) -> Result<Vec<CoarseKey>, Fault> {
    let schema = table.schema.as_deref().unwrap_or("public");
    let rows = link.client.query(KEYS, &[&schema, &table.name]).await;
    let mut keys: Vec<CoarseKey> = Vec::new();
    for row in rows.map_err(|error| link.fault(&error))? {
        let (name, column): (String, String) = (row.get(0), row.get(1));
        if keys.last().is_none_or(|key| key.name != name) {
            let (columns, texts) = (Vec::new(), Vec::new());
            keys.push(CoarseKey { name, columns, texts, as_declared: true });
        }
        let Some(key) = keys.last_mut() else { continue };
        key.columns.push(column.clone());
        if let Some(how) = row.get::<_, Option<String>>(2) {
            key.as_declared &= row.get::<_, bool>(3);
            key.texts.push((column, how));
        }
    }
    keys.retain(|key| !key.texts.is_empty());
    Ok(keys)
}

/// Lets the server group the keys by its own comparison.
pub(super) async fn coincide(
    link: &Link,
    key: &CoarseKey,
    rows: &[KeyTexts],
) -> Result<Vec<Coincidence>, Fault> {
    let exact: Vec<&str> = rows.iter().map(|row| row.exact.as_str()).collect();
    let texts: Vec<Vec<&str>> = (0..key.texts.len())
        .map(|at| rows.iter().map(|row| row.texts[at].as_str()).collect())
        .collect();
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&exact];
    params.extend(texts.iter().map(|texts| texts as &(dyn ToSql + Sync)));
    let found = link.client.query(&question(key), &params).await;
    let found = found.map_err(|error| link.fault(&error))?;
    let number = |row: &tokio_postgres::Row, at| row.get::<_, i64>(at).unsigned_abs();
    let place = |row: &tokio_postgres::Row, at| usize::try_from(number(row, at)).unwrap_or(0);
    let coincidence = |row: &tokio_postgres::Row| Coincidence {
        first: place(row, 0),
        last: place(row, 1),
        rows: number(row, 2),
    };
    Ok(found.iter().map(coincidence).collect())
}

/// The words for how a text is compared are the server's own, and quoted by it.
fn question(key: &CoarseKey) -> String {
    let (mut arrays, mut columns, mut by) = (String::new(), String::new(), String::new());
    for (at, (_, how)) in key.texts.iter().enumerate() {
        arrays += &format!(", ${}::text[]", at + 2);
        columns += &format!(", c{at}");
        by += &format!(", k.c{at}::{how}");
    }
    format!(
        "SELECT min(k.i) - 1, max(k.i) - 1, count(*) \
           FROM unnest($1::text[]{arrays}) WITH ORDINALITY AS k (e{columns}, i) \
          GROUP BY k.e{by} HAVING count(*) > 1 ORDER BY 1"
    )
}
