//! What the suite cannot ask of every engine.

use protocol::batch::Batch;
use protocol::clock::Instant;
use protocol::id::{AttemptId, ChunkId, EntityId, Environment};
use protocol::mapping::{Consistency, Limits, Mode, OnSnapshotLost};
use protocol::plan::{
    Chunk, ColumnMap, DrawnFrom, Entity, Guarantee, Lane, Plan, Range, Side, Stage, Work,
};
use protocol::run::{Event, Record, State as RunState};

use super::*;
use crate::{Begun, Session, Source, Target, Write};

const INT: Logical = Logical::Integer { bits: 64 };

fn entity() -> Entity {
    let map = |name: &str| ColumnMap {
        source: name.into(),
        target: name.into(),
        from: INT,
        to: INT,
        native: String::new(),
        compared: true,
    };
    Entity {
        id: EntityId(0),
        source: TableName::bare("t"),
        target: TableName::bare("t"),
        new: false,
        mode: Mode::Create,
        lane: Lane::Text,
        columns: vec![map("id")],
        key: vec!["id".into()],
        conflict: Vec::new(),
        links: Vec::new(),
        filter: None,
        top: None,
        policies: std::collections::BTreeMap::new(),
        rejects_max: None,
        shape: None,
        silent: false,
        rows_estimate: 0,
        bytes_estimate: 0,
    }
}

fn plan() -> Plan {
    let side = || Side { environment: Environment("here".into()), engine: Engine::Memory };
    let chunk = |id| Chunk {
        id: ChunkId(id),
        stage: Stage::Copy,
        entity: Some(EntityId(0)),
        work: Work::Copy(Range::default()),
        after: Vec::new(),
        weight: 0,
        retries: None,
    };
    Plan {
        migration: "m".into(),
        from: side(),
        to: side(),
        consistency: Consistency::Drifting,
        on_snapshot_lost: OnSnapshotLost::Stop,
        guarantee: Guarantee::ExactlyOnce,
        limits: Limits::default(),
        entities: vec![entity()],
        chunks: vec![chunk(0), chunk(1)],
        charsets: Default::default(),
        notes: Vec::new(),
        origin: None,
        drawn_from: DrawnFrom {
            migration: String::new(),
            source: String::new(),
            target: String::new(),
        },
    }
}

/// A database that gives up waiting at once, with a stored run.
async fn stored() -> (Memory, RunId) {
    let memory = Memory::waiting_at_most("m", Duration::from_millis(5))
        .with_table(Memory::table("t", &[("id", INT)], &["id"]), &[&[Some("1")]]);
    let run = RunId(uuid::Uuid::now_v7());
    let record = Record {
        run,
        state: RunState::Planning,
        epoch: 0,
        fingerprint: String::new(),
        migration: "m".into(),
        from: Environment("here".into()),
        to: Environment("here".into()),
        created: Instant(0),
        ended: None,
        drifted: false,
        counters: None,
        fleet: false,
        steering: protocol::run::Steering::default(),
        held: None,
        led_ms_ago: None,
    };
    let mut home = memory.home().await.unwrap();
    home.install().await.unwrap();
    home.store(&record, &plan()).await.unwrap();
    (memory, run)
}

async fn begun(memory: &Memory, run: RunId, chunk: usize) -> Result<Box<dyn Session>, Fault> {
    let mut session = memory.session("s").await?;
    let attempt = AttemptId(uuid::Uuid::now_v7());
    assert_eq!(session.begin(run, &plan().chunks[chunk], attempt).await?, Begun::Open);
    Ok(session)
}

#[tokio::test]
async fn waits_have_a_bound() {
    let (memory, run) = stored().await;
    let _first = begun(&memory, run, 0).await.unwrap();
    let Err(fault) = begun(&memory, run, 0).await else { panic!("two at once") };
    assert_eq!(fault.code(), Code::Busy);
    let mut home = memory.home().await.unwrap();
    let fault = home.change(run, Event::Cancelled, Instant(0)).await.unwrap_err();
    assert_eq!(fault.code(), Code::Busy);
    // Who gave up waiting keeps nobody out.
    begun(&memory, run, 1).await.unwrap();
}

#[tokio::test]
async fn after_a_fault_a_session_can_only_go_back() {
    let (memory, run) = stored().await;
    let mut session = begun(&memory, run, 0).await.unwrap();
    let mut twice = Batch::default();
    twice.push_row([Some(&b"1"[..])].into_iter());
    session.savepoint().await.unwrap();
    session.start(&entity(), &Write::Rows { blank_links: false }, true).await.unwrap();
    let fault = session.write(twice).await.unwrap_err();
    let named = fault.named().and_then(|native| native.constraint.as_deref());
    assert_eq!(named, Some("t_pkey"));
    assert_eq!(session.finish().await.unwrap_err().code(), Code::Refused);
    session.rollback_to().await.unwrap();
    session.savepoint().await.unwrap();
}

#[tokio::test]
async fn the_rows_of_a_test_are_there() {
    let (memory, _) = stored().await;
    assert_eq!(memory.rows(&TableName::bare("t")), [[Some("1".to_owned())]]);
    assert!(memory.rows(&TableName::bare("u")).is_empty());
    let clone = memory.clone();
    Source::hold(&clone, Consistency::Snapshot).await.unwrap();
    assert!(matches!(*memory.held.lock().unwrap(), Held::Nothing), "a clone holds its own moments");
}
