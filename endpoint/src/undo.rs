//! What a run made in its target, to be dropped again.

use protocol::id::ChunkId;
use protocol::plan::Stage;
use protocol::schema::TableName;

/// What is to be dropped or emptied, each in the order in which it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undo {
    /// Tables that were there before, and empty: their rows go.
    pub emptied: Vec<TableName>,
    /// Tables that the run made.
    pub tables: Vec<TableName>,
    /// What else it made.
    pub made: Vec<Made>,
}

/// One thing that a statement of a plan made, other than a table or what stands in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The chunk that made it.
    pub chunk: ChunkId,
    /// The stage of that chunk: what came before the tables goes after them.
    pub stage: Stage,
    /// What kind of thing, in the words of the statement: `TYPE`.
    pub kind: &'static str,
    /// Its name, quoted as in the statement.
    pub name: String,
}

/// What can be made, longer words first; tables and what stands in them are not among these.
const KINDS: [&str; 9] = [
    "MATERIALIZED VIEW",
    "SCHEMA",
    "TYPE",
    "DOMAIN",
    "SEQUENCE",
    "VIEW",
    "FUNCTION",
    "PROCEDURE",
    "COLLATION",
];

/// What a statement of ours makes: its kind, and its name as it stands there. None for tables, for
/// indexes and keys, and for what it does not know.
pub fn made_by(statement: &str) -> Option<(&'static str, String)> {
    let mut rest = statement.trim_start().strip_prefix("CREATE ")?;
    rest = rest.strip_prefix("OR REPLACE ").unwrap_or(rest);
    let kind = KINDS
        .into_iter()
        .find(|kind| rest.strip_prefix(kind).is_some_and(|after| after.starts_with(' ')))?;
    rest = rest[kind.len()..].trim_start();
    rest = rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest).trim_start();
    let name = &rest[..name_length(rest)];
    (!name.is_empty()).then(|| (kind, name.to_owned()))
}

/// How many bytes a name takes, with its schema: quoted parts and plain ones, joined by dots.
fn name_length(text: &str) -> usize {
    let mut quote = None;
    for (at, char) in text.char_indices() {
        match quote {
            // A doubled quote ends a part and begins another, which comes to the same.
            Some(open) if char == open => quote = None,
            Some(_) => {}
            None if matches!(char, '"' | '`') => quote = Some(char),
            None if char.is_alphanumeric() || "_.$".contains(char) => {}
            None => return at,
        }
    }
    text.len()
}

/// The statements that undo it. `together` drops all tables in one statement; `schema` says how a schema
/// is dropped, where the engine has them.
pub(crate) fn statements(
    undo: &Undo,
    table: &dyn Fn(&TableName) -> String,
    together: bool,
    schema: &dyn Fn(&Made) -> Option<String>,
) -> Vec<String> {
    let mut said: Vec<_> =
        undo.emptied.iter().rev().map(|name| format!("DELETE FROM {}", table(name))).collect();
    let of =
        |stage| undo.made.iter().rev().filter(move |made| (made.stage == Stage::Prepare) == stage);
    let dropping = |made: &Made| match made.kind {
        "SCHEMA" => schema(made),
        kind => Some(format!("DROP {kind} IF EXISTS {}", made.name)),
    };
    said.extend(of(false).filter_map(dropping));
    let tables: Vec<_> = undo.tables.iter().rev().map(table).collect();
    if together && !tables.is_empty() {
        said.push(format!("DROP TABLE IF EXISTS {}", tables.join(", ")));
    } else {
        said.extend(tables.iter().map(|name| format!("DROP TABLE IF EXISTS {name}")));
    }
    said.extend(of(true).filter_map(dropping));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_statement_makes_is_read_from_it() {
        let made = |statement| made_by(statement).map(|(kind, name)| format!("{kind} {name}"));
        let cases = [
            ("CREATE SCHEMA IF NOT EXISTS \"a b\"", Some("SCHEMA \"a b\"")),
            (
                "CREATE TYPE \"s\".\"mood \"\"x\"\"\" AS ENUM ('a')",
                Some("TYPE \"s\".\"mood \"\"x\"\"\""),
            ),
            ("CREATE SEQUENCE `seq` START 1", Some("SEQUENCE `seq`")),
            ("CREATE OR REPLACE VIEW public.v AS SELECT 1", Some("VIEW public.v")),
            ("CREATE MATERIALIZED VIEW \"v\" AS SELECT 1", Some("MATERIALIZED VIEW \"v\"")),
            ("CREATE FUNCTION \"f\"(int) RETURNS int", Some("FUNCTION \"f\"")),
            ("CREATE TABLE \"t\" (a int)", None),
            ("CREATE UNIQUE INDEX i ON t (a)", None),
            ("ALTER TABLE t ADD CHECK (a > 0)", None),
            ("CREATE TYPED", None),
        ];
        for (statement, expected) in cases {
            assert_eq!(made(statement).as_deref(), expected, "{statement}");
        }
    }

    #[test]
    fn what_was_made_last_goes_first_and_what_tables_need_goes_after_them() {
        let table = |name: &str| TableName { schema: None, name: name.into() };
        let made =
            |stage, kind, name: &str| Made { chunk: ChunkId(1), stage, kind, name: name.into() };
        let undo = Undo {
            emptied: vec![table("p"), table("q")],
            tables: vec![table("a"), table("b")],
            made: vec![made(Stage::Prepare, "TYPE", "m"), made(Stage::Finish, "VIEW", "v")],
        };
        let quoted = |name: &TableName| name.name.clone();
        assert_eq!(
            statements(&undo, &quoted, true, &|_| None),
            [
                "DELETE FROM q",
                "DELETE FROM p",
                "DROP VIEW IF EXISTS v",
                "DROP TABLE IF EXISTS b, a",
                "DROP TYPE IF EXISTS m"
            ]
        );
        assert_eq!(statements(&undo, &quoted, false, &|_| None).len(), 6);
    }
}
