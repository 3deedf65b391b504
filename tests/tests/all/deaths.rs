//! Death at every step: the process is killed with SIGKILL at each named point of the protocol,
//! and resumed. The target must then be equal to the source, a table without keys among them, so
//! that a row written twice cannot hide.

use std::collections::BTreeMap;
use std::path::Path;

use tests::command::{BROKEN, DIE_AT, Said, longhaul, run};
use tests::mysql::Mysql;
use tests::scratch::{Database, Folder};
use tokio_postgres::Client;

const MORTAL: &str = env!("CARGO_BIN_EXE_mortal");

/// Rows per table. With `CHUNK_ROWS` it makes a handful of chunks per table with a key.
const ROWS: i64 = 300;
const CHUNK_ROWS: u32 = 100;

/// `(table, columns)`, all integers and texts so that both engines print them alike.
const TABLES: [(&str, &str); 3] =
    [("parent", "id, name, boss"), ("child", "a, b, parent_id"), ("keyless", "x, y")];

/// The same three tables in either engine's SQL.
fn schema() -> Vec<String> {
    vec![
        "CREATE TABLE parent (id BIGINT NOT NULL PRIMARY KEY, name TEXT, boss BIGINT REFERENCES parent (id))".into(),
        "CREATE TABLE child (a BIGINT NOT NULL, b TEXT NOT NULL, parent_id BIGINT NOT NULL REFERENCES parent (id), PRIMARY KEY (a, b))".into(),
        "CREATE TABLE keyless (x BIGINT, y TEXT)".into(),
    ]
}

fn rows() -> Vec<String> {
    let mut sql = Vec::new();
    for i in 0..ROWS {
        // A boss may come after those who have it.
        let boss = if i % 7 == 0 { "NULL".into() } else { ((i * 31) % ROWS).to_string() };
        let name = if i % 5 == 0 { "NULL".into() } else { format!("'n''{i}ä'") };
        sql.push(format!("INSERT INTO parent VALUES ({i}, {name}, NULL)"));
        sql.push(format!("INSERT INTO child VALUES ({}, 'k{i}', {i})", i / 3));
        sql.push(format!("INSERT INTO keyless VALUES ({}, 'same')", i % 10));
        sql.push(format!("UPDATE parent SET boss = {boss} WHERE id = {i} AND {boss} IS NULL"));
    }
    for i in (0..ROWS).filter(|i| i % 7 != 0) {
        sql.push(format!("UPDATE parent SET boss = {} WHERE id = {i}", (i * 31) % ROWS));
    }
    sql
}

type Content = BTreeMap<String, Vec<String>>;

async fn fill_postgres(database: &Database, with_rows: bool) {
    let mut sql = schema();
    if with_rows {
        sql.extend(rows());
    }
    database.client().await.batch_execute(&sql.join(";\n")).await.unwrap();
}

fn fill_sqlite(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    let sql = [schema(), rows()].concat().join(";\n");
    connection.execute_batch(&format!("BEGIN; {sql}; COMMIT;")).unwrap();
}

/// All rows of a table, sorted, each as its cells with `|` between.
fn query(table: &str, columns: &str) -> String {
    let cells: Vec<_> =
        columns.split(", ").map(|c| format!("coalesce(cast({c} as text), 'NULL')")).collect();
    format!("SELECT {} AS r FROM {table} ORDER BY 1", cells.join(" || '|' || "))
}

async fn read_postgres(client: &Client) -> Content {
    let mut content = Content::new();
    for (table, columns) in TABLES {
        let sql = format!("SELECT r FROM ({}) q ORDER BY r COLLATE \"C\"", query(table, columns));
        let rows = client.query(&sql, &[]).await.unwrap();
        content.insert(table.into(), rows.iter().map(|row| row.get(0)).collect());
    }
    content
}

fn read_sqlite(path: &Path) -> Content {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut content = Content::new();
    for (table, columns) in TABLES {
        let mut statement = connection.prepare(&query(table, columns)).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        content.insert(table.into(), rows.map(Result::unwrap).collect());
    }
    content
}

/// Receipts as `chunk → attempt`, and how many chunks the plan has.
type Receipts = (BTreeMap<i64, String>, i64);

async fn receipts_postgres(client: &Client) -> Receipts {
    let done = "SELECT chunk, attempt FROM longhaul.receipt WHERE outcome = 'done'";
    let rows = client.query(done, &[]).await.unwrap();
    let planned = client.query_one("SELECT count(*) FROM longhaul.plan", &[]).await.unwrap();
    (rows.iter().map(|row| (row.get(0), row.get(1))).collect(), planned.get(0))
}

fn receipts_sqlite(path: &Path) -> Receipts {
    let connection = rusqlite::Connection::open(path).unwrap();
    let done = "SELECT chunk, attempt FROM longhaul_receipt WHERE outcome = 'done'";
    let mut statement = connection.prepare(done).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let planned = "SELECT count(*) FROM longhaul_plan";
    let planned = connection.query_row(planned, [], |row| row.get(0)).unwrap();
    (rows.map(Result::unwrap).collect(), planned)
}

async fn fill_mysql(database: &Mysql) {
    // A key of MySQL needs a length.
    let schema = schema().into_iter().map(|table| table.replace("b TEXT", "b VARCHAR(20)"));
    database.run(&schema.chain(rows()).collect::<Vec<_>>().join(";\n")).await;
}

async fn read_mysql(database: &Mysql) -> Content {
    let mut content = Content::new();
    for (table, columns) in TABLES {
        let cells = columns.split(", ").map(|c| format!("coalesce(cast({c} as char), 'NULL')"));
        let cells: Vec<_> = cells.collect();
        let select = format!("SELECT concat_ws('|', {}) FROM {table}", cells.join(", "));
        let mut rows = database.rows(&select).await;
        rows.sort();
        content.insert(table.into(), rows);
    }
    content
}

async fn receipts_mysql(database: &Mysql) -> Receipts {
    let done = "SELECT chunk, attempt FROM longhaul_receipt WHERE outcome = 'done'";
    let rows = database.rows(done).await;
    let pair = |row: String| {
        let (chunk, attempt) = row.split_once('|').unwrap();
        (chunk.parse().unwrap(), attempt.to_owned())
    };
    let planned = database.rows("SELECT count(*) FROM longhaul_plan").await;
    (rows.into_iter().map(pair).collect(), planned[0].parse().unwrap())
}

/// Where a world's two databases are.
enum Place {
    Sqlite(String),
    Postgres(Database),
    Mysql(Mysql),
}

impl Place {
    fn path(folder: &Folder, name: &str) -> std::path::PathBuf {
        folder.path().join(name)
    }

    fn url(&self, folder: &Folder) -> String {
        match self {
            Self::Sqlite(name) => folder.sqlite(name),
            Self::Postgres(database) => database.url(),
            Self::Mysql(database) => database.url(),
        }
    }

    async fn content(&self, folder: &Folder) -> Content {
        match self {
            Self::Sqlite(name) => read_sqlite(&Self::path(folder, name)),
            Self::Postgres(database) => read_postgres(&database.client().await).await,
            Self::Mysql(database) => read_mysql(database).await,
        }
    }

    async fn receipts(&self, folder: &Folder) -> Receipts {
        match self {
            Self::Sqlite(name) => receipts_sqlite(&Self::path(folder, name)),
            Self::Postgres(database) => receipts_postgres(&database.client().await).await,
            Self::Mysql(database) => receipts_mysql(database).await,
        }
    }
}

struct World {
    folder: Folder,
    from: Place,
    to: Place,
}

#[derive(Clone, Copy)]
enum Kind {
    Sqlite,
    Postgres,
    /// With tables that are there and enforce their foreign keys: the second pass is needed.
    PostgresThatIsThere,
    Mysql,
}

impl World {
    async fn new(from: Kind, to: Kind, slots: u32) -> Self {
        let folder = Folder::new();
        let from = match from {
            Kind::Sqlite => {
                fill_sqlite(&Place::path(&folder, "from.db"));
                Place::Sqlite("from.db".into())
            }
            Kind::Postgres | Kind::PostgresThatIsThere => {
                let database = Database::new().await;
                fill_postgres(&database, true).await;
                Place::Postgres(database)
            }
            Kind::Mysql => {
                let database = Mysql::new().await;
                fill_mysql(&database).await;
                Place::Mysql(database)
            }
        };
        let to = match to {
            Kind::Sqlite => Place::Sqlite("to.db".into()),
            Kind::Postgres => Place::Postgres(Database::new().await),
            Kind::Mysql => Place::Mysql(Mysql::new().await),
            Kind::PostgresThatIsThere => {
                let database = Database::new().await;
                fill_postgres(&database, false).await;
                Place::Postgres(database)
            }
        };
        let file = format!(
            "name: deaths\nenvironments:\n  old: {{ url: \"{}\" }}\n  new: {{ url: \"{}\" }}\n\
             from: old\nto: new\nentities:\n  - entity: \"*\"\n    chunk_rows: {CHUNK_ROWS}\n\
             limits: {{ slots: {slots} }}\n",
            from.url(&folder),
            to.url(&folder),
        );
        std::fs::write(folder.path().join("longhaul.yaml"), file).unwrap();
        Self { folder, from, to }
    }

    fn longhaul(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = longhaul(MORTAL, self.folder.path());
        command.args(arguments).args(["--progress", "plain"]).envs(variables.iter().copied());
        run(&mut command)
    }

    async fn equal(&self) -> bool {
        self.from.content(&self.folder).await == self.to.content(&self.folder).await
    }

    fn forget_the_ledger(&self) {
        let _ = std::fs::remove_dir_all(self.folder.path().join(".longhaul"));
    }
}

/// Who dies: from where to where, and with how many slots.
#[derive(Clone, Copy)]
enum Direction {
    SqliteToPostgres,
    SqliteToPostgresByTwo,
    PostgresToSqlite,
    PostgresToTablesThatAreThere,
    SqliteToMysql,
    MysqlToPostgres,
    SqliteToSqlite,
}

impl Direction {
    fn world(self) -> (Kind, Kind, u32) {
        match self {
            Self::SqliteToPostgres => (Kind::Sqlite, Kind::Postgres, 1),
            Self::SqliteToPostgresByTwo => (Kind::Sqlite, Kind::Postgres, 2),
            Self::PostgresToSqlite => (Kind::Postgres, Kind::Sqlite, 1),
            Self::PostgresToTablesThatAreThere => (Kind::Postgres, Kind::PostgresThatIsThere, 2),
            Self::SqliteToMysql => (Kind::Sqlite, Kind::Mysql, 2),
            Self::MysqlToPostgres => (Kind::Mysql, Kind::Postgres, 2),
            Self::SqliteToSqlite => (Kind::Sqlite, Kind::Sqlite, 2),
        }
    }
}

fn places() -> Vec<String> {
    let worker = worker::Point::ALL.iter().map(|point| format!("worker:{point:?}"));
    let coordinator = coordinator::Point::ALL.iter().map(|point| format!("coordinator:{point:?}"));
    worker.chain(coordinator).collect()
}

/// Every direction has a share of the points, and together they have all of them, each at least
/// twice. With `LONGHAUL_TESTS=full`, as `./check --full` sets it, each direction has all.
fn is_in_share(direction: Direction, at: usize) -> bool {
    const SHARES: usize = 3;
    let full = std::env::var("LONGHAUL_TESTS").is_ok_and(|tier| tier == "full");
    full || at % SHARES == direction as usize % SHARES
}

/// Kills a run at every point of the direction's share, the first or the third time it is passed,
/// and resumes it, with the ledger and, every other time, without.
async fn dies_everywhere(direction: Direction) {
    let (from, to, slots) = direction.world();
    for (at, place) in places().into_iter().enumerate() {
        if !is_in_share(direction, at) {
            continue;
        }
        // Tables that are there need no steps, so nobody passes that point.
        if place == "worker:Stepped" && matches!(to, Kind::PostgresThatIsThere) {
            continue;
        }
        let world = World::new(from, to, slots).await;
        // Some points are passed once in a run; the others are more telling in its middle.
        let once = ["Stored", "Led", "Restored", "Completing", "Completed"];
        let time = if once.iter().any(|o| place.ends_with(&format!(":{o}"))) { 1 } else { 3 };
        let died = world.longhaul(&["run"], &[(DIE_AT, &format!("{place}:{time}"))]).killed();
        let (before, _) = world.to.receipts(&world.folder).await;
        if at % 2 == 0 {
            world.forget_the_ledger();
        }
        // A run that died after it was closed has nothing to resume, and answers with its verdict.
        let resumed = world.longhaul(&["resume"], &[]).exits(0);
        assert!(world.equal().await, "died at {place}\n{died}\n{resumed}");
        let (after, planned) = world.to.receipts(&world.folder).await;
        assert_eq!(after.len() as i64, planned, "died at {place}: receipts and chunks");
        for (chunk, attempt) in &before {
            assert_eq!(after.get(chunk), Some(attempt), "died at {place}: chunk {chunk} again");
        }
    }
}

#[tokio::test]
async fn one_slot_dies_at_every_step_from_sqlite_to_postgresql() {
    dies_everywhere(Direction::SqliteToPostgres).await;
}

#[tokio::test]
async fn two_slots_die_at_every_step_from_sqlite_to_postgresql() {
    dies_everywhere(Direction::SqliteToPostgresByTwo).await;
}

#[tokio::test]
async fn one_slot_dies_at_every_step_from_postgresql_to_sqlite() {
    dies_everywhere(Direction::PostgresToSqlite).await;
}

#[tokio::test]
async fn two_slots_die_at_every_step_from_postgresql_to_tables_that_are_there() {
    dies_everywhere(Direction::PostgresToTablesThatAreThere).await;
}

#[tokio::test]
async fn two_slots_die_at_every_step_from_sqlite_to_mysql() {
    dies_everywhere(Direction::SqliteToMysql).await;
}

#[tokio::test]
async fn two_slots_die_at_every_step_from_mysql_to_postgresql() {
    dies_everywhere(Direction::MysqlToPostgres).await;
}

#[tokio::test]
async fn two_slots_die_at_every_step_from_sqlite_to_sqlite() {
    dies_everywhere(Direction::SqliteToSqlite).await;
}

/// The harness can fail: a target that commits rows first and records that it did afterwards
/// doubles rows, and is found out.
#[tokio::test]
async fn committing_first_and_recording_later_is_found_out() {
    let world = World::new(Kind::Sqlite, Kind::Postgres, 1).await;
    let broken = [(BROKEN, "commit-first"), (DIE_AT, "broken:Between:1")];
    let _ = world.longhaul(&["run"], &broken).killed();
    let resumed = world.longhaul(&["resume"], &[]);
    assert_ne!(resumed.code, Some(0), "{resumed}");
    assert!(!world.equal().await, "{resumed}");
}
