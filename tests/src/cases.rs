//! Small databases from public reports, each to be moved in every direction.
//!
//! They are folders with a `source.sql` whose first line names the engine, beside the repository or
//! where `LONGHAUL_TEST_CASES` says. `LONGHAUL_TEST_CASE=35` chooses one by the beginning of its name.

use std::path::{Path, PathBuf};

use crate::moving::{Engine, Store};

/// One small database.
#[derive(Debug, Clone)]
pub struct Case {
    /// The name of its folder: `35-pg-views-rules`.
    pub name: String,
    /// Which engine it is written for.
    pub engine: Engine,
    /// Its statements.
    pub sql: String,
}

/// All of them that are asked for, by name; none where there is no such folder.
///
/// # Panics
/// When a case cannot be read, or names no engine.
pub fn all() -> Option<Vec<Case>> {
    let folder = folder()?;
    let entries = std::fs::read_dir(&folder).expect("the folder of cases can be listed");
    let mut found: Vec<_> = entries.flatten().filter_map(|entry| read(&entry.path())).collect();
    let asked = std::env::var("LONGHAUL_TEST_CASE").unwrap_or_default();
    found.retain(|case| case.name.starts_with(&asked));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Some(found)
}

fn folder() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("LONGHAUL_TEST_CASES") {
        return Some(named.into());
    }
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(2).take(2);
    above.map(|place| place.join("shared").join("cases")).find(|path| path.is_dir())
}

fn read(path: &Path) -> Option<Case> {
    let sql = std::fs::read_to_string(path.join("source.sql")).ok()?;
    let name = path.file_name().expect("a folder has a name").to_string_lossy().into_owned();
    let engine = match sql.lines().next().unwrap_or_default() {
        "-- PostgreSQL" => Engine::Postgres,
        "-- MariaDB" => Engine::MySql,
        "-- SQLite" => Engine::Sqlite,
        other => panic!("{name} is for {other:?}"),
    };
    Some(Case { name, engine, sql })
}

/// Runs statements as they are, without a transaction around them.
///
/// # Panics
/// When one is refused.
pub async fn fill(store: &Store, sql: &str) {
    match store {
        Store::Sqlite(path) => {
            let connection = rusqlite::Connection::open(path).expect("the file can be opened");
            let off = "PRAGMA foreign_keys = off";
            connection.execute_batch(off).expect("every version knows it");
            connection.execute_batch(sql).expect("the statements are understood");
        }
        Store::Postgres(database) => {
            let done = database.client().await.batch_execute(sql).await;
            done.unwrap_or_else(|error| panic!("{sql:.300}: {error:?}"));
        }
        Store::MySql(database) => database.run(sql).await,
    }
}
