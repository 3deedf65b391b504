//! What a table gets once its rows are there: keys, numbers, checks, indexes, statistics.
//!
//! Adding a key or a check locks the table against everything, building an index against writing.
//! So keys and checks of one table follow one another, and its indexes, which do not disturb each
//! other, follow those.

use std::collections::BTreeSet;

use protocol::fault::Fault;
use protocol::id::EntityId;
use protocol::plan::{Level, Stage, Step, StepKind};
use protocol::schema::{Column, Identity, Index, IndexOn, Key, Logical, Table, TableName};

use super::{Draft, Made, names};
use crate::sql::quote;

impl Draft<'_> {
    /// Designs the finish steps of a table, but for its foreign keys.
    pub(super) fn finish(&mut self, id: EntityId, table: &Table) -> Result<(), Fault> {
        let mut chain = Chain::default();
        let mut constraints = BTreeSet::new();
        for (kind, key) in keys(table) {
            let name = self.constraint_name(table, key.name.as_deref(), &mut constraints, true)?;
            let columns = quote::names(key.columns.iter().map(String::as_str));
            let statement = add(table, name.as_deref(), &format!("{kind} ({columns})"));
            let what = format!("{} of {}", kind.to_lowercase(), table.name);
            self.next(id, &mut chain, Made::one(StepKind::Key, what, statement));
        }
        self.checks(id, table, &mut chain, &mut constraints)?;
        self.numbers(id, table, &mut chain);
        let before: Vec<_> = chain.last.into_iter().collect();
        for index in &table.indexes {
            names::fit(&index.name, format!("{}, index {}", table.name, index.name))?;
            let Some(tail) = self.index_tail(table, index) else { continue };
            let name = self.names.free(table.name.schema.as_deref(), &index.name);
            if name != index.name {
                let text = format!("index {} is called {name}: the name is taken", index.name);
                self.note(Level::Info, &table.name, text);
            }
            let what = format!("index {name} of {}", table.name);
            let made = Made::new(StepKind::Index, what, create_index(table, index, &name, &tail));
            chain.all.push(self.step(Stage::Finish, Some(id), made, &before));
        }
        let analyze = format!("ANALYZE {}", quote::table(&table.name));
        let what = format!("statistics of {}", table.name);
        let made = Made::one(StepKind::Statistics, what, analyze);
        let all = chain.all.clone();
        chain.all.push(self.step(Stage::Finish, Some(id), made, &all));
        self.finished.insert(table.name.to_string(), chain.all);
        Ok(())
    }

    /// Adds a step that waits for the last one of the chain.
    fn next(&mut self, id: EntityId, chain: &mut Chain, made: Made) {
        let before: Vec<_> = chain.last.into_iter().collect();
        let place = self.step(Stage::Finish, Some(id), made, &before);
        chain.last = Some(place);
        chain.all.push(place);
    }

    fn checks(
        &mut self,
        id: EntityId,
        table: &Table,
        chain: &mut Chain,
        constraints: &mut BTreeSet<String>,
    ) -> Result<(), Fault> {
        for check in &table.checks {
            let label = check.name.as_deref().unwrap_or(&check.expression);
            match self.expression(table, &check.expression) {
                Ok(expression) => {
                    let name =
                        self.constraint_name(table, check.name.as_deref(), constraints, false)?;
                    let statement = add(table, name.as_deref(), &format!("CHECK ({expression})"));
                    let what = format!("check {label} of {}", table.name);
                    self.next(id, chain, Made::one(StepKind::Check, what, statement));
                }
                Err(why) => {
                    let text = format!("check {label} stays behind: {why}");
                    self.note(Level::Left, &table.name, text);
                }
            }
        }
        Ok(())
    }

    /// Numbering goes on after the greatest number that is there, or was handed out.
    fn numbers(&mut self, id: EntityId, table: &Table, chain: &mut Chain) {
        let numbered: Vec<_> = table
            .columns
            .iter()
            .filter(|column| matches!(column.logical, Logical::Integer { .. }))
            .filter_map(|column| column.identity.as_ref().map(|i| go_on(table, column, i)))
            .collect();
        if !numbered.is_empty() {
            let what = format!("numbering of {}", table.name);
            self.next(id, chain, Made::new(StepKind::Identity, what, numbered));
        }
    }

    /// The name of a constraint; none, so that the server makes one up, where it has none or the
    /// name is taken. The index of a key has the constraint's name among all relations.
    pub(super) fn constraint_name(
        &mut self,
        table: &Table,
        name: Option<&str>,
        constraints: &mut BTreeSet<String>,
        is_key: bool,
    ) -> Result<Option<String>, Fault> {
        let Some(name) = name else { return Ok(None) };
        names::fit(name, format!("{}, constraint {name}", table.name))?;
        let given = match is_key {
            true => self.names.free(table.name.schema.as_deref(), name),
            false => name.to_owned(),
        };
        if given == name && constraints.insert(given.clone()) {
            return Ok(Some(given));
        }
        let text = format!("constraint {name} gets another name: this one is taken");
        self.note(Level::Info, &table.name, text);
        Ok(None)
    }

    /// All after `ON table`.
    fn index_tail(&mut self, table: &Table, index: &Index) -> Option<String> {
        let tail = match (&index.tail, self.is_same_engine()) {
            (Some(tail), true) => match self.missing(tail) {
                None => Ok(tail.clone()),
                Some(what) => Err(format!("the target has no {what}")),
            },
            (Some(_) | None, _) => self.built_tail(table, index),
        };
        tail.map_err(|why| {
            let text = format!("index {} stays behind: {why}", index.name);
            self.note(Level::Left, &table.name, text);
        })
        .ok()
    }

    fn built_tail(&mut self, table: &Table, index: &Index) -> Result<String, String> {
        if !self.is_same_engine() && !matches!(&*index.method, "btree" | "hash") {
            return Err(format!("PostgreSQL has no {} index", index.method));
        }
        let foreign = index.tail.as_ref().filter(|_| !self.is_same_engine());
        if foreign.is_some_and(|tail| tail.to_ascii_uppercase().contains("COLLATE")) {
            return Err("it has a collation of its own".into());
        }
        let mut parts = Vec::new();
        for part in &index.parts {
            let on = match &part.on {
                IndexOn::Column(column) => quote::name(column).to_string(),
                IndexOn::Prefix { column, length } => {
                    let on = beginning(table, column, *length);
                    let text = format!(
                        "index {} stands on {on}: only that is looked up by it",
                        index.name
                    );
                    self.note(Level::Info, &table.name, text);
                    on
                }
                IndexOn::Expression(text) => format!("({})", self.expression(table, text)?),
            };
            parts.push(if part.descending { format!("{on} DESC") } else { on });
        }
        let method = if self.is_same_engine() { index.method.as_str() } else { "btree" };
        let mut tail = format!("USING {} ({})", quote::name(method), parts.join(", "));
        if !index.include.is_empty() {
            let include = quote::names(index.include.iter().map(String::as_str));
            tail += &format!(" INCLUDE ({include})");
        }
        if let Some(predicate) = &index.predicate {
            tail += &format!(" WHERE {}", self.expression(table, predicate)?);
        }
        Ok(tail)
    }
}

/// Makes an index, unless the table has one of that name: a person may have made it by hand, in a form
/// that its rows fit into. What has that name and is no index of the table is not taken for it, nor one
/// that was begun and never got valid.
fn create_index(table: &Table, index: &Index, name: &str, tail: &str) -> Vec<String> {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let (quoted, on) = (quote::name(name).to_string(), quote::table(&table.name).to_string());
    let create = format!("CREATE {unique}INDEX IF NOT EXISTS {quoted} ON {on} {tail}");
    let whole = TableName { schema: table.name.schema.clone(), name: name.to_owned() };
    let regclass = |name: String| format!("{}::regclass", quote::literal(&name));
    let check = format!(
        "DO $longhaul$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_index \
         WHERE indexrelid = {} AND indrelid = {} AND indisvalid) THEN RAISE duplicate_table; END IF; END $longhaul$",
        regclass(quote::table(&whole).to_string()),
        regclass(on)
    );
    vec![create, check]
}

/// The first characters of a column, or bytes where it holds bytes.
fn beginning(table: &Table, column: &str, length: u32) -> String {
    let bytes = table.column(column).is_some_and(|c| c.logical == Logical::Binary);
    let column = quote::name(column);
    if bytes {
        format!("substr({column}, 1, {length})")
    } else {
        format!("left({column}, {length})")
    }
}

/// Steps of one table: which of them follow one another, and all of them.
#[derive(Default)]
struct Chain {
    last: Option<usize>,
    all: Vec<usize>,
}

fn keys(table: &Table) -> impl Iterator<Item = (&'static str, &Key)> {
    let primary = table.primary_key.iter().map(|key| ("PRIMARY KEY", key));
    primary.chain(table.uniques.iter().map(|key| ("UNIQUE", key)))
}

/// `ALTER TABLE … ADD CONSTRAINT …`.
pub(super) fn add(table: &Table, name: Option<&str>, constraint: &str) -> String {
    let named = name.map(|name| format!("CONSTRAINT {} ", quote::name(name))).unwrap_or_default();
    format!("ALTER TABLE {} ADD {named}{constraint}", quote::table(&table.name))
}

/// The step that empties tables, all at once, so that foreign keys among them do not stand in the
/// way. Tables that nobody empties and that refer to one of these make it fail, not lose rows.
pub(in crate::postgres) fn emptying(tables: &[TableName]) -> Step {
    let names: Vec<_> = tables.iter().map(|table| quote::table(table).to_string()).collect();
    let what = crate::sql::emptying_of(tables);
    let statements = vec![format!("TRUNCATE {}", names.join(", "))];
    Step { kind: StepKind::Empty, what, statements, destructive: true, orphans: None }
}

/// The step that lets a table which is there number its rows on. Its sequence is set forward only:
/// others may have taken numbers from it.
pub(in crate::postgres) fn numbering(table: &Table, columns: &[String]) -> Option<Step> {
    let numbered = table.columns.iter().filter(|column| columns.contains(&column.name));
    let statements: Vec<_> = numbered
        .filter(|column| matches!(column.logical, Logical::Integer { .. }))
        .filter_map(|column| column.identity.as_ref().map(|i| go_forward(table, column, i)))
        .collect();
    let what = format!("numbering of {}", table.name);
    let step =
        Step { kind: StepKind::Identity, what, statements, destructive: false, orphans: None };
    (!step.statements.is_empty()).then_some(step)
}

fn go_forward(table: &Table, column: &Column, identity: &Identity) -> String {
    let name = quote::table(&table.name).to_string();
    let quoted = quote::name(&column.name);
    let (table, column) = (quote::literal(&name), quote::literal(&column.name));
    let furthest = if identity.increment < 0 { "min" } else { "max" };
    let beyond = if identity.increment < 0 { "<" } else { ">" };
    // A sequence that gave out no number yet stands before its start.
    format!(
        "SELECT pg_catalog.setval(s.sequence, v.value) \
         FROM (SELECT pg_catalog.pg_get_serial_sequence({table}, {column})::regclass AS sequence) \
           AS s, \
              (SELECT {furthest}({quoted})::bigint AS value FROM {name}) AS v, \
              pg_catalog.pg_sequence_parameters(s.sequence) AS p \
        WHERE v.value {beyond} coalesce(pg_catalog.pg_sequence_last_value(s.sequence), \
                                        p.start_value - p.increment)"
    )
}

/// Sets the column's sequence, unless no number was ever handed out: then it begins at its start.
fn go_on(table: &Table, column: &Column, identity: &Identity) -> String {
    let name = quote::table(&table.name).to_string();
    let sequence = format!(
        "pg_catalog.pg_get_serial_sequence({}, {})",
        quote::literal(&name),
        quote::literal(&column.name)
    );
    let down = identity.increment < 0;
    let (furthest, farther) = if down { ("min", "least") } else { ("max", "greatest") };
    let bounds = identity.bounds.as_ref();
    let least = bounds.and_then(|b| b.min).unwrap_or(if down { i64::MIN } else { 1 });
    let most = bounds.and_then(|b| b.max).unwrap_or(if down { -1 } else { i64::MAX });
    // Rows may hold numbers that the sequence never gave out and never will.
    let within = format!("BETWEEN '{least}'::bigint AND '{most}'::bigint");
    let column = quote::name(&column.name);
    let there = format!("{furthest}({column}) FILTER (WHERE {column} {within})::bigint");
    let value = match identity.last {
        // Numbers that begin again say nothing by being great.
        Some(last) if bounds.is_some_and(|b| b.cycle) => format!("'{last}'::bigint AS value"),
        // `greatest` and `least` pass over NULL, which an empty table gives.
        Some(last) => format!("{farther}({there}, '{last}'::bigint) AS value FROM {name}"),
        None => format!("{there} AS value FROM {name}"),
    };
    format!(
        "SELECT pg_catalog.setval({sequence}, v.value) \
         FROM (SELECT {value}) AS v WHERE v.value {within}"
    )
}
