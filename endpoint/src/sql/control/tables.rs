//! The bookkeeping tables themselves.

use super::Dialect;

/// The tables and their columns, in an order in which they can be created. `{word}` is text that
/// stands in keys, `{text}` any other.
const TABLES: [(&str, &str); 10] = [
    ("meta", "format bigint NOT NULL"),
    ("run", "
        run {word} NOT NULL PRIMARY KEY, state {text} NOT NULL, epoch bigint NOT NULL,
        fingerprint {text} NOT NULL, migration {text} NOT NULL,
        from_environment {text} NOT NULL, to_environment {text} NOT NULL,
        created bigint NOT NULL, ended bigint, drifted bigint NOT NULL, counters {text},
        fleet bigint NOT NULL, steering {text} NOT NULL, held {text}, led bigint,
        head {text} NOT NULL"),
    ("plan", "
        run {word} NOT NULL, chunk bigint NOT NULL, stage {text} NOT NULL, entity bigint,
        body {text} NOT NULL, PRIMARY KEY (run, chunk)"),
    ("receipt", "
        run {word} NOT NULL, chunk bigint NOT NULL, outcome {text} NOT NULL, attempt {text} NOT NULL,
        worker {text}, tries bigint, read_digest {text}, written_digest {text},
        filtered bigint, rejected bigint, bytes bigint, policies {text}, spent {text},
        started bigint, finished bigint, PRIMARY KEY (run, chunk)"),
    ("reject", "
        run {word} NOT NULL, chunk bigint NOT NULL, row_key {text} NOT NULL, column_name {text},
        reason {text} NOT NULL, constraint_name {text}"),
    ("sample", "
        run {word} NOT NULL, chunk bigint NOT NULL, row_key {text} NOT NULL, column_name {text},
        reason {text} NOT NULL, constraint_name {text}"),
    ("history", "entry {word} NOT NULL PRIMARY KEY, run {word} NOT NULL, body {text} NOT NULL"),
    ("resolved", "
        run {word} NOT NULL, chunk bigint NOT NULL, row_key {text} NOT NULL, column_name {text},
        reason {text} NOT NULL, constraint_name {text}, retried bigint NOT NULL"),
    ("crew", "
        run {word} NOT NULL, worker {word} NOT NULL, slots bigint NOT NULL, seen bigint NOT NULL,
        PRIMARY KEY (run, worker)"),
    ("owner", "entity {word} NOT NULL PRIMARY KEY, run {word} NOT NULL"),
];

/// The names of all tables, without prefix.
pub(super) fn names(dialect: &Dialect) -> impl Iterator<Item = &'static str> {
    TABLES.iter().chain(dialect.made_of.more).map(|(name, _)| *name)
}

/// The statements that make what is missing.
pub(super) fn create(dialect: &Dialect) -> String {
    let made_of = dialect.made_of;
    let table = |(name, columns): (&str, &str)| {
        let columns = columns.replace("{word}", made_of.word).replace("{text}", made_of.text);
        let (prefix, tail) = (dialect.prefix, made_of.tail);
        format!("CREATE TABLE IF NOT EXISTS {prefix}{name} ({columns}){tail}")
    };
    let tables = TABLES.iter().chain(made_of.more).copied().map(table);
    let all: Vec<_> = dialect.schema.map(str::to_owned).into_iter().chain(tables).collect();
    all.join(";\n")
}
