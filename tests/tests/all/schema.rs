//! What stands around rows: a new target gets all that it can express, and the plan names the rest.
//!
//! Catalogues are compared by queries of these tests. Where the other engine is the target, the
//! proof is behaviour: a bad row is refused, a number goes on where it stood.

mod account;
mod beside;
mod kinds;
mod names;

use std::path::Path;

use rusqlite::Connection;
use tests::command::{Said, between, longhaul, run};
use tests::scratch::{Database, Folder};
use tokio_postgres::{Client, SimpleQueryMessage};

const MORTAL: &str = env!("CARGO_BIN_EXE_mortal");

/// A PostgreSQL schema, all of which a PostgreSQL target can have.
const SOURCE: &str = include_str!("schema/source.sql");
/// One of which a new target gets little.
const LEFT: &str = include_str!("schema/left.sql");
/// A SQLite schema.
const SQLITE: &str = include_str!("schema/sqlite.sql");

/// A schema that is neither the server's nor Longhaul's.
const USER: &str = "n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'longhaul')";

/// One line per fact, of every kind.
fn facts() -> Vec<String> {
    [
        "SELECT 'column ' || a.attrelid::regclass || '.' || a.attname || ' ' || a.attnum || ' '
                || format_type(a.atttypid, a.atttypmod) || ' not null ' || a.attnotnull
                || ' identity ' || a.attidentity::text || ' generated ' || a.attgenerated::text
                || ' default ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '-')
                || ' collation ' || a.attcollation::regcollation
                || ' comment ' || coalesce(col_description(c.oid, a.attnum), '-')
           FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
           JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
          WHERE a.attnum > 0 AND {user}",
        "SELECT 'table ' || c.oid::regclass || ' ' || c.relkind::text || c.relpersistence::text || ' '
                || coalesce(pg_get_partkeydef(c.oid), '-') || ' '
                || coalesce(pg_get_expr(c.relpartbound, c.oid), '-') || ' comment '
                || coalesce(obj_description(c.oid, 'pg_class'), '-')
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'p') AND {user}",
        "SELECT 'constraint ' || k.conrelid::regclass || ' ' || k.conname || ' '
                || pg_get_constraintdef(k.oid)
           FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace WHERE {user}",
        "SELECT 'index ' || pg_get_indexdef(c.oid)
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('i', 'I') AND {user}",
        "SELECT 'sequence ' || c.oid::regclass || ' ' || row(q.seqstart, q.seqincrement, q.seqmin,
                q.seqmax, q.seqcycle, pg_sequence_last_value(c.oid))
           FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {user}",
        "SELECT 'enum ' || t.oid::regtype || ' ' || e.enumsortorder || ' ' || e.enumlabel
           FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
           JOIN pg_namespace n ON n.oid = t.typnamespace WHERE {user}",
    ]
    .iter()
    .map(|sql| sql.replace("{user}", USER))
    .collect()
}

async fn catalogue(client: &Client) -> Vec<String> {
    client.batch_execute("SET search_path = ''").await.unwrap();
    let mut lines = Vec::new();
    for sql in facts() {
        let rows = client.query(&sql, &[]).await.unwrap();
        assert!(!rows.is_empty(), "{sql}");
        lines.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    lines.sort();
    lines
}

/// What a statement returned, or the code by which it was refused.
async fn answer(client: &Client, sql: &str) -> String {
    match client.simple_query(sql).await {
        Ok(messages) => {
            let cell = |message: &SimpleQueryMessage| match message {
                SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                SimpleQueryMessage::CommandComplete(_)
                | SimpleQueryMessage::RowDescription(_)
                | _ => None,
            };
            messages.iter().filter_map(cell).collect::<Vec<_>>().join(", ")
        }
        Err(error) => format!("refused: {}", error.code().unwrap().code()),
    }
}

/// Runs, and expects all to arrive; the report.
fn carry(from: &str, to: &str) -> Said {
    let folder = Folder::new();
    let said = between(MORTAL, folder.path(), "run", from, to);
    if said.code != Some(0) {
        // What was parked, and why, is told by the status alone.
        panic!("{}\n{}", run(longhaul(MORTAL, folder.path()).arg("status")), said.stderr);
    }
    assert_eq!(said.json()["verdict"], "verified", "{said}");
    said
}

/// What the plan says a person should know, one line per note.
fn notes(from: &str, to: &str) -> Vec<String> {
    let said = between(MORTAL, Folder::new().path(), "plan", from, to).exits(0);
    told(&said.json())
}

/// The notes of a plan, a line each.
fn told(notes: &serde_json::Value) -> Vec<String> {
    let line = |note: &serde_json::Value| {
        let entity = note["entity"].as_str().unwrap_or_default();
        format!("{entity} {}", note["text"].as_str().unwrap())
    };
    notes["plan"]["notes"].as_array().unwrap().iter().map(line).collect()
}

/// Every one of the words, each in a note of its own line.
fn assert_named(notes: &[String], words: &[&str]) {
    for word in words {
        let named = notes.iter().any(|note| word.split(" … ").all(|part| note.contains(part)));
        assert!(named, "nothing says {word:?}:\n{}", notes.join("\n"));
    }
}

#[tokio::test]
async fn a_new_postgresql_target_has_the_same_catalogue_and_counts_on() {
    let (from, to) = (Database::new().await, Database::new().await);
    let (source, target) = (from.client().await, to.client().await);
    source.batch_execute(SOURCE).await.unwrap();
    let none =
        "CREATE TABLE public.none (); INSERT INTO public.none SELECT FROM generate_series(1, 3)";
    source.batch_execute(none).await.unwrap();
    carry(&from.url(), &to.url());
    let (before, after) = (catalogue(&source).await, catalogue(&target).await);
    for line in &before {
        assert!(after.contains(line), "missing: {line}");
    }
    for line in &after {
        assert!(before.contains(line), "new: {line}");
    }
    // The same statements have the same answers, numbers and refusals among them.
    for sql in [
        "INSERT INTO app.customer (code, net) VALUES ('d', 5) RETURNING id || ' ' || ticket",
        "INSERT INTO app.customer (id, code) VALUES (1, 'x')",
        "INSERT INTO app.customer (code, net) VALUES ('e', -1)",
        "INSERT INTO app.customer (code, region) VALUES ('e', 'xx')",
        "INSERT INTO app.customer (code, mood) VALUES ('e', 'angry')",
        "INSERT INTO app.customer (code, boss) VALUES ('f', 12345)",
        "INSERT INTO app.customer (code) VALUES ('a')",
        "INSERT INTO app.team (name) VALUES ('z') RETURNING id",
        "INSERT INTO app.member (team) VALUES (1) RETURNING id",
        "INSERT INTO app.member (team) VALUES (99)",
        "INSERT INTO public.orders (no, region) VALUES (9, 'us') RETURNING no_back",
        "INSERT INTO public.orders (no, region, code) VALUES (10, 'us', 'nobody')",
        "INSERT INTO app.hashed (v) VALUES ('new') RETURNING id",
        "INSERT INTO app.empty DEFAULT VALUES RETURNING id",
        "INSERT INTO app.limited DEFAULT VALUES RETURNING id",
        "INSERT INTO app.limited DEFAULT VALUES RETURNING id",
        "INSERT INTO app.downwards DEFAULT VALUES RETURNING id",
        "INSERT INTO app.reading VALUES (1, '2024-05-05', 'NaN')",
        "SELECT nextval('app.ticket')",
        "SELECT nextval('app.fresh')",
        "SELECT nextval('public.down')",
        "DELETE FROM app.customer WHERE code = 'a'",
        "SELECT count(*) FROM public.orders",
        "SELECT count(*) FROM public.none",
        "SELECT count(*) FROM ONLY app.reading_2024_odd",
    ] {
        assert_eq!(answer(&source, sql).await, answer(&target, sql).await, "{sql}");
    }
}

#[tokio::test]
async fn what_a_new_postgresql_target_does_not_get_is_named_in_the_plan() {
    let (from, to) = (Database::new().await, Database::new().await);
    from.client().await.batch_execute(LEFT).await.unwrap();
    let (url, target) = (from.url(), to.url());
    let arguments = ["plan", "--from", &url, "--to", &target, "--output", "json"];
    let mut command = longhaul(MORTAL, Path::new("."));
    let said = run(command.args(arguments).args(["--set", "include=[]"])).exits(0);
    assert_named(
        &told(&said.json()),
        &[
            "view not moved … app.v",
            "materialized view … app.mv",
            "function … app.twice",
            "trigger … app.b.trg",
            "rule … app.b.r",
            "row security policy … app.b.pol",
            "row security not moved … app.b",
            "grants … app.opts",
            "comment … app.app",
            "app.a … default of q",
            "app.a … check a_r_check",
            "app.b … index b_fn",
        ],
    );
    // Not asked, all of it moves that can.
    carry(&from.url(), &to.url());
    let made = "SELECT string_agg(c.relname, ',' ORDER BY c.relname) FROM pg_class c \
                WHERE c.relkind IN ('v', 'm') AND c.relnamespace = 'app'::regnamespace";
    assert_eq!(answer(&to.client().await, made).await, "mv,v");
    let calls =
        "SELECT app.twice(21) || ',' || (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal)";
    assert_eq!(answer(&to.client().await, calls).await, "42,2");
    let unused = "SELECT 'x'::app.unused";
    assert_eq!(answer(&to.client().await, unused).await, "x", "an enumeration that no column has");
}

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    connection
}

/// Whether SQLite refuses a statement for a constraint.
fn refuses(connection: &Connection, sql: &str) -> bool {
    match connection.execute_batch(sql) {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::ConstraintViolation),
                "{sql}: {error}"
            );
            true
        }
    }
}

fn number(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_new_sqlite_target_enforces_what_it_can_express_and_the_plan_names_the_rest() {
    let (folder, from) = (Folder::new(), Database::new().await);
    from.client().await.batch_execute(SOURCE).await.unwrap();
    let to = folder.sqlite("to.db");
    assert_named(
        &notes(&from.url(), &to),
        &[
            "app_customer … default of token",
            "app_customer … ticket takes its numbers from the sequence app.ticket",
            "app_customer … gross is computed",
            "app_customer … check customer region",
            "app_customer … comments",
            "app_customer … numbers go on one by one",
            "app_customer … index customer_gin",
            "app_customer … index customer_brin",
            "app_customer … index customer_lower",
            "app_customer … index customer_include",
            "app_reading … check reading_value_check",
            "app_reading … partitioned",
            "app_empty … id: SQLite numbers only a primary key",
            "sequences … app.ticket",
            "orders … links to app_customer",
        ],
    );
    carry(&from.url(), &to);
    let target = open(&folder.path().join("to.db"));
    for sql in [
        "INSERT INTO app_customer (code, net) VALUES ('e', -1)",
        "INSERT INTO app_customer (code, mood) VALUES ('e', 'angry')",
        "INSERT INTO app_customer (code, boss) VALUES ('f', 12345)",
        "INSERT INTO app_customer (code) VALUES ('a')",
        "INSERT INTO app_customer (net) VALUES (1)",
        "INSERT INTO app_team (name) VALUES ('x')",
        "INSERT INTO app_member (team) VALUES (99)",
        "INSERT INTO app_reading VALUES (1, '2023-01-01', 1)",
        "INSERT INTO orders (no, region, code, no_back) VALUES (10, 'us', 'nobody', 1)",
    ] {
        assert!(refuses(&target, sql), "{sql}");
    }
    let next = "INSERT INTO app_customer (code) VALUES ('d') RETURNING id";
    // The source numbers by twos: 1, 3, 5.
    assert_eq!(number(&target, next), 7);
    // The last member was deleted, and its number is not given out again.
    assert_eq!(number(&target, "INSERT INTO app_member (team) VALUES (1) RETURNING id"), 4);
    target.execute_batch("DELETE FROM app_customer WHERE code = 'a'").unwrap();
    assert_eq!(number(&target, "SELECT count(*) FROM orders WHERE code = 'a'"), 0);
    assert_eq!(number(&target, "SELECT boss IS NULL FROM app_customer WHERE code = 'b'"), 1);
    for index in ["customer_include", "customer_pattern", "customer_hash", "reading_value"] {
        let sql =
            format!("SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name = '{index}'");
        assert_eq!(number(&target, &sql), 1, "{index}");
    }
}

#[tokio::test]
async fn a_new_postgresql_target_enforces_what_came_from_sqlite() {
    let (folder, to) = (Folder::new(), Database::new().await);
    open(&folder.path().join("from.db")).execute_batch(&unchecked(SQLITE)).unwrap();
    let from = folder.sqlite("from.db");
    assert_named(
        &notes(&from, &to.url()),
        &[
            "view … looking",
            "trigger … firing",
            "WITHOUT ROWID … pair",
            "STRICT … strict_one",
            "ON CONFLICT … strict_one",
            "public.all … default of e",
            "public.all … i is compared without its collation",
            "public.all … check a_like",
            "public.all … index all_expr",
            "public.all … index all_nocase",
            "public.broken … NOT VALID",
        ],
    );
    carry(&from, &to.url());
    let target = to.client().await;
    for (sql, expected) in [
        (
            "INSERT INTO \"all\" (a) VALUES ('x9') RETURNING row(id, b, c, f, g, h)",
            "(4,5,1.5,t,10,6)",
        ),
        ("SELECT d IS NOT NULL FROM \"all\" WHERE a = 'x9'", "t"),
        ("INSERT INTO link (x) VALUES (NULL) RETURNING id", "3"),
        ("INSERT INTO \"all\" (a, b) VALUES ('x', 0)", "refused: 23514"),
        ("INSERT INTO \"all\" (a, b) VALUES (NULL, 1)", "refused: 23502"),
        ("INSERT INTO \"all\" (a, b) VALUES ('x1', 1)", "refused: 23505"),
        ("INSERT INTO \"all\" (i) VALUES ('k')", "refused: 23505"),
        ("INSERT INTO pair VALUES (1, 'a', 0)", "refused: 23505"),
        ("INSERT INTO link VALUES (9, 1, 'zz', NULL, NULL)", "refused: 23503"),
        ("INSERT INTO link (id, up) VALUES (9, 77)", "refused: 23503"),
        ("INSERT INTO link (id, one) VALUES (9, 77)", "refused: 23503"),
        ("INSERT INTO broken VALUES (3, 98)", "refused: 23503"),
        ("DELETE FROM broken; DELETE FROM link WHERE id = 1; SELECT count(*) FROM link", "1"),
        (
            "SELECT indexdef FROM pg_indexes WHERE indexname = 'all_desc'",
            "CREATE INDEX all_desc ON public.\"all\" USING btree (b DESC, a)",
        ),
        (
            "SELECT indexdef FROM pg_indexes WHERE indexname = 'all_part'",
            "CREATE INDEX all_part ON public.\"all\" USING btree (b) WHERE (b > 1)",
        ),
        ("SELECT count(*) FROM pg_indexes WHERE indexname = 'all_uniq'", "1"),
    ] {
        assert_eq!(answer(&target, sql).await, expected, "{sql}");
    }
}

/// The statements without enforcement, so that a broken link can be made.
fn unchecked(sql: &str) -> String {
    format!("PRAGMA foreign_keys = OFF; {sql}")
}

#[test]
fn a_new_sqlite_target_is_as_its_sqlite_source_was() {
    let folder = Folder::new();
    let (from, to) = (folder.sqlite("from.db"), folder.sqlite("to.db"));
    let source = open(&folder.path().join("from.db"));
    source.execute_batch(&unchecked(SQLITE)).unwrap();
    assert_named(&notes(&from, &to), &["view … looking"]);
    carry(&from, &to);
    let target = open(&folder.path().join("to.db"));
    source.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    for table in ["all", "pair", "link", "broken", "strict_one"] {
        for fact in [
            "SELECT substr(sql, instr(sql, '(')) FROM sqlite_schema WHERE name = '{}'",
            "SELECT group_concat(name || type || hidden || pk, ';') FROM pragma_table_xinfo('{}')",
            "SELECT group_concat(\"from\" || \"table\" || on_delete || on_update, ';') FROM pragma_foreign_key_list('{}')",
            "SELECT group_concat(sql, ';') FROM (SELECT substr(sql, instr(sql, '(')) AS sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = '{}' AND sql <> '' ORDER BY name)",
        ] {
            let sql = fact.replace("{}", table);
            let read = |connection: &Connection| -> Option<String> {
                connection.query_row(&sql, [], |row| row.get(0)).unwrap()
            };
            assert_eq!(read(&source), read(&target), "{sql}");
        }
    }
    for sql in [
        "INSERT INTO \"all\" (a, b) VALUES ('x', 0)",
        "INSERT INTO \"all\" (a, b) VALUES ('y', 1)",
        "INSERT INTO \"all\" (a, i) VALUES ('x5', 'K')",
        "INSERT INTO link (id, up) VALUES (9, 77)",
        "INSERT INTO pair VALUES (1, 'a', 0)",
    ] {
        assert!(refuses(&source, sql) && refuses(&target, sql), "{sql}");
    }
    let next = "INSERT INTO \"all\" (a) VALUES ('x9') RETURNING id * 1000 + g * 10 + h";
    assert_eq!(number(&source, next), number(&target, next));
}
