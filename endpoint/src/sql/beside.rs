//! What stands beside tables of engines that need no order among routines and tables: views, routines
//! and triggers in the words of the source, made when all else is done.

use std::collections::BTreeSet;

use protocol::object::{Need, Object, ObjectKind};
use protocol::plan::{Level, Note, Stage, Step, StepKind, said};
use protocol::schema::{Table, TableName};

use crate::{DesignedStep, Wanted};

/// What becomes of the objects that are asked for.
#[derive(Debug, Default)]
pub(crate) struct Chosen<'a> {
    /// Those that are made, each behind what it refers to.
    pub(crate) made: Vec<&'a Object>,
    /// Why others are not.
    pub(crate) notes: Vec<Note>,
    /// Keys of all of them.
    pub(crate) settled: BTreeSet<String>,
}

/// Decides which objects are made.
pub(crate) fn chosen(wanted: &Wanted) -> Chosen<'_> {
    let mut chosen = Chosen::default();
    let mut open: Vec<_> = wanted.from.objects.iter().filter(|one| is_asked(wanted, one)).collect();
    chosen.settled = open.iter().map(|one| one.key.clone()).collect();
    // What refers to nothing that is still to come is next; what remains refers to what is not moved.
    while let Some(at) = open.iter().position(|one| missing(wanted, &chosen.made, one).is_none()) {
        let object = open.remove(at);
        if wanted.existing.objects.iter().any(|there| there.key == object.key) {
            let text = format!("{} {} is there, and stays as it is", object.word, object.name);
            chosen.notes.push(Note::new(Level::Info, None, said("there", &object.name, text)));
        } else {
            chosen.made.push(object);
        }
    }
    for object in open {
        let why = missing(wanted, &chosen.made, object).unwrap_or_default();
        let text = format!("{} {} stays behind: {why}", object.word, object.name);
        chosen.notes.push(Note::new(Level::Left, None, said(&object.word, &object.name, text)));
    }
    chosen
}

fn is_asked(wanted: &Wanted, object: &Object) -> bool {
    let beside = &wanted.beside;
    let part = |on: &TableName| wanted.tables.iter().any(|(_, table)| table.name == *on);
    let included = beside.include.contains(&object.kind.include());
    included && (beside.everything || object.on.as_ref().is_some_and(part))
}

/// What it refers to and will not be there, in a sentence; none where all is.
fn missing(wanted: &Wanted, made: &[&Object], object: &Object) -> Option<String> {
    let tables = || {
        let new = wanted.tables.iter().map(|(_, table)| table);
        new.chain(&wanted.existing.tables)
    };
    let has_object = |key: &String| {
        made.iter().any(|one| one.key == *key)
            || wanted.existing.objects.iter().any(|one| one.key == *key)
    };
    let kept = object.on.as_ref().filter(|on| wanted.existing.table(on).is_some());
    if let Some(on) = kept {
        return Some(format!("{on} is there already, and keeps what it has"));
    }
    object.needs.iter().find_map(|need| match need {
        Need::Object(key) if !has_object(key) => {
            Some(format!("it refers to {key}, which is not moved"))
        }
        Need::Table { name, .. } if !tables().any(|table: &Table| table.name == *name) => {
            Some(format!("it refers to {name}, which will not be there under this name"))
        }
        Need::Other(what) => Some(format!("it refers to {what}, which is not moved")),
        Need::Object(_)
        | Need::Table { .. }
        | Need::Type(_)
        | Need::Sequence(_)
        | Need::Collation(_)
        | Need::Extension(_)
        | Need::Role(_) => None,
    })
}

/// Adds the steps that make them, each behind the one before it, and the first behind all that finish
/// tables.
pub(crate) fn add(objects: &[&Object], steps: &mut Vec<DesignedStep>) {
    let finishing = |place: &usize| steps[*place].stage == Stage::Finish;
    let mut after: Vec<_> = (0..steps.len()).filter(finishing).collect();
    for object in objects {
        let (step, stage) = (step(object), Stage::Finish);
        steps.push(DesignedStep { step, stage, entity: None, after, verified: Vec::new() });
        after = vec![steps.len() - 1];
    }
}

/// The step that makes one.
fn step(object: &Object) -> Step {
    let kind = match object.kind {
        ObjectKind::Routine => StepKind::Routine,
        ObjectKind::View => StepKind::View,
        ObjectKind::Trigger => StepKind::Trigger,
        ObjectKind::Rule => StepKind::Rule,
        ObjectKind::Policy => StepKind::Policy,
        ObjectKind::Grant => StepKind::Grant,
    };
    Step {
        kind,
        what: format!("{} {}", object.word, object.name),
        statements: object.definition.clone(),
        destructive: false,
        orphans: None,
        parts: Vec::new(),
    }
}
