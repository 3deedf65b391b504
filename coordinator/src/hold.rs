//! Taking hold of the source, and saying honestly what is held.
//!
//! A snapshot lives in the process that took it. A resumed run takes a new one, which shows the
//! same rows only if nobody wrote in between; the source's change counters say whether.

use endpoint::{Home, Source};
use protocol::event::Fact;
use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, RunId};
use protocol::mapping::{Consistency, OnSnapshotLost};
use protocol::plan::{Chunk, ColumnMap, Plan, Work};
use protocol::run::Record;
use protocol::schema::TableName;

/// Takes hold of the source for a run that has rows left to read, new or resumed; `begun` when it has
/// read some before, `only_again` when all that is left is rejected rows to be read again.
///
/// Returns the name under which others may see what is held, and a finding when the run drifts from
/// here on.
///
/// # Errors
/// `SnapshotLost` when the source changed since the run began, and the plan says to stop;
/// `SourceChanged` when a column of the plan has another type now.
pub(crate) async fn hold(
    plan: &Plan,
    record: &Record,
    (begun, only_again): (bool, bool),
    source: &dyn Source,
    home: &mut dyn Home,
    on_lost: OnSnapshotLost,
) -> Result<(Option<String>, Option<Fact>), Fault> {
    let drifting = plan.consistency == Consistency::Drifting;
    if !begun && !drifting {
        // Before the hold: whoever writes in between is seen by what is held, and counted as a
        // change later. The other way round a change that is not seen would not be counted.
        let first = source.counters(&tables(plan)).await?;
        home.note_source(record.run, &first, false).await?;
    }
    let held = source.hold(plan.consistency).await?;
    refuse_changed(plan, source).await?;
    // Rows that are read again are of now, whatever the source was before: that is what was asked for.
    if !begun || drifting || only_again {
        return Ok((held, None));
    }
    let now = source.counters(&tables(plan)).await?;
    let unchanged = record.counters.as_ref().is_some_and(|then| source.unchanged(then, &now));
    if unchanged || record.drifted {
        return Ok((held, None));
    }
    match on_lost {
        OnSnapshotLost::Stop => Err(Fault::new(Code::SnapshotLost, source.place())
            .saying("its change counters differ from those at the start")),
        OnSnapshotLost::Drift => {
            home.note_source(record.run, &now, true).await?;
            let finding = Fact::Finding {
                code: Code::SnapshotLost.to_string(),
                message: "the source changed while nobody held its snapshot; \
                          later chunks see it as it stood then"
                    .into(),
            };
            Ok((held, Some(finding)))
        }
    }
}

/// Refuses a source whose columns mean something else than when the plan was drawn: bytes of the raw
/// lane would be taken for those of another type. A table or column that is gone is named by whoever
/// reads it, and holds up nothing else.
async fn refuse_changed(plan: &Plan, source: &dyn Source) -> Result<(), Fault> {
    let there = source.catalogue().await?;
    for entity in &plan.entities {
        let Some(table) = there.table(&entity.source) else { continue };
        let changed = |map: &&ColumnMap| {
            table.column(&map.source).is_some_and(|column| column.logical != map.from)
        };
        if let Some(map) = entity.columns.iter().find(changed) {
            let place = format!("{}.{}", entity.source, map.source);
            return Err(Fault::new(Code::SourceChanged, place).saying("its type is another one"));
        }
    }
    Ok(())
}

/// Tests the promise of a quiesced source once all rows are read.
///
/// # Errors
/// `PromiseBroken` when somebody wrote.
pub(crate) async fn keep_promise(
    plan: &Plan,
    run: RunId,
    source: &dyn Source,
    home: &mut dyn Home,
) -> Result<(), Fault> {
    // It was tested before rejected rows were read again, and those may have been corrected.
    if plan.chunks.iter().any(|chunk| chunk.retries.is_some()) {
        return Ok(());
    }
    let record = home.run(run).await?;
    let Some(then) = record.counters.filter(|_| plan.consistency == Consistency::Quiesced) else {
        return Ok(());
    };
    if record.drifted || source.unchanged(&then, &source.counters(&tables(plan)).await?) {
        return Ok(());
    }
    // Noted first: the run is drifting from here on, whoever resumes it.
    home.note_source(run, &then, true).await?;
    Err(Fault::new(Code::PromiseBroken, source.place()))
}

/// Whether all rows that are left to read are rejected ones that are read again.
pub(crate) fn only_again(plan: &Plan, is_done: impl Fn(ChunkId) -> bool) -> bool {
    let first = plan.chunks.iter().find(|chunk| chunk.retries.is_some()).map(|chunk| chunk.id);
    let left = readers(plan).filter(|chunk| !is_done(*chunk)).min();
    first.is_some() && left >= first
}

/// The chunks that read the source.
pub(crate) fn readers(plan: &Plan) -> impl Iterator<Item = ChunkId> {
    let reads = |chunk: &&Chunk| match &chunk.work {
        Work::Copy(_) | Work::Link(_) => true,
        Work::Step(_) | Work::Verify { .. } => false,
    };
    plan.chunks.iter().filter(reads).map(|chunk| chunk.id)
}

fn tables(plan: &Plan) -> Vec<TableName> {
    plan.entities.iter().map(|entity| entity.source.clone()).collect()
}
