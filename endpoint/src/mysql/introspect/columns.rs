//! Columns: what they mean, what they are given by default, and what is checked of each.

use protocol::schema::{Check, Column, Engine, Generated, Identity, IdentityKind, Logical};

use super::lossy::{self, Defaults};
use super::shown::{self, Shown};
use crate::mysql::types;
use crate::mysql::version::Server;
use crate::mysql::words;

/// A table around its columns.
pub(super) struct Around<'a> {
    pub(super) server: Server,
    /// The database, whose name the server puts before its sequences.
    pub(super) database: &'a str,
    /// The next number to be given out.
    pub(super) next_number: Option<u64>,
    /// The table in the server's own words, where the user may see them.
    pub(super) shown: Option<&'a Shown>,
    /// What some defaults really are.
    pub(super) defaults: &'a Defaults,
}

impl Around<'_> {
    /// A line of [`super::queries::COLUMNS`].
    pub(super) fn column(&self, line: Vec<Option<String>>) -> Column {
        let mut cells = line.into_iter();
        let mut next = || cells.next().flatten();
        let name = next().unwrap_or_default();
        let default = next();
        let nullable = next().is_some_and(|word| word == "YES");
        let declared = next().unwrap_or_default();
        let (charset, collation) = (next(), next());
        let extra = next().unwrap_or_default();
        let comment = next().filter(|comment| !comment.is_empty());
        let expression = next().filter(|expression| !expression.is_empty());
        let native = match (charset, collation) {
            (Some(charset), Some(collation)) if collation != self.server.collation() => {
                format!("{declared} CHARACTER SET {charset} COLLATE {collation}")
            }
            _ => declared,
        };
        let own = self.shown.and_then(|shown| shown.columns.get(&name)).cloned();
        let known = types::logical(&native);
        let upper = extra.to_ascii_uppercase();
        let generated = expression.map(|expression| Generated {
            expression: self.expression(own.as_deref().and_then(shown::generated), expression),
            stored: upper.contains("STORED") || upper.contains("PERSISTENT"),
        });
        let identity = upper.contains("AUTO_INCREMENT").then(|| self.identity());
        let default = match self.defaults.get(&name) {
            Some(real) => real.as_ref().map(|real| real.0.clone()),
            None => {
                let default = default.filter(|_| generated.is_none());
                let spelled = spelled_default(self.server, default, &upper, known.as_ref());
                spelled.map(|default| of_bytes(self.local(&default), &native))
            }
        };
        let own = own.map(|own| match self.defaults.get(&name) {
            Some(real) => shown::with_default(&own, real.as_ref().map(|real| &*real.0)),
            None => self.local(&own),
        });
        Column {
            logical: known
                .unwrap_or_else(|| Logical::Native { engine: Engine::MySql, name: native.clone() }),
            name,
            native,
            nullable,
            default,
            identity,
            generated,
            comment,
            raw: false,
            on_update: on_update(&extra),
            own,
            domain: None,
        }
    }

    fn identity(&self) -> Identity {
        let next = self.next_number;
        Identity {
            kind: IdentityKind::AutoIncrement,
            // The greatest stands for all that are greater still.
            last: next
                .map(|next| i64::try_from(next.saturating_sub(1)).unwrap_or(i64::MAX))
                .filter(|n| *n > 0),
            increment: 1,
            bounds: None,
            sequence: None,
        }
    }

    /// An expression as the statement has it, which holds every character; else as it is listed.
    fn expression(&self, shown: Option<&str>, listed: String) -> String {
        match shown {
            Some(shown) => self.local(shown),
            None => unescaped(self.server, listed),
        }
    }

    /// A text without the database before its own sequences: they are meant where the table is.
    fn local(&self, text: &str) -> String {
        let before = format!("{}.", words::name(self.database));
        ["nextval(", "lastval(", "NEXT VALUE FOR "]
            .iter()
            .fold(text.to_owned(), |text, word| text.replace(&format!("{word}{before}"), word))
    }
}

/// What is done to the column when its row changes, of its [`Column::on_update`].
fn on_update(extra: &str) -> Option<String> {
    const WORD: &str = "on update ";
    let at = extra.to_ascii_lowercase().find(WORD)?;
    let what = extra[at + WORD.len()..].trim();
    // Other words of the server's may follow.
    let end = what.find(' ').unwrap_or(what.len());
    Some(what[..end].to_owned())
}

/// MySQL lists expressions with the quotes of texts escaped.
fn unescaped(server: Server, expression: String) -> String {
    if server.spells_defaults() { expression } else { expression.replace("\\'", "'") }
}

/// The default as SQL spells it.
fn spelled_default(
    server: Server,
    default: Option<String>,
    extra: &str,
    logical: Option<&Logical>,
) -> Option<String> {
    let spelled = default.filter(|default| default != "NULL" || !server.spells_defaults());
    spelled.map(|default| {
        let moment = default.to_ascii_uppercase().starts_with("CURRENT_TIMESTAMP");
        let bare = matches!(
            logical,
            Some(
                Logical::Integer { .. }
                    | Logical::Decimal { .. }
                    | Logical::Float { .. }
                    | Logical::Bits { .. }
            )
        );
        match () {
            () if server.spells_defaults() || moment => default,
            // Bytes, which MySQL lists as it spells them.
            () if logical == Some(&Logical::Binary) && default.starts_with("0x") => default,
            () if extra.contains("DEFAULT_GENERATED") => {
                format!("({})", unescaped(server, default))
            }
            () if bare => default,
            () => words::literal(&default),
        }
    })
}

/// A default of bytes in hexadecimal, filled up as the type does it.
fn of_bytes(default: String, native: &str) -> String {
    let bytes = lossy::is_bytes(native).then(|| words::unquoted(&default)).flatten();
    let Some(mut bytes) = bytes else { return default };
    let fixed =
        native.strip_prefix("binary(").and_then(|rest| rest.trim_end_matches(')').parse().ok());
    bytes.resize(bytes.len().max(fixed.unwrap_or(0)), 0);
    format!("x'{}'", words::hex(&bytes))
}

/// Types that a check says: MariaDB's `json` is text that must be JSON, and a boolean of ours is a
/// number that must be 0 or 1. Such checks are a part of the type.
pub(super) fn said_by_types(columns: &mut [Column], checks: Vec<Check>) -> Vec<Check> {
    let mut rest = Vec::new();
    for check in checks {
        let said = columns.iter_mut().find_map(|column| {
            let quoted = words::name(&column.name);
            let plain = check.expression.to_ascii_lowercase().replace(['(', ')', ' '], "");
            let is = |said: String| plain == said.to_ascii_lowercase().replace(['(', ')', ' '], "");
            let json = is(format!("json_valid{quoted}")) && column.native.starts_with("longtext");
            let truth = is(format!("{quoted}in0,1")) && column.native.starts_with("tinyint(1)");
            match (json, truth) {
                (true, _) => Some((column, "json", Logical::Json)),
                (_, true) => Some((column, "tinyint(1)", Logical::Boolean)),
                (false, false) => None,
            }
        });
        match said {
            Some((column, native, logical)) => {
                column.native = native.to_owned();
                column.logical = logical;
            }
            None => rest.push(check),
        }
    }
    rest
}
