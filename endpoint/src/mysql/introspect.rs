//! What a MySQL database says about itself, from `information_schema` and the statements that would make
//! its tables.

mod columns;
mod keys;
mod lossy;
mod objects;
mod queries;
mod sequences;
mod shown;
mod unmoved;

use std::collections::BTreeMap;

use protocol::fault::Fault;
use protocol::schema::{Catalogue, Engine, Own, Partitioning, Peculiar, Table, TableName, Unmoved};

use super::connect::Link;
use super::sql::OURS;
use super::version::Server;
use super::words;
use columns::Around;
use keys::Keys;
use lossy::Defaults;
use objects::Named;
use shown::Shown;
pub(super) use unmoved::is_versioned;
use unmoved::stays;

/// Rows of a query, each with its cells by position.
type Lines = Vec<Vec<Option<String>>>;

/// How many tables are asked about at once.
const TOGETHER: usize = 64;

/// All that the database says, Longhaul's own tables left out.
pub(super) async fn catalogue(link: &mut Link) -> Result<Catalogue, Fault> {
    let server = link.met().server;
    let version = link.one("SELECT VERSION()").await?.unwrap_or_default();
    let mut found = Found {
        server,
        database: link.one("SELECT DATABASE()").await?.unwrap_or_default(),
        columns: by_table(link.query(queries::COLUMNS).await?),
        indexes: by_table(link.query(&queries::indexes(server)).await?),
        index_notes: by_table(link.query(&queries::index_notes(server)).await?),
        links: by_table(link.query(queries::LINKS).await?),
        checks: by_table(link.query(queries::checks(server)).await?),
        triggers: by_table(link.query(queries::TRIGGERS).await?),
    };
    let (mut tables, mut sequences, mut unmoved) = (Vec::new(), Vec::new(), Vec::new());
    let mut named = Vec::new();
    let lines = link.query(queries::TABLES).await?.into_iter().map(Listed::of);
    let listed: Vec<_> = lines.filter(|listed| !listed.name.starts_with(OURS)).collect();
    let mut shown = show(link, listed.iter().filter(|listed| listed.is_table())).await?;
    for listed in listed {
        match &*listed.kind {
            _ if listed.is_table() => {
                let shown = shown.remove(&listed.name);
                let (table, mut rest) = found.table(link, listed, shown).await?;
                unmoved.append(&mut rest);
                // Nothing could be read or written: it has rows, but no values of its own.
                match table.columns.iter().all(|column| column.generated.is_some()) {
                    true => unmoved.push(stays(Unmoved::COMPUTED_TABLE, &table.name.name)),
                    false => tables.push(table),
                }
            }
            "SEQUENCE" => match sequences::sequence(link, &listed.name, listed.comment).await? {
                Some(sequence) => sequences.push(sequence),
                None => unmoved.push(stays("sequence that may not be read", &listed.name)),
            },
            "VIEW" => named.push(Named { kind: "view".into(), name: listed.name, on: None }),
            kind => unmoved.push(stays(&kind.to_lowercase(), &listed.name)),
        }
    }
    for table in &tables {
        let on = || Some(table.name.name.clone());
        let trigger =
            |name: &String| Named { kind: "trigger".into(), name: name.clone(), on: on() };
        named.extend(table.triggers.iter().map(trigger));
    }
    for line in link.query(queries::OTHERS).await? {
        let mut cells = line.into_iter().map(Option::unwrap_or_default);
        let (kind, name) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        match &*kind.to_lowercase() {
            kind @ ("procedure" | "function" | "event") => {
                named.push(Named { kind: kind.into(), name, on: None });
            }
            kind => unmoved.push(stays(kind, &name)),
        }
    }
    tables.sort_by(|one, other| one.name.cmp(&other.name));
    let names: Vec<_> = tables.iter().map(|table| table.name.name.clone()).collect();
    let (objects, rest) = objects::objects(link, named, &names, &found.database).await?;
    unmoved.extend(rest);
    let nothing = Catalogue::new(Engine::MySql, version);
    Ok(Catalogue { tables, sequences, objects, unmoved, ..nothing })
}

/// Lines by what stands in their first cell, which is taken out.
fn by_table(lines: Lines) -> BTreeMap<String, Lines> {
    let mut tables: BTreeMap<String, Lines> = BTreeMap::new();
    for line in lines {
        let mut cells = line.into_iter();
        let table = cells.next().flatten().unwrap_or_default();
        tables.entry(table).or_default().push(cells.collect());
    }
    tables
}

/// Tables in the server's own words; without those that the user may not see whole.
async fn show(
    link: &mut Link,
    tables: impl Iterator<Item = &Listed>,
) -> Result<BTreeMap<String, Shown>, Fault> {
    let names: Vec<_> = tables.map(|listed| listed.name.as_str()).collect();
    let mut shown = BTreeMap::new();
    for names in names.chunks(TOGETHER) {
        let query = |name: &&str| format!("SHOW CREATE TABLE {}", words::name(name));
        let queries: Vec<_> = names.iter().map(query).collect();
        let answers = match link.query_all(&queries).await {
            Ok(answers) => answers,
            // One that is refused ends the answers to all.
            Err(fault) if fault.named().is_some() => one_by_one(link, &queries).await?,
            Err(fault) => return Err(fault),
        };
        for line in answers.into_iter().flatten() {
            let mut cells = line.into_iter().map(Option::unwrap_or_default);
            let (name, sql) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
            shown.extend(shown::read(&sql).map(|table| (name, table)));
        }
    }
    Ok(shown)
}

async fn one_by_one(link: &mut Link, queries: &[String]) -> Result<Vec<Lines>, Fault> {
    let mut answers = Vec::new();
    for query in queries {
        match link.query(query).await {
            Ok(answer) => answers.push(answer),
            Err(fault) if fault.named().is_some() => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(answers)
}

/// A line of [`queries::TABLES`].
struct Listed {
    name: String,
    kind: String,
    engine: String,
    rows: u64,
    bytes: u64,
    next: Option<u64>,
    comment: Option<String>,
}

impl Listed {
    fn of(line: Vec<Option<String>>) -> Self {
        let mut cells = line.into_iter();
        let mut next = || cells.next().flatten();
        Self {
            name: next().unwrap_or_default(),
            kind: next().unwrap_or_default(),
            engine: next().unwrap_or_default(),
            rows: number(next()),
            bytes: number(next()),
            next: next().and_then(|text| text.parse().ok()),
            comment: next().filter(|comment| !comment.is_empty()),
        }
    }

    /// Whether it holds rows of people. One that remembers its former rows does as well.
    fn is_table(&self) -> bool {
        matches!(&*self.kind, "BASE TABLE" | "SYSTEM VERSIONED")
    }
}

fn number(cell: Option<String>) -> u64 {
    cell.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What the catalogue holds, by table.
struct Found {
    server: Server,
    database: String,
    columns: BTreeMap<String, Lines>,
    indexes: BTreeMap<String, Lines>,
    index_notes: BTreeMap<String, Lines>,
    links: BTreeMap<String, Lines>,
    checks: BTreeMap<String, Lines>,
    triggers: BTreeMap<String, Lines>,
}

impl Found {
    /// A table, and what of it the model has no word for.
    async fn table(
        &mut self,
        link: &mut Link,
        listed: Listed,
        shown: Option<Shown>,
    ) -> Result<(Table, Vec<Unmoved>), Fault> {
        let take =
            |lines: &mut BTreeMap<String, Lines>| lines.remove(&listed.name).unwrap_or_default();
        let lines = take(&mut self.columns);
        let defaults = match &shown {
            Some(shown) => lossy::defaults(link, &listed.name, &lines, shown).await?,
            None => Defaults::new(),
        };
        let around = Around {
            server: self.server,
            database: &self.database,
            next_number: listed.next,
            shown: shown.as_ref(),
            defaults: &defaults,
        };
        let mut columns: Vec<_> = lines.into_iter().map(|line| around.column(line)).collect();
        let keys = Keys::of(take(&mut self.indexes), &columns, shown.as_ref());
        let checks = keys::checks_of(take(&mut self.checks), &columns, shown.as_ref());
        let checks = columns::said_by_types(&mut columns, checks);
        let table = Table {
            name: TableName::bare(&listed.name),
            columns,
            primary_key: keys.primary,
            uniques: keys.uniques,
            foreign_keys: keys::links(take(&mut self.links)),
            indexes: keys.others,
            checks,
            partitioning: shown
                .as_ref()
                .and_then(|shown| shown.partitioning.clone())
                .map(|by| Partitioning { by, partitions: Vec::new() }),
            triggers: take(&mut self.triggers).into_iter().flatten().flatten().collect(),
            durable: listed.engine.eq_ignore_ascii_case("InnoDB"),
            rows_estimate: listed.rows,
            bytes_estimate: listed.bytes,
            own: shown.map(own).unwrap_or_default(),
            peculiar: Peculiar::default(),
            comment: listed.comment,
        };
        let mut rest = unmoved::of_table(&table, &take(&mut self.index_notes));
        for (column, _) in defaults.iter().filter(|(_, default)| default.is_none()) {
            let name = format!("{}.{column}", listed.name);
            rest.push(stays("default that the server does not show", &name));
        }
        Ok((table, rest))
    }
}

/// What a table is beyond its columns, without what the model has words for.
fn own(shown: Shown) -> Own {
    let modelled = ["AUTO_INCREMENT=", "COMMENT="];
    let mut options = shown.options;
    options.retain(|option| !modelled.iter().any(|word| option.starts_with(word)));
    Own { lines: shown.lines, options }
}
