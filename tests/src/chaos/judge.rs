//! The judgement over a round: what is true of the target when the run has ended.

use serde_json::Value;
use tokio::time::{Duration, Instant, sleep};

use super::school;
use super::server::{Engine, Server};
use super::world::World;

/// How long sessions of a run that is over may be there.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// How many rows that are not there, or too many, are shown.
const SHOWN: usize = 3;

/// Everything that is wrong, in sentences. Empty: the round is good.
pub(super) async fn judge(world: &World, database: &str, run: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let (from, to) = (
        school::rows(&world.source, school::SOURCE).await,
        school::rows(&world.target, database).await,
    );
    for ((table, read), (_, written)) in from.iter().zip(&to) {
        wrong.extend(differing(table, read, written));
    }
    let books = world.target.engine().books();
    let without = format!(
        "{books}plan p LEFT JOIN {books}receipt r
            ON r.run = p.run AND r.chunk = p.chunk AND r.outcome = 'done'
         WHERE r.chunk IS NULL"
    );
    let beside = format!(
        "{books}receipt r LEFT JOIN {books}plan p ON r.run = p.run AND r.chunk = p.chunk
          WHERE p.chunk IS NULL OR r.outcome <> 'done'"
    );
    for (from, what) in [(without, "chunks without a receipt"), (beside, "receipts of no chunk")] {
        let found = world.target.count(database, "count(*)", &from).await;
        if found != 0 {
            wrong.push(format!("{found} {what}"));
        }
    }
    wrong.extend(left_over(&world.target, database, run).await);
    wrong
}

/// Where a table is not what it was to be: both sides are sorted.
fn differing(table: &str, read: &[String], written: &[String]) -> Option<String> {
    if read == written {
        return None;
    }
    let lacks = |these: &[String], those: &[String]| {
        let missing = these.iter().filter(|row| those.binary_search(row).is_err());
        missing.take(SHOWN).cloned().collect::<Vec<_>>()
    };
    Some(format!(
        "{table} differs: {} rows were to be there, and {} are; missing {:?}, too much {:?}",
        read.len(),
        written.len(),
        lacks(read, written),
        lacks(written, read)
    ))
}

/// What a report says of the run that is wrong.
pub(super) fn reported(report: &Value) -> Option<String> {
    let verdict = &report["verdict"];
    (verdict != "verified").then(|| format!("the report's verdict is {verdict}"))
}

/// How far a run has come that did not end: in which state it is, how many chunks are done, and when
/// the last receipt was written; or why that cannot be told.
pub(super) async fn stands(server: &Server, database: &str) -> String {
    match server.try_texts(database, &server.engine().standing()).await {
        Ok(said) if said.is_empty() => "no run is there".to_owned(),
        Ok(said) => said.join("; "),
        Err(error) => error,
    }
}

/// How many chunks a plan has.
pub(super) async fn chunks(world: &World, database: &str) -> i64 {
    let plan = format!("{}plan", world.target.engine().books());
    world.target.count(database, "count(*)", &plan).await
}

/// How many rows stand in the target beyond the first of each, in tables whose rows have a key in the
/// source. A table that has not been made holds none.
pub(super) async fn doubled(world: &World, database: &str) -> i64 {
    let mut doubled = 0;
    for (table, key) in school::KEYS {
        let made = format!(
            "information_schema.tables
              WHERE table_name = '{table}' AND table_schema IN ('public', '{database}')"
        );
        if world.target.count(database, "count(*)", &made).await == 0 {
            continue;
        }
        let beyond = format!(
            "(SELECT count(*) AS all_of_them FROM {table}) a,
             (SELECT count(*) AS kinds FROM (SELECT DISTINCT {key} FROM {table}) d) k"
        );
        doubled += world.target.count(database, "all_of_them - kinds", &beyond).await;
    }
    doubled
}

/// In which term the run ended.
pub(super) async fn epoch(world: &World, database: &str) -> i64 {
    let run = format!("{}run", world.target.engine().books());
    world.target.count(database, "max(epoch)", &run).await
}

/// Sessions of the run that do not go away.
async fn left_over(server: &Server, database: &str, run: &str) -> Option<String> {
    let query = match server.engine() {
        Engine::Postgres => format!(
            "SELECT application_name FROM pg_stat_activity
              WHERE application_name LIKE 'longhaul:{run}:%'"
        ),
        Engine::Mariadb => format!(
            "SELECT s.label FROM longhaul_session s
               JOIN information_schema.processlist p ON p.id = s.id AND p.host = s.seen
              WHERE s.label LIKE 'longhaul:{run}:%'"
        ),
    };
    let until = Instant::now() + GONE_WITHIN;
    loop {
        let left = server.try_texts(database, &query).await.expect("the query is understood");
        if left.is_empty() {
            return None;
        }
        if Instant::now() > until {
            return Some(format!("sessions are left: {}", left.join(", ")));
        }
        sleep(Duration::from_millis(100)).await;
    }
}
