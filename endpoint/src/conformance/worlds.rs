//! The suite, stamped for each engine of this crate.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::{Database, World};
use crate::{Address, Memory, open_source, open_target};

mod memory {
    crate::endpoint_conformance!(super::memory());
}

mod sqlite {
    crate::endpoint_conformance!(super::sqlite());
}

mod mysql {
    crate::endpoint_conformance!(super::mysql());
}

mod postgres {
    crate::endpoint_conformance!(super::postgres());
}

/// Databases in this process.
pub(crate) async fn memory() -> Arc<dyn World> {
    std::future::ready(Arc::new(MemoryWorld)).await
}

struct MemoryWorld;

#[async_trait]
impl World for MemoryWorld {
    async fn fresh(&self) -> Database {
        let memory = Memory::new("conformance");
        Database { target: Arc::new(memory.clone()), source: Arc::new(memory) }
    }

    async fn end(&self) {}
}

/// The database at a URL, opened both ways; the target first, since it may create it.
async fn opened(url: String) -> Database {
    let address = Address { url, password: None };
    Database {
        target: open_target(&address).await.unwrap(),
        source: open_source(&address).await.unwrap(),
    }
}

/// Databases that are files in a folder of their own.
pub(crate) async fn sqlite() -> Arc<dyn World> {
    let folder = std::env::temp_dir().join(format!("longhaul-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).expect("a test can make a folder for its files");
    std::future::ready(Arc::new(SqliteWorld { folder })).await
}

struct SqliteWorld {
    folder: PathBuf,
}

#[async_trait]
impl World for SqliteWorld {
    async fn fresh(&self) -> Database {
        let file = self.folder.join(format!("{}.db", uuid::Uuid::new_v4()));
        // An empty file is an empty database; without one there would be nothing to read yet.
        std::fs::File::create_new(&file).expect("a test can make a file in its folder");
        opened(format!("sqlite:{}", file.display())).await
    }

    async fn end(&self) {
        remove(&self.folder);
    }
}

fn remove(folder: &Path) {
    std::fs::remove_dir_all(folder).expect("a test removes its own files");
}

/// Databases on the server of `LONGHAUL_TEST_POSTGRES`: the URL of one in which others can be
/// created.
pub(crate) async fn postgres() -> Arc<dyn World> {
    let fallback = "postgres://postgres@127.0.0.1:5432/postgres";
    let url = std::env::var("LONGHAUL_TEST_POSTGRES").unwrap_or_else(|_| fallback.to_owned());
    std::future::ready(Arc::new(PostgresWorld { url, made: Mutex::default() })).await
}

struct PostgresWorld {
    url: String,
    made: Mutex<Vec<String>>,
}

impl PostgresWorld {
    async fn server(&self, statement: &str) {
        let (client, connection) = tokio_postgres::connect(&self.url, tokio_postgres::NoTls)
            .await
            .unwrap_or_else(|error| {
                panic!("no PostgreSQL at LONGHAUL_TEST_POSTGRES, which this test needs: {error}")
            });
        let connection = tokio::spawn(connection);
        client.batch_execute(statement).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    }

    /// The URL with another database in the place of its own.
    fn url_of(&self, database: &str) -> String {
        let (url, options) = match self.url.split_once('?') {
            Some((url, options)) => (url, format!("?{options}")),
            None => (self.url.as_str(), String::new()),
        };
        let (server, _) = url.rsplit_once('/').expect("the URL names a database");
        format!("{server}/{database}{options}")
    }
}

#[async_trait]
impl World for PostgresWorld {
    async fn fresh(&self) -> Database {
        let name = format!("longhaul_{}", uuid::Uuid::new_v4().simple());
        // A template of its own, since others may be connected to the usual one.
        self.server(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).await;
        self.made.lock().unwrap().push(name.clone());
        opened(self.url_of(&name)).await
    }

    async fn end(&self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap());
        for name in made {
            self.server(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

/// Databases on the server of `LONGHAUL_TEST_MYSQL`: the URL of one, without a database, or with one
/// in which others can be created.
pub(crate) async fn mysql() -> Arc<dyn World> {
    std::future::ready(Arc::new(MysqlWorld { made: Mutex::default() })).await
}

struct MysqlWorld {
    made: Mutex<Vec<crate::mysql::Scratch>>,
}

#[async_trait]
impl World for MysqlWorld {
    async fn fresh(&self) -> Database {
        let scratch = crate::mysql::Scratch::new("").await;
        let database = opened(scratch.url()).await;
        self.made.lock().unwrap().push(scratch);
        database
    }

    async fn end(&self) {
        self.made.lock().unwrap().clear();
    }
}
