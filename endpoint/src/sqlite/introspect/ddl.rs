//! What only the text of a `CREATE` statement tells: checks, generated expressions, names of
//! constraints, collations, AUTOINCREMENT, deferrable links, and how an index is written.
//!
//! SQLite has understood the statement already, so this only finds its way among brackets and
//! words, and takes expressions as they are written. What it does not find is not there.

use std::collections::{BTreeMap, BTreeSet};

use protocol::schema::{Check, Deferred};

/// What the text of a `CREATE TABLE` says beyond SQLite's pragmas.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Declared {
    pub(super) checks: Vec<Check>,
    /// Column, in lower case → expression.
    pub(super) generated: BTreeMap<String, String>,
    /// Column, in lower case → collation.
    pub(super) collations: BTreeMap<String, String>,
    pub(super) autoincrement: bool,
    /// Names of keys by their columns, in lower case.
    pub(super) keys: BTreeMap<Vec<String>, String>,
    /// Names and deferral of foreign keys, in the order in which they are written.
    pub(super) links: Vec<Link>,
    /// All that stands between the outer brackets, and each word group behind them: `STRICT`.
    pub(super) body: String,
    pub(super) options: Vec<String>,
}

/// A foreign key as it is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Link {
    pub(super) name: Option<String>,
    pub(super) deferrable: Option<Deferred>,
}

/// What the text of a `CREATE INDEX` says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct DeclaredIndex {
    /// What it is ordered by, one text per part, without direction.
    pub(super) parts: Vec<String>,
    pub(super) predicate: Option<String>,
    /// All after `ON table`.
    pub(super) tail: String,
}

/// A piece of the statement, where it stands.
#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    start: usize,
    /// How many brackets are open around it; a bracket itself counts as outside.
    depth: usize,
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// The name that a quoted or bare word stands for.
    fn name(&self) -> String {
        let inner = || self.text.get(1..self.text.len().saturating_sub(1)).unwrap_or_default();
        match self.text.as_bytes().first() {
            Some(b'"') => inner().replace("\"\"", "\""),
            Some(b'`') => inner().replace("``", "`"),
            Some(b'\'') => inner().replace("''", "'"),
            Some(b'[') => inner().to_owned(),
            Some(_) | None => self.text.to_owned(),
        }
    }
}

/// Cuts a statement into words, quoted names, literals and single signs; blanks and comments fall.
fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(rest) = sql.get(at..).filter(|rest| !rest.is_empty()) {
        let length = length(rest);
        let text = &rest[..length];
        let skipped = text.starts_with("--") || text.starts_with("/*") || text.trim().is_empty();
        if text == ")" {
            depth = depth.saturating_sub(1);
        }
        if !skipped {
            tokens.push(Token { text, start: at, depth });
        }
        if text == "(" {
            depth += 1;
        }
        at += length;
    }
    tokens
}

/// How many bytes the first token of `rest` has.
fn length(rest: &str) -> usize {
    let until = |end: &str, from: usize| {
        rest[from..].find(end).map_or(rest.len(), |found| from + found + end.len())
    };
    let first = rest.chars().next().unwrap_or(' ');
    match first {
        '-' if rest.starts_with("--") => until("\n", 2),
        '/' if rest.starts_with("/*") => until("*/", 2),
        '[' => until("]", 1),
        '"' | '`' | '\'' => quoted(rest, first),
        _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
        _ => first.len_utf8(),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// A quoted token ends at its quote, unless that is doubled.
fn quoted(rest: &str, quote: char) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                }
                Some(_) | None => return at + c.len_utf8(),
            }
        }
    }
    rest.len()
}

/// The tokens between the brackets that open at `tokens[open]`, and the position of the closing.
fn inside<'t, 'a>(tokens: &'t [Token<'a>], open: usize) -> (&'t [Token<'a>], usize) {
    let depth = tokens[open].depth;
    let close = (open + 1..tokens.len())
        .find(|at| tokens[*at].text == ")" && tokens[*at].depth == depth)
        .unwrap_or(tokens.len());
    (&tokens[open + 1..close], close)
}

/// The text that some tokens cover.
fn text_of(sql: &str, tokens: &[Token<'_>]) -> String {
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => sql[first.start..last.end()].to_owned(),
        _ => String::new(),
    }
}

/// The parts between commas that stand no deeper than the first token.
fn by_commas<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = &'t [Token<'a>]> {
    let depth = tokens.first().map_or(0, |token| token.depth);
    tokens.split(move |token| token.text == "," && token.depth == depth)
}

/// All words and names of a statement, in lower case.
pub(super) fn names(sql: &str) -> BTreeSet<String> {
    tokens(sql).iter().map(|token| token.name().to_ascii_lowercase()).collect()
}

/// Reads the text of a `CREATE TABLE`.
pub(super) fn table(sql: &str) -> Declared {
    let tokens = tokens(sql);
    let mut declared = Declared::default();
    let Some(open) = tokens.iter().position(|token| token.text == "(") else { return declared };
    let (body, close) = inside(&tokens, open);
    if let Some(end) = tokens.get(close) {
        sql[tokens[open].end()..end.start].clone_into(&mut declared.body);
        let rest = tokens.get(close + 1..).unwrap_or_default();
        let options = by_commas(rest).filter(|option| !option.is_empty());
        declared.options = options.map(|option| text_of(sql, option)).collect();
    }
    for definition in by_commas(body).filter(|definition| !definition.is_empty()) {
        read_definition(sql, definition, &mut declared);
    }
    declared
}

/// Words that begin a constraint of the table; a column of such a name is quoted.
const CONSTRAINTS: [&str; 5] = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];

fn read_definition(sql: &str, tokens: &[Token<'_>], declared: &mut Declared) {
    let of_table = CONSTRAINTS.iter().any(|word| tokens[0].is(word));
    let column = (!of_table).then(|| tokens[0].name().to_ascii_lowercase());
    let mut name = None;
    let mut at = usize::from(!of_table);
    while at < tokens.len() {
        let opens = |at: usize| tokens.get(at).is_some_and(|token| token.text == "(");
        let word = tokens[at];
        at += 1;
        if word.is("CONSTRAINT") {
            name = tokens.get(at).map(Token::name);
            at += 1;
        } else if word.is("AUTOINCREMENT") {
            declared.autoincrement = true;
        } else if word.is("CHECK") && opens(at) {
            let (expression, close) = inside(tokens, at);
            let expression = text_of(sql, expression);
            declared.checks.push(Check::new(name.take(), expression));
            at = close + 1;
        } else if let (true, Some(column)) = (word.is("AS") && opens(at), &column) {
            let (expression, close) = inside(tokens, at);
            declared.generated.insert(column.clone(), text_of(sql, expression));
            at = close + 1;
        } else if let (true, Some(column)) = (word.is("COLLATE"), &column) {
            let collation = tokens.get(at).map(Token::name).unwrap_or_default();
            declared.collations.insert(column.clone(), collation);
        } else if word.is("PRIMARY") || word.is("UNIQUE") {
            let columns = key_columns(tokens, at + usize::from(word.is("PRIMARY")), &column);
            if let Some(name) = name.take() {
                declared.keys.insert(columns, name);
            }
        } else if word.is("REFERENCES") {
            let deferrable = deferral(&tokens[at..]);
            declared.links.push(Link { name: name.take(), deferrable });
        }
        // Brackets that mean nothing here: of a type, a default, a list of columns.
        if opens(at) {
            at = inside(tokens, at).1 + 1;
        }
    }
}

fn key_columns(tokens: &[Token<'_>], at: usize, column: &Option<String>) -> Vec<String> {
    if let Some(column) = column {
        return vec![column.clone()];
    }
    if tokens.get(at).is_none_or(|token| token.text != "(") {
        return Vec::new();
    }
    let (columns, _) = inside(tokens, at);
    by_commas(columns).filter_map(|part| Some(part.first()?.name().to_ascii_lowercase())).collect()
}

/// What stands after `REFERENCES` about deferral, until the next constraint of a column.
fn deferral(tokens: &[Token<'_>]) -> Option<Deferred> {
    let until = tokens.iter().position(|token| token.is("REFERENCES")).unwrap_or(tokens.len());
    let tokens = &tokens[..until];
    let at = tokens.iter().position(|token| token.is("DEFERRABLE"))?;
    if at > 0 && tokens[at - 1].is("NOT") {
        return None;
    }
    let waits = tokens[at..].windows(2).any(|two| two[0].is("INITIALLY") && two[1].is("DEFERRED"));
    Some(if waits { Deferred::Deferred } else { Deferred::Immediate })
}

/// Reads the text of a `CREATE INDEX`.
pub(super) fn index(sql: &str) -> DeclaredIndex {
    let tokens = tokens(sql);
    let on = tokens.iter().position(|token| token.is("ON") && token.depth == 0).unwrap_or(0);
    let found = tokens[on..].iter().position(|token| token.text == "(");
    let Some(open) = found.map(|found| on + found) else { return DeclaredIndex::default() };
    let (body, close) = inside(&tokens, open);
    let after = tokens.get(close + 1..).unwrap_or_default();
    let predicate = match after {
        [word, predicate @ ..] if word.is("WHERE") => Some(text_of(sql, predicate)),
        _ => None,
    };
    let parts = by_commas(body).map(|part| text_of(sql, without_direction(part))).collect();
    DeclaredIndex { parts, predicate, tail: text_of(sql, &tokens[open..]) }
}

fn without_direction<'t, 'a>(mut part: &'t [Token<'a>]) -> &'t [Token<'a>] {
    if let [rest @ .., last] = part
        && (last.is("ASC") || last.is("DESC"))
    {
        part = rest;
    }
    if let [rest @ .., word, _] = part
        && word.is("COLLATE")
    {
        part = rest;
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_tells_what_pragmas_do_not() {
        let declared = table(
            "CREATE TABLE \"a (b\" ( -- a (comment\n\
             id INTEGER CONSTRAINT pk PRIMARY KEY AUTOINCREMENT,\n\
             [odd, name] TEXT COLLATE NOCASE DEFAULT (char(40)) CHECK ([odd, name] <> ')'),\n\
             \"che\"\"ck\" NUMERIC(10, 2) GENERATED ALWAYS AS (id * (2 + 1)) STORED,\n\
             p INT CONSTRAINT up REFERENCES x(y) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,\n\
             q INT REFERENCES z /* ) */ NOT DEFERRABLE,\n\
             CONSTRAINT positive CHECK (p > 0 AND (q IS NULL OR q > 0)),\n\
             CONSTRAINT both UNIQUE (P, \"Q\" DESC),\n\
             FOREIGN KEY (p, q) REFERENCES w DEFERRABLE)",
        );
        assert!(declared.autoincrement);
        assert!(
            declared.body.starts_with(" -- a (comment") && declared.body.ends_with("DEFERRABLE")
        );
        assert_eq!(
            table("CREATE TABLE t (a ANY) STRICT,without  rowid").options,
            ["STRICT", "without  rowid"]
        );
        assert_eq!(declared.generated["che\"ck"], "id * (2 + 1)");
        assert_eq!(declared.collations["odd, name"], "NOCASE");
        let check =
            |name: Option<&str>, expression: &str| Check::new(name.map(str::to_owned), expression);
        assert_eq!(
            declared.checks,
            [
                check(None, "[odd, name] <> ')'"),
                check(Some("positive"), "p > 0 AND (q IS NULL OR q > 0)"),
            ]
        );
        assert_eq!(declared.keys[&vec!["id".to_owned()]], "pk");
        assert_eq!(declared.keys[&vec!["p".to_owned(), "q".to_owned()]], "both");
        let deferred: Vec<_> = declared.links.iter().map(|link| link.deferrable).collect();
        assert_eq!(deferred, [Some(Deferred::Deferred), None, Some(Deferred::Immediate)]);
        assert_eq!(declared.links[0].name.as_deref(), Some("up"));
    }

    #[test]
    fn an_index_tells_its_expressions_and_its_condition() {
        let index = index(
            "CREATE UNIQUE INDEX \"on (\" ON t (lower(a, 'x,)') DESC, b COLLATE NOCASE) \
             WHERE c IS NOT NULL AND d IN (1, 2)",
        );
        assert_eq!(index.parts, ["lower(a, 'x,)')", "b"]);
        assert_eq!(index.predicate.as_deref(), Some("c IS NOT NULL AND d IN (1, 2)"));
        assert!(index.tail.starts_with("(lower(a") && index.tail.ends_with("(1, 2)"));
    }

    #[test]
    fn text_that_never_ends_is_read_to_its_end() {
        for sql in ["CREATE TABLE t (a", "CREATE TABLE t (a 'x", "CREATE TABLE t (a /*", "("] {
            table(sql);
            index(sql);
        }
    }
}
