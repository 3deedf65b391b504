//! What a session does to the bookkeeping inside its own chunk transaction.
//!
//! The caller has begun the transaction. Nothing here begins, commits or rolls back.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use protocol::fault::{Code, Fault};
use protocol::id::{AttemptId, ChunkId, RunId};
use protocol::plan::Plan;
use protocol::receipt::{Outcome, Receipt, Reject};
use protocol::run::State;
use protocol::schema::TableName;

use super::rows::{self, Cells};
use super::{Dialect, Param, Sql, spell};

/// Rows of one multi-row INSERT: far below every engine's limit of parameters.
pub(super) const ROWS_PER_INSERT: usize = 500;

/// Takes the run's gate shared, until the transaction ends.
pub(crate) async fn enter(sql: &mut dyn Sql, dialect: &Dialect, run: RunId) -> Result<(), Fault> {
    match dialect.gate_shared {
        Some(gate) => sql.batch(&gate(run)).await,
        None => Ok(()),
    }
}

/// Whether chunks of this run may be committed: it is running or paused, and its plan is the one that is
/// believed, where one is. To be asked behind the gate.
pub(crate) async fn admits(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    run: RunId,
    believed: Option<&str>,
) -> Result<bool, Fault> {
    let states = format!("SELECT state, fingerprint FROM {}run WHERE run = $1", dialect.prefix);
    let Some(row) = sql.query(&states, &[Param::text(run)]).await?.pop() else { return Ok(false) };
    let mut cells = Cells::of(row);
    let (state, plan): (State, String) = (cells.parse()?, cells.parse()?);
    Ok(state.admits_chunks() && believed.is_none_or(|believed| believed == plan))
}

/// Whether a target entity is the run's own. To be asked behind the gate: there it stays so.
pub(crate) async fn owns(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    run: RunId,
    entity: &TableName,
) -> Result<bool, Fault> {
    let p = dialect.prefix;
    let owners = format!("SELECT run FROM {p}owner WHERE entity = $1 AND run = $2");
    let key = dialect.owner_key(entity);
    Ok(!sql.query(&owners, &[Param::Text(key), Param::text(run)]).await?.is_empty())
}

/// The target entities of a run, by entity id; none when the run is not here. They never change, so
/// a session asks once per run.
pub(crate) async fn targets(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    run: RunId,
) -> Result<Option<Vec<TableName>>, Fault> {
    let select = format!("SELECT head FROM {}run WHERE run = $1", dialect.prefix);
    let Some(row) = sql.query(&select, &[Param::text(run)]).await?.pop() else { return Ok(None) };
    let head: Plan = Cells::of(row).json()?;
    Ok(Some(head.entities.into_iter().map(|entity| entity.target).collect()))
}

/// Inserts the receipt as open, under this attempt. False when the chunk has one already; where
/// another attempt's is in flight, the engine first waits for the end of that.
pub(crate) async fn open_receipt(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    run: RunId,
    chunk: ChunkId,
    attempt: AttemptId,
) -> Result<bool, Fault> {
    let insert = format!(
        "INSERT INTO {}receipt (run, chunk, outcome, attempt) VALUES ($1, $2, $3, $4)",
        dialect.prefix
    );
    let params = [
        Param::text(run),
        Param::Int(i64::from(chunk.0)),
        Param::text(Outcome::Open.as_str()),
        Param::text(attempt),
    ];
    sql.insert_new(&insert, "run, chunk", &params).await
}

/// The receipt of a chunk that was decided.
pub(crate) async fn receipt(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    run: RunId,
    chunk: ChunkId,
) -> Result<Option<Receipt>, Fault> {
    let select = format!(
        "SELECT {} FROM {}receipt WHERE run = $1 AND chunk = $2 AND outcome <> $3",
        rows::RECEIPT,
        dialect.prefix
    );
    let open = Param::text(Outcome::Open.as_str());
    let params = [Param::text(run), Param::Int(i64::from(chunk.0)), open];
    sql.query(&select, &params).await?.pop().map(rows::receipt).transpose()
}

/// Ranges of chunks that were seen to be done, over one connection.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    run: Option<RunId>,
    done: BTreeSet<(ChunkId, ChunkId)>,
}

/// Ranges that are remembered; past this they are asked again.
const SEEN_MAX: usize = 10_000;

/// Ranges that one statement asks after.
const RANGES_PER_SELECT: usize = 100;

/// Whether every chunk of these ranges has its receipt. Each range is counted along the key of the
/// receipts, and only until it was seen to be done.
pub(crate) async fn all_done(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    seen: &mut Seen,
    run: RunId,
    chunks: &[RangeInclusive<ChunkId>],
) -> Result<bool, Fault> {
    if seen.run != Some(run) || seen.done.len() > SEEN_MAX {
        *seen = Seen { run: Some(run), done: BTreeSet::new() };
    }
    let ends = chunks.iter().map(|range| (*range.start(), *range.end()));
    let new: Vec<_> = ends.filter(|ends| !seen.done.contains(ends)).collect();
    for part in new.chunks(RANGES_PER_SELECT) {
        let count = |(first, last): &(ChunkId, ChunkId)| {
            format!(
                "(SELECT count(*) FROM {}receipt \
                 WHERE run = $1 AND chunk BETWEEN {first} AND {last} AND outcome = $2)",
                dialect.prefix
            )
        };
        let counts: Vec<_> = part.iter().map(count).collect();
        let select = format!("SELECT {}", counts.join(" + "));
        let params = [Param::text(run), Param::text(Outcome::Done.as_str())];
        let row = sql.query(&select, &params).await?.pop().unwrap_or_default();
        let there: u64 = Cells::of(row).parse()?;
        let wanted = |(first, last): &(ChunkId, ChunkId)| u64::from(last.0 - first.0) + 1;
        if there < part.iter().map(wanted).sum() {
            return Ok(false);
        }
        seen.done.extend(part);
    }
    Ok(true)
}

/// Completes the receipt that this attempt opened.
///
/// # Errors
/// `Code::NotMine` when there is no such receipt: nothing of this transaction is true.
pub(crate) async fn complete(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    run: RunId,
    receipt: &Receipt,
) -> Result<(), Fault> {
    let p = dialect.prefix;
    let update = format!(
        "UPDATE {p}receipt SET outcome = $1, worker = $2, tries = $3, read_digest = $4, \
         written_digest = $5, filtered = $6, rejected = $7, bytes = $8, policies = $9, \
         spent = $10, started = $11, finished = $12 \
         WHERE run = $13 AND chunk = $14 AND attempt = $15 AND outcome = $16"
    );
    let mut params = vec![Param::text(Outcome::Done.as_str())];
    params.extend(rows::receipt_params(receipt));
    params.extend([Param::text(run), Param::Int(i64::from(receipt.chunk.0))]);
    params.extend([Param::text(receipt.attempt), Param::text(Outcome::Open.as_str())]);
    if sql.execute(&update, &params).await? != 1 {
        return Err(Fault::new(Code::NotMine, format!("chunk {}", receipt.chunk)));
    }
    Ok(())
}

/// Drops the samples of a chunk: it is complete, and no evidence of why it is not.
pub(crate) async fn drop_samples(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    run: RunId,
    chunk: ChunkId,
) -> Result<(), Fault> {
    let samples = format!("DELETE FROM {}sample WHERE run = $1 AND chunk = $2", dialect.prefix);
    sql.execute(&samples, &[Param::text(run), Param::Int(i64::from(chunk.0))]).await.map(drop)
}

/// Keeps rejected rows.
pub(crate) async fn insert_rejects(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    run: RunId,
    rejects: &[Reject],
) -> Result<(), Fault> {
    insert_rows(sql, dialect, "reject", run, rejects).await
}

/// Settles rejects of the chunk `of`: see `Session::settle`.
pub(crate) async fn settle(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    run: RunId,
    (by, of): (ChunkId, ChunkId),
    resolved: &[String],
    again: &[Reject],
) -> Result<(), Fault> {
    let p = dialect.prefix;
    let has_all = spell::has_all(sql, dialect, resolved.iter().map(String::as_str)).await?;
    let columns = rows::REJECT;
    for some in resolved.chunks(ROWS_PER_INSERT) {
        let (keys, params) = keyed(run, of, some, has_all);
        let by = i64::from(by.0);
        let keep = format!(
            "INSERT INTO {p}resolved (run, {columns}, retried) SELECT run, {columns}, {by} \
             FROM {p}reject WHERE {keys}"
        );
        sql.execute(&keep, &params).await?;
        sql.execute(&format!("DELETE FROM {p}reject WHERE {keys}"), &params).await?;
    }
    let keys: Vec<String> = again.iter().map(|reject| reject.key.clone()).collect();
    let has_all = spell::has_all(sql, dialect, keys.iter().map(String::as_str)).await?;
    for some in keys.chunks(ROWS_PER_INSERT) {
        let (keys, params) = keyed(run, of, some, has_all);
        sql.execute(&format!("DELETE FROM {p}reject WHERE {keys}"), &params).await?;
    }
    let again: Vec<_> = again.iter().map(|reject| Reject { chunk: of, ..reject.clone() }).collect();
    insert_rows(sql, dialect, "reject", run, &again).await
}

/// The condition for rejects of a chunk with these keys, and its parameters.
fn keyed(run: RunId, chunk: ChunkId, keys: &[String], has_all: bool) -> (String, Vec<Param>) {
    let mut params = vec![Param::text(run), Param::Int(i64::from(chunk.0))];
    params.extend(keys.iter().map(|key| Param::Text(spell::keep(key, has_all))));
    let places: Vec<_> = (3..params.len() + 1).map(|at| format!("${at}")).collect();
    (format!("run = $1 AND chunk = $2 AND row_key IN ({})", places.join(", ")), params)
}

/// How many rows the done ones of these chunks rejected. Locks the entity's row of `owner` until the
/// transaction ends, so that transactions that ask this follow one another; the numbers are read after
/// that, and the transaction is READ COMMITTED, so they are those of now.
pub(crate) async fn rejected_by(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    run: RunId,
    entity: &TableName,
    chunks: RangeInclusive<ChunkId>,
) -> Result<u64, Fault> {
    let p = dialect.prefix;
    let lock = dialect.lock_row;
    let owned = format!("SELECT run FROM {p}owner WHERE entity = $1 AND run = $2{lock}");
    let owner = [Param::Text(dialect.owner_key(entity)), Param::text(run)];
    if sql.query(&owned, &owner).await?.is_empty() {
        return Err(Fault::new(Code::TargetOwned, entity.to_string()));
    }
    let select = format!(
        "SELECT CAST(coalesce(sum(rejected), 0) AS {}) FROM {p}receipt \
         WHERE run = $1 AND chunk BETWEEN $2 AND $3 AND outcome = $4",
        dialect.integer
    );
    let params = [
        Param::text(run),
        Param::Int(i64::from(chunks.start().0)),
        Param::Int(i64::from(chunks.end().0)),
        Param::text(Outcome::Done.as_str()),
    ];
    Cells::of(sql.query(&select, &params).await?.pop().unwrap_or_default()).parse()
}

/// Writes into `reject` or `sample`.
pub(super) async fn insert_rows(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    table: &str,
    run: RunId,
    rejects: &[Reject],
) -> Result<(), Fault> {
    let p = dialect.prefix;
    let has_all = spell::has_all(sql, dialect, rejects.iter().map(|r| r.key.as_str())).await?;
    for part in rejects.chunks(ROWS_PER_INSERT) {
        let values = rows::placeholders(part.len(), 6);
        let insert = format!("INSERT INTO {p}{table} (run, {}) VALUES {values}", rows::REJECT);
        let params: Vec<_> =
            part.iter().flat_map(|reject| rows::reject_params(run, reject, has_all)).collect();
        sql.execute(&insert, &params).await?;
    }
    Ok(())
}
