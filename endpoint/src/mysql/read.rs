//! Rows out of MySQL, as the server's text protocol streams them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Row, Value};
use protocol::batch::Batch;
use protocol::fault::{Code, Fault};
use protocol::schema::{Logical, TableName};
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::connect::Link;
use super::faults;
use super::idle::Idle;
use super::render::{self, Render};
use super::words;
use crate::ahead::{self, Giver, Taker};
use crate::{Read, Rows};

/// A statement that gives rows, and what its columns mean.
pub(super) struct Select {
    pub(super) sql: String,
    pub(super) columns: Vec<Logical>,
    /// Which of them, from 0, are texts that were selected with care.
    pub(super) careful: Vec<usize>,
    pub(super) batch_bytes: usize,
    /// Whether the statement holds an operator's own words.
    pub(super) filtered: bool,
}

/// `SELECT … FROM …` of these columns. Those of `careful` are texts of a character set that does not
/// have all bytes.
pub(super) fn select<'a>(
    table: &TableName,
    columns: impl Iterator<Item = (&'a str, &'a Logical)>,
    careful: &BTreeSet<String>,
) -> String {
    let select = |(name, logical): (&str, &Logical)| match careful.contains(name) {
        true => render::selected_with_care(name),
        false => render::selected(name, logical),
    };
    let columns: Vec<_> = columns.map(select).collect();
    format!("SELECT {} FROM {}", columns.join(", "), words::table(table))
}

/// The texts of a table whose character set does not have all bytes: the server checks none of them
/// where a character is one byte. Of UTF-8 it does, and latin1 has all.
pub(super) async fn careful(link: &mut Link, table: &TableName) -> Result<BTreeSet<String>, Fault> {
    let select = format!(
        "SELECT column_name FROM information_schema.columns \
          WHERE table_schema = DATABASE() AND table_name = {} \
            AND data_type IN ('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext') \
            AND character_set_name NOT IN ('utf8mb4', 'utf8mb3', 'utf8', 'latin1')",
        words::literal(&table.name)
    );
    Ok(link.query(&select).await?.into_iter().flatten().flatten().collect())
}

/// [`careful`] of all tables that have such texts.
pub(super) async fn careful_of_all(
    link: &mut Link,
) -> Result<BTreeMap<String, BTreeSet<String>>, Fault> {
    let select = "SELECT table_name, column_name FROM information_schema.columns \
          WHERE table_schema = DATABASE() \
            AND data_type IN ('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext') \
            AND character_set_name NOT IN ('utf8mb4', 'utf8mb3', 'utf8', 'latin1')";
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for mut cells in link.query(select).await? {
        if let (Some(Some(column)), Some(Some(table))) = (cells.pop(), cells.pop()) {
            all.entry(table).or_default().insert(column);
        }
    }
    Ok(all)
}

impl Select {
    /// The rows that `read` asks for.
    pub(super) fn range(read: &Read, careful: &BTreeSet<String>) -> Result<Self, Fault> {
        let columns = read.columns.iter().map(|(name, logical)| (name.as_str(), logical));
        let mut rows = super::range::Where::default();
        rows.range(&read.key, &read.range)?;
        if let Some(filter) = &read.filter {
            rows.filter(filter);
        }
        let mut sql = format!("{}{}", select(&read.table, columns, careful), rows.sql());
        if let Some(top) = read.top {
            if !read.key.is_empty() {
                sql += &format!(" ORDER BY {}", words::names(read.key.iter().map(String::as_str)));
            }
            sql += &format!(" LIMIT {top}");
        }
        let names = read.columns.iter().enumerate();
        let careful = names.filter(|(_, (name, _))| careful.contains(name)).map(|(at, _)| at);
        Ok(Self {
            sql,
            careful: careful.collect(),
            columns: read.columns.iter().map(|(_, logical)| logical.clone()).collect(),
            batch_bytes: read.batch_bytes,
            filtered: read.filter.is_some(),
        })
    }
}

/// The connection of one read.
pub(super) enum Reader {
    /// Its own, and where it is left when the read came to its end.
    Own(Link, Idle),
    /// The one that stands in the moment which is held. Other reads wait for it.
    Held(OwnedMutexGuard<Option<Link>>),
}

impl Reader {
    pub(super) fn link(&mut self) -> Result<&mut Link, Fault> {
        match self {
            Self::Own(link, _) => Ok(link),
            Self::Held(held) => held.as_mut().ok_or_else(|| {
                Fault::new(Code::SnapshotLost, "the source")
                    .saying("the session that held the moment is gone")
            }),
        }
    }

    /// The read came to its end. What is still at work is closed.
    pub(super) fn rest(self) {
        if let Self::Own(link, idle) = self {
            idle.keep(link);
        }
    }

    /// A held session that broke takes the moment with it.
    pub(super) fn broke(&mut self, fault: Fault) -> Fault {
        match self {
            Self::Own(..) => fault,
            Self::Held(held) if fault.code() == Code::Unreachable => {
                **held = None;
                Fault::new(Code::SnapshotLost, fault.place())
                    .saying("the session that held the moment is gone")
            }
            Self::Held(_) => fault,
        }
    }
}

/// Rows on their way out.
pub(super) struct Stream {
    batches: Taker,
}

impl Stream {
    /// Begins to read. The statement is understood before this returns. When the stream is dropped
    /// the read ends: its own connection is killed; one that is held is read to the end of the range.
    pub(super) async fn open(mut reader: Reader, select: Select) -> Result<Self, Fault> {
        let (batches, mut giver) = ahead::ends();
        let (ready, understood) = oneshot::channel();
        // Detached: it ends when the rows do, when the stream is dropped, or on a fault.
        tokio::spawn(async move {
            let mut ready = Some(ready);
            let done = give(&mut reader, &select, &mut ready, &mut giver).await;
            let Err(fault) = done else {
                reader.rest();
                return giver.give(Ok(None)).await;
            };
            let fault = blame(reader.broke(fault), select.filtered);
            match ready {
                Some(ready) => drop(ready.send(Err(fault))),
                None => giver.give(Err(fault)).await,
            }
        });
        match understood.await {
            Ok(understood) => understood.map(|()| Self { batches }),
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

/// Reads until the end, a fault, or nobody listening. Says as soon as the server began to answer.
async fn give(
    reader: &mut Reader,
    select: &Select,
    ready: &mut Option<oneshot::Sender<Result<(), Fault>>>,
    batches: &mut Giver,
) -> Result<(), Fault> {
    let held = matches!(reader, Reader::Held(_));
    let link = reader.link()?;
    let place: Arc<str> = link.place().into();
    let conn = link.work()?;
    let given = async {
        let mut result = conn.query_iter(select.sql.as_str()).await?;
        if let Some(ready) = ready.take() {
            let _ = ready.send(Ok(()));
        }
        let columns = result.columns().unwrap_or_default();
        let render = |(at, (c, logical))| match select.careful.contains(&at) {
            true => Render::CarefulText,
            false => Render::of(c, logical),
        };
        let renders: Vec<_> = columns.iter().zip(&select.columns).enumerate().map(render).collect();
        while batches.asked().await {
            let mut batch = Batch::with_capacity(select.batch_bytes);
            while batch.is_empty() || batch.bytes() < select.batch_bytes {
                let Some(row) = result.next().await? else {
                    if !batch.is_empty() {
                        batches.give(Ok(Some(batch))).await;
                    }
                    return Ok(None);
                };
                push(&mut batch, &renders, row);
            }
            batches.give(Ok(Some(batch))).await;
        }
        // Nobody listens. A moment that is held is kept for other reads.
        if held { result.drop_result().await.map(|()| None) } else { Ok(Some(())) }
    };
    match given.await {
        // Still working: dropping the connection kills it.
        Ok(Some(())) => Ok(()),
        Ok(None) => link.rest(Ok(())),
        Err(error) => {
            let fault = faults::fault(&place, &error);
            link.rest::<()>(Err(error)).map_err(|_| fault)
        }
    }
}

fn push(batch: &mut Batch, renders: &[Render], row: Row) {
    batch.begin_row(renders.len());
    for (column, (value, render)) in row.unwrap().into_iter().zip(renders).enumerate() {
        // All that is not NULL comes as text.
        let cell = if let Value::Bytes(bytes) = &value { Some(bytes.as_slice()) } else { None };
        render.push(batch, column, cell);
    }
    batch.end_row();
}

/// Where the operator's own condition stands in the statement, the server's answer about the
/// statement is about that; where it does not, about a source that is no longer what it was.
pub(super) fn blame(fault: Fault, filtered: bool) -> Fault {
    if !faults::is_about_the_statement(&fault) && fault.code() != Code::Refused {
        return fault;
    }
    let about = filtered && faults::is_about_the_statement(&fault);
    let code = if about { Code::FilterInvalid } else { Code::SourceChanged };
    let new = Fault::new(code, fault.place());
    let new = match fault.said() {
        Some(said) => new.saying(said),
        None => new,
    };
    match fault.named() {
        Some(native) => new.native(native.clone()),
        None => new,
    }
}
