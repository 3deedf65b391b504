//! Databases and folders that live as long as a test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_postgres::{Client, NoTls};

/// The server that tests may create databases on.
pub fn server() -> String {
    std::env::var("LONGHAUL_TEST_POSTGRES")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".into())
}

/// A name that no other test of this machine has.
fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A folder, removed when dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty one.
    ///
    /// # Panics
    /// When it cannot be created.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("longhaul-test-{}", unique()));
        std::fs::create_dir_all(&path).expect("the folder for temporary files is writable");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Leaves it where it is, for somebody to look into.
    pub fn keep(self) -> PathBuf {
        let path = self.0.clone();
        std::mem::forget(self);
        path
    }

    /// The URL of a SQLite file in it.
    pub fn sqlite(&self, name: &str) -> String {
        format!("sqlite:{}", self.0.join(name).display())
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A PostgreSQL database, dropped when dropped.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// A new, empty one.
    ///
    /// # Panics
    /// When the server of [`server`] cannot be reached.
    pub async fn new() -> Self {
        Self::made_with("").await
    }

    /// A new, empty one that takes any bytes for text.
    ///
    /// # Panics
    /// When the server of [`server`] cannot be reached.
    pub async fn without_encoding() -> Self {
        let ascii = "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
        Self::made_with(ascii).await
    }

    /// A new, empty one in an encoding that lacks characters.
    ///
    /// # Panics
    /// When the server of [`server`] cannot be reached.
    pub async fn in_encoding(encoding: &str) -> Self {
        let options =
            format!("TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'");
        Self::made_with(&options).await
    }

    /// A new, empty one in UTF-8 whose texts compare byte by byte and whose letters are Unicode's.
    ///
    /// # Panics
    /// When the server of [`server`] cannot be reached.
    pub async fn in_unicode() -> Self {
        let options = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'";
        Self::made_with(options).await
    }

    async fn made_with(options: &str) -> Self {
        let name = format!("longhaul_test_{}", unique());
        let client = connect(&server()).await;
        let create = format!("CREATE DATABASE {name} {options}");
        client.batch_execute(&create).await.expect("a new name");
        Self { name }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let server = server();
        let (before, parameters) = server.split_once('?').unwrap_or((&server, ""));
        let (before, _) = before.rsplit_once('/').expect("a URL names a database");
        let parameters =
            if parameters.is_empty() { String::new() } else { format!("?{parameters}") };
        format!("{before}/{}{parameters}", self.name)
    }

    /// A client of it.
    pub async fn client(&self) -> Client {
        connect(&self.url()).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A drop cannot wait, and the test's own runtime may be gone; so a thread with its own.
        let name = self.name.clone();
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let client = connect(&server()).await;
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                let _ = client.batch_execute(&drop).await;
            });
        });
        let _ = dropping.join();
    }
}

/// A client of a PostgreSQL database.
///
/// # Panics
/// When it cannot be reached, saying how to name another.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap_or_else(|error| {
        panic!("no PostgreSQL at {url} ({error}); name one with LONGHAUL_TEST_POSTGRES")
    });
    tokio::spawn(connection);
    client
}
