//! The way of rows into one entity: straight into the table, or by a temporary table and statements
//! that merge it.
//!
//! Rows go by LOAD DATA LOCAL, a batch at a time. That statement behaves as IGNORE does: it takes bad
//! values for warnings and skips rows whose key is there. So its own count is looked at after each,
//! and the first warning is a fault. In careful gear, and where the server takes no LOAD DATA, rows
//! go by INSERT, which refuses what it should.

use bytes::Bytes;
use futures_util::StreamExt as _;
use mysql_async::prelude::Queryable as _;
use protocol::batch::{Batch, Row};
use protocol::fault::{Code, Fault};
use protocol::mapping::Mode;
use protocol::plan::{ColumnMap, Entity};
use protocol::schema::TableName;

use super::connect::Link;
use super::spell::Spell;
use super::{faults, words};
use crate::Write;

/// Where rows wait for the statements that merge them.
const WAITING: &str = "longhaul_rows";

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
            load: (load && !names.is_empty()).then(|| load_statement(&into, &cells)),
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

    /// Loads a batch; none where the server does not take that.
    async fn load(&self, link: &mut Link, load: &str, batch: &Batch) -> Result<Option<u64>, Fault> {
        let rows = batch.rows() as u64;
        let most = link.met().packet_max.saturating_sub(PACKET_REST);
        if batch.iter().any(|row| row.framed().len() > most) {
            return Err(self.too_large(most));
        }
        let text = Bytes::from(self.fields(batch));
        let conn = link.work()?;
        let data = futures_util::stream::iter(pieces(text, most.min(STATEMENT_BYTES)).map(Ok));
        conn.set_infile_handler(async move { Ok(data.boxed()) });
        let done = conn.query_drop(load).await;
        if let Err(error) = &done
            && faults::is_local_off(error)
        {
            let _ = link.rest(done);
            return Ok(None);
        }
        link.rest(done)?;
        let (said, warnings) = link.last();
        if warnings == 0 && counts(&said) == Some([rows, 0, 0, 0]) {
            return Ok(Some(rows));
        }
        Err(self.first_warning(link).await?)
    }

    /// What LOAD DATA thought of the rows, as a refusal.
    async fn first_warning(&self, link: &mut Link) -> Result<Fault, Fault> {
        let warnings = link.query("SHOW WARNINGS").await?;
        let first = warnings.into_iter().find_map(|row| {
            let mut cells = row.into_iter().map(Option::unwrap_or_default).skip(1);
            Some((cells.next()?.parse().ok()?, cells.next()?))
        });
        let Some((number, message)) = first else {
            return Ok(Fault::new(Code::ValueRefused, &self.table)
                .saying("the server counted other rows than were sent"));
        };
        let fault = faults::of_number(&self.table, number, &message);
        if fault.code() == Code::ValueRefused {
            return Ok(fault);
        }
        // Whatever a value was warned of is a refusal of that value.
        let native = fault.named().cloned().unwrap_or_default();
        Ok(Fault::new(Code::ValueRefused, &self.table)
            .saying("a value does not fit its column")
            .native(native))
    }

    fn fields(&self, batch: &Batch) -> Vec<u8> {
        let mut text = Vec::with_capacity(batch.bytes() + batch.bytes() / 8);
        for row in batch.iter() {
            let cells =
                row.cells().zip(&self.cells).filter_map(|(cell, c)| Some((cell, c.as_ref()?)));
            for (at, (cell, column)) in cells.enumerate() {
                if at > 0 {
                    text.push(b'\t');
                }
                match cell {
                    Some(cell) => column.spell.push_field(&mut text, cell),
                    None => text.extend_from_slice(b"\\N"),
                }
            }
            text.push(b'\n');
        }
        text
    }

    /// Writes a batch by statements of many rows, each below what the server takes.
    async fn insert(&self, link: &mut Link, batch: &Batch) -> Result<u64, Fault> {
        let most = link.met().packet_max.saturating_sub(PACKET_REST);
        let full = STATEMENT_BYTES.min(most);
        let mut statement = self.insert.clone().into_bytes();
        let (mut counted, mut rows) = (0, 0);
        for (at, row) in batch.iter().enumerate() {
            let mut values = Vec::with_capacity(row.framed().len() * 2);
            self.push_values(&mut values, row);
            if self.insert.len() + values.len() > most {
                return Err(self.too_large(most).about_row(Some(at)));
            }
            if rows > 0 && statement.len() + values.len() > full {
                counted += self.change(link, &statement, at - rows).await?;
                statement.truncate(self.insert.len());
                rows = 0;
            }
            if rows > 0 {
                statement.push(b',');
            }
            statement.append(&mut values);
            rows += 1;
        }
        if rows > 0 {
            counted += self.change(link, &statement, batch.rows() - rows).await?;
        }
        Ok(counted)
    }

    /// Runs an INSERT of the batch's rows from `first` on. A fault names the row of the batch.
    async fn change(&self, link: &mut Link, insert: &[u8], first: usize) -> Result<u64, Fault> {
        let fault = match link.change(insert).await {
            Ok(rows) => return Ok(rows),
            Err(fault) => fault,
        };
        let mut row = fault.row();
        let refused = fault.code() == Code::ValueRefused;
        if refused && row.is_none() && link.met().server.counts_refused_rows() {
            link.run("GET DIAGNOSTICS CONDITION 1 @longhaul_row = ROW_NUMBER").await?;
            let counted = link.one("SELECT @longhaul_row").await?;
            row = counted.and_then(|row| row.parse::<usize>().ok()?.checked_sub(1));
        }
        Err(fault.about_row(row.map(|row| first + row)))
    }

    /// The refusal of a row that the server would end the session over.
    fn too_large(&self, most: usize) -> Fault {
        faults::too_large(&self.table).saying(format!(
            "a row is larger than the server's max_allowed_packet, of which {most} bytes are left for it"
        ))
    }

    fn push_values(&self, out: &mut Vec<u8>, row: Row<'_>) {
        out.push(b'(');
        let cells = row.cells().zip(&self.cells).filter_map(|(cell, c)| Some((cell, c.as_ref()?)));
        for (at, (cell, column)) in cells.enumerate() {
            if at > 0 {
                out.push(b',');
            }
            match cell {
                Some(cell) => column.spell.push_literal(out, cell),
                None => out.extend_from_slice(b"NULL"),
            }
        }
        out.push(b')');
    }
}

/// A text in pieces of at most so many bytes: each travels as a packet, and the server ends the session
/// over one that is larger than it takes.
fn pieces(text: Bytes, most: usize) -> impl Iterator<Item = Bytes> {
    let most = most.max(1);
    (0..text.len()).step_by(most).map(move |at| text.slice(at..text.len().min(at + most)))
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

/// An empty table of these columns, without keys and numbering, that only this session sees.
async fn make_waiting(link: &mut Link, table: &str, names: &[String]) -> Result<(), Fault> {
    let waiting = words::name(WAITING);
    link.run(&format!("DROP TEMPORARY TABLE IF EXISTS {waiting}")).await?;
    let names = names.join(", ");
    let create = format!(
        "CREATE TEMPORARY TABLE {waiting} ENGINE=InnoDB AS SELECT {names} FROM {table} WHERE FALSE"
    );
    link.run(&create).await
}

/// Rows that are there by their key are overwritten, and all others inserted: so a row that meets
/// another one by another key is refused, as it must be, and not written over that.
fn upsert(table: &str, names: &[String], conflict: &[String]) -> [String; 2] {
    let waiting = words::name(WAITING);
    let key: Vec<_> = conflict.iter().map(|c| words::name(c)).collect();
    let on: Vec<_> = key.iter().map(|c| format!("t.{c} = s.{c}")).collect();
    let on = on.join(" AND ");
    let others = names.iter().filter(|name| !key.contains(name));
    let mut set: Vec<_> = others.map(|c| format!("t.{c} = s.{c}")).collect();
    if set.is_empty() {
        set.extend(key.first().map(|c| format!("t.{c} = t.{c}")));
    }
    let selected: Vec<_> = names.iter().map(|c| format!("s.{c}")).collect();
    [
        format!("UPDATE {waiting} AS s STRAIGHT_JOIN {table} AS t ON {on} SET {}", set.join(", ")),
        format!(
            "INSERT INTO {table} ({}) SELECT {} FROM {waiting} AS s \
             WHERE NOT EXISTS (SELECT 1 FROM {table} AS t WHERE {on})",
            names.join(", "),
            selected.join(", ")
        ),
    ]
}

/// Fills the columns after the first `key` ones, in rows that are there.
fn fill(table: &str, names: &[String], key: usize) -> String {
    let (key, links) = names.split_at(key.min(names.len()));
    let each = |names: &[String], between: &str| {
        let each: Vec<_> = names.iter().map(|c| format!("t.{c} = s.{c}")).collect();
        each.join(between)
    };
    format!(
        "UPDATE {} AS s STRAIGHT_JOIN {table} AS t ON {} SET {}",
        words::name(WAITING),
        each(key, " AND "),
        each(links, ", ")
    )
}

/// `LOAD DATA LOCAL …`, with variables for what the server must not take for text.
fn load_statement(into: &str, cells: &[Option<Cell>]) -> String {
    let (mut fields, mut sets) = (Vec::new(), Vec::new());
    for (at, cell) in cells.iter().flatten().enumerate() {
        let name = words::name(&cell.column);
        let variable = format!("@lh{at}");
        match cell.spell.of_variable(&variable) {
            Some(value) => {
                sets.push(format!("{name} = {value}"));
                fields.push(variable);
            }
            None => fields.push(name),
        }
    }
    let set = if sets.is_empty() { String::new() } else { format!(" SET {}", sets.join(", ")) };
    format!(
        "LOAD DATA LOCAL INFILE 'longhaul' INTO TABLE {into} CHARACTER SET utf8mb4 \
         FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' \
         LINES TERMINATED BY '\\n' STARTING BY '' ({}){set}",
        fields.join(", ")
    )
}

/// `Records: 3  Deleted: 0  Skipped: 0  Warnings: 0`.
fn counts(said: &str) -> Option<[u64; 4]> {
    let mut numbers = said.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let mut next = || numbers.next()?.parse().ok();
    Some([next()?, next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| words::name(name)).collect()
    }

    #[test]
    fn an_upsert_names_its_key_and_never_swallows_a_row() {
        let statements = upsert("`t`", &quoted(&["id", "v"]), &["id".to_owned()]);
        assert_eq!(
            statements,
            [
                "UPDATE `longhaul_rows` AS s STRAIGHT_JOIN `t` AS t ON t.`id` = s.`id` \
                 SET t.`v` = s.`v`",
                "INSERT INTO `t` (`id`, `v`) SELECT s.`id`, s.`v` FROM `longhaul_rows` AS s \
                 WHERE NOT EXISTS (SELECT 1 FROM `t` AS t WHERE t.`id` = s.`id`)",
            ]
        );
        let only_key = upsert("`t`", &quoted(&["id"]), &["id".to_owned()]);
        assert!(only_key[0].ends_with("SET t.`id` = t.`id`"), "the row counts");
    }

    #[test]
    fn links_are_filled_by_key() {
        assert_eq!(
            fill("`t`", &quoted(&["a", "b", "c"]), 2),
            "UPDATE `longhaul_rows` AS s STRAIGHT_JOIN `t` AS t ON t.`a` = s.`a` \
             AND t.`b` = s.`b` SET t.`c` = s.`c`"
        );
    }

    #[test]
    fn a_text_travels_in_pieces_that_make_it_up() {
        let of = |text: &'static str| -> Vec<Bytes> { pieces(Bytes::from(text), 4).collect() };
        assert_eq!(of("abcdefgh"), ["abcd", "efgh"]);
        assert_eq!(of("abcde"), ["abcd", "e"]);
        assert!(of("").is_empty());
    }

    #[test]
    fn what_a_load_counted_is_read() {
        assert_eq!(counts("Records: 3  Deleted: 0  Skipped: 1  Warnings: 2"), Some([3, 0, 1, 2]));
        assert_eq!(counts(""), None);
    }
}
