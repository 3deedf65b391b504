//! One try at one chunk: read, transform, write, receipt. The chunk protocol on one screen.

use endpoint::{Begun, Read, Session, Write};
use protocol::batch::Batch;
use protocol::clock;
use protocol::event::Fact;
use protocol::fault::{Code, Fault, Native};
use protocol::id::{AttemptId, ChunkId, WorkerId};
use protocol::mapping::Mode;
use protocol::plan::{Chunk, ColumnMap, Entity, Range, Work};
use protocol::receipt::{Receipt, Reject};
use protocol::schema::Logical;
use std::ops::RangeInclusive;
use std::time::Duration;
use tokio::time::Instant;
use transform::{Changed, Pipeline, compile};

use crate::Point;
use crate::carrier::Carrier;
use crate::input::Input;
use crate::pace::batch_bytes;
use crate::tally::{Tally, add, timed};

/// How often, at most, a chunk under way says how far it is.
const MOVING_EVERY: Duration = Duration::from_millis(200);

/// Why a row that was to be updated is a reject.
const NO_SUCH_ROW: &str = "no_such_row";

/// Rows kept as evidence when a chunk passes the limit of rejects.
const SAMPLE_ROWS: usize = 20;

/// How a copy treats rows that the target refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gear {
    /// All rows in one go; the first refusal ends the try.
    First,
    /// In pieces under savepoints, until bad rows stand alone.
    Careful,
}

/// One try.
#[derive(Clone, Copy)]
pub(crate) struct Try<'a> {
    pub(crate) chunk: &'a Chunk,
    pub(crate) attempt: AttemptId,
    pub(crate) worker: &'a WorkerId,
    pub(crate) tries: u32,
    pub(crate) gear: Gear,
    /// How long its task had waited, in microseconds, where that is known.
    pub(crate) queued: Option<u64>,
}

/// How a try ended, other than in a fault.
pub(crate) enum Carried {
    /// The receipt stands. `again`: it stood before.
    Done { receipt: Box<Receipt>, again: bool },
    /// The run does not admit the chunk now.
    Fenced,
    /// What the chunk comes after is not done: it waits again, and nothing of it was begun.
    Early,
}

impl Carrier {
    /// One try at a chunk. After a fault the session must be dropped; it is left in place only
    /// after a clean end.
    pub(crate) async fn carry(
        &self,
        this: &Try<'_>,
        slot: &mut Option<Box<dyn Session>>,
    ) -> Result<Carried, Fault> {
        let started = self.parts.clock.now();
        // The first batch is read before the target's transaction begins, so that a target with
        // one writer is not held up by a slow source.
        let mut tally = Tally::default();
        tally.spent.queue = this.queued;
        let prior = self.prior.of(&self.parts.plan, this.chunk);
        let reads_back = matches!(this.chunk.work, Work::Verify { .. });
        if reads_back && !self.may_read_back(this, &prior, slot, &mut tally).await? {
            return Ok(Carried::Early);
        }
        let spent = &mut tally.spent;
        let mut input = timed(&mut spent.read, self.input(this)).await?;
        if let (true, Some(id)) = (reads_back, this.chunk.entity) {
            // All of it: reading back writes nothing, and may take longer than a transaction may
            // stand idle or hold up the only writer.
            self.read_back(self.parts.plan.entity(id), &mut input, &mut tally).await?;
        }
        let mut session = match slot.take() {
            Some(session) => session,
            None => timed(&mut tally.spent.write, self.open(this)).await?,
        };
        session.believe(&self.options.fingerprint);
        let begun = session.begin(self.parts.run, this.chunk, this.attempt);
        match timed(&mut tally.spent.lock, begun).await? {
            Begun::Open => self.passed(Point::Begun),
            Begun::Decided(receipt) => {
                *slot = Some(session);
                return Ok(Carried::Done { receipt, again: true });
            }
            Begun::Fenced => {
                *slot = Some(session);
                return Ok(Carried::Fenced);
            }
        }
        if !timed(&mut tally.spent.lock, session.all_done(self.parts.run, &prior)).await? {
            session.rollback().await?;
            *slot = Some(session);
            return Ok(Carried::Early);
        }
        let mut worked = self.work(this, &mut input, session.as_mut(), &mut tally).await;
        if let (Ok(()), Some(of)) = (&worked, this.chunk.retries) {
            worked = self.settle(this, of, input.met(), session.as_mut(), &mut tally).await;
        } else if worked.is_ok() && !tally.rejects.is_empty() {
            worked = self.keep_rejects(this.chunk, session.as_mut(), &mut tally).await;
        }
        if let Err(fault) = worked {
            if fault.code() == Code::RejectLimit {
                session.rollback().await?;
                self.keep_sample(&tally.rejects).await?;
            }
            return Err(fault);
        }
        let receipt = self.receipt(this, tally, started)?;
        session.complete(&receipt).await?;
        self.passed(Point::Completed);
        session.commit().await?;
        self.passed(Point::Committed);
        *slot = Some(session);
        Ok(Carried::Done { receipt: Box::new(receipt), again: false })
    }

    /// Whether what is to be read back is all there. Asked before it is read as well as in the
    /// transaction: what is read must have been written before.
    async fn may_read_back(
        &self,
        this: &Try<'_>,
        prior: &[RangeInclusive<ChunkId>],
        slot: &mut Option<Box<dyn Session>>,
        tally: &mut Tally,
    ) -> Result<bool, Fault> {
        let mut session = match slot.take() {
            Some(session) => session,
            None => timed(&mut tally.spent.write, self.open(this)).await?,
        };
        let done = session.all_done(self.parts.run, prior).await?;
        *slot = Some(session);
        Ok(done)
    }

    /// A session to write through.
    async fn open(&self, this: &Try<'_>) -> Result<Box<dyn Session>, Fault> {
        self.parts.target.session(&self.label(this)).await
    }

    /// Opens the read that the chunk needs, if it needs one.
    async fn input(&self, this: &Try<'_>) -> Result<Input, Fault> {
        match this.chunk.work {
            Work::Copy(_) | Work::Link(_) => self.see_source().await?,
            Work::Step(_) | Work::Verify { .. } => {}
        }
        let label = self.label(this);
        let budget = &self.options.budget;
        let entity = this.chunk.entity.map(|id| self.parts.plan.entity(id));
        let (rows, bytes) = match (&this.chunk.work, entity) {
            (Work::Copy(range), Some(entity)) => {
                let read = self.read(entity, entity.reads(), range, label);
                (self.parts.source.read(&read).await?, read.batch_bytes)
            }
            (Work::Link(range), Some(entity)) => {
                let columns = link_columns(entity).into_iter().map(|c| (c.source, c.from));
                let read = self.read(entity, columns.collect(), range, label);
                (self.parts.source.read(&read).await?, read.batch_bytes)
            }
            (Work::Verify { index, of }, Some(entity)) => {
                let bytes = self.options.batch_bytes;
                (self.parts.target.read_back(entity, *index, *of, bytes).await?, bytes)
            }
            (Work::Step(_), _) | (_, None) => return Ok(Input::none(budget)),
        };
        let input = match (this.chunk.retries, entity) {
            (Some(of), Some(entity)) => {
                let again = self.only_rejected(of, self.pipeline(entity)?, rows).await?;
                let met = again.met();
                Input::begin(Box::new(again), bytes, budget).await?.meeting(met)
            }
            (None, _) | (_, None) => Input::begin(rows, bytes, budget).await?,
        };
        self.passed(Point::Read);
        Ok(input)
    }

    fn read(
        &self,
        entity: &Entity,
        columns: Vec<(String, Logical)>,
        range: &Range,
        label: String,
    ) -> Read {
        Read {
            table: entity.source.clone(),
            columns,
            key: entity.key.clone(),
            range: range.clone(),
            filter: entity.filter.clone(),
            top: entity.top,
            lane: entity.lane,
            batch_bytes: batch_bytes(&self.limits(), entity, self.options.batch_bytes),
            label,
        }
    }

    /// What is particular to each kind of work, between the receipt's opening and completion.
    async fn work(
        &self,
        this: &Try<'_>,
        input: &mut Input,
        session: &mut dyn Session,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        let entity = this.chunk.entity.map(|id| self.parts.plan.entity(id));
        match (&this.chunk.work, entity) {
            (Work::Step(step), _) => {
                timed(&mut tally.spent.write, session.execute(step)).await?;
                self.passed(Point::Stepped);
                Ok(())
            }
            (Work::Copy(_), Some(entity)) => {
                let pipeline = self.pipeline(entity)?;
                match this.gear {
                    Gear::First => self.copy(this, entity, &pipeline, input, session, tally).await,
                    Gear::Careful => {
                        self.isolate(this, entity, &pipeline, input, session, tally).await
                    }
                }
            }
            (Work::Link(_), Some(entity)) => self.link(this, entity, input, session, tally).await,
            // Its rows were read before.
            (Work::Verify { .. }, Some(_)) => Ok(()),
            (Work::Copy(_) | Work::Link(_) | Work::Verify { .. }, None) => {
                unreachable!("the planner gives rows an entity")
            }
        }
    }

    /// Verification: the digest of what the target gives back.
    async fn read_back(
        &self,
        entity: &Entity,
        input: &mut Input,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        let pipeline = self.pipeline(entity)?;
        while let Some(batch) = timed(&mut tally.spent.read, input.next()).await? {
            let since = Instant::now();
            tally.read = tally.read.and(pipeline.read_back_digest(&batch));
            add(&mut tally.spent.transform, since.elapsed());
            tally.bytes += batch.bytes() as u64;
        }
        tally.written = tally.read;
        Ok(())
    }

    fn pipeline(&self, entity: &Entity) -> Result<Pipeline, Fault> {
        let plan = &self.parts.plan;
        let compiled = compile(entity, plan.from.engine, plan.to.engine, &plan.charsets);
        compiled.map_err(|wrong| wrong.fault(entity))
    }

    /// First gear: one way into the target, all rows through it.
    async fn copy(
        &self,
        this: &Try<'_>,
        entity: &Entity,
        pipeline: &Pipeline,
        input: &mut Input,
        session: &mut dyn Session,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        let write = Write::Rows { blank_links: !entity.links.is_empty() };
        timed(&mut tally.spent.write, session.start(entity, &write, false)).await?;
        // One that is over soon says only that it is done.
        let mut moving = Instant::now();
        while let Some(batch) = timed(&mut tally.spent.read, input.next()).await? {
            self.paced(batch.rows() as u64, batch.bytes() as u64).await;
            let (rows, _) = self.transform(this, pipeline, batch, tally);
            self.within_limit(this.chunk, tally.rejects.len())?;
            tally.bytes += rows.bytes() as u64;
            if !rows.is_empty() {
                timed(&mut tally.spent.write, session.write(rows)).await?;
            }
            self.passed(Point::Wrote);
            self.moving(this, entity, tally, &mut moving).await;
        }
        let counted = timed(&mut tally.spent.write, session.finish()).await?;
        self.passed(Point::Finished);
        agree(entity, tally.written.rows, counted)
    }

    /// Transforms a batch, and adds to the tally all but the bytes written. Also returns the cells
    /// that policies changed.
    pub(crate) fn transform(
        &self,
        this: &Try<'_>,
        pipeline: &Pipeline,
        batch: Batch,
        tally: &mut Tally,
    ) -> (Batch, Vec<Changed>) {
        let since = Instant::now();
        let out = pipeline.apply(batch);
        add(&mut tally.spent.transform, since.elapsed());
        tally.read = tally.read.and(out.read);
        tally.written = tally.written.and(out.written);
        tally.filtered += out.filtered;
        for Changed { column, reason, .. } in &out.changed {
            let reasons = tally.policies.entry(pipeline.column(*column).to_string()).or_default();
            *reasons.entry(*reason).or_default() += 1;
        }
        for row in out.rejects {
            tally.rejects.push(Reject {
                chunk: this.chunk.id,
                key: row.key,
                column: Some(row.column),
                reason: row.reason.as_str().to_string(),
                constraint: None,
            });
        }
        (out.rows, out.changed)
    }

    /// The second pass: fills the links that the first left NULL.
    async fn link(
        &self,
        this: &Try<'_>,
        entity: &Entity,
        input: &mut Input,
        session: &mut dyn Session,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        let columns = link_columns(entity);
        let narrow = Entity { columns: columns.clone(), shape: None, ..entity.clone() };
        let pipeline = self.pipeline(&narrow)?;
        let write = Write::Links { key: entity.key.len(), columns };
        timed(&mut tally.spent.write, session.start(entity, &write, false)).await?;
        let mut fit = 0;
        while let Some(batch) = timed(&mut tally.spent.read, input.next()).await? {
            self.paced(batch.rows() as u64, batch.bytes() as u64).await;
            let (rows, _) = self.transform(this, &pipeline, batch, tally);
            tally.bytes += rows.bytes() as u64;
            fit += rows.rows() as u64;
            if !rows.is_empty() {
                timed(&mut tally.spent.write, session.write(rows)).await?;
            }
            self.passed(Point::Wrote);
        }
        let found = timed(&mut tally.spent.write, session.finish()).await?;
        self.passed(Point::Finished);
        // Rows that the first pass rejected or left out are not there, and were counted when they were.
        let absent = fit.saturating_sub(found);
        let expected = entity.skips_rows() || self.rejected_of(entity.id) > 0;
        if found > fit || (absent > 0 && !expected) {
            let said = format!("{fit} rows have links, and {found} of them were found");
            return Err(Fault::new(Code::LinkRefused, entity.target.to_string()).saying(said));
        }
        tally.filtered += absent + tally.rejects.len() as u64;
        tally.rejects.clear();
        // What is changed in the key or a link was counted when its row was written.
        tally.policies.clear();
        tally.written.rows = found;
        Ok(())
    }

    fn receipt(
        &self,
        this: &Try<'_>,
        tally: Tally,
        started: clock::Instant,
    ) -> Result<Receipt, Fault> {
        let receipt = Receipt {
            chunk: this.chunk.id,
            attempt: this.attempt,
            worker: this.worker.clone(),
            tries: this.tries,
            read: tally.read,
            written: tally.written,
            filtered: tally.filtered,
            rejected: tally.rejects.len() as u64,
            bytes: tally.bytes,
            policies: tally.policies,
            spent: tally.spent,
            started,
            finished: self.parts.clock.now(),
        };
        match receipt.balance() {
            Ok(()) => Ok(receipt),
            Err(error) => {
                Err(Fault::new(Code::Imbalance, self.parts.plan.what(this.chunk)).because(error))
            }
        }
    }

    fn label(&self, this: &Try<'_>) -> String {
        format!("longhaul:{}:{}:{}", self.parts.run, this.chunk.id, this.tries)
    }

    async fn moving(&self, this: &Try<'_>, entity: &Entity, tally: &Tally, last: &mut Instant) {
        let now = Instant::now();
        if now < *last + MOVING_EVERY {
            return;
        }
        *last = now;
        let (rows, bytes) = (tally.written.rows, tally.bytes);
        self.tell(Fact::Moving { chunk: this.chunk.id, entity: entity.id, rows, bytes }).await;
    }

    /// Keeps evidence of a chunk that passed the limit of rejects, in a transaction of its own,
    /// after the chunk's was rolled back.
    async fn keep_sample(&self, rejects: &[Reject]) -> Result<(), Fault> {
        let sample = &rejects[..rejects.len().min(SAMPLE_ROWS)];
        self.parts.target.home().await?.keep_sample(self.parts.run, sample).await
    }
}

/// Whether the target counted as many rows as were sent.
pub(crate) fn agree(entity: &Entity, sent: u64, counted: u64) -> Result<(), Fault> {
    if sent == counted {
        return Ok(());
    }
    if entity.mode == Mode::Update && counted < sent {
        let native = Native { code: NO_SUCH_ROW.into(), ..Native::default() };
        return Err(Fault::new(Code::RowMissing, entity.target.to_string()).native(native));
    }
    let said = format!("{sent} rows were sent, and the target counted {counted}");
    Err(Fault::new(Code::Imbalance, entity.target.to_string()).saying(said))
}

/// The key's columns and then the links', as the second pass reads and writes them.
fn link_columns(entity: &Entity) -> Vec<ColumnMap> {
    let named = |name: &String| entity.columns.iter().find(|c| c.source == *name).cloned();
    entity.key.iter().chain(&entity.links).filter_map(named).collect()
}
