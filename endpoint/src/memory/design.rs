//! What this engine makes of tables that came from elsewhere: the same tables.

use std::sync::Arc;

use protocol::fault::{Code, Fault};
use protocol::id::EntityId;
use protocol::plan::{Level, Note, Stage, Step, StepKind};
use protocol::schema::{Column, Engine, Logical, Table, TableName};

use super::tables::{Statement, Tables};
use crate::{Design, DesignedColumn, DesignedStep, Undo, Wanted};

/// Whether a table is only emptied, and its name.
pub(super) fn undoing(undo: &Undo) -> Vec<String> {
    let emptied = undo.emptied.iter().map(|name| (true, name));
    let said = |one: (bool, &TableName)| {
        serde_json::to_string(&one).expect("our own types have string keys only")
    };
    emptied.chain(undo.tables.iter().map(|name| (false, name))).map(said).collect()
}

/// Does what [`undoing`] says.
pub(super) fn undo(tables: &mut Tables, statement: &str) {
    match serde_json::from_str::<(bool, TableName)>(statement) {
        Ok((false, name)) => drop(tables.remove(&name)),
        Ok((true, name)) => {
            if let Some(stored) = tables.get_mut(&name) {
                Arc::make_mut(stored).rows.clear();
            }
        }
        // Not one of ours.
        Err(_) => {}
    }
}

/// Longest name, in bytes; arbitrary, so that tests can pass it.
pub(super) const NAME_BYTES_MAX: usize = 255;

pub(super) fn design(wanted: &Wanted) -> Result<Design, Fault> {
    let mut design = Design { durable: true, ..Design::default() };
    for (entity, table) in &wanted.tables {
        refuse_names(table)?;
        design.columns.push(table.columns.iter().map(designed).collect());
        let bare = bare(table, wanted.from.engine, &mut design.notes);
        let what = format!("table {}", table.name);
        push(&mut design, StepKind::Table, *entity, what, &Statement::Create(Box::new(bare)));
    }
    for (entity, table) in &wanted.tables {
        finish(&mut design, *entity, table, wanted.from.engine);
    }
    // After all keys, of whichever table.
    let keys: Vec<_> = (wanted.tables.len()..design.steps.len()).collect();
    for (entity, table) in &wanted.tables {
        for key in &table.foreign_keys {
            let what = format!("foreign key of {} to {}", table.name, key.references);
            let (table, key) = (table.name.clone(), key.clone());
            let statement = Statement::ForeignKey { table, key };
            push(&mut design, StepKind::ForeignKey, *entity, what, &statement);
            if let Some(step) = design.steps.last_mut() {
                step.after.clone_from(&keys);
            }
        }
    }
    Ok(design)
}

fn finish(design: &mut Design, entity: EntityId, table: &Table, from: Engine) {
    let primary = table.primary_key.iter().map(|key| (key, true));
    for (key, primary) in primary.chain(table.uniques.iter().map(|key| (key, false))) {
        let what = if primary { "primary key" } else { "unique constraint" };
        let statement = Statement::Key { table: table.name.clone(), key: key.clone(), primary };
        push(design, StepKind::Key, entity, format!("{what} of {}", table.name), &statement);
    }
    for index in &table.indexes {
        let what = format!("index {} of {}", index.name, table.name);
        // A condition or expression in another engine's words means nothing here.
        if from != Engine::Memory && (index.predicate.is_some() || index.tail.is_some()) {
            design.notes.push(left(table, &what));
            continue;
        }
        let statement = Statement::Index { table: table.name.clone(), index: index.clone() };
        push(design, StepKind::Index, entity, what, &statement);
    }
}

fn push(
    design: &mut Design,
    kind: StepKind,
    entity: EntityId,
    what: String,
    statement: &Statement,
) {
    let json = serde_json::to_string(statement).expect("our own types have string keys only");
    let stage = if kind == StepKind::Table { Stage::Prepare } else { Stage::Finish };
    design.steps.push(DesignedStep {
        step: Step {
            kind,
            what,
            statements: vec![json],
            destructive: false,
            orphans: None,
            parts: Vec::new(),
        },
        stage,
        entity: Some(entity),
        after: Vec::new(),
        verified: Vec::new(),
    });
}

/// The table without what later steps add, and without another engine's expressions.
fn bare(table: &Table, from: Engine, notes: &mut Vec<Note>) -> Table {
    let mut bare = table.clone();
    bare.primary_key = None;
    bare.uniques.clear();
    bare.indexes.clear();
    bare.foreign_keys.clear();
    bare.triggers.clear();
    bare.partitioning = None;
    bare.durable = true;
    for column in &mut bare.columns {
        // What the source computes is written here like any other value.
        column.generated = None;
    }
    if from == Engine::Memory {
        return bare;
    }
    for column in bare.columns.iter_mut().filter(|column| column.default.is_some()) {
        column.default = None;
        notes.push(left(table, &format!("default of {}", column.name)));
    }
    for check in bare.checks.drain(..) {
        notes.push(left(table, &format!("check {}", check.name.unwrap_or_default())));
    }
    bare
}

fn left(table: &Table, what: &str) -> Note {
    let text = format!("{what} stays behind");
    Note::new(Level::Left, Some(table.name.to_string()), text)
}

fn designed(column: &Column) -> DesignedColumn {
    DesignedColumn {
        name: column.name.clone(),
        native: column.native.clone(),
        logical: column.logical.clone(),
        generated: false,
        compared: true,
    }
}

fn refuse_names(table: &Table) -> Result<(), Fault> {
    let names = table.columns.iter().map(|column| &column.name).chain([&table.name.name]);
    match names.into_iter().find(|name| name.is_empty() || name.len() > NAME_BYTES_MAX) {
        None => Ok(()),
        Some(name) => Err(Fault::new(Code::IdentifierUnfit, table.name.to_string())
            .saying(format!("`{name}` has {} bytes", name.len()))),
    }
}

/// Whether values of one type may be written into an existing column of another.
pub(super) fn accepts(from: &Logical, to: &Logical) -> bool {
    use Logical as L;
    let number = |l: &L| matches!(l, L::Integer { .. } | L::Decimal { .. } | L::Float { .. });
    let text = |l: &L| matches!(l, L::Text { .. } | L::Char { .. } | L::Enum { .. });
    from == to
        || (number(from) && number(to))
        || (text(from) && text(to))
        || (matches!(to, L::Text { length: None }) && *from != L::Binary)
}
