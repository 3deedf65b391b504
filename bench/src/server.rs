//! One PostgreSQL server, and the scratch databases in it. Both ends of a benchmark are here.

use tokio_postgres::{Client, NoTls};

use crate::Result;

/// A server that was reached once, by the URL of its maintenance database.
pub(crate) struct Server {
    url: String,
    admin: Client,
}

impl Server {
    /// Connects to the maintenance database. Without TLS: a benchmark's server is near.
    ///
    /// # Errors
    /// When the text is not a PostgreSQL URL, or nobody answers there.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("the server must be given as postgres://user@host:port/database".into());
        }
        let admin = dial(url).await?;
        Ok(Self { url: url.to_owned(), admin })
    }

    /// The URL of another database of the server.
    pub(crate) fn url_of(&self, database: &str) -> String {
        with_database(&self.url, database)
    }

    /// A new session in a database.
    ///
    /// # Errors
    /// When the database is not there, or the server has no connection left.
    pub(crate) async fn connect(&self, database: &str) -> Result<Client> {
        dial(&self.url_of(database)).await
    }

    /// Makes an empty database, in place of one of that name that a broken-off benchmark left.
    ///
    /// # Errors
    /// When another benchmark is connected to it.
    pub(crate) async fn recreate(&self, database: &str) -> Result<()> {
        self.drop(database).await?;
        self.admin.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE template0")).await?;
        Ok(())
    }

    /// Removes a database where there is one.
    ///
    /// # Errors
    /// When somebody is connected to it: it is never torn from under them.
    pub(crate) async fn drop(&self, database: &str) -> Result<()> {
        self.admin.batch_execute(&format!("DROP DATABASE IF EXISTS {database}")).await?;
        Ok(())
    }

    /// The comment on a database: `None` where it has none, or is not there.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(crate) async fn comment(&self, database: &str) -> Result<Option<String>> {
        let query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database \
                     WHERE datname = $1";
        let row = self.admin.query_opt(query, &[&database]).await?;
        Ok(row.and_then(|row| row.get(0)))
    }

    /// Puts a comment on a database. The text must hold no quote.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(crate) async fn remark(&self, database: &str, text: &str) -> Result<()> {
        self.admin.batch_execute(&format!("COMMENT ON DATABASE {database} IS '{text}'")).await?;
        Ok(())
    }

    /// Writes out what earlier work left in memory, so that nobody pays for another's pages.
    ///
    /// # Errors
    /// When the role may not.
    pub(crate) async fn checkpoint(&self) -> Result<()> {
        Ok(self.admin.batch_execute("CHECKPOINT").await?)
    }

    /// The server's version, and the settings that loading feels most.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(crate) async fn describe(&self) -> Result<String> {
        let query = "SELECT 'PostgreSQL ' || current_setting('server_version') || (SELECT \
             string_agg(', ' || n || ' ' || current_setting(n), '' ORDER BY n) FROM unnest(ARRAY[\
             'fsync', 'maintenance_work_mem', 'max_wal_size', 'shared_buffers', \
             'synchronous_commit', 'wal_level']) AS n)";
        Ok(self.admin.query_one(query, &[]).await?.get(0))
    }
}

async fn dial(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // It ends with its client; what breaks it, the client is told by its next statement.
    tokio::spawn(connection);
    Ok(client)
}

/// The same URL with another path.
fn with_database(url: &str, database: &str) -> String {
    let (address, options) = match url.split_once('?') {
        Some((address, options)) => (address, format!("?{options}")),
        None => (url, String::new()),
    };
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    format!("{scheme}://{authority}/{database}{options}")
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn only_the_database_of_a_url_changes() {
        let change = |url| with_database(url, "scratch");
        assert_eq!(change("postgres://me@host:5432/postgres"), "postgres://me@host:5432/scratch");
        assert_eq!(change("postgresql://host"), "postgresql://host/scratch");
        assert_eq!(change("postgres://h/?host=/run"), "postgres://h/scratch?host=/run");
    }
}
