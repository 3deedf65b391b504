//! Defaults that take a number from a sequence.

use protocol::schema::{Engine, TableName};

/// The sequence that a default takes its next number from, as the engine prints it; nothing where the
/// default is anything else.
pub(crate) fn taken_from(default: &str, engine: Engine) -> Option<TableName> {
    let inside = default.strip_prefix("nextval(")?.strip_suffix(')')?;
    let (text, quote) = match engine {
        Engine::MySql => (inside.to_owned(), '`'),
        Engine::Postgres => {
            let literal =
                inside.strip_suffix("::regclass")?.strip_prefix('\'')?.strip_suffix('\'')?;
            (literal.replace("''", "'"), '"')
        }
        Engine::Sqlite | Engine::Memory => return None,
    };
    let (first, rest) = name(&text, quote)?;
    match rest.strip_prefix('.') {
        None if rest.is_empty() => Some(TableName::bare(first)),
        None => None,
        Some(rest) => match name(rest, quote)? {
            (second, "") => Some(TableName::within(first, second)),
            _ => None,
        },
    }
}

/// The name that begins a text, in quotes or not, and what stands behind it.
fn name(text: &str, quote: char) -> Option<(String, &str)> {
    let Some(rest) = text.strip_prefix(quote) else {
        let end = text.find('.').unwrap_or(text.len());
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        return (end > 0 && text[..end].chars().all(plain))
            .then(|| (text[..end].into(), &text[end..]));
    };
    let (mut name, mut chars) = (String::new(), rest.char_indices().peekable());
    while let Some((at, c)) = chars.next() {
        if c != quote {
            name.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            name.push(quote);
        } else {
            return Some((name, &rest[at + c.len_utf8()..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_known_by_the_default_that_takes_from_it() {
        let cases = [
            ("nextval('s'::regclass)", Engine::Postgres, Some(TableName::bare("s"))),
            (
                "nextval('app.s_1'::regclass)",
                Engine::Postgres,
                Some(TableName::within("app", "s_1")),
            ),
            ("nextval('\"A.\"\"b\"'::regclass)", Engine::Postgres, Some(TableName::bare("A.\"b"))),
            ("nextval(`s`)", Engine::MySql, Some(TableName::bare("s"))),
            ("nextval(`d`.`s``t`)", Engine::MySql, Some(TableName::within("d", "s`t"))),
            ("nextval(`d`.`s`) + 1", Engine::MySql, None),
            ("(nextval('s'::regclass) % 10)", Engine::Postgres, None),
            ("nextval('s'::text)", Engine::Postgres, None),
            ("uuid()", Engine::MySql, None),
        ];
        for (default, engine, expected) in cases {
            assert_eq!(taken_from(default, engine), expected, "{default}");
        }
    }
}
