//! What is done with the cells of one column.

use std::collections::BTreeMap;

use protocol::batch::Batch;
use protocol::cell::{self, Charsets, Reason, Room};
use protocol::mapping::Policy;
use protocol::plan::{ColumnMap, Entity, Lane};
use protocol::schema::{Engine, Logical};

/// One column's way through the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name in the target.
    pub(crate) target: String,
    /// What it means in the target.
    to: Logical,
    look: Look,
    /// What the target's column holds of what it means.
    room: Room,
    /// What stands in the place of what does not fit. The raw lane has none.
    policies: BTreeMap<Reason, Policy>,
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
    pub(crate) fn new(
        map: &ColumnMap,
        entity: &Entity,
        (from, to): (Engine, Engine),
        charsets: &Charsets,
    ) -> Self {
        let lane = entity.lane;
        let characters = charsets.of(to, &map.to, &map.native);
        let room = Room::of(to, &map.to, &map.native).with(characters);
        // A column that the plan makes for another of its engine has that one's own type. The sets of
        // two servers may differ under one name.
        let narrow = room.lacks_characters() || room.is_narrow() && !(entity.new && from == to);
        let look = if lane == Lane::Raw {
            // The engine's own bytes mean nothing to us.
            Look::Pass
        } else if !cell::is_identity(&map.from, &map.to, from) {
            Look::Fit
        } else if narrow || from != to && cell::asks_engine(to, &map.to) {
            Look::Ask
        } else {
            Look::Pass
        };
        let policies = match lane {
            Lane::Raw => BTreeMap::new(),
            Lane::Text => entity.policies.get(&map.target).cloned().unwrap_or_default(),
        };
        Self { target: map.target.clone(), to: map.to.clone(), look, room, policies }
    }

    /// Whether cells may come out other than they went in.
    pub(crate) fn rewrites(&self) -> bool {
        self.look == Look::Fit || (self.looks() && self.mends())
    }

    /// Whether something may stand in the place of what does not fit.
    pub(crate) fn mends(&self) -> bool {
        !self.policies.is_empty()
    }

    /// Whether cells are looked at, if only to refuse them.
    pub(crate) fn looks(&self) -> bool {
        self.look != Look::Pass
    }

    /// Whether the target can hold a cell that is not respelled.
    pub(crate) fn check(&self, cell: Option<&[u8]>) -> Result<(), Reason> {
        match (self.look, cell) {
            (Look::Pass | Look::Fit, _) | (Look::Ask, None) => Ok(()),
            (Look::Ask, Some(cell)) => self.room.holds(&self.to, cell),
        }
    }

    /// Appends the cell, as the target gives it back, to the row that was begun; or what stands in
    /// its place, and the reasons why. `misfit` is what its reader noted of it.
    pub(crate) fn put(
        &self,
        cell: Option<&[u8]>,
        misfit: Option<Reason>,
        rows: &mut Batch,
    ) -> Result<Vec<Reason>, Reason> {
        if !self.mends() {
            return misfit.map_or_else(|| self.push(cell, rows), Err).map(|()| Vec::new());
        }
        let mut fitted = Vec::new();
        let reason = match (misfit, cell) {
            (Some(reason), _) => reason,
            (None, None) => {
                rows.push_cell(None);
                return Ok(Vec::new());
            }
            (None, Some(bytes)) => match self.fitted(bytes, &mut fitted) {
                Ok(()) => {
                    rows.push_cell(Some(&fitted));
                    return Ok(Vec::new());
                }
                Err(reason) => reason,
            },
        };
        let (mended, reasons) = self.mended(reason, cell)?;
        rows.push_cell(mended.as_deref());
        Ok(reasons)
    }

    fn fitted(&self, cell: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
        match self.look {
            Look::Pass | Look::Ask => out.extend_from_slice(cell),
            Look::Fit => cell::fit(&self.to, cell, out)?,
        }
        if self.look == Look::Pass { Ok(()) } else { self.room.holds(&self.to, out) }
    }

    /// What stands in the place of a cell that does not fit, NULL included, and for which reasons.
    ///
    /// # Errors
    /// The reason for which its row is refused.
    fn mended(
        &self,
        reason: Reason,
        cell: Option<&[u8]>,
    ) -> Result<(Option<Vec<u8>>, Vec<Reason>), Reason> {
        match self.policies.get(&reason) {
            None | Some(Policy::Reject) => Err(reason),
            Some(Policy::Null) => Ok((None, vec![reason])),
            // The plan looked whether it fits.
            Some(Policy::Replace(value)) => {
                let mut fitted = Vec::new();
                cell::fit(&self.to, value.as_bytes(), &mut fitted).map_err(|_| reason)?;
                Ok((Some(fitted), vec![reason]))
            }
            Some(Policy::Clamp) => self.clamped(reason, cell.ok_or(reason)?),
        }
    }

    /// The nearest value, where all that keeps the cell from fitting may be mended so. Where something
    /// else was said of a reason that shows only then, that holds for the cell as it came.
    fn clamped(
        &self,
        reason: Reason,
        cell: &[u8],
    ) -> Result<(Option<Vec<u8>>, Vec<Reason>), Reason> {
        let clamps = |reason| self.policies.get(&reason) == Some(&Policy::Clamp);
        match cell::clamp(&self.room, &self.to, cell, clamps) {
            // Noted by its reader, and well in our eyes.
            Ok(near) if near.reasons.is_empty() => Ok((Some(near.cell), vec![reason])),
            Ok(near) => Ok((Some(near.cell), near.reasons)),
            Err(other) if clamps(other) => Err(other),
            Err(other) => self.mended(other, Some(cell)),
        }
    }

    /// Appends the cell, as the target gives it back, to the row that was begun.
    pub(crate) fn push(&self, cell: Option<&[u8]>, rows: &mut Batch) -> Result<(), Reason> {
        let (Look::Fit, Some(bytes)) = (self.look, cell) else {
            rows.push_cell(cell);
            return self.check(cell);
        };
        let mut fitted = Ok(());
        rows.push_cell_with(|out| {
            let at = out.len();
            fitted = cell::fit(&self.to, bytes, out)
                .and_then(|()| self.room.holds(&self.to, &out[at..]));
        });
        fitted
    }
}
