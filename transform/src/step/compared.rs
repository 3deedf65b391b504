//! The digest over the columns that verification compares.

use protocol::batch::{Batch, Digest, Row};
use protocol::cell;
use protocol::plan::{Entity, Lane};
use protocol::schema::{Engine, Logical};

/// Which columns are compared, and how what the target gives back is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compared {
    /// For each column: whether it is compared.
    columns: Vec<bool>,
    /// For each column: the type by which a cell that the target gave back is spelled once more.
    respelled: Vec<Option<Logical>>,
}

impl Compared {
    pub(crate) fn of(entity: &Entity, target: Engine) -> Self {
        let columns = entity.columns.iter().map(|column| column.compared).collect();
        let respelled = entity.columns.iter().map(|column| {
            // An engine that enforces no types gives back what it stored, `1.5` for `1.50`.
            let vouched =
                entity.lane == Lane::Raw || cell::is_identity(&column.to, &column.to, target);
            (!vouched).then(|| column.to.clone())
        });
        Self { columns, respelled: respelled.collect() }
    }

    /// Whether that is all of them.
    pub(crate) fn all(&self) -> bool {
        self.columns.iter().all(|compared| *compared)
    }

    /// Adds a row that is about to be written.
    pub(crate) fn add(&self, digest: &mut Digest, row: Row<'_>, scratch: &mut Batch) {
        if self.all() {
            digest.add(row);
            return;
        }
        self.begin(scratch);
        for (_, cell) in self.columns.iter().zip(row.cells()).filter(|(compared, _)| **compared) {
            scratch.push_cell(cell);
        }
        scratch.end_row();
        digest.add(scratch.row(0));
    }

    /// The digest of rows that are about to be written.
    pub(crate) fn digest(&self, rows: &Batch) -> Digest {
        let mut digest = Digest::default();
        let mut scratch = Batch::default();
        for row in rows.iter() {
            self.add(&mut digest, row, &mut scratch);
        }
        digest
    }

    /// The digest of rows that the target gave back.
    pub(crate) fn read_back(&self, rows: &Batch) -> Digest {
        if self.respelled.iter().all(Option::is_none) {
            return self.digest(rows);
        }
        let mut digest = Digest::default();
        let mut scratch = Batch::default();
        for row in rows.iter() {
            self.begin(&mut scratch);
            let columns = self.columns.iter().zip(&self.respelled).zip(row.cells());
            for ((_, to), cell) in columns.filter(|((compared, _), _)| **compared) {
                respell(to.as_ref(), cell, &mut scratch);
            }
            scratch.end_row();
            digest.add(scratch.row(0));
        }
        digest
    }

    fn begin(&self, scratch: &mut Batch) {
        scratch.clear();
        scratch.begin_row(self.columns.iter().filter(|compared| **compared).count());
    }
}

/// Appends a cell in canonical text; as it is, where it is not of the type at all, so that the
/// digests differ.
fn respell(to: Option<&Logical>, cell: Option<&[u8]>, scratch: &mut Batch) {
    let (Some(to), Some(bytes)) = (to, cell) else {
        scratch.push_cell(cell);
        return;
    };
    scratch.push_cell_with(|out| {
        if cell::fit(to, bytes, out).is_err() {
            out.extend_from_slice(bytes);
        }
    });
}
