//! From a URL to the way in.
//!
//! `mysql://user:password@host:3306/database?sslmode=…`, or `mariadb://`; the same words about
//! encryption as for PostgreSQL, and `socket=/path` for a socket on this machine. User and password
//! are percent-decoded.

use std::path::PathBuf;
use std::time::Duration;

use mysql_async::{ClientIdentity, OptsBuilder, SslOpts};
use protocol::fault::{Code, Fault};

use crate::Address;

/// The port where none is named.
const PORT: u16 = 3306;

/// `sslmode`, as far as we know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// No encryption.
    Disable,
    /// Encryption, whoever the server is.
    Require,
    /// Encryption, and a certificate that a known authority signed.
    VerifyCa,
    /// The same, and it names this host.
    VerifyFull,
}

/// What a URL says.
#[derive(Default)]
struct Parts {
    user: Option<String>,
    password: Option<String>,
    host: String,
    port: u16,
    database: String,
    socket: Option<String>,
    mode: Option<Mode>,
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

/// The options of a connection, and where it leads, for messages.
///
/// # Errors
/// `Code::UrlMalformed`, or `Code::ConfigUnreadable` for a root certificate.
pub(super) fn parse(address: &Address) -> Result<(OptsBuilder, String), Fault> {
    let mut parts = Parts::of(&address.url)?;
    if let Some(password) = &address.password {
        parts.password = Some(password.clone());
    }
    let place = parts.place();
    let tls = parts.tls()?;
    let options = OptsBuilder::default()
        .ip_or_hostname(parts.host)
        .tcp_port(parts.port)
        .socket(parts.socket)
        // Only the socket that the URL names; a server's own may be another machine's.
        .prefer_socket(false)
        .user(parts.user)
        .pass(parts.password)
        .db_name(Some(parts.database))
        .tcp_nodelay(true)
        .tcp_keepalive(Some(Duration::from_secs(30)))
        .client_found_rows(true)
        .stmt_cache_size(64)
        .ssl_opts(tls);
    Ok((options, place))
}

impl Parts {
    fn of(url: &str) -> Result<Self, Fault> {
        let rest = url.split_once("://").map(|(_, rest)| rest);
        let rest = rest.ok_or_else(|| malformed("`//` is missing after the colon"))?;
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let mut parts = Self { database: text(database, "its database")?, ..Self::default() };
        (parts.host, parts.port) = host_and_port(authority)?;
        if let Some(login) = login {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            parts.user = Some(text(user, "its user")?);
            parts.password =
                (!password.is_empty()).then(|| text(password, "its password")).transpose()?;
        }
        for pair in parameters.split('&').filter(|pair| !pair.is_empty()) {
            parts.parameter(pair)?;
        }
        let nowhere = parts.host.is_empty() && parts.socket.is_none();
        if nowhere || parts.database.is_empty() {
            return Err(malformed("it names no host or no database"));
        }
        if parts.host.is_empty() {
            parts.host = "localhost".to_owned();
        }
        Ok(parts)
    }

    fn parameter(&mut self, pair: &str) -> Result<(), Fault> {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = text(value, "a parameter")?;
        match key {
            "sslmode" => {
                self.mode = Some(Mode::of(&value).ok_or_else(|| {
                    malformed("`sslmode` is one of disable, require, verify-ca and verify-full")
                })?);
            }
            "sslrootcert" => self.root = Some(value),
            "sslcert" => self.certificate = Some(value),
            "sslkey" => self.key = Some(value),
            "socket" => self.socket = Some(value),
            "password" => self.password = Some(value),
            _ => return Err(malformed("it has a parameter that is none of ours")),
        }
        Ok(())
    }

    fn place(&self) -> String {
        match &self.socket {
            Some(socket) => format!("mysql://{socket}/{}", self.database),
            None if self.host.contains(':') => {
                format!("mysql://[{}]:{}/{}", self.host, self.port, self.database)
            }
            None => format!("mysql://{}:{}/{}", self.host, self.port, self.database),
        }
    }

    /// Whether no byte leaves this machine.
    fn is_local(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.socket.is_some()
            || self.host == "localhost"
            || address.is_ok_and(|address| address.is_loopback())
    }

    /// A root certificate that is named counts alone; else those of the operating system do.
    fn tls(&self) -> Result<Option<SslOpts>, Fault> {
        let fallback = if self.is_local() { Mode::Disable } else { Mode::VerifyFull };
        let mode = self.mode.unwrap_or(fallback);
        let options = match mode {
            Mode::Disable => return Ok(None),
            Mode::Require => SslOpts::default()
                .with_danger_accept_invalid_certs(true)
                .with_danger_skip_domain_validation(true),
            Mode::VerifyCa | Mode::VerifyFull => SslOpts::default()
                .with_disable_built_in_roots(true)
                .with_root_certs(self.roots()?.into_iter().map(Into::into).collect())
                .with_danger_skip_domain_validation(mode == Mode::VerifyCa),
        };
        let identity = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                for path in [certificate, key] {
                    readable(path)?;
                }
                let (certificate, key) = (PathBuf::from(certificate), PathBuf::from(key));
                Some(ClientIdentity::new(certificate.into(), key.into()))
            }
            (None, None) => None,
            _ => return Err(malformed("`sslcert` and `sslkey` go together")),
        };
        // Another part of the process may have installed the provider already; it is the same one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Ok(Some(options.with_client_identity(identity)))
    }

    fn roots(&self) -> Result<Vec<Vec<u8>>, Fault> {
        if let Some(path) = &self.root {
            return Ok(vec![readable(path)?]);
        }
        let roots = rustls_native_certs::load_native_certs().certs;
        if roots.is_empty() {
            return Err(Fault::new(Code::ConfigUnreadable, "the system's root certificates")
                .saying("there are none, so no server can be verified")
                .next("Name one with `sslrootcert=` in the URL."));
        }
        Ok(roots.into_iter().map(|root| root.to_vec()).collect())
    }
}

impl Mode {
    fn of(text: &str) -> Option<Self> {
        match text {
            "disable" => Some(Self::Disable),
            "require" => Some(Self::Require),
            "verify-ca" => Some(Self::VerifyCa),
            "verify-full" => Some(Self::VerifyFull),
            _ => None,
        }
    }
}

/// `host`, `host:3307`, `[::1]:3307`.
fn host_and_port(authority: &str) -> Result<(String, u16), Fault> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or(port)),
        None => authority.rsplit_once(':').unwrap_or((authority, "")),
    };
    let port = if port.is_empty() { Some(PORT) } else { port.parse().ok() };
    let port = port.ok_or_else(|| malformed("its port is no number"))?;
    Ok((text(host, "its host")?, port))
}

/// Percent-decodes.
fn text(encoded: &str, what: &str) -> Result<String, Fault> {
    let decode = || {
        let mut bytes = Vec::with_capacity(encoded.len());
        let mut rest = encoded.bytes();
        while let Some(byte) = rest.next() {
            if byte != b'%' {
                bytes.push(byte);
                continue;
            }
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        }
        String::from_utf8(bytes).ok()
    };
    decode().ok_or_else(|| malformed(&format!("{what} is not percent-encoded as it should be")))
}

fn readable(path: &str) -> Result<Vec<u8>, Fault> {
    std::fs::read(path).map_err(|error| {
        Fault::new(Code::ConfigUnreadable, path).saying("the certificate").because(error)
    })
}

fn malformed(said: &str) -> Fault {
    Fault::new(Code::UrlMalformed, "the URL of a MySQL endpoint").saying(said.to_owned())
}

#[cfg(test)]
mod tests {
    use mysql_async::Opts;

    use super::*;

    fn parsed(url: &str) -> Result<(Opts, String), Fault> {
        let (options, place) = parse(&Address { url: url.into(), password: None })?;
        Ok((options.into(), place))
    }

    #[test]
    fn a_url_says_where_and_who() {
        let (options, place) =
            parsed("mysql://ann:p%40ss@db.example:3307/sch%20ool?sslmode=disable").unwrap();
        assert_eq!(place, "mysql://db.example:3307/sch ool");
        assert_eq!(options.user(), Some("ann"));
        assert_eq!(options.pass(), Some("p@ss"));
        assert_eq!(options.db_name(), Some("sch ool"));
        assert!(options.ssl_opts().is_none() && options.client_found_rows());
        assert_eq!(parsed("mariadb://root@[::1]/d").unwrap().1, "mysql://[::1]:3306/d");
        let (options, place) = parsed("mysql://root@/d?socket=/run/mysqld.sock").unwrap();
        assert_eq!(
            (options.socket(), &*place),
            (Some("/run/mysqld.sock"), "mysql:///run/mysqld.sock/d")
        );
    }

    #[test]
    fn beyond_this_machine_the_server_must_prove_who_it_is() {
        let encrypted = |url: &str| parsed(url).unwrap().0.ssl_opts().cloned();
        assert!(encrypted("mysql://u@localhost/d").is_none());
        let required = encrypted("mysql://u@db.example/d?sslmode=require").unwrap();
        assert!(required.accept_invalid_certs());
        if let Ok((options, _)) = parsed("mysql://u@db.example/d") {
            let verified = options.ssl_opts().unwrap();
            assert!(!verified.accept_invalid_certs() && !verified.skip_domain_validation());
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_without_repeating_it() {
        for url in [
            "mysql:u:secret@h/d",
            "mysql://u:secret@h:port/d",
            "mysql://u:secret@h",
            "mysql://u:secret@h/d?sslmode=maybe",
            "mysql://u:secret@h/d?colour=secret",
            "mysql://u:secret%zz@h/d",
            "mysql://u:secret@h/d?sslmode=require&sslcert=/no/such.pem",
        ] {
            let Err(fault) = parsed(url) else { panic!("{url} is understood") };
            assert_eq!(fault.code(), Code::UrlMalformed, "{url}");
            assert!(!format!("{fault} {fault:?}").contains("secret"), "{url}");
        }
        let Err(fault) = parsed("mysql://u@h/d?sslmode=verify-ca&sslrootcert=%2Fno%2Fsuch.pem")
        else {
            panic!("there is no such certificate");
        };
        assert_eq!((fault.code(), fault.place()), (Code::ConfigUnreadable, "/no/such.pem"));
    }
}
