//! Careful gear: bad rows are found, and set aside.
//!
//! Each piece of a batch goes in under a savepoint. When the target refuses it, it is undone and
//! smaller ones are tried, until a bad row stands alone: that one becomes a reject, in this same
//! transaction. Which rows are tried together, the sieve decides.

use endpoint::{Session, Write};
use protocol::batch::{Batch, Digest};
use protocol::fault::{Class, Fault};
use protocol::plan::Entity;
use protocol::receipt::Reject;
use tokio::time::Instant;
use transform::{Changed, Pipeline};

use crate::carrier::Carrier;
use crate::carry::{Try, agree};
use crate::input::Input;
use crate::sieve::Sieve;
use crate::tally::{Tally, add, timed};

impl Carrier {
    /// Copies a chunk in careful gear.
    pub(crate) async fn isolate(
        &self,
        this: &Try<'_>,
        entity: &Entity,
        pipeline: &Pipeline,
        input: &mut Input,
        session: &mut dyn Session,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        let mut careful = Careful { this, entity, pipeline, sieve: Sieve::default() };
        while let Some(batch) = timed(&mut tally.spent.read, input.next()).await? {
            self.paced(batch.rows() as u64, batch.bytes() as u64).await;
            let (rows, changed) = self.transform(this, pipeline, batch, tally);
            self.within_limit(this.chunk, tally.rejects.len())?;
            let since = Instant::now();
            let batch = Sent { rows, changed };
            let refused = self.sift(&mut careful, batch, session, tally).await?;
            add(&mut tally.spent.write, since.elapsed());
            // What the pipeline promised to be written was not, after all.
            tally.written.rows -= refused.rows;
            tally.written.sum = tally.written.sum.wrapping_sub(refused.sum);
        }
        Ok(())
    }

    /// Writes a batch in pieces, and returns the digest of the rows that were refused.
    async fn sift(
        &self,
        Careful { this, entity, pipeline, sieve }: &mut Careful<'_>,
        batch: Sent,
        session: &mut dyn Session,
        tally: &mut Tally,
    ) -> Result<Digest, Fault> {
        let mut refused = Digest::default();
        sieve.begin();
        while let Some(piece) = sieve.piece(batch.rows.rows()) {
            let rows = batch.rows.slice(piece.start, piece.end);
            session.savepoint().await?;
            match write_piece(entity, &rows, session).await {
                Ok(()) => {
                    session.release().await?;
                    tally.bytes += rows.bytes() as u64;
                    sieve.went_in(&piece);
                }
                Err(fault) if fault.class() == Class::Data => {
                    session.rollback_to().await?;
                    if !sieve.refused(&piece, fault.row()) {
                        continue;
                    }
                    refused = refused.and(pipeline.written_digest(&rows));
                    let mended = batch.changed.iter().filter(|one| one.row == piece.start);
                    mended.for_each(|one| tally.unchange(pipeline.column(one.column), one.reason));
                    tally.rejects.push(reject(this, pipeline, &rows, &fault));
                    self.within_limit(this.chunk, tally.rejects.len())?;
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(refused)
    }
}

/// A copy in careful gear.
struct Careful<'a> {
    this: &'a Try<'a>,
    entity: &'a Entity,
    pipeline: &'a Pipeline,
    sieve: Sieve,
}

/// A batch on its way, with the cells that policies changed in it.
struct Sent {
    rows: Batch,
    changed: Vec<Changed>,
}

async fn write_piece(
    entity: &Entity,
    piece: &Batch,
    session: &mut dyn Session,
) -> Result<(), Fault> {
    let write = Write::Rows { blank_links: !entity.links.is_empty() };
    session.start(entity, &write, true).await?;
    session.write(piece.clone()).await?;
    agree(entity, piece.rows() as u64, session.finish().await?)
}

/// A row that the target refused by itself, with the target's own words for why.
fn reject(this: &Try<'_>, pipeline: &Pipeline, row: &Batch, fault: &Fault) -> Reject {
    let named = fault.named().cloned().unwrap_or_default();
    let said = || fault.said().unwrap_or(fault.code().slug()).to_string();
    Reject {
        chunk: this.chunk.id,
        key: pipeline.key(row.row(0)),
        reason: if named.code.is_empty() { said() } else { named.reason() },
        column: named.column,
        constraint: named.constraint,
    }
}
