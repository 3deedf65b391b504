//! What stands beside tables, made again in the order in which it refers to one another: routines that
//! tables may call before them, all else once the rows are there.

use std::collections::{BTreeMap, BTreeSet};

use protocol::id::EntityId;
use protocol::object::{Need, Object, ObjectKind};
use protocol::plan::{Level, Note, Stage, StepKind, said};
use protocol::schema::{Sequence, Table, TableName, Unmoved};

use super::words::mentions;
use super::{Draft, Made};
use crate::Wanted;

/// What becomes of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is made.
    Made(When),
    /// The target has it.
    There,
    /// It stays behind, for this reason.
    Left(String),
}

/// When it is made: each is later than those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    /// Before any table, so that tables may call it.
    BeforeTables,
    /// Once the tables it refers to are there, before their rows.
    AfterTables,
    /// Once rows and keys are there.
    AfterRows,
}

/// The objects of the source, with what becomes of those that are asked for.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// By key. What was not asked for has no fate.
    fates: BTreeMap<String, Fate>,
    /// The steps that are over when an object is there, with all that it refers to.
    places: BTreeMap<String, Vec<usize>>,
}

impl Beside {
    /// Whether a routine of that name will be there before any table.
    pub(super) fn makes_early(&self, objects: &[Object], name: &TableName) -> bool {
        objects.iter().any(|one| {
            one.name == *name
                && one.kind == ObjectKind::Routine
                && matches!(self.fates.get(&one.key), Some(Fate::Made(When::BeforeTables)))
        })
    }
}

impl<'a> Draft<'a> {
    /// Decides what becomes of each object that is asked for, once the names of tables are taken.
    pub(super) fn decide(&mut self, tables: &[(EntityId, Table)]) {
        let asked = asked(self, tables);
        let wanted = self.wanted;
        let mut judge = Judge { draft: self, tables, asked: &asked, open: BTreeSet::new() };
        for object in &wanted.from.objects {
            judge.fate(object);
        }
        for object in &wanted.from.objects {
            if let Some(fate) = self.beside.fates.get(&object.key).cloned() {
                self.design.settled.insert(object.key.clone());
                self.say_fate(object, &fate);
            }
        }
    }

    fn say_fate(&mut self, object: &Object, fate: &Fate) {
        let (word, name) = (&object.word, &object.name);
        let (level, kind, text) = match fate {
            Fate::Made(_) => return,
            Fate::There => {
                let there = self.wanted.existing.objects.iter().find(|one| one.key == object.key);
                match there.is_some_and(|one| one.definition == object.definition) {
                    true => (
                        Level::Info,
                        "there",
                        format!("{word} {name} is there, and stays as it is"),
                    ),
                    false => (
                        Level::Warning,
                        "there",
                        format!("{word} {name} is there in another form, and stays as it is"),
                    ),
                }
            }
            Fate::Left(why) => {
                (Level::Left, word.as_str(), format!("{word} {name} stays behind: {why}"))
            }
        };
        self.design.notes.push(Note::new(level, None, said(kind, name, text)));
    }

    /// Designs the routines that tables may call; returns where those steps stand.
    pub(super) fn early_routines(&mut self, ground: &[usize]) -> Vec<usize> {
        let objects = self.made(When::BeforeTables);
        let mut places = Vec::new();
        for object in objects {
            let after = [ground, &self.places_of(object)].concat();
            let place = self.step(Stage::Prepare, None, make(object), &after);
            self.beside.places.insert(object.key.clone(), vec![place]);
            places.push(place);
        }
        places
    }

    /// Designs the routines that speak of tables.
    pub(super) fn late_routines(&mut self) {
        let tables: Vec<_> = (0..self.design.steps.len())
            .filter(|place| self.design.steps[*place].step.kind == StepKind::Table)
            .collect();
        for object in self.made(When::AfterTables) {
            let after = [&tables[..], &self.places_of(object)].concat();
            let place = self.step(Stage::Prepare, None, make(object), &after);
            self.beside.places.insert(object.key.clone(), vec![place]);
        }
    }

    /// Designs what comes once rows and keys are there.
    pub(super) fn after_rows(&mut self, tables: &[(EntityId, Table)]) {
        // Rights are given without a lock, so that two changes of one table would meet.
        let mut last: BTreeMap<&TableName, usize> = BTreeMap::new();
        let mut objects = self.made(When::AfterRows);
        // A stable sort: what waits for a table to be read back lets nothing wait behind it.
        objects.sort_by_key(|object| object.kind == ObjectKind::Policy);
        for object in objects {
            let mut after = self.places_of(object);
            after.extend(object.on.iter().filter_map(|on| last.get(on)));
            let mut entities = BTreeSet::new();
            for need in &object.needs {
                let Need::Table { name, .. } = need else { continue };
                after.extend(self.finished.get(&name.to_string()).into_iter().flatten());
                entities.extend(tables.iter().filter(|(_, t)| t.name == *name).map(|(id, _)| *id));
            }
            after.sort_unstable();
            after.dedup();
            let place = self.step(Stage::Finish, None, make(object), &after);
            // Who reads a table back must see all of it.
            if object.kind == ObjectKind::Policy {
                self.design.steps[place].verified = entities.into_iter().collect();
            }
            if let Some(on) = &object.on {
                last.insert(on, place);
            }
            let mut places = vec![place];
            if let Some(statement) = &object.filled_by {
                let what = format!("rows of {} {}", object.word, object.name);
                let made = Made::one(StepKind::Refresh, what, statement);
                places.push(self.step(Stage::Finish, None, made, &[&after[..], &[place]].concat()));
            }
            self.beside.places.insert(object.key.clone(), places);
        }
    }

    /// All that are made.
    pub(super) fn made_beside(&self) -> impl Iterator<Item = &Object> {
        let is_made =
            |one: &&Object| matches!(self.beside.fates.get(&one.key), Some(Fate::Made(_)));
        self.wanted.from.objects.iter().filter(is_made)
    }

    /// Those that are made then, each behind what it refers to.
    fn made(&self, when: When) -> Vec<&'a Object> {
        let wanted: &'a Wanted = self.wanted;
        let is_made = |one: &&Object| self.beside.fates.get(&one.key) == Some(&Fate::Made(when));
        let all: Vec<&'a Object> = wanted.from.objects.iter().filter(is_made).collect();
        let mut sorted = Sorted { all: all.clone(), done: BTreeSet::new(), order: Vec::new() };
        for object in all {
            sorted.visit(object);
        }
        sorted.order
    }

    /// The steps behind which it comes: those of all that it refers to.
    fn places_of(&self, object: &Object) -> Vec<usize> {
        let needed = object.needs.iter().filter_map(|need| match need {
            Need::Object(key) => self.beside.places.get(key),
            Need::Table { .. }
            | Need::Type(_)
            | Need::Sequence(_)
            | Need::Collation(_)
            | Need::Extension(_)
            | Need::Role(_)
            | Need::Other(_) => None,
        });
        needed.flatten().copied().collect()
    }
}

/// Objects in an order in which each stands behind what it refers to.
struct Sorted<'a> {
    all: Vec<&'a Object>,
    done: BTreeSet<&'a str>,
    order: Vec<&'a Object>,
}

impl<'a> Sorted<'a> {
    fn visit(&mut self, object: &'a Object) {
        if !self.done.insert(&object.key) {
            return;
        }
        for need in &object.needs {
            let Need::Object(key) = need else { continue };
            if let Some(other) = self.all.iter().copied().find(|one| one.key == *key) {
                self.visit(other);
            }
        }
        self.order.push(object);
    }
}

/// The keys of all that is asked for: everything of the kinds that are included, or what is a part of a
/// wanted table or called by it; and what those refer to.
fn asked(draft: &Draft<'_>, tables: &[(EntityId, Table)]) -> BTreeSet<String> {
    let (from, beside) = (&draft.wanted.from, &draft.wanted.beside);
    let included = |one: &Object| beside.include.contains(&one.kind.include());
    let called: BTreeSet<_> = tables.iter().flat_map(|(_, table)| calls(table)).collect();
    let root = |one: &&Object| {
        let part = || one.on.iter().any(|on| tables.iter().any(|(_, table)| table.name == *on));
        let is_called = || one.kind == ObjectKind::Routine && called.contains(&one.name);
        included(one) && (beside.everything || part() || is_called())
    };
    let mut open: Vec<_> = from.objects.iter().filter(root).collect();
    let mut asked = BTreeSet::new();
    while let Some(object) = open.pop() {
        if !asked.insert(object.key.clone()) {
            continue;
        }
        let needed = |one: &&Object| {
            let named = |need: &Need| matches!(need, Need::Object(key) if *key == one.key);
            included(one) && object.needs.iter().any(named)
        };
        open.extend(from.objects.iter().filter(needed));
    }
    asked
}

/// What the table's own expressions call.
fn calls(table: &Table) -> Vec<TableName> {
    let defaults = table.columns.iter().filter_map(|column| column.default.as_deref());
    let generated = table.columns.iter().filter_map(|c| c.generated.as_ref());
    let checks = table.checks.iter().map(|check| check.expression.as_str());
    let indexes = table.indexes.iter().filter_map(|index| index.tail.as_deref());
    let texts = defaults.chain(generated.map(|g| g.expression.as_str())).chain(checks);
    texts.chain(indexes).flat_map(|text| mentions(text).calls).collect()
}

/// Decides for one object after the other, and before each for what it refers to.
struct Judge<'a, 'b> {
    draft: &'a mut Draft<'b>,
    tables: &'a [(EntityId, Table)],
    asked: &'a BTreeSet<String>,
    /// Those that are being decided.
    open: BTreeSet<String>,
}

impl Judge<'_, '_> {
    /// What becomes of it; none where it was not asked for.
    fn fate(&mut self, object: &Object) -> Option<Fate> {
        if !self.asked.contains(&object.key) {
            return None;
        }
        if let Some(fate) = self.draft.beside.fates.get(&object.key) {
            return Some(fate.clone());
        }
        if !self.open.insert(object.key.clone()) {
            return Some(Fate::Left("it refers to itself by way of others".into()));
        }
        let fate = self.decided(object).unwrap_or_else(Fate::Left);
        self.open.remove(&object.key);
        self.draft.beside.fates.insert(object.key.clone(), fate.clone());
        Some(fate)
    }

    fn decided(&mut self, object: &Object) -> Result<Fate, String> {
        let existing = &self.draft.wanted.existing;
        if existing.objects.iter().any(|one| one.key == object.key) {
            return Ok(Fate::There);
        }
        let is_there = |on: &&TableName| {
            let view = |one: &Object| one.kind == ObjectKind::View && one.name == **on;
            existing.table(on).is_some() || existing.objects.iter().any(view)
        };
        if let Some(on) = object.on.as_ref().filter(is_there) {
            return Err(format!("{on} is there already, and keeps what it has"));
        }
        let mut when = match object.kind {
            ObjectKind::Routine => When::BeforeTables,
            ObjectKind::View
            | ObjectKind::Trigger
            | ObjectKind::Rule
            | ObjectKind::Policy
            | ObjectKind::Grant => When::AfterRows,
        };
        for need in &object.needs {
            when = when.max(self.earliest(need)?);
        }
        if object.kind == ObjectKind::View && !self.draft.names.take(&object.name) {
            return Err("the target has something else of that name".into());
        }
        Ok(Fate::Made(when))
    }

    /// From when on that is there, or why it will not be.
    fn earliest(&mut self, need: &Need) -> Result<When, String> {
        let existing = &self.draft.wanted.existing;
        match need {
            Need::Object(key) => self.earliest_object(key),
            Need::Table { name, column } => {
                self.has_table(name, column.as_deref()).map(|()| When::AfterTables)
            }
            Need::Type(name) if !self.draft.has_type(name) => {
                Err(format!("it refers to type {name}, which the target lacks"))
            }
            Need::Sequence(name) if !self.has_sequence(name) => {
                Err(format!("it refers to sequence {name}, which is not moved"))
            }
            Need::Extension(name) => {
                let seen = |one: &Unmoved| one.kind == "extension" && one.name.name == *name;
                let there = existing.extensions.iter().any(|one| one.name == *name);
                match there || existing.unmoved.iter().any(seen) {
                    true => Ok(When::BeforeTables),
                    false => Err(format!("the target lacks the extension {name}")),
                }
            }
            Need::Role(name) if !existing.roles.contains(name) => {
                Err(format!("the target's server has no role {name}"))
            }
            Need::Other(what) => Err(format!("it refers to {what}, which is not moved")),
            Need::Type(_) | Need::Sequence(_) | Need::Collation(_) | Need::Role(_) => {
                Ok(When::BeforeTables)
            }
        }
    }

    fn earliest_object(&mut self, key: &str) -> Result<When, String> {
        let wanted = self.draft.wanted;
        if wanted.existing.objects.iter().any(|one| one.key == key) {
            return Ok(When::BeforeTables);
        }
        let left = || format!("it refers to {key}, which stays behind");
        let object = wanted.from.objects.iter().find(|one| one.key == key).ok_or_else(left)?;
        match self.fate(object).ok_or_else(left)? {
            Fate::Made(when) => Ok(when),
            Fate::There => Ok(When::BeforeTables),
            Fate::Left(_) => Err(left()),
        }
    }

    /// Whether a sequence will be there: those of columns come with them, the others with the schemas
    /// that tables move into.
    fn has_sequence(&self, name: &TableName) -> bool {
        let (from, existing) = (&self.draft.wanted.from, &self.draft.wanted.existing);
        let named = |all: &[Sequence]| all.iter().any(|one| one.name == *name);
        let moved = || self.tables.iter().any(|(_, table)| table.name.schema == name.schema);
        named(&existing.sequences) || !named(&from.sequences) || moved()
    }

    /// Whether a table, or a partition, will be there under its own name, with that column.
    fn has_table(&self, name: &TableName, column: Option<&str>) -> Result<(), String> {
        let new = self.tables.iter().map(|(_, table)| table);
        let existing = &self.draft.wanted.existing.tables;
        let mut all = new.chain(existing);
        let is_meant = |table: &&Table| {
            let mut partitions = table.partitioning.iter().flat_map(|p| &p.partitions);
            table.name == *name || partitions.any(|partition| partition.name == *name)
        };
        let Some(table) = all.find(is_meant) else {
            return Err(format!("it refers to {name}, which will not be there under this name"));
        };
        match column.filter(|column| table.column(column).is_none()) {
            Some(column) => Err(format!(
                "it refers to {name}.{column}, which will not be there under this name"
            )),
            None => Ok(()),
        }
    }
}

fn make(object: &Object) -> Made {
    let kind = match object.kind {
        ObjectKind::Routine => StepKind::Routine,
        ObjectKind::View => StepKind::View,
        ObjectKind::Trigger => StepKind::Trigger,
        ObjectKind::Rule => StepKind::Rule,
        ObjectKind::Policy => StepKind::Policy,
        ObjectKind::Grant => StepKind::Grant,
    };
    Made::new(kind, format!("{} {}", object.word, object.name), object.definition.clone())
}
