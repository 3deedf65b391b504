//! Sequences of MariaDB, which stand among its tables.

use protocol::fault::Fault;
use protocol::schema::{Sequence, TableName};

use crate::mysql::connect::Link;
use crate::mysql::words;

/// A sequence, and where it goes on; nothing where the user may not read it.
///
/// The server remembers the first number that no session has taken aside yet, and forgets the others
/// when it is started anew; so it goes on from there, and no number is handed out twice.
pub(super) async fn sequence(
    link: &mut Link,
    name: &str,
    comment: Option<String>,
) -> Result<Option<Sequence>, Fault> {
    let select = format!(
        "SELECT next_not_cached_value, minimum_value, maximum_value, start_value, increment, \
                cache_size, cycle_option FROM {}",
        words::name(name)
    );
    let row = match link.query(&select).await {
        Ok(rows) => rows.into_iter().next().unwrap_or_default(),
        // The server has an answer, and it is no.
        Err(fault) if fault.named().is_some() => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let numbers: Option<Vec<i64>> = row.into_iter().map(|cell| cell?.parse().ok()).collect();
    let Some([next, min, max, start, increment, cache, cycle]) = numbers.as_deref() else {
        return Ok(None);
    };
    Ok(Some(Sequence {
        name: TableName::bare(name),
        start: *start,
        increment: *increment,
        min: *min,
        max: *max,
        cycle: *cycle != 0,
        native: "bigint".to_owned(),
        cache: (*cache).max(1),
        last: None,
        restart: Some(*next),
        hidden: false,
        owner: None,
        comment,
    }))
}
