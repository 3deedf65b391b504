//! Careful gear: bad rows are found by halving, and set aside.
//!
//! Each batch goes in under a savepoint. When the target refuses it, it is undone and its halves
//! are tried, until a bad row stands alone: that one becomes a reject, in this same transaction.
//! A bad row costs about 2·log₂(n) statements more, and everything else is written as before.

use endpoint::{Session, Write};
use protocol::batch::{Batch, Digest};
use protocol::fault::{Class, Fault};
use protocol::plan::Entity;
use protocol::receipt::Reject;
use tokio::time::Instant;
use transform::{Changed, Pipeline};

use crate::carrier::Carrier;
use crate::carry::{Input, Try, agree};
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
        while let Some(batch) = timed(&mut tally.spent.read, input.next()).await? {
            self.paced(batch.rows() as u64, batch.bytes() as u64).await;
            let (rows, changed) = self.transform(this, pipeline, batch, tally);
            self.within_reject_limit(this.chunk, tally.rejects.len())?;
            let since = Instant::now();
            let batch = Sent { rows, changed };
            let refused = self.halve(this, entity, pipeline, batch, session, tally).await?;
            add(&mut tally.spent.write, since.elapsed());
            // What the pipeline promised to be written was not, after all.
            tally.written.rows -= refused.rows;
            tally.written.sum = tally.written.sum.wrapping_sub(refused.sum);
        }
        Ok(())
    }

    /// Writes a batch in pieces, and returns the digest of the rows that were refused.
    async fn halve(
        &self,
        this: &Try<'_>,
        entity: &Entity,
        pipeline: &Pipeline,
        batch: Sent,
        session: &mut dyn Session,
        tally: &mut Tally,
    ) -> Result<Digest, Fault> {
        let mut refused = Digest::default();
        let mut pieces = vec![(0, batch.rows)];
        while let Some((first, piece)) = pieces.pop().filter(|(_, piece)| !piece.is_empty()) {
            session.savepoint().await?;
            match write_piece(entity, &piece, session).await {
                Ok(()) => {
                    tally.bytes += piece.bytes() as u64;
                    session.release().await?;
                }
                Err(fault) if fault.class() == Class::Data => {
                    session.rollback_to().await?;
                    if piece.rows() > 1 {
                        let middle = piece.rows() / 2;
                        pieces.push((first + middle, piece.slice(middle, piece.rows())));
                        pieces.push((first, piece.slice(0, middle)));
                        continue;
                    }
                    refused = refused.and(pipeline.written_digest(&piece));
                    let mended = batch.changed.iter().filter(|one| one.row == first);
                    mended.for_each(|one| tally.unchange(pipeline.column(one.column), one.reason));
                    tally.rejects.push(reject(this, pipeline, &piece, &fault));
                    self.within_reject_limit(this.chunk, tally.rejects.len())?;
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(refused)
    }
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
        column: named.column,
        reason: if named.code.is_empty() { said() } else { named.code },
        constraint: named.constraint,
    }
}
