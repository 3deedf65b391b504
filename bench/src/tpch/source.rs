//! The source: generated in this process, streamed into the server, counted once.

use std::pin::pin;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;
use tokio_postgres::Client;

use super::schema::{Pages, TABLES, Table};
use crate::Result;
use crate::server::Server;

/// Put on a source database when it is whole; one without it was broken off.
const WHOLE: &str = "longhaul bench: whole";

/// Tables loaded at a time: one generator and one backend each.
const LOADERS: usize = 2;

/// What the source holds, and what a target must hold in the end.
#[derive(Debug, PartialEq)]
pub(crate) struct Contents {
    /// Rows per table, in the order of [`TABLES`].
    pub(crate) rows: Vec<u64>,
    /// Primary and foreign keys.
    pub(crate) keys: u64,
}

impl Contents {
    /// Counts the rows of a database, one by one.
    ///
    /// # Errors
    /// When a table is not there.
    pub(crate) async fn of(database: &Client) -> Result<Self> {
        let mut rows = Vec::with_capacity(TABLES.len());
        for table in &TABLES {
            let count = format!("SELECT count(*) FROM {}", table.name);
            rows.push(database.query_one(&count, &[]).await?.get::<_, i64>(0).cast_unsigned());
        }
        let keys = "SELECT count(*) FROM pg_constraint \
             WHERE contype IN ('p', 'f') AND connamespace = 'public'::regnamespace";
        let keys = database.query_one(keys, &[]).await?.get::<_, i64>(0).cast_unsigned();
        Ok(Self { rows, keys })
    }
}

/// A source that is ready to be read.
pub(crate) struct Source {
    /// Its name.
    pub(crate) database: String,
    /// What is in it.
    pub(crate) contents: Contents,
    /// 8 KiB pages per table, in the order of [`TABLES`], keys left out.
    pub(crate) pages: Vec<u64>,
    /// Held, so that no other benchmark removes the database between two measurements.
    _session: Client,
}

impl Source {
    /// Takes the database of that name where it is whole, and generates it elsewhere.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) async fn prepare(
        server: &Server,
        database: String,
        scale: f64,
        foreign_keys: bool,
    ) -> Result<Self> {
        if server.comment(&database).await?.as_deref() == Some(WHOLE) {
            eprintln!("using {database} as it stands");
        } else {
            let begun = Instant::now();
            eprintln!("generating TPC-H at scale {scale} into {database}");
            server.recreate(&database).await?;
            load(server, &database, scale, foreign_keys).await?;
            server.remark(&database, WHOLE).await?;
            eprintln!("generated in {:.1} s", begun.elapsed().as_secs_f64());
        }
        let session = server.connect(&database).await?;
        let contents = Contents::of(&session).await?;
        let mut pages = Vec::with_capacity(TABLES.len());
        for table in &TABLES {
            let query = format!("SELECT pg_relation_size('{}') / 8192", table.name);
            pages.push(session.query_one(&query, &[]).await?.get::<_, i64>(0).cast_unsigned());
        }
        Ok(Self { database, contents, pages, _session: session })
    }

    /// Rows over all tables.
    pub(crate) fn rows(&self) -> u64 {
        self.contents.rows.iter().sum()
    }

    /// Bytes over all tables as PostgreSQL keeps them, keys left out.
    pub(crate) fn bytes(&self) -> u64 {
        self.pages.iter().sum::<u64>() * 8192
    }
}

async fn load(server: &Server, database: &str, scale: f64, foreign_keys: bool) -> Result<()> {
    let fill = |table| fill(server, database, table, scale);
    let filled: Vec<_> =
        stream::iter(&TABLES).map(fill).buffer_unordered(LOADERS).try_collect().await?;
    debug_assert_eq!(filled.len(), TABLES.len());
    let session = server.connect(database).await?;
    if foreign_keys {
        for key in TABLES.iter().flat_map(Table::add_foreign_keys) {
            session.batch_execute(&key).await?;
        }
    }
    // The reader must not be the first to set hint bits, in one measurement and not in another.
    session.batch_execute("VACUUM (FREEZE, ANALYZE)").await?;
    Ok(())
}

async fn fill(server: &Server, database: &str, table: &'static Table, scale: f64) -> Result<()> {
    let mut session = server.connect(database).await?;
    // FREEZE needs the table to be made in the same transaction.
    let transaction = session.transaction().await?;
    transaction.batch_execute(&table.create()).await?;
    let copy = format!("COPY {} FROM STDIN (FORMAT csv, FREEZE)", table.name);
    let mut sink = pin!(transaction.copy_in::<_, Bytes>(&copy).await?);
    let (out, mut pages) = mpsc::channel(4);
    let generator =
        tokio::task::spawn_blocking(move || (table.generate)(scale, &mut Pages::new(out)));
    while let Some(page) = pages.recv().await {
        sink.feed(page).await?;
    }
    // Before the copy is ended: a generator that broke off must not look like a small table.
    generator.await?;
    sink.finish().await?;
    transaction.commit().await?;
    session.batch_execute(&table.add_key()).await?;
    Ok(())
}
