//! Rows on their way, and the digest that proves they arrived.
//!
//! A [`Batch`] is one byte arena. Each row in it is framed as PostgreSQL frames a tuple in
//! binary COPY (<https://www.postgresql.org/docs/current/sql-copy.html>, "Tuples"): a
//! big-endian `i16` field count, then for each field a big-endian `i32` length, −1 for NULL,
//! and that many bytes. So the raw lane can hand the arena to the server as it is, and the
//! text lane, whose cells are canonical text, needs no second format.
//!
//! # Promises
//! 1. Rows come out as they went in, in order, NULL and empty told apart.
//! 2. The [`Digest`] of rows does not depend on their order, on how they were cut into
//!    batches, or on the engine they passed through; and it notices a row that came twice.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// Some rows of one entity, all with the same number of cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    arena: Vec<u8>,
    /// Where each row ends in the arena.
    ends: Vec<usize>,
    misfits: Vec<Misfit>,
}

/// A cell that its reader could not render, noted so that the row is not passed on silently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Row within the batch, from zero.
    pub row: usize,
    /// Column within the row, from zero.
    pub column: usize,
    /// What is wrong, without the value.
    pub reason: crate::cell::Reason,
}

/// Most cells a row may have: the field count of the framing is an `i16`.
pub const COLUMNS_MAX: usize = i16::MAX as usize;

impl Batch {
    /// An empty batch with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { arena: Vec::with_capacity(bytes), ends: Vec::new(), misfits: Vec::new() }
    }

    /// Begins a row of exactly `columns` cells. Follow with that many [`Batch::push_cell`]
    /// and one [`Batch::end_row`].
    pub fn begin_row(&mut self, columns: usize) {
        let columns = i16::try_from(columns).expect("introspection refuses wider tables");
        self.arena.extend_from_slice(&columns.to_be_bytes());
    }

    /// Appends one cell to the row that was begun. `None` is NULL.
    pub fn push_cell(&mut self, cell: Option<&[u8]>) {
        match cell {
            None => self.arena.extend_from_slice(&(-1i32).to_be_bytes()),
            Some(bytes) => {
                let length = i32::try_from(bytes.len()).expect("a cell is below 2 GiB");
                self.arena.extend_from_slice(&length.to_be_bytes());
                self.arena.extend_from_slice(bytes);
            }
        }
    }

    /// Appends one cell that `write` renders straight into the arena.
    pub fn push_cell_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let at = self.arena.len();
        self.arena.extend_from_slice(&[0; 4]);
        write(&mut self.arena);
        let length = i32::try_from(self.arena.len() - at - 4).expect("a cell is below 2 GiB");
        self.arena[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Ends the row that was begun.
    pub fn end_row(&mut self) {
        self.ends.push(self.arena.len());
    }

    /// Forgets the row that was begun and not ended.
    pub fn abandon_row(&mut self) {
        self.arena.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Appends a whole row.
    pub fn push_row<'a>(&mut self, cells: impl ExactSizeIterator<Item = Option<&'a [u8]>>) {
        self.begin_row(cells.len());
        for cell in cells {
            self.push_cell(cell);
        }
        self.end_row();
    }

    /// Appends a row that is framed already, field count included.
    pub fn push_framed(&mut self, row: &[u8]) {
        self.arena.extend_from_slice(row);
        self.ends.push(self.arena.len());
    }

    /// Notes that a cell of the row now being built, or built last, cannot be rendered.
    pub fn note_misfit(&mut self, misfit: Misfit) {
        self.misfits.push(misfit);
    }

    /// What readers noted, by row.
    pub fn misfits(&self) -> &[Misfit] {
        &self.misfits
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// True when there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes in the arena.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// The arena: all rows in binary COPY framing, without header and trailer.
    pub fn framed(&self) -> &[u8] {
        &self.arena
    }

    /// Gives the arena away.
    pub fn into_framed(self) -> Vec<u8> {
        self.arena
    }

    /// One row.
    ///
    /// # Panics
    /// When `index` is not below [`Batch::rows`].
    pub fn row(&self, index: usize) -> Row<'_> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Row { framed: &self.arena[start..self.ends[index]] }
    }

    /// All rows, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.rows()).map(|index| self.row(index))
    }

    /// A batch of the rows `from..to` of this one; misfits are not taken along.
    #[must_use]
    pub fn slice(&self, from: usize, to: usize) -> Self {
        let mut part = Self::default();
        for index in from..to {
            part.push_framed(self.row(index).framed);
        }
        part
    }

    /// Drops all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.ends.clear();
        self.misfits.clear();
    }
}

/// One row of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    framed: &'a [u8],
}

impl<'a> Row<'a> {
    /// The row as framed, field count included.
    pub fn framed(self) -> &'a [u8] {
        self.framed
    }

    /// The cells, in order; `None` is NULL.
    pub fn cells(self) -> Cells<'a> {
        let columns = i16::from_be_bytes([self.framed[0], self.framed[1]]);
        Cells { rest: &self.framed[2..], left: usize::try_from(columns).unwrap_or(0) }
    }

    /// One cell.
    pub fn cell(self, index: usize) -> Option<&'a [u8]> {
        self.cells().nth(index).flatten()
    }
}

/// The cells of a row. See [`Row::cells`].
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Cells<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        match usize::try_from(i32::from_be_bytes(*length)) {
            Err(_) => {
                self.rest = rest;
                Some(None)
            }
            Ok(length) => {
                let (cell, rest) = rest.split_at_checked(length)?;
                self.rest = rest;
                Some(Some(cell))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Cells<'_> {}

/// The sum over rows of the xxh3-128 of each framed row, wrapping, with their count.
///
/// A sum, not an XOR: a row that is written twice changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    /// How many rows were added.
    pub rows: u64,
    /// The wrapping sum of their hashes.
    pub sum: u128,
}

impl Digest {
    /// Adds one row.
    pub fn add(&mut self, row: Row<'_>) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(hash(row));
    }

    /// Adds every row of a batch.
    pub fn add_batch(&mut self, batch: &Batch) {
        for row in batch.iter() {
            self.add(row);
        }
    }

    /// The digest of both parts together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, sum: self.sum.wrapping_add(other.sum) }
    }
}

/// The hash of one row: xxh3-128 over its framing.
pub fn hash(row: Row<'_>) -> u128 {
    xxh3_128(row.framed)
}

/// `rows:sum` with the sum in 32 hexadecimal digits.
impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{:032x}", self.rows, self.sum)
    }
}

impl std::str::FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (rows, sum) = text.split_once(':')?;
            Some(Self { rows: rows.parse().ok()?, sum: u128::from_str_radix(sum, 16).ok()? })
        };
        parse().ok_or_else(|| format!("`{text}` is not a digest (rows:hex)"))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(rows: &[&[Option<&str>]]) -> Batch {
        let mut batch = Batch::default();
        for row in rows {
            batch.push_row(row.iter().map(|cell| cell.map(str::as_bytes)));
        }
        batch
    }

    fn digest(batch: &Batch) -> Digest {
        let mut digest = Digest::default();
        digest.add_batch(batch);
        digest
    }

    #[test]
    fn null_and_empty_stay_apart() {
        let batch = batch(&[&[None, Some("")]]);
        assert_eq!(batch.row(0).cells().collect::<Vec<_>>(), [None, Some(&b""[..])]);
        assert_ne!(digest(&batch), digest(&super::tests::batch(&[&[Some(""), None]])));
    }

    #[test]
    fn the_digest_forgets_order_and_batches() {
        let one = batch(&[&[Some("a")], &[Some("b")]]);
        let other = digest(&batch(&[&[Some("b")]])).and(digest(&batch(&[&[Some("a")]])));
        assert_eq!(digest(&one), other);
    }

    #[test]
    fn the_digest_notices_a_row_that_came_twice_and_values_that_changed_places() {
        let once = digest(&batch(&[&[Some("a")]]));
        assert_ne!(digest(&batch(&[&[Some("a")], &[Some("a")], &[Some("a")]])).sum, once.sum);
        let straight = batch(&[&[Some("1"), Some("x")], &[Some("2"), Some("y")]]);
        let swapped = batch(&[&[Some("1"), Some("y")], &[Some("2"), Some("x")]]);
        assert_ne!(digest(&straight), digest(&swapped));
    }

    #[test]
    fn a_row_is_framed_as_binary_copy_frames_it() {
        let batch = batch(&[&[Some("ab"), None]]);
        assert_eq!(batch.framed(), b"\0\x02\0\0\0\x02ab\xff\xff\xff\xff");
    }

    #[test]
    fn a_digest_reads_what_it_printed() {
        let digest = digest(&batch(&[&[Some("x")]]));
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }

    #[test]
    fn an_abandoned_row_leaves_nothing_behind() {
        let mut batch = batch(&[&[Some("a")]]);
        let before = batch.clone();
        batch.begin_row(2);
        batch.push_cell(Some(b"half"));
        batch.abandon_row();
        assert_eq!(batch, before);
    }
}
