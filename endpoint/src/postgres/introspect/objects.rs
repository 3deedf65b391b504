//! Views, routines, triggers and their like: the statements that make each, and what it refers to.

use std::collections::BTreeMap;

use protocol::fault::Fault;
use protocol::object::{Need, Object, ObjectKind};
use protocol::schema::{TableName, Unmoved};
use tokio_postgres::Row;

use super::queries::complete;
use crate::postgres::connect::Link;

const OBJECTS: &str = include_str!("objects.sql");
const NEEDS: &str = include_str!("needs.sql");
const OTHERS: &str = include_str!("others.sql");

/// Everything of which no other query knows, so that it can be named.
pub(super) async fn others(link: &Link) -> Result<Vec<Unmoved>, Fault> {
    let rows = link.query(&complete(OTHERS)).await?;
    let other = |row: &Row| Unmoved { kind: row.get(0), name: within(row.get(1), row.get(2)) };
    Ok(rows.iter().map(other).collect())
}

/// All of them, in the order in which they were made.
pub(super) async fn objects(link: &Link) -> Result<Vec<Object>, Fault> {
    let mut needs: BTreeMap<(u32, u32), Vec<Need>> = BTreeMap::new();
    for row in link.query(&complete(NEEDS)).await? {
        needs.entry((row.get(0), row.get(1))).or_default().push(need(&row));
    }
    let rows = link.query(&complete(OBJECTS)).await?;
    Ok(rows.iter().map(|row| object(row, &needs)).collect())
}

fn object(row: &Row, needs: &BTreeMap<(u32, u32), Vec<Need>>) -> Object {
    let place = (row.get(0), row.get(1));
    let on = row.get::<_, Option<String>>(8).map(|name| TableName { schema: row.get(7), name });
    let kind = kind(row.get(2));
    // Grants, and whether row security is in force, are no objects of the server's own: what they are
    // said of has their place.
    let mut needs = match (&on, row.get::<_, Option<&str>>(11)) {
        (Some(on), Some(sort)) => vec![of_relation(on, sort, row.get(12))],
        _ => needs.get(&place).cloned().unwrap_or_default(),
    };
    let mut filled_by: Option<String> = row.get(10);
    if kind == ObjectKind::Grant {
        needs.extend(filled_by.take().map(Need::Role));
    }
    Object {
        kind,
        word: row.get(3),
        name: within(row.get(4), row.get(5)),
        key: row.get(6),
        on,
        definition: row.get(9),
        filled_by,
        needs,
    }
}

fn of_relation(name: &TableName, sort: &str, key: String) -> Need {
    match sort {
        "v" | "m" => Need::Object(key),
        "S" => Need::Sequence(name.clone()),
        _ => Need::Table { name: name.clone(), column: None },
    }
}

/// What `objects.sql` calls the kinds.
fn kind(word: &str) -> ObjectKind {
    match word {
        "view" => ObjectKind::View,
        "trigger" => ObjectKind::Trigger,
        "rule" => ObjectKind::Rule,
        "policy" => ObjectKind::Policy,
        "grant" => ObjectKind::Grant,
        _ => ObjectKind::Routine,
    }
}

fn need(row: &Row) -> Need {
    let (schema, name): (String, String) = (row.get(3), row.get(4));
    match row.get::<_, &str>(2) {
        "object" => Need::Object(row.get(6)),
        "table" => Need::Table { name: within(schema, name), column: row.get(5) },
        "type" => Need::Type(within(schema, name)),
        "sequence" => Need::Sequence(within(schema, name)),
        "collation" => Need::Collation(within(schema, name)),
        "extension" => Need::Extension(name),
        "role" => Need::Role(name),
        _ => Need::Other(row.get(6)),
    }
}

fn within(schema: String, name: String) -> TableName {
    if schema.is_empty() { TableName::bare(name) } else { TableName::within(schema, name) }
}
