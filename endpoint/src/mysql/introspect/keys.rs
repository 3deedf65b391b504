//! Keys, indexes, foreign keys and checks.

use protocol::schema::{Check, Column, ForeignKey, Index, IndexOn, IndexPart, Key, TableName};

use super::Lines;
use super::shown::{self, Shown};

/// Keys and indexes of a table, told apart.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) primary: Option<Key>,
    pub(super) uniques: Vec<Key>,
    pub(super) others: Vec<Index>,
}

impl Keys {
    /// From lines of [`super::queries::indexes`]. Without the ends of rows that a system-versioned
    /// table remembers: of the rows of now there is one each, and the server adds them itself.
    pub(super) fn of(lines: Lines, columns: &[Column], shown: Option<&Shown>) -> Self {
        let is_end = |name: &str| {
            let column = columns.iter().find(|column| column.name == name);
            let generated = column.and_then(|column| column.generated.as_ref());
            generated.is_some_and(|g| matches!(&*g.expression, "ROW START" | "ROW END"))
        };
        let mut keys = Self::default();
        for mut index in indexes(lines) {
            let all = index.parts.len();
            index.parts.retain(|part| match &part.on {
                IndexOn::Column(name) => !index.unique || !is_end(name),
                IndexOn::Prefix { .. } | IndexOn::Expression(_) => true,
            });
            let own = shown.and_then(|shown| shown.keys.get(&index.name));
            let own = own.filter(|_| all == index.parts.len()).cloned();
            let primary = index.name == "PRIMARY";
            match index.unique_columns() {
                Some(columns) if primary => {
                    keys.primary = Some(Key { own, ..Key::new(None, columns) })
                }
                None if primary => {
                    keys.primary = Some(Key { own, ..Key::new(None, whole(&index)) });
                }
                Some(columns) => {
                    keys.uniques.push(Key { own, ..Key::new(Some(index.name), columns) })
                }
                None => keys.others.push(Index { tail: own, ..index }),
            }
        }
        keys
    }
}

/// The columns of a key, whole where it looks at their beginnings only.
fn whole(index: &Index) -> Vec<String> {
    let column = |part: &IndexPart| match &part.on {
        IndexOn::Column(column) | IndexOn::Prefix { column, .. } => Some(column.clone()),
        IndexOn::Expression(_) => None,
    };
    index.parts.iter().filter_map(column).collect()
}

/// Checks: with names those of the table, and without those of one column or of a period, which stand
/// there in the server's own words.
pub(super) fn checks_of(lines: Lines, columns: &[Column], shown: Option<&Shown>) -> Vec<Check> {
    let listed = checks(lines);
    let Some(shown) = shown else { return listed };
    let periods = shown.lines.iter().filter_map(|line| line.strip_prefix("PERIOD FOR "));
    let periods: Vec<_> = periods.filter_map(shown::named).map(|(name, _)| name).collect();
    let of_columns = columns.iter().filter_map(|column| {
        let expression = shown::without_check(column.own.as_deref()?).1?.to_owned();
        Some(Check::new(None, expression))
    });
    let of_table = shown
        .checks
        .iter()
        .map(|(name, expression)| Check::new(Some(name.clone()), expression.clone()));
    let of_periods = listed.into_iter().filter_map(|check| {
        let period = check.name.is_some_and(|name| periods.contains(&name));
        period.then(|| Check::new(None, check.expression))
    });
    of_columns.chain(of_table).chain(of_periods).collect()
}

/// Lines of [`super::queries::indexes`], in the order of index and place.
pub(super) fn indexes(lines: Lines) -> Vec<Index> {
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

/// Lines of [`super::queries::LINKS`], in the order of constraint and place.
pub(super) fn links(lines: Lines) -> Vec<ForeignKey> {
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

pub(super) fn checks(lines: Lines) -> Vec<Check> {
    let check = |line: Vec<Option<String>>| {
        let mut cells = line.into_iter().map(Option::unwrap_or_default);
        let name = cells.next().filter(|name| !name.is_empty());
        Check::new(name, cells.next().unwrap_or_default())
    };
    lines.into_iter().map(check).collect()
}
