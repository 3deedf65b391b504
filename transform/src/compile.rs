//! From a column map to a pipeline, and a batch through it.

use std::collections::BTreeMap;

use protocol::batch::{Batch, Digest, Misfit, Row};
use protocol::cell::Reason;
use protocol::plan::Entity;
use protocol::schema::Engine;

use crate::reject::{KeyPlaces, RejectedRow};
use crate::step::{Column, Compared};

/// What happens to the rows of one entity between source and target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    target: Engine,
    columns: Vec<Column>,
    compared: Compared,
    key: KeyPlaces,
    /// Whether any cell may come out other than it went in.
    rewrites: bool,
    /// Whether any cell is looked at.
    looks: bool,
}

/// What a batch came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transformed {
    /// The rows to write, in the order in which they came. Without misfits.
    pub rows: Batch,
    /// The digest of the rows as they were read, rejects included.
    pub read: Digest,
    /// The digest of `rows` as the target will give them back, over the columns that
    /// verification compares.
    pub written: Digest,
    /// The rows that were refused, in order.
    pub rejects: Vec<RejectedRow>,
    /// How many rows were left out because the migration said so.
    pub filtered: u64,
    /// How often a value policy was applied: target column → reason → times. Refusing a row is
    /// not among them; it is in `rejects`.
    pub policies: BTreeMap<String, BTreeMap<Reason, u64>>,
}

/// The pipeline for an entity's rows, read from one engine and written to another.
pub fn compile(entity: &Entity, from: Engine, to: Engine) -> Pipeline {
    let column = |map| Column::new(map, entity.lane, from, to);
    let columns: Vec<_> = entity.columns.iter().map(column).collect();
    Pipeline {
        target: to,
        compared: Compared::of(entity, to),
        key: KeyPlaces::of(entity, from),
        rewrites: columns.iter().any(Column::rewrites),
        looks: columns.iter().any(Column::looks),
        columns,
    }
}

impl Pipeline {
    /// Whether batches come out as the same memory that went in, when their reader noted no
    /// misfit.
    pub fn is_pass_through(&self) -> bool {
        !self.looks
    }

    /// Sends a batch through.
    ///
    /// The cells are those of the entity's columns, in their order, as its lane says.
    pub fn apply(&self, batch: Batch) -> Transformed {
        let misfits = first_misfits(&batch);
        if self.rewrites { self.rewrite(&batch, &misfits) } else { self.pass(batch, &misfits) }
    }

    /// The key of a row, before or after [`Pipeline::apply`], as rejects name it.
    pub fn key(&self, row: Row<'_>) -> String {
        self.key.name(row)
    }

    /// The digest of rows that came out of [`Pipeline::apply`]: their part of
    /// [`Transformed::written`].
    pub fn written_digest(&self, rows: &Batch) -> Digest {
        self.compared.digest(rows)
    }

    /// The digest of rows that were read back from the target, to be compared with the sum of
    /// [`Transformed::written`].
    ///
    /// The cells are those of the entity's columns, in their order, as its lane says. An engine
    /// that enforces no types may spell a value in another way than it was written; that is not a
    /// difference.
    pub fn read_back_digest(&self, batch: &Batch) -> Digest {
        self.compared.read_back(batch)
    }

    /// Rows come out as they are, or not at all.
    fn pass(&self, batch: Batch, misfits: &[Misfit]) -> Transformed {
        let rejects = self.refused(&batch, misfits);
        let mut read = Digest::default();
        read.add_batch(&batch);
        let rows = if rejects.is_empty() { batch } else { without(&batch, &rejects) };
        let written = if rejects.is_empty() && self.compared.all() {
            read
        } else {
            self.compared.digest(&rows)
        };
        Transformed { rows, read, written, rejects, filtered: 0, policies: BTreeMap::new() }
    }

    /// The rows that cannot pass as they are.
    fn refused(&self, batch: &Batch, misfits: &[Misfit]) -> Vec<RejectedRow> {
        if !self.looks {
            let rejected = |m: &Misfit| self.reject(batch.row(m.row), m.row, m.column, m.reason);
            return misfits.iter().map(rejected).collect();
        }
        let mut rejects = Vec::new();
        let mut noted = misfits.iter().peekable();
        for (index, row) in batch.iter().enumerate() {
            let refusal = match noted.next_if(|misfit| misfit.row == index) {
                Some(misfit) => Some((misfit.column, misfit.reason)),
                None => self.check(row),
            };
            if let Some((column, reason)) = refusal {
                rejects.push(self.reject(row, index, column, reason));
            }
        }
        rejects
    }

    /// The first cell that the target cannot hold, of a row that is not respelled.
    fn check(&self, row: Row<'_>) -> Option<(usize, Reason)> {
        let mut cells = self.columns.iter().zip(row.cells()).enumerate();
        cells.find_map(|(index, (column, cell))| {
            column.check(self.target, cell).err().map(|reason| (index, reason))
        })
    }

    /// Rows come out respelled.
    fn rewrite(&self, batch: &Batch, misfits: &[Misfit]) -> Transformed {
        // A little more, since some spellings grow: `1.5` → `1.50`.
        let mut rows = Batch::with_capacity(batch.bytes() + batch.bytes() / 8);
        let (mut read, mut written) = (Digest::default(), Digest::default());
        let mut rejects = Vec::new();
        let mut scratch = Batch::default();
        let mut noted = misfits.iter().peekable();
        for (index, row) in batch.iter().enumerate() {
            read.add(row);
            let refusal = match noted.next_if(|misfit| misfit.row == index) {
                Some(misfit) => Some((misfit.column, misfit.reason)),
                None => self.rewrite_row(row, &mut rows).err(),
            };
            match refusal {
                None => self.compared.add(&mut written, rows.row(rows.rows() - 1), &mut scratch),
                Some((column, reason)) => rejects.push(self.reject(row, index, column, reason)),
            }
        }
        Transformed { rows, read, written, rejects, filtered: 0, policies: BTreeMap::new() }
    }

    /// Appends one row, or nothing and the column that refused it.
    fn rewrite_row(&self, row: Row<'_>, rows: &mut Batch) -> Result<(), (usize, Reason)> {
        rows.begin_row(self.columns.len());
        for (index, (column, cell)) in self.columns.iter().zip(row.cells()).enumerate() {
            if let Err(reason) = column.push(self.target, cell, rows) {
                rows.abandon_row();
                return Err((index, reason));
            }
        }
        rows.end_row();
        Ok(())
    }

    fn reject(&self, row: Row<'_>, index: usize, column: usize, reason: Reason) -> RejectedRow {
        let column = self.columns[column].target.clone();
        RejectedRow { row: index, key: self.key.name(row), column, reason }
    }
}

/// What readers noted: the first misfit of each row, by row.
fn first_misfits(batch: &Batch) -> Vec<Misfit> {
    let mut misfits = batch.misfits().to_vec();
    misfits.sort_by_key(|misfit| (misfit.row, misfit.column));
    misfits.dedup_by_key(|misfit| misfit.row);
    misfits
}

/// The rows of a batch that were not refused.
fn without(batch: &Batch, rejects: &[RejectedRow]) -> Batch {
    let mut rows = Batch::with_capacity(batch.bytes());
    let mut refused = rejects.iter().map(|reject| reject.row).peekable();
    for (index, row) in batch.iter().enumerate() {
        if refused.next_if_eq(&index).is_none() {
            rows.push_framed(row.framed());
        }
    }
    rows
}
