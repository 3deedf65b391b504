//! Rows that lead nowhere, counted before they move: SQLite looks at foreign keys only where a connection
//! asks for it.

use std::time::Instant;

use protocol::fault::Fault;

use super::File;
use super::faults::Doing;
use crate::sql::links::{COUNT_ALL_WITHIN, COUNT_ONE_WITHIN};
use crate::sql::quote;
use crate::{Link, Strays};

impl File {
    /// Counts for each foreign key, one after another on one connection.
    pub(super) async fn count_strays(&self, links: &[Link]) -> Result<Vec<Option<Strays>>, Fault> {
        if links.is_empty() {
            return Ok(Vec::new());
        }
        let exactly = |there: &str, here: &str| format!("{there} = {here} COLLATE BINARY");
        let question = |one: &Link| {
            let table = |table: &_| quote::table(table).to_string();
            one.question(table, |name| quote::name(name).to_string(), exactly)
        };
        let reader = self.pool.reader().await?;
        let stop = reader.link.call(Doing::Read, |c| Ok(c.get_interrupt_handle())).await?;
        let begun = Instant::now();
        let mut counted = Vec::new();
        for one in links {
            if begun.elapsed() > COUNT_ALL_WITHIN {
                counted.push(None);
                continue;
            }
            let question = question(one);
            let mut asked = Box::pin(reader.link.call(Doing::Read, move |connection| {
                let number = |row: &rusqlite::Row<'_>, at| {
                    row.get::<_, i64>(at).map(|n| u64::try_from(n).unwrap_or_default())
                };
                let both =
                    |row: &rusqlite::Row<'_>| Ok(Strays::of(number(row, 0)?, number(row, 1)?));
                connection.query_row(&question, [], both)
            }));
            let answer = match tokio::time::timeout(COUNT_ONE_WITHIN, &mut asked).await {
                Ok(answer) => answer,
                Err(_) => {
                    stop.interrupt();
                    asked.await
                }
            };
            // What is not understood, or takes too long, is not counted.
            counted.push(answer.ok());
        }
        Ok(counted)
    }
}
