//! A connection on which text means what we think it means.
//!
//! # Promises
//! 1. Whatever the server has set as defaults, a session of ours reads and writes values in one
//!    way: see [`SETTINGS`].
//! 2. A connection that is dropped while the server works for it is killed, and its transaction with
//!    it. One that is dropped between statements is closed.
//! 3. After an answer that took the transaction with it, nothing more is done on the connection.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mysql_async::prelude::{Protocol, Queryable as _};
use mysql_async::{Conn, Opts, OptsBuilder, Params, QueryResult, Row, Value};
use protocol::fault::{Code, Fault};

use super::version::Server;
use super::{address, faults, tls, words};
use crate::Address;
use crate::login::Login;

/// How long the server may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// All rows of an answer to a question: rows that are moved are streamed, and are no answer.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// A server that said nothing for so long may be of another kind.
const SILENT_AFTER: Duration = Duration::from_millis(1500);

/// What every session sets, so that no default of the server or the user changes what a value or a
/// statement means, or how long something may wait. `ALLOW_INVALID_DATES` and the absence of
/// `NO_ZERO_DATE` let in what another MySQL held; strictness refuses all the rest.
const SETTINGS: &str = "SET SESSION \
     sql_mode = 'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,\
ALLOW_INVALID_DATES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
     time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1, unique_checks = 1, \
     sql_auto_is_null = 0, sql_safe_updates = 0, sql_big_selects = 1, sql_notes = 1, \
     completion_type = 'NO_CHAIN', max_error_count = 64, sql_select_limit = 18446744073709551615, \
     sql_quote_show_create = 1, group_concat_max_len = 1048576, innodb_lock_wait_timeout = 5, lock_wait_timeout = 15, \
     net_read_timeout = 600, net_write_timeout = 3600, wait_timeout = 28800";

/// A transaction is READ COMMITTED, so that what is read behind the gate is of now.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE";

/// Settings that some servers do not let everybody change: tried, and left where they are.
const WISHES: [&str; 3] = [
    "SET SESSION explicit_defaults_for_timestamp = 1",
    "SET SESSION sql_require_primary_key = 0",
    // A log of statements takes nothing that is written as READ COMMITTED.
    "SET SESSION binlog_format = 'ROW'",
];

/// What a connection is for: how long it may stand idle inside a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// Reads, or bookkeeping that holds nothing for long: as long as its owner lives.
    Read,
    /// Keeps the books: waits for the gate as long as chunks may take.
    Books,
    /// Writes chunks: a holder of locks that fell silent is ended.
    Write,
}

/// An address, understood.
pub(super) struct Door {
    options: Opts,
    place: Arc<str>,
    local: bool,
    /// A name of the server's certificate, where any will do and ours is not among them.
    name: OnceLock<String>,
}

/// What a server told about itself when we came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met {
    pub(super) server: Server,
    /// Longest statement and longest value, in bytes.
    pub(super) packet_max: usize,
    /// Whether names of tables that differ only by case are the same.
    pub(super) folds_case: bool,
}

impl Door {
    /// Reads an address.
    pub(super) fn parse(address: &Address) -> Result<Self, Fault> {
        let (options, place) = address::parse(address)?;
        let options: Opts = options.into();
        let local = options.socket().is_some() || options.addr_is_loopback();
        Ok(Self { options, place: place.into(), local, name: OnceLock::new() })
    }

    pub(super) fn place(&self) -> &Arc<str> {
        &self.place
    }

    /// Whether no byte leaves this machine.
    pub(super) fn is_local(&self) -> bool {
        self.local
    }

    /// Opens a connection named `label`.
    ///
    /// # Errors
    /// `Code::Unreachable`, `Code::LoginRefused`, `Code::Busy` when all connections are taken.
    pub(super) async fn open(self: &Arc<Self>, label: &str, duty: Duty) -> Result<Link, Fault> {
        // Of a type without a name: the compiler would look through it from far outside, and lose its
        // way among the lifetimes in there.
        let opening: Pin<Box<dyn Future<Output = _> + Send + '_>> =
            Box::pin(self.open_patiently(label, duty));
        let opening = tokio::time::timeout(CONNECT_TIMEOUT, opening);
        tokio::pin!(opening);
        // A server that waits to be spoken to would keep us waiting, too.
        let early = tokio::select! {
            opened = &mut opening => Some(opened),
            () = tokio::time::sleep(SILENT_AFTER) => None,
        };
        let opened = match early {
            Some(opened) => opened,
            None => match self.login().is_another(&self.place).await {
                Some(fault) => return Err(fault),
                None => opening.await,
            },
        };
        match opened {
            Ok(Err(fault)) => Err(self.login().told(fault).await),
            Ok(opened) => opened,
            Err(_) => Err(Fault::new(Code::Unreachable, &*self.place).saying("no answer in time")),
        }
    }

    fn login(&self) -> Login<'_> {
        let options = &self.options;
        let tcp = options.socket().is_none();
        Login {
            server: "MySQL",
            at: tcp.then(|| (options.ip_or_hostname(), options.tcp_port())),
            user: options.user(),
            database: options.db_name().filter(|name| !name.is_empty()),
            with_password: options.pass().is_some(),
        }
    }

    async fn open_patiently(self: &Arc<Self>, label: &str, duty: Duty) -> Result<Link, Fault> {
        let conn = self.connect(label).await;
        let conn = conn.map_err(|error| faults::connecting(&self.place, &error))?;
        let mut link = Link {
            conn,
            door: Arc::clone(self),
            working: false,
            lost: false,
            met: Met { server: Server::of(""), packet_max: 0, folds_case: false },
        };
        link.run("SET NAMES utf8mb4").await?;
        link.run(SETTINGS).await?;
        link.run(ISOLATION).await?;
        link.met = link.meet().await?;
        let idle = (duty == Duty::Write).then_some(60);
        link.run(&link.met.server.settings(idle)).await?;
        if duty == Duty::Books {
            link.run("SET SESSION innodb_lock_wait_timeout = 15").await?;
        }
        for wish in WISHES {
            link.wish(wish).await?;
        }
        Ok(link)
    }

    async fn connect(&self, label: &str) -> mysql_async::Result<Conn> {
        match Conn::new(self.called(label)).await {
            Err(error) if self.name.get().is_none() => {
                match tls::name_instead(self.options.ssl_opts(), &error) {
                    Some(name) => {
                        self.name.get_or_init(|| name);
                        Conn::new(self.called(label)).await
                    }
                    None => Err(error),
                }
            }
            done => done,
        }
    }

    fn called(&self, label: &str) -> OptsBuilder {
        let options =
            OptsBuilder::from_opts(self.options.clone()).connect_attribute("program_name", label);
        match self.name.get() {
            Some(name) => {
                let encryption = self.options.ssl_opts().cloned();
                let name = Some(name.clone());
                options.ssl_opts(encryption.map(|on| on.with_danger_tls_hostname_override(name)))
            }
            None => options,
        }
    }

    /// Ends a session by its number, from a connection of its own.
    async fn kill(self: Arc<Self>, id: u32) {
        let Ok(mut conn) = self.connect("longhaul:end").await else { return };
        let _ = conn.query_drop(format!("KILL CONNECTION {id}")).await;
        let _ = conn.disconnect().await;
    }
}

/// One connection.
pub(super) struct Link {
    conn: Conn,
    door: Arc<Door>,
    /// A statement was sent and its answer was not seen.
    working: bool,
    /// The server took the transaction, or the connection is gone.
    lost: bool,
    met: Met,
}

impl Link {
    pub(super) fn place(&self) -> &str {
        &self.door.place
    }

    pub(super) fn met(&self) -> Met {
        self.met
    }

    /// The number by which the server knows the session.
    pub(super) fn id(&self) -> u32 {
        self.conn.id()
    }

    fn begin_work(&mut self) -> Result<(), Fault> {
        if self.lost {
            return Err(Fault::new(Code::Busy, self.place())
                .saying("the server gave the transaction up, and the session with it"));
        }
        self.working = true;
        Ok(())
    }

    fn end_work<T>(&mut self, done: mysql_async::Result<T>) -> Result<T, Fault> {
        self.working = false;
        done.map_err(|error| {
            self.lost = self.lost || faults::takes_the_transaction(&error);
            faults::fault(&self.door.place, &error)
        })
    }

    /// Runs one statement.
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), Fault> {
        self.begin_work()?;
        let done = self.conn.query_drop(sql).await;
        self.end_work(done)
    }

    /// The same, with the server's own words where it refuses. Only for statements that no row value can
    /// be in.
    pub(super) async fn run_and_hear(&mut self, sql: &str) -> Result<(), (Fault, Option<String>)> {
        self.begin_work().map_err(|fault| (fault, None))?;
        let done = self.conn.query_drop(sql).await;
        let words = done.as_ref().err().and_then(faults::words);
        self.end_work(done).map_err(|fault| (fault, words))
    }

    /// Runs one statement of bytes, and returns how many rows it changed or found.
    pub(super) async fn change(&mut self, sql: &[u8]) -> Result<u64, Fault> {
        self.begin_work()?;
        let done = self.conn.query_drop(sql).await;
        self.end_work(done)?;
        Ok(self.conn.affected_rows())
    }

    /// Runs a query whose cells come as text.
    pub(super) async fn query(&mut self, sql: &str) -> Result<Texts, Fault> {
        self.begin_work()?;
        let asked = async {
            let mut result = self.conn.query_iter(sql).await?;
            collect(&mut result).await
        };
        let rows = asked.await;
        self.collected(rows)
    }

    /// What was collected, unless it was too much: then the session is left in the middle of its
    /// answer, and is killed as it is dropped.
    fn collected<T>(&mut self, rows: mysql_async::Result<Option<T>>) -> Result<T, Fault> {
        match rows.transpose() {
            Some(rows) => self.end_work(rows),
            None => {
                self.lost = true;
                let said = format!("an answer of more than {ANSWER_BYTES_MAX} bytes");
                Err(Fault::new(Code::Absurd, self.place()).saying(said))
            }
        }
    }

    /// Runs queries that are sent together, and returns the answer to each.
    pub(super) async fn query_all(&mut self, queries: &[String]) -> Result<Vec<Texts>, Fault> {
        self.begin_work()?;
        let answers = answers(&mut self.conn, &queries.join("; ")).await;
        self.collected(answers)
    }

    /// The first cell of the first row.
    pub(super) async fn one(&mut self, sql: &str) -> Result<Option<String>, Fault> {
        let rows = self.query(sql).await?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    /// Runs a prepared statement.
    pub(super) async fn execute(&mut self, sql: &str, params: Params) -> Result<u64, Fault> {
        self.begin_work()?;
        let done = self.conn.exec_drop(sql, params).await;
        self.end_work(done)?;
        Ok(self.conn.affected_rows())
    }

    /// Runs a prepared query.
    pub(super) async fn select(
        &mut self,
        sql: &str,
        params: Params,
    ) -> Result<Vec<Vec<Option<String>>>, Fault> {
        self.begin_work()?;
        let asked = async {
            let mut result = self.conn.exec_iter(sql, params).await?;
            collect(&mut result).await
        };
        let rows = asked.await;
        self.collected(rows)
    }

    /// The driver's connection, for a stream of rows or a load. Until [`Link::rest`] is called the
    /// session counts as working, and is killed when it is dropped.
    pub(super) fn work(&mut self) -> Result<&mut Conn, Fault> {
        self.begin_work()?;
        Ok(&mut self.conn)
    }

    /// The stream or load is over.
    pub(super) fn rest<T>(&mut self, done: mysql_async::Result<T>) -> Result<T, Fault> {
        self.end_work(done)
    }

    /// Whether its session is still there. One that does not answer in time is not: half an answer
    /// would be taken for that to the next question.
    pub(super) async fn lives(&mut self) -> bool {
        let asking = tokio::time::timeout(CONNECT_TIMEOUT, self.run("DO 0"));
        matches!(asking.await, Ok(Ok(())))
    }

    /// Whether nothing is under way on it, and nothing was lost.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.working && !self.lost
    }

    /// What the last statement said about itself, and how many warnings it had.
    pub(super) fn last(&self) -> (String, u16) {
        (self.conn.info().into_owned(), self.conn.get_warnings())
    }

    async fn meet(&mut self) -> Result<Met, Fault> {
        let asked = "SELECT VERSION(), @@max_allowed_packet, @@lower_case_table_names";
        let row = self.query(asked).await?.pop().unwrap_or_default();
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let version = cells.next().unwrap_or_default();
        let packet_max = cells.next().and_then(|text| text.parse().ok()).unwrap_or(1 << 20);
        let folds_case = cells.next().is_some_and(|text| text != "0");
        Ok(Met { server: Server::of(&version), packet_max, folds_case })
    }

    /// Tries a setting that the server may not have, or not let us change.
    pub(super) async fn wish(&mut self, setting: &str) -> Result<(), Fault> {
        match self.run(setting).await {
            Err(fault) if fault.named().is_some() => Ok(()),
            done => done,
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if !self.working || std::thread::panicking() {
            return;
        }
        // The server looks at the socket only when it has something to say. The driver, left alone,
        // would read a whole result to its end first.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(Arc::clone(&self.door).kill(self.conn.id()));
        }
    }
}

/// All answers to queries that were sent together; none where one is more than anybody asked for.
async fn answers(conn: &mut Conn, queries: &str) -> mysql_async::Result<Option<Vec<Texts>>> {
    let mut result = conn.query_iter(queries).await?;
    let mut answers = Vec::new();
    while !result.is_empty() {
        let Some(rows) = collect(&mut result).await? else { return Ok(None) };
        answers.push(rows);
    }
    Ok(Some(answers))
}

/// Rows of text.
type Texts = Vec<Vec<Option<String>>>;

/// All rows of an answer; none where they are more than anybody asked for.
async fn collect<P: Protocol>(
    result: &mut QueryResult<'_, 'static, P>,
) -> mysql_async::Result<Option<Texts>> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = result.next().await? {
        let row = texts(row);
        let cells = row.iter().map(|cell| cell.as_ref().map_or(0, String::len));
        bytes += cells.sum::<usize>() + size_of_val(row.as_slice());
        if bytes > ANSWER_BYTES_MAX {
            return Ok(None);
        }
        rows.push(row);
    }
    Ok(Some(rows))
}

fn texts(row: Row) -> Vec<Option<String>> {
    row.unwrap().into_iter().map(text).collect()
}

/// A cell of a catalogue or of the bookkeeping, which hold text and integers only.
fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        date @ (Value::Date(..) | Value::Time(..)) => Some(date.as_sql(true).replace('\'', "")),
    }
}

/// The name of a lock, as a literal.
pub(super) fn lock_name(name: &str) -> String {
    words::literal(name)
}
