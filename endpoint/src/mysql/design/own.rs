//! What a server of the same kind has again in the words of the source.

use protocol::plan::Level;
use protocol::schema::{Column, Table};

use super::Draft;
use crate::mysql::words;

/// Options of a table that speak of the machine of the source, or of another storage engine.
const ELSEWHERE: [&str; 7] = [
    "DATA DIRECTORY",
    "INDEX DIRECTORY",
    "TABLESPACE",
    "CONNECTION",
    "UNION",
    "INSERT_METHOD",
    "ENGINE_ATTRIBUTE",
];

/// What a table of any engine has.
const ANYWHERE: [&str; 6] = [
    "ENGINE",
    "DEFAULT CHARSET",
    "COLLATE",
    "WITH SYSTEM VERSIONING",
    "STATS_PERSISTENT",
    "STATS_AUTO_RECALC",
];

impl Draft<'_> {
    /// Whether the table stands here in the words of the source, column by column.
    pub(super) fn has_own_words(&self, table: &Table) -> bool {
        self.alike && table.columns.iter().any(|column| column.own.is_some())
    }

    /// All that stands behind the name of a column, where a server of the same kind printed it.
    pub(super) fn own(&mut self, table: &Table, column: &Column) -> Option<String> {
        let own = column.own.as_deref().filter(|_| self.alike)?;
        let default = column.default.as_deref();
        let numbers = default.filter(|default| default.starts_with("nextval("));
        let Some(numbers) = numbers else { return Some(own.to_owned()) };
        if self.numbers_of(column).is_some() {
            return Some(own.to_owned());
        }
        let text = format!(
            "default of {} stays behind: the target has no such sequence: `{numbers}`",
            column.name
        );
        self.note(Level::Left, table, text);
        Some(own.replace(&format!(" DEFAULT {numbers}"), ""))
    }

    /// What else stands among the columns. The period of the system needs its columns as they are in
    /// the source; without it the server keeps the moments out of sight.
    pub(super) fn own_lines(&mut self, table: &Table) -> Vec<String> {
        if !self.has_own_words(table) {
            return Vec::new();
        }
        let moments = |column: &Column| {
            column.own.as_ref().is_some_and(|own| own.contains("GENERATED ALWAYS AS ROW START"))
        };
        let kept = table.columns.iter().any(moments);
        let of_system = |line: &&String| kept || !line.starts_with("PERIOD FOR SYSTEM_TIME");
        table.own.lines.iter().filter(of_system).cloned().collect()
    }

    /// What stands behind the columns.
    pub(super) fn options(&mut self, table: &Table) -> String {
        let plain =
            format!(" ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={}", self.server.collation());
        if self.is_same_engine() && !table.durable {
            let text = "is InnoDB here: its engine in the source knows no transactions";
            self.note(Level::Left, table, text);
        }
        if !self.has_own_words(table) {
            return plain;
        }
        let mut options = String::from(" ENGINE=InnoDB");
        let mut left = Vec::new();
        for option in &table.own.options {
            let name = option.split('=').next().unwrap_or_default();
            match () {
                () if name == "ENGINE" => {}
                () if ELSEWHERE.contains(&name) => left.push(option.as_str()),
                () if table.durable || ANYWHERE.contains(&name) => {
                    options += &format!(" {option}");
                }
                () => left.push(option.as_str()),
            }
        }
        if !left.is_empty() {
            let text = format!("options stay behind: {}", left.join(" "));
            self.note(Level::Left, table, text);
        }
        options
    }

    /// How the table is partitioned, each partition in the engine of the table.
    pub(super) fn own_partitioning(&self, table: &Table, by: &str) -> String {
        let engine = table.own.options.iter().find_map(|option| option.strip_prefix("ENGINE="));
        match engine.filter(|_| !table.durable) {
            Some(engine) => by.replace(&format!(" ENGINE = {engine}"), " ENGINE = InnoDB"),
            None => by.to_owned(),
        }
    }

    /// The index that the server numbers rows by, where neither a primary nor a unique key begins with
    /// the numbered column.
    pub(super) fn numbering_index(&mut self, table: &Table) -> Option<String> {
        let column = self.numbered_alone(table)?;
        let own = table.indexes.iter().find(|index| self.numbers_by_index(table, index));
        if let Some(index) = own {
            let (kind, parts) = self.built(table, index).ok()?;
            return Some(format!("{kind} {} {parts}", words::name(&index.name)));
        }
        let text = format!("index on {column} is added: the server numbers only what begins a key");
        self.note(Level::Info, table, text);
        Some(format!("KEY ({})", words::name(&column)))
    }

    /// The numbered column, where no key begins with it.
    pub(super) fn numbered_alone(&self, table: &Table) -> Option<String> {
        let column = table.columns.iter().find(|column| self.is_number(column))?;
        let keys = table.primary_key.iter().chain(&table.uniques);
        let begins = keys.into_iter().any(|key| key.columns.first() == Some(&column.name));
        (!begins).then(|| column.name.clone())
    }
}
