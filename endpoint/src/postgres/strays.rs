//! Rows that lead nowhere, counted before they move.

use std::time::Instant;

use protocol::fault::Fault;

use super::Postgres;
use super::connect::Duty;
use crate::sql::links::{COUNT_ALL_WITHIN, COUNT_ONE_WITHIN};
use crate::sql::quote;
use crate::{Link, Strays};

impl Postgres {
    /// Counts for each foreign key, one after another on one connection.
    pub(super) async fn count_strays(&self, links: &[Link]) -> Result<Vec<Option<Strays>>, Fault> {
        if links.is_empty() {
            return Ok(Vec::new());
        }
        let link = self.door.open("longhaul:orphans", Duty::Read).await?;
        link.batch(&format!("SET statement_timeout = {}", COUNT_ONE_WITHIN.as_millis())).await?;
        let begun = Instant::now();
        let mut counted = Vec::new();
        for one in links {
            if begun.elapsed() > COUNT_ALL_WITHIN {
                counted.push(None);
                continue;
            }
            let question = one.question(
                |table| quote::table(table).to_string(),
                |name| quote::name(name).to_string(),
                |there, here| format!("{there}::text COLLATE \"C\" = {here}::text COLLATE \"C\""),
            );
            // Sums of integers are of other types than counts.
            let question = format!("SELECT s.a::bigint, s.b::bigint FROM ({question}) AS s (a, b)");
            counted.push(match link.query(&question).await {
                Ok(rows) => rows.first().and_then(|row| {
                    let number = |at: usize| u64::try_from(row.try_get::<_, i64>(at).ok()?).ok();
                    Some(Strays::of(number(0)?, number(1)?))
                }),
                // It takes too long, or is not understood: then nothing is known.
                Err(fault) if fault.named().is_some() => None,
                Err(fault) => return Err(fault),
            });
        }
        Ok(counted)
    }
}
