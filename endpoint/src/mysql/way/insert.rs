//! Rows by INSERT: slower, and no value is taken for another.

use protocol::batch::{Batch, Row};
use protocol::fault::{Code, Fault};

use super::{PACKET_REST, STATEMENT_BYTES, Way};
use crate::mysql::connect::Link;

impl Way {
    /// Writes a batch by statements of many rows, each below what the server takes.
    pub(super) async fn insert(&self, link: &mut Link, batch: &Batch) -> Result<u64, Fault> {
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
