//! Ranges of keys: where an entity is cut, and the condition that one range comes to.
//!
//! Bounds are what the server's own ORDER BY returned, as text, and come back to it as literals of
//! the column's own type. Nothing here compares a key.

use protocol::fault::{Code, Fault};
use protocol::plan::{Bound, Range};
use protocol::schema::TableName;
use tokio_postgres::Row;

use super::connect::Link;
use crate::Cut;
use crate::sql::quote;

/// What must be known of a table before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// Rows stand in partitions; else only in the table itself, and those of tables that inherit
    /// from it are not its own.
    partitioned: bool,
    /// The server looked at every text as it was written. A database that is SQL_ASCII takes any
    /// bytes.
    pub(super) encoded: bool,
    /// Columns, each with its type as it is written in a cast, and the type's schema.
    columns: Vec<(String, String, String)>,
}

impl Shape {
    /// Asks the server. `Code::SourceChanged` when there is no such table.
    pub(super) async fn ask(link: &Link, table: &TableName) -> Result<Self, Fault> {
        let select = "SELECT c.relkind = 'p', a.attname::text, \
                             format_type(a.atttypid, a.atttypmod), tn.nspname::text, \
                             current_setting('server_encoding') <> 'SQL_ASCII' \
                        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 \
                         AND NOT a.attisdropped \
                        LEFT JOIN pg_type t ON t.oid = a.atttypid \
                        LEFT JOIN pg_namespace tn ON tn.oid = t.typnamespace \
                       WHERE n.nspname = $1::text::name AND c.relname = $2::text::name \
                       ORDER BY a.attnum";
        let schema = table.schema.as_deref().unwrap_or("public");
        let rows = link
            .client
            .query(select, &[&schema, &table.name])
            .await
            .map_err(|error| link.fault(&error))?;
        let Some(first) = rows.first() else {
            return Err(
                Fault::new(Code::SourceChanged, table.to_string()).saying("there is no such table")
            );
        };
        // A table without columns is one row, of itself alone.
        let column =
            |row: &Row| row.get::<_, Option<String>>(1).map(|name| (name, row.get(2), row.get(3)));
        let columns = rows.iter().filter_map(column).collect();
        Ok(Self { partitioned: first.get(0), encoded: first.get(4), columns })
    }

    /// The table as it stands in FROM.
    pub(super) fn from(&self, table: &TableName) -> String {
        let only = if self.partitioned { "" } else { "ONLY " };
        format!("{only}{}", quote::table(table))
    }

    fn type_of(&self, table: &TableName, column: &str) -> Result<&str, Fault> {
        let found = self.columns.iter().find(|(name, ..)| name == column);
        found.map(|(_, native, _)| native.as_str()).ok_or_else(|| {
            Fault::new(Code::SourceChanged, format!("{table}.{column}"))
                .saying("there is no such column")
        })
    }

    /// Schemas outside the server's own whose types stand among these columns: their comparison
    /// operators are found only where the search path leads to them.
    pub(super) fn schemas_of<'a>(&'a self, key: &'a [String]) -> impl Iterator<Item = &'a str> {
        let in_key = |column: &&(String, String, String)| key.contains(&column.0);
        let schemas = self.columns.iter().filter(in_key).map(|(.., schema)| schema.as_str());
        schemas.filter(|schema| *schema != "pg_catalog")
    }

    /// `("a", "b") > ('…'::integer, '…'::text)`; without parentheses for one column.
    fn compare(
        &self,
        table: &TableName,
        key: &[String],
        operator: &str,
        bound: &Bound,
    ) -> Result<String, Fault> {
        if key.len() != bound.0.len() {
            return Err(Fault::new(Code::PlanFormat, table.to_string())
                .saying("a bound has another number of columns than the key"));
        }
        let literals: Vec<_> = key
            .iter()
            .zip(&bound.0)
            .map(|(column, text)| {
                Ok(format!("{}::{}", quote::literal(text), self.type_of(table, column)?))
            })
            .collect::<Result<_, Fault>>()?;
        let (columns, values) = (columns(key), literals.join(", "));
        Ok(match key {
            [_] => format!("{columns} {operator} {values}"),
            _ => format!("({columns}) {operator} ({values})"),
        })
    }

    /// What a comparison of rows implies for its first column. The server cannot tell how many rows
    /// a row comparison leaves, takes it for a large part of the table, and would read all of it for
    /// each chunk; a range of one column it can tell.
    fn hint(
        &self,
        table: &TableName,
        key: &[String],
        operator: &str,
        bound: &Bound,
    ) -> Result<Option<String>, Fault> {
        let ([first, _, ..], [text, ..]) = (key, bound.0.as_slice()) else { return Ok(None) };
        let inclusive = if operator == ">" { ">=" } else { operator };
        let (key, bound) = (std::slice::from_ref(first), Bound(vec![text.clone()]));
        self.compare(table, key, inclusive, &bound).map(Some)
    }

    /// The condition of a range and a filter, with WHERE; empty when all rows are meant.
    pub(super) fn condition(
        &self,
        table: &TableName,
        key: &[String],
        range: &Range,
        filter: Option<&str>,
    ) -> Result<String, Fault> {
        let mut parts = Vec::new();
        for (operator, bound) in [(">", &range.after), ("<=", &range.upto)] {
            if let Some(bound) = bound {
                parts.push(self.compare(table, key, operator, bound)?);
                parts.extend(self.hint(table, key, operator, bound)?);
            }
        }
        if let Some(filter) = filter {
            // The line break ends a comment that the operator may have left at the end.
            parts.push(format!("({filter}\n)"));
        }
        Ok(match parts.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", parts.join(" AND ")),
        })
    }
}

/// The columns as a list.
fn columns(names: &[String]) -> String {
    quote::names(names.iter().map(String::as_str))
}

/// The key as it stands in ORDER BY. With the table in front: a bare name would mean the column of
/// the answer, which is text and is ordered as text.
pub(super) fn order(table: &TableName, key: &[String]) -> String {
    let table = quote::table(table);
    let each: Vec<_> = key.iter().map(|name| format!("{table}.{}", quote::name(name))).collect();
    each.join(", ")
}

/// Rows of a sample per chunk. They come page by page, so this is some dozen pages, and chunks differ
/// by about a tenth.
const SAMPLED_PER_CHUNK: u64 = 2_000;

/// The bounds of a cut.
pub(super) async fn cut(link: &Link, shape: &Shape, cut: &Cut) -> Result<Vec<Bound>, Fault> {
    if cut.key.is_empty() {
        return Ok(Vec::new());
    }
    match cut.about.and_then(|about| percent(cut, about)) {
        Some(percent) => sample(link, shape, cut, percent).await,
        None => walk(link, shape, cut).await,
    }
}

/// How much of the table to sample; nothing where walking costs no more, or where a condition may
/// leave next to nothing of the sample.
fn percent(cut: &Cut, about: u64) -> Option<f64> {
    let chunks = about / cut.rows.max(1);
    let wanted = chunks.saturating_mul(SAMPLED_PER_CHUNK);
    let worth = cut.filter.is_none() && chunks >= 4 && wanted < about / 4;
    #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
    worth.then(|| wanted as f64 * 100.0 / about as f64)
}

/// Cuts where a sample of the rows suggests: as good as counting, since ranges partition the table
/// wherever the bounds are, and the faster the larger the table is. The same rows give the same
/// sample.
async fn sample(link: &Link, shape: &Shape, cut: &Cut, percent: f64) -> Result<Vec<Bound>, Fault> {
    let each = |name: &dyn Fn(usize, &str) -> String| {
        let names = cut.key.iter().enumerate();
        names.map(|(at, column)| name(at, column)).collect::<Vec<_>>().join(", ")
    };
    let (table, key) = (quote::table(&cut.table), order(&cut.table, &cut.key));
    let texts = each(&|at, _| format!("lh_{at}::text"));
    let columns = each(&|at, column| format!("{table}.{} AS lh_{at}", quote::name(column)));
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a step need not be exact, and is far below what is lost"
    )]
    let step = ((cut.rows as f64 * percent / 100.0) as u64).max(1);
    let only = shape.from(&cut.table);
    let select = format!(
        "SELECT {texts} FROM (SELECT {columns}, row_number() OVER (ORDER BY {key}) AS lh_at, \
                                count(*) OVER () AS lh_of \
                           FROM {only} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (0)) AS lh_sample \
          WHERE lh_at % {step} = 0 AND lh_at + {step} / 2 <= lh_of ORDER BY lh_at",
    );
    let bound = |row: &Row| Bound((0..cut.key.len()).map(|at| row.get(at)).collect());
    Ok(link.query(&select).await?.iter().map(bound).collect())
}

/// Walks along the key in the server, from bound to bound.
///
/// Each step asks for the key `cut.rows` further on: an index-only scan that returns one row. On
/// six million rows this took a quarter of the time of one `row_number()` over all (0.3 s), which
/// forms a tuple per row.
async fn walk(link: &Link, shape: &Shape, cut: &Cut) -> Result<Vec<Bound>, Fault> {
    let mut bounds = Vec::new();
    let texts: Vec<_> = cut.key.iter().map(|c| format!("{}::text", quote::name(c))).collect();
    let (texts, key) = (texts.join(", "), order(&cut.table, &cut.key));
    let from = shape.from(&cut.table);
    let mut range = Range::default();
    loop {
        let condition = shape.condition(&cut.table, &cut.key, &range, cut.filter.as_deref())?;
        // Two rows: where the second is missing, the first is the last key of all.
        let step = format!(
            "SELECT {texts} FROM {from}{condition} ORDER BY {key} LIMIT 2 OFFSET {}",
            cut.rows.max(1) - 1
        );
        let rows = link.query(&step).await?;
        let [bound, _] = rows.as_slice() else { return Ok(bounds) };
        let bound = Bound((0..cut.key.len()).map(|at| bound.get(at)).collect());
        bounds.push(bound.clone());
        range.after = Some(bound);
    }
}
