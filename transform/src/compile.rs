//! From a column map to a pipeline, and a batch through it.

use protocol::batch::{Batch, Digest, Misfit, Row};
use protocol::cell::{Charsets, Reason};
use protocol::fault::{Code, Fault};
use protocol::plan::Entity;
use protocol::schema::Engine;

use crate::expression::Mistake;
use crate::reject::{KeyPlaces, RejectedRow};
use crate::shape::Shaper;
use crate::step::{Column, Compared};

/// What happens to the rows of one entity between source and target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// What comes before all else: rows left out or refused, and columns computed.
    shape: Option<Shaper>,
    columns: Vec<Column>,
    compared: Compared,
    key: KeyPlaces,
    /// Whether any cell may come out other than it went in.
    rewrites: bool,
    /// Whether any cell is looked at.
    looks: bool,
    /// Whether something may stand in the place of what does not fit.
    mends: bool,
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
    /// The cells in whose place a value policy put something else. Refused rows are not among
    /// them; they are in `rejects`.
    pub changed: Vec<Changed>,
}

/// A cell in whose place a value policy put something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// Its row in the batch that came out, from zero.
    pub row: usize,
    /// Its column, from zero; [`Pipeline::column`] knows the name.
    pub column: usize,
    /// Why the value did not fit.
    pub reason: Reason,
}

/// The pipeline for an entity's rows, read from one engine and written to another whose texts are in
/// these character sets.
///
/// # Errors
/// What is wrong with an expression of the entity, which the plan refuses.
pub fn compile(
    entity: &Entity,
    from: Engine,
    to: Engine,
    charsets: &Charsets,
) -> Result<Pipeline, Misshapen> {
    let shape = entity.shape.as_ref().map(|shape| Shaper::of(entity, shape)).transpose();
    let shape = shape.map_err(|(place, mistake)| Misshapen { place, mistake })?;
    let column = |map| Column::new(map, entity, (from, to), charsets);
    let columns: Vec<_> = entity.columns.iter().map(column).collect();
    Ok(Pipeline {
        shape,
        compared: Compared::of(entity, to),
        key: KeyPlaces::of(entity, from),
        rewrites: columns.iter().any(Column::rewrites),
        looks: columns.iter().any(Column::looks),
        mends: columns.iter().any(Column::mends),
        columns,
    })
}

/// An expression of an entity that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    /// Which: `when`, `check.NAME` or `compute.COLUMN`.
    pub place: String,
    /// What is wrong with it.
    pub mistake: Mistake,
}

impl Misshapen {
    /// The fault that stops whoever carries out the plan: another build drew it.
    pub fn fault(self, entity: &Entity) -> Fault {
        Fault::new(Code::ExpressionInvalid, format!("{}, {}", entity.source, self.place))
            .saying(self.mistake.to_string())
    }
}

impl Pipeline {
    /// Whether batches come out as the same memory that went in, when their reader noted no
    /// misfit.
    pub fn is_pass_through(&self) -> bool {
        !self.looks && self.shape.is_none()
    }

    /// Sends a batch through.
    ///
    /// The cells are those of [`Entity::reads`], in their order, as the entity's lane says.
    pub fn apply(&self, batch: Batch) -> Transformed {
        match &self.shape {
            None => self.apply_columns(batch),
            Some(shape) => self.reshape(shape, &batch),
        }
    }

    /// Sends a batch through what reshapes it, and the rows that are left through the rest. What is said of
    /// rows is said of those that came in.
    fn reshape(&self, shape: &Shaper, batch: &Batch) -> Transformed {
        let mut read = Digest::default();
        read.add_batch(batch);
        let shaped = shape.apply(batch);
        let mut out = self.apply_columns(shaped.rows);
        for reject in &mut out.rejects {
            reject.row = shaped.origins[reject.row];
        }
        out.rejects.extend(shaped.refused.into_iter().map(|(row, column, reason)| RejectedRow {
            row,
            key: self.key.name(batch.row(row)),
            column,
            reason,
        }));
        out.rejects.sort_by_key(|reject| reject.row);
        Transformed { read, filtered: shaped.filtered, ..out }
    }

    /// Sends a batch through what is done with each column.
    fn apply_columns(&self, batch: Batch) -> Transformed {
        let misfits = sorted_misfits(&batch);
        if self.rewrites || (self.mends && !misfits.is_empty()) {
            return self.rewrite(&batch, &misfits);
        }
        self.pass(batch, &misfits)
    }

    /// The target's name of a column, by its place among the cells.
    pub fn column(&self, index: usize) -> &str {
        &self.columns[index].target
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
        Transformed { rows, read, written, rejects, filtered: 0, changed: Vec::new() }
    }

    /// The rows that cannot pass as they are.
    fn refused(&self, batch: &Batch, misfits: &[Misfit]) -> Vec<RejectedRow> {
        if !self.looks {
            let firsts = misfits.chunk_by(|one, next| one.row == next.row).map(|row| &row[0]);
            let rejected = |m: &Misfit| self.reject(batch.row(m.row), m.row, m.column, m.reason);
            return firsts.map(rejected).collect();
        }
        let mut rejects = Vec::new();
        let mut left = misfits;
        for (index, row) in batch.iter().enumerate() {
            let refusal = match take_row(&mut left, index).first() {
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
            column.check(cell).err().map(|reason| (index, reason))
        })
    }

    /// Rows come out respelled.
    fn rewrite(&self, batch: &Batch, misfits: &[Misfit]) -> Transformed {
        // A little more, since some spellings grow: `1.5` → `1.50`.
        let mut rows = Batch::with_capacity(batch.bytes() + batch.bytes() / 8);
        let (mut read, mut written) = (Digest::default(), Digest::default());
        let mut rejects = Vec::new();
        let mut changed = Vec::new();
        let mut scratch = Batch::default();
        let mut left = misfits;
        for (index, row) in batch.iter().enumerate() {
            read.add(row);
            let noted = take_row(&mut left, index);
            match self.rewrite_row(row, noted, &mut rows, &mut changed) {
                Ok(()) => self.compared.add(&mut written, rows.row(rows.rows() - 1), &mut scratch),
                Err((column, reason)) => rejects.push(self.reject(row, index, column, reason)),
            }
        }
        Transformed { rows, read, written, rejects, filtered: 0, changed }
    }

    /// Appends one row and notes what was changed in it; or nothing, and the column that refused
    /// it. A row that its reader noted, and that no policy mends, is refused for that.
    fn rewrite_row(
        &self,
        row: Row<'_>,
        noted: &[Misfit],
        rows: &mut Batch,
        changed: &mut Vec<Changed>,
    ) -> Result<(), (usize, Reason)> {
        if let Some(misfit) = noted.iter().find(|misfit| !self.columns[misfit.column].mends()) {
            return Err((misfit.column, misfit.reason));
        }
        let before = changed.len();
        rows.begin_row(self.columns.len());
        for (index, (column, cell)) in self.columns.iter().zip(row.cells()).enumerate() {
            let misfit = noted.iter().find(|misfit| misfit.column == index).map(|m| m.reason);
            match column.put(cell, misfit, rows) {
                Ok(reasons) => {
                    let row = rows.rows();
                    let each = reasons.into_iter();
                    changed.extend(each.map(|reason| Changed { row, column: index, reason }));
                }
                Err(reason) => {
                    rows.abandon_row();
                    changed.truncate(before);
                    return Err((index, reason));
                }
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

/// What readers noted, by row and column.
fn sorted_misfits(batch: &Batch) -> Vec<Misfit> {
    let mut misfits = batch.misfits().to_vec();
    misfits.sort_by_key(|misfit| (misfit.row, misfit.column));
    misfits
}

/// Takes the misfits of a row off the front, where it has any.
fn take_row<'a>(misfits: &mut &'a [Misfit], row: usize) -> &'a [Misfit] {
    let mine = misfits.iter().take_while(|misfit| misfit.row == row).count();
    let (mine, rest) = misfits.split_at(mine);
    *misfits = rest;
    mine
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
