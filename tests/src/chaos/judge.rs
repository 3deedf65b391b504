//! The judgement over a round: what is true of the target when the run has ended.

use serde_json::Value;
use tokio::time::{Duration, Instant, sleep};
use tokio_postgres::Client;

use super::school;
use super::world::World;

/// How long sessions of a run that is over may be there.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// Everything that is wrong, in sentences. Empty: the round is good.
pub(super) async fn judge(world: &World, database: &str, run: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let (from, to) = (
        school::digests(&world.source, school::SOURCE).await,
        school::digests(&world.target, database).await,
    );
    for ((table, read), (_, written)) in from.iter().zip(&to) {
        if read != written {
            wrong.push(format!("{table} differs: {read} were to be there, and {written} are"));
        }
    }
    let client = world.target.client(database).await;
    let without = "SELECT count(*) FROM longhaul.plan p LEFT JOIN longhaul.receipt r
                     ON r.run = p.run AND r.chunk = p.chunk AND r.outcome = 'done'
                    WHERE r.chunk IS NULL";
    let beside = "SELECT count(*) FROM longhaul.receipt r LEFT JOIN longhaul.plan p
                    ON r.run = p.run AND r.chunk = p.chunk
                   WHERE p.chunk IS NULL OR r.outcome <> 'done'";
    for (query, what) in [(without, "chunks without a receipt"), (beside, "receipts of no chunk")] {
        let found = count(&client, query).await;
        if found != 0 {
            wrong.push(format!("{found} {what}"));
        }
    }
    wrong.extend(left_over(&client, run).await);
    wrong
}

/// What a report says of the run that is wrong.
pub(super) fn reported(report: &Value) -> Option<String> {
    let verdict = &report["verdict"];
    (verdict != "verified").then(|| format!("the report's verdict is {verdict}"))
}

/// How far a run has come that did not end: what is open by stage, and when the last receipt was
/// written.
pub(super) async fn stands(world: &World, database: &str) -> String {
    let query = "SELECT format('%s, epoch %s; %s of %s chunks are done, the last %s s ago', r.state, r.epoch,
                        (SELECT count(*) FROM longhaul.receipt WHERE outcome = 'done'),
                        (SELECT count(*) FROM longhaul.plan),
                        (SELECT round(extract(epoch FROM now()) - max(finished) / 1000000)
                           FROM longhaul.receipt WHERE outcome = 'done'))
                   FROM longhaul.run r";
    match world.target.client(database).await.query_one(query, &[]).await {
        Ok(row) => row.get(0),
        Err(error) => format!("{error:?}"),
    }
}

/// How many chunks a plan has.
pub(super) async fn chunks(world: &World, database: &str) -> i64 {
    count(&world.target.client(database).await, "SELECT count(*) FROM longhaul.plan").await
}

/// How many entries stand in the target beyond the first of each.
pub(super) async fn doubled(world: &World, database: &str) -> i64 {
    let client = world.target.client(database).await;
    count(&client, "SELECT count(*) - count(DISTINCT id) FROM entry").await
}

/// In which term the run ended.
pub(super) async fn epoch(world: &World, database: &str) -> i64 {
    let client = world.target.client(database).await;
    count(&client, "SELECT max(epoch) FROM longhaul.run").await
}

async fn count(client: &Client, query: &str) -> i64 {
    match client.query_one(query, &[]).await {
        Ok(row) => row.get(0),
        Err(error) => panic!("{query}: {error:?}"),
    }
}

/// Sessions of the run that do not go away.
async fn left_over(client: &Client, run: &str) -> Option<String> {
    let query = format!(
        "SELECT coalesce(string_agg(application_name, ', '), '') FROM pg_stat_activity
          WHERE application_name LIKE 'longhaul:{run}:%'"
    );
    let until = Instant::now() + GONE_WITHIN;
    loop {
        let row = client.query_one(&query, &[]).await.expect("the query is understood");
        let left: String = row.get(0);
        if left.is_empty() {
            return None;
        }
        if Instant::now() > until {
            return Some(format!("sessions are left: {left}"));
        }
        sleep(Duration::from_millis(100)).await;
    }
}
