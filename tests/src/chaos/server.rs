//! A database server under chaos, of either engine: what is asked of both, in the words of each.

use tokio_postgres::{Client, Error};

use super::postgres::Postgres;
use super::proxy::Speech;
use crate::mariadb::MariaDb;
use crate::patience::until;

/// MariaDB keeps a log of changes, as servers do that matter: commits then have two phases, and its
/// counters of changes outlive it.
const LOGGED: [&str; 2] = ["--log-bin=bin", "--server-id=7"];

/// How long a server may take to answer after a crash.
const BOUND: std::time::Duration = std::time::Duration::from_secs(60);

/// Which server reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Engine {
    /// PostgreSQL.
    #[default]
    Postgres,
    /// MariaDB.
    Mariadb,
}

/// A server of its own, gone when dropped.
#[derive(Debug)]
pub enum Server {
    /// PostgreSQL.
    Postgres(Box<Postgres>),
    /// MariaDB.
    MariaDb(Box<MariaDb>),
}

impl Engine {
    /// Its name, as the command line has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
        }
    }

    /// What a URL of it begins with.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mysql",
        }
    }

    /// Who may do everything there.
    pub(super) fn superuser(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "root",
        }
    }

    /// A database that is always there.
    pub(super) fn maintenance(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mariadb => "mysql",
        }
    }

    /// What stands before the names of the tables of the bookkeeping.
    pub(super) fn books(self) -> &'static str {
        match self {
            Self::Postgres => "longhaul.",
            Self::Mariadb => "longhaul_",
        }
    }

    /// The query that says how far each run of a database has come: in which state it is, how many
    /// chunks are done, and how long ago the last of them was.
    pub fn standing(self) -> String {
        let books = self.books();
        let (now, text) = match self {
            Self::Postgres => ("extract(epoch FROM now())", "text"),
            Self::Mariadb => ("unix_timestamp(now(6))", "char"),
        };
        let done = format!("FROM {books}receipt d WHERE d.run = r.run AND d.outcome = 'done'");
        format!(
            "SELECT concat(r.state, ', epoch ', r.epoch, '; ', (SELECT count(*) {done}), ' of ',
                           (SELECT count(*) FROM {books}plan p WHERE p.run = r.run),
                           ' chunks are done, the last ',
                           coalesce((SELECT CAST(round({now} - max(d.finished) / 1000000) AS {text})
                                     {done}), '?'), ' s ago')
               FROM {books}run r"
        )
    }

    /// How its answers to COMMIT are found on a wire.
    pub(super) fn speech(self) -> Speech {
        match self {
            Self::Postgres => Speech::Postgres,
            Self::Mariadb => Speech::MySql,
        }
    }
}

impl Server {
    /// Makes and starts one.
    pub(super) async fn start(engine: Engine) -> Self {
        match engine {
            Engine::Postgres => Self::Postgres(Box::new(Postgres::start().await)),
            Engine::Mariadb => Self::MariaDb(Box::new(MariaDb::start(&LOGGED).await)),
        }
    }

    /// Which it is.
    pub(super) fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::MariaDb(_) => Engine::Mariadb,
        }
    }

    /// Its port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        match self {
            Self::Postgres(server) => server.port(),
            Self::MariaDb(server) => server.port(),
        }
    }

    /// Stops it as a crash would, or in order, and starts it again.
    pub(super) async fn restart(&self, crash: bool) {
        match self {
            Self::Postgres(server) => server.restart(crash).await,
            Self::MariaDb(server) => server.restart(crash).await,
        }
    }

    /// Runs statements that are separated by a semicolon and the end of a line.
    ///
    /// # Panics
    /// When one is refused.
    pub(super) async fn execute(&self, database: &str, statements: &str) {
        match self {
            Self::Postgres(server) => {
                for statement in statements.split(";\n") {
                    let done = server.client(database).await.batch_execute(statement).await;
                    done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
                }
            }
            Self::MariaDb(server) => server.execute(database, statements).await,
        }
    }

    /// The first cells of what a query returns, which are text.
    ///
    /// # Errors
    /// While it is away, and when the query is refused.
    pub(super) async fn try_texts(
        &self,
        database: &str,
        query: &str,
    ) -> Result<Vec<String>, String> {
        match self {
            Self::Postgres(server) => {
                let client = server.try_client(database).await.map_err(|e| format!("{e:?}"))?;
                let rows = client.query(query, &[]).await.map_err(|e| format!("{e:?}"))?;
                Ok(rows.iter().map(|row| row.get(0)).collect())
            }
            Self::MariaDb(server) => {
                server.try_texts(database, query).await.map_err(|error| error.to_string())
            }
        }
    }

    /// How many there are: what a query counts, asked until there is an answer.
    ///
    /// # Panics
    /// When there is none within a minute.
    pub(super) async fn count(&self, database: &str, what: &str, from: &str) -> i64 {
        let cast = match self {
            Self::Postgres(_) => "text",
            Self::MariaDb(_) => "char",
        };
        let query = format!("SELECT CAST({what} AS {cast}) FROM {from}");
        let ask = async || {
            let cells = self.try_texts(database, &query).await.ok()?;
            cells.first()?.parse().ok()
        };
        until(&query, BOUND, ask).await
    }

    /// A client of a database, as soon as it lets somebody in.
    ///
    /// # Panics
    /// For a server that is no PostgreSQL.
    pub async fn client(&self, database: &str) -> Client {
        self.postgres().client(database).await
    }

    /// The same, at once.
    ///
    /// # Errors
    /// While it is away.
    ///
    /// # Panics
    /// For a server that is no PostgreSQL.
    pub async fn try_client(&self, database: &str) -> Result<Client, Error> {
        self.postgres().try_client(database).await
    }

    fn postgres(&self) -> &Postgres {
        match self {
            Self::Postgres(server) => server,
            Self::MariaDb(_) => panic!("this is asked of PostgreSQL only"),
        }
    }
}
