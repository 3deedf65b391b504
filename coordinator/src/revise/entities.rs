//! What a changed file says of a table.

use protocol::id::EntityId;
use protocol::mapping::Mode;
use protocol::plan::{Entity, Lane, Range, Stage, Step, StepKind, Work};

use super::Merging;

impl Merging<'_> {
    /// Table by table.
    pub(super) fn entities(&mut self) {
        for old in &self.stored.entities {
            match self.drawn_as(old.id).cloned() {
                Some(new) if self.begun(old.id) => self.under_way(old, &new),
                Some(new) => self.not_begun(old, &new),
                None => self.left_out(old),
            }
        }
    }

    /// Rows of it were copied: only what becomes of the other rows can change.
    fn under_way(&mut self, old: &Entity, new: &Entity) {
        let table = &old.target;
        for what in shape(old, new) {
            self.refused.push(format!("{table}: {what}: rows of it were copied already"));
        }
        self.policies(old, new);
    }

    fn policies(&mut self, old: &Entity, new: &Entity) {
        let table = &old.target;
        if old.policies != new.policies {
            if old.lane == Lane::Raw {
                let why = "its rows are copied as the bytes they are, where no policy applies";
                self.refused.push(format!("{table}: policies: {why}"));
            } else {
                self.taken.push(format!("{table}: policies"));
                self.entity(old.id).policies.clone_from(&new.policies);
            }
        }
        if old.rejects_max != new.rejects_max {
            self.taken.push(format!("{table}: rejects"));
            self.entity(old.id).rejects_max = new.rejects_max;
        }
    }

    /// No row of it was copied. What its table is made like cannot change once it is made.
    fn not_begun(&mut self, old: &Entity, new: &Entity) {
        let table = &old.target;
        let differs = shape(old, new);
        if differs.is_empty() {
            return self.unread(old, new);
        }
        let made = old.new && self.table_made(old.id);
        if made && (old.columns != new.columns || old.key != new.key) {
            let why = "its table is made already";
            self.refused.push(format!("{table}: {}: {why}", differs.join(", ")));
            return self.policies(old, new);
        }
        let changed = differs.into_iter().map(|what| format!("{table}: {what}"));
        self.taken.extend(changed.collect::<Vec<_>>());
        *self.entity(old.id) = Entity {
            id: old.id,
            new: old.new,
            target: old.target.clone(),
            rows_estimate: old.rows_estimate,
            bytes_estimate: old.bytes_estimate,
            ..new.clone()
        };
    }

    /// Read and written as it was to be, but for what becomes of values: no row says otherwise yet.
    fn unread(&mut self, old: &Entity, new: &Entity) {
        if old.lane == new.lane {
            return self.policies(old, new);
        }
        self.taken.push(format!("{}: policies", old.target));
        let entity = self.entity(old.id);
        entity.lane = new.lane;
        entity.policies.clone_from(&new.policies);
        entity.rejects_max = new.rejects_max;
    }

    fn table_made(&self, id: EntityId) -> bool {
        let mut made_by = super::makers(self.stored, id);
        made_by.any(|chunk| self.done.contains(&chunk))
    }

    /// The file no longer means it.
    fn left_out(&mut self, old: &Entity) {
        let table = &old.target;
        if self.begun(old.id) {
            self.refused.push(format!("{table}: left out: rows of it were copied already"));
            return;
        }
        let stays = if self.table_made(old.id) { "; its empty table stays" } else { "" };
        self.taken.push(format!("{table}: left out{stays}"));
        let open: Vec<_> = self
            .stored
            .chunks
            .iter()
            .filter(|chunk| chunk.entity == Some(old.id) && !self.done.contains(&chunk.id))
            .filter(|chunk| !self.table_made(old.id) || chunk.stage != Stage::Verify)
            .map(|chunk| (chunk.id, self.stored.what(chunk)))
            .collect();
        for (id, what) in open {
            self.replace(id, nothing(&what));
        }
    }

    /// The ranges of tables that are read otherwise: with `top` there is one range, and no other.
    pub(super) fn rows(&mut self) {
        for old in &self.stored.entities {
            let top = |entity: &Entity| entity.top.is_some();
            let Some(new) = self.drawn_as(old.id) else { continue };
            if self.begun(old.id) || !top(new) || top(old) {
                continue;
            }
            for stage in [Stage::Copy, Stage::Finish] {
                let ranges = self.stored.chunks_of(old.id, stage);
                let ranges: Vec<_> = ranges
                    .filter(|chunk| matches!(chunk.work, Work::Copy(_) | Work::Link(_)))
                    .map(|chunk| (chunk.id, chunk.work.clone(), self.stored.what(chunk)))
                    .collect();
                for (at, (id, work, what)) in ranges.into_iter().enumerate() {
                    let work = match (at, work) {
                        (0, Work::Copy(_)) => Work::Copy(Range::default()),
                        (0, Work::Link(_)) => Work::Link(Range::default()),
                        (_, _) => nothing(&what),
                    };
                    self.replace(id, work);
                }
            }
        }
    }

    fn entity(&mut self, id: EntityId) -> &mut Entity {
        &mut self.plan.entities[id.index()]
    }
}

/// Work that is no more to be done.
pub(super) fn nothing(what: &str) -> Work {
    Work::Step(Step {
        kind: StepKind::Statistics,
        what: format!("{what}, left out"),
        statements: Vec::new(),
        destructive: false,
        orphans: None,
        parts: Vec::new(),
    })
}

/// What of how rows are read and written differs, in the words of the file.
fn shape(old: &Entity, new: &Entity) -> Vec<&'static str> {
    // A new table may be written to in any mode that creates.
    let mode = |entity: &Entity| if entity.new { Mode::Create } else { entity.mode };
    // How rows travel follows from policies, which are compared by themselves.
    let differ = [
        ("columns", old.columns != new.columns || old.key != new.key || old.shape != new.shape),
        ("where", old.filter != new.filter),
        ("top", old.top != new.top),
        ("mode", mode(old) != mode(new)),
        ("conflict", old.conflict != new.conflict),
        ("triggers", old.silent != new.silent),
        ("links", old.links != new.links),
    ];
    differ.into_iter().filter(|(_, differ)| *differ).map(|(name, _)| name).collect()
}
