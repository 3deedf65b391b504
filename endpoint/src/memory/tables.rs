//! Tables with their rows, and the changes that a transaction makes to them.
//!
//! A transaction works on a copy, and keeps the list of its changes; its commit makes the same
//! changes to what is committed by then. Copies share rows until one of them changes.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use protocol::batch::Batch;
use protocol::fault::{Code, Fault, Native};
use protocol::plan::Bound;
use protocol::schema::{Column, ForeignKey, Index, Key, Logical, Table, TableName};
use serde::{Deserialize, Serialize};

use super::compare;

pub(super) type Row = Vec<Option<Vec<u8>>>;
pub(super) type Tables = BTreeMap<TableName, Arc<Stored>>;

/// A table and its rows.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) table: Table,
    pub(super) rows: Vec<Row>,
    /// Counts changes, so that a reader can tell whether there were any.
    pub(super) version: u64,
    uniques: Vec<Unique>,
}

/// A unique constraint, and where the row of each key is. Keys with NULL are not unique.
#[derive(Debug, Clone)]
struct Unique {
    name: String,
    columns: Vec<usize>,
    places: HashMap<Row, usize>,
}

/// One change of a transaction.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Rows that are inserted, or overwrite those with the same `conflict` columns.
    Rows { into: Arc<Into>, batch: Batch },
    /// Links that are filled in rows that are there.
    Links { into: Arc<Into>, key: usize, batch: Batch },
    /// A change of the catalogue.
    Statement(Statement),
}

/// Where cells go.
#[derive(Debug, Clone)]
pub(super) struct Into {
    pub(super) table: TableName,
    /// The column of each cell, and whether it is left NULL.
    pub(super) columns: Vec<(String, bool)>,
    /// In upsert and update: which columns say what row is meant.
    pub(super) conflict: Vec<String>,
    /// Whether a row that is not there is left out.
    pub(super) only_update: bool,
}

/// The statements of this engine: JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Statement {
    /// Creates a table, without keys.
    Create(Box<Table>),
    /// Adds a primary key, or a unique constraint.
    Key { table: TableName, key: Key, primary: bool },
    /// Adds an index.
    Index { table: TableName, index: Index },
    /// Adds a foreign key, which is not enforced.
    ForeignKey { table: TableName, key: ForeignKey },
}

impl Change {
    /// Makes the change, and returns how many rows it was about.
    pub(super) fn apply(&self, tables: &mut Tables) -> Result<u64, Fault> {
        match self {
            Self::Rows { into, batch } => {
                let stored = of(tables, &into.table)?;
                stored.write(into, batch)
            }
            Self::Links { into, key, batch } => of(tables, &into.table)?.link(into, *key, batch),
            Self::Statement(statement) => statement.run(tables).map(|()| 0),
        }
    }
}

impl Statement {
    fn run(&self, tables: &mut Tables) -> Result<(), Fault> {
        match self {
            Self::Create(table) => {
                if tables.contains_key(&table.name) {
                    return Err(Fault::new(Code::Refused, table.name.to_string())
                        .saying("the table is there already"));
                }
                tables.insert(table.name.clone(), Arc::new(Stored::new((**table).clone())));
            }
            Self::Key { table, key, primary } => {
                let stored = of(tables, table)?;
                stored.constrain(key.name.as_deref(), &key.columns)?;
                if *primary {
                    stored.table.primary_key = Some(key.clone());
                } else {
                    stored.table.uniques.push(key.clone());
                }
            }
            Self::Index { table, index } => {
                let stored = of(tables, table)?;
                if let Some(columns) = index.unique_columns() {
                    stored.constrain(Some(&index.name), &columns)?;
                }
                stored.table.indexes.push(index.clone());
            }
            Self::ForeignKey { table, key } => {
                of(tables, table)?.table.foreign_keys.push(key.clone());
            }
        }
        Ok(())
    }
}

fn of<'a>(tables: &'a mut Tables, name: &TableName) -> Result<&'a mut Stored, Fault> {
    let absent = || Fault::new(Code::Refused, name.to_string()).saying("there is no such table");
    let stored = Arc::make_mut(tables.get_mut(name).ok_or_else(absent)?);
    stored.version += 1;
    Ok(stored)
}

impl Stored {
    /// An empty table, with the keys that stand in its description.
    pub(super) fn new(table: Table) -> Self {
        let mut stored = Self { table, rows: Vec::new(), version: 0, uniques: Vec::new() };
        let table = stored.table.clone();
        let keys = table.primary_key.iter().chain(&table.uniques);
        let keys = keys.map(|key| (key.name.clone(), key.columns.clone()));
        let indexes = table.indexes.iter();
        let indexes = indexes.filter_map(|i| Some((Some(i.name.clone()), i.unique_columns()?)));
        for (name, columns) in keys.chain(indexes) {
            stored
                .constrain(name.as_deref(), &columns)
                .expect("an empty table violates no key, and a description names its own columns");
        }
        stored
    }

    /// The description, with estimates that are true.
    pub(super) fn described(&self) -> Table {
        let bytes = self.rows.iter().flatten().map(|cell| cell.as_ref().map_or(0, Vec::len)).sum();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Table {
            rows_estimate: count(self.rows.len()),
            bytes_estimate: count(bytes),
            ..self.table.clone()
        }
    }

    /// The places of columns.
    pub(super) fn columns(&self, names: &[String]) -> Result<Vec<usize>, Fault> {
        let place = |name: &String| {
            let found = self.table.columns.iter().position(|column| column.name == *name);
            found.ok_or_else(|| {
                Fault::new(Code::Refused, self.table.name.to_string())
                    .saying(format!("there is no column {name}"))
            })
        };
        names.iter().map(place).collect()
    }

    /// Two rows in the order of a key.
    pub(super) fn order(&self, key: &[usize], a: &Row, b: &Row) -> Ordering {
        let column = |c: &usize| {
            let logical = &self.table.columns[*c].logical;
            compare::cells(logical, a[*c].as_deref(), b[*c].as_deref())
        };
        key.iter().map(column).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// A row's key as a bound.
    pub(super) fn bound(&self, key: &[usize], row: &Row) -> Bound {
        let text = |c: &usize| spelled(&self.table.columns[*c], row[*c].as_deref().unwrap_or(b""));
        Bound(key.iter().map(text).collect())
    }

    /// A row's key against a bound.
    pub(super) fn against(&self, key: &[usize], row: &Row, bound: &Bound) -> Ordering {
        let column = |(c, text): (&usize, &String)| {
            let column = &self.table.columns[*c];
            let value = unspelled(column, text);
            compare::cells(&column.logical, row[*c].as_deref(), Some(&value))
        };
        let orders = key.iter().zip(&bound.0).map(column);
        orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// Adds a row of all columns.
    pub(super) fn insert(&mut self, row: Row) -> Result<(), Fault> {
        self.check(&row)?;
        for unique in &self.uniques {
            if unique.key(&row).is_some_and(|key| unique.places.contains_key(&key)) {
                return Err(self.taken(unique));
            }
        }
        let place = self.rows.len();
        for unique in &mut self.uniques {
            if let Some(key) = unique.key(&row) {
                unique.places.insert(key, place);
            }
        }
        self.rows.push(row);
        Ok(())
    }

    fn replace(&mut self, place: usize, row: Row) -> Result<(), Fault> {
        self.check(&row)?;
        let elsewhere = |unique: &&Unique| {
            let there = unique.key(&row).and_then(|key| unique.places.get(&key).copied());
            there.is_some_and(|there| there != place)
        };
        if let Some(unique) = self.uniques.iter().find(elsewhere) {
            return Err(self.taken(unique));
        }
        for unique in &mut self.uniques {
            if let Some(key) = unique.key(&self.rows[place]) {
                unique.places.remove(&key);
            }
            if let Some(key) = unique.key(&row) {
                unique.places.insert(key, place);
            }
        }
        self.rows[place] = row;
        Ok(())
    }

    /// Returns how many rows were written.
    fn write(&mut self, into: &Into, batch: &Batch) -> Result<u64, Fault> {
        let mut written = 0;
        let names: Vec<_> = into.columns.iter().map(|(name, _)| name.clone()).collect();
        let columns = self.columns(&names)?;
        let conflict = self.columns(&into.conflict)?;
        let fresh: Row = self.table.columns.iter().map(preset).collect();
        for cells in batch.iter() {
            let mut row = fresh.clone();
            let mut given = Vec::new();
            for ((place, cell), (_, blank)) in columns.iter().zip(cells.cells()).zip(&into.columns)
            {
                row[*place] = cell.filter(|_| !blank).map(<[u8]>::to_vec);
                given.push(*place);
            }
            written += 1;
            match self.found(&conflict, &row)? {
                None if into.only_update => written -= 1,
                None => self.insert(row)?,
                Some(place) => {
                    let mut whole = self.rows[place].clone();
                    for column in given {
                        whole[column] = row[column].take();
                    }
                    self.replace(place, whole)?;
                }
            }
        }
        Ok(written)
    }

    fn link(&mut self, into: &Into, key: usize, batch: &Batch) -> Result<u64, Fault> {
        let names: Vec<_> = into.columns.iter().map(|(name, _)| name.clone()).collect();
        let columns = self.columns(&names)?;
        let mut found = 0;
        for cells in batch.iter() {
            let cells: Row = cells.cells().map(|cell| cell.map(<[u8]>::to_vec)).collect();
            let same =
                |row: &Row| columns[..key].iter().zip(&cells).all(|(c, cell)| row[*c] == *cell);
            let Some(place) = self.rows.iter().position(same) else { continue };
            let mut row = self.rows[place].clone();
            for (column, cell) in columns.iter().zip(cells).skip(key) {
                row[*column] = cell;
            }
            self.replace(place, row)?;
            found += 1;
        }
        Ok(found)
    }

    /// The row that an upsert means.
    fn found(&self, conflict: &[usize], row: &Row) -> Result<Option<usize>, Fault> {
        if conflict.is_empty() {
            return Ok(None);
        }
        let covers = |unique: &&Unique| {
            unique.columns.len() == conflict.len()
                && unique.columns.iter().all(|column| conflict.contains(column))
        };
        let Some(unique) = self.uniques.iter().find(covers) else {
            return Err(Fault::new(Code::Refused, self.table.name.to_string())
                .saying("no unique constraint covers exactly the conflict columns"));
        };
        Ok(unique.key(row).and_then(|key| unique.places.get(&key).copied()))
    }

    fn constrain(&mut self, name: Option<&str>, columns: &[String]) -> Result<(), Fault> {
        let fallback = || format!("{}_{}_key", self.table.name.name, columns.join("_"));
        let name = name.map_or_else(fallback, ToOwned::to_owned);
        let columns = self.columns(columns)?;
        let mut unique = Unique { name, columns, places: HashMap::new() };
        for (place, row) in self.rows.iter().enumerate() {
            let Some(key) = unique.key(row) else { continue };
            if unique.places.insert(key, place).is_some() {
                return Err(self.taken(&unique));
            }
        }
        self.uniques.push(unique);
        Ok(())
    }

    fn check(&self, row: &Row) -> Result<(), Fault> {
        for (column, cell) in self.table.columns.iter().zip(row) {
            let wrong = match cell {
                None if column.nullable => None,
                None => Some("not_null"),
                Some(bytes) => misfit(&column.logical, bytes),
            };
            if let Some(code) = wrong {
                let native = Native { column: Some(column.name.clone()), ..self.native(code) };
                return Err(self.refused(native));
            }
        }
        Ok(())
    }

    fn taken(&self, unique: &Unique) -> Fault {
        self.refused(Native { constraint: Some(unique.name.clone()), ..self.native("unique") })
    }

    fn native(&self, code: &str) -> Native {
        let table = Some(self.table.name.to_string());
        Native { code: code.to_owned(), table, ..Native::default() }
    }

    fn refused(&self, native: Native) -> Fault {
        Fault::new(Code::ValueRefused, self.table.name.to_string()).native(native)
    }
}

impl Unique {
    /// The key of a row, where none of it is NULL.
    fn key(&self, row: &Row) -> Option<Row> {
        let key: Row = self.columns.iter().map(|column| row[*column].clone()).collect();
        key.iter().all(Option::is_some).then_some(key)
    }
}

/// What a column holds where nothing is given: its default, as canonical text.
fn preset(column: &Column) -> Option<Vec<u8>> {
    column.default.as_ref().map(|text| text.as_bytes().to_vec())
}

/// Why a type does not hold a value, as far as this engine looks.
fn misfit(logical: &Logical, bytes: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(bytes);
    let whole = || text.ok()?.parse::<i64>().ok();
    let long = |length: u32| text.is_ok_and(|t| t.chars().count() > length as usize);
    match logical {
        Logical::Integer { bits } => match whole() {
            None => Some("not_an_integer"),
            Some(value) => {
                let unused = 64u32.saturating_sub(u32::from(*bits));
                let fits = (i64::MIN >> unused..=i64::MAX >> unused).contains(&value);
                (!fits).then_some("out_of_range")
            }
        },
        Logical::Boolean => (!matches!(bytes, b"t" | b"f")).then_some("not_a_boolean"),
        Logical::Decimal { .. } | Logical::Float { .. } => {
            text.map_or(true, |t| t.parse::<f64>().is_err()).then_some("not_a_number")
        }
        Logical::Enum { labels } => {
            (!labels.iter().any(|label| label.as_bytes() == bytes)).then_some("no_such_label")
        }
        Logical::Text { length: Some(length) } | Logical::Char { length } if long(*length) => {
            Some("too_long")
        }
        Logical::Binary => None,
        Logical::Text { .. }
        | Logical::Char { .. }
        | Logical::Date
        | Logical::Time
        | Logical::TimeWithZone
        | Logical::Timestamp
        | Logical::TimestampWithZone
        | Logical::Interval
        | Logical::Uuid
        | Logical::Json
        | Logical::JsonBinary
        | Logical::Bits { .. }
        | Logical::Array { .. }
        | Logical::Native { .. }
        | Logical::Any => text.is_err().then_some("not_utf8"),
    }
}

/// A key cell as text: bytes in hexadecimal, all else as it is.
fn spelled(column: &Column, bytes: &[u8]) -> String {
    if column.logical == Logical::Binary {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    }
}

fn unspelled(column: &Column, text: &str) -> Vec<u8> {
    if column.logical != Logical::Binary {
        return text.as_bytes().to_vec();
    }
    let pair = |pair: &[u8]| u8::from_str_radix(&String::from_utf8_lossy(pair), 16).unwrap_or(0);
    text.as_bytes().chunks(2).map(pair).collect()
}
