//! From a URL to an endpoint: the only match on kinds.

use std::fmt;
use std::sync::Arc;

use protocol::fault::{Code, Fault};

use crate::{Source, Target, mysql, postgres, sqlite};

/// Where an endpoint is and how to get in. Holds a secret, so it prints without it.
#[derive(Clone)]
pub struct Address {
    /// `postgres://user@host:5432/database?sslmode=…`, `mysql://user@host:3306/database?sslmode=…`,
    /// also spelled `mariadb://`, or `sqlite:path`.
    pub url: String,
    /// The password, when it is not part of the URL.
    pub password: Option<String>,
}

/// Which engine a URL names.
enum Kind {
    Postgres,
    Sqlite,
    MySql,
}

impl Address {
    fn kind(&self) -> Result<Kind, Fault> {
        let scheme = self.url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("postgres" | "postgresql") => Ok(Kind::Postgres),
            Some("sqlite") => Ok(Kind::Sqlite),
            Some("mysql" | "mariadb") => Ok(Kind::MySql),
            Some(_) | None => Err(Fault::new(Code::UrlMalformed, self.to_string()).saying(
                "its scheme is none of `postgres`, `postgresql`, `mysql`, `mariadb` and `sqlite`",
            )),
        }
    }
}

/// The URL without anything that could be a secret: user and password before an `@`, and
/// parameters after a `?`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.url.split_once(':') else {
            return f.write_str("a URL without a scheme");
        };
        let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
        // A path of a SQLite file may hold an `@`; it has no user to hide.
        let shown = match rest.rsplit_once('@') {
            Some((_, host)) if !scheme.eq_ignore_ascii_case("sqlite") => format!("//{host}"),
            Some(_) | None => rest.to_owned(),
        };
        write!(f, "{scheme}:{shown}")
    }
}

/// As it is displayed: without user, password and parameters.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Opens a place to read from.
///
/// # Errors
/// `Code::UrlMalformed`, `Code::Unreachable`, `Code::LoginRefused`; `Code::DatabaseUnopened` for a
/// file that is not there or is not a database.
pub async fn open_source(address: &Address) -> Result<Arc<dyn Source>, Fault> {
    match address.kind()? {
        Kind::Postgres => postgres::open_source(address).await,
        Kind::Sqlite => sqlite::open_source(address).await,
        Kind::MySql => mysql::open_source(address).await,
    }
}

/// Opens a place to write to. A SQLite file that is not there yet is created when something is
/// first written.
///
/// # Errors
/// `Code::UrlMalformed`, `Code::Unreachable`, `Code::LoginRefused`; `Code::DatabaseUnopened` for a
/// file that could not be created or is not a database.
pub async fn open_target(address: &Address) -> Result<Arc<dyn Target>, Fault> {
    match address.kind()? {
        Kind::Postgres => postgres::open_target(address).await,
        Kind::Sqlite => sqlite::open_target(address).await,
        Kind::MySql => mysql::open_target(address).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        Address { url: url.into(), password: Some("secret".into()) }.to_string()
    }

    #[test]
    fn an_address_prints_without_its_secrets() {
        assert_eq!(shown("postgres://me:secret@h:5432/db?password=x"), "postgres://h:5432/db");
        assert_eq!(shown("postgres://me:se@cret@h/db"), "postgres://h/db");
        assert_eq!(shown("sqlite:a@b.db"), "sqlite:a@b.db");
        assert_eq!(shown("secret"), "a URL without a scheme");
        let address = Address { url: "postgres://me:secret@h/db".into(), password: None };
        assert_eq!(format!("{address:?}"), "Address(postgres://h/db)");
    }

    #[tokio::test]
    async fn an_unknown_scheme_is_refused() {
        let address = Address { url: "oracle://h/db".into(), password: None };
        let Err(fault) = open_source(&address).await else { panic!("it was opened") };
        assert_eq!(fault.code(), Code::UrlMalformed);
    }
}
