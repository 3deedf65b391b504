//! A bare table, with its partitions and comments.

use protocol::fault::Fault;
use protocol::id::EntityId;
use protocol::plan::{Level, Stage, StepKind, said};
use protocol::schema::{Partition, Partitioning, Table, TableName};

use super::peculiar::{before_rows, inherits, of_its_own};
use super::{Draft, Made};
use crate::DesignedColumn;
use crate::sql::quote;

impl Draft<'_> {
    /// Designs the table's columns and the steps that make it bare.
    pub(super) fn table(
        &mut self,
        id: EntityId,
        tables: &[(EntityId, Table)],
        at: usize,
        ground: &[usize],
    ) -> Result<Vec<DesignedColumn>, Fault> {
        let table = &tables[at].1;
        let (mut clauses, mut designed) = (Vec::new(), Vec::new());
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for column in &table.columns {
            let made = self.column(table, column)?;
            before.extend(made.sequence.0);
            after.extend(made.sequence.1);
            if !table.peculiar.inherited.contains(&column.name) {
                clauses.push(made.clause);
            }
            designed.push(made.designed);
        }
        let unlogged = if table.durable { "" } else { "UNLOGGED " };
        let by = table.partitioning.as_ref().map(|p| format!(" PARTITION BY {}", p.by));
        let mut statements = before;
        statements.push(format!(
            "CREATE {}TABLE {} ({}){}{}",
            // A partitioned table has no rows of its own that could be logged.
            if by.is_some() { "" } else { unlogged },
            quote::table(&table.name),
            clauses.join(", "),
            inherits(table),
            by.unwrap_or_default()
        ));
        statements.append(&mut after);
        statements.extend(self.sequences.given_to(&table.name));
        statements.extend(of_its_own(table, tables));
        statements.extend(before_rows(table));
        for partition in table.partitioning.iter().flat_map(|cut| moved(table, cut)) {
            self.names.claim(&partition.name)?;
            statements.push(create_partition(&partition));
            if let Some(own) = &partition.own {
                statements.extend(self.part(own));
            }
        }
        let made = Made::new(StepKind::Table, format!("table {}", table.name), statements);
        let parents = table.peculiar.parents.iter().filter_map(|name| self.made.get(name).copied());
        let after: Vec<_> = ground.iter().copied().chain(parents).collect();
        let place = self.step(Stage::Prepare, Some(id), made, &after);
        self.made.insert(table.name.clone(), place);
        self.comments(id, table, place);
        Ok(designed)
    }

    /// What makes a partition differ from its root before its rows come.
    fn part(&mut self, own: &Table) -> Vec<String> {
        let name = quote::table(&own.name).to_string();
        let mut statements = Vec::new();
        if let Some(comment) = &own.comment {
            statements.push(format!("COMMENT ON TABLE {name} IS {}", quote::literal(comment)));
        }
        for column in &own.columns {
            let quoted = quote::name(&column.name);
            let alter = format!("ALTER TABLE {name} ALTER COLUMN {quoted}");
            match &column.default {
                Some(default) => match self.expression(own, default) {
                    Ok(default) => statements.push(format!("{alter} SET DEFAULT {default}")),
                    Err(why) => {
                        let text = format!("default of {} stays behind: {why}", column.name);
                        self.note(Level::Left, &own.name, said("default", &column.name, text));
                    }
                },
                None if !column.native.is_empty() => {
                    statements.push(format!("{alter} DROP DEFAULT"))
                }
                None => {}
            }
            if !column.nullable {
                statements.push(format!("{alter} SET NOT NULL"));
            }
            if let Some(comment) = &column.comment {
                let comment = quote::literal(comment);
                statements.push(format!("COMMENT ON COLUMN {name}.{quoted} IS {comment}"));
            }
        }
        statements.extend(before_rows(own));
        statements
    }

    fn comments(&mut self, id: EntityId, table: &Table, place: usize) {
        let name = quote::table(&table.name);
        let whole = table.comment.iter().map(|comment| (format!("TABLE {name}"), comment));
        let columns = table.columns.iter().filter_map(|column| {
            let object = format!("COLUMN {name}.{}", quote::name(&column.name));
            column.comment.as_ref().map(|comment| (object, comment))
        });
        let statements: Vec<_> = whole
            .chain(columns)
            .map(|(object, comment)| format!("COMMENT ON {object} IS {}", quote::literal(comment)))
            .collect();
        if !statements.is_empty() {
            let what = format!("comments of {}", table.name);
            let made = Made::new(StepKind::Comment, what, statements);
            self.step(Stage::Prepare, Some(id), made, &[place]);
        }
    }
}

fn create_partition(partition: &Partition) -> String {
    let by = partition.by.as_ref().map(|by| format!(" PARTITION BY {by}"));
    let durable = partition.own.as_ref().is_none_or(|own| own.durable);
    format!(
        "CREATE {}TABLE {} PARTITION OF {} {}{}",
        if durable || by.is_some() { "" } else { "UNLOGGED " },
        quote::table(&partition.name),
        quote::table(&partition.parent),
        partition.bound,
        by.unwrap_or_default()
    )
}

/// What partitions have for themselves, as tables, under the names that they get.
pub(super) fn parts(table: &Table) -> Vec<Table> {
    let partitions = table.partitioning.iter().flat_map(|cut| moved(table, cut));
    partitions.filter_map(|partition| partition.own.map(|own| *own)).collect()
}

/// The partitions under the table's own new name, and in its schema when they stood in the
/// schema of the old one.
fn moved(table: &Table, partitioning: &Partitioning) -> Vec<Partition> {
    let partitions = &partitioning.partitions;
    let is_partition = |name: &TableName| partitions.iter().any(|p| p.name == *name);
    // The only parent that is not itself a partition is the root, by the name it had.
    let Some(old) = partitions.iter().map(|p| &p.parent).find(|p| !is_partition(p)) else {
        return partitions.clone();
    };
    let moved = |name: &TableName| {
        if name == old {
            return table.name.clone();
        }
        let schema = if name.schema == old.schema { &table.name.schema } else { &name.schema };
        TableName { schema: schema.clone(), name: name.name.clone() }
    };
    let each = partitions.iter().map(|partition| {
        let name = moved(&partition.name);
        let own = partition.own.clone().map(|own| Box::new(Table { name: name.clone(), ..*own }));
        Partition { name, parent: moved(&partition.parent), own, ..partition.clone() }
    });
    each.collect()
}
