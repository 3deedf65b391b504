//! A stored run over a few tables, and short words for what a worker does with it.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::batch::{Batch, Digest};
use protocol::clock::Instant;
use protocol::fault::Fault;
use protocol::id::{AttemptId, ChunkId, EntityId, Environment, RunId, WorkerId};
use protocol::mapping::{Consistency, Limits, Mode, OnSnapshotLost};
use protocol::plan::{
    Chunk, ColumnMap, DrawnFrom, Entity, Guarantee, Lane, Plan, Range, Side, Stage, Work,
};
use protocol::receipt::{Receipt, Spent};
use protocol::run::Record;
use protocol::schema::{Catalogue, Column, Engine, Logical, Table, TableName};

use super::{Database, World};
use crate::{Begun, Design, Home, Read, Rows, Session, Wanted, Write};

/// Cells as a test writes them.
pub(super) type Cells<'a> = &'a [&'a [Option<&'a str>]];

/// Rows as a test compares them, sorted.
pub(super) type Seen = Vec<Vec<Option<String>>>;

/// How long something that must wait is watched. Long enough that it would have ended; the tests
/// stay right, and only prove less, on a machine where it would not.
pub(super) const WATCH: Duration = Duration::from_millis(60);

/// Whole numbers.
pub(super) const INT: Logical = Logical::Integer { bits: 64 };

/// Text of any length.
pub(super) const TEXT: Logical = Logical::Text { length: None };

/// A stored run.
pub(super) struct Scene {
    pub(super) database: Database,
    pub(super) run: RunId,
    pub(super) plan: Plan,
    pub(super) design: Design,
}

/// A table of these columns; those of the key forbid NULL.
pub(super) fn table(name: &str, columns: &[(&str, Logical)], key: &[&str]) -> Table {
    crate::Memory::table(name, columns, key)
}

/// `people (id, name)`.
pub(super) fn people() -> Table {
    table("people", &[("id", INT), ("name", TEXT)], &["id"])
}

/// A batch of these rows.
pub(super) fn batch(rows: Cells<'_>) -> Batch {
    let mut batch = Batch::default();
    for row in rows {
        batch.push_row(row.iter().map(|cell| cell.map(str::as_bytes)));
    }
    batch
}

/// The digest of a batch.
pub(super) fn digest(batch: &Batch) -> Digest {
    let mut digest = Digest::default();
    digest.add_batch(batch);
    digest
}

/// A new attempt.
pub(super) fn attempt() -> AttemptId {
    AttemptId(uuid::Uuid::now_v7())
}

/// All batches of a read.
pub(super) async fn batches(mut rows: Box<dyn Rows>) -> Vec<Batch> {
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().await.unwrap() {
        assert!(!batch.is_empty(), "a batch is never empty");
        assert!(batch.misfits().is_empty(), "every cell can be rendered");
        batches.push(batch);
    }
    batches
}

/// The rows of batches, sorted.
pub(super) fn seen(batches: &[Batch]) -> Seen {
    let text = |cell: Option<&[u8]>| cell.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let rows = batches.iter().flat_map(|batch| batch.iter());
    let mut rows: Seen = rows.map(|row| row.cells().map(text).collect()).collect();
    rows.sort();
    rows
}

/// Rows as a test writes them, as it compares them.
pub(super) fn expected(rows: Cells<'_>) -> Seen {
    seen(&[batch(rows)])
}

impl Scene {
    /// A run over tables that are there, with all their keys, and empty. Each has `copies` chunks.
    pub(super) async fn ready(world: &dyn World, tables: &[Table], copies: u32) -> Self {
        let scene = Self::stored(world, tables, copies).await;
        for chunk in scene.steps() {
            scene.step(&chunk).await;
        }
        scene
    }

    /// A run that is stored and has done nothing.
    pub(super) async fn stored(world: &dyn World, tables: &[Table], copies: u32) -> Self {
        let scene = Self::planned(world, tables, copies).await;
        let mut home = scene.home().await;
        home.install().await.unwrap();
        home.store(&scene.record(), &scene.plan).await.unwrap();
        scene
    }

    /// A run that is planned and not stored.
    pub(super) async fn planned(world: &dyn World, tables: &[Table], copies: u32) -> Self {
        let database = world.fresh().await;
        Self::over(database, tables, copies).await
    }

    /// A run over a database that is there.
    pub(super) async fn over(database: Database, tables: &[Table], copies: u32) -> Self {
        let existing = database.target.catalogue().await.unwrap();
        let wanted = wanted(tables, existing);
        let tables: Vec<_> = wanted.tables.iter().map(|(_, table)| table.clone()).collect();
        let design = database.target.design(&wanted).unwrap();
        assert_eq!(design.columns.len(), tables.len(), "columns are designed table by table");
        let plan = plan(&database, &tables, &design, copies);
        Self { database, run: RunId(uuid::Uuid::now_v7()), plan, design }
    }

    pub(super) fn record(&self) -> Record {
        Record::new(self.run, &self.plan, Instant(1_700_000_000_000_000))
    }

    pub(super) async fn home(&self) -> Box<dyn Home> {
        self.database.target.home().await.unwrap()
    }

    pub(super) async fn session(&self) -> Box<dyn Session> {
        self.database.target.session("longhaul:conformance").await.unwrap()
    }

    pub(super) fn entity(&self, index: usize) -> &Entity {
        &self.plan.entities[index]
    }

    /// The steps, in the order of the design.
    pub(super) fn steps(&self) -> Vec<Chunk> {
        let step = |chunk: &&Chunk| matches!(chunk.work, Work::Step(_));
        self.plan.chunks.iter().filter(step).cloned().collect()
    }

    /// The copies of an entity.
    pub(super) fn copies(&self, entity: usize) -> Vec<Chunk> {
        let id = self.entity(entity).id;
        self.plan.chunks_of(id, Stage::Copy).cloned().collect()
    }

    pub(super) fn receipt(&self, chunk: ChunkId, attempt: AttemptId, written: Digest) -> Receipt {
        Receipt {
            chunk,
            attempt,
            worker: WorkerId("conformance/1".into()),
            tries: 1,
            read: written,
            written,
            filtered: 0,
            rejected: 0,
            bytes: 7,
            policies: BTreeMap::new(),
            spent: Spent { queue: Some(1), read: 2, transform: 3, write: 4, lock: 5 },
            started: Instant(1_700_000_000_000_001),
            finished: Instant(1_700_000_000_000_002),
        }
    }

    /// Begins a chunk that must be open.
    pub(super) async fn open(&self, chunk: &Chunk) -> (Box<dyn Session>, AttemptId) {
        let (mut session, attempt) = (self.session().await, attempt());
        let begun = session.begin(self.run, chunk, attempt).await.unwrap();
        assert_eq!(begun, Begun::Open);
        (session, attempt)
    }

    /// Carries a step out.
    pub(super) async fn step(&self, chunk: &Chunk) -> Receipt {
        let Work::Step(step) = &chunk.work else { panic!("chunk {} is no step", chunk.id) };
        let (mut session, attempt) = self.open(chunk).await;
        session.execute(step).await.unwrap_or_else(|f| panic!("{}: {f} {f:?}", step.what));
        self.close(session, chunk, attempt, Digest::default()).await
    }

    /// Copies rows in a chunk of their own.
    pub(super) async fn copy(&self, entity: usize, chunk: &Chunk, rows: Cells<'_>) -> Receipt {
        self.copy_batches(entity, chunk, vec![batch(rows)]).await
    }

    /// Copies batches in a chunk of their own.
    pub(super) async fn copy_batches(
        &self,
        entity: usize,
        chunk: &Chunk,
        batches: Vec<Batch>,
    ) -> Receipt {
        let (mut session, attempt) = self.open(chunk).await;
        let written = batches.iter().map(digest).fold(Digest::default(), Digest::and);
        let counted = write(session.as_mut(), self.entity(entity), batches).await.unwrap();
        assert_eq!(counted, written.rows, "the target counts the rows that were sent");
        self.close(session, chunk, attempt, written).await
    }

    /// Completes and commits.
    pub(super) async fn close(
        &self,
        mut session: Box<dyn Session>,
        chunk: &Chunk,
        attempt: AttemptId,
        written: Digest,
    ) -> Receipt {
        let receipt = self.receipt(chunk.id, attempt, written);
        session.complete(&receipt).await.unwrap();
        session.commit().await.unwrap();
        receipt
    }

    /// Every row of an entity, as the target gives it back.
    pub(super) async fn rows(&self, entity: usize) -> Seen {
        let entity = self.entity(entity);
        let rows = self.database.target.read_back(entity, 0, 1, 1 << 16).await.unwrap();
        seen(&batches(rows).await)
    }

    /// A read of a whole entity from the source, under its source names.
    pub(super) async fn reading(&self, entity: usize, lane: Lane) -> Read {
        let entity = self.entity(entity);
        let catalogue = self.database.source.catalogue().await.unwrap();
        let table = found(&catalogue, &entity.target);
        let column = |c: &Column| (c.name.clone(), c.logical.clone());
        Read {
            table: table.name.clone(),
            columns: table.columns.iter().map(column).collect(),
            key: table.cutting_key().unwrap_or_default(),
            range: Range::default(),
            filter: None,
            top: None,
            lane,
            batch_bytes: 1 << 16,
            label: "longhaul:conformance".into(),
        }
    }

    pub(super) async fn read(&self, read: &Read) -> Vec<Batch> {
        batches(self.database.source.read(read).await.unwrap()).await
    }
}

/// These tables, wanted in a database where that is there already.
pub(super) fn wanted(tables: &[Table], existing: Catalogue) -> Wanted {
    let schema = existing.default_schema.clone();
    let mut tables = tables.to_vec();
    for table in &mut tables {
        table.name.schema.clone_from(&schema);
        for key in &mut table.foreign_keys {
            key.references.schema.clone_from(&schema);
        }
    }
    let from = Catalogue { tables: tables.clone(), ..Catalogue::new(Engine::Memory, "") };
    let ids = (0..).map(EntityId);
    Wanted { from, tables: ids.zip(tables).collect(), existing, beside: crate::Beside::default() }
}

/// The table of that name; it must be there.
pub(super) fn found<'a>(catalogue: &'a Catalogue, name: &TableName) -> &'a Table {
    catalogue.table(name).unwrap_or_else(|| panic!("{name} is in the catalogue"))
}

/// Writes batches one way, and returns what the target counted.
pub(super) async fn write(
    session: &mut dyn Session,
    entity: &Entity,
    batches: Vec<Batch>,
) -> Result<u64, Fault> {
    session.start(entity, &Write::Rows { blank_links: false }, false).await?;
    for batch in batches {
        session.write(batch).await?;
    }
    session.finish().await
}

fn plan(database: &Database, tables: &[Table], design: &Design, copies: u32) -> Plan {
    let engine = database.target.capabilities().engine;
    let side = |name: &str| Side { environment: Environment(name.into()), engine };
    let entities: Vec<_> = tables.iter().enumerate().map(|(at, t)| entity(at, t, design)).collect();
    Plan {
        migration: "conformance".into(),
        from: side("here"),
        to: side("there"),
        consistency: Consistency::Drifting,
        on_snapshot_lost: OnSnapshotLost::Stop,
        guarantee: Guarantee::ExactlyOnce,
        limits: Limits::default(),
        chunks: chunks(&entities, design, copies),
        entities,
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

fn entity(at: usize, table: &Table, design: &Design) -> Entity {
    let map = |(column, designed): (&Column, &crate::DesignedColumn)| ColumnMap {
        source: column.name.clone(),
        target: designed.name.clone(),
        from: designed.logical.clone(),
        to: designed.logical.clone(),
        native: designed.native.clone(),
        compared: designed.compared,
    };
    let key = table.primary_key.clone().unwrap_or_default().columns;
    Entity {
        id: EntityId(u32::try_from(at).unwrap()),
        source: table.name.clone(),
        target: table.name.clone(),
        new: true,
        mode: Mode::Create,
        lane: Lane::Text,
        columns: table.columns.iter().zip(&design.columns[at]).map(map).collect(),
        conflict: key.clone(),
        key,
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

fn chunks(entities: &[Entity], design: &Design, copies: u32) -> Vec<Chunk> {
    let step =
        |step: &crate::DesignedStep| (step.stage, step.entity, Work::Step(step.step.clone()));
    let copy = |entity: &Entity| (Stage::Copy, Some(entity.id), Work::Copy(Range::default()));
    let steps = design.steps.iter().map(step);
    let copies = entities.iter().flat_map(|e| (0..copies).map(move |_| copy(e)));
    let numbered = steps.chain(copies).zip(0..);
    numbered
        .map(|((stage, entity, work), id)| Chunk {
            id: ChunkId(id),
            stage,
            entity,
            work,
            after: Vec::new(),
            weight: 0,
            retries: None,
        })
        .collect()
}
