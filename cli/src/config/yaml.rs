//! What the YAML reader complains about, in words that help.

use protocol::fault::Code;
use serde_saphyr::Error;

use super::error::Complaint;
use super::mask;
use super::node::Place;

/// A complaint about text that is not YAML; `rest` begins at the place.
pub(super) fn complaint(error: &Error, at: Place, rest: &str) -> Complaint {
    let say = |at: Place, text: &str| Complaint::new(Code::ConfigMalformed, at, text);
    let aliased = matches!(error, Error::UnknownAnchor { .. })
        || error.to_string().contains("scanning an anchor or alias");
    if let Some(pattern) = alias(rest).filter(|_| aliased) {
        return say(
            Place { length: pattern.len(), ..at },
            "a text that begins with `*` needs quotes",
        )
        .label("YAML takes it for an alias")
        .help(format!("Write `\"{pattern}\"`."));
    }
    // The error names the library's own options; people have none of them.
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(text, _)| text);
    if let Error::DuplicateMappingKey { key, .. } = error {
        let key = key.as_deref().map_or_else(|| "a key".into(), mask::masked);
        return say(at, &format!("`{key}` is written twice"))
            .label("it was given above already")
            .help("Keep one of the two.");
    }
    if let Error::MultipleDocuments { .. } = error {
        return say(at, "the file holds more than one document")
            .label("the second begins here")
            .help("Keep one migration in a file, without `---` in between.");
    }
    if message.contains("string scalar") {
        return say(at, "a key must be a text").help("Put it in quotes if it holds `[` or `{`.");
    }
    if message.contains("tab") && message.len() < 90 {
        let tab = rest.find('\t').map_or(at, |n| Place { offset: at.offset + n, length: 1, ..at });
        return say(tab, "a tab where YAML wants spaces")
            .help("Indent with spaces; most editors can convert the file.");
    }
    let help = if message.contains("mapping values are not allowed") {
        "A text that contains `: ` needs quotes; otherwise check the indentation of this line."
    } else if message.contains("unexpected character") {
        "A text that begins with this character needs quotes."
    } else {
        "Check quotes, brackets and indentation here and on the line above."
    };
    say(at, &format!("this is not YAML: {message}")).help(help)
}

/// The pattern that stands there, if it begins with a bare `*`.
fn alias(rest: &str) -> Option<&str> {
    let word = rest.split([' ', '\t', '\r', '\n', ',', ']', '}']).next()?;
    word.starts_with('*').then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_star_is_seen_whatever_follows() {
        assert_eq!(alias("*\n"), Some("*"));
        assert_eq!(alias("*.orders, b]"), Some("*.orders"));
        assert_eq!(alias("orders"), None);
    }
}
