//! Text that the encoding of any database has.
//!
//! A database need not be in UTF-8, and refuses a text with one character that it lacks. What we keep
//! of a run holds names, conditions and keys of the source, which need not be in the target's encoding.

use std::fmt::Write as _;

use protocol::fault::Fault;
use serde::Serialize;

use super::{Dialect, Sql};

/// As JSON in ASCII: characters beyond it stand as `\u6f22`, which every reader of JSON understands.
pub(super) fn json(value: &(impl Serialize + ?Sized)) -> String {
    let text = serde_json::to_string(value).expect("our own types have string keys only");
    if text.is_ascii() {
        return text;
    }
    // Beyond ASCII there is nothing but what stands inside strings.
    let mut spelled = String::with_capacity(2 * text.len());
    for char in text.chars() {
        if char.is_ascii() {
            spelled.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            write!(spelled, "\\u{unit:04x}").expect("a string takes all");
        }
    }
    spelled
}

/// Whether the database has every character of these texts.
pub(super) async fn has_all(
    sql: &mut dyn Sql,
    dialect: &Dialect,
    mut texts: impl Iterator<Item = &str> + Send,
) -> Result<bool, Fault> {
    match dialect.lacks_characters {
        Some(lacks) if !texts.all(str::is_ascii) => Ok(sql.query(lacks, &[]).await?.is_empty()),
        Some(_) | None => Ok(true),
    }
}

/// A text as it is kept in a column of its own: as it is, or as JSON where the database may lack
/// characters. [`read`] gives it back exactly.
pub(super) fn keep(text: &str, has_all: bool) -> String {
    if (has_all || text.is_ascii()) && !is_spelled(text) { text.to_owned() } else { json(text) }
}

/// What [`keep`] was given.
pub(super) fn read(kept: String) -> String {
    spelled(&kept).unwrap_or(kept)
}

/// The text that `kept` spells, where [`keep`] would have spelled it so.
fn spelled(kept: &str) -> Option<String> {
    if !kept.starts_with('"') {
        return None;
    }
    let text: String = serde_json::from_str(kept).ok()?;
    (json(&text) == kept && (!text.is_ascii() || is_spelled(&text))).then_some(text)
}

/// A text that looks so by itself has to be spelled once more.
fn is_spelled(text: &str) -> bool {
    spelled(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_ascii_and_reads_back_as_it_was() {
        let texts = ["w <> '漢'", "𝔘\"\\u6f22", "é\n\u{7f}\u{80}…", "plain"];
        let said = json(&texts);
        assert!(said.is_ascii(), "{said}");
        assert!(said.contains(r"'\u6f22'") && said.contains(r"\ud835\udd18"), "{said}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&said).unwrap(), texts);
        assert_eq!(json(&["a", "\u{1}"]), r#"["a","\u0001"]"#, "as ever");
    }

    #[test]
    fn a_text_is_kept_and_read_back_whatever_it_looks_like() {
        let once = json("漢");
        let texts = ["", "7,a", "\"", "\"a\"", "\"漢\"", "漢,1", r#""\u6F22""#, r"\u6f22", "\"\\"];
        for text in texts.into_iter().chain([&*once, &*json(&once), &*json(&json(&once))]) {
            for has_all in [false, true] {
                let kept = keep(text, has_all);
                assert!(has_all || kept.is_ascii(), "{kept}");
                assert_eq!(read(kept), text);
            }
        }
        assert_eq!((keep("漢", true), keep("\"a\"", false)), ("漢".into(), "\"a\"".into()));
        assert_eq!(keep("漢,1", false), r#""\u6f22,1""#);
    }
}
