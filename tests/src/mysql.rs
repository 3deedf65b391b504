//! MySQL databases that live as long as a test.

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, Row, Value};

use crate::mariadb::PLAIN;

/// The server that tests may create databases on, without a database.
pub fn server() -> String {
    let url = std::env::var("LONGHAUL_TEST_MYSQL")
        .unwrap_or_else(|_| "mysql://root@127.0.0.1:3306".into());
    let (scheme, rest) = url.split_once("://").expect("a URL has a scheme");
    format!("{scheme}://{}", rest.split(['/', '?']).next().unwrap_or_default())
}

/// A MySQL database, dropped when dropped.
#[derive(Debug)]
pub struct Mysql {
    server: String,
    name: String,
}

impl Mysql {
    /// A new, empty one.
    ///
    /// # Panics
    /// When the server of [`server`] cannot be reached.
    pub async fn new() -> Self {
        Self::on(&server()).await
    }

    /// A new, empty one on that server.
    ///
    /// # Panics
    /// When the server cannot be reached.
    pub async fn on(server: &str) -> Self {
        let name = format!("longhaul_test_{}", uuid::Uuid::new_v4().simple());
        let this = Self { server: server.to_owned(), name };
        let create = format!("CREATE DATABASE {} CHARACTER SET utf8mb4", this.name);
        connect(&format!("{server}/mysql")).await.query_drop(create).await.expect("a new name");
        this
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// Runs statements on it that are separated by a semicolon and the end of a line. Anything can be
    /// put in: a zero where numbers are given out, and dates that are none.
    ///
    /// # Panics
    /// When one is refused.
    pub async fn run(&self, statements: &str) {
        let mut conn = connect(&self.url()).await;
        for statement in statements.split(";\n").filter(|one| !one.trim().is_empty()) {
            let done = conn.query_drop(statement.trim().trim_end_matches(';')).await;
            done.unwrap_or_else(|error| panic!("{statement:.200}: {error}"));
        }
        let _ = conn.disconnect().await;
    }

    /// What a query returns: bytes for each cell.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn cells(&self, query: &str) -> Vec<Vec<Option<Vec<u8>>>> {
        self.cells_after("DO 0", query).await
    }

    async fn cells_after(&self, setting: &str, query: &str) -> Vec<Vec<Option<Vec<u8>>>> {
        let mut conn = connect(&self.url()).await;
        conn.query_drop(setting).await.unwrap_or_else(|error| panic!("{setting}: {error}"));
        let rows: Vec<Row> =
            conn.query(query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
        let _ = conn.disconnect().await;
        let cell = |value| if let Value::Bytes(bytes) = value { Some(bytes) } else { None };
        rows.into_iter().map(|row| row.unwrap().into_iter().map(cell).collect()).collect()
    }

    /// What a query returns, a text per row with `|` between its cells.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn rows(&self, query: &str) -> Vec<String> {
        self.rows_after("DO 0", query).await
    }

    /// The same, in a session that is set by another statement before.
    ///
    /// # Panics
    /// When one of them is refused.
    pub async fn rows_after(&self, setting: &str, query: &str) -> Vec<String> {
        let text = |cell: Option<Vec<u8>>| {
            cell.map_or("NULL".into(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let row = |row: Vec<_>| row.into_iter().map(text).collect::<Vec<_>>().join("|");
        self.cells_after(setting, query).await.into_iter().map(row).collect()
    }
}

impl Drop for Mysql {
    fn drop(&mut self) {
        // A drop cannot wait, and the test's own runtime may be gone; so a thread with its own.
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let mut conn = connect(&format!("{server}/mysql")).await;
                let _ = conn.query_drop(format!("DROP DATABASE IF EXISTS {name}")).await;
                let _ = conn.disconnect().await;
            });
        });
        let _ = dropping.join();
    }
}

async fn connect(url: &str) -> Conn {
    let url = url.replacen("mariadb://", "mysql://", 1);
    let options = Opts::from_url(&format!("{url}?prefer_socket=false")).expect("a URL of MySQL");
    let mut conn = Conn::new(options).await.unwrap_or_else(|error| {
        panic!("no MySQL at {url} ({error}); name one with LONGHAUL_TEST_MYSQL")
    });
    conn.query_drop(PLAIN).await.expect("settings that every server has");
    conn
}
