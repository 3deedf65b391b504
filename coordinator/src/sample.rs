//! Reading some rows of each table as a run would, to foresee what would be rejected.

use std::collections::BTreeMap;

use endpoint::{Read, Source};
use protocol::cell::Reason;
use protocol::fault::Fault;
use protocol::plan::{Entity, Plan, Range};
use serde::Serialize;
use transform::compile;

/// Bytes per batch.
const BATCH_BYTES: usize = 256 << 10;

/// Keys named per column and reason.
const KEYS_MAX: usize = 3;

/// What a sample of one table showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sampled {
    /// The source table.
    pub source: String,
    /// The target table.
    pub target: String,
    /// Rows that were read.
    pub rows: u64,
    /// Rows that would be rejected, by column and reason. The server may refuse others: what it
    /// checks itself is found when rows are written.
    pub rejects: Vec<Foreseen>,
    /// Values that policies would change.
    pub changed: u64,
}

/// Rows that would be rejected for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Foreseen {
    /// The target column.
    pub column: String,
    /// The source column.
    pub source_column: String,
    /// Why.
    pub reason: Reason,
    /// How many.
    pub rows: u64,
    /// Their keys, the first of them.
    pub keys: Vec<String>,
}

/// Reads the first `rows` rows of each table of a plan. Nothing is written.
///
/// # Errors
/// What the source answers.
pub async fn sample(plan: &Plan, source: &dyn Source, rows: u64) -> Result<Vec<Sampled>, Fault> {
    let mut sampled = Vec::new();
    for entity in &plan.entities {
        let one = of_table(plan, entity, source, rows).await;
        sampled.push(one.map_err(|fault| fault.within(&entity.source))?);
    }
    Ok(sampled)
}

async fn of_table(
    plan: &Plan,
    entity: &Entity,
    source: &dyn Source,
    rows: u64,
) -> Result<Sampled, Fault> {
    let read = Read {
        table: entity.source.clone(),
        columns: entity.columns.iter().map(|c| (c.source.clone(), c.from.clone())).collect(),
        key: entity.key.clone(),
        range: Range::default(),
        filter: entity.filter.clone(),
        top: Some(rows.min(entity.top.unwrap_or(u64::MAX))),
        lane: entity.lane,
        batch_bytes: BATCH_BYTES,
        label: "longhaul:sample".into(),
    };
    let pipeline = compile(entity, plan.from.engine, plan.to.engine, &plan.charsets)
        .map_err(|wrong| wrong.fault(entity))?;
    let (mut seen, mut changed) = (0, 0);
    let mut found: BTreeMap<(String, &'static str), Foreseen> = BTreeMap::new();
    let mut stream = source.read(&read).await?;
    while let Some(batch) = stream.next().await? {
        seen += batch.rows() as u64;
        let out = pipeline.apply(batch);
        changed += out.changed.len() as u64;
        for row in out.rejects {
            let of = entity.columns.iter().find(|map| map.target == row.column);
            let one = found.entry((row.column.clone(), row.reason.as_str())).or_insert(Foreseen {
                source_column: of.map_or_else(|| row.column.clone(), |map| map.source.clone()),
                column: row.column,
                reason: row.reason,
                rows: 0,
                keys: Vec::new(),
            });
            one.rows += 1;
            if one.keys.len() < KEYS_MAX && !row.key.is_empty() {
                one.keys.push(row.key);
            }
        }
    }
    Ok(Sampled {
        source: entity.source.to_string(),
        target: entity.target.to_string(),
        rows: seen,
        rejects: found.into_values().collect(),
        changed,
    })
}
