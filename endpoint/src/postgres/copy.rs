//! Rows on their way into the server: `COPY … FROM STDIN`.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::SinkExt as _;
use protocol::batch::{Batch, Row};
use protocol::fault::Fault;
use protocol::plan::{ColumnMap, Lane};
use protocol::schema::Logical;
use tokio_postgres::CopyInSink;

use super::connect::Link;
use super::read::{HEADER, TRAILER};
use crate::sql::quote;

/// What one message to the server holds at most. Larger ones only make the driver's buffer grow.
const MESSAGE_BYTES: usize = 512 << 10;

/// A COPY that takes rows. Dropping it makes the server give the statement up, after which a
/// savepoint can be rolled back to.
pub(super) struct CopyIn {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    lane: Lane,
    /// What becomes of each cell of a row.
    cells: Vec<Cell>,
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
    /// Begins the statement, into `table` (quoted already). Cells for which `blank` holds come
    /// with the rows and are left out.
    pub(super) async fn begin(
        link: &Link,
        table: &str,
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
        let names = quote::names(kept.map(|(column, _)| column.target.as_str()));
        // An empty list is not allowed, and a table without columns needs none.
        let list = if names.is_empty() { String::new() } else { format!(" ({names})") };
        let format = match lane {
            Lane::Raw => "binary",
            Lane::Text => "text",
        };
        let copy = format!("COPY {table}{list} FROM STDIN (FORMAT {format})");
        let sink = link.client.copy_in(&copy).await.map_err(|error| link.fault(&error))?;
        Ok(Self { sink: Box::pin(sink), lane, cells, header_sent: false })
    }

    /// Sends a batch.
    pub(super) async fn write(&mut self, link: &Link, batch: Batch) -> Result<(), Fault> {
        let whole = self.cells.iter().all(|cell| *cell != Cell::Blank);
        let mut message = match self.lane {
            Lane::Raw if whole => Bytes::from(batch.into_framed()),
            Lane::Raw => Bytes::from(self.reframe(&batch)),
            Lane::Text => Bytes::from(self.lines(&batch)),
        };
        if self.lane == Lane::Raw && !self.header_sent {
            self.send(link, Bytes::from_static(&HEADER)).await?;
            self.header_sent = true;
        }
        while !message.is_empty() {
            let part = message.split_to(message.len().min(MESSAGE_BYTES));
            self.send(link, part).await?;
        }
        Ok(())
    }

    /// Ends the statement, and says how many rows the server took.
    pub(super) async fn finish(mut self, link: &Link) -> Result<u64, Fault> {
        if self.lane == Lane::Raw {
            if !self.header_sent {
                self.send(link, Bytes::from_static(&HEADER)).await?;
            }
            self.send(link, Bytes::from_static(&TRAILER)).await?;
        }
        self.sink.as_mut().finish().await.map_err(|error| link.fault(&error))
    }

    async fn send(&mut self, link: &Link, message: Bytes) -> Result<(), Fault> {
        let Err(error) = self.sink.as_mut().feed(message).await else { return Ok(()) };
        // The driver only knows that nobody takes more; why, the server has said meanwhile.
        let told = self.sink.as_mut().finish().await.err().unwrap_or(error);
        Err(link.fault(&told))
    }

    /// The rows in binary framing, without what is left out.
    fn reframe(&self, batch: &Batch) -> Vec<u8> {
        let kept = self.cells.iter().filter(|cell| **cell != Cell::Blank).count();
        let mut out = Batch::with_capacity(batch.bytes());
        for row in batch.iter() {
            out.begin_row(kept);
            for (cell, what) in row.cells().zip(&self.cells) {
                if *what != Cell::Blank {
                    out.push_cell(cell);
                }
            }
            out.end_row();
        }
        out.into_framed()
    }

    /// The rows as lines of COPY's text format.
    fn lines(&self, batch: &Batch) -> Vec<u8> {
        let mut out = Vec::with_capacity(batch.bytes() + batch.bytes() / 8);
        for row in batch.iter() {
            self.line(row, &mut out);
        }
        out
    }

    fn line(&self, row: Row<'_>, out: &mut Vec<u8>) {
        let mut first = true;
        for (cell, what) in row.cells().zip(&self.cells) {
            if *what == Cell::Blank {
                continue;
            }
            if !first {
                out.push(b'\t');
            }
            first = false;
            match (cell, what) {
                (None, _) => out.extend_from_slice(br"\N"),
                (Some(bytes), Cell::Bytes) => hex(bytes, out),
                (Some(bytes), Cell::Text | Cell::Blank) => escape(bytes, out),
            }
        }
        out.push(b'\n');
    }
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

/// `\\x` and two digits per byte.
fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2 + 3);
    out.extend_from_slice(br"\\x");
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 0xf)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_format_gives_a_meaning_is_escaped() {
        let mut out = Vec::new();
        escape(b"a\\N\tb\r\n\\.", &mut out);
        assert_eq!(out, br"a\\N\tb\r\n\\.");
        out.clear();
        hex(&[0, 0xab], &mut out);
        assert_eq!(out, br"\\x00ab");
    }
}
