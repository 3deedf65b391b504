//! A database of its own for each test, on the server the tests are given.

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts};

use crate::Address;

/// The server: a URL without a database, or with one that is left alone.
fn server() -> String {
    let url = std::env::var("LONGHAUL_TEST_MYSQL")
        .unwrap_or_else(|_| "mysql://root@127.0.0.1:3306".to_owned());
    let (scheme, rest) = url.split_once("://").expect("LONGHAUL_TEST_MYSQL is a URL");
    let place = rest.split(['/', '?']).next().unwrap_or_default();
    assert!(scheme == "mysql" || scheme == "mariadb", "LONGHAUL_TEST_MYSQL is a URL of MySQL");
    format!("mysql://{place}")
}

/// An empty database that is dropped with this.
pub(crate) struct Scratch {
    name: String,
}

impl Scratch {
    /// Creates it and runs `setup` in it, statements separated by a semicolon and the end of a line.
    pub(crate) async fn new(setup: &str) -> Self {
        let name = format!("lh_test_{}", uuid::Uuid::new_v4().simple());
        maintain("mysql", &[format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")]).await;
        // Owned before anything can fail, so that it is dropped in any case.
        let scratch = Self { name };
        scratch.run(setup).await;
        scratch
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/{}", server(), self.name)
    }

    pub(super) fn address(&self) -> Address {
        Address { url: self.url(), password: None }
    }

    /// Runs statements as a person would.
    pub(super) async fn run(&self, sql: &str) {
        let statements: Vec<_> =
            sql.split(";\n").filter(|one| !one.trim().is_empty()).map(str::to_owned).collect();
        maintain(&self.name, &statements).await;
    }

    /// The first value of a query, as text.
    pub(super) async fn text(&self, sql: &str) -> Option<String> {
        let mut conn = open(&self.name).await;
        let value: Option<Option<String>> = conn.query_first(sql).await.unwrap();
        let _ = conn.disconnect().await;
        value.flatten()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let name = self.name.clone();
        // Dropping cannot wait inside the test's own runtime.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(remove(&name));
        });
        let _ = dropping.join();
    }
}

/// Drops a database, and ends whoever still reads it: a connection that the test dropped is closed by
/// the runtime that this waits in, and its locks would be waited for.
async fn remove(database: &str) {
    let mut conn = open("mysql").await;
    let others = "SELECT id FROM information_schema.processlist WHERE db = ?";
    let others: Vec<u64> = conn.exec(others, (database,)).await.unwrap();
    for other in others {
        // It may be gone by now.
        let _ = conn.query_drop(format!("KILL CONNECTION {other}")).await;
    }
    conn.query_drop(format!("DROP DATABASE IF EXISTS {database}")).await.unwrap();
    let _ = conn.disconnect().await;
}

async fn open(database: &str) -> Conn {
    let url = format!("{}/{database}?prefer_socket=false", server());
    let mut conn = Conn::new(Opts::from_url(&url).unwrap()).await.unwrap_or_else(|error| {
        panic!("these tests need a MySQL or MariaDB server; set LONGHAUL_TEST_MYSQL: {error}")
    });
    // Whatever the server has as defaults, tests speak one language.
    conn.query_drop("SET NAMES utf8mb4, autocommit = 1, sql_mode = '', time_zone = '+00:00'")
        .await
        .unwrap();
    conn
}

async fn maintain(database: &str, statements: &[String]) {
    let mut conn = open(database).await;
    for statement in statements {
        conn.query_drop(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    let _ = conn.disconnect().await;
}
