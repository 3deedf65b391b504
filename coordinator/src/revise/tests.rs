//! What a run takes over of a changed file, over small plans.

use std::collections::{BTreeMap, BTreeSet};

use protocol::id::{ChunkId, EntityId, Environment};
use protocol::mapping::{Consistency, Limits, Mode, OnSnapshotLost, Policy};
use protocol::plan::{
    After, Bound, Chunk, DrawnFrom, Entity, Guarantee, Lane, Plan, Range, Side, Stage, Step,
    StepKind, Work,
};
use protocol::schema::{Engine, TableName};

use super::{again, merge};

fn name(name: &str) -> TableName {
    TableName { schema: None, name: name.into() }
}

fn entity(id: u32, called: &str) -> Entity {
    Entity {
        id: EntityId(id),
        source: name(called),
        target: name(called),
        new: true,
        mode: Mode::Create,
        lane: Lane::Text,
        columns: Vec::new(),
        key: vec!["id".into()],
        conflict: Vec::new(),
        links: Vec::new(),
        filter: None,
        top: None,
        policies: BTreeMap::new(),
        rejects_max: None,
        silent: false,
        shape: None,
        rows_estimate: 0,
        bytes_estimate: 0,
    }
}

fn step(kind: StepKind, what: &str, statement: &str) -> Work {
    Work::Step(Step {
        kind,
        what: what.into(),
        statements: vec![statement.into()],
        destructive: false,
        orphans: None,
        parts: Vec::new(),
    })
}

fn chunk(id: u32, stage: Stage, entity: u32, work: Work) -> Chunk {
    let entity = Some(EntityId(entity));
    Chunk { id: ChunkId(id), stage, entity, work, after: Vec::new(), weight: 0, retries: None }
}

/// Of each of these tables: made, copied in two ranges, a foreign key, read back; five chunks.
fn plan(tables: &[&str]) -> Plan {
    let mut chunks = Vec::new();
    for (at, table) in (0..).zip(tables) {
        let cut = Some(Bound(vec!["7".into()]));
        let ranges = [Range { after: None, upto: cut.clone() }, Range { after: cut, upto: None }];
        let [first, second] = ranges.map(Work::Copy);
        let key = step(StepKind::ForeignKey, &format!("key of {table}"), "ADD KEY");
        let base = at * 5;
        chunks.extend([
            chunk(
                base,
                Stage::Prepare,
                at,
                step(StepKind::Table, &format!("table {table}"), "MAKE"),
            ),
            chunk(base + 1, Stage::Copy, at, first),
            chunk(base + 2, Stage::Copy, at, second),
            chunk(base + 3, Stage::Finish, at, key),
            chunk(base + 4, Stage::Verify, at, Work::Verify { index: 0, of: 1 }),
        ]);
    }
    let side = || Side { environment: Environment("e".into()), engine: Engine::Sqlite };
    Plan {
        migration: "m".into(),
        from: side(),
        to: side(),
        consistency: Consistency::Snapshot,
        on_snapshot_lost: OnSnapshotLost::Stop,
        guarantee: Guarantee::ExactlyOnce,
        limits: Limits::default(),
        entities: (0..).zip(tables).map(|(at, table)| entity(at, table)).collect(),
        chunks,
        charsets: Default::default(),
        notes: Vec::new(),
        drawn_from: DrawnFrom { migration: "1".into(), source: "2".into(), target: "3".into() },
        origin: None,
    }
}

fn ids(ids: &[u32]) -> BTreeSet<ChunkId> {
    ids.iter().copied().map(ChunkId).collect()
}

#[test]
fn the_same_file_changes_nothing() {
    let stored = plan(&["a", "b"]);
    let revised = merge(&stored, &ids(&[0, 1, 5]), stored.clone());
    assert_eq!(revised.plan, stored);
    assert_eq!((revised.taken.len(), revised.refused.len(), revised.changed.len()), (0, 0, 0));
}

#[test]
fn policies_limits_and_tables_that_were_not_begun_are_taken_over() {
    let stored = plan(&["a", "b"]);
    let mut drawn = stored.clone();
    drawn.limits.rejects = 7;
    let null = BTreeMap::from([(protocol::cell::Reason::NoSuchDate, Policy::Null)]);
    drawn.entities[0].policies.insert("born".into(), null);
    for entity in &mut drawn.entities {
        entity.filter = Some("id > 1".into());
    }
    // Of `a` a chunk is done, of `b` only its table is made.
    let revised = merge(&stored, &ids(&[0, 1, 5]), drawn.clone());
    assert_eq!(revised.taken, ["limits.rejects", "a: policies", "b: where"]);
    assert_eq!(revised.refused, ["a: where: rows of it were copied already"]);
    assert_eq!(revised.plan.entities[0].filter, None);
    assert_eq!(revised.plan.entities[0].policies, drawn.entities[0].policies);
    assert_eq!(revised.plan.entities[1], drawn.entities[1]);
    assert_eq!(revised.plan.limits.rejects, 7);
    assert_eq!(revised.plan.chunks, stored.chunks, "cut as it was");
}

#[test]
fn a_foreign_key_that_is_not_made_can_be_made_otherwise_or_left_out() {
    let stored = plan(&["a", "b"]);
    let mut drawn = stored.clone();
    drawn.chunks[3].work = step(StepKind::ForeignKey, "key of a", "ADD KEY NOT VALID");
    drawn.chunks[8].work = step(StepKind::Comment, "comment of b", "COMMENT");
    let revised = merge(&stored, &ids(&[0, 5]), drawn.clone());
    assert_eq!(revised.taken, ["key of a", "key of b: left out", "comment of b"]);
    assert_eq!(revised.plan.chunks[3].work, drawn.chunks[3].work);
    assert!(matches!(&revised.plan.chunks[8].work, Work::Step(s) if s.statements.is_empty()));
    assert_eq!(revised.plan.chunks[10].work, drawn.chunks[8].work);
    assert_eq!(revised.changed, ids(&[3, 8, 10]));
    // One that is made stays, and that is said.
    let revised = merge(&stored, &ids(&[0, 3, 5, 8]), drawn);
    assert_eq!(revised.refused, ["key of a: it is made already"]);
    assert_eq!(revised.plan.chunks[3], stored.chunks[3]);
}

#[test]
fn a_table_comes_in_and_another_is_left_out() {
    let stored = plan(&["a", "b"]);
    let mut drawn = plan(&["b", "c"]);
    drawn.chunks[6].after = vec![After::Chunk(ChunkId(5)), After::Entity(EntityId(0), Stage::Copy)];
    let revised = merge(&stored, &ids(&[0, 5, 6]), drawn);
    assert_eq!(revised.taken, ["a: left out; its empty table stays", "c: comes in"]);
    assert!(revised.refused.is_empty());
    let plan = &revised.plan;
    assert_eq!(plan.entities[2].target, name("c"));
    assert!(matches!(&plan.chunks[1].work, Work::Step(step) if step.statements.is_empty()));
    assert_eq!(plan.chunks[4], stored.chunks[4], "the empty table is read back");
    assert_eq!(plan.chunks.len(), 15);
    for (at, chunk) in (0..).zip(&plan.chunks) {
        assert_eq!(chunk.id, ChunkId(at), "a chunk's id is its position");
    }
    let waits = vec![After::Chunk(ChunkId(10)), After::Entity(EntityId(1), Stage::Copy)];
    assert_eq!((plan.chunks[11].entity, &plan.chunks[11].after), (Some(EntityId(2)), &waits));
}

#[test]
fn rejected_rows_are_put_in_line_once_and_what_was_read_back_is_read_back_again() {
    let stored = plan(&["a", "b"]);
    let done: BTreeSet<_> = stored.chunks.iter().map(|chunk| chunk.id).collect();
    let mut revised = merge(&stored, &done, stored.clone());
    let rejects = BTreeMap::from([(ChunkId(2), 3), (ChunkId(6), 1)]);
    let line = again(&mut revised, &done, &rejects, &|entity| entity.target == name("a"));
    assert_eq!((line.rows, line.tables, line.undone), (3, vec!["a".to_string()], vec![ChunkId(4)]));
    assert_eq!(revised.plan.chunks[10].retries, Some(ChunkId(2)));
    assert_eq!(revised.plan.chunks[10].work, stored.chunks[2].work);
    // One that is in line already is not put there twice.
    let line = again(&mut revised, &done, &rejects, &|_| true);
    assert_eq!((line.rows, revised.plan.chunks.len()), (4, 12));
    assert_eq!(revised.changed, ids(&[10, 11]));
}
