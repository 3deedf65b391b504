//! Constraints, from the rows of their query.

use protocol::schema::{
    Check, Deferred, Exclusion, ForeignKey, Key, Part, Property, PropertyKind, Table, TableName,
};
use tokio_postgres::Row;

/// Adds the constraint of a row of `CONSTRAINTS` to its table.
pub(super) fn add(table: &mut Table, row: &Row) {
    let name: String = row.get(1);
    if let Some(value) = row.get(21) {
        let of = Part::Constraint(name.clone());
        table.peculiar.properties.push(Property { kind: PropertyKind::Comment, of, value });
    }
    let deferred = if row.get(10) { Deferred::Deferred } else { Deferred::Immediate };
    let deferrable = row.get::<_, bool>(9).then_some(deferred);
    match row.get::<_, &str>(2) {
        "p" => table.primary_key = Some(key(row, name, deferrable)),
        "u" => table.uniques.push(key(row, name, deferrable)),
        "f" => table.foreign_keys.push(foreign_key(row, name, deferrable)),
        "c" => {
            if row.get(20) {
                table.peculiar.inherited_checks.push(name.clone());
            }
            let expression: String = row.get(12);
            table.checks.push(Check {
                unproven: !row.get::<_, bool>(11),
                alone: row.get(16),
                ..Check::new(Some(name), bare(&expression))
            });
        }
        _ => table.peculiar.exclusions.push(Exclusion { name, definition: row.get(19) }),
    }
}

fn key(row: &Row, name: String, deferrable: Option<Deferred>) -> Key {
    Key {
        include: row.get(17),
        nulls_equal: row.get(14),
        deferrable,
        storage: row.get(18),
        ..Key::new(Some(name), row.get(3))
    }
}

fn foreign_key(row: &Row, name: String, deferrable: Option<Deferred>) -> ForeignKey {
    let only: Vec<String> = row.get(15);
    let mut on_delete = action(row.get(7)).to_owned();
    if !only.is_empty() {
        let columns = crate::sql::quote::names(only.iter().map(String::as_str));
        on_delete = format!("{on_delete} ({columns})");
    }
    ForeignKey {
        name: Some(name),
        columns: row.get(3),
        references: TableName { schema: row.get(4), name: row.get(5) },
        referenced: row.get(6),
        on_delete,
        on_update: action(row.get(8)).to_owned(),
        deferrable,
        validated: row.get(11),
        full: row.get::<_, &str>(13) == "f",
    }
}

fn action(letter: &str) -> &'static str {
    match letter {
        "r" => "RESTRICT",
        "c" => "CASCADE",
        "n" => "SET NULL",
        "d" => "SET DEFAULT",
        _ => "NO ACTION",
    }
}

/// The expression without the one pair of parentheses that stands around all of it.
pub(super) fn bare(expression: &str) -> &str {
    let inner = expression.strip_prefix('(').and_then(|e| e.strip_suffix(')'));
    let Some(inner) = inner else { return expression };
    let mut depth = 0_i32;
    let mut quote = None;
    for character in inner.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return expression;
        }
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn only_parentheses_around_everything_are_taken_off() {
        assert_eq!(bare("(a > 0)"), "a > 0");
        assert_eq!(bare("((a) > (b))"), "(a) > (b)");
        assert_eq!(bare("(a) > (b)"), "(a) > (b)");
        assert_eq!(bare("(a <> ')('::text)"), "a <> ')('::text");
        assert_eq!(bare("(NOT (a IS NULL))"), "NOT (a IS NULL)");
    }
}
