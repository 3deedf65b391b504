//! Connections: how a file is named and opened, and how anything is asked of it without blocking
//! the runtime.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use protocol::fault::{Code, Fault};
use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::faults::{self, Doing};
use super::sign::Sign;
use super::write::DIALECT;
use crate::Address;
use crate::sql::control::{Param, Sql};

/// How long a statement waits for a lock before it is `Code::Busy`.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// How long bookkeeping waits to begin writing before it says that it waits, and says it again.
const BUSY_SOON: Duration = Duration::from_millis(500);

/// Statements kept prepared per connection.
const PREPARED_MAX: usize = 32;

/// A file, and what it is called in messages.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Absolute, so that SQLite never takes it for a `file:` URI.
    pub(super) path: PathBuf,
    /// `sqlite:path`, as it was given.
    pub(super) shown: Arc<str>,
}

impl Place {
    /// The file that a URL names: `sqlite:path`, `sqlite://path`, `sqlite:/path`, `sqlite:///path`.
    ///
    /// # Errors
    /// `Code::UrlMalformed` without a path, for `:memory:`, and with parameters.
    pub(super) fn of(address: &Address) -> Result<Self, Fault> {
        let malformed =
            |said: &str| Fault::new(Code::UrlMalformed, address.to_string()).saying(said);
        let path = address.url.split_once(':').map_or("", |(_, path)| path);
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.contains('?') {
            return Err(malformed("a SQLite URL has no parameters"));
        }
        if path.is_empty() || path == ":memory:" {
            return Err(malformed("it names no file"));
        }
        let absolute = std::path::absolute(path)
            .map_err(|error| malformed("its path has no absolute form").because(error))?;
        Ok(Self { path: absolute, shown: address.to_string().into() })
    }

    /// Whether there is anything at the path.
    pub(super) fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// Equal for two paths only when they lead to one file. A file that is not there yet is told
    /// by its path.
    pub(super) fn identity(&self) -> Result<String, Fault> {
        if !self.is_there() {
            return Ok(format!("sqlite:{}", self.path.display()));
        }
        let unopened = |error| self.unopened("it cannot be looked at").because(error);
        file_identity(&self.path).map_err(unopened)
    }

    /// `Code::DatabaseUnopened`, naming the file.
    pub(super) fn unopened(&self, said: &str) -> Fault {
        Fault::new(Code::DatabaseUnopened, &*self.shown).saying(said)
    }
}

#[cfg(unix)]
fn file_identity(path: &Path) -> std::io::Result<String> {
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::metadata(path)?;
    Ok(format!("sqlite:{}:{}", file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn file_identity(path: &Path) -> std::io::Result<String> {
    Ok(format!("sqlite:{}", std::fs::canonicalize(path)?.display()))
}

/// Those of this process who want to write. SQLite lets one in at a time and has the others ask again
/// and again, for a while; here they queue, so that waiting for one's turn is no fault.
#[derive(Clone, Default)]
pub(super) struct Writers(Arc<Mutex<()>>);

/// The right to begin a transaction that writes. Dropping it gives it on.
pub(super) type Turn = OwnedMutexGuard<()>;

impl Writers {
    /// Waits for one's turn, as long as the others take.
    pub(super) async fn turn(&self) -> Turn {
        Arc::clone(&self.0).lock_owned().await
    }
}

/// One connection on a thread of its own. Clones share it; calls come one after another.
#[derive(Clone)]
pub(super) struct Link {
    connection: tokio_rusqlite::Connection,
    pub(super) place: Arc<str>,
}

impl Link {
    /// A connection that can only read.
    pub(super) async fn reading(place: &Place) -> Result<Self, Fault> {
        Self::open(place, OpenFlags::SQLITE_OPEN_READ_ONLY).await
    }

    /// A connection that reads and writes; the file is made if it is not there.
    pub(super) async fn writing(place: &Place) -> Result<Self, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let link = Self::open(place, flags).await?;
        link.call(Doing::Open, keep_log_where_new).await?;
        Ok(link)
    }

    async fn open(place: &Place, flags: OpenFlags) -> Result<Self, Fault> {
        // Each connection lives on one thread, so SQLite need not lock it.
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let shown = Arc::clone(&place.shown);
        let opened = tokio_rusqlite::Connection::open_with_flags(&place.path, flags).await;
        let connection = opened.map_err(|error| faults::fault(&shown, Doing::Open, &error))?;
        let link = Self { connection, place: shown };
        link.call(Doing::Open, prepare_connection).await?;
        Ok(link)
    }

    /// Runs `work` on the connection's thread.
    pub(super) async fn call<T, F>(&self, doing: Doing, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&mut rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let place = Arc::clone(&self.place);
        self.run(move |connection| {
            work(connection).map_err(|error| faults::fault(&place, doing, &error))
        })
        .await
    }

    /// Runs `work`, which words its own faults, on the connection's thread.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&mut rusqlite::Connection) -> Result<T, Fault> + Send + 'static,
    {
        let done = self.connection.call_raw(work).await;
        done.unwrap_or_else(|_| Err(faults::closed(&self.place)))
    }
}

/// What every connection is told, whatever the file or the build says.
pub(super) fn prepare_connection(connection: &mut rusqlite::Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_MAX)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_MAX);
    // Else the name of a column that is gone would be read as a text, and every row would hold it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    // Links between rows are verified in the finish stage; a chunk may hold children first.
    connection.pragma_update(None, "foreign_keys", false)?;
    // The first look at the file: it says here if it is no database.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

/// A file of our own making gets a log: readers and the writer then do not wait for each other, and
/// a commit does not wait for the disk. Whoever made a file has chosen its mode.
fn keep_log_where_new(connection: &mut rusqlite::Connection) -> rusqlite::Result<()> {
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if pages == 0 {
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    }
    Ok(())
}

/// A connection for bookkeeping, opened when it is first needed: to look into a file that is not
/// there finds nothing, and does not make it.
pub(super) struct Late {
    place: Place,
    link: Option<Link>,
    writers: Writers,
    /// Held while a transaction is open.
    turn: Option<Turn>,
}

impl Late {
    pub(super) fn new(place: Place, writers: Writers) -> Self {
        Self { place, link: None, writers, turn: None }
    }

    async fn link(&mut self) -> Result<&mut Link, Fault> {
        if self.link.is_none() {
            self.link = Some(Link::writing(&self.place).await?);
        }
        self.link.as_mut().ok_or_else(|| faults::closed(&self.place.shown))
    }
}

#[async_trait]
impl Sql for Late {
    async fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64, Fault> {
        self.link().await?.execute(sql, params).await
    }

    async fn query(
        &mut self,
        sql: &str,
        params: &[Param],
    ) -> Result<Vec<Vec<Option<String>>>, Fault> {
        if self.link.is_none() && !self.place.is_there() {
            return Ok(Vec::new());
        }
        self.link().await?.query(sql, params).await
    }

    async fn batch(&mut self, sql: &str) -> Result<(), Fault> {
        if sql == DIALECT.begin {
            self.turn = Some(self.writers.turn().await);
        }
        let sign = Sign::of(&self.place);
        let link = self.link().await?;
        let done = match sql == DIALECT.begin {
            true => link.call(Doing::Write, move |connection| begin(connection, &sign)).await,
            false => link.batch(sql).await,
        };
        let over = match sql {
            "ROLLBACK" => true,
            "COMMIT" => done.is_ok(),
            _ => sql == DIALECT.begin && done.is_err(),
        };
        if over {
            self.turn = None;
        }
        done
    }
}

/// Begins to write. Whoever is in the way is of another process, and is told.
fn begin(connection: &mut rusqlite::Connection, sign: &Sign) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    let mut begun = connection.execute_batch(DIALECT.begin);
    connection.busy_timeout(BUSY_SOON)?;
    let (is_busy, mut waited) = (rusqlite::ErrorCode::DatabaseBusy, Duration::ZERO);
    while waited < BUSY_MAX
        && matches!(&begun, Err(error) if error.sqlite_error_code() == Some(is_busy))
    {
        // Whoever took it down may have been overtaken by a third.
        sign.put_up();
        begun = connection.execute_batch(DIALECT.begin);
        waited += BUSY_SOON;
    }
    if !waited.is_zero() {
        sign.take_down();
    }
    connection.busy_timeout(BUSY_MAX)?;
    begun
}

#[async_trait]
impl Sql for Link {
    async fn execute(&mut self, sql: &str, params: &[Param]) -> Result<u64, Fault> {
        let (sql, params) = (numbered(sql), params.to_vec());
        self.call(Doing::Write, move |connection| {
            let changed = connection
                .prepare_cached(&sql)?
                .execute(rusqlite::params_from_iter(params.iter().map(value)))?;
            Ok(changed as u64)
        })
        .await
    }

    async fn query(
        &mut self,
        sql: &str,
        params: &[Param],
    ) -> Result<Vec<Vec<Option<String>>>, Fault> {
        let (sql, params) = (numbered(sql), params.to_vec());
        self.call(Doing::Write, move |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let columns = statement.column_count();
            let values = rusqlite::params_from_iter(params.iter().map(value));
            let rows = statement.query_map(values, |row| {
                (0..columns).map(|column| Ok(text(row.get_ref(column)?))).collect()
            })?;
            rows.collect()
        })
        .await
    }

    async fn batch(&mut self, sql: &str) -> Result<(), Fault> {
        let sql = sql.to_owned();
        self.call(Doing::Write, move |connection| connection.execute_batch(&sql)).await
    }
}

/// `$1` is a parameter *named* `$1` here, numbered by first appearance; `?1` is the first one.
/// Bookkeeping statements hold no other `$`.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

fn value(param: &Param) -> rusqlite::types::Value {
    match param {
        Param::Text(text) => text.clone().into(),
        Param::Int(number) => (*number).into(),
        Param::Null => rusqlite::types::Value::Null,
    }
}

fn text(cell: ValueRef<'_>) -> Option<String> {
    match cell {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Some(hex(bytes)),
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> Result<Place, Fault> {
        Place::of(&Address { url: url.into(), password: None })
    }

    #[test]
    fn a_url_names_a_file_in_four_ways() {
        let here = std::env::current_dir().unwrap();
        for (url, path) in [
            ("sqlite:a.db", here.join("a.db")),
            ("sqlite://a.db", here.join("a.db")),
            ("sqlite:/x/a.db", PathBuf::from("/x/a.db")),
            ("sqlite:///x/a@b.db", PathBuf::from("/x/a@b.db")),
            ("sqlite:file:a.db", here.join("file:a.db")),
        ] {
            assert_eq!(place(url).unwrap().path, path, "{url}");
        }
    }

    #[test]
    fn a_url_without_a_file_is_malformed() {
        for url in ["sqlite:", "sqlite://", "sqlite::memory:", "sqlite:a.db?mode=rw"] {
            assert_eq!(place(url).unwrap_err().code(), Code::UrlMalformed, "{url}");
        }
    }
}
