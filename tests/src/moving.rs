//! A move: two databases of any engine, a migration between them, and the executable.

use std::path::PathBuf;
use std::process::Command;

use rusqlite::types::ValueRef;
use serde_json::Value;
use tokio_postgres::SimpleQueryMessage;

use crate::command::{Said, longhaul, run};
use crate::mysql::Mysql;
use crate::scratch::{Database, Folder};
use crate::setting::tolerant;

/// What kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A database of the server.
    Postgres,
    /// A database of the other server.
    MySql,
}

/// From and to, in all directions.
pub const DIRECTIONS: [(Engine, Engine); 9] = [
    (Engine::Sqlite, Engine::Sqlite),
    (Engine::Sqlite, Engine::Postgres),
    (Engine::Postgres, Engine::Sqlite),
    (Engine::Postgres, Engine::Postgres),
    (Engine::MySql, Engine::Postgres),
    (Engine::Postgres, Engine::MySql),
    (Engine::MySql, Engine::MySql),
    (Engine::MySql, Engine::Sqlite),
    (Engine::Sqlite, Engine::MySql),
];

/// From one engine to another: where what matters is each engine in either role, and not the lane.
pub const ACROSS: [(Engine, Engine); 3] = [DIRECTIONS[1], DIRECTIONS[7], DIRECTIONS[5]];

/// What lets MySQL take names in double quotes, `||` for texts, and recursion as deep as it goes.
const AS_OTHERS: &str = "SET sql_mode = 'ANSI,NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0, \
                         max_recursive_iterations = 1000000";

/// One database, to be filled and looked at.
#[derive(Debug)]
pub enum Store {
    /// At this path.
    Sqlite(PathBuf),
    /// Of that name.
    Postgres(Database),
    /// Of that name, on the other server.
    MySql(Mysql),
}

impl Store {
    /// What kind it is.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
            Self::MySql(_) => Engine::MySql,
        }
    }

    /// What its server calls it; nothing for a file.
    pub fn name(&self) -> &str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres(database) => database.name(),
            Self::MySql(database) => database.name(),
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(database) => database.url(),
            Self::MySql(database) => database.url(),
        }
    }

    /// Runs statements on it, as one transaction where the engine has that. MySQL is told to take
    /// them as the others do, and texts get a length there,
    /// without which they could not be keys; a `body` is long.
    ///
    /// # Panics
    /// When one is refused.
    pub async fn run(&self, statements: &str) {
        match self {
            Self::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).expect("the file can be opened");
                let all = format!("PRAGMA foreign_keys = off; BEGIN; {statements}; COMMIT");
                connection.execute_batch(&all).expect("the statements are understood");
            }
            Self::Postgres(database) => {
                let client = database.client().await;
                client.batch_execute(statements).await.expect("the statements are understood");
            }
            Self::MySql(database) => {
                let statements = statements
                    .replace("body TEXT", "body LONGTEXT")
                    .replace(" TEXT", " VARCHAR(60)");
                database.run(&format!("{AS_OTHERS}; {statements}")).await;
            }
        }
    }

    /// What a query returns, a text per row with `|` between its cells.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn rows(&self, query: &str) -> Vec<String> {
        match self {
            Self::Sqlite(path) => rows_of_sqlite(path, query),
            Self::Postgres(database) => {
                let said = database.client().await.simple_query(query).await;
                let row = |message| {
                    let SimpleQueryMessage::Row(row) = message else { return None };
                    let cell = |at| row.get(at).unwrap_or("NULL").to_string();
                    Some((0..row.len()).map(cell).collect::<Vec<_>>().join("|"))
                };
                said.expect("the query is understood").into_iter().filter_map(row).collect()
            }
            Self::MySql(database) => {
                let query = query.replace("length(", "char_length(");
                database.rows_after(AS_OTHERS, &query).await
            }
        }
    }

    /// The first row of a query.
    ///
    /// # Panics
    /// When there is none.
    pub async fn ask(&self, query: &str) -> String {
        self.rows(query).await.into_iter().next().expect("a row")
    }
}

fn rows_of_sqlite(path: &PathBuf, query: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).expect("the file can be opened");
    let mut statement = connection.prepare(query).expect("the query is understood");
    let columns = statement.column_count();
    let text = |row: &rusqlite::Row<'_>, at| {
        Ok(match row.get_ref(at)? {
            ValueRef::Null => "NULL".to_string(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            ValueRef::Blob(bytes) => format!("{bytes:?}"),
        })
    };
    let rows = statement.query_map([], |row| {
        let cells: Result<Vec<_>, rusqlite::Error> = (0..columns).map(|at| text(row, at)).collect();
        cells.map(|cells| cells.join("|"))
    });
    rows.expect("the query runs").map(|row| row.expect("a row")).collect()
}

/// Two databases and the executable between them.
#[derive(Debug)]
pub struct Move {
    executable: &'static str,
    /// Where the executable runs.
    pub folder: Folder,
    /// What is read.
    pub from: Store,
    /// What is written.
    pub to: Store,
}

impl Move {
    /// Two empty databases, and a migration that moves everything.
    ///
    /// # Panics
    /// When the server cannot be reached.
    pub async fn new(executable: &'static str, (from, to): (Engine, Engine)) -> Self {
        let folder = Folder::new();
        let store = async |engine, name| match engine {
            Engine::Sqlite => Store::Sqlite(folder.path().join(name)),
            Engine::Postgres => Store::Postgres(Database::new().await),
            Engine::MySql => Store::MySql(Mysql::new().await),
        };
        let (from, to) = (store(from, "from.db").await, store(to, "to.db").await);
        let this = Self { executable, folder, from, to };
        this.file("");
        this
    }

    /// Writes the migration file, with these lines beside the two environments. Some rows may be
    /// rejected, see [`tolerant`].
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn file(&self, more: &str) {
        let text = format!(
            "name: moves\nenvironments:\n  old: {{ url: \"{}\" }}\n  new: {{ url: \"{}\" }}\n\
             from: old\nto: new\n{}\n",
            self.from.url(),
            self.to.url(),
            tolerant(more)
        );
        std::fs::write(self.folder.path().join("longhaul.yaml"), text).expect("it is writable");
    }

    /// The executable with arguments, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = longhaul(self.executable, self.folder.path());
        command.args(arguments);
        command
    }

    /// Runs it to its end, answering in JSON.
    pub fn longhaul(&self, arguments: &[&str]) -> Said {
        run(self.command(arguments).args(["--progress", "plain", "--output", "json"]))
    }

    /// Runs the migration, which must succeed, and returns its report.
    ///
    /// # Panics
    /// With all that was said, when it does not.
    pub fn moves(&self) -> Value {
        self.longhaul(&["run"]).exits(0).json()
    }

    /// Runs the migration, which must be verified, and returns its report.
    ///
    /// # Panics
    /// With the report, when it is not.
    pub fn verified(&self) -> Value {
        let report = self.moves();
        assert_eq!(report["verdict"], "verified", "{report:#}");
        report
    }

    /// Compares what a query returns on both sides.
    ///
    /// # Panics
    /// When that is not the same.
    pub async fn same(&self, query: &str) {
        let (from, to) = (self.from.rows(query).await, self.to.rows(query).await);
        assert!(from == to, "{query}: {} rows, and {}", from.len(), to.len());
    }
}

/// An entity's part of a report, by its target name or the end of it.
///
/// # Panics
/// When there is none.
pub fn entity<'a>(report: &'a Value, name: &str) -> &'a Value {
    let entities = report["entities"].as_array().expect("a report lists entities");
    let named = |entity: &&Value| {
        let target = entity["target"].as_str().unwrap_or_default();
        target == name || target.ends_with(&format!(".{name}"))
    };
    entities.iter().find(named).unwrap_or_else(|| panic!("no {name} in {report:#}"))
}
