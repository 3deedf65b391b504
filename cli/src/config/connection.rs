//! How to reach an environment, and what may be shown of it.

use std::fmt;

use endpoint::Address;
use protocol::fault::Fault;
use protocol::schema::Engine;

use super::{Config, SecretRef, Tls, redact, tls};

/// How to reach an environment. Prints without what is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Connection {
    /// The URL as written. In a file it holds no password; from the command line or a variable
    /// it may.
    pub url: String,
    /// The engine that the URL means.
    pub engine: Engine,
    /// Where the password is.
    pub password: Option<SecretRef>,
    /// How the connection is encrypted, if something was said about it. Where nothing was, it is
    /// beyond this machine.
    pub tls: Option<Tls>,
    /// What it may be asked for, over all runs and workers.
    pub limits: EndpointLimits,
}

/// What an endpoint may be asked for, over all runs and workers of a fleet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndpointLimits {
    /// Connections open at once.
    pub connections_max: Option<u32>,
    /// Rows read and written per second.
    pub rows_per_second: Option<u64>,
    /// Bytes read and written per second.
    pub bytes_per_second: Option<u64>,
}

impl Connection {
    /// What `endpoint` opens: the URL with the words of `tls` as parameters (`sslmode`,
    /// `sslrootcert`, `sslcert`, `sslkey`, as libpq calls them), and the password.
    ///
    /// # Errors
    /// `Code::SecretMissing`, see [`SecretRef::resolve`].
    pub fn address(&self, variables: &dyn Fn(&str) -> Option<String>) -> Result<Address, Fault> {
        let password =
            self.password.as_ref().map(|secret| secret.resolve(variables)).transpose()?;
        Ok(Address { url: self.url_with_tls(), password })
    }

    fn url_with_tls(&self) -> String {
        let mut url = self.url.clone();
        for (key, value) in self.tls.iter().flat_map(Tls::parameters) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(key);
            url.push('=');
            url.push_str(&encoded(value));
        }
        url
    }
}

/// What a person should know before anything is opened: connections that others can read.
pub fn warnings(config: &Config) -> Vec<String> {
    let environment = |(name, connection): (&protocol::id::Environment, &Connection)| {
        let exposed = connection.engine != Engine::Sqlite
            && tls::is_exposed(&connection.url, connection.tls.as_ref());
        exposed.then(|| format!("environment `{name}`"))
    };
    let exposed = config.environments.iter().filter_map(environment);
    let servers = config
        .fleet
        .iter()
        .flat_map(|fleet| [("the broker", &fleet.broker), ("the ledger", &fleet.ledger)]);
    let servers = servers
        .filter(|(_, server)| tls::is_exposed(&server.url, server.tls.as_ref()))
        .map(|(name, _)| name.to_owned());
    let warn =
        |place| format!("{place} is reached without encryption: others can read what is sent");
    exposed.chain(servers).map(warn).collect()
}

/// Percent-encoded, but for what paths are made of.
fn encoded(text: &str) -> String {
    use fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("url", &redact(&self.url))
            .field("engine", &self.engine)
            .field("password", &self.password)
            .field("tls", &self.tls)
            .field("limits", &self.limits)
            .finish()
    }
}

/// What may be shown of an environment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct EnvironmentView {
    /// Its name.
    pub name: String,
    /// The engine that its URL means.
    pub engine: Engine,
    /// Its URL, without user, password and parameters.
    pub url: String,
    /// Whether it is the one meant where none is named.
    pub default: bool,
    /// Whether it is the one that is read.
    pub from: bool,
    /// Whether it is the one that is written.
    pub to: bool,
    /// Where its password is, as written: `env:NAME` or `file:PATH`. Never the password.
    pub password: Option<String>,
    /// How its connection is encrypted: `off`, `verify full`, or `sslmode=…` where the URL says so.
    /// `None` for a file.
    pub tls: Option<String>,
}

/// All environments of a configuration, by name, as they may be shown.
pub fn environments(config: &Config) -> Vec<EnvironmentView> {
    let migration = config.migration.as_ref();
    let view = |(name, connection): (&protocol::id::Environment, &Connection)| EnvironmentView {
        name: name.0.clone(),
        engine: connection.engine,
        url: redact(&connection.url),
        default: config.default.as_ref() == Some(name),
        from: migration.is_some_and(|migration| migration.from == *name),
        to: migration.is_some_and(|migration| migration.to == *name),
        password: connection.password.as_ref().map(ToString::to_string),
        tls: (connection.engine != Engine::Sqlite)
            .then(|| tls::in_words(&connection.url, connection.tls.as_ref())),
    };
    config.environments.iter().map(view).collect()
}
