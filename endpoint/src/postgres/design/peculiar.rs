//! What only PostgreSQL gives a table: parents, a type, statistics, and everything small.

use std::collections::BTreeMap;

use protocol::id::EntityId;
use protocol::plan::{Level, said};
use protocol::schema::{IdentityKind, Part, Property, PropertyKind, Table, TableName};

use super::Draft;
use crate::sql::quote;

impl Draft<'_> {
    /// Makes tables of their own of those whose parents will not be there as they were.
    pub(super) fn settle_heirs(&mut self, tables: &mut [(EntityId, Table)]) {
        // A table that stands alone may take what its heirs wanted from its parents.
        loop {
            let orphan = tables.iter().position(|(_, table)| {
                let able = |parent: &TableName| self.parent(tables, table, parent);
                !table.peculiar.parents.iter().all(able)
            });
            let Some(at) = orphan else { return };
            let table = &mut tables[at].1;
            for parent in std::mem::take(&mut table.peculiar.parents) {
                let text = format!(
                    "does not inherit from {parent}, which is not there as it is in the source; a query of \
                     that does not see these rows"
                );
                self.note(Level::Left, &table.name, said("inheritance", &parent, text));
            }
            (table.peculiar.inherited, table.peculiar.inherited_checks) = (Vec::new(), Vec::new());
        }
    }

    /// Whether the parent is new, or there with every column that the heir has from it.
    fn parent(&self, tables: &[(EntityId, Table)], heir: &Table, parent: &TableName) -> bool {
        if tables.iter().any(|(_, table)| table.name == *parent) {
            return true;
        }
        let Some(there) = self.wanted.existing.table(parent) else { return false };
        let source = self.wanted.from.table(parent);
        let of_parent = |name: &&String| source.is_some_and(|s| s.column(name).is_some());
        heir.peculiar.inherited.iter().filter(of_parent).all(|name| {
            let (here, there) = (heir.column(name), there.column(name));
            here.zip(there).is_some_and(|(here, there)| here.own_type() == there.own_type())
        })
    }
}

/// Positions of tables, each behind those that it inherits from.
pub(super) fn parents_first(tables: &[(EntityId, Table)]) -> Vec<usize> {
    let places: BTreeMap<_, _> =
        tables.iter().enumerate().map(|(at, (_, table))| (&table.name, at)).collect();
    let (mut order, mut seen) = (Vec::new(), vec![false; tables.len()]);
    for start in 0..tables.len() {
        let mut open = vec![(start, false)];
        while let Some((at, entered)) = open.pop() {
            if entered {
                order.push(at);
            } else if !std::mem::replace(&mut seen[at], true) {
                open.push((at, true));
                let parents = tables[at].1.peculiar.parents.iter();
                open.extend(parents.filter_map(|name| places.get(name)).map(|at| (*at, false)));
            }
        }
    }
    order
}

/// ` INHERITS (…)`.
pub(super) fn inherits(table: &Table) -> String {
    let parents: Vec<_> =
        table.peculiar.parents.iter().map(|parent| quote::table(parent).to_string()).collect();
    match parents.is_empty() {
        true => String::new(),
        false => format!(" INHERITS ({})", parents.join(", ")),
    }
}

/// What makes inherited columns differ from those of the parents where they do in the source.
pub(super) fn of_its_own(table: &Table, tables: &[(EntityId, Table)]) -> Vec<String> {
    let name = quote::table(&table.name);
    let parents: Vec<_> = table
        .peculiar
        .parents
        .iter()
        .filter_map(|parent| tables.iter().map(|(_, table)| table).find(|t| t.name == *parent))
        .collect();
    let mut statements = Vec::new();
    for inherited in &table.peculiar.inherited {
        let Some(column) = table.column(inherited).filter(|c| c.generated.is_none()) else {
            continue;
        };
        let above = parents.iter().find_map(|parent| parent.column(inherited));
        let alter = format!("ALTER TABLE ONLY {name} ALTER COLUMN {}", quote::name(inherited));
        let counted = above.is_some_and(|c| {
            c.identity.as_ref().is_some_and(|identity| identity.kind == IdentityKind::Serial)
        });
        let default = above.and_then(|c| c.default.as_ref());
        match &column.default {
            Some(own) if Some(own) != default && !counted => {
                statements.push(format!("{alter} SET DEFAULT {own}"));
            }
            None if default.is_some() || counted => {
                statements.push(format!("{alter} DROP DEFAULT"))
            }
            Some(_) | None => {}
        }
        if !column.nullable && above.is_none_or(|above| above.nullable) {
            statements.push(format!("{alter} SET NOT NULL"));
        }
    }
    statements
}

/// What is set on a table, or a partition, before its rows come.
pub(super) fn before_rows(table: &Table) -> Vec<String> {
    let name = quote::table(&table.name);
    let own = &table.peculiar;
    let mut statements: Vec<_> = own.properties.iter().filter_map(|one| set(table, one)).collect();
    if let Some(of) = &own.of {
        statements.push(format!("ALTER TABLE {name} OF {}", quote::table(of)));
    }
    statements
}

fn set(table: &Table, one: &Property) -> Option<String> {
    let name = quote::table(&table.name);
    let value = &one.value;
    let set = match (one.kind, &one.of) {
        (PropertyKind::StorageParameters, _) => {
            return Some(format!("ALTER TABLE {name} SET ({value})"));
        }
        (PropertyKind::StatisticsTarget, Part::Column(_)) => format!("SET STATISTICS {value}"),
        (PropertyKind::Storage, _) => format!("SET STORAGE {value}"),
        (PropertyKind::Compression, _) => format!("SET COMPRESSION {value}"),
        (PropertyKind::ColumnOptions, _) => format!("SET ({value})"),
        (
            PropertyKind::StatisticsTarget
            | PropertyKind::Cluster
            | PropertyKind::ReplicaIdentity
            | PropertyKind::Comment,
            _,
        ) => return None,
    };
    let Part::Column(column) = &one.of else { return None };
    Some(format!("ALTER TABLE ONLY {name} ALTER COLUMN {} {set}", quote::name(column)))
}

/// What is set once the indexes are there. `names` are those that indexes and keys got, by their own.
pub(super) fn behind_indexes(table: &Table, names: &BTreeMap<String, String>) -> Vec<String> {
    let name = quote::table(&table.name);
    let set = |one: &Property| {
        let index = match &one.of {
            Part::Index(index) | Part::IndexColumn(index, _) => Some(names.get(index)?),
            Part::Table | Part::Column(_) | Part::Constraint(_) => None,
        };
        let whole = |index: &String| {
            quote::table(&TableName { schema: table.name.schema.clone(), name: index.clone() })
                .to_string()
        };
        Some(match (one.kind, &one.of, index) {
            (PropertyKind::Cluster, _, Some(index)) => {
                format!("ALTER TABLE {name} CLUSTER ON {}", quote::name(index))
            }
            (PropertyKind::ReplicaIdentity, Part::Table, _) => {
                format!("ALTER TABLE {name} REPLICA IDENTITY {}", one.value)
            }
            (PropertyKind::ReplicaIdentity, _, Some(index)) => {
                format!("ALTER TABLE {name} REPLICA IDENTITY USING INDEX {}", quote::name(index))
            }
            (PropertyKind::Comment, _, Some(index)) => {
                format!("COMMENT ON INDEX {} IS {}", whole(index), quote::literal(&one.value))
            }
            (PropertyKind::StatisticsTarget, Part::IndexColumn(_, at), Some(index)) => {
                format!(
                    "ALTER INDEX {} ALTER COLUMN {at} SET STATISTICS {}",
                    whole(index),
                    one.value
                )
            }
            _ => return None,
        })
    };
    let mut statements: Vec<_> = table.peculiar.properties.iter().filter_map(set).collect();
    for one in &table.peculiar.statistics {
        let statistics = quote::table(&one.name);
        statements.push(format!("CREATE STATISTICS {statistics} {} FROM {name}", one.clause));
        if let Some(target) = one.target {
            statements.push(format!("ALTER STATISTICS {statistics} SET STATISTICS {target}"));
        }
        if let Some(comment) = &one.comment {
            let comment = quote::literal(comment);
            statements.push(format!("COMMENT ON STATISTICS {statistics} IS {comment}"));
        }
    }
    statements
}
