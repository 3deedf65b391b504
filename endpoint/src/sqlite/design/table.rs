//! One `CREATE TABLE`.

use protocol::id::EntityId;
use protocol::plan::{Level, Stage, Step, StepKind};
use protocol::schema::{Column, Deferred, Engine, ForeignKey, Key, Logical, Table, Unmoved};

use super::{Drawing, never_again};
use crate::DesignedColumn;
use crate::sql::portable;
use crate::sql::quote;
use crate::sqlite::{introspect, types};

/// What the primary key does to its only column, when it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbered {
    /// `PRIMARY KEY` of the table, whatever its columns.
    No,
    /// `INTEGER PRIMARY KEY`: the column is the rowid.
    Rowid,
    /// The same with `AUTOINCREMENT`.
    Never,
    /// `INTEGER PRIMARY KEY DESC`: SQLite's own exception, an integer that is not the rowid, and so
    /// may be NULL.
    Quirk,
}

/// The primary key's only column, when it is one and holds integers.
fn only_key(table: &Table) -> Option<&Column> {
    let [name] = &table.primary_key.as_ref()?.columns[..] else { return None };
    table.column(name).filter(|column| matches!(column.logical, Logical::Integer { .. }))
}

fn numbered(table: &Table, from: Engine) -> Numbered {
    let Some(column) = only_key(table) else { return Numbered::No };
    let identity = column.identity.as_ref().map(|identity| identity.kind);
    let integer = column.native.eq_ignore_ascii_case("INTEGER");
    match (from, identity) {
        (_, Some(kind)) if never_again(kind, from) => Numbered::Never,
        (Engine::Sqlite, None) if integer && column.nullable => Numbered::Quirk,
        // Another integer type is not the rowid there, and so stays one that is not.
        (Engine::Sqlite, _) if !integer => Numbered::No,
        (Engine::Sqlite | Engine::Postgres | Engine::MySql | Engine::Memory, _) => Numbered::Rowid,
    }
}

/// Whether the table remembers the last number it gave.
pub(super) fn numbers_on(table: &Table, from: Engine) -> bool {
    numbered(table, from) == Numbered::Never
}

impl Drawing<'_> {
    /// Adds the step that creates a table, with all that SQLite cannot add later.
    pub(super) fn table(&mut self, entity: EntityId, table: &Table) {
        let numbered = numbered(table, self.from);
        let mut columns = Vec::new();
        let mut lines = Vec::new();
        for column in &table.columns {
            let is_key = only_key(table).is_some_and(|key| key.name == column.name);
            let numbered = if is_key { numbered } else { Numbered::No };
            let (designed, line) = self.column(table, column, numbered);
            columns.push(designed);
            lines.push(line);
        }
        self.say_of_types(table, &columns);
        self.say_of_rest(table);
        if let (Numbered::No, Some(key)) = (numbered, &table.primary_key) {
            lines.push(key_line("PRIMARY KEY", key));
        }
        lines.extend(table.uniques.iter().map(|key| key_line("UNIQUE", key)));
        for key in &table.foreign_keys {
            let line = self.foreign_key(table, key);
            lines.push(line);
        }
        for check in &table.checks {
            match self.translate(table, &check.expression) {
                Some(expression) => {
                    lines.push(format!("{}CHECK ({expression})", named(check.name.as_deref())));
                }
                None => {
                    let name = check.name.as_deref().unwrap_or(&check.expression);
                    let text =
                        format!("check {name} stays behind: it may mean something else here");
                    self.note(Level::Left, Some(table), text);
                }
            }
        }
        let name = quote::name(&table.name.name);
        let body = self.own_body(table);
        let body = body.unwrap_or_else(|| format!("\n  {}\n", lines.join(",\n  ")));
        let options = self.own_options(table);
        let step = Step {
            kind: StepKind::Table,
            what: format!("table {}", table.name),
            statements: vec![format!("CREATE TABLE {name} ({body}){options}")],
            destructive: false,
            orphans: None,
            parts: Vec::new(),
        };
        self.step(Stage::Prepare, entity, step, Vec::new());
        self.design.columns.push(columns);
    }

    /// All columns and constraints as another SQLite wrote them, where the table is the very same.
    fn own_body(&mut self, table: &Table) -> Option<String> {
        let source = self.wanted.from.table(&table.name);
        let source = source.filter(|_| self.from == Engine::Sqlite)?;
        // The statistics may differ, and triggers are not a part of it.
        let same = source.columns == table.columns
            && source.primary_key == table.primary_key
            && source.uniques == table.uniques
            && source.checks == table.checks
            && source.foreign_keys == table.foreign_keys;
        // A link to what cannot be pointed to is in the text, and nowhere else.
        let whole = |body: &&String| introspect::links_in(body) == table.foreign_keys.len();
        let body = table.own.lines.first().filter(|body| same && !body.is_empty()).filter(whole);
        if body.is_none() {
            let clause = |one: &&Unmoved| one.kind == Unmoved::ON_CONFLICT;
            let mut clauses = self.wanted.from.unmoved.iter().filter(clause);
            if clauses.any(|one| one.name == table.name) {
                let text = "is written anew, without its ON CONFLICT clauses";
                self.note(Level::Left, Some(table), text);
            }
        }
        body.cloned()
    }

    /// `STRICT`, `WITHOUT ROWID`.
    fn own_options(&self, table: &Table) -> String {
        if self.from != Engine::Sqlite || table.own.options.is_empty() {
            return String::new();
        }
        format!(" {}", table.own.options.join(", "))
    }

    fn column(
        &mut self,
        table: &Table,
        column: &Column,
        numbered: Numbered,
    ) -> (DesignedColumn, String) {
        let (native, mut logical) = match self.from {
            Engine::Sqlite if !column.is_computed() => {
                (column.native.clone(), column.logical.clone())
            }
            // The rowid is declared by this very word.
            Engine::Postgres | Engine::MySql | Engine::Memory if numbered != Numbered::No => {
                ("INTEGER".to_owned(), Logical::Integer { bits: 64 })
            }
            Engine::Postgres | Engine::MySql | Engine::Memory | Engine::Sqlite => {
                types::chosen(&column.logical)
            }
        };
        let mut line = format!("{} {native}", quote::name(&column.name)).trim_end().to_owned();
        let key = table.primary_key.as_ref().and_then(|key| key.name.as_deref());
        match numbered {
            Numbered::No => {}
            Numbered::Rowid => line += &format!(" {}PRIMARY KEY", named(key)),
            Numbered::Never => line += &format!(" {}PRIMARY KEY AUTOINCREMENT", named(key)),
            Numbered::Quirk => line += &format!(" {}PRIMARY KEY DESC", named(key)),
        }
        if !column.nullable {
            line += " NOT NULL";
        }
        if let Some(default) = self.default(table, column, &logical) {
            line += &format!(" DEFAULT ({default})");
        }
        let generated = self.generated(table, column);
        if let Some(generated) = &generated {
            line += generated;
        }
        if let Logical::Enum { labels } = &mut logical {
            // MySQL keeps an empty text in the place of a label that it did not know.
            if self.from == Engine::MySql && !labels.iter().any(String::is_empty) {
                labels.push(String::new());
            }
            let labels: Vec<_> = labels.iter().map(|label| quote::literal(label)).collect();
            line += &format!(" CHECK ({} IN ({}))", quote::name(&column.name), labels.join(", "));
        }
        let designed = DesignedColumn {
            name: column.name.clone(),
            native,
            logical,
            generated: generated.is_some(),
            compared: true,
        };
        (designed, line)
    }

    fn default(&mut self, table: &Table, column: &Column, logical: &Logical) -> Option<String> {
        let default = column.default.as_deref().filter(|_| column.generated.is_none())?;
        let translated = portable::translate_default(default, logical, self.from, Engine::Sqlite);
        if translated.is_none() {
            let text = format!("the default of {} stays behind: {default}", column.name);
            self.note(Level::Left, Some(table), text);
        }
        translated
    }

    fn generated(&mut self, table: &Table, column: &Column) -> Option<String> {
        let generated = column.generated.as_ref()?;
        if table.primary_key.as_ref().is_some_and(|key| key.columns.contains(&column.name)) {
            let text = format!(
                "{} is not computed, but holds data: SQLite has no computed column in a primary key",
                column.name
            );
            self.note(Level::Left, Some(table), text);
            return None;
        }
        let Some(expression) = self.translate(table, &generated.expression) else {
            let text = format!("{} is computed in the source, and becomes plain data", column.name);
            self.note(Level::Left, Some(table), text);
            return None;
        };
        let how = if generated.stored { "STORED" } else { "VIRTUAL" };
        Some(format!(" GENERATED ALWAYS AS ({expression}) {how}"))
    }

    fn foreign_key(&mut self, table: &Table, key: &ForeignKey) -> String {
        let columns = quote::names(key.columns.iter().map(String::as_str));
        let referenced = quote::names(key.referenced.iter().map(String::as_str));
        let parent = quote::name(&key.references.name);
        let mut line = format!(
            "{}FOREIGN KEY ({columns}) REFERENCES {parent} ({referenced})",
            named(key.name.as_deref())
        );
        for (event, action) in [("DELETE", &key.on_delete), ("UPDATE", &key.on_update)] {
            if ACTIONS.contains(&action.as_str()) {
                line += &format!(" ON {event} {action}");
            } else if action != "NO ACTION" && !action.is_empty() {
                let text = format!("on {event}, the link to {parent} does nothing: {action}");
                self.note(Level::Left, Some(table), text);
            }
        }
        match key.deferrable {
            None => {}
            Some(Deferred::Immediate) => line += " DEFERRABLE INITIALLY IMMEDIATE",
            Some(Deferred::Deferred) => line += " DEFERRABLE INITIALLY DEFERRED",
        }
        line
    }

    /// Columns whose values SQLite can only keep as text.
    fn say_of_types(&mut self, table: &Table, columns: &[DesignedColumn]) {
        let as_text = |column: &&DesignedColumn| {
            column.native.ends_with("_TEXT") && column.native != "JSON_TEXT"
        };
        if self.from == Engine::Sqlite || !columns.iter().any(|column| as_text(&column)) {
            return;
        }
        let names: Vec<_> =
            columns.iter().filter(as_text).map(|column| column.name.as_str()).collect();
        let text = format!("{}: kept as text, digit by digit", names.join(", "));
        self.note(Level::Info, Some(table), text);
    }

    fn say_of_sets(&mut self, table: &Table) {
        let set = |c: &&Column| self.from == Engine::MySql && c.native.starts_with("set(");
        let sets: Vec<_> = table.columns.iter().filter(set).map(|c| c.name.as_str()).collect();
        if !sets.is_empty() {
            let text =
                format!("{}: a set, becomes text: its words with commas between", sets.join(", "));
            self.note(Level::Info, Some(table), text);
        }
    }

    fn say_of_rest(&mut self, table: &Table) {
        if table.partitioning.is_some() {
            self.note(Level::Info, Some(table), "is partitioned in the source, and one table here");
        }
        let commented = table.columns.iter().any(|column| column.comment.is_some());
        if table.comment.is_some() || commented {
            self.note(Level::Left, Some(table), "comments stay behind, SQLite has none");
        }
        // Byte by byte, as "C" does, is how SQLite compares where nothing else is said.
        let collated = |c: &&Column| {
            let collation = c.native.split_once(" COLLATE ").map(|(_, collation)| collation);
            match self.from {
                Engine::Postgres => collation.is_some_and(|name| name != "\"C\""),
                Engine::MySql => collation.is_some_and(|name| !name.ends_with("_bin")),
                Engine::Sqlite | Engine::Memory => false,
            }
        };
        let others: Vec<_> =
            table.columns.iter().filter(collated).map(|column| column.name.as_str()).collect();
        if !others.is_empty() {
            let text =
                format!("{}: compared byte by byte, without its collation", others.join(", "));
            self.note(Level::Left, Some(table), text);
        }
        self.say_of_sets(table);
        let is_key = |column: &Column| only_key(table).is_some_and(|key| key.name == column.name);
        let numbered = table.columns.iter().filter(|c| c.identity.is_some() && !is_key(c));
        let others: Vec<_> = numbered.map(|column| column.name.as_str()).collect();
        if !others.is_empty() {
            let text = format!("{}: SQLite numbers only a primary key", others.join(", "));
            self.note(Level::Left, Some(table), text);
        }
        let key = table.columns.iter().filter(|column| is_key(column));
        let mut numbers = key.filter_map(|column| column.identity.as_ref());
        if numbers.any(|numbers| numbers.increment != 1 || numbers.bounds.is_some()) {
            let text = "numbers go on one by one without end, as SQLite has no other way";
            self.note(Level::Left, Some(table), text);
        }
    }
}

/// What SQLite can do about a link when the other end goes or changes.
const ACTIONS: [&str; 4] = ["RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"];

fn named(name: Option<&str>) -> String {
    name.map_or(String::new(), |name| format!("CONSTRAINT {} ", quote::name(name)))
}

fn key_line(kind: &str, key: &Key) -> String {
    let columns = quote::names(key.columns.iter().map(String::as_str));
    format!("{}{kind} ({columns})", named(key.name.as_deref()))
}
