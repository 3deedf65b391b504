//! What a table gets once its rows are there: keys, numbers, checks, indexes, statistics.
//!
//! Adding a key or a check locks the table against everything, building an index against writing.
//! So keys and checks of one table follow one another, and its indexes, which do not disturb each
//! other, follow those.

use std::collections::{BTreeMap, BTreeSet};

use protocol::fault::Fault;
use protocol::id::EntityId;
use protocol::plan::{Level, Stage, Step, StepKind};
use protocol::schema::{
    Check, Deferred, Index, IndexOn, Key, Logical, Part, Property, PropertyKind, Table, TableName,
};

use super::peculiar::behind_indexes;
use super::tables::parts;
use super::{Draft, Made, names};
use crate::sql::quote;

impl Draft<'_> {
    /// Designs the finish steps of a table and its partitions, but for foreign keys. What a parent
    /// gets is begun before, for it locks its heirs, as a root does its partitions.
    pub(super) fn finish_whole(&mut self, (id, table): &(EntityId, Table)) -> Result<(), Fault> {
        let parents =
            table.peculiar.parents.iter().filter_map(|p| self.finished.get(&p.to_string()));
        let last = parents.filter_map(|steps| steps.last().copied()).max();
        self.finish(*id, table, last, true)?;
        for part in parts(table) {
            let root = self.finished.get(&table.name.to_string());
            let last = root.and_then(|steps| steps.last().copied());
            self.finish(*id, &part, last, false)?;
            let steps = self.finished.get(&part.name.to_string()).cloned().unwrap_or_default();
            self.finished.entry(table.name.to_string()).or_default().extend(steps);
        }
        Ok(())
    }

    fn finish(
        &mut self,
        id: EntityId,
        table: &Table,
        last: Option<usize>,
        whole: bool,
    ) -> Result<(), Fault> {
        let mut chain = Chain { last, all: Vec::new() };
        let mut constraints = match self.is_same_engine() {
            true => BTreeSet::new(),
            false => label_checks(table),
        };
        let mut names = BTreeMap::new();
        for (kind, key) in keys(table) {
            let invented = invented_name(table, kind, key);
            let wish = key.name.as_deref().unwrap_or(&invented);
            let name = self.constraint_name(table, Some(wish), &mut constraints, true)?;
            let statement = add(table, name.as_deref(), &key_clause(kind, key));
            let what = format!("{} of {}", kind.to_lowercase(), table.name);
            let comment = comment_on(table, key.name.as_deref(), name.as_deref());
            let made =
                Made::new(StepKind::Key, what, [statement].into_iter().chain(comment).collect());
            self.next(id, &mut chain, made);
            names.extend(key.name.clone().zip(name));
        }
        self.exclusions(id, table, &mut chain, &mut constraints)?;
        for one in &table.peculiar.exclusions {
            names.insert(one.name.clone(), one.name.clone());
        }
        self.checks(id, table, &mut chain, &mut constraints)?;
        self.numbers(id, table, &mut chain);
        names.append(&mut self.indexes(id, table, &mut chain)?);
        let mut statements = behind_indexes(table, &names);
        if whole {
            statements.push(format!("ANALYZE {}", quote::table(&table.name)));
        }
        if !statements.is_empty() {
            let what = format!("statistics of {}", table.name);
            let made = Made::new(StepKind::Statistics, what, statements);
            let all: Vec<_> = chain.all.iter().copied().chain(chain.last).collect();
            chain.all.push(self.step(Stage::Finish, Some(id), made, &all));
        }
        self.finished.insert(table.name.to_string(), chain.all);
        Ok(())
    }

    /// Designs the indexes, and returns what each is called.
    fn indexes(
        &mut self,
        id: EntityId,
        table: &Table,
        chain: &mut Chain,
    ) -> Result<BTreeMap<String, String>, Fault> {
        let before: Vec<_> = chain.last.into_iter().collect();
        let mut given = BTreeMap::new();
        for index in &table.indexes {
            let Some(tail) = self.index_tail(table, index) else { continue };
            let name = self.names.free(table.name.schema.as_deref(), &index.name);
            if name != index.name {
                let why = names::reason(&index.name);
                let text = format!("index {} is called {name}: {why}", index.name);
                self.note(Level::Info, &table.name, text);
            }
            let what = format!("index {name} of {}", table.name);
            let made = Made::new(StepKind::Index, what, create_index(table, index, &name, &tail));
            chain.all.push(self.step(Stage::Finish, Some(id), made, &before));
            given.insert(index.name.clone(), name);
        }
        Ok(given)
    }

    /// Adds a step that waits for the last one of the chain.
    pub(super) fn next(&mut self, id: EntityId, chain: &mut Chain, made: Made) {
        let before: Vec<_> = chain.last.into_iter().collect();
        let place = self.step(Stage::Finish, Some(id), made, &before);
        chain.last = Some(place);
        chain.all.push(place);
    }

    fn exclusions(
        &mut self,
        id: EntityId,
        table: &Table,
        chain: &mut Chain,
        constraints: &mut BTreeSet<String>,
    ) -> Result<(), Fault> {
        for one in &table.peculiar.exclusions {
            if let Some(what) = self.missing(&one.definition) {
                let text = format!(
                    "exclusion constraint {} stays behind: the target has no {what}",
                    one.name
                );
                self.note(Level::Left, &table.name, text);
                continue;
            }
            let name = self.constraint_name(table, Some(&one.name), constraints, true)?;
            let statement = add(table, name.as_deref(), &one.definition);
            let what = format!("exclusion constraint {} of {}", one.name, table.name);
            let comment = comment_on(table, Some(&one.name), name.as_deref());
            let statements = [statement].into_iter().chain(comment).collect();
            self.next(id, chain, Made::new(StepKind::Key, what, statements));
        }
        Ok(())
    }

    fn checks(
        &mut self,
        id: EntityId,
        table: &Table,
        chain: &mut Chain,
        constraints: &mut BTreeSet<String>,
    ) -> Result<(), Fault> {
        let inherited = &table.peculiar.inherited_checks;
        let of_parents = |name: &String| inherited.contains(name);
        for check in &table.checks {
            if check.name.as_ref().is_some_and(of_parents) {
                continue;
            }
            let label = check.name.as_deref().unwrap_or(&check.expression);
            match self.expression(table, &check.expression) {
                Ok(expression) => {
                    let name =
                        self.constraint_name(table, check.name.as_deref(), constraints, false)?;
                    let clause = check_clause(check, &expression);
                    let statement = add(table, name.as_deref(), &clause);
                    let what = format!("check {label} of {}", table.name);
                    let comment = comment_on(table, check.name.as_deref(), name.as_deref());
                    let statements = [statement].into_iter().chain(comment).collect();
                    self.next(id, chain, Made::new(StepKind::Check, what, statements));
                }
                Err(why) => {
                    let text = format!("check {label} stays behind: {why}");
                    self.note(Level::Left, &table.name, text);
                }
            }
        }
        Ok(())
    }

    /// The name of a constraint, as near to its own as it can be; none where it has none, so that the
    /// server makes one up. The index of a key has the constraint's name among all relations.
    pub(super) fn constraint_name(
        &mut self,
        table: &Table,
        name: Option<&str>,
        constraints: &mut BTreeSet<String>,
        is_key: bool,
    ) -> Result<Option<String>, Fault> {
        let Some(name) = name else { return Ok(None) };
        let mut given = names::own(name, constraints);
        if is_key {
            given = self.names.free(table.name.schema.as_deref(), &given);
        }
        constraints.insert(given.clone());
        if given != name {
            let text = format!("constraint {name} is called {given}: {}", names::reason(name));
            self.note(Level::Info, &table.name, text);
        }
        Ok(Some(given))
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

/// The name that the server would give a key without one. It is said all the same, so that nothing else
/// that is made later has it.
fn invented_name(table: &Table, kind: &str, key: &Key) -> String {
    match kind {
        "PRIMARY KEY" => names::invented(&table.name.name, "", "pkey"),
        _ => names::invented(&table.name.name, &key.columns.join("_"), "key"),
    }
}

/// The names of the checks that hold columns to their labels: the server makes them up.
fn label_checks(table: &Table) -> BTreeSet<String> {
    let labels = table.columns.iter().filter(|c| matches!(c.logical, Logical::Enum { .. }));
    labels.map(|column| names::invented(&table.name.name, &column.name, "check")).collect()
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
pub(super) struct Chain {
    last: Option<usize>,
    all: Vec<usize>,
}

fn keys(table: &Table) -> impl Iterator<Item = (&'static str, &Key)> {
    let primary = table.primary_key.iter().map(|key| ("PRIMARY KEY", key));
    primary.chain(table.uniques.iter().map(|key| ("UNIQUE", key)))
}

/// `UNIQUE NULLS NOT DISTINCT ("a") INCLUDE ("b") WITH (…) DEFERRABLE`.
fn key_clause(kind: &str, key: &Key) -> String {
    let names = |columns: &[String]| quote::names(columns.iter().map(String::as_str)).to_string();
    let equal = if key.nulls_equal { " NULLS NOT DISTINCT" } else { "" };
    let mut clause = format!("{kind}{equal} ({})", names(&key.columns));
    if !key.include.is_empty() {
        clause += &format!(" INCLUDE ({})", names(&key.include));
    }
    if let Some(storage) = &key.storage {
        clause += &format!(" WITH ({storage})");
    }
    clause + deferrable(key.deferrable)
}

/// The comment of a constraint that has its own name.
pub(super) fn comment_on(table: &Table, name: Option<&str>, given: Option<&str>) -> Option<String> {
    let of = Part::Constraint(name?.to_owned());
    let is_comment = |one: &&Property| one.kind == PropertyKind::Comment && one.of == of;
    let comment = table.peculiar.properties.iter().find(is_comment)?;
    Some(format!(
        "COMMENT ON CONSTRAINT {} ON {} IS {}",
        quote::name(given?),
        quote::table(&table.name),
        quote::literal(&comment.value)
    ))
}

/// When the constraint is checked, as it stands at the end of its clause.
pub(super) fn deferrable(deferred: Option<Deferred>) -> &'static str {
    match deferred {
        Some(Deferred::Deferred) => " DEFERRABLE INITIALLY DEFERRED",
        Some(Deferred::Immediate) => " DEFERRABLE INITIALLY IMMEDIATE",
        None => "",
    }
}

fn check_clause(check: &Check, expression: &str) -> String {
    let alone = if check.alone { " NO INHERIT" } else { "" };
    let unproven = if check.unproven { " NOT VALID" } else { "" };
    format!("CHECK ({expression}){alone}{unproven}")
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
    Step {
        kind: StepKind::Empty,
        what,
        statements,
        destructive: true,
        orphans: None,
        parts: Vec::new(),
    }
}
