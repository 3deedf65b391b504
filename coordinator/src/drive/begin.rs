//! How a drive begins: it raises the epoch, tells the ledger what the receipts say, and takes hold
//! of the source. The same for a new run, a resumed one, and one whose ledger was wiped.

use endpoint::Home;
use protocol::chunk::State;
use protocol::event::Fact;
use protocol::fault::Fault;
use protocol::id::ChunkId;
use protocol::plan::Plan;
use protocol::run::{self, Record};
use tracing::{info, warn};

use super::fleet::Fleet;
use super::keep::Keep;
use super::recall::Recall;
use super::{Drive, Parts};
use crate::hold;
use crate::point::Point;

/// One leader's time.
pub(super) struct Term {
    pub(super) epoch: u64,
    /// What was known of the run just before.
    pub(super) record: Record,
}

/// Begins to lead: raises the epoch. Where the run lives in this process it goes on whatever its
/// state was; in a fleet a pause is for operators to end.
pub(super) async fn lead(parts: &Parts, home: &mut dyn Home) -> Result<Term, Fault> {
    let run = parts.run;
    let mut record = home.run(run).await?;
    let epoch = home.lead(run, parts.found).await?;
    (parts.probe)(Point::Led);
    let event = match record.state {
        run::State::Planning => Some(run::Event::Started),
        run::State::Running
        | run::State::Paused
        | run::State::Cancelled
        | run::State::Complete
        | run::State::Void => parts.embedded.then_some(run::Event::Resumed),
    };
    if let Some(event) = event {
        record.state = home.change(run, event, parts.clock.now()).await?;
    }
    Ok(Term { epoch, record })
}

impl Drive {
    /// Tells the ledger what the receipts say, and takes hold of the source.
    pub(super) async fn begin(
        parts: &Parts,
        home: &mut dyn Home,
        term: &Term,
        fleet: Option<Fleet>,
    ) -> Result<Self, Fault> {
        let (run, epoch) = (parts.run, term.epoch);
        let ledger = &parts.ledger;
        let mut recall = if parts.embedded {
            ledger.open(run, chunks(&parts.plan)).await?;
            ledger.lapse_all(run).await?;
            Recall::alone(run, ledger.clone())
        } else {
            Recall::of_fleet(run, ledger.clone(), parts.clock.clone())
        };
        let (done, _) = take_receipts(parts, &mut recall, home).await?;
        (parts.probe)(Point::Restored);
        let state = fleet.as_ref().map_or(term.record.state, |fleet| fleet.record().state);
        recall.publish(Fact::Run { state, epoch }).await?;
        let held = hold_source(parts, home, term, &recall, &done).await?;
        info!(%run, epoch, done = done.len(), chunks = parts.plan.chunks.len(), "leading");
        Ok(Self::new(parts, epoch, recall, fleet, Keep::of(held)))
    }
}

/// Takes hold of the source if there are rows left to read, and tells where others may see it: under
/// the name that is returned.
async fn hold_source(
    parts: &Parts,
    home: &mut dyn Home,
    term: &Term,
    recall: &Recall,
    done: &[ChunkId],
) -> Result<Option<String>, Fault> {
    let proven = proven(&parts.plan, done);
    let is_done = |chunk: &ChunkId| proven.get(chunk.index()) == Some(&true);
    let begun = hold::readers(&parts.plan).any(|chunk| is_done(&chunk));
    if hold::readers(&parts.plan).all(|chunk| is_done(&chunk)) {
        return Ok(None);
    }
    let how = (begun, hold::only_again(&parts.plan, |chunk| is_done(&chunk)));
    let (source, lost) = (parts.source.as_ref(), parts.on_snapshot_lost);
    let (held, finding) = hold::hold(&parts.plan, &term.record, how, source, home, lost).await?;
    let held = held.filter(|_| !parts.embedded);
    if let Some(held) = &held {
        home.note_held(parts.run, term.epoch, held).await?;
    }
    if let Some(finding) = finding {
        recall.publish(finding).await?;
    }
    Ok(held)
}

/// Takes from the receipts which chunks are done, and tells the ledger.
///
/// A target that crashed may have lost its last commits, receipts and rows together. A ledger that
/// heard of them is then ahead, and begins anew: the second value is true.
pub(super) async fn take_receipts(
    parts: &Parts,
    recall: &mut Recall,
    home: &mut dyn Home,
) -> Result<(Vec<ChunkId>, bool), Fault> {
    let run = parts.run;
    recall.open(chunks(&parts.plan)).await?;
    // Asked before the target is, so that no chunk is done here and not yet there.
    let known = recall.checkpoints().await?.map(|known| known.states).unwrap_or_default();
    let done = home.done(run).await?;
    let there = proven(&parts.plan, &done);
    let believed = known.iter().enumerate().filter(|(_, state)| **state == State::Done);
    let ahead = believed.map(|(at, _)| at).any(|at| there.get(at) != Some(&true));
    if ahead {
        warn!(%run, "the ledger ran ahead of the receipts; it begins anew");
        // A memory of another plan is thrown away; events and notes stay.
        recall.open(0).await?;
        recall.open(chunks(&parts.plan)).await?;
    }
    recall.restore(&done).await?;
    Ok((done, ahead))
}

pub(super) fn chunks(plan: &Plan) -> u32 {
    u32::try_from(plan.chunks.len()).expect("chunk ids are u32")
}

/// For each chunk of the plan, whether it is among those done.
fn proven(plan: &Plan, done: &[ChunkId]) -> Vec<bool> {
    let mut proven = vec![false; plan.chunks.len()];
    for chunk in done {
        if let Some(proven) = proven.get_mut(chunk.index()) {
            *proven = true;
        }
    }
    proven
}
