//! What is said of a plan that is refused, beyond the fault that refused it.

use endpoint::Target;
use protocol::fault::{Code, Fault};
use protocol::mapping::Mode;
use protocol::plan::Entity;
use protocol::schema::Catalogue;

use super::chunks::Planned;
use super::find;
use super::select::Chosen;

/// Tables that are listed.
const LISTED_MAX: usize = 10;

/// Rows that are counted of a table; of more it says so.
const COUNTED_MAX: u64 = 1_000_000;

/// The fault of one target table that holds rows already, told of all that do. Its place stays the
/// first of them.
pub(super) async fn all(
    fault: Fault,
    chosen: &[Chosen<'_>],
    there: &Catalogue,
    target: &dyn Target,
) -> Fault {
    if fault.code() != Code::TargetNotEmpty {
        return fault;
    }
    let able = target.capabilities();
    let mut tables = Vec::new();
    for one in chosen.iter().filter(|one| one.rule.mode == Mode::Create) {
        let Some(table) = find(there, &one.target, able) else { continue };
        // Whoever cannot be asked now was not the reason.
        if target.holds_rows(&table.name).await.unwrap_or(false) {
            tables.push(match target.count_rows(&table.name, COUNTED_MAX).await {
                Ok(1) => format!("{} (1 row)", table.name),
                Ok(COUNTED_MAX) => format!("{} ({COUNTED_MAX} rows or more)", table.name),
                Ok(rows) => format!("{} ({rows} rows)", table.name),
                // Counting is for the message alone.
                Err(_) => table.name.to_string(),
            });
        }
    }
    let count = tables.len();
    if count < 2 {
        return fault.saying(tables.concat());
    }
    let more = count.saturating_sub(LISTED_MAX);
    tables.truncate(LISTED_MAX);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    fault.saying(format!("{count} tables do: {}{more}", tables.join(", ")))
}

/// The fault of a condition that the source does not understand, with the columns of its table.
pub(super) fn with_columns(fault: Fault, entities: &[Planned]) -> Fault {
    let blamed = |entity: &&Entity| fault.place().starts_with(&format!("{}, ", entity.source));
    let entity = entities.iter().map(|planned| &planned.entity).find(blamed);
    let Some(entity) = entity.filter(|_| fault.code() == Code::FilterInvalid) else {
        return fault;
    };
    let columns: Vec<_> = entity.columns.iter().map(|column| column.source.as_str()).collect();
    let next = format!(
        "Correct the `where`: it is passed on as written, in the source's own SQL. Columns of {}: {}.",
        entity.source,
        columns.join(", ")
    );
    fault.next(next)
}
