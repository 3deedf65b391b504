//! Addresses of endpoints: what kind, and how to print them without what is secret.

use protocol::fault::Code;
use protocol::schema::Engine;

use super::error::Complaint;
use super::node::Place;

/// Schemes and the engine each means.
pub(super) const SCHEMES: [(&str, Engine); 5] = [
    ("postgres", Engine::Postgres),
    ("postgresql", Engine::Postgres),
    ("mysql", Engine::MySql),
    ("mariadb", Engine::MySql),
    ("sqlite", Engine::Sqlite),
];

/// The engine that a URL means, by its scheme; `None` for a scheme that nobody knows.
pub(super) fn engine(url: &str) -> Option<Engine> {
    let (scheme, _) = url.split_once(':')?;
    SCHEMES.iter().find(|(name, _)| *name == scheme).map(|(_, engine)| *engine)
}

/// Databases and files that others move and we do not, by the schemes of their URLs.
const FOREIGN: &[(&str, &str)] = &[
    ("mssql sqlserver tds", "SQL Server"),
    ("oracle ora", "Oracle"),
    ("mongodb mongodb+srv mongo", "MongoDB"),
    ("s3 s3a gs gcs az abfs abfss", "Object storage"),
    ("snowflake", "Snowflake"),
    ("bigquery", "BigQuery"),
    ("clickhouse", "ClickHouse"),
    ("duckdb", "DuckDB"),
    ("db2", "Db2"),
    ("cassandra scylla", "Cassandra"),
    ("redis rediss", "Redis as a source or target"),
    ("odbc", "ODBC"),
    ("http https ftp sftp", "Reading over the web"),
    ("csv parquet json jsonl", "A file of this kind"),
];

/// Endings of files that others move and we do not.
const FILES: &[&str] =
    &["csv", "tsv", "parquet", "jsonl", "ndjson", "xlsx", "sql", "dump", "avro", "mdb", "accdb"];

/// Endings of files that are mostly SQLite databases.
const SQLITE: &[&str] = &["db", "sqlite", "sqlite3", "db3", "s3db"];

/// What is supported, in a sentence.
pub(super) const SUPPORTED: &str = "Supported are PostgreSQL (`postgres://…`), MySQL and MariaDB (`mysql://…`), and SQLite (`sqlite:path`).";

/// What somebody meant who wrote this in the place of a URL: what is wrong, and what stands under it.
/// Nothing of the text is repeated but a scheme, an ending or a path.
pub(super) fn meant(text: &str) -> (String, String) {
    let ending = || text.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    let is_path = !text.contains("://")
        && (text.split_once(':').is_none_or(|(drive, _)| drive.len() == 1)
            || text.starts_with('/'));
    let Some((scheme, rest)) = text.split_once(':').filter(|_| !is_path) else {
        return match ending() {
            Some(end) if FILES.contains(&end.as_str()) => {
                (format!("a `.{end}` file is not supported"), "not supported".into())
            }
            Some(end) if SQLITE.contains(&end.as_str()) => {
                ("this is a path, not a URL".into(), format!("did you mean `sqlite:{text}`?"))
            }
            Some(_) | None => {
                let said = "this is neither a URL nor an environment of a migration file";
                (said.into(), "a URL begins with its engine: `postgres://…`".into())
            }
        };
    };
    let word = scheme.to_ascii_lowercase();
    if word == "jdbc" {
        let bare = engine(rest).map(|_| redact(rest));
        return match bare {
            Some(bare) => ("this is a JDBC URL".into(), format!("drop `jdbc:`, as in `{bare}`")),
            None => meant(rest),
        };
    }
    if word == "file" {
        return (
            "`file:` says nothing of what is in the file".into(),
            "did you mean `sqlite:`?".into(),
        );
    }
    let foreign = FOREIGN.iter().find(|(words, _)| words.split(' ').any(|one| one == word));
    if let Some((_, name)) = foreign {
        return (format!("{name} (`{word}:`) is not supported"), "not supported".into());
    }
    let near = super::error::nearest(&word, SCHEMES.iter().map(|(name, _)| *name));
    let label = match near {
        Some(near) => format!("did you mean `{near}:`?"),
        None => "no engine has this name".into(),
    };
    ("this is not the URL of a database".into(), label)
}

/// Whether a text in the place of an environment's name is a path of a file.
pub(super) fn is_path(text: &str) -> bool {
    let ending = text.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    let known = |end: String| FILES.contains(&end.as_str()) || SQLITE.contains(&end.as_str());
    text.contains('/') || ending.is_some_and(known)
}

/// Whether a text is meant as a URL, and not as the name of an environment.
pub fn is_url(text: &str) -> bool {
    text.contains("://") || engine(text).is_some()
}

/// A URL for messages: user, password and parameters out.
///
/// It rather takes out too much than too little: whatever stands before the last `@` is taken for
/// a login, since a password may hold any character when somebody forgot to encode it.
pub fn redact(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let Some((scheme, rest)) = url.split_once(':') else { return "(not a URL)".into() };
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let place = place.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{place}")
}

/// Whether a URL holds a password, in its login or in its parameters.
pub fn holds_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let in_login = match place.rsplit_once('@') {
        Some((login, _)) => login.split_once(':').is_some_and(|(_, password)| !password.is_empty()),
        // A password with a bare `?` in it: what looks like a port is none.
        None => {
            let authority = place.split('/').next().unwrap_or_default();
            let port =
                authority.rsplit_once(':').map_or("", |(_, port)| port.trim_end_matches(']'));
            parameters.contains('@') && !port.bytes().all(|b| b.is_ascii_digit())
        }
    };
    let in_parameters = parameters
        .split('&')
        .any(|pair| pair.starts_with("password=") || pair.starts_with("sslpassword="));
    in_login || in_parameters
}

/// A URL as a file may hold it: without the password in its login or its parameters.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|_| holds_password(url)) else {
        return url.to_owned();
    };
    let rest = match rest.rsplit_once('@') {
        Some((login, place)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{user}@{place}")
        }
        None => rest.to_owned(),
    };
    let Some((place, parameters)) = rest.split_once('?') else {
        return format!("{scheme}://{rest}");
    };
    let secret = |pair: &&str| !pair.starts_with("password=") && !pair.starts_with("sslpassword=");
    let kept = parameters.split('&').filter(secret).collect::<Vec<_>>().join("&");
    format!("{scheme}://{place}{}{kept}", if kept.is_empty() { "" } else { "?" })
}

/// The part of a URL that names the host, with port; empty for a socket or a URL without one.
pub(super) fn host(url: &str) -> &str {
    let Some((_, rest)) = url.split_once("://") else { return "" };
    let login = rest.rsplit_once('@').map_or(0, |(login, _)| login.len() + 1);
    rest[login..].split(['/', '?', '#']).next().unwrap_or_default()
}

/// Whether no byte leaves this machine on the way to a server: by every host that the URL names.
pub(super) fn is_local(url: &str) -> bool {
    let named = [parameter(url, "host"), parameter(url, "hostaddr")].into_iter().flatten();
    host(url).split(',').chain(named.flat_map(|hosts| hosts.split(','))).all(is_local_host)
}

fn is_local_host(host: &str) -> bool {
    if host.is_empty() || host.starts_with('/') || host.to_ascii_lowercase().starts_with("%2f") {
        return true;
    }
    let name = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None if host.matches(':').count() > 1 => host,
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Whether the scheme itself says that the connection is encrypted.
pub(super) fn is_encrypted(url: &str) -> bool {
    ["amqps:", "rediss:", "https:"].iter().any(|scheme| url.starts_with(scheme))
}

/// A parameter of a URL, as written.
pub(super) fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let (_, parameters) = url.split_once('?')?;
    let mut pairs = parameters.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Whether a word fits as a name of ours: a letter, then letters, digits, `-` and `_`.
pub(super) fn is_name(word: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(fits)
}

/// What is said of a password in a URL of a file.
pub(super) fn password_in_file(at: Place) -> Complaint {
    Complaint::new(Code::ConfigMalformed, at, "a password has no place in the migration file")
        .label("the password in this URL")
        .help("Take it out of the URL and add `password: env:NAME` or `password: file:/path`.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_taken_out_and_the_rest_stays() {
        for (url, without) in [
            ("postgres://app@db:5432/school", "postgres://app@db:5432/school"),
            (
                "postgres://app:pw@db/school?sslmode=require",
                "postgres://app@db/school?sslmode=require",
            ),
            ("postgres://app:p@ss/w?rd@db/school", "postgres://app@db/school"),
            ("postgres://db/school?password=pw", "postgres://db/school"),
            ("postgres://db/s?a=b&password=pw&c=d", "postgres://db/s?a=b&c=d"),
            ("sqlite:a:b@c.db", "sqlite:a:b@c.db"),
        ] {
            assert_eq!(without_password(url), without);
            assert!(!holds_password(&without_password(url)), "{url}");
        }
    }

    #[test]
    fn user_and_password_are_never_printed() {
        for (url, printed) in [
            ("postgres://app@db.example:5432/school", "postgres://db.example:5432/school"),
            ("postgres://app:pw@db/school?sslmode=require", "postgres://db/school"),
            ("postgres://app:p@ss/w?rd@db/school", "postgres://db/school"),
            ("postgres://db/school?password=pw", "postgres://db/school"),
            ("postgress:app:pw@db", "postgress://db"),
            ("host=db password=pw", "(not a URL)"),
            ("sqlite:/data/school.db", "sqlite:/data/school.db"),
        ] {
            assert_eq!(redact(url), printed, "{url}");
        }
    }

    #[test]
    fn a_password_is_seen_wherever_a_url_can_hold_one() {
        for url in [
            "postgres://app:pw@db/school",
            "postgres://app:p@ss/w?rd@db/school",
            "postgres://app:12/3@db/school",
            "postgres://app:w?rd@db/school",
            "postgres://db/school?sslmode=require&password=pw",
        ] {
            assert!(holds_password(url), "{url}");
        }
        for url in [
            "postgres://app@db:5432/school",
            "postgres://db:5432/school?application_name=a@b",
            "postgres://app:@db/school",
            "sqlite:a:b@c",
        ] {
            assert!(!holds_password(url), "{url}");
        }
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for url in [
            "postgres://u@localhost/d",
            "postgres://127.9.0.1:5432/d",
            "amqp://u@[::1]:5672/%2f",
            "postgres://u@%2Frun%2Fpostgresql/d",
            "postgres:///d?host=/run/postgresql",
            "postgres://localhost:1,127.0.0.1:2/d",
        ] {
            assert!(is_local(url), "{url}");
        }
        for url in [
            "postgres://db.example/d",
            "redis://10.0.0.1:6379",
            "amqp://u@localhost.example",
            "postgres://localhost,db.example/d",
            "postgres:///d?host=db.example",
            "redis://[2001:db8::1]:6379",
        ] {
            assert!(!is_local(url), "{url}");
        }
    }
}
