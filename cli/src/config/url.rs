//! Addresses of endpoints: what kind, and how to print them without what is secret.

use protocol::schema::Engine;

/// Schemes and the engine each means.
pub(super) const SCHEMES: [(&str, Engine); 3] =
    [("postgres", Engine::Postgres), ("postgresql", Engine::Postgres), ("sqlite", Engine::Sqlite)];

/// The engine that a URL means, by its scheme; `None` for a scheme that nobody knows.
pub(super) fn engine(url: &str) -> Option<Engine> {
    let (scheme, _) = url.split_once(':')?;
    SCHEMES.iter().find(|(name, _)| *name == scheme).map(|(_, engine)| *engine)
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

/// A text of a migration file, of the same length in bytes, in which passwords are stars.
pub(super) fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut secret_below = false;
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\r', '\n']);
        let hidden = if secret_below { Some((0, body.len())) } else { secret_in(body) };
        secret_below = !secret_below && names_secret_below(body);
        let (from, upto) = hidden.unwrap_or((body.len(), body.len()));
        masked.push_str(&body[..from]);
        masked.extend(std::iter::repeat_n('*', upto - from));
        masked.push_str(&body[upto..]);
        masked.push_str(&line[body.len()..]);
    }
    masked
}

/// The part of a line that may hold a secret. Rather too much of it than too little.
fn secret_in(line: &str) -> Option<(usize, usize)> {
    let given = line.to_ascii_lowercase().match_indices("password").find_map(|(at, key)| {
        let at = value_after(line, at + key.len())?;
        Some((at, line.len()))
    });
    // Up to the last `@` of the line: a password may hold spaces and quotes.
    let login = line.match_indices("://").find_map(|(at, slashes)| {
        let at = at + slashes.len();
        let colon = at + line[at..].find([':', '@', '/', ' '])?;
        let end = colon + line[colon..].rfind('@')?;
        line[colon..].starts_with(':').then_some((colon + 1, end))
    });
    let found = [given, login, login_of_word(line)].into_iter().flatten();
    found.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
}

/// The password in `postgres:user:password@host` and in `user:password@host`, where somebody forgot
/// the slashes or all that stands before the user.
fn login_of_word(line: &str) -> Option<(usize, usize)> {
    let end = line.rfind('@')?;
    let start = line[..end].rfind([' ', '"', '\'', ',']).map_or(0, |at| at + 1);
    let mut colons = line[start..end]
        .match_indices(':')
        .filter(|(at, _)| !line[start + at..].starts_with("://"));
    let first = colons.next()?;
    let second = colons.next().filter(|_| !line[start..end].contains("://"));
    let last = second.unwrap_or(first);
    Some((start + last.0 + 1, end))
}

/// Where the value begins that belongs to a key that ends at `at`, unless it is a reference.
fn value_after(line: &str, at: usize) -> Option<usize> {
    let after = line[at..].trim_start_matches(['"', '\'', ' ']);
    let value = after.strip_prefix([':', '='])?.trim_start_matches([' ', '"', '\'']);
    let reference = value.is_empty() || value.starts_with("env:") || value.starts_with("file:");
    (!reference).then_some(line.len() - value.len())
}

/// Whether the value of `password:` stands on the next line.
fn names_secret_below(line: &str) -> bool {
    let Some((key, value)) = line.split_once(':') else { return false };
    key.trim().trim_matches(['"', '\'']).eq_ignore_ascii_case("password")
        && matches!(value.trim().chars().next(), None | Some('|' | '>'))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_excerpt_keeps_its_length_and_loses_its_secrets() {
        for (line, shown) in [
            ("url: postgres://app:geheim@db/s", "url: postgres://app:******@db/s"),
            ("url: postgres://app@db:5432/s", "url: postgres://app@db:5432/s"),
            ("password: hünter2", "password: ********"),
            ("password: env:PW", "password: env:PW"),
            ("{ \"password\": \"pw\" }", "{ \"password\": \"*****"),
            ("{ a: \"password\", password: pw", "{ a: \"password\", password: **"),
            ("{ a: sql://u@h, b: sql://u:pw@h }", "{ a: sql://u@h, b: sql://u:**@h }"),
            ("url: postgres:app:pw@db", "url: postgres:app:**@db"),
            ("--from app:pw@db/school://", "--from app:**@db/school://"),
            ("- sales.orders # ask bob@school.example", "- sales.orders # ask bob@school.example"),
            ("password: |\n  geheim\nname: a", "password: *\n********\nname: a"),
        ] {
            assert_eq!(masked(line), shown);
            assert_eq!(masked(line).len(), line.len());
        }
    }
}
