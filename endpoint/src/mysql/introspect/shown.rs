//! What `SHOW CREATE TABLE` says: a table in the server's own words, cut into its parts.
//!
//! `information_schema` has columns for what its authors thought of, and keeps texts in an encoding that
//! lacks characters. The statement has all of it, so that the same kind of server can have exactly this
//! table again. The server printed it, so this only finds its way among quotes and brackets; what it does
//! not know is kept as it stands.

use std::collections::BTreeMap;

/// The parts of a `CREATE TABLE`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Shown {
    /// Columns, with all that stands behind their names.
    pub(super) columns: BTreeMap<String, String>,
    /// Keys and indexes, with all that stands behind their names. The primary key is `PRIMARY`.
    pub(super) keys: BTreeMap<String, String>,
    /// Checks of the table by name.
    pub(super) checks: BTreeMap<String, String>,
    /// What else stands among the columns: periods, checks that are not enforced.
    pub(super) lines: Vec<String>,
    /// What stands behind the columns: `ENGINE=InnoDB`, `WITH SYSTEM VERSIONING`.
    pub(super) options: Vec<String>,
    /// What stands behind `PARTITION BY`.
    pub(super) partitioning: Option<String>,
}

/// Where the piece that begins at `at` ends: a text or name in quotes, a comment, or one character.
fn piece(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let Some(quote) = rest.chars().next() else { return text.len() };
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(text.len(), |end| at + end + 2);
    }
    if !matches!(quote, '\'' | '`' | '"') {
        return at + quote.len_utf8();
    }
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((offset, c)) = chars.next() {
        if c == '\\' && quote != '`' {
            chars.next();
        } else if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => drop(chars.next()),
                Some(_) | None => return at + offset + 1,
            }
        }
    }
    text.len()
}

/// Pieces of a text, each with how many brackets are open before it.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = (usize, &str, usize)> {
    let (mut at, mut depth) = (0, 0_usize);
    std::iter::from_fn(move || {
        let start = at;
        (start < text.len()).then(|| {
            at = piece(text, start);
            let piece = &text[start..at];
            let before = depth;
            match piece {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            (start, piece, before)
        })
    })
}

/// The name that begins a text, and what stands behind it.
pub(super) fn named(text: &str) -> Option<(String, &str)> {
    let quoted = &text[..piece(text, 0)];
    let name = quoted.strip_prefix('`')?.strip_suffix('`')?.replace("``", "`");
    Some((name, text[quoted.len()..].trim_start()))
}

/// Reads the statement; nothing where it is none.
pub(super) fn read(sql: &str) -> Option<Shown> {
    let (open, ..) = pieces(sql).find(|(_, piece, _)| *piece == "(")?;
    let body = &sql[open + 1..];
    let mut shown = Shown::default();
    let mut start = 0;
    for (at, piece, depth) in pieces(body) {
        // The bracket that opens the body was left out, so the one that closes it is one too many.
        if depth > 0 || !matches!(piece, "," | ")") {
            continue;
        }
        shown.part(body[start..at].trim());
        start = at + 1;
        if piece == ")" {
            shown.rest(&body[start..]);
            return Some(shown);
        }
    }
    None
}

/// Words before the name of an index.
const KEYS: [&str; 5] = ["UNIQUE KEY ", "FULLTEXT KEY ", "SPATIAL KEY ", "VECTOR KEY ", "KEY "];

impl Shown {
    fn part(&mut self, part: &str) {
        if let Some((name, own)) = named(part) {
            self.columns.insert(name, own.to_owned());
        } else if let Some(own) = part.strip_prefix("PRIMARY KEY ") {
            self.keys.insert("PRIMARY".to_owned(), own.to_owned());
        } else if let Some((name, own)) =
            KEYS.iter().find_map(|word| part.strip_prefix(word)).and_then(named)
        {
            self.keys.insert(name, own.to_owned());
        } else if let Some((name, own)) = part.strip_prefix("CONSTRAINT ").and_then(named) {
            match inside("CHECK ", own) {
                Some((check, "")) => drop(self.checks.insert(name, check.to_owned())),
                Some(_) => self.lines.push(part.to_owned()),
                // A foreign key, of which `information_schema` says all.
                None => {}
            }
        } else {
            self.lines.push(part.to_owned());
        }
    }

    fn rest(&mut self, rest: &str) {
        let by = "PARTITION BY ";
        let place = pieces(rest).find_map(|(at, piece, _)| match piece {
            "P" if rest[at..].starts_with(by) => Some((at, at + by.len())),
            // MySQL hides the clause from old servers in a comment.
            piece if piece.starts_with("/*!") => {
                piece.find(by).map(|within| (at, at + within + by.len()))
            }
            _ => None,
        });
        let (options, by) = match place {
            Some((at, begin)) => (&rest[..at], Some(&rest[begin..])),
            None => (rest, None),
        };
        self.options = self::options(options);
        let whole = |by: &str| by.trim_end().trim_end_matches("*/").trim_end().to_owned();
        self.partitioning = by.map(whole);
    }
}

/// `CHECK (a > 1) more` → `a > 1`, `more`, for the word `CHECK `.
pub(super) fn inside<'a>(word: &str, text: &'a str) -> Option<(&'a str, &'a str)> {
    let rest = text.strip_prefix(word)?.strip_prefix('(')?;
    let (end, ..) = pieces(rest).find(|(_, piece, depth)| *piece == ")" && *depth == 0)?;
    Some((&rest[..end], rest[end + 1..].trim()))
}

/// A column's clause without its own check, and that check: `int(11) DEFAULT 1`, `a > 1`.
pub(super) fn without_check(own: &str) -> (&str, Option<&str>) {
    let word = " CHECK ";
    let mut starts = pieces(own).filter(|(_, piece, depth)| *piece == " " && *depth == 0);
    let found = starts.find_map(|(at, ..)| Some((at, inside(word, &own[at..])?.0)));
    found.map_or((own, None), |(at, check)| (&own[..at], Some(check)))
}

/// The expression that a column is computed from.
pub(super) fn generated(own: &str) -> Option<&str> {
    let word = " GENERATED ALWAYS AS ";
    let mut starts = pieces(own).filter(|(_, piece, depth)| *piece == " " && *depth == 0);
    starts.find_map(|(at, ..)| Some(inside(word, &own[at..])?.0))
}

/// The default of a column where it is a text, with its quotes, and where that begins.
pub(super) fn default_literal(own: &str) -> Option<(usize, &str)> {
    let word = " DEFAULT ";
    let mut starts = pieces(own).filter(|(_, piece, depth)| *piece == " " && *depth == 0);
    let (at, ..) = starts.find(|(at, ..)| own[*at..].starts_with(word))?;
    let begin = at + word.len();
    let literal = &own[begin..piece(own, begin)];
    literal.starts_with('\'').then_some((begin, literal))
}

/// The clause with another default in the place of its literal; without any, where there is none.
pub(super) fn with_default(own: &str, default: Option<&str>) -> String {
    let Some((begin, literal)) = default_literal(own) else { return own.to_owned() };
    let rest = &own[begin + literal.len()..];
    match default {
        Some(default) => format!("{}{default}{rest}", &own[..begin]),
        None => format!("{}{rest}", own[..begin].trim_end_matches(" DEFAULT ")),
    }
}

/// `ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='a b' WITH SYSTEM VERSIONING`, one by one.
fn options(text: &str) -> Vec<String> {
    let (mut words, mut start) = (Vec::new(), 0);
    for (at, piece, depth) in pieces(text) {
        if depth == 0 && piece.trim().is_empty() {
            words.push(&text[start..at]);
            start = at + piece.len();
        }
    }
    words.push(&text[start..]);
    let mut options: Vec<String> = Vec::new();
    let mut open = String::new();
    for word in words.into_iter().filter(|word| !word.is_empty()) {
        if !open.is_empty() {
            open.push(' ');
        }
        open.push_str(word);
        // `DEFAULT` and `WITH` are words of what follows them.
        if word.contains('=') || word.starts_with("/*") {
            options.push(std::mem::take(&mut open));
        }
    }
    options.extend((!open.is_empty()).then_some(open));
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKING: &str = "CREATE TABLE `a(b` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `odd``, (` varchar(9) DEFAULT 'it''s, (' COMMENT 'a \\'b, )',
  `c` int(11) DEFAULT NULL CHECK (`c` > (1)),
  `f` date NOT NULL,
  `g` int(11) GENERATED ALWAYS AS (concat(`c`,')')) VIRTUAL INVISIBLE,
  PRIMARY KEY (`id`,`odd``, (`(4)),
  UNIQUE KEY `u` (`c`,`stay` WITHOUT OVERLAPS),
  KEY `k` (`c` DESC) COMMENT 'x' IGNORED,
  CONSTRAINT `two` CHECK (`c` < 10 and `g` <> 'a;)'),
  CONSTRAINT `off` CHECK ((`c` < 9)) /*!80016 NOT ENFORCED */,
  CONSTRAINT `fk` FOREIGN KEY (`c`) REFERENCES `d` (`id`) ON DELETE SET NULL,
  PERIOD FOR `stay` (`f`, `t`)
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 `X`='on' COMMENT='PARTITION BY (' WITH SYSTEM VERSIONING
 PARTITION BY RANGE (year(`f`))
(PARTITION `p0` VALUES LESS THAN (2020) ENGINE = InnoDB)";

    #[test]
    fn a_table_is_cut_into_its_parts() {
        let shown = read(BOOKING).unwrap();
        assert_eq!(shown.columns["id"], "int(11) NOT NULL AUTO_INCREMENT");
        assert_eq!(shown.columns["odd`, ("], "varchar(9) DEFAULT 'it''s, (' COMMENT 'a \\'b, )'");
        assert_eq!(shown.keys["PRIMARY"], "(`id`,`odd``, (`(4))");
        assert_eq!(shown.keys["u"], "(`c`,`stay` WITHOUT OVERLAPS)");
        assert_eq!(shown.keys["k"], "(`c` DESC) COMMENT 'x' IGNORED");
        assert_eq!(shown.checks["two"], "`c` < 10 and `g` <> 'a;)'");
        assert_eq!(shown.checks.len(), 1);
        assert_eq!(
            shown.lines,
            [
                "CONSTRAINT `off` CHECK ((`c` < 9)) /*!80016 NOT ENFORCED */",
                "PERIOD FOR `stay` (`f`, `t`)"
            ]
        );
        assert_eq!(
            shown.options,
            [
                "ENGINE=InnoDB",
                "AUTO_INCREMENT=5",
                "DEFAULT CHARSET=utf8mb4",
                "`X`='on'",
                "COMMENT='PARTITION BY ('",
                "WITH SYSTEM VERSIONING"
            ]
        );
        let by = shown.partitioning.unwrap();
        assert!(by.starts_with("RANGE (year(`f`))\n(PARTITION") && by.ends_with("InnoDB)"), "{by}");
        assert_eq!(without_check(&shown.columns["c"]), ("int(11) DEFAULT NULL", Some("`c` > (1)")));
        assert_eq!(without_check(&shown.columns["id"]).1, None);
        assert_eq!(generated(&shown.columns["g"]), Some("concat(`c`,')')"));
        let odd = &shown.columns["odd`, ("];
        assert_eq!(default_literal(odd), Some((19, "'it''s, ('")));
        assert_eq!(
            with_default(odd, Some("x'00'")),
            "varchar(9) DEFAULT x'00' COMMENT 'a \\'b, )'"
        );
        assert_eq!(with_default(odd, None), "varchar(9) COMMENT 'a \\'b, )'");
        assert_eq!(default_literal(&shown.columns["c"]), None);
    }

    #[test]
    fn partitions_that_are_hidden_from_old_servers_are_found() {
        let shown = read("CREATE TABLE `t` (\n `a` int\n) ENGINE=InnoDB\n/*!50100 PARTITION BY HASH (`a`)\nPARTITIONS 2 */").unwrap();
        assert_eq!(shown.partitioning.as_deref(), Some("HASH (`a`)\nPARTITIONS 2"));
        assert_eq!(shown.options, ["ENGINE=InnoDB"]);
        for sql in ["", "CREATE TABLE `t` (", "CREATE TABLE `t` (`a` int DEFAULT 'x", "("] {
            assert_eq!(read(sql), None, "{sql}");
        }
    }
}
