//! From a URL to a connection on which text means what we think it means.
//!
//! # Promises
//! 1. Whatever the server, the database or the role have set as defaults, a session of ours
//!    reads and writes values in one way: see [`SETTINGS`].
//! 2. A connection that is dropped is gone at once, with what it was doing.
//! 3. Nothing shows user or password.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::fault::{Code, Fault};
use tokio::task::AbortHandle;
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, Connection, Error, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::guard::{Flow, Found, Guard, Guarded};
use super::{faults, tls};
use crate::Address;
use crate::login::Login;

/// How long the server may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest `application_name` that the server keeps, in bytes.
const LABEL_BYTES_MAX: usize = 63;

/// What every session sets, so that no default of server, database or role changes what a value
/// or a statement means, or how long something may wait.
const SETTINGS: &str = "\
    SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; \
    SET extra_float_digits = 3; SET bytea_output = 'hex'; SET client_encoding = 'UTF8'; \
    SET search_path = ''; SET lc_monetary = 'C'; SET xmloption = 'content'; \
    SET standard_conforming_strings = on; SET escape_string_warning = off; \
    SET array_nulls = on; SET transform_null_equals = off; SET quote_all_identifiers = off; \
    SET row_security = off; SET gin_fuzzy_search_limit = 0; \
    SET default_transaction_read_only = off; SET default_transaction_deferrable = off; \
    SET default_transaction_isolation = 'read committed'; SET jit = off; \
    SET client_min_messages = 'error'; SET statement_timeout = 0; SET lock_timeout = '15s'";

/// Settings that older servers lack, or that some platforms refuse: set where they are.
const NEWER: &str = "\
    SELECT pg_catalog.set_config(s.name, v.value, false) \
    FROM (VALUES ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'), \
                 ('tcp_keepalives_count', '3'), ('tcp_user_timeout', '30000'), \
                 ('client_connection_check_interval', '5000'), ('idle_session_timeout', '0'), \
                 ('transaction_timeout', '0')) AS v (name, value) \
    JOIN pg_catalog.pg_settings AS s ON s.name = v.name";

/// What a connection is for: how long it may stand idle inside a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duty {
    /// Reads, or holds a snapshot for others: as long as its owner lives.
    Read,
    /// Writes chunks or bookkeeping: a holder of locks that fell silent is ended.
    Write,
}

impl Duty {
    fn settings(self) -> &'static str {
        match self {
            Self::Read => "SET idle_in_transaction_session_timeout = 0",
            Self::Write => "SET idle_in_transaction_session_timeout = '60s'",
        }
    }
}

/// An address, understood.
pub(super) struct Door {
    config: Config,
    tls: MakeRustlsConnect,
    mode: tls::Mode,
    place: Arc<str>,
}

impl Door {
    /// Reads an address.
    ///
    /// # Errors
    /// `Code::UrlMalformed`, or `Code::ConfigUnreadable` for a root certificate.
    pub(super) fn parse(address: &Address) -> Result<Self, Fault> {
        let (rest, options) = take_options(&address.url)?;
        // The parser's own words may quote the URL, and with it a password.
        let mut config: Config = rest.parse().map_err(|_| malformed("it is not well formed"))?;
        if let Some(password) = &address.password {
            config.password(password);
        }
        let Some(place) = place(&config) else {
            return Err(malformed("it names no host or no database"));
        };
        let mode = match options.mode {
            Some(mode) => mode,
            None if is_local(&config) => tls::Mode::Disable,
            None => tls::Mode::VerifyFull,
        };
        config.ssl_mode(mode.driver());
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.keepalives_idle(Duration::from_secs(30));
        let tls = tls::connector(mode, options)?;
        Ok(Self { config, tls, mode, place: place.into() })
    }

    pub(super) fn place(&self) -> &Arc<str> {
        &self.place
    }

    /// Whether no byte leaves this machine.
    pub(super) fn is_local(&self) -> bool {
        is_local(&self.config)
    }

    /// Whether the server is asked who it is.
    pub(super) fn verifies(&self) -> bool {
        matches!(self.mode, tls::Mode::VerifyCa | tls::Mode::VerifyFull)
    }

    /// Opens a connection named `label`.
    ///
    /// # Errors
    /// `Code::Unreachable`, `Code::LoginRefused`, `Code::Busy` when all connections are taken.
    pub(super) async fn open(&self, label: &str, duty: Duty) -> Result<Link, Fault> {
        let opening = Box::pin(self.open_patiently(label, duty));
        match tokio::time::timeout(CONNECT_TIMEOUT * 2, opening).await {
            Ok(Err(fault)) => Err(self.login().told(fault).await),
            Ok(opened) => opened,
            Err(_) => Err(Fault::new(Code::Unreachable, &*self.place).saying("no answer in time")),
        }
    }

    fn login(&self) -> Login<'_> {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => Some(host.as_str()),
            Some(Host::Unix(_)) | None => None,
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        Login {
            server: "PostgreSQL",
            at: host.map(|host| (host, port)),
            user: self.config.get_user(),
            database: self.config.get_dbname(),
            with_password: self.config.get_password().is_some(),
        }
    }

    async fn open_patiently(&self, label: &str, duty: Duty) -> Result<Link, Fault> {
        let mut config = self.config.clone();
        config.application_name(shorten(label));
        // A default of the database may allow statements a millisecond; our settings are statements,
        // so this one must hold before the first of them. Options given in the URL stand.
        let given = config.get_options().map(|given| format!("{given} ")).unwrap_or_default();
        config.options(format!("{given}-c statement_timeout=0"));
        let found = Found::default();
        let (client, connection) = self.connect(config, &found).await?;
        // The driver task ends by itself when the socket does. What ended it comes to whoever
        // waits for an answer, so it need not be told here.
        let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        let place = Arc::clone(&self.place);
        let link = Link { client, driver, place, found, prepared: Mutex::default() };
        link.batch(&format!("{SETTINGS}; {}; {NEWER}", duty.settings())).await?;
        Ok(link)
    }
}

type Connected = (Client, Connection<Socket, Guarded>);

impl Door {
    /// Connects behind a guard, encrypted as the address says.
    async fn connect(&self, mut config: Config, found: &Found) -> Result<Connected, Fault> {
        let fault = |error: Error| faults::connecting(&self.place, &error);
        let encrypted = Guard::of(Some(self.tls.clone()), found);
        match self.mode {
            tls::Mode::Disable => in_the_open(config, found).await.map_err(fault),
            tls::Mode::Require | tls::Mode::VerifyCa | tls::Mode::VerifyFull => {
                config.connect(encrypted).await.map_err(fault)
            }
            // The driver would go on by itself, and past the guard.
            tls::Mode::Prefer => {
                config.ssl_mode(SslMode::Require);
                match config.connect(encrypted).await {
                    Err(error) if faults::does_not_encrypt(&error) => {
                        in_the_open(config, found).await.map_err(fault)
                    }
                    done => done.map_err(fault),
                }
            }
        }
    }
}

/// Connects without encryption. To the driver the guard is an encryption that needs no asking for,
/// except on a Unix socket, where it takes none.
async fn in_the_open(mut config: Config, found: &Found) -> Result<Connected, Error> {
    let is_tcp = |host: &Host| matches!(host, Host::Tcp(_));
    if config.get_hosts().iter().all(is_tcp) {
        config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
    } else {
        config.ssl_mode(SslMode::Disable);
    }
    config.connect(Guard::of(None, found)).await
}

/// One connection. Dropping it closes the socket at once, so the server ends what was going on.
pub(super) struct Link {
    pub(super) client: Client,
    driver: AbortHandle,
    place: Arc<str>,
    /// What its guard found.
    found: Found,
    prepared: Mutex<Prepared>,
}

/// Statements that the server keeps for a connection, by their text and the types of their parameters.
type Prepared = HashMap<String, Vec<(Vec<Type>, Arc<Statement>)>>;

impl Link {
    /// A statement that the server keeps as long as the connection lives: for what is asked again
    /// and again. There must be few of them.
    pub(super) async fn prepared(
        &self,
        sql: &str,
        types: &[Type],
    ) -> Result<Arc<Statement>, Fault> {
        if let Some(known) = self.known(sql, types) {
            return Ok(known);
        }
        let made = self.client.prepare_typed(sql, types).await;
        let made = Arc::new(made.map_err(|error| self.fault(&error))?);
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.entry(sql.to_owned()).or_default().push((types.to_vec(), Arc::clone(&made)));
        Ok(made)
    }

    fn known(&self, sql: &str, types: &[Type]) -> Option<Arc<Statement>> {
        let prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, known) = prepared.get(sql)?.iter().find(|(of, _)| of == types)?;
        Some(Arc::clone(known))
    }

    /// Runs statements without parameters, separated by semicolons; none where there are none.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Fault> {
        if sql.is_empty() {
            return Ok(());
        }
        self.client.batch_execute(sql).await.map_err(|error| self.fault(&error))
    }

    /// Gives the connection another name in the server's lists.
    pub(super) async fn relabel(&self, label: &str) -> Result<(), Fault> {
        let label = crate::sql::quote::literal(shorten(label));
        self.batch(&format!("SET application_name = {label}")).await
    }

    /// Runs a query without parameters.
    pub(super) async fn query(&self, sql: &str) -> Result<Vec<tokio_postgres::Row>, Fault> {
        self.client.query(sql, &[]).await.map_err(|error| self.fault(&error))
    }

    /// Runs a query that gives exactly one row with one value.
    pub(super) async fn one<T>(&self, sql: &str) -> Result<T, Fault>
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        let row = self.client.query_one(sql, &[]).await.map_err(|error| self.fault(&error))?;
        row.try_get(0).map_err(|_| faults::unexpected(&self.place, "an answer of another type"))
    }

    pub(super) fn fault(&self, error: &tokio_postgres::Error) -> Fault {
        match self.found.absurd() {
            Some(absurd) => faults::absurd(&self.place, absurd),
            None => faults::fault(&self.place, error),
        }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// What of a COPY waits to be taken.
    pub(super) fn flow(&self) -> &Flow {
        &self.found.flow
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Dropping the client alone would let the driver read a whole COPY to its end first.
        self.driver.abort();
    }
}

/// Takes what is said of encryption out of the URL: the driver knows fewer values of `sslmode`, and
/// none of the files.
fn take_options(url: &str) -> Result<(String, tls::Options), Fault> {
    let mut options = tls::Options::default();
    let Some((base, query)) = url.split_once('?') else { return Ok((url.to_owned(), options)) };
    let path = |text: &str| {
        decode(text).map(Some).ok_or_else(|| malformed("a path in it is not well encoded"))
    };
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", mode)) => {
                let known = tls::Mode::of(mode).ok_or_else(|| {
                    malformed(
                        "`sslmode` is one of disable, prefer, require, verify-ca and verify-full",
                    )
                })?;
                options.mode = Some(known);
            }
            Some(("sslrootcert", file)) => options.root = path(file)?,
            Some(("sslcert", file)) => options.certificate = path(file)?,
            Some(("sslkey", file)) => options.key = path(file)?,
            _ => rest.push(pair),
        }
    }
    if options.certificate.is_some() != options.key.is_some() {
        return Err(malformed("`sslcert` and `sslkey` stand together"));
    }
    let rest = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    Ok((rest, options))
}

/// Percent-decodes.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

fn malformed(said: &str) -> Fault {
    Fault::new(Code::UrlMalformed, "the URL of a PostgreSQL endpoint").saying(said)
}

/// `postgres://host:port/database`.
fn place(config: &Config) -> Option<String> {
    let host = match config.get_hosts().first()? {
        Host::Tcp(host) if host.contains(':') => format!("[{host}]"),
        Host::Tcp(host) => host.clone(),
        Host::Unix(path) => path.display().to_string(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    Some(format!("postgres://{host}:{port}/{}", config.get_dbname()?))
}

/// Whether no byte leaves this machine.
fn is_local(config: &Config) -> bool {
    let local = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let address = name.parse::<std::net::IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
    };
    config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
        && config.get_hosts().iter().all(local)
}

/// The beginning of a label that fits, ending at a character.
fn shorten(label: &str) -> &str {
    let mut end = label.len().min(LABEL_BYTES_MAX);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    &label[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Door, Fault> {
        Door::parse(&Address { url: url.into(), password: None })
    }

    #[test]
    fn a_place_shows_neither_user_nor_password() {
        let door = parse("postgres://ann:secret@db.example:6432/school").unwrap();
        assert_eq!(&**door.place(), "postgres://db.example:6432/school");
        let socket = parse("postgres://ann@%2Frun%2Fpostgresql/school").unwrap();
        assert_eq!(&**socket.place(), "postgres:///run/postgresql:5432/school");
    }

    #[test]
    fn beyond_this_machine_the_server_must_prove_who_it_is() {
        let mode = |url: &str| parse(url).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://u@localhost/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@[::1]/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@db.example/d"), SslMode::Require);
        assert_eq!(mode("postgres://u@db.example/d?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://u@db.example/d?sslmode=verify-ca"), SslMode::Require);
    }

    #[test]
    fn what_is_not_understood_is_refused_without_repeating_it() {
        for url in [
            "postgres://u:secret@h:port/d",
            "postgres://u:secret@h",
            "postgres://u:secret@h/d?sslmode=verify",
            "postgres://u:secret@h/d?colour=secret",
            "postgres://u:secret@h/d?sslcert=a.pem",
            "postgres://u:secret@h/d?sslkey=%zz",
        ] {
            let fault = parse(url).err().unwrap();
            assert_eq!(fault.code(), Code::UrlMalformed, "{url}");
            assert!(!format!("{fault} {fault:?}").contains("secret"), "{url}");
        }
    }

    #[test]
    fn a_root_certificate_that_is_not_there_is_named() {
        let fault = parse("postgres://u@h/d?sslrootcert=%2Fno%2Fsuch.pem").err().unwrap();
        assert_eq!(fault.code(), Code::ConfigUnreadable);
        assert_eq!(fault.place(), "/no/such.pem");
    }

    #[test]
    fn a_label_is_cut_between_characters() {
        assert_eq!(shorten(&"é".repeat(40)).len(), 62);
        assert_eq!(shorten("longhaul"), "longhaul");
    }
}
