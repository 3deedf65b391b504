//! The way of rows into one entity: straight into the table, or by a temporary table and statements
//! that merge it.
//!
//! Rows go by LOAD DATA LOCAL, a batch at a time. That statement behaves as IGNORE does: it takes bad
//! values for warnings and skips rows whose key is there. So its own count is looked at after each,
//! and the first warning is a fault. In careful gear, and where the server takes no LOAD DATA, rows
//! go by INSERT, which refuses what it should.

mod insert;
mod load;
mod waiting;

use protocol::batch::{Batch, Row};
use protocol::fault::{Code, Fault};
use protocol::mapping::Mode;
use protocol::plan::{ColumnMap, Entity};
use protocol::schema::TableName;

use super::connect::Link;
use super::spell::Spell;
use super::{faults, words};
use crate::Write;
use waiting::{WAITING, fill, make_waiting, upsert};

/// Bytes of an INSERT of many rows.
const STATEMENT_BYTES: usize = 1 << 20;

/// Bytes of a packet that are left for all but values.
const PACKET_REST: usize = 1024;

/// An open way.
pub(super) struct Way {
    /// For each cell of a row: its column, if it is written.
    cells: Vec<Option<Cell>>,
    load: Option<String>,
    insert: String,
    table: String,
    /// Statements that take the waiting rows to where they belong.
    merge: Vec<String>,
    counted: u64,
}

/// How one cell of a row is written.
struct Cell {
    column: String,
    spell: Spell,
    /// NULL is refused here and not by the server, which would put a number or a moment in its place.
    solid: bool,
}

impl Way {
    /// Opens the way. Whether rows may go by LOAD DATA is `load`.
    ///
    /// # Errors
    /// `Code::Refused` for a table whose engine knows no transactions.
    pub(super) async fn open(
        link: &mut Link,
        entity: &Entity,
        write: &Write,
        load: bool,
    ) -> Result<Self, Fault> {
        let solid = solid_columns(link, &entity.target).await?;
        let cell = |column: &ColumnMap| Cell {
            column: column.target.clone(),
            spell: Spell::of(column),
            solid: solid.contains(&column.target),
        };
        let table = words::table(&entity.target);
        let (cells, merge): (Vec<_>, _) = match write {
            Write::Rows { blank_links } => {
                let blank = |c: &ColumnMap| *blank_links && entity.links.contains(&c.source);
                let cells = entity.columns.iter().map(|c| (!blank(c)).then(|| cell(c)));
                let cells: Vec<_> = cells.collect();
                let merge = match entity.mode {
                    Mode::Create | Mode::Replace | Mode::Append => Vec::new(),
                    Mode::Upsert => upsert(&table, &columns(&cells), &entity.conflict).into(),
                    Mode::Update => {
                        let [overwrite, _] = upsert(&table, &columns(&cells), &entity.conflict);
                        vec![overwrite]
                    }
                };
                (cells, merge)
            }
            Write::Links { key, columns: written } => {
                let cells: Vec<_> =
                    written.iter().map(|c| Some(Cell { solid: false, ..cell(c) })).collect();
                let merge = vec![fill(&table, &columns(&cells), *key)];
                (cells, merge)
            }
        };
        let names = columns(&cells);
        if !merge.is_empty() {
            make_waiting(link, &table, &names).await?;
        }
        let into = if merge.is_empty() { table.clone() } else { words::name(WAITING) };
        Ok(Self {
            load: (load && !names.is_empty()).then(|| load::statement(&into, &cells)),
            insert: format!("INSERT INTO {into} ({}) VALUES ", names.join(", ")),
            cells,
            table: entity.target.to_string(),
            merge,
            counted: 0,
        })
    }

    /// Writes a batch.
    pub(super) async fn write(&mut self, link: &mut Link, batch: &Batch) -> Result<(), Fault> {
        for (at, row) in batch.iter().enumerate() {
            self.refuse_null(row).map_err(|fault| fault.about_row(Some(at)))?;
        }
        self.counted += match self.load.clone() {
            Some(load) => match self.load(link, &load, batch).await? {
                Some(rows) => rows,
                None => {
                    self.load = None;
                    self.insert(link, batch).await?
                }
            },
            None => self.insert(link, batch).await?,
        };
        Ok(())
    }

    /// Closes the way, and counts the rows that were written, or found and filled.
    pub(super) async fn finish(self, link: &mut Link) -> Result<u64, Fault> {
        if self.merge.is_empty() {
            return Ok(self.counted);
        }
        let mut counted = 0;
        for statement in &self.merge {
            let merged = link.change(statement.as_bytes()).await;
            // Waiting rows are merged in an order of the server's own.
            counted += merged.map_err(|fault| fault.about_row(None))?;
        }
        link.run(&format!("DROP TEMPORARY TABLE {}", words::name(WAITING))).await?;
        Ok(counted)
    }

    fn refuse_null(&self, row: Row<'_>) -> Result<(), Fault> {
        for (cell, column) in row.cells().zip(&self.cells) {
            let Some(column) = column.as_ref().filter(|column| column.solid) else { continue };
            if cell.is_none() {
                return Err(faults::refused(&self.table, faults::NOT_NULL, &column.column));
            }
        }
        Ok(())
    }

    /// The refusal of a row that the server would end the session over.
    fn too_large(&self, most: usize) -> Fault {
        faults::too_large(&self.table).saying(format!(
            "a row is larger than the server's max_allowed_packet, of which {most} bytes are left for it"
        ))
    }
}

/// The names of the columns that are written, quoted.
fn columns(cells: &[Option<Cell>]) -> Vec<String> {
    cells.iter().flatten().map(|cell| words::name(&cell.column)).collect()
}

/// The columns of a table that forbid NULL.
async fn solid_columns(link: &mut Link, table: &TableName) -> Result<Vec<String>, Fault> {
    let name = words::literal(&table.name);
    let engine = format!(
        "SELECT engine FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name = {name}"
    );
    let engine = link.one(&engine).await?.unwrap_or_default();
    if !engine.is_empty() && !engine.eq_ignore_ascii_case("InnoDB") {
        return Err(no_transactions(table, &engine));
    }
    let select = format!(
        "SELECT column_name FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND table_name = {name} AND is_nullable = 'NO'"
    );
    let rows = link.query(&select).await?;
    Ok(rows.into_iter().flatten().flatten().collect())
}

/// The fault of a table that would keep a part of a chunk.
pub(super) fn no_transactions(table: &TableName, engine: &str) -> Fault {
    Fault::new(Code::Refused, table.to_string())
        .saying(format!("its engine {engine} knows no transactions"))
        .next("Change it with `ALTER TABLE … ENGINE = InnoDB`, or choose another target.")
}
