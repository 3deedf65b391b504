//! Steps of small tables, done several at a time.
//!
//! A step is a chunk: claimed, committed and told of by itself, which takes longer than to make an
//! empty table. So tables are made many in one chunk, and what is made of a small table when its rows
//! are there is one chunk. Each keeps its name, and a statement that fails is known by it. Foreign keys
//! stay alone: one that the rows forbid is no reason to lack the others.

use std::collections::BTreeSet;

use endpoint::DesignedStep;
use protocol::id::EntityId;
use protocol::plan::{Part, Stage, StepKind};

/// Tables that are made in one chunk.
const TABLES_MAX: usize = 50;

/// Parts of a step that its name names.
const NAMED_MAX: usize = 2;

/// Which steps may be done in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// The making of tables, whosever.
    Tables,
    /// What is made of one table when its rows are there.
    Of(EntityId),
}

/// Puts neighbours that may be done in one together. `small` tells of an entity whether its rows are
/// few. `alike` says that the rows come from the same engine, which had the same keys, indexes and checks
/// over them: another engine's rows may forbid one of these, and then no other is to be missing with it. Only neighbours: what a step waits for stands before it, and so no circle comes of it.
pub(super) fn batch(
    steps: Vec<DesignedStep>,
    small: &dyn Fn(EntityId) -> bool,
    alike: bool,
) -> Vec<DesignedStep> {
    if steps.iter().enumerate().any(|(at, step)| step.after.iter().any(|other| *other >= at)) {
        return steps;
    }
    let mut batched: Vec<DesignedStep> = Vec::new();
    let mut open = None;
    // Where each of the steps went.
    let mut places: Vec<usize> = Vec::with_capacity(steps.len());
    for mut step in steps {
        let class = class(&step, small, alike);
        let joins = class.is_some() && class == open && batched.last().is_some_and(has_room);
        let place = batched.len() - usize::from(joins);
        let after: BTreeSet<usize> = step.after.iter().map(|other| places[*other]).collect();
        step.after = after.into_iter().filter(|other| *other != place).collect();
        match batched.last_mut().filter(|_| joins) {
            Some(last) => join(last, step),
            None => batched.push(step),
        }
        open = class;
        places.push(place);
    }
    batched
}

fn class(designed: &DesignedStep, small: &dyn Fn(EntityId) -> bool, alike: bool) -> Option<Class> {
    let step = &designed.step;
    let alone = step.destructive || step.orphans.is_some() || !designed.verified.is_empty();
    if alone || step.statements.is_empty() {
        return None;
    }
    let harmless =
        matches!(step.kind, StepKind::Identity | StepKind::Statistics | StepKind::Comment);
    let forbidden_by_rows = matches!(step.kind, StepKind::Key | StepKind::Index | StepKind::Check);
    let of_rows = harmless || alike && forbidden_by_rows;
    match designed.stage {
        Stage::Prepare => (step.kind == StepKind::Table).then_some(Class::Tables),
        Stage::Finish if of_rows => designed.entity.filter(|id| small(*id)).map(Class::Of),
        Stage::Copy | Stage::Finish | Stage::Verify => None,
    }
}

fn has_room(designed: &DesignedStep) -> bool {
    designed.step.parts.len() < TABLES_MAX
}

fn join(into: &mut DesignedStep, other: DesignedStep) {
    if into.entity != other.entity {
        into.entity = None;
    }
    let after: BTreeSet<usize> = into.after.drain(..).chain(other.after).collect();
    into.after = after.into_iter().collect();
    let step = &mut into.step;
    if step.parts.is_empty() {
        let statements = step.statements.len();
        step.parts.push(Part { kind: step.kind, what: step.what.clone(), statements });
    }
    let (kind, what) = (other.step.kind, other.step.what);
    step.parts.push(Part { kind, what, statements: other.step.statements.len() });
    step.statements.extend(other.step.statements);
    step.what = name(&step.parts);
}

/// `table a, table b and 48 more`.
fn name(parts: &[Part]) -> String {
    let named: Vec<_> = parts.iter().take(NAMED_MAX).map(|part| part.what.as_str()).collect();
    match parts.len().saturating_sub(NAMED_MAX) {
        0 => named.join(" and "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use protocol::plan::Step;

    use super::*;

    fn step(stage: Stage, kind: StepKind, entity: u32, after: &[usize]) -> DesignedStep {
        let step = Step {
            kind,
            what: format!("{} of {entity}", kind.as_str()),
            statements: vec![format!("make {}", kind.as_str()), "comment".into()],
            destructive: false,
            orphans: None,
            parts: Vec::new(),
        };
        let (entity, after) = (Some(EntityId(entity)), after.to_vec());
        DesignedStep { step, stage, entity, after, verified: Vec::new() }
    }

    #[test]
    fn steps_of_small_tables_are_one_and_keep_their_names_and_order() {
        let (prepare, finish) = (Stage::Prepare, Stage::Finish);
        let steps = vec![
            step(prepare, StepKind::Type, 9, &[]),
            step(prepare, StepKind::Table, 0, &[0]),
            step(prepare, StepKind::Table, 1, &[]),
            step(finish, StepKind::Key, 0, &[]),
            step(finish, StepKind::Index, 0, &[3]),
            step(finish, StepKind::Key, 1, &[]),
            step(finish, StepKind::Index, 1, &[5]),
            step(finish, StepKind::ForeignKey, 0, &[4, 5]),
            step(finish, StepKind::ForeignKey, 0, &[7]),
        ];
        // The second table is large.
        let batched = batch(steps, &|entity| entity.0 == 0, true);
        let seen: Vec<_> =
            batched.iter().map(|s| (s.step.what.as_str(), s.entity, s.after.clone())).collect();
        let of = |entity| Some(EntityId(entity));
        assert_eq!(
            seen,
            [
                ("type of 9", of(9), vec![]),
                ("table of 0 and table of 1", None, vec![0]),
                ("key of 0 and index of 0", of(0), vec![]),
                ("key of 1", of(1), vec![]),
                ("index of 1", of(1), vec![3]),
                ("foreign key of 0", of(0), vec![2, 3]),
                ("foreign key of 0", of(0), vec![5]),
            ]
        );
        assert_eq!(batched[2].step.part(1), (StepKind::Key, "key of 0"));
        assert_eq!(batched[2].step.part(2), (StepKind::Index, "index of 0"));
        assert_eq!(batched[5].step.part(1), (StepKind::ForeignKey, "foreign key of 0"));
    }

    #[test]
    fn what_rows_of_another_engine_may_forbid_stays_alone() {
        let finish = Stage::Finish;
        let kinds = [StepKind::Key, StepKind::Index, StepKind::Identity, StepKind::Statistics];
        let steps = kinds.into_iter().map(|kind| step(finish, kind, 0, &[])).collect();
        let names: Vec<_> =
            batch(steps, &|_| true, false).into_iter().map(|s| s.step.what).collect();
        assert_eq!(names, ["key of 0", "index of 0", "numbering of 0 and statistics of 0"]);
    }

    #[test]
    fn no_more_tables_are_made_in_one_than_there_is_room_for() {
        let tables = (0..120).map(|at| step(Stage::Prepare, StepKind::Table, at, &[])).collect();
        let sizes: Vec<_> =
            batch(tables, &|_| true, true).iter().map(|one| one.step.parts.len()).collect();
        assert_eq!(sizes, [50, 50, 20]);
    }
}
