//! A bare table, with its partitions and comments.

use protocol::fault::Fault;
use protocol::id::EntityId;
use protocol::plan::{Stage, StepKind};
use protocol::schema::{Partition, Partitioning, Table, TableName};

use super::{Draft, Made};
use crate::sql::quote;

impl Draft<'_> {
    /// Designs the table's columns and the steps that make it bare.
    pub(super) fn table(
        &mut self,
        id: EntityId,
        table: &Table,
        ground: &[usize],
    ) -> Result<(), Fault> {
        let (mut clauses, mut designed) = (Vec::new(), Vec::new());
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for column in &table.columns {
            let made = self.column(table, column)?;
            before.extend(made.sequence.0);
            after.extend(made.sequence.1);
            clauses.push(made.clause);
            designed.push(made.designed);
        }
        let unlogged = if table.durable { "" } else { "UNLOGGED " };
        let by = table.partitioning.as_ref().map(|p| format!(" PARTITION BY {}", p.by));
        let mut statements = before;
        statements.push(format!(
            "CREATE {}TABLE {} ({}){}",
            // A partitioned table has no rows of its own that could be logged.
            if by.is_some() { "" } else { unlogged },
            quote::table(&table.name),
            clauses.join(", "),
            by.unwrap_or_default()
        ));
        statements.append(&mut after);
        statements.extend(self.sequences.given_to(&table.name));
        if let Some(partitioning) = &table.partitioning {
            for partition in moved(table, partitioning) {
                self.names.claim(&partition.name)?;
                statements.push(create_partition(&partition, unlogged));
            }
        }
        self.design.columns.push(designed);
        let made = Made::new(StepKind::Table, format!("table {}", table.name), statements);
        let place = self.step(Stage::Prepare, Some(id), made, ground);
        self.comments(id, table, place);
        Ok(())
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

fn create_partition(partition: &Partition, unlogged: &str) -> String {
    let by = partition.by.as_ref().map(|by| format!(" PARTITION BY {by}"));
    format!(
        "CREATE {}TABLE {} PARTITION OF {} {}{}",
        if by.is_some() { "" } else { unlogged },
        quote::table(&partition.name),
        quote::table(&partition.parent),
        partition.bound,
        by.unwrap_or_default()
    )
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
    let each = partitions.iter().map(|partition| Partition {
        name: moved(&partition.name),
        parent: moved(&partition.parent),
        ..partition.clone()
    });
    each.collect()
}
