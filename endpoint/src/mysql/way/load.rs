//! Rows by LOAD DATA LOCAL.

use bytes::Bytes;
use futures_util::StreamExt as _;
use mysql_async::prelude::Queryable as _;
use protocol::batch::Batch;
use protocol::fault::{Code, Fault};

use super::{Cell, PACKET_REST, STATEMENT_BYTES, Way};
use crate::mysql::connect::Link;
use crate::mysql::{faults, words};

impl Way {
    /// Loads a batch; none where the server does not take that.
    pub(super) async fn load(
        &self,
        link: &mut Link,
        load: &str,
        batch: &Batch,
    ) -> Result<Option<u64>, Fault> {
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
}

/// A text in pieces of at most so many bytes: each travels as a packet, and the server ends the session
/// over one that is larger than it takes.
fn pieces(text: Bytes, most: usize) -> impl Iterator<Item = Bytes> {
    let most = most.max(1);
    (0..text.len()).step_by(most).map(move |at| text.slice(at..text.len().min(at + most)))
}

/// `LOAD DATA LOCAL …`, with variables for what the server must not take for text.
pub(super) fn statement(into: &str, cells: &[Option<Cell>]) -> String {
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
