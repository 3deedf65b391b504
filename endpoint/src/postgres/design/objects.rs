//! What stands around tables: schemas, enumerated types, sequences; and whether what an
//! expression mentions will be there.

use std::collections::BTreeSet;

use protocol::fault::{Code, Fault};
use protocol::id::EntityId;
use protocol::object::{Object, ObjectKind};
use protocol::plan::{Level, Note, Stage, StepKind};
use protocol::schema::{EnumType, Sequence, Table, TableName};

use super::types::used_by;
use super::words::{mentions, type_names};
use super::{Draft, Made, names};
use crate::sql::quote;

impl Draft<'_> {
    /// Designs what must be there before any table; returns the positions of those steps.
    pub(super) fn objects(&mut self, tables: &[(EntityId, Table)]) -> Result<Vec<usize>, Fault> {
        let enums = self.missing_enums(tables)?;
        let sequences = self.missing_sequences(tables)?;
        let schemas = self.missing_schemas(tables, &enums, &sequences);
        let mut ground = Vec::new();
        for schema in schemas {
            names::fit(&schema, &schema)?;
            let create = format!("CREATE SCHEMA IF NOT EXISTS {}", quote::name(&schema));
            let made = Made::one(StepKind::Schema, format!("schema {schema}"), create);
            ground.push(self.step(Stage::Prepare, None, made, &[]));
        }
        let schemas = ground.clone();
        let mut labelled = Vec::new();
        for one in enums {
            let labels: Vec<_> = one.labels.iter().map(|label| quote::literal(label)).collect();
            let name = quote::table(&one.name);
            let mut statements =
                vec![format!("CREATE TYPE {name} AS ENUM ({})", labels.join(", "))];
            if let Some(comment) = &one.comment {
                statements.push(format!("COMMENT ON TYPE {name} IS {}", quote::literal(comment)));
            }
            let made = Made::new(StepKind::Type, format!("type {}", one.name), statements);
            labelled.push(self.step(Stage::Prepare, None, made, &schemas));
        }
        ground.extend(labelled);
        let types = self.make_types(&ground, false);
        ground.extend(types);
        for (name, create) in self.shared_sequences(tables) {
            let made = Made::one(StepKind::Sequence, format!("sequence {name}"), create);
            ground.push(self.step(Stage::Prepare, None, made, &schemas));
        }
        for one in sequences {
            self.give(&one, tables);
            let made =
                Made::new(StepKind::Sequence, format!("sequence {}", one.name), create(&one));
            ground.push(self.step(Stage::Prepare, None, made, &schemas));
        }
        Ok(ground)
    }

    /// Enumerations that columns have, or that stand in the schemas that tables move into, and that
    /// the target lacks.
    fn missing_enums(&self, tables: &[(EntityId, Table)]) -> Result<Vec<EnumType>, Fault> {
        let columns = tables.iter().flat_map(|(_, table)| &table.columns);
        let used: BTreeSet<_> = columns
            .filter(|_| self.is_same_engine())
            .flat_map(used_by)
            .chain(self.types.iter().flat_map(|one| &one.create).flat_map(|s| type_names(s)))
            .map(|name| (name.schema, name.name))
            .collect();
        let schemas: BTreeSet<_> = tables
            .iter()
            .filter(|_| self.is_same_engine())
            .map(|(_, table)| &table.name.schema)
            .collect();
        let is_used = |one: &&EnumType| {
            used.contains(&(one.name.schema.clone(), one.name.name.clone()))
                || schemas.contains(&one.name.schema)
        };
        let mut missing = Vec::new();
        for one in self.wanted.from.enums.iter().filter(is_used) {
            let there = self.wanted.existing.enums.iter().find(|e| e.name == one.name);
            match there {
                None => missing.push(one.clone()),
                Some(there) if there.labels == one.labels => {}
                Some(_) => {
                    return Err(Fault::new(Code::TypeUnsupported, one.name.to_string())
                        .saying("the target has an enumeration of that name with other labels"));
                }
            }
        }
        Ok(missing)
    }

    /// Sequences of the schemas that tables move into, and those that a default needs.
    fn missing_sequences(&mut self, tables: &[(EntityId, Table)]) -> Result<Vec<Sequence>, Fault> {
        let schemas: BTreeSet<_> =
            tables.iter().filter_map(|(_, table)| table.name.schema.as_deref()).collect();
        let defaults =
            tables.iter().flat_map(|(_, t)| &t.columns).filter_map(|c| c.default.as_deref());
        let needed: Vec<_> = match self.is_same_engine() {
            true => defaults.flat_map(|default| mentions(default).relations).collect(),
            false => Vec::new(),
        };
        let meant = |one: &Sequence| {
            one.name.schema.as_deref().is_some_and(|s| schemas.contains(s))
                || needed.contains(&one.name)
        };
        let home = super::home(self.wanted);
        let placed = self.wanted.from.sequences.iter().cloned().map(|mut one| {
            one.name.schema.get_or_insert_with(|| home.to_owned());
            one
        });
        let mut missing = Vec::new();
        for one in placed.filter(meant).collect::<Vec<_>>() {
            if self.wanted.existing.sequences.iter().any(|there| there.name == one.name) {
                let text = format!("sequence {} is there already and stays as it is", one.name);
                self.design.notes.push(Note::new(Level::Info, None, text));
                continue;
            }
            self.names.claim(&one.name)?;
            missing.push(one);
        }
        Ok(missing)
    }

    /// Schemas in which nothing stands that the target's catalogue shows.
    fn missing_schemas(
        &self,
        tables: &[(EntityId, Table)],
        enums: &[EnumType],
        sequences: &[Sequence],
    ) -> BTreeSet<String> {
        let there = &self.wanted.existing;
        let known: BTreeSet<_> = there
            .tables
            .iter()
            .map(|table| &table.name)
            .chain(there.enums.iter().map(|one| &one.name))
            .chain(there.sequences.iter().map(|one| &one.name))
            .chain(there.unmoved.iter().map(|one| &one.name))
            .chain(there.objects.iter().map(|one| &one.name))
            .chain(there.types.iter().map(|one| &one.name))
            .chain(there.extensions.iter().flat_map(|one| &one.brings))
            .filter_map(|name| name.schema.as_deref())
            .chain(there.default_schema.as_deref())
            .collect();
        let partitions = tables.iter().filter_map(|(_, table)| table.partitioning.as_ref());
        let partitions = partitions.flat_map(|p| &p.partitions).map(|partition| &partition.name);
        tables
            .iter()
            .map(|(_, table)| &table.name)
            .chain(partitions)
            .chain(enums.iter().map(|one| &one.name))
            .chain(self.types.iter().map(|one| &one.name))
            .chain(sequences.iter().map(|one| &one.name))
            .chain(self.made_beside().map(|one| &one.name))
            .filter_map(|name| name.schema.clone())
            .filter(|schema| !known.contains(schema.as_str()))
            .collect()
    }

    /// Whether the target has, or will have, a type that is not the server's own.
    pub(super) fn has_type(&self, name: &TableName) -> bool {
        let (from, there) = (&self.wanted.from, &self.wanted.existing);
        let mut own = self.types.iter().chain(&there.types);
        from.enums.iter().chain(&there.enums).any(|one| one.name == *name)
            || own.any(|one| one.name == *name || one.beside.as_ref() == Some(name))
            || self.brings(name)
            || there.unmoved.iter().any(|o| o.name == *name && o.kind.ends_with("type"))
    }

    /// What a PostgreSQL expression mentions and the target will not have; `None` when it has all.
    pub(super) fn missing(&self, expression: &str) -> Option<String> {
        let found = mentions(expression);
        let call = found.calls.iter().find(|call| !self.has_function(call));
        let other = found.types.iter().find(|name| !self.has_type_or_like(name));
        let relation = found.relations.iter().find(|name| !self.has_sequence(name));
        let name = call.or(other).or(relation)?;
        Some(match (self.brought_by(name), self.remedy(name)) {
            (Some(one), Some(remedy)) => format!("{name} of the extension {}: {remedy}", one.name),
            (Some(_) | None, _) => name.to_string(),
        })
    }

    fn has_sequence(&self, name: &TableName) -> bool {
        let (from, there) = (&self.wanted.from, &self.wanted.existing);
        let numbered = there.tables.iter().flat_map(|table| &table.columns);
        let mut behind = numbered.filter_map(|c| c.identity.as_ref()?.sequence.as_ref());
        self.sequences.has(name)
            || from.sequences.iter().chain(&there.sequences).any(|one| one.name == *name)
            || behind.any(|sequence| sequence.name == *name)
    }

    fn has_function(&self, name: &TableName) -> bool {
        let (from, there) = (&self.wanted.from.objects, &self.wanted.existing.objects);
        let named = |other: &Object| other.kind == ObjectKind::Routine && other.name == *name;
        there.iter().any(named) || self.beside.makes_early(from, name) || self.brings(name)
    }

    /// A type, or something else that stands in an expression like one: an operator class.
    fn has_type_or_like(&self, name: &TableName) -> bool {
        self.has_type(name) || self.wanted.existing.unmoved.iter().any(|other| other.name == *name)
    }
}

fn create(one: &Sequence) -> Vec<String> {
    let name = quote::table(&one.name);
    let cycle = if one.cycle { " CYCLE" } else { "" };
    let create = format!(
        "CREATE SEQUENCE {name} AS {} INCREMENT BY {} MINVALUE {} MAXVALUE {} START WITH {} \
         CACHE {}{cycle}",
        one.native, one.increment, one.min, one.max, one.start, one.cache
    );
    let mut statements = vec![create];
    let literal = quote::literal(&name.to_string());
    match (one.last, one.restart) {
        (Some(last), _) => statements.push(format!("SELECT pg_catalog.setval({literal}, {last})")),
        (None, Some(next)) if next != one.start => {
            statements.push(format!("SELECT pg_catalog.setval({literal}, {next}, false)"));
        }
        (None, _) => {}
    }
    if let Some(comment) = &one.comment {
        statements.push(format!("COMMENT ON SEQUENCE {name} IS {}", quote::literal(comment)));
    }
    statements
}
