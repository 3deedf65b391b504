//! What a run made in its target, and may be dropped again; and what stays, and why.
//!
//! # Promises
//! 1. A table is dropped only if this run made it, no later run wrote to it, it holds no more rows than
//!    this run wrote, and no table that stays refers to it.
//! 2. Rows of a table that was there before go only if the table was empty then, or was emptied by this
//!    run, and holds no more rows than this run wrote.
//! 3. Whatever else stays is named, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use endpoint::{Home, Made, Target, Undo, made_by};
use protocol::fault::Fault;
use protocol::id::{ChunkId, EntityId, RunId};
use protocol::mapping::Mode;
use protocol::plan::{Entity, Plan, Stage, Work};
use protocol::run::{Record, State};
use protocol::schema::{Catalogue, TableName};

/// What cleaning up after a run comes to.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// What is dropped and emptied.
    pub undo: Undo,
    /// The same for people, a line each.
    pub drops: Vec<String>,
    /// What this run made or wrote and that stays, a line each, with the reason.
    pub left: Vec<String>,
}

/// Looks at what a run left in its target. Changes nothing.
///
/// # Errors
/// What the target answers.
pub async fn survey(
    record: &Record,
    plan: &Plan,
    target: &dyn Target,
    home: &mut dyn Home,
) -> Result<Survey, Fault> {
    let facts = Facts {
        plan,
        done: home.done(record.run).await?.into_iter().collect(),
        begun: home.begun(record.run).await?.into_iter().collect(),
        written: written(plan, home, record.run).await?,
        later: later(record, home).await?,
        there: target.catalogue().await?,
    };
    let mut looked = Vec::new();
    for entity in &plan.entities {
        if facts.there.table(&entity.target).is_none() {
            continue;
        }
        let written = facts.written.get(&entity.id).copied().unwrap_or(0);
        let rows = target.count_rows(&entity.target, written.saturating_add(1)).await?;
        looked.push((entity, rows));
    }
    Ok(facts.survey(&looked))
}

/// Rows that the receipts say were written.
async fn written(
    plan: &Plan,
    home: &mut dyn Home,
    run: RunId,
) -> Result<BTreeMap<EntityId, u64>, Fault> {
    let mut written = BTreeMap::new();
    for receipt in home.receipts(run).await? {
        let chunk = plan.chunk(receipt.chunk);
        let copied = chunk.filter(|chunk| matches!(chunk.work, Work::Copy(_)));
        if let Some(entity) = copied.and_then(|chunk| chunk.entity) {
            *written.entry(entity).or_default() += receipt.written.rows;
        }
    }
    Ok(written)
}

/// The tables of runs that were stored later, and not rolled back, with the run.
async fn later(record: &Record, home: &mut dyn Home) -> Result<BTreeMap<TableName, RunId>, Fault> {
    let mut later = BTreeMap::new();
    for other in home.runs().await? {
        let since = (other.created, other.run) > (record.created, record.run);
        if since && other.state != State::Void {
            let plan = home.plan(other.run).await?;
            later.extend(plan.entities.into_iter().map(|entity| (entity.target, other.run)));
        }
    }
    Ok(later)
}

struct Facts<'a> {
    plan: &'a Plan,
    done: BTreeSet<ChunkId>,
    /// Steps that an engine without transactions for them may have carried out in part.
    begun: BTreeSet<ChunkId>,
    written: BTreeMap<EntityId, u64>,
    later: BTreeMap<TableName, RunId>,
    there: Catalogue,
}

/// What becomes of a table.
enum Fate {
    Dropped,
    Emptied,
    Untouched,
    Left(String),
}

impl Facts<'_> {
    fn survey(&self, looked: &[(&Entity, u64)]) -> Survey {
        let mut fates: Vec<_> =
            looked.iter().map(|(entity, rows)| self.fate(entity, *rows)).collect();
        // What stays holds on to what it refers to.
        while let Some((at, why)) = self.held(looked, &fates) {
            fates[at] = Fate::Left(why);
        }
        let mut survey = Survey::default();
        for ((entity, rows), fate) in looked.iter().zip(fates) {
            let table = entity.target.clone();
            match fate {
                Fate::Dropped => {
                    survey.drops.push(format!("table {table} ({})", count(*rows)));
                    survey.undo.tables.push(table);
                }
                Fate::Emptied => {
                    let rows = count(*rows);
                    survey.drops.push(format!("{rows} of {table}, which was there before"));
                    survey.undo.emptied.push(table);
                }
                Fate::Untouched => {}
                Fate::Left(why) => survey.left.push(format!("{table}: {why}")),
            }
        }
        let stays = !survey.left.is_empty();
        self.objects(stays, &mut survey);
        survey
    }

    fn fate(&self, entity: &Entity, rows: u64) -> Fate {
        let written = self.written.get(&entity.id).copied().unwrap_or(0);
        if let Some(run) = self.later.get(&entity.target) {
            return if written > 0 || entity.new {
                Fate::Left(format!("run {run} wrote to it since"))
            } else {
                Fate::Untouched
            };
        }
        if entity.new && !self.made(entity) {
            return Fate::Left("it is there, and this run did not make it".into());
        }
        let mingled = match entity.mode {
            Mode::Create | Mode::Replace => false,
            Mode::Upsert | Mode::Update | Mode::Append => true,
        };
        match (entity.new, rows > written) {
            (true, false) => Fate::Dropped,
            (false, _) if written == 0 => Fate::Untouched,
            (false, _) if mingled => Fate::Left(format!(
                "its rows were written in mode {}, and cannot be told from those that were there",
                entity.mode.as_str()
            )),
            (false, false) if rows == 0 => Fate::Untouched,
            (false, false) => Fate::Emptied,
            (_, true) => Fate::Left(format!(
                "it holds more rows than the {written} that this run wrote; whoever wrote them decides"
            )),
        }
    }

    /// Whether this run made the table of that entity, or may have.
    fn made(&self, entity: &Entity) -> bool {
        let mut makers = crate::revise::makers(self.plan, entity.id);
        makers.any(|chunk| self.done.contains(&chunk) || self.begun.contains(&chunk))
    }

    /// A table that is to be dropped although one that stays refers to it, and why it stays.
    fn held(&self, looked: &[(&Entity, u64)], fates: &[Fate]) -> Option<(usize, String)> {
        let dropped: BTreeMap<&TableName, usize> = looked
            .iter()
            .zip(fates)
            .enumerate()
            .filter(|(_, (_, fate))| matches!(fate, Fate::Dropped))
            .map(|(at, ((entity, _), _))| (&entity.target, at))
            .collect();
        for table in self.there.tables.iter().filter(|table| !dropped.contains_key(&table.name)) {
            for key in &table.foreign_keys {
                if let Some(at) = dropped.get(&key.references) {
                    return Some((*at, format!("{} refers to it, and stays", table.name)));
                }
            }
        }
        None
    }

    /// What steps made beside tables. Where a table stays, so does what it may be made of.
    fn objects(&self, stays: bool, survey: &mut Survey) {
        for chunk in self.plan.chunks.iter().filter(|chunk| self.done.contains(&chunk.id)) {
            let Work::Step(step) = &chunk.work else { continue };
            for (kind, name) in step.statements.iter().filter_map(|said| made_by(said)) {
                let lower = kind.to_lowercase();
                if stays && chunk.stage == Stage::Prepare {
                    survey.left.push(format!("{lower} {name}: a table that stays may need it"));
                    continue;
                }
                let empty = if kind == "SCHEMA" {
                    ", if this run made it and nothing else is in it"
                } else {
                    ""
                };
                survey.drops.push(format!("{lower} {name}{empty}"));
                survey.undo.made.push(Made { chunk: chunk.id, stage: chunk.stage, kind, name });
            }
        }
    }
}

fn count(rows: u64) -> String {
    if rows == 1 { "1 row".into() } else { format!("{rows} rows") }
}
