//! Reading the target back after the fact, and finding what differs.
//!
//! A run verifies itself as its last stage. This is the same question asked again later: does the
//! target still hold what the receipts say? Where it does not, and the source is at hand, the keys
//! that differ are found in two passes over both sides: first each row's digest is summed into a
//! bucket chosen by the hash of its key, then only rows of buckets that differ are compared one by
//! one. Memory is bounded by the buckets and by what differs.

use std::collections::BTreeMap;

use endpoint::{Read, Rows, Source, Target};
use protocol::batch::{Batch, Digest};
use protocol::fault::Fault;
use protocol::plan::{Entity, Plan, Range, Work};
use protocol::receipt::{Receipt, Reject};
use serde::Serialize;
use transform::{Pipeline, compile};
use xxhash_rust::xxh3::xxh3_64;

/// How finely keys are bucketed.
const BUCKETS: usize = 1 << 14;

/// Most keys named per entity.
const NAMED_MAX: usize = 1000;

/// What reading one entity back showed.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// The target entity.
    pub entity: String,
    /// What the receipts say.
    pub expected: Digest,
    /// What is there.
    pub found: Digest,
    /// Why this proves nothing, where it does not: the target held rows before.
    pub unprovable: Option<String>,
    /// Rows that differ, by key, when they differ and the source was at hand.
    pub differences: Option<Vec<Difference>>,
}

/// One row that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// Its key, as canonical text; for a table without key, its digest.
    pub key: String,
    /// What is wrong with it.
    pub how: How,
}

/// How a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It is in the source and not in the target.
    Missing,
    /// It is in the target and not in the source.
    Added,
    /// It is in both, with other values.
    Changed,
}

impl Check {
    /// Whether the target holds what the receipts say.
    pub fn equal(&self) -> bool {
        self.expected == self.found
    }
}

/// What a check reads.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// The plan that was carried out.
    pub plan: &'a Plan,
    /// Its target.
    pub target: &'a dyn Target,
    /// Its source, to find which rows differ.
    pub source: Option<&'a dyn Source>,
    /// Bytes per batch.
    pub batch_bytes: usize,
}

/// Reads every entity back, in plan order, and compares with the receipts. `told` hears of each
/// before it is read.
///
/// # Errors
/// What either side answers.
pub async fn recheck(
    sides: Sides<'_>,
    receipts: &[Receipt],
    rejects: &[Reject],
    mut told: impl FnMut(&Entity),
) -> Result<Vec<Check>, Fault> {
    let mut checks = Vec::new();
    for entity in &sides.plan.entities {
        told(entity);
        checks.push(check(sides, entity, receipts, rejects).await?);
    }
    Ok(checks)
}

async fn check(
    sides: Sides<'_>,
    entity: &Entity,
    receipts: &[Receipt],
    rejects: &[Reject],
) -> Result<Check, Fault> {
    let plan = sides.plan;
    let mut expected = Digest::default();
    let mut provable = false;
    for chunk in plan.chunks.iter().filter(|c| c.entity == Some(entity.id)) {
        match &chunk.work {
            Work::Copy(_) => {
                let written = receipts.iter().find(|r| r.chunk == chunk.id).map(|r| r.written);
                expected = expected.and(written.unwrap_or_default());
            }
            Work::Verify { .. } => provable = true,
            Work::Link(_) | Work::Step(_) => {}
        }
    }
    let pipeline = compile(entity, plan.from.engine, plan.to.engine);
    let mut found = Digest::default();
    let mut rows = sides.target.read_back(entity, 0, 1, sides.batch_bytes).await?;
    while let Some(batch) = rows.next().await? {
        found = found.and(pipeline.read_back_digest(&batch));
    }
    let unprovable = (!provable).then(|| "the target held rows before".to_string());
    let mut check =
        Check { entity: entity.target.to_string(), expected, found, unprovable, differences: None };
    if let (false, true, Some(source)) = (check.equal(), provable, sides.source) {
        let drill = Drill { sides, entity, pipeline: &pipeline, source };
        check.differences = Some(drill.run(rejects).await?);
    }
    Ok(check)
}

/// The search for the rows that differ.
struct Drill<'a> {
    sides: Sides<'a>,
    entity: &'a Entity,
    pipeline: &'a Pipeline,
    source: &'a dyn Source,
}

impl Drill<'_> {
    async fn run(&self, rejects: &[Reject]) -> Result<Vec<Difference>, Fault> {
        let mut sums = vec![0u128; BUCKETS];
        self.each_source(&mut |key, row| {
            let sum = &mut sums[bucket(key)];
            *sum = sum.wrapping_add(row);
        })
        .await?;
        self.each_target(&mut |key, row| {
            let sum = &mut sums[bucket(key)];
            *sum = sum.wrapping_sub(row);
        })
        .await?;
        // Key → digests of the rows that should be there, and of those that are.
        let mut suspects: BTreeMap<String, (u128, u128, i64)> = BTreeMap::new();
        self.each_source(&mut |key, row| {
            if sums[bucket(key)] != 0 {
                let entry = suspects.entry(key.to_string()).or_default();
                *entry = (entry.0.wrapping_add(row), entry.1, entry.2 + 1);
            }
        })
        .await?;
        self.each_target(&mut |key, row| {
            if sums[bucket(key)] != 0 {
                let entry = suspects.entry(key.to_string()).or_default();
                *entry = (entry.0, entry.1.wrapping_add(row), entry.2 - 1);
            }
        })
        .await?;
        let refused = |key: &String| rejects.iter().any(|reject| reject.key == *key);
        let differences = suspects.into_iter().filter_map(|(key, (there, here, more))| {
            let how = match more.cmp(&0) {
                _ if there == here => return None,
                std::cmp::Ordering::Greater if refused(&key) => return None,
                std::cmp::Ordering::Greater => How::Missing,
                std::cmp::Ordering::Less => How::Added,
                std::cmp::Ordering::Equal => How::Changed,
            };
            Some(Difference { key, how })
        });
        Ok(differences.take(NAMED_MAX).collect())
    }

    async fn each_source(&self, visit: &mut (dyn FnMut(&str, u128) + Send)) -> Result<(), Fault> {
        let entity = self.entity;
        let read = Read {
            table: entity.source.clone(),
            columns: entity.columns.iter().map(|c| (c.source.clone(), c.from.clone())).collect(),
            key: entity.key.clone(),
            range: Range::default(),
            filter: entity.filter.clone(),
            top: entity.top,
            lane: entity.lane,
            batch_bytes: self.sides.batch_bytes,
            label: "longhaul:verify".into(),
        };
        let mut rows = self.source.read(&read).await?;
        while let Some(batch) = rows.next().await? {
            let rows = self.pipeline.apply(batch).rows;
            self.visit(&rows, &|row| self.pipeline.written_digest(row), visit);
        }
        Ok(())
    }

    async fn each_target(&self, visit: &mut (dyn FnMut(&str, u128) + Send)) -> Result<(), Fault> {
        let target = self.sides.target;
        let mut rows: Box<dyn Rows> =
            target.read_back(self.entity, 0, 1, self.sides.batch_bytes).await?;
        while let Some(batch) = rows.next().await? {
            self.visit(&batch, &|row| self.pipeline.read_back_digest(row), visit);
        }
        Ok(())
    }

    /// Row by row: a digest of the row by itself, under its key, or under that digest where the
    /// table has no key.
    fn visit(
        &self,
        batch: &Batch,
        digest: &(dyn Fn(&Batch) -> Digest + Sync),
        visit: &mut (dyn FnMut(&str, u128) + Send),
    ) {
        for at in 0..batch.rows() {
            let sum = digest(&batch.slice(at, at + 1)).sum;
            let key = self.pipeline.key(batch.row(at));
            if key.is_empty() {
                visit(&format!("{sum:032x}"), sum);
            } else {
                visit(&key, sum);
            }
        }
    }
}

fn bucket(key: &str) -> usize {
    usize::try_from(xxh3_64(key.as_bytes()) % BUCKETS as u64).expect("below BUCKETS")
}
