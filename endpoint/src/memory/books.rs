//! The bookkeeping of runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use protocol::clock::Instant;
use protocol::fault::{Code, Fault};
use protocol::history::Entry;
use protocol::id::{ChunkId, RunId, WorkerId};
use protocol::plan::Plan;
use protocol::receipt::{Receipt, Reject};
use protocol::run::{Event, Record, State as RunState, Steering};
use protocol::schema::TableName;

use super::{Shared, State};
use crate::{CREW_MS, Home, Revision};

/// What the bookkeeping tables would hold.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) runs: BTreeMap<RunId, Run>,
    owners: BTreeMap<TableName, RunId>,
}

/// One run.
#[derive(Debug)]
pub(super) struct Run {
    record: Record,
    /// When a leader was last heard of.
    led: Option<tokio::time::Instant>,
    plan: Plan,
    pub(super) receipts: BTreeMap<ChunkId, Receipt>,
    pub(super) rejects: Vec<Reject>,
    pub(super) samples: Vec<Reject>,
    /// Workers that said that they are at it: their slots, and when.
    crew: BTreeMap<WorkerId, (u32, tokio::time::Instant)>,
    history: Vec<Entry>,
    /// Rejects that were written later.
    pub(super) resolved: Vec<Reject>,
}

impl Run {
    fn record(&self) -> Record {
        let ago = |led: tokio::time::Instant| u64::try_from(led.elapsed().as_millis());
        let led_ms_ago = self.led.map(|led| ago(led).unwrap_or(u64::MAX));
        Record { led_ms_ago, ..self.record.clone() }
    }
}

impl Books {
    /// Whether a chunk of this run may be committed: it is running or paused, and the entity that
    /// the chunk writes, where there is one, is its own.
    pub(super) fn admits(&self, run: RunId, chunk: ChunkId) -> bool {
        let Some(found) = self.runs.get(&run) else { return false };
        let entity = found.plan.chunk(chunk).and_then(|chunk| chunk.entity);
        let target = entity.map(|id| &found.plan.entity(id).target);
        found.record.state.admits_chunks()
            && target.is_none_or(|target| self.owners.get(target) == Some(&run))
    }

    /// Whether the plan of the run is the one that is believed, where one is.
    pub(super) fn goes_by(&self, run: RunId, believed: Option<&str>) -> bool {
        let plan = self.runs.get(&run).map(|run| run.plan.fingerprint());
        believed.is_none_or(|believed| plan.as_deref() == Some(believed))
    }

    pub(super) fn owns(&self, run: RunId, entity: &TableName) -> bool {
        self.owners.get(entity) == Some(&run)
    }

    fn store(&mut self, record: &Record, plan: &Plan) -> Result<(), Fault> {
        if self.runs.contains_key(&record.run) {
            return Ok(());
        }
        for entity in &plan.entities {
            let owner = self.owners.get(&entity.target).filter(|owner| **owner != record.run);
            let over =
                |owner: &RunId| self.runs.get(owner).is_none_or(|run| run.record.state.is_final());
            if let Some(owner) = owner.filter(|owner| !over(owner)) {
                return Err(Fault::new(Code::TargetOwned, entity.target.to_string())
                    .saying(format!("run {owner} is not over")));
            }
        }
        let owned = plan.entities.iter().map(|entity| (entity.target.clone(), record.run));
        self.owners.extend(owned);
        let state = RunState::Planning
            .on(Event::Started)
            .map_err(|error| Fault::new(Code::RunBusy, "memory").because(error))?;
        let run = Run {
            record: Record { state, led_ms_ago: None, ..record.clone() },
            led: None,
            plan: plan.clone(),
            receipts: BTreeMap::new(),
            rejects: Vec::new(),
            samples: Vec::new(),
            crew: BTreeMap::new(),
            history: Vec::new(),
            resolved: Vec::new(),
        };
        self.runs.insert(record.run, run);
        Ok(())
    }

    fn change(&mut self, run: RunId, event: Event, now: Instant) -> Result<RunState, Fault> {
        let found = self.runs.get_mut(&run).ok_or_else(|| unknown(run))?;
        let to = found.record.state.on(event).map_err(|error| busy(run).because(error))?;
        let missing = found.plan.chunks.len() - found.receipts.len();
        if to == RunState::Complete && missing > 0 {
            let said = format!("{missing} chunks have no receipt");
            return Err(Fault::new(Code::Parked, format!("run {run}")).saying(said));
        }
        if to == RunState::Void {
            found.receipts.clear();
        }
        found.record.state = to;
        if to.is_final() {
            found.record.ended = Some(now);
            self.owners.retain(|_, owner| *owner != run);
        }
        Ok(to)
    }

    fn revise(&mut self, run: RunId, revision: &Revision) -> Result<RunState, Fault> {
        let found = self.runs.get_mut(&run).ok_or_else(|| unknown(run))?;
        let changed =
            |chunk: &ChunkId| revision.changed.contains(chunk) && !revision.undone.contains(chunk);
        if found.plan.fingerprint() != revision.of || found.receipts.keys().any(changed) {
            return Err(busy(run).saying("it changed meanwhile"));
        }
        let state = match found.record.state {
            state @ (RunState::Planning | RunState::Running | RunState::Paused) => state,
            state @ (RunState::Cancelled | RunState::Complete | RunState::Void) => {
                state.on(Event::Reopened).map_err(|error| busy(run).because(error))?
            }
        };
        found.plan = revision.plan.clone();
        found.record.fingerprint = revision.plan.fingerprint();
        (found.record.state, found.record.ended) = (state, None);
        found.record.epoch += 1;
        (found.led, found.record.held) = (None, None);
        revision.undone.iter().for_each(|chunk| drop(found.receipts.remove(chunk)));
        found.history.push(revision.entry.clone());
        let targets = revision.plan.entities.iter().map(|entity| (entity.target.clone(), run));
        self.owners.extend(targets);
        Ok(state)
    }

    fn forget(&mut self, run: RunId) -> Result<(), Fault> {
        let found = self.runs.get(&run).ok_or_else(|| unknown(run))?;
        if !found.record.state.is_final() {
            return Err(busy(run).saying("it is not over"));
        }
        self.runs.remove(&run);
        self.owners.retain(|_, owner| *owner != run);
        Ok(())
    }
}

fn unknown(run: RunId) -> Fault {
    Fault::new(Code::RunUnknown, format!("run {run}"))
}

fn deposed(run: RunId) -> Fault {
    Fault::new(Code::Deposed, run.to_string())
}

fn busy(run: RunId) -> Fault {
    Fault::new(Code::RunBusy, format!("run {run}"))
}

/// The bookkeeping, through one connection.
pub(super) struct MemoryHome {
    shared: Arc<Shared>,
}

impl MemoryHome {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Looks at a run, or changes it.
    fn at<T>(&self, run: RunId, look: impl FnOnce(&mut Run) -> T) -> Result<T, Fault> {
        let mut state = self.shared.lock();
        let found = state.books.as_mut().and_then(|books| books.runs.get_mut(&run));
        found.map(look).ok_or_else(|| unknown(run))
    }

    /// Changes the books behind the run's gate, taken exclusively.
    async fn alone<T>(
        &self,
        run: RunId,
        mut change: impl FnMut(&mut Books) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let _closing = Closing::new(&self.shared, run);
        let quiet = |state: &mut State| {
            if state.inside.get(&run).is_some_and(|inside| *inside > 0) {
                return Ok(None);
            }
            change(state.books.as_mut().ok_or_else(|| unknown(run))?).map(Some)
        };
        self.shared.until(quiet).await
    }
}

/// Keeps new chunks of a run out while somebody waits for its gate.
struct Closing<'a> {
    shared: &'a Shared,
    run: RunId,
}

impl<'a> Closing<'a> {
    fn new(shared: &'a Shared, run: RunId) -> Self {
        *shared.lock().closing.entry(run).or_default() += 1;
        Self { shared, run }
    }
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.shared.lock().closing.get_mut(&self.run) {
            *count -= 1;
        }
        self.shared.changed.notify_waiters();
    }
}

#[async_trait]
impl Home for MemoryHome {
    async fn install(&mut self) -> Result<(), Fault> {
        self.shared.lock().books.get_or_insert_default();
        Ok(())
    }

    async fn store(&mut self, record: &Record, plan: &Plan) -> Result<(), Fault> {
        let mut state = self.shared.lock();
        let absent = || {
            Fault::new(Code::Refused, &self.shared.place).saying("the bookkeeping is not installed")
        };
        state.books.as_mut().ok_or_else(absent)?.store(record, plan)
    }

    async fn runs(&mut self) -> Result<Vec<Record>, Fault> {
        let state = self.shared.lock();
        let runs = state.books.iter().flat_map(|books| books.runs.values());
        let mut records: Vec<_> = runs.map(Run::record).collect();
        records.sort_by_key(|record| std::cmp::Reverse((record.created, record.run)));
        Ok(records)
    }

    async fn run(&mut self, run: RunId) -> Result<Record, Fault> {
        self.at(run, |run| run.record())
    }

    async fn plan(&mut self, run: RunId) -> Result<Plan, Fault> {
        self.at(run, |run| run.plan.clone())
    }

    async fn lead(&mut self, run: RunId, after: Option<u64>) -> Result<u64, Fault> {
        let led = self.at(run, |run| {
            if after.is_some_and(|after| after != run.record.epoch) {
                return None;
            }
            run.record.epoch += 1;
            run.record.held = None;
            run.led = Some(tokio::time::Instant::now());
            Some(run.record.epoch)
        })?;
        led.ok_or_else(|| deposed(run))
    }

    async fn beat(&mut self, run: RunId, epoch: u64) -> Result<Record, Fault> {
        let led = self.at(run, |run| {
            let leads = run.record.epoch == epoch;
            if leads {
                run.led = Some(tokio::time::Instant::now());
            }
            leads.then(|| run.record())
        })?;
        led.ok_or_else(|| deposed(run))
    }

    async fn steer(&mut self, run: RunId, steering: &Steering) -> Result<(), Fault> {
        self.at(run, |run| run.record.steering = steering.clone())
    }

    async fn note_held(&mut self, run: RunId, epoch: u64, held: &str) -> Result<(), Fault> {
        let noted = self.at(run, |run| {
            let leads = run.record.epoch == epoch;
            if leads {
                run.record.held = Some(held.to_owned());
            }
            leads
        })?;
        if noted { Ok(()) } else { Err(deposed(run)) }
    }

    async fn rejected(&mut self, run: RunId) -> Result<BTreeMap<ChunkId, u64>, Fault> {
        self.at(run, |run| {
            let any = run.receipts.iter().filter(|(_, receipt)| receipt.rejected > 0);
            any.map(|(chunk, receipt)| (*chunk, receipt.rejected)).collect()
        })
    }

    async fn epoch(&mut self, run: RunId) -> Result<u64, Fault> {
        self.at(run, |run| run.record.epoch)
    }

    async fn done(&mut self, run: RunId) -> Result<Vec<ChunkId>, Fault> {
        self.at(run, |run| run.receipts.keys().copied().collect())
    }

    async fn done_of(&mut self, run: RunId, chunks: &[ChunkId]) -> Result<Vec<ChunkId>, Fault> {
        self.at(run, |run| {
            chunks.iter().filter(|chunk| run.receipts.contains_key(chunk)).copied().collect()
        })
    }

    async fn receipts(&mut self, run: RunId) -> Result<Vec<Receipt>, Fault> {
        self.at(run, |run| run.receipts.values().cloned().collect())
    }

    async fn rejects(&mut self, run: RunId, limit: u64) -> Result<Vec<Reject>, Fault> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.at(run, |run| {
            let mut rejects = run.rejects.clone();
            rejects.sort_by_key(|reject| reject.chunk);
            rejects.truncate(limit);
            rejects
        })
    }

    async fn rejects_of(
        &mut self,
        run: RunId,
        from: ChunkId,
        upto: ChunkId,
    ) -> Result<Vec<Reject>, Fault> {
        let mut rejects = self.rejects(run, u64::MAX).await?;
        rejects.retain(|reject| (from..=upto).contains(&reject.chunk));
        Ok(rejects)
    }

    async fn keep_sample(&mut self, run: RunId, sample: &[Reject]) -> Result<(), Fault> {
        self.at(run, |run| {
            run.samples.retain(|old| !sample.iter().any(|new| new.chunk == old.chunk));
            run.samples.extend_from_slice(sample);
            run.samples.sort_by_key(|reject| reject.chunk);
        })
    }

    async fn samples(&mut self, run: RunId) -> Result<Vec<Reject>, Fault> {
        self.at(run, |run| run.samples.clone())
    }

    async fn change(&mut self, run: RunId, event: Event, now: Instant) -> Result<RunState, Fault> {
        let change = |books: &mut Books| books.change(run, event, now);
        if event.shuts_the_door() {
            return self.alone(run, change).await;
        }
        change(self.shared.lock().books.as_mut().ok_or_else(|| unknown(run))?)
    }

    async fn note_source(
        &mut self,
        run: RunId,
        counters: &str,
        drifted: bool,
    ) -> Result<(), Fault> {
        self.at(run, |run| {
            run.record.counters = Some(counters.to_owned());
            run.record.drifted = drifted;
        })
    }

    async fn crew(&mut self, run: RunId, worker: &WorkerId, slots: u32) -> Result<u64, Fault> {
        self.at(run, |run| {
            let now = tokio::time::Instant::now();
            run.crew.insert(worker.clone(), (slots, now));
            let there = run.crew.values().filter(|(_, seen)| {
                i64::try_from(seen.elapsed().as_millis()).is_ok_and(|ago| ago < CREW_MS)
            });
            there.map(|(slots, _)| u64::from(*slots)).sum()
        })
    }

    async fn revise(&mut self, run: RunId, revision: &Revision) -> Result<RunState, Fault> {
        self.alone(run, |books| books.revise(run, revision)).await
    }

    async fn resolved(&mut self, run: RunId, limit: u64) -> Result<Vec<Reject>, Fault> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.at(run, |run| run.resolved.iter().take(limit).cloned().collect())
    }

    async fn begun(&mut self, _run: RunId) -> Result<Vec<ChunkId>, Fault> {
        Ok(Vec::new())
    }

    async fn undo(
        &mut self,
        run: RunId,
        statements: &[String],
        entry: &Entry,
    ) -> Result<RunState, Fault> {
        self.alone(run, |books| books.change(run, Event::RolledBack, entry.at)).await?;
        let mut state = self.shared.lock();
        for statement in statements {
            super::design::undo(&mut state.tables, statement);
        }
        Ok(RunState::Void)
    }

    async fn note(&mut self, run: RunId, entry: &Entry) -> Result<(), Fault> {
        self.at(run, |run| run.history.push(entry.clone()))
    }

    async fn history(&mut self, run: RunId) -> Result<Vec<Entry>, Fault> {
        self.at(run, |run| run.history.clone())
    }

    async fn forget(&mut self, run: RunId) -> Result<(), Fault> {
        self.alone(run, |books| books.forget(run)).await
    }
}
