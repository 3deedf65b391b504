//! What a PostgreSQL database says about itself.
//!
//! A handful of queries over whole catalogues, in one read-only transaction, put together here.
//! Partitions stand inside their root. A domain is resolved to the type below it, beside its own name.
//! What a [`Catalogue`] cannot say is listed among what is not moved.

mod constraints;
mod kinds;
mod objects;
mod peculiar;
mod positions;
mod queries;
mod tables;
#[cfg(test)]
pub(super) mod tests;
mod types;

use std::collections::BTreeMap;

use protocol::fault::Fault;
use protocol::schema::{Catalogue, Engine, EnumType, Sequence, TableName, Unmoved};
use tokio_postgres::Row;

use super::connect::Link;
use kinds::Kinds;
use positions::{Asked, Position};
use queries::complete;

/// Roles that rights can be given to.
const ROLES: &str =
    "SELECT rolname::text FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname";

/// The catalogue, as the link's transaction sees it.
pub(super) async fn catalogue(link: &Link) -> Result<Catalogue, Fault> {
    let kinds = Kinds::of(&link.query(&complete(queries::TYPES)).await?);
    let columns = link.query(&complete(queries::COLUMNS)).await?;
    let sequences = link.query(&complete(queries::SEQUENCES)).await?;
    let positions = positions::positions(link, &asked(&columns, &sequences)).await?;
    let sequences = sequences.iter().map(|row| sequence(row, &positions)).collect();
    let mut raw = tables::Raw {
        relations: link.query(&complete(queries::RELATIONS)).await?,
        columns,
        positions,
        constraints: link.query(&complete(queries::CONSTRAINTS)).await?,
        indexes: link.query(&complete(queries::INDEXES)).await?,
        triggers: link.query(&complete(queries::TRIGGERS)).await?,
        peculiar: peculiar::Answers {
            heirs: link.query(peculiar::HEIRS).await?,
            inherited: link.query(peculiar::INHERITED).await?,
            typed: link.query(peculiar::TYPED).await?,
            statistics: link.query(&complete(peculiar::STATISTICS)).await?,
            properties: link.query(&complete(peculiar::PROPERTIES)).await?,
            partition_columns: link.query(peculiar::PARTITION_COLUMNS).await?,
        },
        unmoved: Vec::new(),
    };
    let mut tables = raw.tables(&kinds);
    let encoding: String = link.one("SELECT current_setting('server_encoding')").await?;
    if encoding == "SQL_ASCII" {
        // Nobody looked at the texts yet, so their bytes cannot go unseen.
        tables.iter_mut().flat_map(|table| &mut table.columns).for_each(|c| c.raw = false);
    }
    let mut unmoved: Vec<_> =
        link.query(&complete(queries::UNMOVED)).await?.iter().map(left).collect();
    unmoved.append(&mut raw.unmoved);
    unmoved.extend(objects::others(link).await?);
    unmoved.sort_by(|a, b| (&a.kind, a.name.to_string()).cmp(&(&b.kind, b.name.to_string())));
    unmoved.dedup();
    let version: String = link.one("SELECT current_setting('server_version')").await?;
    Ok(Catalogue {
        default_schema: Some(default_schema(link).await?),
        encoding: Some(encoding).filter(|encoding| encoding != "UTF8"),
        tables,
        enums: link.query(&complete(queries::ENUMS)).await?.iter().map(enumeration).collect(),
        sequences,
        objects: objects::objects(link).await?,
        roles: link.query(ROLES).await?.iter().map(|row| row.get(0)).collect(),
        unmoved,
        types: link.query(&complete(types::OWN)).await?.iter().map(types::own).collect(),
        extensions: types::extensions(&link.query(types::EXTENSIONS).await?),
        ..Catalogue::new(Engine::Postgres, version)
    })
}

/// The sequences that may be read, of columns and of nobody.
fn asked(columns: &[Row], sequences: &[Row]) -> Vec<Asked> {
    let owned = columns
        .iter()
        .filter(|row| row.get::<_, Option<bool>>(22) == Some(true))
        .filter_map(|row| {
            let oid: Option<u32> = row.get(18);
            Some(Asked { oid: oid?, place: row.get(23), furthest: row.get(24) })
        });
    let free = sequences.iter().filter(|row| row.get(11));
    let free = free.map(|row| Asked { oid: row.get(10), place: row.get(12), furthest: None });
    owned.chain(free).collect()
}

/// The first schema of the configured `search_path` that exists. Our own sessions set the path
/// empty; what it would be otherwise is what the server resets it to.
pub(super) async fn default_schema(link: &Link) -> Result<String, Fault> {
    let path = "SELECT set_config('search_path', reset_val, false) \
                FROM pg_settings WHERE name = 'search_path'";
    link.query(path).await?;
    let found: Option<String> = link.one("SELECT pg_catalog.current_schema()::text").await?;
    link.batch("SET search_path = ''").await?;
    let usable = |schema: &String| schema != "pg_catalog" && schema != "longhaul";
    Ok(found.filter(usable).unwrap_or_else(|| "public".to_owned()))
}

fn left(row: &Row) -> Unmoved {
    let (schema, name): (String, String) = (row.get(1), row.get(2));
    // Large objects stand in no schema.
    let name = match &*schema {
        "" => TableName::bare(name),
        _ => TableName::within(schema, name),
    };
    Unmoved { kind: row.get(0), name }
}

fn enumeration(row: &Row) -> EnumType {
    let name = TableName::within(row.get::<_, String>(0), row.get::<_, String>(1));
    EnumType { name, labels: row.get(2), comment: row.get(3) }
}

fn sequence(row: &Row, positions: &BTreeMap<u32, Position>) -> Sequence {
    let position = positions.get(&row.get::<_, u32>(10));
    // Where the sequence itself may not be read, the last value it gave may be known all the same.
    let last = position.map_or_else(|| row.get(7), |p| p.called.then_some(p.value));
    let (schema, table): (Option<String>, Option<String>) = (row.get(14), row.get(15));
    let owner = schema.zip(table).map(|(schema, name)| TableName::within(schema, name));
    Sequence {
        name: TableName::within(row.get::<_, String>(0), row.get::<_, String>(1)),
        start: row.get(2),
        increment: row.get(3),
        min: row.get(4),
        max: row.get(5),
        cycle: row.get(6),
        restart: position.filter(|p| !p.called).map(|p| p.value),
        hidden: position.is_none() && last.is_none(),
        last,
        native: row.get(8),
        cache: row.get(9),
        owner: owner.zip(row.get::<_, Option<String>>(16)),
        comment: row.get(13),
    }
}
