//! What an expression printed by PostgreSQL refers to, beyond what every server has.
//!
//! With an empty search path the server prints a schema before everything that is not its own.
//! So an expression that mentions no schema can be carried to any server, and one that does needs
//! the things it mentions.

use protocol::schema::TableName;

/// Things mentioned with their schema.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    /// Functions and operators.
    pub(super) calls: Vec<TableName>,
    /// Types.
    pub(super) types: Vec<TableName>,
    /// Relations named in a `'…'::regclass`.
    pub(super) relations: Vec<TableName>,
}

/// Reads an expression, or a list of them.
pub(super) fn mentions(expression: &str) -> Mentions {
    let tokens = tokens(expression);
    let mut found = Mentions::default();
    for at in 0..tokens.len() {
        match &tokens[at..] {
            [Token::Name(schema), Token::Mark('.'), ..] if schema == "pg_catalog" => {}
            [Token::Name(schema), Token::Mark('.'), rest @ ..] => {
                let cast = at > 0 && tokens[at - 1] == Token::Mark(':');
                // The middle of `a.b.c` was read with what stands before it.
                let inner = at > 0 && tokens[at - 1] == Token::Mark('.');
                match rest {
                    _ if inner => {}
                    [Token::Name(name), ..] if cast => {
                        found.types.push(TableName::within(schema, name));
                    }
                    [Token::Name(name), Token::Mark('('), ..] => {
                        found.calls.push(TableName::within(schema, name));
                    }
                    [Token::Name(name), ..] => found.types.push(TableName::within(schema, name)),
                    [Token::Mark(sign), ..] => {
                        found.calls.push(TableName::within(schema, sign.to_string()));
                    }
                    _ => {}
                }
            }
            [Token::Text(text), Token::Mark(':'), Token::Mark(':'), Token::Name(name), ..]
                if name == "regclass" =>
            {
                found.relations.extend(qualified(text).map(|(name, _)| name));
            }
            _ => {}
        }
    }
    found
}

/// The types and collations in a type as the server prints it, or in what makes one, that are not the
/// server's own. A type with a modifier looks like a call.
pub(super) fn type_names(native: &str) -> Vec<TableName> {
    let found = mentions(native);
    found.types.into_iter().chain(found.calls).collect()
}

/// `schema.name`, and what follows it.
fn qualified(text: &str) -> Option<(TableName, &str)> {
    let (schema, rest) = name(text)?;
    let (name, rest) = name(rest.strip_prefix('.')?)?;
    Some((TableName::within(schema, name), rest))
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(String),
    Mark(char),
}

fn tokens(mut text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    while let Some(first) = text.chars().next() {
        if let Some((name, rest)) = name(text) {
            tokens.push(Token::Name(name));
            text = rest;
        } else if first == '\'' {
            let (inner, rest) = quoted(text, '\'');
            tokens.push(Token::Text(inner));
            text = rest;
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Mark(first));
            }
            text = &text[first.len_utf8()..];
        }
    }
    tokens
}

/// A name at the beginning, quoted or not, and what follows it.
fn name(text: &str) -> Option<(String, &str)> {
    if text.starts_with('"') {
        return Some(quoted(text, '"'));
    }
    let first = text.chars().next()?;
    if !(first.is_alphabetic() || first == '_') {
        return None;
    }
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let end = text.find(|c| !part(c)).unwrap_or(text.len());
    Some((text[..end].to_owned(), &text[end..]))
}

/// What stands between quotes, doubled ones undone, and what follows.
fn quoted(text: &str, quote: char) -> (String, &str) {
    let mut inner = String::new();
    let mut rest = &text[quote.len_utf8()..];
    while let Some(at) = rest.find(quote) {
        inner.push_str(&rest[..at]);
        rest = &rest[at + quote.len_utf8()..];
        if !rest.starts_with(quote) {
            return (inner, rest);
        }
        inner.push(quote);
        rest = &rest[quote.len_utf8()..];
    }
    (inner, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(names: &[(&str, &str)]) -> Vec<TableName> {
        names.iter().map(|(schema, name)| TableName::within(*schema, *name)).collect()
    }

    #[test]
    fn what_every_server_has_is_not_mentioned() {
        for text in ["lower(name)", "'a.b(c)'::text", "((x + 1.5) > 0)", "now()", "'it''s s.f()'"] {
            assert_eq!(mentions(text), Mentions::default(), "{text}");
        }
    }

    #[test]
    fn functions_types_and_sequences_are_found() {
        let found = mentions(
            "util.make('x'::\"My Schema\".\"Mood\", nextval('app.\"No\"'::regclass)) \
             OPERATOR(ext.@>) y::ext.citext",
        );
        assert_eq!(found.calls, within(&[("util", "make"), ("ext", "@")]));
        assert_eq!(found.types, within(&[("My Schema", "Mood"), ("ext", "citext")]));
        assert_eq!(found.relations, within(&[("app", "No")]));
    }

    #[test]
    fn a_type_of_its_own_schema_is_found_with_its_collation() {
        let types = type_names;
        assert_eq!(types("app.\"My mood\"[]"), within(&[("app", "My mood")]));
        assert_eq!(types("public.geometry(Point,4326)"), within(&[("public", "geometry")]));
        assert_eq!(types("character varying(3) COLLATE \"C\""), []);
        let both = within(&[("app", "name"), ("app", "De")]);
        assert_eq!(types("app.name COLLATE app.\"De\""), both);
        assert_eq!(types("numeric(10,2)"), []);
    }
}
