//! Excerpts of a migration file without what is secret in them.
//!
//! A text that is shown may be no YAML at all, so it is looked at line by line. What may be a
//! secret is taken for one: rather too much is hidden than too little.

use protocol::visible::is_hidden;

/// A text of a migration file, of the same length in bytes, in which secrets are stars.
pub(super) fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut secret_below = false;
    let mut keys_below = None;
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\r', '\n']);
        keys_below = keys_below.filter(|depth| body.trim().is_empty() || indent(body) > *depth);
        let hidden = match keys_below {
            _ if secret_below => Some((0, body.len())),
            Some(_) => wider(signing_key(body, 0), secret_in(body)),
            None => wider(named_key(body), secret_in(body)),
        };
        secret_below = !secret_below && names_secret_below(body);
        keys_below = keys_below.or_else(|| names_keys_below(body).then(|| indent(body)));
        let (from, upto) = hidden.unwrap_or((body.len(), body.len()));
        masked.extend(body[..from].chars().map(seen));
        masked.extend(std::iter::repeat_n('*', upto - from));
        masked.extend(body[upto..].chars().map(seen));
        masked.push_str(&line[body.len()..]);
    }
    masked
}

/// What stands for a character, as long in bytes: itself, unless it is hidden and would steer the
/// terminal. A tab is what YAML is most often wrong about, and harmless.
fn seen(c: char) -> char {
    match c.len_utf8() {
        _ if c == '\t' || !is_hidden(c) => c,
        1 => '?',
        2 => '¿',
        3 => '\u{fffd}',
        _ => '\u{1fbc4}',
    }
}

/// The part of a line that may hold a secret. Rather too much of it than too little.
fn secret_in(line: &str) -> Part {
    let given = words(line).filter(|(_, word)| means_secret(word)).find_map(|(at, word)| {
        let at = value_after(line, at + word.len())?;
        Some((at, line.len()))
    });
    // Up to the last `@` of the line: a password may hold spaces and quotes.
    let login = line.match_indices("://").find_map(|(at, slashes)| {
        let at = at + slashes.len();
        let colon = at + line[at..].find([':', '@', '/', ' '])?;
        let end = colon + line[colon..].rfind('@')?;
        line[colon..].starts_with(':').then_some((colon + 1, end))
    });
    wider(wider(given, login), login_of_word(line))
}

/// The words of a line that could be keys, with where they begin.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.split(move |c| !is_part(c))
        .filter(|word| !word.is_empty())
        .map(|word| (word.as_ptr() as usize - line.as_ptr() as usize, word))
}

/// Whether a key is called like a secret, or nearly so: one that is misspelt is unknown, and its line
/// is shown.
fn means_secret(key: &str) -> bool {
    const PARTS: [&str; 9] = [
        "password",
        "passw",
        "passphrase",
        "secret",
        "token",
        "credential",
        "apikey",
        "api_key",
        "pwd",
    ];
    const NEAR: [&str; 5] = ["password", "passwd", "passphrase", "secret", "passwort"];
    let key = key.to_lowercase();
    // Longer ones are no key of ours, however they are spelt; and comparing them takes long.
    let near = |word: &&str| key.len() < 24 && strsim::damerau_levenshtein(&key, word) <= 2;
    PARTS.iter().any(|part| key.contains(part))
        || key.len() > 4 && NEAR.iter().any(near)
        || matches!(key.as_str(), "pass" | "pw")
}

type Part = Option<(usize, usize)>;

fn wider(one: Part, other: Part) -> Part {
    let parts = [one, other].into_iter().flatten();
    parts.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether signing keys stand on the next lines.
fn names_keys_below(line: &str) -> bool {
    let Some((key, value)) = line.split_once(':') else { return false };
    let value = value.trim();
    key.trim().trim_matches(['"', '\'']) == "keys" && (value.is_empty() || value.starts_with('#'))
}

/// A signing key beside the word `keys`: in a map on one line, or behind a path that leads to it.
fn named_key(line: &str) -> Part {
    let lower = line.to_ascii_lowercase();
    let parts = lower.match_indices("keys").map(|(at, word)| {
        let after = at + word.len();
        let rest = line[after..].trim_start_matches(['"', '\'', ' ']);
        let rest = rest.strip_prefix("__").or_else(|| rest.strip_prefix(['.', ':', '=']));
        rest.and_then(|rest| signing_key(line, line.len() - rest.len()))
    });
    parts.fold(None, wider)
}

/// The first of the pairs that begin at `at` whose value is neither a reference nor the name of
/// the current key; from there to the end of the line.
fn signing_key(line: &str, at: usize) -> Part {
    let mut start = at;
    for pair in line[at..].split_inclusive([',', '}']) {
        let end = start + pair.len();
        let (name, value) = pair.split_at(pair.find([':', '=']).map_or(0, |colon| colon + 1));
        let value_at = end - value.trim_start_matches([' ', '"', '\'', '{']).len();
        let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let value = line[value_at..end].trim_end_matches([' ', ',', '}']);
        let open = ["", "env:", "file:", "#"].iter().any(|start| match *start {
            "" => value.is_empty(),
            start => value.starts_with(start),
        });
        if !open && !name.eq_ignore_ascii_case("current") {
            return Some((value_at, line.len()));
        }
        start = end;
    }
    None
}

/// The password in `postgres:user:password@host` and in `user:password@host`, where somebody forgot
/// the slashes or all that stands before the user.
fn login_of_word(line: &str) -> Part {
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
    means_secret(key.trim().trim_matches(['"', '\'']))
        && matches!(value.trim().chars().next(), None | Some('|' | '>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_keeps_its_length_and_loses_its_secrets() {
        for (line, shown) in [
            ("url: postgres://app:geheim@db/s", "url: postgres://app:******@db/s"),
            ("url: postgres://app@db:5432/s", "url: postgres://app@db:5432/s"),
            ("password: hünter2", "password: ********"),
            ("password: env:PW", "password: env:PW"),
            ("pasword: geheim", "pasword: ******"),
            ("  passwrd: geheim", "  passwrd: ******"),
            ("{ pwd: geheim }", "{ pwd: ********"),
            ("db_secret: geheim", "db_secret: ******"),
            ("apiKey = geheim", "apiKey = ******"),
            ("passwort: |\n  geheim\nname: a", "passwort: *\n********\nname: a"),
            ("entity: \"school.pass_marks\"", "entity: \"school.pass_marks\""),
            ("a\u{1b}]52;c\u{7}: \u{202e}x", "a?]52;c?: \u{fffd}x"),
            ("{ \"password\": \"pw\" }", "{ \"password\": \"*****"),
            ("{ a: \"password\", password: pw", "{ a: \"password\", password: **"),
            ("{ a: sql://u@h, b: sql://u:pw@h }", "{ a: sql://u@h, b: sql://u:**@h }"),
            ("url: postgres:app:pw@db", "url: postgres:app:**@db"),
            ("--from app:pw@db/school://", "--from app:**@db/school://"),
            ("- sales.orders # ask bob@school.example", "- sales.orders # ask bob@school.example"),
            ("password: |\n  geheim\nname: a", "password: *\n********\nname: a"),
            ("keys:\n  k1: geheim\nname: a", "keys:\n  k1: ******\nname: a"),
            ("  keys: # ours\n    k1: env:K\n", "  keys: # ours\n    k1: env:K\n"),
            ("keys:\n  k1: |\n    geheim\na: b", "keys:\n  k1: *\n    ******\na: b"),
            ("keys: { current: k1, k1: env:K }", "keys: { current: k1, k1: env:K }"),
            ("keys: { current: k1, k1: geheim }", "keys: { current: k1, k1: ********"),
            ("keys: {k1: \"geheim\", current: k1}", "keys: {k1: \"*********************"),
            ("fleet.keys.k1=geheim", "fleet.keys.k1=******"),
            ("LONGHAUL_FLEET__KEYS__K1=geheim", "LONGHAUL_FLEET__KEYS__K1=******"),
            ("LONGHAUL_FLEET__KEYS__CURRENT=k1", "LONGHAUL_FLEET__KEYS__CURRENT=k1"),
            ("# keys are elsewhere", "# keys are elsewhere"),
        ] {
            assert_eq!(masked(line), shown);
            assert_eq!(masked(line).len(), line.len(), "{line}");
        }
    }
}
