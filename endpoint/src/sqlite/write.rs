//! Chunk transactions. `BEGIN IMMEDIATE` lets one writer in at a time, so it is the gate as well.

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use protocol::batch::{Batch, Row};
use protocol::fault::{Code, Fault, Native};
use protocol::id::{AttemptId, ChunkId, RunId};
use protocol::mapping::Mode;
use protocol::plan::{Chunk, ColumnMap, Entity, Step, StepKind};
use protocol::receipt::{Receipt, Reject};
use protocol::schema::TableName;
use rusqlite::types::ValueRef;

use super::bind::{self, Bind};
use super::faults::{self, Doing};
use super::introspect;
use super::link::{Link, Place, Turn, Writers};
use super::sign::Sign;
use crate::sql::control::{Dialect, PLAIN, Sql, chunk};
use crate::sql::quote;
use crate::{Begun, Write};

/// How the bookkeeping is kept here.
pub(super) const DIALECT: Dialect = Dialect {
    prefix: "longhaul_",
    schema: None,
    lacks_characters: None,
    installed: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'longhaul_meta'",
    tables: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'longhaul!_%' ESCAPE '!'",
    install_lock: None,
    begin: "BEGIN IMMEDIATE",
    now: "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    durable: None,
    gate_shared: None,
    gate_exclusive: None,
    lock_row: "",
    integer: "integer",
    folds_case: true,
    made_of: PLAIN,
};

/// One connection for chunk transactions.
pub(super) struct Session {
    pub(super) link: Link,
    writers: Writers,
    sign: Sign,
    /// Held while a transaction is open.
    turn: Option<Turn>,
    /// The run that was begun last, with the targets of its entities.
    known: Option<(RunId, Vec<TableName>)>,
    run: Option<RunId>,
    way: Option<Arc<Way>>,
    counted: u64,
    seen: chunk::Seen,
    /// The plan that its chunks are of, by fingerprint.
    believed: Option<String>,
}

/// How rows are written: one statement, run once per row.
struct Way {
    sql: String,
    /// For each cell of a row: its parameter, from 1, and how it is bound. None: left NULL.
    cells: Vec<Option<(usize, Bind)>>,
    columns: Vec<String>,
    table: String,
    /// The cell that is the rowid. SQLite would put the next number in the place of its NULL.
    rowid: Option<usize>,
}

impl Session {
    pub(super) async fn open(place: &Place, writers: Writers) -> Result<Self, Fault> {
        let link = Link::writing(place).await?;
        link.call(Doing::Write, relax).await?;
        let sign = Sign::of(place);
        let seen = chunk::Seen::default();
        let (turn, known, run, way, believed) = (None, None, None, None, None);
        Ok(Self { link, writers, sign, turn, known, run, way, counted: 0, seen, believed })
    }

    fn run(&self) -> Result<RunId, Fault> {
        self.run.ok_or_else(|| {
            Fault::new(Code::NotMine, &*self.link.place).saying("no chunk was begun")
        })
    }

    /// The target of the chunk's entity, if it has one.
    async fn target(&mut self, run: RunId, chunk: &Chunk) -> Result<Option<TableName>, Fault> {
        let Some(entity) = chunk.entity else { return Ok(None) };
        if self.known.as_ref().is_none_or(|(known, _)| *known != run) {
            let targets = chunk::targets(&mut self.link, &DIALECT, run).await?;
            self.known = targets.map(|targets| (run, targets));
        }
        let targets = self.known.as_ref().map(|(_, targets)| targets.as_slice());
        Ok(targets.unwrap_or_default().get(entity.index()).cloned())
    }

    async fn begin_inside(
        &mut self,
        run: RunId,
        chunk: &Chunk,
        attempt: AttemptId,
    ) -> Result<Begun, Fault> {
        chunk::enter(&mut self.link, &DIALECT, run).await?;
        let target = self.target(run, chunk).await?;
        let believed = self.believed.as_deref();
        let admits = chunk::admits(&mut self.link, &DIALECT, run, believed).await?;
        let owns = match &target {
            Some(target) if admits => chunk::owns(&mut self.link, &DIALECT, run, target).await?,
            Some(_) | None => admits,
        };
        if !owns {
            return Ok(Begun::Fenced);
        }
        if chunk::open_receipt(&mut self.link, &DIALECT, run, chunk.id, attempt).await? {
            return Ok(Begun::Open);
        }
        let receipt = chunk::receipt(&mut self.link, &DIALECT, run, chunk.id).await?;
        match receipt {
            Some(receipt) => Ok(Begun::Decided(Box::new(receipt))),
            // An open receipt is never committed, and nobody else is inside.
            None => Err(Fault::new(Code::NotMine, format!("chunk {}", chunk.id))),
        }
    }

    async fn open_way(&mut self, target: &TableName, mut way: Way) -> Result<(), Fault> {
        let (sql, table) = (way.sql.clone(), target.name.clone());
        let alias = self.link.call(Doing::Write, move |c| introspect::alias_of(c, &table)).await?;
        way.rowid = alias.and_then(|alias| {
            way.columns.iter().position(|column| column.eq_ignore_ascii_case(&alias))
        });
        // Understood now, so that a missing column is told before rows are read.
        self.link.call(Doing::Write, move |c| c.prepare_cached(&sql).map(drop)).await?;
        self.way = Some(Arc::new(way));
        self.counted = 0;
        Ok(())
    }
}

/// A log is synced at checkpoints only: a crash of the machine may take the last commits, and then
/// takes data and receipts together. A rollback journal keeps its own setting.
fn relax(connection: &mut rusqlite::Connection) -> rusqlite::Result<()> {
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        connection.pragma_update(None, "synchronous", "NORMAL")?;
    }
    Ok(())
}

impl Way {
    fn of(entity: &Entity, write: &Write) -> Self {
        match write {
            Write::Rows { blank_links } => Self::rows(entity, *blank_links),
            Write::Links { key, columns } => Self::links(entity, *key, columns),
        }
    }

    fn rows(entity: &Entity, blank_links: bool) -> Self {
        let blank = |column: &ColumnMap| blank_links && entity.links.contains(&column.source);
        let written: Vec<_> = entity.columns.iter().filter(|column| !blank(column)).collect();
        let names = quote::names(written.iter().map(|column| column.target.as_str()));
        let places: Vec<_> = (1..=written.len()).map(|place| format!("?{place}")).collect();
        let table = quote::table(&entity.target);
        let insert = match written.is_empty() {
            true => format!("INSERT INTO {table} DEFAULT VALUES"),
            false => format!("INSERT INTO {table} ({names}) VALUES ({})", places.join(", ")),
        };
        let statement = match entity.mode {
            Mode::Create | Mode::Replace | Mode::Append => insert,
            Mode::Upsert => format!("{insert}{}", on_conflict(&entity.conflict, &written)),
            Mode::Update => update(entity, &written),
        };
        let mut place = 0;
        let cells = entity.columns.iter().map(|column| {
            (!blank(column)).then(|| {
                place += 1;
                (place, bind::bind(entity.lane, column))
            })
        });
        let cells = cells.collect();
        Self::new(statement, cells, entity, &entity.columns)
    }

    fn links(entity: &Entity, key: usize, columns: &[ColumnMap]) -> Self {
        let equals = |(at, column): (usize, &ColumnMap)| {
            format!("{} = ?{}", quote::name(&column.target), at + 1)
        };
        let all: Vec<_> = columns.iter().enumerate().map(equals).collect();
        let (keys, links) = all.split_at(key.min(all.len()));
        let table = quote::table(&entity.target);
        let update =
            format!("UPDATE {table} SET {} WHERE {}", links.join(", "), keys.join(" AND "));
        let cells = columns
            .iter()
            .enumerate()
            .map(|(at, column)| Some((at + 1, bind::bind(entity.lane, column))))
            .collect();
        Self::new(update, cells, entity, columns)
    }

    fn new(
        sql: String,
        cells: Vec<Option<(usize, Bind)>>,
        entity: &Entity,
        columns: &[ColumnMap],
    ) -> Self {
        Self {
            sql,
            cells,
            columns: columns.iter().map(|column| column.target.clone()).collect(),
            table: entity.target.to_string(),
            rowid: None,
        }
    }

    /// Writes one row, and returns how many rows the statement changed.
    fn write(
        &self,
        place: &str,
        statement: &mut rusqlite::CachedStatement<'_>,
        row: Row<'_>,
    ) -> Result<u64, Fault> {
        self.bind(place, statement, row)?;
        self.execute(place, statement)
    }

    fn execute(
        &self,
        place: &str,
        statement: &mut rusqlite::CachedStatement<'_>,
    ) -> Result<u64, Fault> {
        let done = statement.raw_execute();
        let done = done.map_err(|error| faults::fault(place, Doing::Write, &error));
        done.map(|changed| changed as u64)
    }

    /// Gives the statement the values of a row.
    fn bind(
        &self,
        place: &str,
        statement: &mut rusqlite::CachedStatement<'_>,
        row: Row<'_>,
    ) -> Result<(), Fault> {
        let fault = |error: rusqlite::Error| faults::fault(place, Doing::Write, &error);
        let cells = row.cells().zip(&self.cells).zip(&self.columns);
        for (at, ((cell, bind), name)) in cells.enumerate() {
            let Some((parameter, bind)) = bind else { continue };
            if cell.is_none() && self.rowid == Some(at) {
                return Err(self.refused(name, faults::not_null()));
            }
            let value = bind.value(cell).map_err(|reason| {
                self.refused(name, Native { code: reason.to_string(), ..Native::default() })
            })?;
            statement.raw_bind_parameter(*parameter, value).map_err(fault)?;
        }
        Ok(())
    }

    fn refused(&self, column: &str, native: Native) -> Fault {
        Fault::new(Code::ValueRefused, &self.table).native(Native {
            column: Some(column.to_owned()),
            table: Some(self.table.clone()),
            ..native
        })
    }
}

/// `UPDATE … SET … WHERE …`, by the columns that say which row is meant. Where those are all, the
/// first is set to itself, so that a row that is there counts.
fn update(entity: &Entity, written: &[&ColumnMap]) -> String {
    let equals = |(at, column): (usize, &&ColumnMap)| {
        (
            entity.conflict.contains(&column.target),
            format!("{} = ?{}", quote::name(&column.target), at + 1),
        )
    };
    let (keys, mut set): (Vec<_>, Vec<_>) =
        written.iter().enumerate().map(equals).partition(|(key, _)| *key);
    if set.is_empty() {
        set.extend(keys.first().cloned());
    }
    let [set, keys] = [(set, ", "), (keys, " AND ")]
        .map(|(parts, by)| parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join(by));
    format!("UPDATE {} SET {set} WHERE {keys}", quote::table(&entity.target))
}

/// ` ON CONFLICT (…) DO UPDATE SET …`. Where all columns are the key, it sets the first to itself,
/// so that the row counts as written.
fn on_conflict(conflict: &[String], written: &[&ColumnMap]) -> String {
    let others = written.iter().map(|column| &column.target).filter(|c| !conflict.contains(c));
    let mut set: Vec<_> = others.collect();
    if set.is_empty() {
        set.extend(conflict.first());
    }
    let set: Vec<_> = set
        .into_iter()
        .map(|column| {
            let name = quote::name(column);
            format!("{name} = excluded.{name}")
        })
        .collect();
    let conflict = quote::names(conflict.iter().map(String::as_str));
    format!(" ON CONFLICT ({conflict}) DO UPDATE SET {}", set.join(", "))
}

#[async_trait]
impl crate::Session for Session {
    async fn begin(
        &mut self,
        run: RunId,
        chunk: &Chunk,
        attempt: AttemptId,
    ) -> Result<Begun, Fault> {
        self.run = Some(run);
        self.way = None;
        self.turn = Some(self.writers.turn().await);
        self.sign.let_others_in().await;
        self.link.batch(DIALECT.begin).await?;
        let begun = self.begin_inside(run, chunk, attempt).await?;
        if begun != Begun::Open {
            self.rollback().await?;
        }
        Ok(begun)
    }

    async fn all_done(
        &mut self,
        run: RunId,
        chunks: &[RangeInclusive<ChunkId>],
    ) -> Result<bool, Fault> {
        chunk::all_done(&mut self.link, &DIALECT, &mut self.seen, run, chunks).await
    }

    async fn start(
        &mut self,
        entity: &Entity,
        write: &Write,
        _immediate: bool,
    ) -> Result<(), Fault> {
        self.open_way(&entity.target, Way::of(entity, write)).await
    }

    async fn write(&mut self, batch: Batch) -> Result<(), Fault> {
        let Some(way) = self.way.clone() else {
            return Err(Fault::new(Code::NotMine, &*self.link.place).saying("no way is open"));
        };
        let place = Arc::clone(&self.link.place);
        let written = self.link.run(move |connection| {
            let fault = |error: rusqlite::Error| faults::fault(&place, Doing::Write, &error);
            let mut statement = connection.prepare_cached(&way.sql).map_err(fault)?;
            if batch.rows() == 1 {
                // A large row is alone in its batch. SQLite has its values by now, and makes a record
                // of them: that is twice as much as it is, without the batch.
                way.bind(&place, &mut statement, batch.row(0))
                    .map_err(|fault| fault.about_row(Some(0)))?;
                drop(batch);
                let written = way.execute(&place, &mut statement);
                // It would keep them until it is used again.
                statement.clear_bindings();
                return written.map_err(|fault| fault.about_row(Some(0)));
            }
            let rows = batch.iter().enumerate();
            rows.map(|(at, row)| {
                let written = way.write(&place, &mut statement, row);
                written.map_err(|fault| fault.about_row(Some(at)))
            })
            .sum::<Result<u64, _>>()
        });
        self.counted += written.await?;
        Ok(())
    }

    async fn finish(&mut self) -> Result<u64, Fault> {
        self.way = None;
        Ok(std::mem::take(&mut self.counted))
    }

    async fn savepoint(&mut self) -> Result<(), Fault> {
        self.link.batch("SAVEPOINT longhaul").await
    }

    async fn rollback_to(&mut self) -> Result<(), Fault> {
        self.way = None;
        self.link.batch("ROLLBACK TO longhaul; RELEASE longhaul").await
    }

    async fn release(&mut self) -> Result<(), Fault> {
        self.link.batch("RELEASE longhaul").await
    }

    async fn execute(&mut self, step: &Step) -> Result<(), Fault> {
        for statement in &step.statements {
            if step.kind == StepKind::ForeignKey {
                verify_links(&self.link, &step.what, statement).await?;
            } else {
                self.link.batch(statement).await?;
            }
        }
        Ok(())
    }

    fn believe(&mut self, fingerprint: &str) {
        self.believed = Some(fingerprint.to_owned());
    }

    async fn settle(
        &mut self,
        by: ChunkId,
        of: ChunkId,
        resolved: &[String],
        again: &[Reject],
    ) -> Result<(), Fault> {
        let run = self.run()?;
        chunk::settle(&mut self.link, &DIALECT, run, (by, of), resolved, again).await
    }

    async fn reject(&mut self, rejects: &[Reject]) -> Result<(), Fault> {
        let run = self.run()?;
        chunk::insert_rejects(&mut self.link, &DIALECT, run, rejects).await
    }

    async fn rejected_by(
        &mut self,
        entity: &TableName,
        chunks: RangeInclusive<ChunkId>,
    ) -> Result<u64, Fault> {
        let run = self.run()?;
        chunk::rejected_by(&mut self.link, &DIALECT, run, entity, chunks).await
    }

    async fn complete(&mut self, receipt: &Receipt) -> Result<(), Fault> {
        let run = self.run()?;
        chunk::complete(&mut self.link, &DIALECT, run, receipt).await?;
        chunk::drop_samples(&mut self.link, &DIALECT, run, receipt.chunk).await
    }

    async fn commit(&mut self) -> Result<(), Fault> {
        self.link.batch("COMMIT").await?;
        self.turn = None;
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), Fault> {
        self.way = None;
        self.link.batch("ROLLBACK").await?;
        self.turn = None;
        Ok(())
    }
}

/// Runs a statement that returns one row for each link that leads nowhere.
async fn verify_links(link: &Link, what: &str, statement: &str) -> Result<(), Fault> {
    let sql = statement.to_owned();
    let orphans = link.call(Doing::Write, move |connection| {
        let mut check = connection.prepare(&sql)?;
        let mut rows = check.query([])?;
        let (mut count, mut parent) = (0_u64, String::new());
        while let Some(row) = rows.next()? {
            count += 1;
            if let ValueRef::Text(name) = row.get_ref(2)? {
                parent = String::from_utf8_lossy(name).into_owned();
            }
        }
        Ok((count, parent))
    });
    match orphans.await? {
        (0, _) => Ok(()),
        (count, parent) => {
            let rows = if count == 1 { "row links" } else { "rows link" };
            let said = format!(
                "{count} {rows} to rows that are not there, among them to rows of {parent}"
            );
            Err(Fault::new(Code::LinkBroken, what).saying(said))
        }
    }
}
