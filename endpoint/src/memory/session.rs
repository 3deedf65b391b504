//! Chunk transactions.

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use protocol::batch::Batch;
use protocol::fault::{Code, Fault};
use protocol::id::{AttemptId, ChunkId, RunId};
use protocol::mapping::Mode;
use protocol::plan::{Chunk, Entity, Step, Work};
use protocol::receipt::{Receipt, Reject};
use protocol::schema::TableName;

use super::tables::{Change, Into, Statement, Tables};
use super::{Shared, State};
use crate::{Begun, Session, Write};

/// One connection for chunk transactions.
pub(super) struct MemorySession {
    shared: Arc<Shared>,
    open: Option<Open>,
    /// The plan that its chunks are of.
    believed: Option<String>,
}

/// An open transaction.
struct Open {
    flight: Flight,
    attempt: AttemptId,
    /// What this transaction sees.
    view: Tables,
    /// What it did, to be done again to what is committed by then.
    changes: Vec<Change>,
    /// The view, and how many changes there were, to come back to.
    savepoint: Option<(Tables, usize)>,
    way: Option<Way>,
    rejects: Vec<Reject>,
    /// Rejects of another chunk that are over with, by key.
    settled: Vec<(ChunkId, Vec<String>, Vec<Reject>)>,
    receipt: Option<Receipt>,
    /// After a fault nothing more can be done but to go back.
    failed: bool,
}

/// The way for rows that `start` opened.
struct Way {
    into: Arc<Into>,
    /// For links: how many cells are the key.
    key: Option<usize>,
    count: u64,
}

/// A chunk in flight: others wait for the end of this.
struct Flight {
    shared: Arc<Shared>,
    run: RunId,
    chunk: ChunkId,
    /// Whether it holds the gate.
    inside: bool,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.flights.remove(&(self.run, self.chunk));
        state.asked.retain(|(run, _), chunk| (*run, *chunk) != (self.run, self.chunk));
        if let (true, Some(inside)) = (self.inside, state.inside.get_mut(&self.run)) {
            *inside -= 1;
        }
        drop(state);
        self.shared.changed.notify_waiters();
    }
}

impl State {
    fn closing(&self, run: RunId) -> bool {
        self.closing.get(&run).is_some_and(|waiting| *waiting > 0)
    }

    fn admits(&self, run: RunId, chunk: ChunkId) -> bool {
        self.books.as_ref().is_some_and(|books| books.admits(run, chunk))
    }

    fn receipt(&self, run: RunId, chunk: ChunkId) -> Option<&Receipt> {
        self.books.as_ref()?.runs.get(&run)?.receipts.get(&chunk)
    }
}

/// What a look at the door showed.
enum Door {
    Opened(Tables),
    Ended(Begun),
}

impl MemorySession {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, open: None, believed: None }
    }

    fn open(&mut self) -> Result<&mut Open, Fault> {
        let place = &self.shared.place;
        match self.open.as_mut() {
            None => Err(Fault::new(Code::Refused, place).saying("no transaction is open")),
            Some(open) if open.failed => Err(Fault::new(Code::Refused, place)
                .saying("the transaction failed before, and can only be undone")),
            Some(open) => Ok(open),
        }
    }

    /// Makes a change. A fault leaves the transaction failed.
    fn change(&mut self, change: Change) -> Result<u64, Fault> {
        let open = self.open()?;
        match change.apply(&mut open.view) {
            Ok(count) => {
                open.changes.push(change);
                Ok(count)
            }
            Err(fault) => {
                open.failed = true;
                Err(fault)
            }
        }
    }

    /// Takes the gate, for a step that did its work outside of it.
    async fn enter(&mut self) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        let flight = &mut self.open()?.flight;
        if flight.inside {
            return Ok(());
        }
        let (run, chunk) = (flight.run, flight.chunk);
        let look = |state: &mut State| {
            if state.closing(run) {
                return Ok(None);
            }
            if !state.admits(run, chunk) {
                return Err(not_mine(chunk).saying("the run no longer admits it"));
            }
            *state.inside.entry(run).or_default() += 1;
            Ok(Some(()))
        };
        shared.until(look).await?;
        flight.inside = true;
        Ok(())
    }
}

fn not_mine(chunk: ChunkId) -> Fault {
    Fault::new(Code::NotMine, format!("chunk {chunk}"))
}

#[async_trait]
impl Session for MemorySession {
    async fn begin(
        &mut self,
        run: RunId,
        chunk: &Chunk,
        attempt: AttemptId,
    ) -> Result<Begun, Fault> {
        // What a cancelled call left behind is undone first.
        self.open = None;
        let inside = !matches!(chunk.work, Work::Step(_));
        let believed = self.believed.clone();
        let look = |state: &mut State| {
            if inside && state.closing(run) {
                return Ok(None);
            }
            let known = |books: &super::books::Books| books.goes_by(run, believed.as_deref());
            if !state.admits(run, chunk.id) || !state.books.as_ref().is_some_and(known) {
                return Ok(Some(Door::Ended(Begun::Fenced)));
            }
            if let Some(receipt) = state.receipt(run, chunk.id) {
                return Ok(Some(Door::Ended(Begun::Decided(Box::new(receipt.clone())))));
            }
            if !state.flights.insert((run, chunk.id)) {
                return Ok(None);
            }
            if inside {
                *state.inside.entry(run).or_default() += 1;
            }
            Ok(Some(Door::Opened(state.tables.clone())))
        };
        let view = match self.shared.until(look).await? {
            Door::Opened(view) => view,
            Door::Ended(begun) => return Ok(begun),
        };
        let flight = Flight { shared: Arc::clone(&self.shared), run, chunk: chunk.id, inside };
        self.open = Some(Open {
            flight,
            attempt,
            view,
            changes: Vec::new(),
            savepoint: None,
            way: None,
            rejects: Vec::new(),
            settled: Vec::new(),
            receipt: None,
            failed: false,
        });
        Ok(Begun::Open)
    }

    async fn all_done(
        &mut self,
        run: RunId,
        chunks: &[RangeInclusive<ChunkId>],
    ) -> Result<bool, Fault> {
        let state = self.shared.lock();
        let done = |range: &RangeInclusive<ChunkId>| {
            let wanted = u64::from(range.end().0 - range.start().0) + 1;
            let books = state.books.as_ref().and_then(|books| books.runs.get(&run));
            books.map_or(0, |run| run.receipts.range(range.clone()).count() as u64) == wanted
        };
        Ok(chunks.iter().all(done))
    }

    async fn start(
        &mut self,
        entity: &Entity,
        write: &Write,
        _immediate: bool,
    ) -> Result<(), Fault> {
        let table = entity.target.clone();
        let mut only_update = false;
        let (columns, conflict, key) = match write {
            Write::Rows { blank_links } => {
                let blank = |source: &String| *blank_links && entity.links.contains(source);
                let columns = entity.columns.iter().map(|c| (c.target.clone(), blank(&c.source)));
                let conflict = match entity.mode {
                    Mode::Create | Mode::Replace | Mode::Append => Vec::new(),
                    Mode::Upsert | Mode::Update => entity.conflict.clone(),
                };
                only_update = entity.mode == Mode::Update;
                (columns.collect(), conflict, None)
            }
            Write::Links { key, columns } => {
                let columns = columns.iter().map(|c| (c.target.clone(), false)).collect();
                (columns, Vec::new(), Some(*key))
            }
        };
        let into = Arc::new(Into { table, columns, conflict, only_update });
        self.open()?.way = Some(Way { into, key, count: 0 });
        Ok(())
    }

    async fn write(&mut self, batch: Batch) -> Result<(), Fault> {
        let place = self.shared.place.clone();
        let Some(way) = &self.open()?.way else {
            return Err(Fault::new(Code::Refused, place).saying("rows came before a start"));
        };
        let into = Arc::clone(&way.into);
        let change = match way.key {
            Some(key) => Change::Links { into, key, batch },
            None => Change::Rows { into, batch },
        };
        let count = self.change(change)?;
        if let Some(way) = &mut self.open()?.way {
            way.count += count;
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<u64, Fault> {
        let place = self.shared.place.clone();
        let way = self.open()?.way.take();
        way.map(|way| way.count)
            .ok_or_else(|| Fault::new(Code::Refused, place).saying("nothing was started"))
    }

    async fn savepoint(&mut self) -> Result<(), Fault> {
        let open = self.open()?;
        open.savepoint = Some((open.view.clone(), open.changes.len()));
        Ok(())
    }

    async fn rollback_to(&mut self) -> Result<(), Fault> {
        let place = &self.shared.place;
        let absent = || Fault::new(Code::Refused, place).saying("there is no savepoint");
        let open = self.open.as_mut().ok_or_else(absent)?;
        let (view, changes) = open.savepoint.take().ok_or_else(absent)?;
        open.view = view;
        open.changes.truncate(changes);
        open.way = None;
        open.failed = false;
        Ok(())
    }

    async fn release(&mut self) -> Result<(), Fault> {
        let place = self.shared.place.clone();
        let savepoint = self.open()?.savepoint.take();
        savepoint
            .map(drop)
            .ok_or_else(|| Fault::new(Code::Refused, place).saying("there is no savepoint"))
    }

    async fn execute(&mut self, step: &Step) -> Result<(), Fault> {
        for statement in &step.statements {
            let statement: Statement = serde_json::from_str(statement)
                .map_err(|_| Fault::new(Code::Refused, &step.what).saying("it is no statement"))?;
            self.change(Change::Statement(statement))?;
        }
        Ok(())
    }

    fn believe(&mut self, fingerprint: &str) {
        self.believed = Some(fingerprint.to_owned());
    }

    async fn settle(
        &mut self,
        _by: ChunkId,
        of: ChunkId,
        resolved: &[String],
        again: &[Reject],
    ) -> Result<(), Fault> {
        let again = again.iter().map(|reject| Reject { chunk: of, ..reject.clone() }).collect();
        self.open()?.settled.push((of, resolved.to_vec(), again));
        Ok(())
    }

    async fn reject(&mut self, rejects: &[Reject]) -> Result<(), Fault> {
        self.open()?.rejects.extend_from_slice(rejects);
        Ok(())
    }

    async fn rejected_by(
        &mut self,
        entity: &TableName,
        chunks: RangeInclusive<ChunkId>,
    ) -> Result<u64, Fault> {
        let shared = Arc::clone(&self.shared);
        let flight = &self.open()?.flight;
        let (run, mine) = (flight.run, flight.chunk);
        let look = |state: &mut State| {
            let Some(books) = state.books.as_ref().filter(|books| books.owns(run, entity)) else {
                return Err(Fault::new(Code::TargetOwned, entity.to_string()));
            };
            let receipts = books.runs.get(&run).map(|run| &run.receipts);
            let done = receipts.into_iter().flat_map(|all| all.range(chunks.clone()));
            let rejected = done.map(|(_, receipt)| receipt.rejected).sum();
            let asks = *state.asked.entry((run, entity.clone())).or_insert(mine);
            Ok((asks == mine).then_some(rejected))
        };
        shared.until(look).await
    }

    async fn complete(&mut self, receipt: &Receipt) -> Result<(), Fault> {
        self.enter().await?;
        let open = self.open()?;
        let mine = receipt.chunk == open.flight.chunk
            && receipt.attempt == open.attempt
            && open.receipt.is_none();
        if !mine {
            open.failed = true;
            return Err(not_mine(receipt.chunk));
        }
        open.receipt = Some(receipt.clone());
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Fault> {
        self.open()?;
        let Some(open) = self.open.take() else { return Ok(()) };
        let (run, chunk) = (open.flight.run, open.flight.chunk);
        let receipt = open.receipt.ok_or_else(|| not_mine(chunk))?;
        let mut state = self.shared.lock();
        let mut tables = state.tables.clone();
        for change in &open.changes {
            change.apply(&mut tables)?;
        }
        let books = state.books.as_mut().and_then(|books| books.runs.get_mut(&run));
        let run = books.ok_or_else(|| not_mine(chunk))?;
        run.receipts.insert(chunk, receipt);
        run.rejects.extend(open.rejects);
        for (of, resolved, again) in open.settled {
            let over = |one: &Reject| one.chunk == of && resolved.contains(&one.key);
            let said = |one: &Reject| one.chunk == of && again.iter().any(|a| a.key == one.key);
            run.resolved.extend(run.rejects.iter().filter(|one| over(one)).cloned());
            run.rejects.retain(|one| !over(one) && !said(one));
            run.rejects.extend(again);
        }
        run.samples.retain(|sample| sample.chunk != chunk);
        state.tables = tables;
        // Before the flight ends, which takes the lock itself.
        drop(state);
        drop(open.flight);
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), Fault> {
        self.open = None;
        Ok(())
    }
}
