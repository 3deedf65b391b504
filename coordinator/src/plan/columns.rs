//! Column by column: from a source table to a target table that is there or will be.

use std::collections::BTreeSet;

use endpoint::{DesignedColumn, Target};
use protocol::fault::{Code, Fault};
use protocol::mapping::{EntityRule, Mode};
use protocol::plan::ColumnMap;
use protocol::schema::{
    Check, Column, ForeignKey, Index, IndexOn, Key, Logical, Part, Peculiar, Table, TableName,
};

use super::shape::{self, Asked};

/// What a source table is in the target: its name there, and the rule that renames its columns;
/// no rule where the target has the table of itself, nothing where it has none.
pub(super) type Meaning<'a> =
    dyn Fn(&TableName) -> Option<(TableName, Option<&'a EntityRule>)> + 'a;

/// Refuses a rule that speaks of columns which the table does not have.
pub(super) fn refuse_unknown(rule: &EntityRule, table: &Table) -> Result<(), Fault> {
    for name in rule.rename.keys().chain(&rule.exclude) {
        if table.column(name).is_none() {
            let known: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
            return Err(Fault::new(Code::ColumnUnknown, format!("{}.{name}", table.name))
                .saying(format!("the columns are {}", known.join(", "))));
        }
    }
    Ok(())
}

/// The source table as the target is to have it: under its new name, with columns renamed and
/// left out, and with the keys, indexes and checks that still make sense. What no longer does is
/// returned as sentences.
pub(super) fn renamed(
    table: &Table,
    rule: &EntityRule,
    target: &TableName,
    meaning: &Meaning<'_>,
) -> (Table, Vec<String>) {
    let mut left = Vec::new();
    let name = |column: &String| new_name(rule, column);
    let names = |columns: &[String]| columns.iter().map(name).collect::<Option<Vec<_>>>();
    let mut wanted = table.clone();
    wanted.name = target.clone();
    wanted.columns.retain(|column| !rule.exclude.contains(&column.name));
    for column in &mut wanted.columns {
        column.name = new_name(rule, &column.name).unwrap_or_default();
        let speaks = column.generated.as_ref().is_some_and(|g| mentions(rule, &g.expression));
        if speaks {
            // Its expression may speak of a column that has another name now.
            left.push(format!("{} is computed in the source, and becomes plain data", column.name));
            (column.generated, column.own) = (None, None);
        }
        column.own.take_if(|own| mentions(rule, own));
    }
    wanted.own.lines.retain(|line| !mentions(rule, line));
    let own = |key: &Key| key.own.clone().filter(|own| !mentions(rule, own));
    let key = |key: &Key| {
        let (columns, include) = (names(&key.columns)?, names(&key.include)?);
        Some(Key { columns, include, own: own(key), ..key.clone() })
    };
    wanted.primary_key = table.primary_key.as_ref().and_then(key);
    wanted.uniques = table.uniques.iter().filter_map(key).collect();
    wanted.indexes =
        keep(&table.indexes, &mut left, |i| index(i, rule), |i| format!("index {}", i.name));
    wanted.checks = keep(
        &table.checks,
        &mut left,
        |c| check(c, rule),
        |c| format!("check {}", c.name.as_deref().unwrap_or(&c.expression)),
    );
    wanted.foreign_keys = keep(
        &table.foreign_keys,
        &mut left,
        |f| foreign_key(f, rule, meaning),
        |f| format!("foreign key to {}", f.references),
    );
    follow(&mut wanted.peculiar, rule, &mut left);
    find_parents(&mut wanted.peculiar, meaning, &mut left);
    for partition in wanted.partitioning.iter_mut().flat_map(|cut| &mut cut.partitions) {
        let Some(own) = &mut partition.own else { continue };
        if !rule.rename.is_empty() || !rule.exclude.is_empty() {
            let text = format!("what only the partition {} has stays behind", partition.name);
            left.push(text);
            partition.own = None;
            continue;
        }
        let keys = std::mem::take(&mut own.foreign_keys);
        own.foreign_keys = keep(
            &keys,
            &mut left,
            |f| foreign_key(f, rule, meaning),
            |f| format!("foreign key of {} to {}", partition.name, f.references),
        );
    }
    (wanted, left)
}

/// Gives parents the names that they have in the target. A table does not inherit from one whose
/// columns are others there; one that is not moved at all is the target's to miss.
fn find_parents(peculiar: &mut Peculiar, meaning: &Meaning<'_>, left: &mut Vec<String>) {
    let altered =
        |parent: &TableName| meaning(parent).is_some_and(|(_, rule)| rule.is_some_and(alters));
    if peculiar.parents.iter().any(altered) {
        for parent in peculiar.parents.drain(..) {
            left.push(format!("inheritance from {parent} stays behind: its columns change"));
        }
        (peculiar.inherited, peculiar.inherited_checks) = (Vec::new(), Vec::new());
    }
    for parent in &mut peculiar.parents {
        if let Some((name, _)) = meaning(parent) {
            *parent = name;
        }
    }
}

/// Whether the rule changes the columns of a table.
fn alters(rule: &EntityRule) -> bool {
    !rule.rename.is_empty() || !rule.exclude.is_empty()
}

/// Lets what only its own engine has follow its columns, or says that it cannot.
fn follow(peculiar: &mut Peculiar, rule: &EntityRule, left: &mut Vec<String>) {
    if !alters(rule) {
        return;
    }
    let mut lose = |what: &str| {
        left.push(format!("{what} stays behind: what it speaks of is renamed or not moved"));
    };
    peculiar
        .exclusions
        .drain(..)
        .for_each(|one| lose(&format!("exclusion constraint {}", one.name)));
    peculiar.statistics.drain(..).for_each(|one| lose(&format!("statistics {}", one.name)));
    peculiar.parents.drain(..).for_each(|one| lose(&format!("inheritance from {one}")));
    (peculiar.inherited, peculiar.inherited_checks) = (Vec::new(), Vec::new());
    if let Some(one) = peculiar.of.take() {
        lose(&format!("that it is a table of type {one}"));
    }
    peculiar.properties.retain_mut(|property| match &mut property.of {
        Part::Column(column) => match new_name(rule, column) {
            Some(name) => {
                *column = name;
                true
            }
            None => false,
        },
        Part::Table | Part::Constraint(_) | Part::Index(_) | Part::IndexColumn(..) => true,
    });
}

fn keep<T>(
    all: &[T],
    left: &mut Vec<String>,
    new: impl Fn(&T) -> Option<T>,
    say: impl Fn(&T) -> String,
) -> Vec<T> {
    let mut kept = Vec::new();
    for one in all {
        match new(one) {
            Some(one) => kept.push(one),
            None => left.push(format!("{} stays behind: what it needs is not moved", say(one))),
        }
    }
    kept
}

pub(super) fn new_name(rule: &EntityRule, column: &String) -> Option<String> {
    if rule.exclude.contains(column) {
        return None;
    }
    Some(rule.rename.get(column).unwrap_or(column).clone())
}

/// Whether a text in its engine's words may speak of a column that has another name now, or none. Names
/// are found in any case, as some engines do.
fn mentions(rule: &EntityRule, own: &str) -> bool {
    let own = own.to_lowercase();
    rule.rename.keys().chain(&rule.exclude).any(|name| own.contains(&name.to_lowercase()))
}

fn index(index: &Index, rule: &EntityRule) -> Option<Index> {
    // Expressions and conditions are text in the engine's words; a renamed column inside them
    // would have to be understood.
    if index.predicate.as_ref().is_some_and(|predicate| mentions(rule, predicate)) {
        return None;
    }
    let mut new = index.clone();
    new.tail.take_if(|tail| mentions(rule, tail));
    for part in &mut new.parts {
        match &mut part.on {
            IndexOn::Column(column) | IndexOn::Prefix { column, .. } => {
                *column = new_name(rule, column)?;
            }
            IndexOn::Expression(text) if mentions(rule, text) => return None,
            IndexOn::Expression(_) => {}
        }
    }
    new.include = index.include.iter().map(|c| new_name(rule, c)).collect::<Option<_>>()?;
    Some(new)
}

fn check(check: &Check, rule: &EntityRule) -> Option<Check> {
    (!mentions(rule, &check.expression)).then(|| check.clone())
}

fn foreign_key(key: &ForeignKey, rule: &EntityRule, meaning: &Meaning<'_>) -> Option<ForeignKey> {
    let (references, their) = meaning(&key.references)?;
    let there = |column: &String| match their {
        Some(rule) => new_name(rule, column),
        None => Some(column.clone()),
    };
    Some(ForeignKey {
        columns: key.columns.iter().map(|c| new_name(rule, c)).collect::<Option<_>>()?,
        references,
        referenced: key.referenced.iter().map(there).collect::<Option<_>>()?,
        ..key.clone()
    })
}

/// The mapping into a table that the plan creates.
pub(super) fn into_new(
    table: &Table,
    rule: &EntityRule,
    designed: &[DesignedColumn],
    asked: Option<&Asked>,
) -> Result<Vec<ColumnMap>, Fault> {
    let there = |name: &str| designed.iter().find(|d| d.name == name && !d.generated);
    let map = |column: &Column| {
        let target = moved(rule, column, asked)?;
        let there = there(&target)?;
        Some(ColumnMap {
            source: column.name.clone(),
            target,
            from: column.logical.clone(),
            to: there.logical.clone(),
            native: there.native.clone(),
            compared: there.compared,
        })
    };
    let mut columns: Vec<_> = table.columns.iter().filter_map(map).collect();
    let into = |name: &str, _: &Logical| {
        let d = there(name)?;
        Some(shape::Into { to: d.logical.clone(), native: d.native.clone(), compared: d.compared })
    };
    if let Some(asked) = asked {
        columns.extend(asked.maps(table, into)?);
    }
    Ok(columns)
}

/// The target column that a source column is written to, unless something else is computed for it.
fn moved(rule: &EntityRule, column: &Column, asked: Option<&Asked>) -> Option<String> {
    let target = new_name(rule, &column.name)?;
    let computed = asked.is_some_and(|asked| asked.computes(&target));
    (!computed).then_some(target)
}

/// The mapping into a table that is there. `alike` says that both engines are one.
///
/// # Errors
/// `ColumnUnknown` when the target lacks a column, `TypeUnsupported` when the two types do not
/// agree, `ColumnUnfilled` when a row could not be written for want of a value.
pub(super) fn into_existing(
    table: &Table,
    rule: &EntityRule,
    there: &Table,
    target: &dyn Target,
    (asked, alike): (Option<&Asked>, bool),
) -> Result<Vec<ColumnMap>, Fault> {
    let mut columns = Vec::new();
    for column in &table.columns {
        let Some(name) = moved(rule, column, asked) else { continue };
        let place = format!("{}.{name}", there.name);
        let Some(existing) = there.column(&name) else {
            return Err(Fault::new(Code::ColumnUnknown, place)
                .saying("the target entity exists and has no such column")
                .next("Exclude the column, rename it, or add it to the target."));
        };
        if existing.generated.is_some() {
            continue;
        }
        // A column of the very same type gives back whatever the source gives.
        let same = || (alike && column.native == existing.native).then(|| existing.logical.clone());
        let Some(to) = target.accepts(&column.logical, existing).or_else(same) else {
            let said = format!("{} does not go into {}", column.native, existing.native);
            return Err(Fault::new(Code::TypeUnsupported, place).saying(said));
        };
        columns.push(ColumnMap {
            source: column.name.clone(),
            target: name,
            from: column.logical.clone(),
            to,
            native: existing.native.clone(),
            compared: true,
        });
    }
    if let Some(asked) = asked {
        columns.extend(asked.maps(table, |name, from| shape::existing(there, target, name, from))?);
    }
    if rule.mode != Mode::Update {
        refuse_unfilled(&columns, there)?;
    }
    Ok(columns)
}

fn refuse_unfilled(columns: &[ColumnMap], there: &Table) -> Result<(), Fault> {
    let filled: BTreeSet<_> = columns.iter().map(|c| c.target.as_str()).collect();
    let unfilled = there.columns.iter().find(|c| {
        let by_itself = c.default.is_some() || c.identity.is_some() || c.generated.is_some();
        !c.nullable && !by_itself && !filled.contains(c.name.as_str())
    });
    match unfilled {
        None => Ok(()),
        Some(c) => Err(Fault::new(Code::ColumnUnfilled, format!("{}.{}", there.name, c.name))),
    }
}
