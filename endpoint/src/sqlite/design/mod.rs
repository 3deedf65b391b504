//! What SQLite makes of tables that came from elsewhere.
//!
//! A SQLite table gets its keys, links and checks when it is created or never, so all of them stand
//! in `CREATE TABLE`; enforcement of links is off while chunks are written, and the finish stage
//! verifies them. Indexes, numbering and statistics are made at the end.

mod links;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use protocol::fault::{Code, Fault};
use protocol::id::EntityId;
use protocol::plan::{Level, Note, Said, Stage, Step, StepKind};
use protocol::schema::{Engine, Identity, IdentityKind, Index, IndexOn, Table, TableName};

use super::introspect::OURS;
use crate::sql::{beside, portable, quote};
use crate::{Design, DesignedStep, Wanted};

/// What SQLite makes of these tables.
///
/// # Errors
/// `Code::IdentifierUnfit`, naming table and column.
pub(super) fn design(wanted: &Wanted) -> Result<Design, Fault> {
    let mut drawing = Drawing::of(wanted);
    let (tables, notes) = links::settled(wanted);
    for (entity, table) in &tables {
        drawing.refuse_names(table)?;
        drawing.table(*entity, table);
    }
    let mut indexes = BTreeMap::new();
    for (entity, table) in &tables {
        let made = drawing.finish(*entity, table);
        indexes.insert(table.name.clone(), made);
    }
    for (entity, table) in &tables {
        drawing.verify_links(*entity, table, &indexes);
    }
    drawing.design.notes.extend(notes);
    drawing.beside();
    drawing.say_what_stays();
    Ok(drawing.design)
}

/// A design in the making.
struct Drawing<'a> {
    wanted: &'a Wanted,
    from: Engine,
    design: Design,
    /// Names of tables and indexes in lower case: they share one space.
    taken: BTreeSet<String>,
}

impl<'a> Drawing<'a> {
    fn of(wanted: &'a Wanted) -> Self {
        let there = &wanted.existing;
        let tables = there.tables.iter().map(|table| &table.name.name);
        let indexes = there.tables.iter().flat_map(|table| &table.indexes).map(|index| &index.name);
        let others = there.unmoved.iter().map(|one| &one.name.name);
        let others = others.chain(there.objects.iter().map(|one| &one.name.name));
        let taken =
            tables.chain(indexes).chain(others).map(|name| name.to_ascii_lowercase()).collect();
        let design = Design { durable: true, ..Design::default() };
        Self { wanted, from: wanted.from.engine, design, taken }
    }

    /// Views and triggers, as another SQLite wrote them, when all else is done.
    fn beside(&mut self) {
        if self.from != Engine::Sqlite {
            return;
        }
        let chosen = beside::chosen(self.wanted);
        self.design.notes.extend(chosen.notes);
        self.design.settled.extend(chosen.settled);
        beside::add(&chosen.made, &mut self.design.steps);
    }

    fn note(&mut self, level: Level, table: Option<&Table>, said: impl Into<Said>) {
        let entity = table.map(|table| table.name.to_string());
        self.design.notes.push(Note::new(level, entity, said));
    }

    /// Adds a step and returns its position.
    fn step(&mut self, stage: Stage, entity: EntityId, step: Step, after: Vec<usize>) -> usize {
        self.design.steps.push(DesignedStep {
            step,
            stage,
            entity: Some(entity),
            after,
            verified: Vec::new(),
        });
        self.design.steps.len() - 1
    }

    fn refuse_names(&mut self, table: &Table) -> Result<(), Fault> {
        let name = &table.name.name;
        let unfit =
            |place: String, said: &str| Err(Fault::new(Code::IdentifierUnfit, place).saying(said));
        // SQLite tells names apart by all but the case of ASCII letters.
        let lower = name.to_ascii_lowercase();
        if table.name.schema.as_deref().is_some_and(|schema| schema != "main") {
            return unfit(table.name.to_string(), "SQLite has no schemas");
        }
        if lower.starts_with("sqlite_") || lower.starts_with(OURS) {
            return unfit(name.clone(), "names that begin like this are kept for other things");
        }
        if name.is_empty() || name.contains('\0') || !self.taken.insert(lower) {
            return unfit(name.clone(), "it is empty, holds a NUL, or is there already");
        }
        if table.columns.is_empty() {
            return Err(Fault::new(Code::TypeUnsupported, name.clone())
                .saying("it has no columns, and in SQLite every table has one")
                .next("Leave it out with `exclude`."));
        }
        let mut seen = BTreeSet::new();
        for column in &table.columns {
            let known = !seen.insert(column.name.to_ascii_lowercase());
            if known || column.name.is_empty() || column.name.contains('\0') {
                let place = format!("{name}.{}", column.name);
                return unfit(
                    place,
                    "it is empty, holds a NUL, or differs only by case from another",
                );
            }
        }
        Ok(())
    }

    /// Everything that is made when the rows are there, but for the look at foreign keys; returns where
    /// the indexes are made.
    fn finish(&mut self, entity: EntityId, table: &Table) -> Vec<usize> {
        let made: Vec<_> =
            table.indexes.iter().filter_map(|index| self.index(entity, table, index)).collect();
        if table::numbers_on(table, self.from) {
            self.numbering(entity, table);
        }
        let name = quote::table(&table.name);
        let step = Step {
            kind: StepKind::Statistics,
            what: format!("statistics of {}", table.name),
            statements: vec![format!("ANALYZE {name}")],
            destructive: false,
            orphans: None,
            parts: Vec::new(),
        };
        self.step(Stage::Finish, entity, step, made.clone());
        made
    }

    /// Looks for links that lead nowhere: those that the source vouches for. It wants the indexes that
    /// make the rows unique which they lead to.
    fn verify_links(
        &mut self,
        entity: EntityId,
        table: &Table,
        indexes: &BTreeMap<TableName, Vec<usize>>,
    ) {
        // SQLite numbers them from the last one that is written.
        let number = |at: usize| table.foreign_keys.len() - 1 - at;
        let mut verified = Vec::new();
        let mut parents = Vec::new();
        for (at, key) in table.foreign_keys.iter().enumerate() {
            match key.validated {
                true => verified.push(number(at).to_string()),
                false => parents.push(key.references.to_string()),
            }
        }
        if !parents.is_empty() {
            let text = format!(
                "not verified, since the source does not vouch for them: links to {}",
                parents.join(", ")
            );
            self.note(Level::Warning, Some(table), text);
        }
        if verified.is_empty() {
            return;
        }
        let orphans = format!(
            "SELECT \"table\", rowid, parent FROM pragma_foreign_key_check({}) WHERE fkid IN ({})",
            quote::literal(&table.name.name),
            verified.join(", ")
        );
        let step = Step {
            kind: StepKind::ForeignKey,
            what: format!("foreign keys of {}", table.name),
            statements: vec![orphans],
            destructive: false,
            orphans: None,
            parts: Vec::new(),
        };
        let parents = table.foreign_keys.iter().map(|key| &key.references);
        let near: BTreeSet<_> = parents.chain([&table.name]).collect();
        let mut after: Vec<usize> =
            near.into_iter().filter_map(|name| indexes.get(name)).flatten().copied().collect();
        after.sort_unstable();
        self.step(Stage::Finish, entity, step, after);
    }

    fn index(&mut self, entity: EntityId, table: &Table, index: &Index) -> Option<usize> {
        let Some(tail) = self.tail(table, index) else {
            let text = format!("index {} stays behind: SQLite has nothing like it", index.name);
            self.note(Level::Left, Some(table), text);
            return None;
        };
        if !index.include.is_empty() {
            let text = format!("index {} is made without the columns it includes", index.name);
            self.note(Level::Left, Some(table), text);
        }
        let name = self.free_name(table, &index.name);
        let unique = if index.unique { "UNIQUE " } else { "" };
        let on = quote::name(&table.name.name);
        let step = Step {
            kind: StepKind::Index,
            what: format!("index {name} of {}", table.name),
            statements: vec![format!("CREATE {unique}INDEX {} ON {on} {tail}", quote::name(&name))],
            destructive: false,
            orphans: None,
            parts: Vec::new(),
        };
        Some(self.step(Stage::Finish, entity, step, Vec::new()))
    }

    /// All after `ON table`.
    fn tail(&mut self, table: &Table, index: &Index) -> Option<String> {
        if let (Engine::Sqlite, Some(tail)) = (self.from, &index.tail) {
            return Some(tail.clone());
        }
        // A hash index finds equal values, and so does a tree.
        if !matches!(index.method.as_str(), "btree" | "hash") {
            return None;
        }
        let parts: Option<Vec<_>> = index
            .parts
            .iter()
            .map(|part| {
                let on = match &part.on {
                    IndexOn::Column(column) => quote::name(column).to_string(),
                    IndexOn::Prefix { column, length } => {
                        let on = format!("substr({}, 1, {length})", quote::name(column));
                        let text = format!(
                            "index {} stands on {on}: only that is looked up by it",
                            index.name
                        );
                        self.note(Level::Info, Some(table), text);
                        on
                    }
                    IndexOn::Expression(expression) => self.translate(table, expression)?,
                };
                Some(if part.descending { format!("{on} DESC") } else { on })
            })
            .collect();
        let parts = parts?.join(", ");
        match &index.predicate {
            None => Some(format!("({parts})")),
            Some(predicate) => {
                Some(format!("({parts}) WHERE {}", self.translate(table, predicate)?))
            }
        }
    }

    /// An expression over the table's columns, if it means the same here.
    fn translate(&self, table: &Table, expression: &str) -> Option<String> {
        portable::translate_over(expression, &table.columns, self.from, Engine::Sqlite)
    }

    /// The index's own name, or one with the table's in front where that is taken: in SQLite all
    /// tables and indexes share one space of names.
    fn free_name(&mut self, table: &Table, name: &str) -> String {
        let mut free = name.to_owned();
        while !self.taken.insert(free.to_ascii_lowercase()) {
            free = format!("{}_{free}", table.name.name);
        }
        if free != name {
            let text = format!("index {name} is called {free}: its name is taken");
            self.note(Level::Info, Some(table), text);
        }
        free
    }

    /// Numbering goes on with the number that the source would give next, or after the greatest that
    /// the rows hold, as SQLite insists.
    fn numbering(&mut self, entity: EntityId, table: &Table) {
        let Some(column) = table.columns.iter().find(|column| column.identity.is_some()) else {
            return;
        };
        let next = column.identity.as_ref().and_then(Identity::next).unwrap_or(1);
        let last = next.saturating_sub(1).max(0);
        let name = quote::literal(&table.name.name);
        let (on, key) = (quote::name(&table.name.name), quote::name(&column.name));
        let step = Step {
            kind: StepKind::Identity,
            what: format!("numbering of {}", table.name),
            statements: vec![
                format!(
                    "INSERT INTO sqlite_sequence (name, seq) SELECT {name}, 0 \
                     WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = {name})"
                ),
                format!(
                    "UPDATE sqlite_sequence SET seq = max(seq, {last}, \
                     (SELECT coalesce(max({key}), 0) FROM {on})) WHERE name = {name}"
                ),
            ],
            destructive: false,
            orphans: None,
            parts: Vec::new(),
        };
        self.step(Stage::Finish, entity, step, Vec::new());
    }

    fn say_what_stays(&mut self) {
        let sequences: Vec<_> =
            self.wanted.from.sequences.iter().map(|one| one.name.to_string()).collect();
        if !sequences.is_empty() && !self.wanted.tables.is_empty() {
            let text = format!("sequences stay behind, SQLite has none: {}", sequences.join(", "));
            self.note(Level::Left, None, text);
        }
    }
}

/// Whether a kind of numbering never hands out a number twice, as AUTOINCREMENT does. The plain
/// rowid of SQLite is the one that may.
fn never_again(kind: IdentityKind, from: Engine) -> bool {
    match kind {
        IdentityKind::Always | IdentityKind::Serial | IdentityKind::AutoIncrement => true,
        IdentityKind::ByDefault => from != Engine::Sqlite,
    }
}
