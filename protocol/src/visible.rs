//! Text of others, made safe to look at.
//!
//! Names, messages and files come from servers and people whom nobody vouches for. A terminal that is
//! shown them raw does what they say: it clears itself, changes its title or the clipboard, and shows
//! letters in another order than they stand in. So hidden characters are spelled out.

use std::borrow::Cow;

/// Characters that nobody sees, that steer a terminal, or that turn the order of what is seen
/// around.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// One line of text, with hidden characters spelled out, line ends among them: `\u{202e}`.
pub fn text(plain: &str) -> Cow<'_, str> {
    spelled(plain, is_hidden, |c, out| out.extend(c.escape_unicode()))
}

/// Many lines of text, with what is hidden spelled out in each. Tabs stay: scripts for shells have some.
pub fn lines(plain: &str) -> Cow<'_, str> {
    let hidden = |c: char| !matches!(c, '\n' | '\t') && is_hidden(c);
    spelled(plain, hidden, |c, out| out.extend(c.escape_unicode()))
}

/// JSON that means the same, with hidden characters as it spells them. They stand only inside of its
/// strings.
pub fn json(plain: &str) -> Cow<'_, str> {
    let hidden = |c: char| c != '\n' && is_hidden(c);
    spelled(plain, hidden, |c, out| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            *out += &format!("\\u{unit:04x}");
        }
    })
}

fn spelled(
    plain: &str,
    hidden: impl Fn(char) -> bool,
    spell: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if !plain.contains(&hidden) {
        return Cow::Borrowed(plain);
    }
    let mut out = String::with_capacity(plain.len() + 16);
    for c in plain.chars() {
        if hidden(c) { spell(c, &mut out) } else { out.push(c) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_spelled_out() {
        let hostile = "a\u{1b}]52;c;x\u{7}b\rc\u{9b}2Jd\u{202e}e\nf";
        assert_eq!(text(hostile), r"a\u{1b}]52;c;x\u{7}b\u{d}c\u{9b}2Jd\u{202e}e\u{a}f");
        assert_eq!(lines("a\nb\u{1b}"), "a\nb\\u{1b}");
        assert_eq!(text("Größe 漢 e\u{301}"), "Größe 漢 e\u{301}");
    }

    #[test]
    fn json_means_the_same() {
        let value = serde_json::json!({ "n\u{202e}": "a\u{1b}\u{9b}\u{e0041}\u{7f}", "漢": "\n" });
        let printed = serde_json::to_string_pretty(&value).unwrap();
        let shown = json(&printed);
        assert!(!shown.contains(|c| c != '\n' && is_hidden(c)), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
