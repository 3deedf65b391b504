//! Reading the target back after the fact, and finding what differs.
//!
//! A run verifies itself as its last stage. This is the same question asked again later: does the
//! target still hold what the receipts say? Where it does not, and the source is at hand, the keys
//! that differ are found in two passes over both sides: first each row's digest is summed into a
//! bucket chosen by the hash of its key, then only rows of buckets that differ are compared one by
//! one, so many buckets at a time that a bounded number of rows is in memory. Where very much
//! differs, that ends when enough is named, and the check says that there is more.

use std::collections::{BTreeMap, BTreeSet};

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

/// Rows of both sides that are compared one by one at a time; more, where a single bucket has more.
const SUSPECTS_MAX: u64 = 100_000;

/// How often both sides are read in search of the keys that differ.
const ROUNDS_MAX: usize = 8;

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
    /// Whether more rows differ than are named.
    pub more: bool,
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
    let pipeline = compile(entity, plan.from.engine, plan.to.engine, &plan.charsets)
        .map_err(|wrong| wrong.fault(entity))?;
    let mut found = Digest::default();
    let mut rows = sides.target.read_back(entity, 0, 1, sides.batch_bytes).await?;
    while let Some(batch) = rows.next().await? {
        rows.read_ahead();
        found = found.and(pipeline.read_back_digest(&batch));
    }
    let unprovable = (!provable).then(|| "the target held rows before".to_string());
    let mut check = Check {
        entity: entity.target.to_string(),
        expected,
        found,
        unprovable,
        differences: None,
        more: false,
    };
    if let (false, true, Some(source)) = (check.equal(), provable, sides.source) {
        let drill = Drill { sides, entity, pipeline: &pipeline, source };
        let (differences, more) = drill.run(&refused(plan, entity, rejects)).await?;
        (check.differences, check.more) = (Some(differences), more);
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

/// Keys of the entity's rows that were refused, and so are not to be in the target.
fn refused<'a>(plan: &Plan, entity: &Entity, rejects: &'a [Reject]) -> BTreeSet<&'a str> {
    let mine = |reject: &&Reject| {
        plan.chunk(reject.chunk).is_some_and(|chunk| chunk.entity == Some(entity.id))
    };
    rejects.iter().filter(mine).map(|reject| reject.key.as_str()).collect()
}

/// The rows of a bucket: the sum of those that should be there less those that are, and how many
/// both are.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    sum: u128,
    rows: u64,
}

/// A key of a bucket that differs: the sums of the rows that should be there and that are, and how
/// many more should be there than are.
#[derive(Debug, Clone, Copy, Default)]
struct Suspect {
    there: u128,
    here: u128,
    more: i64,
}

impl Suspect {
    fn how(self, refused: bool) -> Option<How> {
        match self.more.cmp(&0) {
            _ if self.there == self.here => None,
            std::cmp::Ordering::Greater if refused => None,
            std::cmp::Ordering::Greater => Some(How::Missing),
            std::cmp::Ordering::Less => Some(How::Added),
            std::cmp::Ordering::Equal => Some(How::Changed),
        }
    }
}

/// Takes as many buckets off the front as have [`SUSPECTS_MAX`] rows together; one at least.
fn next_round(differ: &mut Vec<usize>, buckets: &[Bucket]) -> BTreeSet<usize> {
    let mut rows = 0;
    let fits = |at: &&usize| {
        rows += buckets[**at].rows;
        rows <= SUSPECTS_MAX
    };
    let taken = differ.iter().take_while(fits).count().max(1).min(differ.len());
    differ.drain(..taken).collect()
}

impl Drill<'_> {
    /// The rows that differ, and whether there are more of them.
    async fn run(&self, refused: &BTreeSet<&str>) -> Result<(Vec<Difference>, bool), Fault> {
        let buckets = self.sum().await?;
        let mut differ: Vec<_> = (0..BUCKETS).filter(|at| buckets[*at].sum != 0).collect();
        let mut named = Vec::new();
        for _ in 0..ROUNDS_MAX {
            if differ.is_empty() || named.len() > NAMED_MAX {
                break;
            }
            let round = next_round(&mut differ, &buckets);
            for (key, suspect) in self.suspects(&round).await? {
                if let Some(how) = suspect.how(refused.contains(key.as_str())) {
                    named.push(Difference { key, how });
                }
            }
        }
        let more = named.len() > NAMED_MAX || !differ.is_empty();
        named.truncate(NAMED_MAX);
        Ok((named, more))
    }

    async fn sum(&self) -> Result<Vec<Bucket>, Fault> {
        let mut buckets = vec![Bucket::default(); BUCKETS];
        self.each_source(&mut |key, row| {
            let bucket = &mut buckets[bucket(key)];
            bucket.sum = bucket.sum.wrapping_add(row);
            bucket.rows += 1;
        })
        .await?;
        self.each_target(&mut |key, row| {
            let bucket = &mut buckets[bucket(key)];
            bucket.sum = bucket.sum.wrapping_sub(row);
            bucket.rows += 1;
        })
        .await?;
        Ok(buckets)
    }

    /// The keys of some buckets, with what both sides have under them.
    async fn suspects(&self, of: &BTreeSet<usize>) -> Result<BTreeMap<String, Suspect>, Fault> {
        let mut suspects: BTreeMap<String, Suspect> = BTreeMap::new();
        self.each_source(&mut |key, row| {
            if of.contains(&bucket(key)) {
                let suspect = suspects.entry(key.to_string()).or_default();
                suspect.there = suspect.there.wrapping_add(row);
                suspect.more += 1;
            }
        })
        .await?;
        self.each_target(&mut |key, row| {
            if of.contains(&bucket(key)) {
                let suspect = suspects.entry(key.to_string()).or_default();
                suspect.here = suspect.here.wrapping_add(row);
                suspect.more -= 1;
            }
        })
        .await?;
        Ok(suspects)
    }

    async fn each_source(&self, visit: &mut (dyn FnMut(&str, u128) + Send)) -> Result<(), Fault> {
        let entity = self.entity;
        let read = Read {
            table: entity.source.clone(),
            columns: entity.reads(),
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
            rows.read_ahead();
            let kept = self.pipeline.apply(batch).rows;
            self.visit(&kept, &|row| self.pipeline.written_digest(row), visit);
        }
        Ok(())
    }

    async fn each_target(&self, visit: &mut (dyn FnMut(&str, u128) + Send)) -> Result<(), Fault> {
        let target = self.sides.target;
        let mut rows: Box<dyn Rows> =
            target.read_back(self.entity, 0, 1, self.sides.batch_bytes).await?;
        while let Some(batch) = rows.next().await? {
            rows.read_ahead();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_takes_a_bounded_number_of_rows_and_at_least_a_bucket() {
        let bucket = |rows| Bucket { sum: 1, rows };
        let buckets = [bucket(SUSPECTS_MAX * 3), bucket(SUSPECTS_MAX - 1), bucket(1), bucket(1)];
        let mut differ = vec![0, 1, 2, 3];
        assert_eq!(next_round(&mut differ, &buckets), BTreeSet::from([0]));
        assert_eq!(next_round(&mut differ, &buckets), BTreeSet::from([1, 2]));
        assert_eq!(next_round(&mut differ, &buckets), BTreeSet::from([3]));
        assert!(differ.is_empty());
    }

    #[test]
    fn two_rows_under_one_key_are_told_from_one() {
        let suspect = |there, here, more| Suspect { there, here, more };
        assert_eq!(suspect(5, 5, 0).how(false), None);
        assert_eq!(suspect(5, 0, 1).how(false), Some(How::Missing));
        assert_eq!(suspect(5, 0, 1).how(true), None);
        assert_eq!(suspect(0, 5, -1).how(true), Some(How::Added));
        assert_eq!(suspect(4, 5, 0).how(false), Some(How::Changed));
    }
}
