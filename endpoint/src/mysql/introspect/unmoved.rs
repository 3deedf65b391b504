//! What stands in a database and is not in the model, by kind and name.

use protocol::schema::{Own, Table, TableName, Unmoved};

use super::Lines;

/// A thing that stays, said of the database.
pub(super) fn stays(kind: &str, name: &str) -> Unmoved {
    Unmoved { kind: kind.to_owned(), name: TableName::bare(name) }
}

/// What a table has that only a server of its own kind can have, too.
pub(super) fn of_table(table: &Table, index_notes: &Lines) -> Vec<Unmoved> {
    let name = &table.name.name;
    let of = |kind: &str, part: &str| stays(kind, &format!("{name}.{part}"));
    let mut all = Vec::new();
    for column in &table.columns {
        if column.own.as_ref().is_some_and(|own| own.contains("INVISIBLE")) {
            all.push(of(Unmoved::INVISIBLE, &column.name));
        }
        if column.on_update.is_some() {
            all.push(of(Unmoved::ON_UPDATE, &column.name));
        }
    }
    for key in table.primary_key.iter().chain(&table.uniques) {
        let own = key.own.as_deref().unwrap_or_default();
        let named = key.name.as_deref().unwrap_or("PRIMARY");
        if own.contains("WITHOUT OVERLAPS") {
            all.push(of(Unmoved::WITHOUT_OVERLAPS, named));
        }
        let parts = own.split(") ").next().unwrap_or_default();
        if key.name.is_none() && parts.matches('(').count() > 1 {
            all.push(of(Unmoved::PREFIX_OF_KEY, named));
        }
    }
    for line in index_notes {
        let [Some(index), comment, hidden, ..] = line.as_slice() else { continue };
        if comment.as_ref().is_some_and(|comment| !comment.is_empty()) {
            all.push(of(Unmoved::COMMENT_OF_INDEX, index));
        }
        if hidden.as_deref() == Some("1") {
            all.push(of(Unmoved::IGNORED_INDEX, index));
        }
    }
    for line in table.own.lines.iter().filter_map(|line| line.strip_prefix("PERIOD FOR ")) {
        let period = super::shown::named(line).map_or("SYSTEM_TIME".to_owned(), |(name, _)| name);
        all.push(of(Unmoved::PERIOD, &period));
    }
    if is_versioned(&table.own) {
        all.push(stays(Unmoved::VERSIONING, name));
        all.push(stays(Unmoved::HISTORY, name));
    }
    all
}

/// Whether a table remembers its former rows.
pub(in crate::mysql) fn is_versioned(own: &Own) -> bool {
    own.options.iter().any(|option| option == "WITH SYSTEM VERSIONING")
}
