//! The bookkeeping tables themselves.

use super::Dialect;

/// The tables, in an order in which they can be created. `{p}` stands for the prefix.
const TABLES: [&str; 7] = [
    "CREATE TABLE IF NOT EXISTS {p}meta (format bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {p}run (
        run text NOT NULL PRIMARY KEY, state text NOT NULL, epoch bigint NOT NULL,
        fingerprint text NOT NULL, migration text NOT NULL,
        from_environment text NOT NULL, to_environment text NOT NULL,
        created bigint NOT NULL, ended bigint, drifted bigint NOT NULL, counters text,
        fleet bigint NOT NULL, steering text NOT NULL, held text, led bigint,
        head text NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {p}plan (
        run text NOT NULL, chunk bigint NOT NULL, stage text NOT NULL, entity bigint,
        body text NOT NULL, PRIMARY KEY (run, chunk))",
    "CREATE TABLE IF NOT EXISTS {p}receipt (
        run text NOT NULL, chunk bigint NOT NULL, outcome text NOT NULL, attempt text NOT NULL,
        worker text, tries bigint, read_digest text, written_digest text,
        filtered bigint, rejected bigint, bytes bigint, policies text,
        started bigint, finished bigint, PRIMARY KEY (run, chunk))",
    "CREATE TABLE IF NOT EXISTS {p}reject (
        run text NOT NULL, chunk bigint NOT NULL, row_key text NOT NULL, column_name text,
        reason text NOT NULL, constraint_name text)",
    "CREATE TABLE IF NOT EXISTS {p}sample (
        run text NOT NULL, chunk bigint NOT NULL, row_key text NOT NULL, column_name text,
        reason text NOT NULL, constraint_name text)",
    "CREATE TABLE IF NOT EXISTS {p}owner (entity text NOT NULL PRIMARY KEY, run text NOT NULL)",
];

/// The statements that make what is missing.
pub(super) fn create(dialect: &Dialect) -> String {
    let tables = TABLES.iter().map(|table| table.replace("{p}", dialect.prefix));
    let all: Vec<_> = dialect.schema.map(str::to_owned).into_iter().chain(tables).collect();
    all.join(";\n")
}
