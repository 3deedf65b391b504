//! A database of its own for each test, on the server the tests are given.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Postgres;
use super::connect::{Door, Duty, Link};
use crate::Address;

/// The server: a URL to a maintenance database, where databases may be created.
fn server() -> String {
    std::env::var("LONGHAUL_TEST_POSTGRES")
        .unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
}

/// An address without a password beside it.
pub(super) fn address(url: impl Into<String>) -> Address {
    Address { url: url.into(), password: None }
}

/// The server's address with another database.
pub(super) fn url_of(database: &str) -> String {
    let server = server();
    let (base, options) = match server.split_once('?') {
        Some((base, options)) => (base, format!("?{options}")),
        None => (server.as_str(), String::new()),
    };
    let (host, _) = base.rsplit_once('/').expect("the test server's URL names a database");
    format!("{host}/{database}{options}")
}

/// An empty database that is dropped with this.
pub(super) struct Scratch {
    name: String,
    link: Link,
}

impl Scratch {
    /// Creates it and runs `setup` in it.
    pub(super) async fn new(setup: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lh_test_{}_{number}", std::process::id());
        let drop = format!("DROP DATABASE IF EXISTS {name}");
        maintain(&[drop, format!("CREATE DATABASE {name} TEMPLATE template0")]).await;
        let link = open(&url_of(&name)).await;
        link.batch("SET search_path = public, pg_catalog").await.unwrap();
        // Owned before anything can fail, so that it is dropped in any case.
        let scratch = Self { name, link };
        scratch.run(setup).await;
        scratch
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn address(&self) -> Address {
        address(url_of(&self.name))
    }

    /// Runs statements as a person would.
    pub(super) async fn run(&self, sql: &str) {
        self.link.client.batch_execute(sql).await.unwrap();
    }

    /// The first value of a query, as text.
    pub(super) async fn text(&self, sql: &str) -> Option<String> {
        let sql = format!("SELECT (q.*)::text FROM ({sql}) AS q");
        let text: Option<String> = self.link.client.query_one(&sql, &[]).await.unwrap().get(0);
        text.map(|row| row.trim_start_matches('(').trim_end_matches(')').to_owned())
    }

    /// The number that a writing query returns.
    pub(super) async fn next_id(&self, sql: &str) -> String {
        self.link.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Opens it as callers do.
    pub(super) async fn open(&self) -> Arc<Postgres> {
        Arc::new(Postgres::open(&self.address()).await.unwrap())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // Dropping cannot wait inside the test's own runtime.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(maintain(&[statement]));
        });
        let _ = dropping.join();
    }
}

async fn open(url: &str) -> Link {
    let door = Door::parse(&address(url)).unwrap();
    door.open("longhaul:test", Duty::Read).await.unwrap_or_else(|fault| {
        panic!("these tests need a PostgreSQL server; set LONGHAUL_TEST_POSTGRES: {fault}")
    })
}

async fn maintain(statements: &[String]) {
    let link = open(&server()).await;
    for statement in statements {
        link.batch(statement).await.unwrap();
    }
}
