//! What the file does as source, as target and as home of runs.

mod chunks;
mod rows;

use std::collections::BTreeMap;

use protocol::batch::{Batch, Digest};
use protocol::cell::Reason;
use protocol::clock::Instant;
use protocol::fault::Code;
use protocol::id::{AttemptId, ChunkId, EntityId, Environment, RunId, WorkerId};
use protocol::mapping::{Limits, Mode, OnSnapshotLost};
use protocol::plan::{
    Chunk, ColumnMap, DrawnFrom, Guarantee, Lane, Plan, Range, Side, Stage, Step, StepKind, Work,
};
use protocol::receipt::{Receipt, Reject, Spent};
use protocol::run::{Event, Record, State};
use uuid::Uuid;

use super::scratch::Scratch;
use super::sign::Sign;
use super::*;
use crate::{Begun, Write};

async fn source(scratch: &Scratch) -> Arc<dyn Source> {
    open_source(&scratch.address()).await.unwrap()
}

async fn target(scratch: &Scratch) -> Arc<dyn Target> {
    open_target(&scratch.address()).await.unwrap()
}

fn text() -> Logical {
    Logical::Text { length: None }
}

fn read_of(table: &str, columns: &[(&str, Logical)], key: &[&str]) -> Read {
    Read {
        table: TableName::bare(table),
        columns: columns.iter().map(|(name, logical)| ((*name).into(), logical.clone())).collect(),
        key: key.iter().map(|name| (*name).into()).collect(),
        range: Range::default(),
        filter: None,
        top: None,
        lane: Lane::Text,
        batch_bytes: 64,
        label: "test".into(),
    }
}

/// All rows of a stream, each as its cells.
async fn drain(mut rows: Box<dyn Rows>) -> Vec<Vec<Option<String>>> {
    let mut all = Vec::new();
    while let Some(batch) = rows.next().await.unwrap() {
        assert!(!batch.is_empty());
        let text =
            |cell: Option<&[u8]>| cell.map(|cell| String::from_utf8_lossy(cell).into_owned());
        all.extend(batch.iter().map(|row| row.cells().map(text).collect::<Vec<_>>()));
    }
    all
}

fn entity(table: &str, columns: &[(&str, &str)], mode: Mode) -> Entity {
    let map = |(name, native): &(&str, &str)| ColumnMap {
        source: (*name).into(),
        target: (*name).into(),
        from: types::logical(native),
        to: types::logical(native),
        native: (*native).into(),
        compared: true,
    };
    Entity {
        id: EntityId(0),
        source: TableName::bare(table),
        target: TableName::bare(table),
        new: true,
        mode,
        lane: Lane::Text,
        columns: columns.iter().map(map).collect(),
        key: vec![columns[0].0.into()],
        conflict: vec![columns[0].0.into()],
        links: Vec::new(),
        filter: None,
        top: None,
        policies: BTreeMap::new(),
        rejects_max: None,
        shape: None,
        silent: false,
        rows_estimate: 0,
        bytes_estimate: 0,
    }
}

fn batch(rows: &[&[Option<&str>]]) -> Batch {
    let mut batch = Batch::default();
    for row in rows {
        batch.push_row(row.iter().map(|cell| cell.map(str::as_bytes)));
    }
    batch
}

fn plan(entity: &Entity, chunks: u32) -> Plan {
    let side = |name: &str| Side { environment: Environment(name.into()), engine: Engine::Sqlite };
    Plan {
        migration: "test".into(),
        from: side("a"),
        to: side("b"),
        consistency: Consistency::Snapshot,
        on_snapshot_lost: OnSnapshotLost::Stop,
        guarantee: Guarantee::ExactlyOnce,
        limits: Limits::default(),
        entities: vec![entity.clone()],
        chunks: (0..chunks).map(|id| chunk(id, Work::Copy(Range::default()))).collect(),
        charsets: Default::default(),
        notes: Vec::new(),
        drawn_from: DrawnFrom { migration: "".into(), source: "".into(), target: "".into() },
        origin: None,
    }
}

fn chunk(id: u32, work: Work) -> Chunk {
    let stage = Stage::Copy;
    Chunk {
        id: ChunkId(id),
        stage,
        entity: Some(EntityId(0)),
        work,
        after: Vec::new(),
        weight: 0,
        retries: None,
    }
}

fn record(id: u128, plan: &Plan) -> Record {
    Record::new(RunId(Uuid::from_u128(id)), plan, Instant(i64::try_from(id).unwrap()))
}

fn receipt(chunk: u32, attempt: AttemptId, rows: u64) -> Receipt {
    let digest = Digest { rows, sum: u128::MAX - 1 };
    Receipt {
        chunk: ChunkId(chunk),
        attempt,
        worker: WorkerId("w".into()),
        tries: 1,
        read: digest,
        written: digest,
        filtered: 0,
        rejected: 0,
        bytes: 9,
        policies: BTreeMap::from([("c".into(), BTreeMap::from([(Reason::TooLong, 2)]))]),
        spent: Spent { read: 9, ..Spent::default() },
        started: Instant(1),
        finished: Instant(2),
    }
}

fn attempt(id: u128) -> AttemptId {
    AttemptId(Uuid::from_u128(id))
}

const ROWS: Write = Write::Rows { blank_links: false };
