//! Rows that lead nowhere, counted before they move: MySQL takes them while `foreign_key_checks` is off,
//! and forgets that it did.

use std::time::Instant;

use protocol::fault::Fault;

use super::connect::Duty;
use super::{MySql, words};
use crate::sql::links::{COUNT_ALL_WITHIN, COUNT_ONE_WITHIN};
use crate::{Link, Strays};

impl MySql {
    /// Counts for each foreign key, one after another on one connection.
    pub(super) async fn count_strays(&self, links: &[Link]) -> Result<Vec<Option<Strays>>, Fault> {
        if links.is_empty() {
            return Ok(Vec::new());
        }
        let mut link = self.door.open("longhaul:orphans", Duty::Read).await?;
        link.run(&link.met().server.within(COUNT_ONE_WITHIN)).await?;
        let begun = Instant::now();
        let mut counted = Vec::new();
        for one in links {
            if begun.elapsed() > COUNT_ALL_WITHIN {
                counted.push(None);
                continue;
            }
            let bytes = |column: &str| format!("CAST(CONVERT({column} USING utf8mb4) AS BINARY)");
            let exactly = |there: &str, here: &str| format!("{} = {}", bytes(there), bytes(here));
            let asked = link.query(&one.question(words::table, words::name, exactly)).await;
            counted.push(match asked {
                Ok(rows) => strays(rows),
                // It takes too long, or is not understood: then nothing is known.
                Err(fault) if fault.named().is_some() => None,
                Err(fault) => return Err(fault),
            });
        }
        Ok(counted)
    }
}

fn strays(rows: Vec<Vec<Option<String>>>) -> Option<Strays> {
    let mut cells = rows.into_iter().next()?.into_iter().map(|cell| cell?.parse::<u64>().ok());
    Some(Strays::of(cells.next()??, cells.next()??))
}
