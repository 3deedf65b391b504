//! What sessions of PostgreSQL alone must be tested for; the rest is in the conformance suite.

use std::collections::BTreeMap;

use protocol::batch::{Batch, Digest};
use protocol::clock::Instant;
use protocol::fault::Code;
use protocol::id::{AttemptId, ChunkId, EntityId, Environment, RunId, WorkerId};
use protocol::mapping::{Consistency, Limits, Mode, OnSnapshotLost};
use protocol::plan::{
    Chunk, ColumnMap, DrawnFrom, Entity, Guarantee, Lane, Plan, Range, Side, Stage, Step, StepKind,
    Work,
};
use protocol::receipt::{Receipt, Spent};
use protocol::run::Record;
use protocol::schema::{Engine, Logical, TableName};
use uuid::Uuid;

use crate::postgres::testing::Scratch;
use crate::{Begun, Session, Target, Write};

const INT: Logical = Logical::Integer { bits: 32 };
const TEXT: Logical = Logical::Text { length: None };

/// A run over one table, with three chunks of rows and a step.
struct Run {
    scratch: Scratch,
    id: RunId,
    plan: Plan,
}

impl Run {
    async fn new(setup: &str, columns: &[(&str, Logical)], entity: Entity) -> Self {
        let scratch = Scratch::new(setup).await;
        let map = |(name, logical): &(&str, Logical)| ColumnMap {
            source: (*name).into(),
            target: (*name).into(),
            from: logical.clone(),
            to: logical.clone(),
            native: String::new(),
            compared: true,
        };
        let entity = Entity { columns: columns.iter().map(map).collect(), ..entity };
        let run = Self { scratch, id: RunId(Uuid::now_v7()), plan: plan(entity) };
        let mut home = run.scratch.open().await.home().await.unwrap();
        home.install().await.unwrap();
        home.store(&run.record(), &run.plan).await.unwrap();
        run
    }

    /// A run over a table of numbers, without a key.
    async fn of_numbers() -> Self {
        let entity = entity(Mode::Create, Lane::Text, &[], &[]);
        Self::new("CREATE TABLE t (id int)", &[("id", INT)], entity).await
    }

    fn record(&self) -> Record {
        Record::new(self.id, &self.plan, Instant(0))
    }

    fn entity(&self) -> &Entity {
        &self.plan.entities[0]
    }

    async fn session(&self) -> Box<dyn Session> {
        self.scratch.open().await.session("longhaul:test").await.unwrap()
    }

    /// Begins a chunk that must be open.
    async fn open(&self, session: &mut dyn Session, chunk: usize) -> AttemptId {
        let attempt = AttemptId(Uuid::now_v7());
        let begun = session.begin(self.id, &self.plan.chunks[chunk], attempt).await.unwrap();
        assert_eq!(begun, Begun::Open);
        attempt
    }

    /// Writes batches in a chunk of their own, and returns what the server counted.
    async fn copy(&self, chunk: usize, write: Write, batches: Vec<Batch>) -> u64 {
        let mut session = self.session().await;
        let attempt = self.open(session.as_mut(), chunk).await;
        session.start(self.entity(), &write, false).await.unwrap();
        for batch in batches {
            session.write(batch).await.unwrap();
        }
        let counted = session.finish().await.unwrap();
        session.complete(&receipt(chunk, attempt)).await.unwrap();
        session.commit().await.unwrap();
        counted
    }

    async fn text(&self, sql: &str) -> String {
        self.scratch.text(sql).await.unwrap_or_default()
    }
}

fn entity(mode: Mode, lane: Lane, conflict: &[&str], links: &[&str]) -> Entity {
    let strings = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Entity {
        id: EntityId(0),
        source: TableName::bare("t"),
        target: TableName::within("public", "t"),
        new: false,
        mode,
        lane,
        columns: Vec::new(),
        key: vec!["id".into()],
        conflict: strings(conflict),
        links: strings(links),
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

fn plan(entity: Entity) -> Plan {
    let side =
        |name: &str| Side { environment: Environment(name.into()), engine: Engine::Postgres };
    let step = Step {
        kind: StepKind::Index,
        what: "index of t".into(),
        statements: vec!["CREATE INDEX made ON public.t (id)".into()],
        destructive: false,
        orphans: None,
        parts: Vec::new(),
    };
    let copy = || (Stage::Copy, Work::Copy(Range::default()));
    let works = [copy(), copy(), copy(), (Stage::Finish, Work::Step(step))];
    let chunk = |(id, (stage, work))| Chunk {
        id: ChunkId(id),
        stage,
        entity: Some(EntityId(0)),
        work,
        after: Vec::new(),
        weight: 0,
        retries: None,
    };
    Plan {
        migration: "test".into(),
        from: side("a"),
        to: side("b"),
        consistency: Consistency::Drifting,
        on_snapshot_lost: OnSnapshotLost::Stop,
        guarantee: Guarantee::ExactlyOnce,
        limits: Limits::default(),
        entities: vec![entity],
        chunks: (0..).zip(works).map(chunk).collect(),
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

fn receipt(chunk: usize, attempt: AttemptId) -> Receipt {
    Receipt {
        chunk: ChunkId(u32::try_from(chunk).unwrap()),
        attempt,
        worker: WorkerId("test".into()),
        tries: 1,
        read: Digest::default(),
        written: Digest::default(),
        filtered: 0,
        rejected: 0,
        bytes: 0,
        policies: BTreeMap::new(),
        spent: Spent::default(),
        started: Instant(0),
        finished: Instant(0),
    }
}

fn rows(rows: &[&[Option<&[u8]>]]) -> Batch {
    let mut batch = Batch::default();
    for row in rows {
        batch.push_row(row.iter().copied());
    }
    batch
}

const ALL: Write = Write::Rows { blank_links: false };

#[tokio::test]
async fn whatever_a_cell_holds_arrives() {
    let bytes: Vec<u8> = (0..=255).collect();
    let text = "a\\N\t\r\n\\.\u{8}é\u{1f980}";
    let setup = "CREATE TABLE t (id int PRIMARY KEY, v text, b bytea)";
    let columns = [("id", INT), ("v", TEXT), ("b", Logical::Binary)];
    let run = Run::new(setup, &columns, entity(Mode::Create, Lane::Text, &[], &[])).await;
    let batch = rows(&[
        &[Some(b"1"), Some(text.as_bytes()), Some(&bytes)],
        &[Some(b"2"), Some(b""), Some(b"")],
        &[Some(b"3"), None, None],
        &[Some(b"4"), Some(b"\\N"), None],
    ]);
    assert_eq!(run.copy(0, ALL, vec![batch.clone()]).await, 4);
    let mut back = run.scratch.open().await.read_back(run.entity(), 0, 1, 1).await.unwrap();
    let mut there = Batch::default();
    while let Some(batch) = back.next().await.unwrap() {
        batch.iter().for_each(|row| there.push_framed(row.framed()));
    }
    assert_eq!(there.framed(), batch.framed());
}

#[tokio::test]
async fn raw_rows_arrive_and_their_links_can_stay_blank() {
    let setup = "CREATE TABLE t (id int PRIMARY KEY, up int REFERENCES t, v text)";
    let columns = [("id", INT), ("up", INT), ("v", TEXT)];
    let run = Run::new(setup, &columns, entity(Mode::Create, Lane::Raw, &[], &["up"])).await;
    let row = |id: i32| {
        let (id, up) = (id.to_be_bytes(), (id + 1).to_be_bytes());
        rows(&[&[Some(&id), Some(&up), Some(b"x")]])
    };
    let blank = Write::Rows { blank_links: true };
    assert_eq!(run.copy(0, blank, vec![row(1), row(2)]).await, 2);
    assert_eq!(run.text("SELECT count(*), count(up) FROM t").await, "2,0");
    assert_eq!(run.copy(1, ALL, vec![]).await, 0);
    let links = Write::Links { key: 1, columns: run.entity().columns[..2].to_vec() };
    let id = |id: i32| id.to_be_bytes();
    let fill = rows(&[&[Some(&id(1)), Some(&id(2))], &[Some(&id(9)), Some(&id(1))]]);
    assert_eq!(run.copy(2, links, vec![fill]).await, 1);
    assert_eq!(run.text("SELECT id, up FROM t WHERE up IS NOT NULL").await, "1,2");
}

#[tokio::test]
async fn an_upsert_leaves_the_servers_own_numbers_as_they_are() {
    let setup = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, k text UNIQUE, v text);
                 INSERT INTO t (k, v) VALUES ('a', 'old')";
    let columns = [("id", INT), ("k", TEXT), ("v", TEXT)];
    let run = Run::new(setup, &columns, entity(Mode::Upsert, Lane::Text, &["k"], &[])).await;
    let batch = rows(&[&[Some(b"50"), Some(b"a"), Some(b"new")], &[Some(b"51"), Some(b"b"), None]]);
    assert_eq!(run.copy(0, ALL, vec![batch]).await, 2);
    let all = "SELECT string_agg(concat_ws('/', id, k, v), ' ' ORDER BY id) FROM t";
    assert_eq!(run.text(all).await, "\"1/a/new 51/b\"");
}

#[tokio::test]
async fn an_upsert_of_nothing_but_a_number_counts_the_rows_that_are_there() {
    let setup = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
                 INSERT INTO t DEFAULT VALUES";
    let columns = [("id", INT)];
    let run = Run::new(setup, &columns, entity(Mode::Upsert, Lane::Text, &["id"], &[])).await;
    let batch = rows(&[&[Some(b"1")], &[Some(b"2")]]);
    assert_eq!(run.copy(0, ALL, vec![batch]).await, 2);
    assert_eq!(run.text("SELECT count(*) FROM t").await, "2");
}

#[tokio::test]
async fn a_copy_that_was_refused_or_given_up_can_be_undone() {
    let setup = "CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL)";
    let run =
        Run::new(setup, &[("id", INT), ("v", TEXT)], entity(Mode::Create, Lane::Text, &[], &[]))
            .await;
    let mut session = run.session().await;
    let attempt = run.open(session.as_mut(), 0).await;
    let good = rows(&[&[Some(b"1"), Some(b"x")]]);
    for bad in
        [&[Some(&b"x"[..]), Some(&b"x"[..])][..], &[Some(b"2"), None], &[Some(b"1"), Some(b"a\0")]]
    {
        session.savepoint().await.unwrap();
        session.start(run.entity(), &ALL, true).await.unwrap();
        session.write(rows(&[bad])).await.unwrap();
        let fault = session.finish().await.unwrap_err();
        assert_eq!(fault.code(), Code::ValueRefused, "{fault}");
        session.rollback_to().await.unwrap();
    }
    // Given up in the middle, without being finished.
    session.savepoint().await.unwrap();
    session.start(run.entity(), &ALL, true).await.unwrap();
    session.write(good.clone()).await.unwrap();
    session.rollback_to().await.unwrap();
    session.start(run.entity(), &ALL, true).await.unwrap();
    session.write(good).await.unwrap();
    assert_eq!(session.finish().await.unwrap(), 1);
    session.complete(&receipt(0, attempt)).await.unwrap();
    session.commit().await.unwrap();
    assert_eq!(run.text("SELECT count(*) FROM t").await, "1");
}

#[tokio::test]
async fn what_was_not_completed_is_not_committed() {
    let run = Run::of_numbers().await;
    let mut session = run.session().await;
    run.open(session.as_mut(), 0).await;
    assert!(session.commit().await.is_err());
    drop(session);
    let mut session = run.session().await;
    run.open(session.as_mut(), 0).await;
    session.rollback().await.unwrap();
    run.open(session.as_mut(), 0).await;
}

#[tokio::test]
async fn a_session_that_the_server_ended_is_unreachable() {
    let run = Run::of_numbers().await;
    let mut session = run.session().await;
    run.open(session.as_mut(), 0).await;
    session.start(run.entity(), &ALL, false).await.unwrap();
    let end = "SELECT bool_and(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name LIKE 'longhaul:%' \
               AND state <> 'idle' AND pid <> pg_backend_pid()";
    assert_eq!(run.text(end).await, "t");
    let _ = session.write(rows(&[&[Some(b"1")]])).await;
    let fault = session.finish().await.unwrap_err();
    assert_eq!(fault.code(), Code::Unreachable, "{fault}");
    // What it had begun is gone, and the chunk is free.
    let mut session = run.session().await;
    run.open(session.as_mut(), 0).await;
}

#[tokio::test]
async fn deferred_constraints_speak_at_once_when_asked_to() {
    let setup = "CREATE TABLE t (id int, up int, PRIMARY KEY (id),
                 FOREIGN KEY (up) REFERENCES t DEFERRABLE INITIALLY DEFERRED)";
    let run =
        Run::new(setup, &[("id", INT), ("up", INT)], entity(Mode::Create, Lane::Text, &[], &[]))
            .await;
    let orphan = || rows(&[&[Some(b"1"), Some(b"7")]]);
    let mut session = run.session().await;
    let attempt = run.open(session.as_mut(), 0).await;
    session.savepoint().await.unwrap();
    session.start(run.entity(), &ALL, true).await.unwrap();
    session.write(orphan()).await.unwrap();
    let fault = session.finish().await.unwrap_err();
    assert_eq!(fault.named().unwrap().constraint.as_deref(), Some("t_up_fkey"));
    session.rollback_to().await.unwrap();
    drop(session);
    let mut session = run.session().await;
    let again = run.open(session.as_mut(), 0).await;
    assert_ne!(attempt, again);
    session.start(run.entity(), &ALL, false).await.unwrap();
    session.write(orphan()).await.unwrap();
    assert_eq!(session.finish().await.unwrap(), 1);
    session.complete(&receipt(0, again)).await.unwrap();
    assert_eq!(session.commit().await.unwrap_err().code(), Code::ValueRefused);
    assert_eq!(run.text("SELECT count(*) FROM t").await, "0");
}

#[tokio::test]
async fn a_step_does_not_hold_the_gate_while_it_works() {
    let run = Run::of_numbers().await;
    let mut session = run.session().await;
    run.open(session.as_mut(), 3).await;
    let Work::Step(step) = &run.plan.chunks[3].work else { panic!("a step") };
    session.execute(step).await.unwrap();
    let gates = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(run.text(gates).await, "0");
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(run.text(locks).await, "1");
    session.rollback().await.unwrap();
    assert_eq!(run.text(locks).await, "0");
}

#[tokio::test]
async fn slices_partition_a_table_whose_empty_pages_are_given_back_between_them() {
    let setup = "CREATE TABLE t (id int, v text) WITH (autovacuum_enabled = off);
                 INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(1, 200) n;
                 INSERT INTO t SELECT n, repeat('x', 1000) FROM generate_series(201, 400) n;
                 DELETE FROM t WHERE id > 200";
    let columns = [("id", INT)];
    let run = Run::new(setup, &columns, entity(Mode::Create, Lane::Text, &[], &[])).await;
    let target = run.scratch.open().await;
    let mut found = 0;
    for index in 0..2 {
        let mut rows = target.read_back(run.entity(), index, 2, 1 << 16).await.unwrap();
        while let Some(batch) = rows.next().await.unwrap() {
            found += batch.rows();
        }
        run.scratch.run("VACUUM t").await;
    }
    assert_eq!(found, 200);
}
