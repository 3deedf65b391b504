//! A design tried out in memory, on the schema that the file has.

use protocol::fault::Fault;

use super::File;
use super::faults::{self, Doing};
use super::link::prepare_connection;
use crate::DesignedStep;
use crate::rehearse::{Cast, Refused, Rehearsal};

/// What makes the schema of a file anew, without its rows: tables before what stands on them.
const SCHEMA: &str = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' \
     ESCAPE '\\' ORDER BY type <> 'table', rowid";

impl File {
    /// Tries the steps in a database that lives in memory only.
    pub(super) async fn try_out(&self, steps: &[DesignedStep]) -> Result<Rehearsal, Fault> {
        if steps.is_empty() {
            return Ok(Rehearsal::default());
        }
        let schema = self.schema().await?;
        let (steps, place) = (steps.to_vec(), self.place.shown.clone());
        let played = tokio::task::spawn_blocking(move || play(&steps, &schema, &place)).await;
        played.unwrap_or_else(|_| Err(faults::closed(&self.place.shown)))
    }

    async fn schema(&self) -> Result<Vec<String>, Fault> {
        if !self.place.is_there() {
            return Ok(Vec::new());
        }
        let reader = self.pool.reader().await?;
        let all = |connection: &mut rusqlite::Connection| {
            let mut statement = connection.prepare(SCHEMA)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        };
        reader.link.call(Doing::Read, all).await
    }
}

fn play(steps: &[DesignedStep], schema: &[String], place: &str) -> Result<Rehearsal, Fault> {
    let here = |error: &rusqlite::Error| faults::fault(place, Doing::Write, error);
    let mut memory = rusqlite::Connection::open_in_memory().map_err(|error| here(&error))?;
    prepare_connection(&mut memory).map_err(|error| here(&error))?;
    for statement in schema {
        // What needs a module that only others bring is not there; nothing that we make rests on it.
        let _ = memory.execute_batch(statement);
    }
    let mut cast = Cast::new(steps);
    for (at, step) in steps.iter().enumerate() {
        if !cast.is_worth_it(at) || !cast.can_play(at) {
            continue;
        }
        memory.execute_batch("SAVEPOINT lh").map_err(|error| here(&error))?;
        let failed = step.step.statements.iter().find_map(|statement| {
            run(&memory, statement).err().map(|error| (statement.clone(), error))
        });
        let end = match &failed {
            Some(_) => "ROLLBACK TO lh; RELEASE lh",
            None => "RELEASE lh",
        };
        memory.execute_batch(end).map_err(|error| here(&error))?;
        if let Some((statement, error)) = failed {
            let refused = Refused { fault: here(&error), words: faults::words(&error) };
            cast.fails(at, &statement, refused)?;
        }
    }
    Ok(cast.ends())
}

/// Runs one statement to its end: some say what is wrong only with their first row.
fn run(memory: &rusqlite::Connection, statement: &str) -> rusqlite::Result<()> {
    let mut statement = memory.prepare(statement)?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
