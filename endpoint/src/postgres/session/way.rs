//! The way of rows into one entity: straight into the table, or by a temporary table and one
//! statement.

use std::fmt::Write as _;

use protocol::batch::Batch;
use protocol::fault::Fault;
use protocol::mapping::Mode;
use protocol::plan::{ColumnMap, Entity};
use protocol::schema::TableName;

use crate::Write;
use crate::postgres::connect::Link;
use crate::postgres::copy::{CopyIn, Understood};
use crate::sql::quote;

/// Where rows wait for the statement that merges them.
const WAITING: &str = "pg_temp.lh_rows";

/// What the server calls it.
const WAITING_NAME: &str = "lh_rows";

/// An open way.
pub(super) struct Way {
    copy: CopyIn,
    /// What takes the waiting rows to where they belong.
    merge: Option<Merge>,
}

/// Statements that take the waiting rows into the table.
struct Merge {
    statement: String,
    /// Counts the rows that are there, where the statement does not count them all.
    count: Option<String>,
}

impl Way {
    /// Opens the way; the statements in `ahead` go to the server before.
    pub(super) async fn open(
        link: &Link,
        ahead: &str,
        understood: &mut Understood,
        entity: &Entity,
        write: &Write,
    ) -> Result<Self, Fault> {
        let (table, lane) = (quote::table(&entity.target).to_string(), entity.lane);
        let waiting = (WAITING, WAITING_NAME);
        match write {
            Write::Rows { blank_links } => {
                let blank = |c: &ColumnMap| *blank_links && entity.links.contains(&c.source);
                if entity.mode.inserts() {
                    let into = (&*table, &*entity.target.name);
                    let columns = &entity.columns;
                    let begin = CopyIn::begin(link, ahead, understood, into, columns, blank, lane);
                    return Ok(Self { copy: begin.await?, merge: None });
                }
                link.batch(ahead).await?;
                let kept: Vec<_> = entity
                    .columns
                    .iter()
                    .filter(|c| !blank(c))
                    .map(|c| c.target.as_str())
                    .collect();
                make_waiting(link, &table, &kept).await?;
                let fixed = always_identity(link, &entity.target).await?;
                let merge = match entity.mode {
                    Mode::Update => update(&table, &kept, &entity.conflict, &fixed),
                    Mode::Create | Mode::Upsert | Mode::Replace | Mode::Append => {
                        upsert(&table, &kept, &entity.conflict, &fixed)
                    }
                };
                let columns = &entity.columns;
                let copy =
                    CopyIn::begin(link, "", understood, waiting, columns, blank, lane).await?;
                Ok(Self { copy, merge: Some(merge) })
            }
            Write::Links { key, columns } => {
                link.batch(ahead).await?;
                let names: Vec<_> = columns.iter().map(|c| c.target.as_str()).collect();
                make_waiting(link, &table, &names).await?;
                let merge = fill(&table, &names, *key);
                let blank = |_: &ColumnMap| false;
                let copy =
                    CopyIn::begin(link, "", understood, waiting, columns, blank, lane).await?;
                Ok(Self { copy, merge: Some(merge) })
            }
        }
    }

    pub(super) async fn write(&mut self, link: &Link, batch: Batch) -> Result<(), Fault> {
        self.copy.write(link, batch).await
    }

    /// Closes the way, and says how many rows the server counted.
    pub(super) async fn finish(self, link: &Link) -> Result<u64, Fault> {
        let copied = self.copy.finish(link).await?;
        let Some(merge) = self.merge else { return Ok(copied) };
        link.batch(&format!("ANALYZE {WAITING}")).await?;
        let merged = link.client.execute(&merge.statement, &[]).await;
        let mut rows = merged.map_err(|error| link.fault(&error))?;
        if let Some(count) = &merge.count {
            rows = u64::try_from(link.one::<i64>(count).await?).unwrap_or(0);
        }
        link.batch(&format!("DROP TABLE {WAITING}")).await?;
        Ok(rows)
    }
}

/// A table with the types of the columns and none of their constraints: those speak when the rows
/// are merged, with the names that the target knows.
async fn make_waiting(link: &Link, table: &str, columns: &[&str]) -> Result<(), Fault> {
    let names = quote::names(columns.iter().copied());
    link.batch(&format!(
        "DROP TABLE IF EXISTS {WAITING}; \
         CREATE TEMPORARY TABLE lh_rows ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA"
    ))
    .await
}

/// Columns whose numbers the server gives out itself and lets nobody change.
async fn always_identity(link: &Link, table: &TableName) -> Result<Vec<String>, Fault> {
    let select = "SELECT attname::text FROM pg_attribute \
                   WHERE attrelid = $1::text::regclass AND attidentity = 'a'";
    let rows = link.client.query(select, &[&quote::table(table).to_string()]).await;
    Ok(rows.map_err(|error| link.fault(&error))?.iter().map(|row| row.get(0)).collect())
}

fn upsert(table: &str, columns: &[&str], conflict: &[String], fixed: &[String]) -> Merge {
    let names = quote::names(columns.iter().copied());
    let target = quote::names(conflict.iter().map(String::as_str));
    let set = |columns: &mut dyn Iterator<Item = &&str>| {
        let each = columns.map(|c| format!("{0} = excluded.{0}", quote::name(c)));
        each.collect::<Vec<_>>().join(", ")
    };
    let changeable = |c: &&&str| !fixed.iter().any(|fixed| fixed == **c);
    let is_key = |c: &str| conflict.iter().any(|key| key == c);
    let mut change = set(&mut columns.iter().filter(changeable).filter(|c| !is_key(c)));
    if change.is_empty() {
        // Only the key is there. Setting it to itself makes the server count the row.
        change = set(&mut columns.iter().filter(changeable));
    }
    let mut statement = format!(
        "INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM {WAITING} \
         ON CONFLICT ({target})"
    );
    if change.is_empty() {
        // Only a number that nobody may change: the row is there, and that is all there is.
        statement += " DO NOTHING";
        return Merge { statement, count: Some(present(table, conflict)) };
    }
    let _ = write!(statement, " DO UPDATE SET {change}");
    Merge { statement, count: None }
}

/// Overwrites the rows that are there, and counts them.
fn update(table: &str, columns: &[&str], key: &[String], fixed: &[String]) -> Merge {
    let named = |names: &[String], c: &str| names.iter().any(|name| name == c);
    let others = columns.iter().filter(|c| !named(key, c) && !named(fixed, c));
    let set: Vec<_> = others.map(|c| format!("{0} = s.{0}", quote::name(c))).collect();
    if set.is_empty() {
        // Only the key is there, and it stays as it is.
        let statement = format!("SELECT FROM {WAITING} LIMIT 0");
        return Merge { statement, count: Some(present(table, key)) };
    }
    let same = matches(key.iter().map(String::as_str));
    let set = set.join(", ");
    let statement = format!("UPDATE {table} AS t SET {set} FROM {WAITING} AS s WHERE {same}");
    Merge { statement, count: None }
}

/// Counts the waiting rows that stand in the table by their key.
fn present(table: &str, key: &[String]) -> String {
    let same = matches(key.iter().map(String::as_str));
    format!(
        "SELECT count(*) FROM {WAITING} AS s WHERE EXISTS (SELECT FROM {table} AS t WHERE {same})"
    )
}

fn matches<'a>(key: impl Iterator<Item = &'a str>) -> String {
    let each = key.map(|c| format!("t.{0} = s.{0}", quote::name(c)));
    each.collect::<Vec<_>>().join(" AND ")
}

fn fill(table: &str, columns: &[&str], key: usize) -> Merge {
    let (key, links) = columns.split_at(key.min(columns.len()));
    let set = links.iter().map(|c| format!("{0} = s.{0}", quote::name(c)));
    let set = set.collect::<Vec<_>>().join(", ");
    let same = matches(key.iter().copied());
    let statement = format!("UPDATE {table} AS t SET {set} FROM {WAITING} AS s WHERE {same}");
    Merge { statement, count: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_upsert_names_its_conflict_and_never_swallows_a_row() {
        let merge = upsert("\"t\"", &["id", "v"], &strings(&["id"]), &[]);
        assert!(
            merge.statement.ends_with("ON CONFLICT (\"id\") DO UPDATE SET \"v\" = excluded.\"v\"")
        );
        let merge = upsert("\"t\"", &["id"], &strings(&["id"]), &[]);
        assert!(merge.statement.ends_with("DO UPDATE SET \"id\" = excluded.\"id\""));
        let merge = upsert("\"t\"", &["id"], &strings(&["id"]), &strings(&["id"]));
        assert!(merge.statement.ends_with("DO NOTHING") && merge.count.is_some());
    }

    #[test]
    fn a_number_that_the_server_gives_out_is_never_set() {
        let merge = upsert("\"t\"", &["k", "n", "v"], &strings(&["k"]), &strings(&["n"]));
        assert!(!merge.statement.contains("\"n\" = excluded"));
    }

    #[test]
    fn an_update_changes_only_what_is_there_and_no_key() {
        let merge = update("\"t\"", &["id", "v", "n"], &strings(&["id"]), &strings(&["n"]));
        assert_eq!(
            merge.statement,
            "UPDATE \"t\" AS t SET \"v\" = s.\"v\" FROM pg_temp.lh_rows AS s WHERE t.\"id\" = s.\"id\""
        );
        assert!(update("\"t\"", &["id"], &strings(&["id"]), &[]).count.is_some());
    }

    #[test]
    fn links_are_filled_by_key() {
        let merge = fill("\"t\"", &["a", "b", "c"], 2);
        assert_eq!(
            merge.statement,
            "UPDATE \"t\" AS t SET \"c\" = s.\"c\" FROM pg_temp.lh_rows AS s \
             WHERE t.\"a\" = s.\"a\" AND t.\"b\" = s.\"b\""
        );
    }
}
