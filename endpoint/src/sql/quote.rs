//! Names on their way into SQL. No identifier is pasted into a statement but through here.
//!
//! PostgreSQL and SQLite both quote by the standard: double quotes around, double quotes inside
//! doubled. A quoted name keeps its case and may be any word; a NUL can stand in no name.

use std::fmt;

use protocol::schema::TableName;

/// A name, or a table's name with its schema, that prints itself quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quoted<'a> {
    schema: Option<&'a str>,
    name: &'a str,
}

/// A name: of a column, an index, a schema, a savepoint.
pub(crate) fn name(name: &str) -> Quoted<'_> {
    Quoted { schema: None, name }
}

/// A table, with its schema where it has one.
pub(crate) fn table(name: &TableName) -> Quoted<'_> {
    Quoted { schema: name.schema.as_deref(), name: &name.name }
}

/// `"a", "b"`: names as a list.
pub(crate) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|each| name(each).to_string()).collect();
    quoted.join(", ")
}

/// `'it''s'`: a text literal. Only for what a parameter cannot be: catalogue statements of plans.
/// In PostgreSQL it relies on `standard_conforming_strings`, which every connection sets.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = self.schema {
            write!(f, "\"{}\".", schema.replace('"', "\"\""))?;
        }
        write!(f, "\"{}\"", self.name.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(name("a\"; DROP TABLE t; --").to_string(), "\"a\"\"; DROP TABLE t; --\"");
        assert_eq!(table(&TableName::within("s\"", "t.x")).to_string(), "\"s\"\"\".\"t.x\"");
    }

    #[test]
    fn a_literal_cannot_leave_its_quotes() {
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn names_make_a_list() {
        assert_eq!(names(["select", "B"]), "\"select\", \"B\"");
    }
}
