//! Every type that is supported, with the values at its borders, in all four directions.
//!
//! What arrived is read by queries of these tests and compared as text, never by Longhaul's own
//! digests; a value that did not arrive must be a counted reject with its key, column and reason,
//! and the run's own verdict must be *verified* nevertheless.

mod mysql;
mod postgres;
mod sqlite;

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::Value as Json;
use tests::command::{Said, between};
use tests::scratch::{Database, Folder};
use tokio_postgres::Client;

use postgres::{GROUND, OWN, OWN_SORTS, SORTS, Sort, YOUNG};
use sqlite::{Becomes, DECLARED};

const MORTAL: &str = env!("CARGO_BIN_EXE_mortal");

/// Rows of table `n` have ids from `n * SPREAD`, so that an id tells its table.
const SPREAD: usize = 100;

/// What a text is in SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// One table per type, `extra` columns after the value.
fn tables(sorts: &[Sort], extra: &str) -> String {
    let mut sql = String::new();
    for (n, (native, values)) in sorts.iter().enumerate() {
        sql += &format!("CREATE TABLE t{n} (id bigint PRIMARY KEY, v {native}{extra});\n");
        let texts = values.iter().map(|value| match value.strip_prefix('=') {
            // The one type that has `=` itself among its values.
            Some(expression) if !expression.is_empty() => expression.to_owned(),
            Some(_) | None => quoted(value),
        });
        for (i, text) in texts.chain(["NULL".to_owned()]).enumerate() {
            sql += &format!("INSERT INTO t{n} (id, v) VALUES ({}, {text});\n", n * SPREAD + i);
        }
    }
    sql
}

/// Defaults of a database that change what text means, for every session that does not know better.
const HOSTILE: &str = "DO $$ BEGIN EXECUTE (
    SELECT string_agg(format('ALTER DATABASE %I SET %s;', current_database(), setting), ' ')
      FROM unnest(ARRAY['TimeZone = ''Asia/Kathmandu''', 'DateStyle = ''German, DMY''',
        'IntervalStyle = ''sql_standard''', 'extra_float_digits = -15', 'bytea_output = ''escape''',
        'search_path = ''''', 'standard_conforming_strings = off', 'xmloption = ''document''',
        'array_nulls = off', 'quote_all_identifiers = on', 'transform_null_equals = on',
        'default_transaction_isolation = ''serializable''', 'client_min_messages = ''debug1''',
        'default_transaction_read_only = on', 'row_security = off', 'statement_timeout = 1',
        'lock_timeout = 1', 'idle_in_transaction_session_timeout = 1'
      ]) AS setting); END $$";

type Cells = BTreeMap<i64, Option<String>>;

/// All values by id, each as `spelled` prints it.
async fn read_postgres(client: &Client, sorts: &[Sort], spelled: &str) -> Cells {
    let plain = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres';
         SET extra_float_digits = 1; SET bytea_output = 'hex'; SET search_path = public";
    client.batch_execute(plain).await.unwrap();
    let mut cells = Cells::new();
    for n in 0..sorts.len() {
        let sql = format!("SELECT id::int8, {spelled} FROM t{n}");
        let rows = client.query(&sql, &[]).await.unwrap();
        cells.extend(rows.iter().map(|row| (row.get::<_, i64>(0), row.get(1))));
    }
    cells
}

/// As the type's own output function prints it. A composite of NULLs is not NULL.
const PRINTED: &str = "CASE num_nulls(v) WHEN 0 THEN format('%s', v) END";
/// The same, without the padding of `char(n)`.
const TRIMMED: &str = "CASE WHEN pg_typeof(v) = 'character'::regtype THEN v::text \
     WHEN num_nulls(v) = 0 THEN format('%s', v) END";

/// All values of a SQLite file by id, as they are stored.
fn read_sqlite(path: &Path, count: usize) -> BTreeMap<i64, Value> {
    let connection = Connection::open(path).unwrap();
    let mut cells = BTreeMap::new();
    for n in 0..count {
        let mut statement = connection.prepare(&format!("SELECT id, v FROM t{n}")).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            // Bytes, so that text which is no UTF-8 can be told as well.
            let cell = row.get_ref(1).unwrap();
            let value = Value::try_from(cell).unwrap_or_else(|_| {
                Value::Text(format!("not UTF-8: {:02x?}", cell.as_bytes().unwrap()))
            });
            cells.insert(row.get(0).unwrap(), value);
        }
    }
    cells
}

/// Runs, and expects rows to be refused for just these reasons; the report.
fn carry(folder: &Folder, from: &str, to: &str, refused: &BTreeMap<i64, String>) -> Json {
    let said = between(MORTAL, folder.path(), "run", from, to);
    let report = verified(&said, refused.is_empty());
    let rejects = report["rejects"].as_array().unwrap();
    let found: BTreeMap<i64, String> = rejects
        .iter()
        .map(|reject| {
            // The server names the constraint that a domain refused by, and no column.
            assert!(reject["column"] == "v" || reject["constraint"].is_string(), "{reject}");
            let key = reject["key"].as_str().unwrap();
            (key.parse().unwrap(), reject["reason"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(&found, refused, "refused rows, by key");
    assert_eq!(report["totals"]["rejected"], refused.len());
    report
}

fn verified(said: &Said, all: bool) -> Json {
    assert_eq!(said.code, Some(if all { 0 } else { 4 }), "{said}");
    let report = said.json();
    assert_eq!(report["verdict"], "verified", "{said}");
    report
}

/// The lane of each table.
fn lanes(report: &Json) -> BTreeMap<String, String> {
    let entities = report["entities"].as_array().unwrap();
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    entities.iter().map(|e| (text(&e["source"]), text(&e["lane"]))).collect()
}

/// The types that this server has.
async fn sorts(client: &Client) -> Vec<Sort> {
    let version: String = client.query_one("SHOW server_version_num", &[]).await.unwrap().get(0);
    let version: u32 = version.parse().unwrap();
    let multirange = |sort: &&Sort| version >= 140_000 || !sort.0.contains("multirange");
    let young = YOUNG.iter().filter(|_| version >= 140_000);
    SORTS.iter().filter(multirange).chain(young).copied().collect()
}

/// A database that holds tables of these types.
async fn source(sorts: &[Sort], own: bool, extra: &str) -> (Database, Client) {
    let database = Database::new().await;
    let client = database.client().await;
    client.batch_execute(&ground(own)).await.unwrap();
    client.batch_execute(&tables(sorts, extra)).await.unwrap();
    client.batch_execute(HOSTILE).await.unwrap();
    (database, client)
}

fn ground(own: bool) -> String {
    format!("{GROUND}{}", if own { OWN } else { "" })
}

/// Fails with the first values that differ, and not with megabytes of them.
fn assert_same(from: &Cells, to: &Cells, sorts: &[Sort]) {
    assert!(from.len() > sorts.len());
    for (id, value) in from {
        let sort = sorts[usize::try_from(*id).unwrap() / SPREAD].0;
        let short =
            |value: &Option<String>| value.as_ref().map(|v| v.chars().take(80).collect::<String>());
        match to.get(id) {
            Some(there) if there == value => {}
            Some(there) => panic!("{sort} {id}: {:?} became {:?}", short(value), short(there)),
            None => panic!("{sort} {id}: {:?} is missing", short(value)),
        }
    }
    assert_eq!(from.len(), to.len(), "rows that came from nowhere");
}

async fn postgres_to_postgres(extra: &str, lane: &str) {
    let to = Database::new().await;
    let target = to.client().await;
    target.batch_execute(HOSTILE).await.unwrap();
    let sorts = sorts(&target).await;
    let (from, source) = source(&sorts, false, extra).await;
    let report = carry(&Folder::new(), &from.url(), &to.url(), &BTreeMap::new());
    let lanes = lanes(&report);
    assert_eq!(lanes["public.t0"], lane);
    let (before, after) = (
        read_postgres(&source, &sorts, PRINTED).await,
        read_postgres(&target, &sorts, PRINTED).await,
    );
    assert_same(&before, &after, &sorts);
}

#[tokio::test]
async fn every_type_goes_from_postgresql_to_postgresql_as_bytes() {
    postgres_to_postgres("", "raw").await;
}

/// An object id is local to its database, so a column of them keeps the row out of the raw lane.
#[tokio::test]
async fn every_type_goes_from_postgresql_to_postgresql_as_text() {
    postgres_to_postgres(", o oid", "text").await;
}

#[tokio::test]
async fn types_of_ones_own_are_made_and_go_where_they_are_there() {
    let (from, source) = source(OWN_SORTS, true, "").await;
    let before = read_postgres(&source, OWN_SORTS, PRINTED).await;
    for there in [false, true] {
        let to = Database::new().await;
        let target = to.client().await;
        if there {
            target.batch_execute(&ground(true)).await.unwrap();
        }
        carry(&Folder::new(), &from.url(), &to.url(), &BTreeMap::new());
        assert_same(&before, &read_postgres(&target, OWN_SORTS, PRINTED).await, OWN_SORTS);
    }
}

/// Whether a SQLite cell means what PostgreSQL printed.
fn means(native: &str, printed: Option<&str>, cell: &Value) -> bool {
    let Some(text) = printed else { return *cell == Value::Null };
    let scale = || {
        native
            .strip_prefix("numeric(")?
            .split_once([',', ')'])?
            .1
            .trim_end_matches(')')
            .parse()
            .ok()
    };
    match (native, cell) {
        ("boolean", Value::Integer(bit)) => (*bit == 1) == (text == "t"),
        ("smallint" | "integer" | "bigint", Value::Integer(number)) => text.parse() == Ok(*number),
        ("real", Value::Real(number)) => {
            text.parse().is_ok_and(|there: f32| f64::from(there).to_bits() == number.to_bits())
        }
        ("double precision", Value::Real(number)) => {
            text.parse().is_ok_and(|there: f64| there.to_bits() == number.to_bits())
        }
        ("bytea", Value::Blob(bytes)) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            text.strip_prefix(r"\x") == Some(&hex)
        }
        ("positive", Value::Real(number)) => format!("{number:.2}") == text,
        (_, Value::Real(number)) => scale().is_some_and(|s: usize| format!("{number:.s$}") == text),
        (_, Value::Integer(number)) => {
            // SQLite keeps a whole REAL of numeric affinity as an integer.
            scale().is_some_and(|s: usize| format!("{:.s$}", *number as f64) == text)
        }
        (_, Value::Text(there)) => there == text,
        (_, Value::Null | Value::Blob(_)) => false,
    }
}

/// Values that SQLite has no place for: its numbers know no NaN, and a column of them no −0.
fn beyond_sqlite(sorts: &[Sort]) -> BTreeMap<i64, String> {
    let mut beyond = BTreeMap::new();
    for (n, (native, values)) in sorts.iter().enumerate() {
        let number = matches!(*native, "real" | "double precision" | "numeric(10,2)" | "positive");
        for (i, value) in values.iter().enumerate().filter(|_| number) {
            let reasons = [("NaN", "not_finite"), ("-0", "negative_zero")];
            if let Some((_, reason)) = reasons.iter().find(|(beyond, _)| beyond == value) {
                beyond.insert((n * SPREAD + i) as i64, (*reason).to_owned());
            }
        }
    }
    beyond
}

#[tokio::test]
async fn every_type_goes_from_postgresql_to_sqlite_and_back() {
    let back = Database::new().await;
    let target = back.client().await;
    target.batch_execute(HOSTILE).await.unwrap();
    let sorts: Vec<_> = [sorts(&target).await, OWN_SORTS.to_vec()].concat();
    let (from, source) = source(&sorts, true, "").await;
    let folder = Folder::new();
    let file = folder.sqlite("middle.db");
    let refused = beyond_sqlite(&sorts);
    carry(&folder, &from.url(), &file, &refused);
    let mut before = read_postgres(&source, &sorts, TRIMMED).await;
    before.retain(|id, _| !refused.contains_key(id));
    let middle = read_sqlite(&folder.path().join("middle.db"), sorts.len());
    assert_eq!(before.len(), middle.len());
    for (id, value) in &before {
        let native = sorts[usize::try_from(*id).unwrap() / SPREAD].0;
        let cell = &middle[id];
        assert!(
            means(native, value.as_deref(), cell),
            "{native} {id}: {value:.80?} became {cell:.80?}"
        );
    }
    carry(&Folder::new(), &file, &back.url(), &BTreeMap::new());
    let after = read_postgres(&target, &sorts, TRIMMED).await;
    assert_same(&before, &after, &sorts);
}

/// A SQLite file with one table per declared type, `extra` columns after the cell.
fn sqlite_source(path: &Path, extra: &str) {
    let mut sql = "BEGIN;".to_owned();
    for (n, (native, cells)) in DECLARED.iter().enumerate() {
        sql += &format!("CREATE TABLE t{n} (id INTEGER PRIMARY KEY, v {native}{extra});\n");
        for (i, (cell, _)) in cells.iter().enumerate() {
            sql += &format!("INSERT INTO t{n} (id, v) VALUES ({}, {cell});\n", n * SPREAD + i);
        }
        sql += &format!("INSERT INTO t{n} (id) VALUES ({});\n", n * SPREAD + SPREAD - 1);
    }
    Connection::open(path).unwrap().execute_batch(&(sql + "COMMIT;")).unwrap();
}

#[tokio::test]
async fn every_storage_class_goes_from_sqlite_to_postgresql_or_is_refused_by_name() {
    let (folder, to) = (Folder::new(), Database::new().await);
    sqlite_source(&folder.path().join("from.db"), "");
    let (mut arriving, mut refused) = (Cells::new(), BTreeMap::new());
    for (n, (_, cells)) in DECLARED.iter().enumerate() {
        for (i, (_, becomes)) in cells.iter().enumerate() {
            let id = (n * SPREAD + i) as i64;
            match becomes {
                Becomes::Text(text) => drop(arriving.insert(id, Some((*text).to_owned()))),
                Becomes::Refused(reason) => drop(refused.insert(id, (*reason).to_owned())),
            }
        }
        arriving.insert((n * SPREAD + SPREAD - 1) as i64, None);
    }
    carry(&folder, &folder.sqlite("from.db"), &to.url(), &refused);
    let sorts: Vec<Sort> = DECLARED.iter().map(|(native, _)| (*native, &[] as _)).collect();
    let arrived = read_postgres(&to.client().await, &sorts, PRINTED).await;
    assert_same(&arriving, &arrived, &sorts);
}

#[tokio::test]
async fn every_cell_goes_from_sqlite_to_sqlite_as_it_is_whatever_the_column_says() {
    let folder = Folder::new();
    sqlite_source(&folder.path().join("from.db"), "");
    let (from, to) = (folder.sqlite("from.db"), folder.sqlite("to.db"));
    let report = carry(&folder, &from, &to, &BTreeMap::new());
    assert!(lanes(&report).values().all(|lane| lane == "raw"), "{report}");
    let read = |name: &str| read_sqlite(&folder.path().join(name), DECLARED.len());
    let (before, after) = (bits(read("from.db")), bits(read("to.db")));
    assert!(before.len() > DECLARED.len());
    assert_eq!(before, after);
}

/// Values so that equal ones are equal to the bit.
fn bits(cells: BTreeMap<i64, Value>) -> BTreeMap<i64, String> {
    let bits = |value| match value {
        Value::Real(number) => format!("real {:x}", f64::to_bits(number)),
        other @ (Value::Null | Value::Integer(_) | Value::Text(_) | Value::Blob(_)) => {
            format!("{other:?}")
        }
    };
    cells.into_iter().map(|(id, value)| (id, bits(value))).collect()
}

/// A type of the source and a narrower one of a target that is there, values that fit, and values
/// that do not, each with the reason.
const NARROW: &[Other] = &[
    (
        "timestamp",
        "timestamp(3)",
        &["2024-02-29 12:30:00.125", "infinity", "294276-12-31 23:59:59.999"],
        &[
            ("2024-02-29 12:30:00.1255", "too_precise"),
            ("1999-12-31 23:59:59.999999", "too_precise"),
        ],
    ),
    (
        "timestamptz",
        "timestamptz(0)",
        &["2024-02-29 12:30:00+00"],
        &[("2024-02-29 12:30:00.5+00", "too_precise")],
    ),
    ("time", "time(0)", &["12:30:00", "24:00:00"], &[("23:59:59.5", "too_precise")]),
    ("timetz", "timetz(1)", &["12:30:00.5+02"], &[("12:30:00.55+02", "too_precise")]),
    ("text", "varchar(3)", &["äöü", ""], &[("abcd", "too_long"), ("abc ", "too_long")]),
    ("varchar(9)", "varchar(3)", &["abc"], &[("abcd", "too_long")]),
    ("char(9)", "char(3)", &["abc", ""], &[("abcd", "too_long")]),
    (
        "numeric",
        "numeric(5,2)",
        &["1.50", "-999.99", "NaN"],
        &[("1.505", "too_precise"), ("1000", "out_of_range")],
    ),
    ("numeric(10,4)", "numeric(5,2)", &["1.5000"], &[("1.5050", "too_precise")]),
    (
        "double precision",
        "real",
        &["0.5", "-0", "NaN"],
        &[("0.30000000000000004", "too_precise"), ("1e300", "out_of_range")],
    ),
    ("bigint", "smallint", &["-32768"], &[("32768", "out_of_range")]),
    (
        "numeric",
        "bigint",
        &["12", "1.0"],
        &[("1.5", "too_precise"), ("NaN", "wrong_type"), ("1e30", "out_of_range")],
    ),
    ("text", "mood", &["sad", ""], &[("happy", "no_such_label")]),
    ("text", "uuid", &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], &[("x", "wrong_type")]),
    ("numeric(10,2)", "positive", &["0.01"], &[("0.00", "check (23514)")]),
    ("varbit", "varbit(2)", &["01", ""], &[("010", "too_long")]),
    ("text", "jsonb", &["[]"], &[("{", "wrong_type")]),
    (
        "text",
        "date",
        &["2024-02-29", "infinity"],
        &[("2024-02-30", "no_such_date"), ("", "wrong_type")],
    ),
];

#[tokio::test]
async fn columns_narrower_than_the_source_take_what_fits_and_round_nothing() {
    let (from, to) = (Database::new().await, Database::new().await);
    let (source, target) = (from.client().await, to.client().await);
    let (mut before, mut after) = (ground(false), ground(false));
    let mut refused = BTreeMap::new();
    for (n, (wide, narrow, fitting, beyond)) in NARROW.iter().enumerate() {
        before += &format!("CREATE TABLE t{n} (id bigint PRIMARY KEY, v {wide});\n");
        after += &format!("CREATE TABLE t{n} (id bigint PRIMARY KEY, v {narrow});\n");
        let beyond = beyond.iter().map(|(value, reason)| (value, Some(*reason)));
        let all = fitting.iter().map(|value| (value, None)).chain(beyond);
        for (i, (value, reason)) in all.enumerate() {
            let id = n * SPREAD + i;
            before += &format!("INSERT INTO t{n} VALUES ({id}, {});\n", quoted(value));
            refused.extend(reason.map(|reason| (id as i64, reason.to_owned())));
        }
    }
    source.batch_execute(&before).await.unwrap();
    target.batch_execute(&after).await.unwrap();
    carry(&Folder::new(), &from.url(), &to.url(), &refused);
    // Each value that arrived is what its own text is in the narrow type.
    let sorts: Vec<Sort> = NARROW.iter().map(|(_, narrow, ..)| (*narrow, &[] as _)).collect();
    let arrived = read_postgres(&target, &sorts, PRINTED).await;
    let mut expected = Cells::new();
    for (n, (_, narrow, fitting, _)) in NARROW.iter().enumerate() {
        for (i, value) in fitting.iter().enumerate() {
            let sql = format!(
                "SELECT {PRINTED} FROM (SELECT {}::{narrow} AS v) q",
                quoted(value.trim_end_matches(".0"))
            );
            let printed = target.query_one(&sql, &[]).await.unwrap().get(0);
            expected.insert((n * SPREAD + i) as i64, printed);
        }
    }
    assert_same(&expected, &arrived, &sorts);
}

#[tokio::test]
async fn columns_that_would_round_unseen_are_refused_by_name() {
    for (wide, narrow) in [
        ("interval", "interval(0)"),
        ("interval", "interval year to month"),
        ("timestamp[]", "timestamp(0)[]"),
        ("numeric", "numeric(5,-2)"),
    ] {
        let (from, to) = (Database::new().await, Database::new().await);
        for (database, native) in [(&from, wide), (&to, narrow)] {
            let sql = format!("CREATE TABLE t (id int PRIMARY KEY, v {native})");
            database.client().await.batch_execute(&sql).await.unwrap();
        }
        let said = between(MORTAL, Folder::new().path(), "plan", &from.url(), &to.url()).exits(6);
        assert!(said.stderr.contains("public.t.v"), "{said}");
        // The same type on both sides changes nothing.
        let same = format!("ALTER TABLE t ALTER v TYPE {narrow}");
        from.client().await.batch_execute(&same).await.unwrap();
        let _ = between(MORTAL, Folder::new().path(), "run", &from.url(), &to.url()).exits(0);
    }
}

/// Types of a source and a target, cells that go over, and cells that do not with the reason.
type Other =
    (&'static str, &'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

const OTHERS: &[Other] = &[
    (
        "INTEGER",
        "BIGINT",
        &["9223372036854775807", "-9223372036854775808"],
        &[("'abc'", "wrong_type"), ("1.5", "too_precise"), ("x'00'", "wrong_type")],
    ),
    ("REAL", "DOUBLE", &["0.1", "5e-324", "9e999", "-9e999"], &[("'abc'", "wrong_type")]),
    (
        "TEXT",
        "CLOB",
        &["''", "'0012'", "'1e5'", "char(0) || 'x'"],
        &[("CAST(x'ff' AS TEXT)", "invalid_encoding")],
    ),
    ("BLOB", "LONGBLOB", &["x''", "x'00ff'"], &[("1", "wrong_type")]),
    (
        "DATETIME",
        "TIMESTAMP",
        &["'2024-02-29 12:30:00'", "'infinity'"],
        &[("'yesterday'", "wrong_type"), ("12", "wrong_type")],
    ),
];

/// Into SQLite columns of another declared type, cells travel as text and are looked at: a cell
/// that is not of its column's type is refused, the others stay what they were.
#[test]
fn cells_go_into_sqlite_columns_of_another_type_or_are_refused_by_name() {
    let folder = Folder::new();
    let (mut before, mut after) = (String::new(), String::new());
    let mut refused = BTreeMap::new();
    for (n, (native, other, fitting, beyond)) in OTHERS.iter().enumerate() {
        before += &format!("CREATE TABLE t{n} (id INTEGER PRIMARY KEY, v {native});");
        after += &format!("CREATE TABLE t{n} (id INTEGER PRIMARY KEY, v {other});");
        let beyond = beyond.iter().map(|(value, reason)| (value, Some(*reason)));
        let all = fitting.iter().map(|value| (value, None)).chain(beyond);
        for (i, (value, reason)) in all.enumerate() {
            let id = n * SPREAD + i;
            before += &format!("INSERT INTO t{n} VALUES ({id}, {value});");
            refused.extend(reason.map(|reason| (id as i64, reason.to_owned())));
        }
    }
    for (name, sql) in [("from.db", before), ("to.db", after)] {
        Connection::open(folder.path().join(name)).unwrap().execute_batch(&sql).unwrap();
    }
    let report = carry(&folder, &folder.sqlite("from.db"), &folder.sqlite("to.db"), &refused);
    assert!(lanes(&report).values().all(|lane| lane == "text"), "{report}");
    let read = |name: &str| bits(read_sqlite(&folder.path().join(name), OTHERS.len()));
    let mut expected = read("from.db");
    expected.retain(|id, _| !refused.contains_key(id));
    assert_eq!(expected, read("to.db"));
}
