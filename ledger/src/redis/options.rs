//! How a Redis is reached.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use protocol::fault::{Code, Fault};
use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates,
};
use tls::{Encryption, Verify};

/// How a Redis is reached, and whose memory in it is meant.
#[derive(Clone, Default)]
pub struct RedisOptions {
    /// `redis://user@host:6379/0`; with `rediss://` it is encrypted whatever `tls` says.
    pub url: String,
    /// The password. It takes the place of one in the URL.
    pub password: Option<String>,
    /// How the connection is encrypted, if it is.
    pub tls: Option<Encryption>,
    /// The name of the fleet. Fleets of different names share a server without seeing each other.
    pub fleet: String,
}

/// Without the secrets.
impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = connection(self).map(|info| info.addr().to_string());
        let mut debug = f.debug_struct("RedisOptions");
        debug.field("place", &place.ok()).field("password", &self.password.is_some());
        debug.field("tls", &self.tls).field("fleet", &self.fleet).finish()
    }
}

/// A client for these options, and the name of the place for people. Nothing is opened but files.
///
/// # Errors
/// `Code::UrlMalformed`, or `Code::LedgerUnusable` when a file cannot be used. No secret is in it.
pub(super) fn client(options: &RedisOptions) -> Result<(Client, String), Fault> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if options.fleet.is_empty() || !options.fleet.chars().all(fits) {
        return Err(Fault::new(Code::UrlMalformed, "the ledger")
            .saying("the name of a fleet is made of letters, digits, `-`, `_` and `.`")
            .next("Give the fleet another name."));
    }
    let info = connection(options)?;
    let place = format!("Redis at {}", info.addr());
    let client = if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        with_tls(info, &options.tls.clone().unwrap_or_default(), &place)?
    } else {
        Client::open(info).map_err(|_| malformed())?
    };
    Ok((client, place))
}

fn connection(options: &RedisOptions) -> Result<ConnectionInfo, Fault> {
    let url = match options.url.strip_prefix("redis://") {
        Some(rest) if options.tls.is_some() => Cow::Owned(format!("rediss://{rest}")),
        Some(_) | None => Cow::Borrowed(options.url.as_str()),
    };
    let info = url.as_ref().into_connection_info().map_err(|_| malformed())?;
    let Some(password) = &options.password else { return Ok(info) };
    let settings = info.redis_settings().clone().set_password(password);
    Ok(info.set_redis_settings(settings))
}

fn with_tls(info: ConnectionInfo, tls: &Encryption, place: &str) -> Result<Client, Fault> {
    // A second provider in the process would make the driver panic; this names the one we have.
    // Whoever installed one before us installed the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let read = |path: &Path| {
        std::fs::read(path).map_err(|e| {
            Fault::new(Code::LedgerUnusable, place)
                .saying(format!("`{}` cannot be read", path.display()))
                .next("Check the files named under `tls`.")
                .because(e)
        })
    };
    let client_tls = match tls.identity()? {
        Some((cert, key)) => {
            Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? })
        }
        None => None,
    };
    let root_cert = tls.ca.as_deref().map(read).transpose()?;
    let unfit = |_| {
        Fault::new(Code::LedgerUnusable, place)
            .saying("the certificates cannot be used")
            .next("Check the files named under `tls`: they are in PEM format.")
    };
    let certificates = TlsCertificates { client_tls, root_cert };
    let client = Client::build_with_tls(info, certificates).map_err(unfit)?;
    let info = client.get_connection_info().clone();
    let addr = relaxed(info.addr().clone(), tls.verify);
    Client::open(info.set_addr(addr)).map_err(unfit)
}

fn relaxed(mut addr: ConnectionAddr, verify: Verify) -> ConnectionAddr {
    match verify {
        Verify::Full => {}
        Verify::Ca => addr.set_danger_accept_invalid_hostnames(true),
        Verify::None => {
            if let ConnectionAddr::TcpTls { insecure, .. } = &mut addr {
                *insecure = true;
            }
        }
    }
    addr
}

fn malformed() -> Fault {
    // The driver's own words quote the URL, which may hold a password.
    Fault::new(Code::UrlMalformed, "the ledger")
        .saying("its URL cannot be understood")
        .next("Write `redis://host:6379`, or `rediss://host:6379` for TLS.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str, fleet: &str) -> RedisOptions {
        RedisOptions { url: url.into(), fleet: fleet.into(), ..RedisOptions::default() }
    }

    #[test]
    fn no_secret_is_ever_printed() {
        let mut good = options("redis://user:s3cret@127.0.0.1:1/0", "here");
        good.password = Some("s3cret".into());
        assert!(!format!("{good:?}").contains("s3cret"));
        assert_eq!(client(&good).unwrap().1, "Redis at 127.0.0.1:1");
        for bad in ["redis:/s3cret@", "s3cret", "http://u:s3cret@h", "redis://u:s3cret@h:99999999"]
        {
            let fault = client(&options(bad, "here")).unwrap_err();
            assert_eq!(fault.code(), Code::UrlMalformed, "{bad}");
            assert!(!format!("{fault} {fault:?}").contains("s3cret"), "{fault:?}");
        }
    }

    #[test]
    fn a_fleet_has_a_plain_name() {
        for bad in ["", "a b", "{a}", "a:b"] {
            client(&options("redis://127.0.0.1", bad)).unwrap_err();
        }
        client(&options("redis://127.0.0.1", "night-shift_2.eu")).unwrap();
    }

    #[test]
    fn certificates_are_read_before_anything_is_opened() {
        let with = |tls| RedisOptions { tls: Some(tls), ..options("redis://127.0.0.1", "here") };
        let half = Encryption { cert: Some("nowhere.pem".into()), ..Encryption::default() };
        assert!(client(&with(half.clone())).unwrap_err().to_string().contains("belong together"));
        let both = Encryption { key: Some("nowhere.key".into()), ..half };
        assert!(client(&with(both)).unwrap_err().to_string().contains("nowhere.pem"));
        for verify in [Verify::Full, Verify::Ca, Verify::None] {
            let (client, _) =
                client(&with(Encryption { verify, ..Encryption::default() })).unwrap();
            let addr = client.get_connection_info().addr().clone();
            assert!(matches!(addr, ConnectionAddr::TcpTls { .. }), "{addr}");
        }
    }
}
