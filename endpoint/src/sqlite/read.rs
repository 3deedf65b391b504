//! Rows out of SQLite: ranges of a source, slices of a target, and the keys at which to cut.

use async_trait::async_trait;
use protocol::batch::Batch;
use protocol::fault::{Code, Fault};
use protocol::plan::{Bound, Entity, Lane};
use protocol::schema::{Logical, TableName};
use rusqlite::Connection;

use super::faults::{self, Doing};
use super::key::{self, Part, Where};
use super::link::Link;
use super::pool::Reader;
use super::render;
use crate::ahead::{self, Giver, Taker};
use crate::sql::quote;
use crate::{Cut, Read, Rows};

/// A statement that gives rows, and what its columns mean.
pub(super) struct Select {
    sql: String,
    values: Vec<Part>,
    columns: Vec<Logical>,
    lane: Lane,
    batch_bytes: usize,
    /// The same without the operator's condition: where this is understood and `sql` is not, the
    /// condition is at fault.
    unfiltered: Option<String>,
}

impl Select {
    /// The rows that `read` asks for.
    pub(super) fn range(read: &Read) -> Result<Self, Fault> {
        let names = quote::names(read.columns.iter().map(|(name, _)| name.as_str()));
        let from = format!("SELECT {names} FROM {}", quote::table(&read.table));
        let mut rows = Where::default();
        rows.range(&read.key, &read.range)?;
        if let Some(filter) = &read.filter {
            rows.filter(filter);
        }
        let top = read.top.map_or(String::new(), |top| {
            let key = quote::names(read.key.iter().map(String::as_str));
            let by = if key.is_empty() { String::new() } else { format!(" ORDER BY {key}") };
            format!("{by} LIMIT {}", i64::try_from(top).unwrap_or(i64::MAX))
        });
        Ok(Self {
            sql: format!("{from}{}{top}", rows.sql()),
            values: rows.values,
            columns: read.columns.iter().map(|(_, logical)| logical.clone()).collect(),
            lane: read.lane,
            batch_bytes: read.batch_bytes,
            unfiltered: read.filter.as_ref().map(|_| from),
        })
    }

    /// Slice `index` of `of` of a target entity: an even part of its rowids. Without rowids the
    /// first slice is the whole.
    pub(super) async fn slice(
        link: &Link,
        entity: &Entity,
        index: u32,
        of: u32,
        batch_bytes: usize,
    ) -> Result<Self, Fault> {
        let table = entity.target.clone();
        let bounds = link.call(Doing::Read, move |connection| span(connection, &table)).await?;
        let mut rows = Where::default();
        match bounds {
            Some(span) => span.slice(&mut rows, index, of),
            None if index > 0 => rows.filter("0"),
            None => {}
        }
        let names = quote::names(entity.columns.iter().map(|column| column.target.as_str()));
        let from = format!("SELECT {names} FROM {}", quote::table(&entity.target));
        Ok(Self {
            sql: format!("{from}{}", rows.sql()),
            values: rows.values,
            columns: entity.columns.iter().map(|column| column.to.clone()).collect(),
            lane: entity.lane,
            batch_bytes,
            unfiltered: None,
        })
    }
}

/// The rowids of a table: what they are called there, the least and the greatest.
struct Span {
    rowid: &'static str,
    least: i64,
    greatest: i64,
}

impl Span {
    /// Rowids of the slice. The first and the last are open-ended, so that together they miss none.
    fn slice(&self, rows: &mut Where, index: u32, of: u32) {
        let width = i128::from(self.greatest) - i128::from(self.least) + 1;
        let border = |index: u32| {
            let at = i128::from(self.least) + width * i128::from(index) / i128::from(of);
            i64::try_from(at).unwrap_or(i64::MAX)
        };
        let column = [self.rowid.to_owned()];
        if index > 0 {
            rows.compare(&column, ">=", vec![Part::Integer(border(index))]);
        }
        if index + 1 < of {
            rows.compare(&column, "<", vec![Part::Integer(border(index + 1))]);
        }
    }
}

/// Names of the rowid; a column of that name hides it.
const ROWIDS: [&str; 3] = ["rowid", "_rowid_", "oid"];

/// None for a table WITHOUT ROWID, or one whose columns have taken all of its names.
fn span(connection: &Connection, table: &TableName) -> rusqlite::Result<Option<Span>> {
    let without: bool = connection.query_row(
        "SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main'",
        [&table.name],
        |row| row.get(0),
    )?;
    let mut columns = connection.prepare("SELECT lower(name) FROM pragma_table_xinfo(?1)")?;
    let taken: Vec<String> =
        columns.query_map([&table.name], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let free = ROWIDS.into_iter().find(|name| !taken.iter().any(|taken| taken == name));
    let Some(rowid) = free.filter(|_| !without) else { return Ok(None) };
    let ends = format!("SELECT min({rowid}), max({rowid}) FROM {}", quote::table(table));
    let ends = connection.query_row(&ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (least, greatest): (Option<i64>, Option<i64>) = ends;
    Ok(Some(Span { rowid, least: least.unwrap_or(0), greatest: greatest.unwrap_or(0) }))
}

/// Rows on their way out.
pub(super) struct Stream {
    batches: Taker,
}

impl Stream {
    /// Begins to read on the reader's own thread. The statement is understood before this returns.
    /// When the stream is dropped, the thread notices at its next batch and ends the read.
    pub(super) async fn open(reader: Reader, select: Select) -> Result<Self, Fault> {
        let (batches, mut giver) = ahead::ends();
        let (ready, understood) = tokio::sync::oneshot::channel();
        let link = reader.link.clone();
        let place = link.place.clone();
        // Detached: it ends when the rows do, when the stream is dropped, or on a fault.
        tokio::spawn(async move {
            let lost = giver.faults();
            let done = link.run(move |connection| {
                send(connection, &place, &select, ready, &mut giver);
                Ok(())
            });
            if let Err(fault) = done.await {
                let _ = lost.send(Err(fault)).await;
            }
            drop(reader);
        });
        match understood.await {
            Ok(understood) => understood.map(|()| Self { batches }),
            // The thread is gone; the stream holds the fault.
            Err(_) => Ok(Self { batches }),
        }
    }
}

#[async_trait]
impl Rows for Stream {
    async fn next(&mut self) -> Result<Option<Batch>, Fault> {
        self.batches.take().await
    }

    fn read_ahead(&mut self) -> bool {
        self.batches.ask()
    }
}

/// Reads on the connection's thread: says whether the statement is understood, then sends batches
/// until the end, a fault, or nobody listening.
fn send(
    connection: &Connection,
    place: &str,
    select: &Select,
    ready: tokio::sync::oneshot::Sender<Result<(), Fault>>,
    batches: &mut Giver,
) {
    let mut statement = match prepare(connection, place, &select.sql, select.unfiltered.as_deref())
    {
        Ok(statement) => statement,
        Err(fault) => return drop(ready.send(Err(fault))),
    };
    if ready.send(Ok(())).is_err() {
        return;
    }
    let doing = if select.unfiltered.is_some() { Doing::Filter } else { Doing::Read };
    let done = give(&mut statement, select, batches);
    batches.give_blocking(match done {
        Ok(()) => Ok(None),
        Err(error) => Err(faults::fault(place, doing, &error)),
    });
}

fn give(
    statement: &mut rusqlite::CachedStatement<'_>,
    select: &Select,
    batches: &mut Giver,
) -> rusqlite::Result<()> {
    let mut rows = statement.query(rusqlite::params_from_iter(&select.values))?;
    while batches.asked_blocking() {
        let mut batch = Batch::with_capacity(select.batch_bytes);
        while batch.is_empty() || batch.bytes() < select.batch_bytes {
            let Some(row) = rows.next()? else {
                if !batch.is_empty() {
                    batches.give_blocking(Ok(Some(batch)));
                }
                return Ok(());
            };
            push(&mut batch, select, row)?;
        }
        batches.give_blocking(Ok(Some(batch)));
    }
    Ok(())
}

fn push(batch: &mut Batch, select: &Select, row: &rusqlite::Row<'_>) -> rusqlite::Result<()> {
    batch.begin_row(select.columns.len());
    for (column, logical) in select.columns.iter().enumerate() {
        let cell = row.get_ref(column)?;
        match select.lane {
            Lane::Raw => render::push_raw(batch, cell),
            Lane::Text => render::push_text(batch, logical, column, cell),
        }
    }
    batch.end_row();
    Ok(())
}

/// Prepares a statement, and finds out whose fault it is when it is not understood.
fn prepare<'c>(
    connection: &'c Connection,
    place: &str,
    sql: &str,
    unfiltered: Option<&str>,
) -> Result<rusqlite::CachedStatement<'c>, Fault> {
    connection.prepare_cached(sql).map_err(|error| {
        let doing = match unfiltered {
            Some(unfiltered) if connection.prepare(unfiltered).is_ok() => Doing::Filter,
            Some(_) | None => Doing::Read,
        };
        faults::fault(place, doing, &error)
    })
}

/// Walks along the key and notes it after every so many rows.
pub(super) async fn cut(reader: &Reader, cut: &Cut) -> Result<Vec<Bound>, Fault> {
    if cut.key.is_empty() {
        return Ok(Vec::new());
    }
    let cut = cut.clone();
    let place = reader.link.place.clone();
    reader.link.run(move |connection| walk(connection, &place, &cut)).await
}

fn walk(connection: &Connection, place: &str, cut: &Cut) -> Result<Vec<Bound>, Fault> {
    let mut bounds = Vec::new();
    let mut last: Option<Vec<Part>> = None;
    loop {
        let reached = step(connection, place, cut, last.take())?;
        let Some(reached) = reached else { return Ok(bounds) };
        bounds.push(key::bound(&reached));
        last = Some(reached);
    }
}

/// The key that is `cut.rows` rows further on; none when it is the last of all, or beyond.
fn step(
    connection: &Connection,
    place: &str,
    cut: &Cut,
    last: Option<Vec<Part>>,
) -> Result<Option<Vec<Part>>, Fault> {
    let key = quote::names(cut.key.iter().map(String::as_str));
    let from = format!("SELECT {key} FROM {}", quote::table(&cut.table));
    let mut rows = Where::default();
    if let Some(last) = last {
        rows.compare(&cut.key, ">", last);
    }
    if let Some(filter) = &cut.filter {
        rows.filter(filter);
    }
    let skip = i64::try_from(cut.rows.max(1) - 1).unwrap_or(i64::MAX);
    // Two rows, since a bound after the last row would make an empty chunk.
    let sql = format!("{from}{} ORDER BY {key} LIMIT 2 OFFSET {skip}", rows.sql());
    let unfiltered = cut.filter.as_ref().map(|_| from.as_str());
    let mut statement = prepare(connection, place, &sql, unfiltered)?;
    let doing = if cut.filter.is_some() { Doing::Filter } else { Doing::Read };
    let fault = |error: rusqlite::Error| faults::fault(place, doing, &error);
    let mut found = statement.query(rusqlite::params_from_iter(&rows.values)).map_err(fault)?;
    let Some(row) = found.next().map_err(fault)? else { return Ok(None) };
    let parts = (0..cut.key.len()).map(|column| row.get_ref(column).map(Part::of));
    let parts: Option<Vec<Part>> = parts.collect::<Result<_, _>>().map_err(fault)?;
    let parts = parts.ok_or_else(|| {
        let said = "a key column that forbids NULL holds one";
        Fault::new(Code::SourceChanged, cut.table.to_string()).saying(said)
    })?;
    let another = found.next().map_err(fault)?.is_some();
    Ok(another.then_some(parts))
}
