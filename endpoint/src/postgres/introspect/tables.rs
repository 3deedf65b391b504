//! Tables, put together from the rows of the catalogue queries.

use std::collections::BTreeMap;

use protocol::schema::{
    Bounds, Column, Generated, Identity, IdentityKind, Index, IndexOn, IndexPart, Numbers,
    Partition, Partitioning, Table, TableName, Unmoved,
};
use tokio_postgres::Row;

use super::constraints;
use super::kinds::Kinds;
use super::peculiar;
use super::positions::Position;

/// The answers to the catalogue queries, and what turned out not to fit a [`Table`].
pub(super) struct Raw {
    pub(super) relations: Vec<Row>,
    pub(super) columns: Vec<Row>,
    pub(super) constraints: Vec<Row>,
    pub(super) indexes: Vec<Row>,
    pub(super) triggers: Vec<Row>,
    /// Where sequences stand, by object id.
    pub(super) positions: BTreeMap<u32, Position>,
    pub(super) peculiar: peculiar::Answers,
    pub(super) unmoved: Vec<Unmoved>,
}

/// One row of `RELATIONS`.
struct Relation {
    oid: u32,
    name: TableName,
    is_partition: bool,
    parent: Option<u32>,
    durable: bool,
    by: Option<String>,
    bound: Option<String>,
    comment: Option<String>,
    rows: u64,
    bytes: u64,
}

impl Relation {
    fn of(row: &Row) -> Self {
        let size: i64 = row.get(12);
        Self {
            oid: row.get(0),
            name: TableName::within(row.get::<_, String>(1), row.get::<_, String>(2)),
            is_partition: row.get(3),
            parent: row.get(4),
            durable: row.get(5),
            by: row.get(6),
            bound: row.get(7),
            comment: row.get(8),
            rows: rows_estimate(row),
            bytes: u64::try_from(size).unwrap_or(0),
        }
    }
}

/// As the server's own planner guesses: the density of the last ANALYZE on today's pages; where
/// there was none, pages full of rows of the types' usual width.
fn rows_estimate(row: &Row) -> u64 {
    let (tuples, pages): (f64, f64) = (row.get(9), row.get(10));
    let (heap, width): (i64, Option<f64>) = (row.get(11), row.get(13));
    let block: f64 = row.get(14);
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let heap = heap as f64;
    let guess = if tuples >= 0.0 && pages > 0.0 {
        tuples / pages * (heap / block)
    } else {
        heap / width.unwrap_or(28.0).max(28.0)
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate")]
    let rows = guess.max(0.0) as u64;
    rows
}

impl Raw {
    pub(super) fn tables(&mut self, kinds: &Kinds) -> Vec<Table> {
        let relations: Vec<_> = self.relations.iter().map(Relation::of).collect();
        let mut tables: BTreeMap<u32, Table> = BTreeMap::new();
        for relation in &relations {
            let table =
                if relation.is_partition { part_of(relation) } else { table(relation, &relations) };
            tables.insert(relation.oid, table);
        }
        for row in &self.columns {
            if let Some(table) = tables.get_mut(&row.get::<_, u32>(0)) {
                table.columns.push(column(row, kinds, &self.positions));
            }
        }
        for row in &self.constraints {
            if let Some(table) = tables.get_mut(&row.get::<_, u32>(0)) {
                constraints::add(table, row);
            }
        }
        for row in &self.indexes {
            if let Some(table) = tables.get_mut(&row.get::<_, u32>(0)) {
                index(table, row, &mut self.unmoved);
            }
        }
        for row in &self.triggers {
            if let Some(table) = tables.get_mut(&row.get::<_, u32>(0)) {
                table.triggers.push(row.get(1));
            }
        }
        peculiar::add(&mut tables, &self.peculiar);
        let mut tables = with_parts(tables, &relations);
        tables.sort_by(|a, b| (&a.name.schema, &a.name.name).cmp(&(&b.name.schema, &b.name.name)));
        tables
    }
}

/// A partition, of which only what its root does not give it is asked.
fn part_of(relation: &Relation) -> Table {
    let (comment, durable) = (relation.comment.clone(), relation.durable);
    Table { comment, durable, ..Table::new(relation.name.clone()) }
}

/// The tables, with the partitions among them put into their roots where they have anything of their
/// own.
fn with_parts(mut tables: BTreeMap<u32, Table>, relations: &[Relation]) -> Vec<Table> {
    let mut parts = BTreeMap::new();
    for relation in relations.iter().filter(|relation| relation.is_partition) {
        let Some(mut part) = tables.remove(&relation.oid) else { continue };
        // They are called through the root.
        part.triggers.clear();
        if part != Table::new(relation.name.clone()) {
            parts.insert(relation.name.clone(), part);
        }
    }
    let mut tables: Vec<_> = tables.into_values().collect();
    for cut in tables.iter_mut().filter_map(|table| table.partitioning.as_mut()) {
        for partition in &mut cut.partitions {
            partition.own = parts.remove(&partition.name).map(Box::new);
        }
    }
    tables
}

fn table(relation: &Relation, all: &[Relation]) -> Table {
    let mut leaves: Vec<&Relation> = vec![relation];
    let mut partitions = Vec::new();
    let mut next = 0;
    // Breadth first, so that an outer partition stands before its inner ones.
    while let Some(outer) = leaves.get(next).copied() {
        next += 1;
        for inner in all.iter().filter(|inner| inner.parent == Some(outer.oid)) {
            leaves.push(inner);
            partitions.push(Partition {
                name: inner.name.clone(),
                parent: outer.name.clone(),
                bound: inner.bound.clone().unwrap_or_else(|| "DEFAULT".to_owned()),
                by: inner.by.clone(),
                own: None,
            });
        }
    }
    Table {
        partitioning: relation.by.clone().map(|by| Partitioning { by, partitions }),
        comment: relation.comment.clone(),
        durable: leaves.iter().all(|leaf| leaf.durable),
        rows_estimate: leaves.iter().map(|leaf| leaf.rows).sum(),
        bytes_estimate: leaves.iter().map(|leaf| leaf.bytes).sum(),
        ..Table::new(relation.name.clone())
    }
}

fn column(row: &Row, kinds: &Kinds, positions: &BTreeMap<u32, Position>) -> Column {
    let mut meaning = kinds.meaning(row.get(2), row.get(3), row.get(4));
    // A collation of its own belongs to what the column is: the target's must have it too.
    if let Some(collation) = row.get::<_, Option<String>>(10) {
        meaning.native = format!("{} COLLATE {collation}", meaning.native);
        meaning.domain = meaning.domain.map(|domain| format!("{domain} COLLATE {collation}"));
    }
    let expression: Option<String> = row.get(6);
    let identity = identity(row, expression.as_deref(), positions);
    let generated = match row.get::<_, &str>(8) {
        "" => None,
        kind => expression.clone().map(|expression| Generated { expression, stored: kind == "s" }),
    };
    let own_default = identity.is_none() && generated.is_none();
    Column {
        nullable: !row.get::<_, bool>(5),
        domain: meaning.domain,
        default: expression.filter(|_| own_default),
        identity,
        generated,
        comment: row.get(9),
        raw: meaning.raw,
        ..Column::new(row.get::<_, String>(1), meaning.native, meaning.logical)
    }
}

fn identity(
    row: &Row,
    default: Option<&str>,
    positions: &BTreeMap<u32, Position>,
) -> Option<Identity> {
    let kind = match row.get::<_, &str>(7) {
        "a" => IdentityKind::Always,
        "d" => IdentityKind::ByDefault,
        // An owned sequence numbers the column only when the default takes the next value of it,
        // and nothing but that.
        _ if default.is_some_and(|d| d.starts_with("nextval('") && d.ends_with("'::regclass)")) => {
            IdentityKind::Serial
        }
        _ => return None,
    };
    let increment: Option<i64> = row.get(11);
    let (increment, bounds) = (increment?, bounds(row, increment?));
    let position = positions.get(&row.get::<_, u32>(18));
    // Where the sequence itself may not be read, the last number it gave may be known all the same.
    let last = position.map_or_else(|| row.get(12), |p| p.called.then_some(p.value));
    let sequence = Numbers {
        name: TableName::within(row.get::<_, String>(25), row.get::<_, String>(19)),
        native: row.get(20),
        restart: position.filter(|p| !p.called).map(|p| p.value),
        hidden: position.is_none() && last.is_none(),
        furthest: position.and_then(|p| furthest(*p, increment)),
        comment: row.get(21),
    };
    Some(Identity { kind, last, increment, bounds, sequence: Some(sequence) })
}

/// The furthest number that was given or stands in a row, where somebody looked at the rows.
fn furthest(position: Position, increment: i64) -> Option<i64> {
    let given = match position.called {
        true => position.value,
        false => position.value.saturating_sub(increment),
    };
    let in_rows = position.furthest.unwrap_or(given);
    let furthest = if increment < 0 { given.min(in_rows) } else { given.max(in_rows) };
    position.looked.then_some(furthest)
}

/// Where the column's sequence begins and ends, unless the server chose all of it.
fn bounds(row: &Row, increment: i64) -> Option<Bounds> {
    let own = Bounds { start: increment.signum(), min: None, max: None, cycle: false, cache: 1 };
    let bounds = Bounds {
        start: row.get::<_, Option<i64>>(13)?,
        min: row.get(14),
        max: row.get(15),
        cycle: row.get::<_, Option<bool>>(16)?,
        cache: row.get::<_, Option<i64>>(17)?,
    };
    (bounds != own).then_some(bounds)
}

/// A part of a table that is not moved: `orders.orders_period_excl`.
fn part(table: &Table, kind: &str, name: &str) -> Unmoved {
    let mut whole = table.name.clone();
    whole.name = format!("{}.{name}", whole.name);
    Unmoved { kind: kind.to_owned(), name: whole }
}

fn index(table: &mut Table, row: &Row, unmoved: &mut Vec<Unmoved>) {
    let name: String = row.get(1);
    if !row.get::<_, bool>(4) {
        unmoved.push(part(table, "index that is not valid", &name));
        return;
    }
    let (what, is_column, descending): (Vec<String>, Vec<bool>, Vec<bool>) =
        (row.get(5), row.get(6), row.get(7));
    let parts =
        what.into_iter().zip(is_column).zip(descending).map(|((text, column), descending)| {
            let on = if column { IndexOn::Column(text) } else { IndexOn::Expression(text) };
            IndexPart { on, descending }
        });
    let (whole, head): (&str, &str) = (row.get(10), row.get(11));
    table.indexes.push(Index {
        unique: row.get(2),
        method: row.get(3),
        parts: parts.collect(),
        include: row.get(8),
        predicate: row.get(9),
        tail: whole.strip_prefix(head).map(str::to_owned),
        name,
    });
}
