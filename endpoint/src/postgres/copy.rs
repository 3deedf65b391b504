//! Rows on their way into the server: `COPY … FROM STDIN`.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::SinkExt as _;
use protocol::batch::Batch;
use protocol::fault::Fault;
use protocol::plan::{ColumnMap, Lane};
use protocol::schema::Logical;
use tokio_postgres::{CopyInSink, Statement};

use super::connect::Link;
use super::read::{HEADER, TRAILER};
use crate::sql::quote;

/// What one message to the server holds at most. Larger ones only make the driver's buffer grow.
const MESSAGE_BYTES: usize = 512 << 10;

/// Parts in which a large cell is put into messages.
const PART_BYTES: usize = 128 << 10;

/// The COPY that was begun last, as the server understood it: in careful gear the next is the same.
pub(super) type Understood = Option<(String, Statement)>;

/// A COPY that takes rows. Dropping it makes the server give the statement up, after which a
/// savepoint can be rolled back to.
pub(super) struct CopyIn {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    lane: Lane,
    /// What the server calls the table when it says which line was refused.
    table: String,
    /// What becomes of each cell of a row.
    cells: Vec<Cell>,
    /// The names of the columns that are written.
    columns: Vec<String>,
    header_sent: bool,
}

/// What becomes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// It is left out: the column stays NULL.
    Blank,
    Text,
    Bytes,
}

impl CopyIn {
    /// Begins the statement, into `table` (quoted already, and `called` so by the server). Cells for
    /// which `blank` holds come with the rows and are left out. The statements in `ahead` go to the
    /// server before.
    pub(super) async fn begin(
        link: &Link,
        mut ahead: &str,
        understood: &mut Understood,
        (table, called): (&str, &str),
        columns: &[ColumnMap],
        blank: impl Fn(&ColumnMap) -> bool,
        lane: Lane,
    ) -> Result<Self, Fault> {
        let cell = |column: &ColumnMap| match (blank(column), &column.to) {
            (true, _) => Cell::Blank,
            (false, Logical::Binary) => Cell::Bytes,
            (false, _) => Cell::Text,
        };
        let cells: Vec<_> = columns.iter().map(cell).collect();
        let kept = columns.iter().zip(&cells).filter(|(_, cell)| **cell != Cell::Blank);
        let kept: Vec<_> = kept.map(|(column, _)| column.target.clone()).collect();
        let names = quote::names(kept.iter().map(String::as_str));
        // An empty list is not allowed, and a table without columns needs none.
        let list = if names.is_empty() { String::new() } else { format!(" ({names})") };
        let format = match lane {
            Lane::Raw => "binary",
            Lane::Text => "text",
        };
        let copy = format!("COPY {table}{list} FROM STDIN (FORMAT {format})");
        let statement = match understood {
            Some((sql, statement)) if *sql == copy => statement,
            other => {
                link.batch(ahead).await?;
                ahead = "";
                let statement = link.client.prepare(&copy).await;
                &other.insert((copy, statement.map_err(|error| link.fault(&error))?)).1
            }
        };
        // Sent one behind the other, without waiting in between.
        let sent = link.batch(ahead);
        let (sent, sink) = futures_util::future::join(sent, link.client.copy_in(statement)).await;
        sent?;
        let sink = sink.map_err(|error| link.fault(&error))?;
        let (table, sink) = (called.to_owned(), Box::pin(sink));
        Ok(Self { sink, lane, table, cells, columns: kept, header_sent: false })
    }

    /// Sends a batch, in messages of bounded size: what is sent of a large row is not held a second time.
    pub(super) async fn write(&mut self, link: &Link, batch: Batch) -> Result<(), Fault> {
        if self.lane == Lane::Raw && !self.header_sent {
            self.send(link, Bytes::from_static(&HEADER)).await?;
            self.header_sent = true;
        }
        if self.lane == Lane::Raw && !self.cells.contains(&Cell::Blank) {
            let mut message = Bytes::from(batch.into_framed());
            while !message.is_empty() {
                let part = message.split_to(message.len().min(MESSAGE_BYTES));
                self.send(link, part).await?;
            }
            return Ok(());
        }
        let room = (batch.bytes() + batch.bytes() / 8).min(MESSAGE_BYTES + MESSAGE_BYTES / 8);
        let mut out = Vec::with_capacity(room);
        let cells = std::mem::take(&mut self.cells);
        for row in batch.iter() {
            self.begin_row(&cells, &mut out);
            let kept = row.cells().zip(&cells).filter(|(_, what)| **what != Cell::Blank);
            for (at, (cell, what)) in kept.enumerate() {
                self.begin_cell(at, cell, *what, &mut out);
                for part in cell.unwrap_or_default().chunks(PART_BYTES) {
                    self.push(part, *what, &mut out);
                    if out.len() >= MESSAGE_BYTES {
                        let full = std::mem::replace(&mut out, Vec::with_capacity(room));
                        self.send(link, Bytes::from(full)).await?;
                    }
                }
            }
            if self.lane == Lane::Text {
                out.push(b'\n');
            }
        }
        self.cells = cells;
        if out.is_empty() { Ok(()) } else { self.send(link, Bytes::from(out)).await }
    }

    /// Ends the statement, and says how many rows the server took.
    pub(super) async fn finish(mut self, link: &Link) -> Result<u64, Fault> {
        if self.lane == Lane::Raw {
            if !self.header_sent {
                self.send(link, Bytes::from_static(&HEADER)).await?;
            }
            self.send(link, Bytes::from_static(&TRAILER)).await?;
        }
        let finished = self.sink.as_mut().finish().await;
        finished.map_err(|error| self.fault(link, &error))
    }

    async fn send(&mut self, link: &Link, message: Bytes) -> Result<(), Fault> {
        let Err(error) = self.sink.as_mut().feed(message).await else { return Ok(()) };
        // The driver only knows that nobody takes more; why, the server has said meanwhile.
        let told = self.sink.as_mut().finish().await.err().unwrap_or(error);
        Err(self.fault(link, &told))
    }

    /// The fault of an error, with the row and the column that the server's context names: of that
    /// text only a number and a name that we know are kept.
    fn fault(&self, link: &Link, error: &tokio_postgres::Error) -> Fault {
        let fault = link.fault(error);
        let context = error.as_db_error().and_then(|said| said.where_());
        let Some((line, column)) = context.and_then(|text| at(text, &self.table, &self.columns))
        else {
            return fault;
        };
        let mut native = fault.named().cloned().unwrap_or_default();
        native.column = native.column.or(column);
        fault.about_row(line.checked_sub(1)).native(native)
    }

    fn begin_row(&self, cells: &[Cell], out: &mut Vec<u8>) {
        if self.lane == Lane::Raw {
            let kept = cells.iter().filter(|cell| **cell != Cell::Blank).count();
            let kept = i16::try_from(kept).expect("introspection refuses wider tables");
            out.extend_from_slice(&kept.to_be_bytes());
        }
    }

    /// What stands before the bytes of a cell, and in the place of one that is NULL.
    fn begin_cell(&self, at: usize, cell: Option<&[u8]>, what: Cell, out: &mut Vec<u8>) {
        match (self.lane, cell) {
            (Lane::Raw, Some(bytes)) => {
                let length = i32::try_from(bytes.len()).expect("a cell is below 2 GiB");
                out.extend_from_slice(&length.to_be_bytes());
            }
            (Lane::Raw, None) => out.extend_from_slice(&(-1i32).to_be_bytes()),
            (Lane::Text, _) => {
                if at > 0 {
                    out.push(b'\t');
                }
                match (cell, what) {
                    (None, _) => out.extend_from_slice(br"\N"),
                    (Some(_), Cell::Bytes) => out.extend_from_slice(br"\\x"),
                    (Some(_), Cell::Text | Cell::Blank) => {}
                }
            }
        }
    }

    /// A part of a cell.
    fn push(&self, part: &[u8], what: Cell, out: &mut Vec<u8>) {
        match (self.lane, what) {
            (Lane::Raw, _) => out.extend_from_slice(part),
            (Lane::Text, Cell::Bytes) => hex(part, out),
            (Lane::Text, Cell::Text | Cell::Blank) => escape(part, out),
        }
    }
}

/// Which line the server speaks of, from 1, and which of these columns:
/// `COPY people, line 7, column age: "…"`, in whatever language. A text that only looks so names a
/// wrong row at worst, and rows are refused alone before they count as bad.
fn at(context: &str, table: &str, columns: &[String]) -> Option<(usize, Option<String>)> {
    let said = context.lines().find_map(|line| line.split_once(&format!("COPY {table}, ")))?.1;
    let digits = said.find(|c: char| c.is_ascii_digit())?;
    let (_, said) = said.split_at(digits);
    let end = said.find(|c: char| !c.is_ascii_digit()).unwrap_or(said.len());
    let (line, said) = said.split_at(end);
    let named = |name: &&String| {
        let after = said.strip_prefix(", ").and_then(|said| said.split_once(' '));
        let after = after.and_then(|(_, name_first)| name_first.strip_prefix(name.as_str()));
        after.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    Some((line.parse().ok()?, columns.iter().find(named).cloned()))
}

/// Escapes what COPY's text format gives a meaning.
fn escape(mut bytes: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(*byte, b'\\' | b'\n' | b'\r' | b'\t');
    while let Some(at) = bytes.iter().position(special) {
        out.extend_from_slice(&bytes[..at]);
        out.push(b'\\');
        out.push(match bytes[at] {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            other => other,
        });
        bytes = &bytes[at + 1..];
    }
    out.extend_from_slice(bytes);
}

/// Two digits per byte.
fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 0xf)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_says_which_line_and_which_column_it_means() {
        let columns = ["age".to_owned(), "we ird: x".to_owned()];
        for (context, expected) in [
            ("COPY people, line 7, column age: \"seven\"", Some((7, Some("age")))),
            ("COPY people, line 2", Some((2, None))),
            ("COPY people, line 2: \"1\tCOPY people, line 9\"", Some((2, None))),
            ("COPY people, line 12, column we ird: x: null input", Some((12, Some("we ird: x")))),
            ("COPY people, Zeile 3, Spalte age", Some((3, Some("age")))),
            ("COPY people, line 3, column secret: \"x\"", Some((3, None))),
            ("PL/pgSQL function f() line 5 at RAISE\nCOPY people, line 4", Some((4, None))),
            ("COPY others, line 4", None),
            ("SQL statement \"SELECT 1\"", None),
        ] {
            let found = at(context, "people", &columns);
            let expected = expected.map(|(line, name)| (line, name.map(str::to_owned)));
            assert_eq!(found, expected, "{context}");
        }
    }

    #[test]
    fn what_the_format_gives_a_meaning_is_escaped() {
        let mut out = Vec::new();
        escape(b"a\\N\tb\r\n\\.", &mut out);
        assert_eq!(out, br"a\\N\tb\r\n\\.");
        out.clear();
        hex(&[0, 0xab], &mut out);
        assert_eq!(out, b"00ab");
    }
}
