//! Types and collations of the source's own: which of them the target is to have, what each needs,
//! and what to do where an extension is missing.

use std::collections::{BTreeMap, BTreeSet};

use protocol::fault::{Code, Fault};
use protocol::id::EntityId;
use protocol::object::{Object, ObjectKind};
use protocol::plan::{Level, Note, Stage, StepKind, said};
use protocol::schema::{Extension, OwnKind, OwnType, Table, TableName};

use super::words::type_names;
use super::{Draft, Made};
use crate::sql::quote;

impl Draft<'_> {
    /// Chooses the types that columns have, those that these need, and those of the schemas that
    /// tables move into, which the target lacks; what one needs stands before it.
    ///
    /// # Errors
    /// `Code::TypeUnsupported` where the target has another type of that name.
    pub(super) fn choose_types(&mut self, tables: &[(EntityId, Table)]) -> Result<(), Fault> {
        if !self.is_same_engine() {
            return Ok(());
        }
        let schemas: BTreeSet<_> = tables.iter().map(|(_, table)| &table.name.schema).collect();
        let columns = tables.iter().flat_map(|(_, table)| &table.columns);
        let used: BTreeSet<_> = columns.flat_map(used_by).collect();
        let meant = |one: &&OwnType| schemas.contains(&one.name.schema) || is_named(one, &used);
        let mut chosen = Vec::new();
        for one in self.wanted.from.types.iter().filter(meant) {
            self.choose(one, &mut chosen, &mut BTreeSet::new())?;
        }
        self.types = chosen;
        Ok(())
    }

    /// Adds a type behind those that it needs.
    fn choose(
        &self,
        one: &OwnType,
        chosen: &mut Vec<OwnType>,
        above: &mut BTreeSet<TableName>,
    ) -> Result<(), Fault> {
        if chosen.iter().any(|other| other.name == one.name && other.kind == one.kind)
            || !above.insert(one.name.clone())
        {
            return Ok(());
        }
        let alike = |other: &&OwnType| other.name == one.name && other.kind == one.kind;
        if let Some(there) = self.wanted.existing.types.iter().find(alike) {
            let [here, there] = [&one.create, &there.create].map(|all| all.join("; "));
            return match here == there {
                true => Ok(()),
                false => Err(Fault::new(Code::TypeUnsupported, one.name.to_string()).saying(format!(
                    "the target has a {} of that name which is another: {there}; the source has {here}",
                    one.kind.word()
                ))),
            };
        }
        let needs: BTreeSet<_> = one.create.iter().flat_map(|sql| type_names(sql)).collect();
        for other in self.wanted.from.types.iter().filter(|other| is_named(other, &needs)) {
            self.choose(other, chosen, above)?;
        }
        chosen.push(one.clone());
        Ok(())
    }

    /// Designs the chosen types; those that the target has no means to make are left, and said. `late`
    /// are those that need a routine of the source's own, which is made before them.
    pub(super) fn make_types(&mut self, before: &[usize], late: bool) -> Vec<usize> {
        let mut places = Vec::new();
        let behind = self.late_types();
        for one in self.types.clone() {
            if behind.contains(&one.name) != late {
                continue;
            }
            // A collation needs nothing, and its own name looks like a call.
            let mut needs = one.create.iter().filter(|_| one.kind != OwnKind::Collation);
            let missing = needs.find_map(|sql| self.missing(sql));
            if let Some(what) = missing {
                let text = format!(
                    "{} {} stays behind: the target has no {what}",
                    one.kind.word(),
                    one.name
                );
                let note = Note::new(Level::Left, None, said(one.kind.word(), &one.name, text));
                self.design.notes.push(note);
                self.types.retain(|other| other.name != one.name);
                continue;
            }
            let mut statements = one.create.clone();
            let word = one.kind.word();
            if let Some(comment) = &one.comment {
                statements.push(format!(
                    "COMMENT ON {} {} IS {}",
                    word.to_uppercase(),
                    quote::table(&one.name),
                    quote::literal(comment)
                ));
            }
            let made = Made::new(StepKind::Type, format!("{word} {}", one.name), statements);
            let after: Vec<_> = before.iter().chain(&places).copied().collect();
            places.push(self.step(Stage::Prepare, None, made, &after));
        }
        places
    }

    /// Types that call a routine which the design makes, or need such a type.
    fn late_types(&self) -> BTreeSet<TableName> {
        let (from, there) = (&self.wanted.from.objects, &self.wanted.existing.objects);
        let is_named = |all: &[Object], name: &TableName| {
            all.iter().any(|one| one.kind == ObjectKind::Routine && one.name == *name)
        };
        let mut late = BTreeSet::new();
        for one in self.types.iter().filter(|one| one.kind != OwnKind::Collation) {
            let names: Vec<_> = one.create.iter().flat_map(|sql| type_names(sql)).collect();
            let own = |name: &TableName| is_named(from, name) && !is_named(there, name);
            if names.iter().any(|name| own(name) || late.contains(name)) {
                late.insert(one.name.clone());
            }
        }
        late
    }

    /// Refuses columns whose types the target does not have, all of them at once.
    pub(super) fn refuse_missing_types(&self, tables: &[(EntityId, Table)]) -> Result<(), Fault> {
        if !self.is_same_engine() {
            return Ok(());
        }
        let mut missing: BTreeMap<TableName, Vec<String>> = BTreeMap::new();
        for (_, table) in tables {
            for column in &table.columns {
                for name in used_by(column).into_iter().filter(|name| !self.has_type(name)) {
                    let place = format!("{}.{}", table.name, column.name);
                    missing.entry(name).or_default().push(place);
                }
            }
        }
        let Some(place) = missing.values().flatten().next() else { return Ok(()) };
        let each: Vec<_> = missing
            .iter()
            .map(|(name, places)| format!("{name} (of {})", places.join(", ")))
            .collect();
        let which = if each.len() == 1 { "type" } else { "types" };
        let remedies: BTreeSet<_> = missing.keys().filter_map(|name| self.remedy(name)).collect();
        let next = match remedies.is_empty() {
            true => {
                "Create what is named in the target, or leave these columns out with `exclude_columns`."
                    .to_owned()
            }
            false => {
                let remedies: Vec<_> = remedies.into_iter().collect();
                format!(
                    "In the target: {}; or leave these columns out with `exclude_columns`.",
                    remedies.join("; ")
                )
            }
        };
        Err(Fault::new(Code::TypeUnsupported, place)
            .saying(format!("the target has no {which} {}", each.join(", ")))
            .next(next))
    }

    /// The extension of the source that brings this.
    pub(super) fn brought_by(&self, name: &TableName) -> Option<&Extension> {
        self.wanted.from.extensions.iter().find(|one| brings(one, name))
    }

    /// Whether an extension of the target brings this.
    pub(super) fn brings(&self, name: &TableName) -> bool {
        self.wanted.existing.extensions.iter().any(|one| brings(one, name))
    }

    /// What a person types to get the extension that brings this.
    pub(super) fn remedy(&self, name: &TableName) -> Option<String> {
        let one = self.brought_by(name)?;
        let (extension, schema) = (quote::name(&one.name), quote::name(&one.schema));
        let elsewhere = self.wanted.existing.extensions.iter().any(|other| other.name == one.name);
        Some(match elsewhere {
            true => format!("ALTER EXTENSION {extension} SET SCHEMA {schema}"),
            false if one.schema == "public" => {
                format!("CREATE EXTENSION {extension} SCHEMA {schema}")
            }
            false => format!(
                "CREATE SCHEMA IF NOT EXISTS {schema}; CREATE EXTENSION {extension} SCHEMA {schema}"
            ),
        })
    }
}

/// The types and collations that a column needs and the server does not have of itself.
pub(super) fn used_by(column: &protocol::schema::Column) -> Vec<TableName> {
    type_names(column.own_type())
}

fn is_named(one: &OwnType, names: &BTreeSet<TableName>) -> bool {
    names.contains(&one.name) || one.beside.as_ref().is_some_and(|beside| names.contains(beside))
}

/// Whether an extension brings what is mentioned: operators are mentioned by their first sign.
fn brings(extension: &Extension, name: &TableName) -> bool {
    let sign = !name.name.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let same = |thing: &TableName| match sign {
        true => thing.schema == name.schema && thing.name.starts_with(&name.name),
        false => thing == name,
    };
    extension.brings.iter().any(same)
}
