//! How to reach an environment, and what may be shown of it.

use std::fmt;

use endpoint::Address;
use protocol::fault::Fault;
use protocol::schema::Engine;

use super::{Config, SecretRef, Tls, TlsMode, redact};

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
    /// How the connection is encrypted, if something was said about it.
    pub tls: Option<Tls>,
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
        let Some(tls) = &self.tls else { return url };
        let files = [("sslrootcert", &tls.ca), ("sslcert", &tls.cert), ("sslkey", &tls.key)];
        let files = files.into_iter().filter_map(|(key, path)| Some((key, path.as_deref()?)));
        for (key, value) in [("sslmode", tls.mode.as_str())].into_iter().chain(files) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(key);
            url.push('=');
            url.push_str(&encoded(value));
        }
        url
    }
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

impl TlsMode {
    /// The word, as libpq and the migration file spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("url", &redact(&self.url))
            .field("engine", &self.engine)
            .field("password", &self.password)
            .field("tls", &self.tls)
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
    /// How its connection is encrypted, if something was said about it: `verify-full`.
    pub tls: Option<&'static str>,
}

/// All environments of a configuration, by name, as they may be shown.
pub fn environments(config: &Config) -> Vec<EnvironmentView> {
    let view = |(name, connection): (&protocol::id::Environment, &Connection)| EnvironmentView {
        name: name.0.clone(),
        engine: connection.engine,
        url: redact(&connection.url),
        default: config.default.as_ref() == Some(name),
        from: config.migration.from == *name,
        to: config.migration.to == *name,
        password: connection.password.as_ref().map(ToString::to_string),
        tls: connection.tls.as_ref().map(|tls| tls.mode.as_str()),
    };
    config.environments.iter().map(view).collect()
}
