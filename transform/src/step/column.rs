//! What is done with the cells of one column.

use protocol::batch::Batch;
use protocol::cell::{self, Reason};
use protocol::plan::{ColumnMap, Lane};
use protocol::schema::{Engine, Logical};

/// One column's way through the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name in the target.
    pub(crate) target: String,
    /// What it means in the target.
    to: Logical,
    look: Look,
    /// Digits of a second that the target keeps, where it would round away what has more.
    seconds: Option<u8>,
}

/// How closely the cells are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Not at all: the source vouches for them.
    Pass,
    /// They are as the target's type spells them, but not every engine or column has them all.
    Ask,
    /// They are respelled, or refused.
    Fit,
}

impl Column {
    pub(crate) fn new(map: &ColumnMap, lane: Lane, from: Engine, to: Engine) -> Self {
        let seconds = cell::second_digits(to, &map.to, &map.native);
        let look = if lane == Lane::Raw {
            // The engine's own bytes mean nothing to us.
            Look::Pass
        } else if !cell::is_identity(&map.from, &map.to, from) {
            Look::Fit
        } else if seconds.is_some() || (from != to && cell::asks_engine(to, &map.to)) {
            Look::Ask
        } else {
            Look::Pass
        };
        Self { target: map.target.clone(), to: map.to.clone(), look, seconds }
    }

    /// Whether cells may come out other than they went in.
    pub(crate) fn rewrites(&self) -> bool {
        self.look == Look::Fit
    }

    /// Whether cells are looked at, if only to refuse them.
    pub(crate) fn looks(&self) -> bool {
        self.look != Look::Pass
    }

    /// Whether the target can hold a cell that is not respelled.
    pub(crate) fn check(&self, engine: Engine, cell: Option<&[u8]>) -> Result<(), Reason> {
        match (self.look, cell) {
            (Look::Pass | Look::Fit, _) | (Look::Ask, None) => Ok(()),
            (Look::Ask, Some(cell)) => self.holds(engine, cell),
        }
    }

    /// Whether the target can hold a cell that is spelled as its type spells it.
    fn holds(&self, engine: Engine, cell: &[u8]) -> Result<(), Reason> {
        self.seconds.map_or(Ok(()), |digits| cell::keeps_seconds(digits, cell))?;
        cell::holds(engine, &self.to, cell)
    }

    /// Appends the cell, as the target gives it back, to the row that was begun.
    pub(crate) fn push(
        &self,
        engine: Engine,
        cell: Option<&[u8]>,
        rows: &mut Batch,
    ) -> Result<(), Reason> {
        let (Look::Fit, Some(bytes)) = (self.look, cell) else {
            rows.push_cell(cell);
            return self.check(engine, cell);
        };
        let mut fitted = Ok(());
        rows.push_cell_with(|out| {
            let at = out.len();
            fitted = cell::fit(&self.to, bytes, out).and_then(|()| self.holds(engine, &out[at..]));
        });
        fitted
    }
}
