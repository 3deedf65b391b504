//! Views and triggers, each as it is written.

use std::collections::BTreeMap;

use protocol::object::{Need, Object, ObjectKind};
use protocol::schema::{Table, TableName, Unmoved};
use rusqlite::{Connection, Result};

use super::ddl;

/// All of them, with what they speak of: a trigger that writes to what is not moved would make every
/// write fail.
pub(super) fn objects(
    connection: &Connection,
    tables: &[Table],
    unmoved: &[Unmoved],
) -> Result<Vec<Object>> {
    let mut list = connection.prepare(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema \
         WHERE type IN ('view', 'trigger') AND sql IS NOT NULL \
           AND lower(tbl_name) NOT LIKE 'longhaul!_%' ESCAPE '!' ORDER BY type DESC, name",
    )?;
    let rows =
        list.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    let all: Vec<(String, String, String, String)> = rows.collect::<Result<_>>()?;
    let mut known: BTreeMap<String, Need> = BTreeMap::new();
    for one in unmoved.iter().filter(|one| one.kind.ends_with("virtual table")) {
        known.insert(fold(&one.name.name), Need::Other(format!("{} {}", one.kind, one.name)));
    }
    for table in tables {
        let need = Need::Table { name: table.name.clone(), column: None };
        known.insert(fold(&table.name.name), need);
    }
    for (_, name, ..) in all.iter().filter(|(kind, ..)| kind == "view") {
        known.insert(fold(name), Need::Object(format!("view {name}")));
    }
    let object = |(word, name, on, sql): (String, String, String, String)| {
        let key = format!("{word} {name}");
        let needs = ddl::names(&sql).into_iter().filter_map(|name| known.get(&name).cloned());
        let own = Need::Object(key.clone());
        let view = word == "view";
        Object {
            kind: if view { ObjectKind::View } else { ObjectKind::Trigger },
            word,
            name: TableName::bare(name),
            on: (!view).then(|| TableName::bare(on)),
            definition: vec![sql],
            filled_by: None,
            needs: needs.filter(|need| *need != own).collect(),
            key,
        }
    };
    Ok(all.into_iter().map(object).collect())
}

fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}
