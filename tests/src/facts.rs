//! What stands in a database, asked by queries of the tests' own: nothing of the product's.

mod mysql;
mod postgres;
mod sqlite;

use std::collections::BTreeSet;

use crate::moving::Store;

/// One thing that stands in a database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// `table`, `view`, `foreign key`, …
    pub kind: String,
    /// The schema of its table, or its own; empty where the engine has none.
    pub schema: String,
    /// The table that it is a part of; empty for what stands alone.
    pub table: String,
    /// Its name.
    pub name: String,
}

impl Fact {
    /// A table's name as reports spell it, and that of what stands alone.
    pub fn home(&self) -> String {
        let name = if self.table.is_empty() { &self.name } else { &self.table };
        if self.schema.is_empty() { name.clone() } else { format!("{}.{name}", self.schema) }
    }
}

impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = if self.table.is_empty() { "" } else { " of " };
        let home = if self.table.is_empty() { String::new() } else { self.home() };
        write!(f, "{} {}{of}{home}", self.kind, self.name)
    }
}

/// Everything in it.
///
/// # Panics
/// When the database cannot be asked.
pub async fn facts(store: &Store) -> BTreeSet<Fact> {
    let rows = match store {
        Store::Sqlite(path) => sqlite::facts(path),
        Store::Postgres(_) => store.rows(postgres::FACTS).await,
        Store::MySql(_) => store.rows(mysql::FACTS).await,
    };
    let fact = |row: String| {
        let mut cells = row.split('\u{1f}').map(str::to_owned);
        let mut next = || cells.next().expect("four cells in one");
        Fact { kind: next(), schema: next(), table: next(), name: next() }
    };
    rows.into_iter().map(fact).collect()
}
