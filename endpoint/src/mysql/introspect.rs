//! What a MySQL database says about itself, from `information_schema`.

mod queries;

use std::collections::BTreeMap;

use protocol::fault::Fault;
use protocol::schema::{
    Catalogue, Check, Column, Engine, ForeignKey, Generated, Identity, IdentityKind, Index,
    IndexOn, IndexPart, Key, Logical, Own, Partitioning, Peculiar, Table, TableName, Unmoved,
};

use super::connect::Link;
use super::sql::OURS;
use super::types;
use super::version::Server;
use super::words;

/// Rows of a query, each with its cells by position.
type Lines = Vec<Vec<Option<String>>>;

/// Where `extra` stands in a line of [`queries::COLUMNS`], its table taken out.
const EXTRA: usize = 6;

/// All that the database says, Longhaul's own tables left out.
pub(super) async fn catalogue(link: &mut Link) -> Result<Catalogue, Fault> {
    let server = link.met().server;
    let version = link.one("SELECT VERSION()").await?.unwrap_or_default();
    let mut found = Found {
        server,
        columns: by_table(link.query(queries::COLUMNS).await?),
        indexes: by_table(link.query(&queries::indexes(server)).await?),
        links: by_table(link.query(queries::LINKS).await?),
        checks: by_table(link.query(queries::checks(server)).await?),
        triggers: by_table(link.query(queries::TRIGGERS).await?),
    };
    let invisible = invisible(&found.columns);
    let (mut tables, mut unmoved) = (Vec::new(), Vec::new());
    for line in link.query(queries::TABLES).await? {
        let listed = Listed::of(line);
        if listed.name.starts_with(OURS) {
            continue;
        }
        match &*listed.kind {
            "BASE TABLE" => {
                let partitioning = partitioning(link, &listed).await?;
                if listed.collation.as_deref().is_some_and(|name| name != server.collation()) {
                    unmoved.push(stays(Unmoved::LATER_COLLATION, &listed.name));
                }
                tables.push(found.table(listed, partitioning));
            }
            kind => unmoved.push(stays(&kind.to_lowercase(), &listed.name)),
        }
    }
    for (table, column) in invisible {
        unmoved.push(stays("INVISIBLE of column", &format!("{table}.{column}")));
    }
    for table in &tables {
        unmoved.extend(table.triggers.iter().map(|name| stays("trigger", name)));
    }
    for line in link.query(queries::OTHERS).await? {
        let mut cells = line.into_iter().map(Option::unwrap_or_default);
        let (kind, name) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        unmoved.push(stays(&kind.to_lowercase(), &name));
    }
    tables.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Catalogue {
        engine: Engine::MySql,
        version,
        default_schema: None,
        encoding: None,
        tables,
        enums: Vec::new(),
        sequences: Vec::new(),
        unmoved,
        types: Vec::new(),
        extensions: Vec::new(),
    })
}

fn stays(kind: &str, name: &str) -> Unmoved {
    Unmoved { kind: kind.to_owned(), name: TableName::bare(name) }
}

/// Lines by what stands in their first cell, which is taken out.
fn by_table(lines: Lines) -> BTreeMap<String, Lines> {
    let mut tables: BTreeMap<String, Lines> = BTreeMap::new();
    for line in lines {
        let mut cells = line.into_iter();
        let table = cells.next().flatten().unwrap_or_default();
        tables.entry(table).or_default().push(cells.collect());
    }
    tables
}

/// How a table is partitioned, in the words of its CREATE TABLE. Its partitions are not tables.
async fn partitioning(link: &mut Link, listed: &Listed) -> Result<Option<Partitioning>, Fault> {
    if !listed.partitioned {
        return Ok(None);
    }
    let shown = link.query(&format!("SHOW CREATE TABLE {}", words::name(&listed.name))).await?;
    let text = shown.into_iter().next().and_then(|row| row.into_iter().nth(1)).flatten();
    let text = text.unwrap_or_default();
    // MySQL hides the clause from old servers in a comment.
    let clause = text.rfind("PARTITION BY ").map(|at| &text[at + "PARTITION BY ".len()..]);
    let by = clause.map(|clause| clause.trim_end().trim_end_matches("*/").trim_end().to_owned());
    Ok(by.map(|by| Partitioning { by, partitions: Vec::new() }))
}

/// Columns that `SELECT *` leaves out, by table.
fn invisible(columns: &BTreeMap<String, Lines>) -> Vec<(String, String)> {
    let hidden = |line: &&Vec<Option<String>>| {
        let extra = line.get(EXTRA).cloned().flatten();
        extra.is_some_and(|extra| extra.to_ascii_uppercase().contains("INVISIBLE"))
    };
    let of = |(table, lines): (&String, &Lines)| {
        let names = lines.iter().filter(hidden).filter_map(|line| line.first().cloned().flatten());
        names.map(|name| (table.clone(), name)).collect::<Vec<_>>()
    };
    columns.iter().flat_map(of).collect()
}

/// A line of [`queries::TABLES`].
struct Listed {
    name: String,
    kind: String,
    engine: String,
    rows: u64,
    bytes: u64,
    next: Option<u64>,
    comment: Option<String>,
    partitioned: bool,
    collation: Option<String>,
}

impl Listed {
    fn of(line: Vec<Option<String>>) -> Self {
        let mut cells = line.into_iter();
        let mut next = || cells.next().flatten();
        Self {
            name: next().unwrap_or_default(),
            kind: next().unwrap_or_default(),
            engine: next().unwrap_or_default(),
            rows: number(next()),
            bytes: number(next()),
            next: next().and_then(|text| text.parse().ok()),
            comment: next().filter(|comment| !comment.is_empty()),
            partitioned: next().is_some_and(|options| options.contains("partitioned")),
            collation: next(),
        }
    }
}

fn number(cell: Option<String>) -> u64 {
    cell.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What the catalogue holds, by table.
struct Found {
    server: Server,
    columns: BTreeMap<String, Lines>,
    indexes: BTreeMap<String, Lines>,
    links: BTreeMap<String, Lines>,
    checks: BTreeMap<String, Lines>,
    triggers: BTreeMap<String, Lines>,
}

impl Found {
    fn table(&mut self, listed: Listed, partitioning: Option<Partitioning>) -> Table {
        let take = |lines: &mut BTreeMap<String, Lines>| lines.remove(&listed.name);
        let columns = take(&mut self.columns).unwrap_or_default();
        let indexes = indexes(take(&mut self.indexes).unwrap_or_default());
        let links = links(take(&mut self.links).unwrap_or_default());
        let checks = checks(take(&mut self.checks).unwrap_or_default());
        let triggers = take(&mut self.triggers).unwrap_or_default();
        let mut columns: Vec<_> =
            columns.into_iter().map(|line| column(self.server, line, listed.next)).collect();
        let checks = said_by_types(&mut columns, checks);
        let (mut primary_key, mut uniques, mut others) = (None, Vec::new(), Vec::new());
        for index in indexes {
            match index.unique_columns() {
                Some(columns) if index.name == "PRIMARY" => {
                    primary_key = Some(Key::new(None, columns));
                }
                Some(columns) => uniques.push(Key::new(Some(index.name), columns)),
                None => others.push(index),
            }
        }
        Table {
            name: TableName::bare(listed.name),
            columns,
            primary_key,
            uniques,
            foreign_keys: links,
            indexes: others,
            checks,
            partitioning,
            comment: listed.comment,
            triggers: triggers.into_iter().flatten().flatten().collect(),
            durable: listed.engine.eq_ignore_ascii_case("InnoDB"),
            rows_estimate: listed.rows,
            bytes_estimate: listed.bytes,
            own: Own::default(),
            peculiar: Peculiar::default(),
        }
    }
}

/// A line of [`queries::COLUMNS`].
fn column(server: Server, line: Vec<Option<String>>, next_number: Option<u64>) -> Column {
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
        (Some(charset), Some(collation)) if collation != server.collation() => {
            format!("{declared} CHARACTER SET {charset} COLLATE {collation}")
        }
        _ => declared,
    };
    let known = types::logical(&native);
    let upper = extra.to_ascii_uppercase();
    let generated = expression.map(|expression| Generated {
        expression: unescaped(server, expression),
        stored: upper.contains("STORED") || upper.contains("PERSISTENT"),
    });
    let identity = upper.contains("AUTO_INCREMENT").then(|| Identity {
        kind: IdentityKind::AutoIncrement,
        last: next_number
            .and_then(|next| i64::try_from(next.saturating_sub(1)).ok())
            .filter(|n| *n > 0),
        increment: 1,
        bounds: None,
        sequence: None,
    });
    let default = default.filter(|_| generated.is_none());
    Column {
        default: spelled_default(server, default, &upper, known.as_ref()),
        logical: known
            .unwrap_or_else(|| Logical::Native { engine: Engine::MySql, name: native.clone() }),
        name,
        native,
        nullable,
        identity,
        generated,
        comment,
        raw: false,
        on_update: None,
        own: None,
        domain: None,
    }
}

/// MySQL lists expressions with the quotes of texts escaped.
fn unescaped(server: Server, expression: String) -> String {
    if server.spells_defaults() { expression } else { expression.replace("\\'", "'") }
}

/// The default as SQL spells it, with what is done on update behind it.
fn spelled_default(
    server: Server,
    default: Option<String>,
    extra: &str,
    logical: Option<&Logical>,
) -> Option<String> {
    let spelled = default.filter(|default| default != "NULL" || !server.spells_defaults());
    let spelled = spelled.map(|default| {
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
            () if extra.contains("DEFAULT_GENERATED") => {
                format!("({})", unescaped(server, default))
            }
            () if bare => default,
            () => words::literal(&default),
        }
    });
    match extra.find("ON UPDATE ") {
        Some(at) => Some(format!("{} {}", spelled.as_deref().unwrap_or("NULL"), &extra[at..])),
        None => spelled,
    }
}

/// Types that a check says: MariaDB's `json` is text that must be JSON, and a boolean of ours is a
/// number that must be 0 or 1. Such checks are a part of the type.
fn said_by_types(columns: &mut [Column], checks: Vec<Check>) -> Vec<Check> {
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

/// Lines of [`queries::indexes`], in the order of index and place.
fn indexes(lines: Lines) -> Vec<Index> {
    let mut indexes: Vec<Index> = Vec::new();
    for line in lines {
        let mut cells = line.into_iter();
        let mut next = || cells.next().flatten();
        let name = next().unwrap_or_default();
        let unique = next().is_some_and(|word| word == "0");
        let method = next().unwrap_or_default().to_ascii_lowercase();
        let (column, expression, prefix) = (next(), next(), next());
        let descending = next().is_some_and(|word| word == "D");
        if indexes.last().is_none_or(|last| last.name != name) {
            indexes.push(Index {
                name,
                unique,
                method,
                parts: Vec::new(),
                include: Vec::new(),
                predicate: None,
                tail: None,
            });
        }
        let Some(index) = indexes.last_mut() else { continue };
        // The server lists bytes of a spatial index, which is on the whole column.
        let prefix = prefix.and_then(|text| text.parse().ok());
        let prefix = prefix.filter(|_| !matches!(&*index.method, "fulltext" | "spatial"));
        let on = match (column, prefix) {
            (Some(column), Some(length)) => IndexOn::Prefix { column, length },
            (Some(column), None) => IndexOn::Column(column),
            (None, _) => IndexOn::Expression(expression.unwrap_or_default()),
        };
        index.parts.push(IndexPart { on, descending });
    }
    indexes
}

/// Lines of [`queries::LINKS`], in the order of constraint and place.
fn links(lines: Lines) -> Vec<ForeignKey> {
    let mut links: Vec<ForeignKey> = Vec::new();
    for line in lines {
        let mut cells = line.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        let name = Some(next());
        let (column, schema, table, referenced) = (next(), next(), next(), next());
        let (on_delete, on_update) = (next(), next());
        if links.last().is_none_or(|last| last.name != name) {
            let schema = (!schema.is_empty()).then_some(schema);
            links.push(ForeignKey {
                name,
                columns: Vec::new(),
                references: TableName { schema, name: table },
                referenced: Vec::new(),
                on_delete,
                on_update,
                deferrable: None,
                validated: true,
                full: false,
            });
        }
        if let Some(link) = links.last_mut() {
            link.columns.push(column);
            link.referenced.push(referenced);
        }
    }
    links
}

fn checks(lines: Lines) -> Vec<Check> {
    let check = |line: Vec<Option<String>>| {
        let mut cells = line.into_iter().map(Option::unwrap_or_default);
        let name = cells.next().filter(|name| !name.is_empty());
        Check::new(name, cells.next().unwrap_or_default())
    };
    lines.into_iter().map(check).collect()
}
