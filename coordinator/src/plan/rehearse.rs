//! A plan accepts only what will work: its statements are tried on empty tables first, and what the
//! target refuses is left behind by name, or refuses the plan.
//!
//! A table that is refused is looked at more closely: mostly it is one default, check or computed column
//! of it that the target does not take, and without that the table stands.

use std::collections::BTreeSet;

use endpoint::{Design, DesignedStep, Flaw, Rehearsal, Target, Wanted};
use protocol::fault::{Code, Fault, Native};
use protocol::plan::{Level, Note, Stage, StepKind, said};
use protocol::schema::Table;

/// How often a design is made anew without what was refused.
const ROUNDS_MAX: usize = 4;

/// A design that the target takes, as far as it could be tried.
pub(super) struct Rehearsed {
    pub(super) design: Design,
    pub(super) wanted: Wanted,
    /// What stays behind since the target refuses it, and how it was rehearsed.
    pub(super) notes: Vec<Note>,
    /// What cannot be made without.
    refused: Vec<(String, Flaw)>,
}

/// Designs the tables and tries what was designed.
///
/// # Errors
/// What the design refuses, of all tables at once; and what hinders the rehearsal.
pub(super) async fn rehearse(target: &dyn Target, wanted: Wanted) -> Result<Rehearsed, Fault> {
    let (mut wanted, mut notes) = (wanted, Vec::new());
    let mut design = designed(target, &wanted)?;
    for round in 1.. {
        let Rehearsal { flaws, notes: said } = target.rehearse(&design.steps).await?;
        let (fatal, light): (Vec<_>, Vec<_>) =
            flaws.into_iter().partition(|flaw| is_fatal(&design.steps[flaw.step]));
        let mut relieved = false;
        let mut refused = Vec::new();
        for flaw in fatal {
            let place =
                place(&design, &wanted, &flaw).filter(|_| round < ROUNDS_MAX && !flaw.right);
            let without = match place {
                Some(place) => relieve(target, &wanted, place, &flaw).await?,
                None => None,
            };
            match (place, without) {
                (Some(place), Some((table, left))) => {
                    wanted.tables[place].1 = table;
                    notes.extend(left);
                    relieved = true;
                }
                _ => refused.push((design.steps[flaw.step].step.what.clone(), flaw)),
            }
        }
        if relieved && refused.is_empty() {
            design = designed(target, &wanted)?;
            continue;
        }
        notes.extend(said);
        notes.extend(leave(&mut design, &wanted, light));
        return Ok(Rehearsed { design, wanted, notes, refused });
    }
    unreachable!("the last round relieves nothing")
}

impl Rehearsed {
    /// Refuses the plan where something is refused that it cannot do without.
    ///
    /// # Errors
    /// `DesignRefused`, or `RightsMissing` where only a right is missing, with all that was found.
    pub(super) fn refuse(&self) -> Result<(), Fault> {
        let Some((first, flaw)) = self.refused.first() else { return Ok(()) };
        let only_rights = self.refused.iter().all(|(_, flaw)| flaw.right);
        let code = if only_rights { Code::RightsMissing } else { Code::DesignRefused };
        let said: Vec<_> = self
            .refused
            .iter()
            .map(|(what, flaw)| format!("{what}: {} (`{}`)", words(flaw), flaw.statement))
            .collect();
        let native = Native { code: flaw.code.clone(), ..Native::default() };
        Err(Fault::new(code, first).saying(said.join("; ")).native(native))
    }
}

/// The design; what it refuses, of all tables at once.
fn designed(target: &dyn Target, wanted: &Wanted) -> Result<Design, Fault> {
    let fault = match target.design(wanted) {
        Ok(design) => return Ok(design),
        Err(fault) => fault,
    };
    let alone = |(id, table): &(_, Table)| {
        let tables = vec![(*id, table.clone())];
        target.design(&Wanted { tables, ..wanted.clone() }).err()
    };
    let mut others: Vec<String> = wanted
        .tables
        .iter()
        .filter_map(alone)
        .filter(|other| other.place() != fault.place())
        .map(|other| other.to_string())
        .collect();
    others.dedup();
    if others.is_empty() {
        return Err(fault);
    }
    let first = fault.said().unwrap_or_default().to_owned();
    Err(fault.saying(format!("{first}; and {}", others.join("; "))))
}

/// Whether a plan cannot do without the step.
fn is_fatal(step: &DesignedStep) -> bool {
    matches!(
        step.step.kind,
        StepKind::Schema | StepKind::Type | StepKind::Sequence | StepKind::Table
    )
}

/// Which of the wanted tables a refused step makes.
fn place(design: &Design, wanted: &Wanted, flaw: &Flaw) -> Option<usize> {
    let step = &design.steps[flaw.step];
    let entity = step.entity.filter(|_| step.step.kind == StepKind::Table)?;
    wanted.tables.iter().position(|(id, _)| *id == entity)
}

fn words(flaw: &Flaw) -> String {
    format!("the target says: {} [{}]", flaw.said.trim_end_matches('.'), flaw.code)
}

/// By which word notes about such steps are grouped.
fn word(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Key => "key",
        StepKind::Index => "index",
        StepKind::Check => "check",
        StepKind::ForeignKey => "foreign key",
        StepKind::Identity => "numbering",
        StepKind::Comment => "comment",
        StepKind::Routine => "routine",
        StepKind::View | StepKind::Refresh => "view",
        StepKind::Trigger => "trigger",
        StepKind::Rule => "rule",
        StepKind::Policy => "policy",
        StepKind::Grant => "grant",
        StepKind::Schema
        | StepKind::Type
        | StepKind::Sequence
        | StepKind::Table
        | StepKind::Empty
        | StepKind::Statistics => "refused by the target",
    }
}

/// Takes the steps out that the target refuses, and says so.
fn leave(design: &mut Design, wanted: &Wanted, flaws: Vec<Flaw>) -> Vec<Note> {
    let name = |step: &DesignedStep| {
        let table = wanted.tables.iter().find(|(id, _)| Some(*id) == step.entity);
        table.map(|(_, table)| table.name.to_string())
    };
    let note = |flaw: &Flaw| {
        let step = &design.steps[flaw.step];
        let text = format!("{} stays behind: {}", step.step.what, words(flaw));
        Note::new(Level::Left, name(step), said(word(step.step.kind), &step.step.what, text))
    };
    let notes = flaws.iter().map(note).collect();
    let out: BTreeSet<_> = flaws.iter().map(|flaw| flaw.step).collect();
    remove(&mut design.steps, &out);
    notes
}

/// Removes steps. Those that waited for one of them wait for what it waited for.
fn remove(steps: &mut Vec<DesignedStep>, out: &BTreeSet<usize>) {
    if out.is_empty() {
        return;
    }
    let mut places = Vec::with_capacity(steps.len());
    let mut next = 0;
    for at in 0..steps.len() {
        places.push(next);
        next += usize::from(!out.contains(&at));
    }
    let waits: Vec<Vec<usize>> = steps.iter().map(|step| step.after.clone()).collect();
    for step in steps.iter_mut() {
        let (mut after, mut open) = (BTreeSet::new(), step.after.clone());
        while let Some(one) = open.pop() {
            match out.contains(&one) {
                true => open.extend(&waits[one]),
                false => {
                    after.insert(places[one]);
                }
            }
        }
        step.after = after.into_iter().collect();
    }
    let mut at = 0;
    steps.retain(|_| {
        at += 1;
        !out.contains(&(at - 1))
    });
}

/// Something of a table that it can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Default(usize),
    Numbering(usize),
    Computing(usize),
    Comment(usize),
    Unique(usize),
    Link(usize),
    Check(usize),
    Partitions,
}

impl Part {
    fn all(table: &Table) -> Vec<Self> {
        let columns = || table.columns.iter().enumerate();
        let mut all: Vec<_> = columns()
            .filter(|(_, c)| c.default.is_some())
            .map(|(at, _)| Self::Default(at))
            .collect();
        let computed = columns().filter(|(_, c)| c.generated.is_some());
        all.extend(computed.map(|(at, _)| Self::Computing(at)));
        let numbered = columns().filter(|(_, c)| c.identity.is_some());
        all.extend(numbered.map(|(at, _)| Self::Numbering(at)));
        let commented = columns().filter(|(_, c)| c.comment.is_some());
        all.extend(commented.map(|(at, _)| Self::Comment(at)));
        all.extend((0..table.checks.len()).map(Self::Check));
        all.extend((0..table.uniques.len()).map(Self::Unique));
        all.extend((0..table.foreign_keys.len()).map(Self::Link));
        all.extend(table.partitioning.iter().map(|_| Self::Partitions));
        all
    }

    fn word(self) -> &'static str {
        match self {
            Self::Default(_) => "default",
            Self::Numbering(_) => "numbering",
            Self::Computing(_) => "computed column",
            Self::Comment(_) => "comment",
            Self::Unique(_) => "key",
            Self::Link(_) => "foreign key",
            Self::Check(_) => "check",
            Self::Partitions => "partitions",
        }
    }

    fn object(self, table: &Table) -> String {
        match self {
            Self::Default(at) | Self::Numbering(at) | Self::Computing(at) | Self::Comment(at) => {
                table.columns[at].name.clone()
            }
            Self::Unique(at) => table.uniques[at].columns.join(", "),
            Self::Link(at) => table.foreign_keys[at].columns.join(", "),
            Self::Check(at) => table.checks[at].name.clone().unwrap_or_default(),
            Self::Partitions => String::new(),
        }
    }

    fn says(self, table: &Table) -> String {
        let column = |at: usize| &table.columns[at].name;
        match self {
            Self::Default(at) => {
                let default = table.columns[at].default.as_deref().unwrap_or_default();
                format!("default of {} stays behind: `{default}`", column(at))
            }
            Self::Numbering(at) => format!("{} is not numbered", column(at)),
            Self::Computing(at) => format!("{} is not computed, but holds data", column(at)),
            Self::Comment(at) => format!("the comment of {} stays behind", column(at)),
            Self::Unique(at) => {
                format!("unique ({}) stays behind", table.uniques[at].columns.join(", "))
            }
            Self::Link(at) => {
                let key = &table.foreign_keys[at];
                format!("foreign key {} to {} stays behind", key.columns.join(", "), key.references)
            }
            Self::Check(at) => {
                let check = &table.checks[at];
                let name = check.name.as_deref().unwrap_or(&check.expression);
                format!("check {name} stays behind")
            }
            Self::Partitions => "is partitioned in the source, and one table here".to_owned(),
        }
    }
}

/// The table without these parts.
fn without(table: &Table, parts: &BTreeSet<Part>) -> Table {
    let mut bare = table.clone();
    for (at, column) in bare.columns.iter_mut().enumerate() {
        let touched =
            [Part::Default(at), Part::Computing(at), Part::Numbering(at), Part::Comment(at)];
        if touched.iter().any(|part| parts.contains(part)) {
            // What its own engine says of it says all of it at once.
            column.own = None;
        }
        if parts.contains(&Part::Default(at)) {
            (column.default, column.on_update) = (None, None);
        }
        if parts.contains(&Part::Computing(at)) {
            column.generated = None;
        }
        if parts.contains(&Part::Numbering(at)) {
            column.identity = None;
        }
        if parts.contains(&Part::Comment(at)) {
            column.comment = None;
        }
    }
    let keep = |parts: &BTreeSet<Part>, part: &dyn Fn(usize) -> Part, at: &mut usize| {
        *at += 1;
        !parts.contains(&part(*at - 1))
    };
    let mut at = 0;
    bare.uniques.retain(|_| keep(parts, &Part::Unique, &mut at));
    at = 0;
    bare.foreign_keys.retain(|_| keep(parts, &Part::Link, &mut at));
    at = 0;
    bare.checks.retain(|_| keep(parts, &Part::Check, &mut at));
    if parts.contains(&Part::Partitions) {
        bare.partitioning = None;
    }
    bare
}

/// The table without what the target does not take of it, and what to say of that; nothing where it is
/// refused even bare.
async fn relieve(
    target: &dyn Target,
    wanted: &Wanted,
    place: usize,
    flaw: &Flaw,
) -> Result<Option<(Table, Vec<Note>)>, Fault> {
    let table = &wanted.tables[place].1;
    let all = Part::all(table);
    let mut out: BTreeSet<Part> = all.iter().copied().collect();
    if all.is_empty() || !stands(target, wanted, place, &out).await? {
        return Ok(None);
    }
    // Parts come back half by half, as long as the table stands.
    let mut open = vec![all];
    let mut left = Vec::new();
    while let Some(some) = open.pop() {
        let tried: BTreeSet<_> = out.iter().filter(|part| !some.contains(part)).copied().collect();
        if stands(target, wanted, place, &tried).await? {
            out = tried;
        } else if let [only] = some[..] {
            left.push(only);
        } else {
            let (first, second) = some.split_at(some.len() / 2);
            open.push(second.to_vec());
            open.push(first.to_vec());
        }
    }
    let entity = Some(table.name.to_string());
    let note = |part: Part| {
        let level = if part == Part::Partitions { Level::Info } else { Level::Left };
        let text = format!("{}: {}", part.says(table), words(flaw));
        Note::new(level, entity.clone(), said(part.word(), part.object(table), text))
    };
    Ok(Some((without(table, &out), left.into_iter().map(note).collect())))
}

/// Whether the target takes the table without these parts.
async fn stands(
    target: &dyn Target,
    wanted: &Wanted,
    place: usize,
    out: &BTreeSet<Part>,
) -> Result<bool, Fault> {
    let (id, table) = &wanted.tables[place];
    let tables = vec![(*id, without(table, out))];
    let alone = Wanted { tables, ..wanted.clone() };
    let Ok(design) = target.design(&alone) else { return Ok(false) };
    let only = |step: &&DesignedStep| step.stage == Stage::Prepare;
    let steps: Vec<_> = design.steps.iter().filter(only).cloned().collect();
    // A routine that speaks of other tables has nothing to do with this one.
    let flaws = target.rehearse(&steps).await?.flaws;
    Ok(!flaws.iter().any(|flaw| is_fatal(&steps[flaw.step])))
}

#[cfg(test)]
mod tests {
    use protocol::plan::Step;

    use super::*;

    #[test]
    fn what_waited_for_a_step_that_is_taken_out_waits_for_what_that_waited_for() {
        let step = |after: &[usize]| DesignedStep {
            step: Step {
                kind: StepKind::Index,
                what: String::new(),
                statements: vec![],
                destructive: false,
                orphans: None,
                parts: Vec::new(),
            },
            stage: Stage::Finish,
            entity: None,
            after: after.to_vec(),
            verified: Vec::new(),
        };
        let mut steps = vec![step(&[]), step(&[0]), step(&[1]), step(&[1, 2])];
        remove(&mut steps, &BTreeSet::from([1]));
        let after: Vec<_> = steps.iter().map(|step| step.after.clone()).collect();
        assert_eq!(after, [vec![], vec![0], vec![0, 1]]);
    }
}
