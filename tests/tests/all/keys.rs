//! Chunks partition a table whatever its key: random keys of every type, through the executable.
//!
//! A run reads each chunk by its range, and is verified only if what stands in the target is what
//! was read. So a row in no chunk makes the counts differ, and one in two chunks meets the target's
//! own key.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;
use tests::moving::entity;
use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Runs per engine. Each moves a table per kind of key.
const CASES: u32 = 2;

/// Random values, for keys of every type.
#[derive(Debug, Clone)]
struct Keys {
    whole: Vec<i64>,
    texts: Vec<String>,
    bytes: Vec<[u8; 16]>,
    /// Days, from the first day of the year 1.
    days: Vec<u32>,
    chunk_rows: u32,
}

fn keys() -> impl Strategy<Value = Keys> {
    // Near each other, far apart, and at both ends.
    let whole = prop_oneof![-50i64..50, any::<i64>(), Just(i64::MIN), Just(i64::MAX)];
    // Letters that are one under some collations, signs that are nothing under others, and quotes.
    let letters = select("aAàÀâbBeEéÉiIıİsSßzZñ09 -_%~'\"\\日😀".chars().collect::<Vec<_>>());
    let text = prop::collection::vec(letters, 0..6).prop_map(String::from_iter);
    let many = 20..60usize;
    (
        prop::collection::vec(whole, many.clone()),
        prop::collection::vec(text, many.clone()),
        prop::collection::vec(any::<[u8; 16]>(), many.clone()),
        prop::collection::vec(0u32..3_000_000, many),
        1u32..20,
    )
        .prop_map(|(whole, texts, bytes, days, chunk_rows)| Keys {
            whole,
            texts,
            bytes,
            days,
            chunk_rows,
        })
}

fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A day that every engine has: months of 28 days will do.
fn day(number: u32) -> String {
    let (year, month, day) = (number / 336 % 9999 + 1, number / 28 % 12 + 1, number % 28 + 1);
    format!("{year:04}-{month:02}-{day:02}")
}

/// How one engine is told to make a table of these rows; a row whose key it finds there is left out.
struct Told {
    insert: &'static str,
    unless_there: &'static str,
    quote: fn(&str) -> String,
    statements: String,
}

impl Told {
    fn table(&mut self, name: &str, columns: &str, rows: &[String]) {
        let Self { insert, unless_there, .. } = *self;
        let _ = writeln!(self.statements, "CREATE TABLE {name} ({columns});");
        for row in rows {
            let _ = writeln!(self.statements, "{insert} INTO {name} VALUES ({row}){unless_there};");
        }
    }

    fn keyed(&mut self, name: &str, key: &str, values: impl Iterator<Item = String>) {
        let rows: Vec<_> =
            values.enumerate().map(|(at, value)| format!("{value}, 'row {at}'")).collect();
        self.table(name, &format!("k {key} NOT NULL PRIMARY KEY, note VARCHAR(20)"), &rows);
    }

    /// Tables that every engine has: whole numbers, two columns, a key that may be NULL, and none.
    fn common(&mut self, keys: &Keys, text: &str) {
        let quote = self.quote;
        self.keyed("whole", "BIGINT", keys.whole.iter().map(ToString::to_string));
        let pair =
            |(at, name): (usize, &String)| format!("{}, {}, 'row {at}'", quote(name), at / 3 * 7);
        let pairs: Vec<_> = keys.texts.iter().enumerate().map(pair).collect();
        let columns = format!(
            "name {text} NOT NULL, nr BIGINT NOT NULL, note VARCHAR(20), PRIMARY KEY (name, nr)"
        );
        self.table("pair", &columns, &pairs);
        let turned = columns.replace("(name, nr)", "(nr, name)");
        self.table("turned", &turned, &pairs);
        let null =
            |at: usize| if at.is_multiple_of(4) { "NULL".to_owned() } else { at.to_string() };
        let open: Vec<_> = (0..40).map(|at| format!("{}, 'row {at}'", null(at))).collect();
        self.table("open", "k BIGINT UNIQUE, note VARCHAR(20)", &open);
        let twins: Vec<_> = (0..40).map(|at| format!("{}, 'row {}'", at / 4, at / 2)).collect();
        self.table("bare", "k BIGINT, note VARCHAR(20)", &twins);
    }
}

fn standard(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn with_backslashes(text: &str) -> String {
    standard(&text.replace('\\', "\\\\"))
}

fn in_postgresql(keys: &Keys) -> Told {
    let mut told = Told {
        insert: "INSERT",
        unless_there: " ON CONFLICT DO NOTHING",
        quote: standard,
        statements: "CREATE COLLATION bare (provider = icu, locale = 'und-u-ks-level1', \
             deterministic = false);\nCREATE COLLATION german (provider = icu, locale = 'de-DE');\n"
            .into(),
    };
    told.common(keys, "VARCHAR(20) COLLATE german");
    let texts = || keys.texts.iter().map(|text| standard(text));
    told.keyed("plain", "TEXT", texts());
    told.keyed("c", "TEXT COLLATE \"C\"", texts());
    told.keyed("german", "TEXT COLLATE german", texts());
    told.keyed("bare_letters", "TEXT COLLATE bare", texts());
    told.keyed("padded", "CHAR(8)", texts());
    let uuid = |bytes: &[u8; 16]| format!("'{}'", hex(bytes));
    told.keyed("uuids", "UUID", keys.bytes.iter().map(uuid));
    told.keyed("bytes", "BYTEA", keys.bytes.iter().map(|bytes| format!("'\\x{}'", hex(bytes))));
    told.keyed("days", "DATE", keys.days.iter().map(|number| format!("'{}'", day(*number))));
    let moment = |number: &u32| format!("'{} 12:00:00.{number:07}'", day(*number));
    told.keyed("moments", "TIMESTAMP", keys.days.iter().map(moment));
    told.keyed("zoned", "TIMESTAMPTZ", keys.days.iter().map(moment));
    let fraction = |number: &i64| format!("{}.{}", number / 1000, number % 1000 * number.signum());
    told.keyed("numbers", "NUMERIC", keys.whole.iter().map(fraction));
    told.keyed("floats", "DOUBLE PRECISION", keys.whole.iter().map(|n| format!("{n}::float8 / 7")));
    told
}

fn in_mysql(keys: &Keys) -> Told {
    let mut told = Told {
        insert: "INSERT IGNORE",
        unless_there: "",
        quote: with_backslashes,
        statements: String::new(),
    };
    told.common(keys, "VARCHAR(20) COLLATE utf8mb4_general_ci");
    let texts = || keys.texts.iter().map(|text| with_backslashes(text));
    for collation in
        ["utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin", "utf8mb4_german2_ci"]
    {
        told.keyed(collation, &format!("VARCHAR(20) COLLATE {collation}"), texts());
    }
    told.keyed("fixed", "CHAR(8) COLLATE utf8mb4_unicode_ci", texts());
    let unsigned = keys.whole.iter().map(|number| number.cast_unsigned().to_string());
    told.keyed("unsigned_numbers", "BIGINT UNSIGNED", unsigned);
    told.keyed("bytes", "BINARY(16)", keys.bytes.iter().map(|bytes| format!("x'{}'", hex(bytes))));
    told.keyed("days", "DATE", keys.days.iter().map(|number| format!("'{}'", day(*number))));
    let moment = |number: &u32| format!("'{} 12:00:00.{:06}'", day(*number), number % 1_000_000);
    told.keyed("moments", "DATETIME(6)", keys.days.iter().map(moment));
    let fraction = |number: &i64| format!("{}.{:03}", number / 1000, (number % 1000).abs());
    told.keyed("numbers", "DECIMAL(30,3)", keys.whole.iter().map(fraction));
    told
}

fn in_sqlite(keys: &Keys) -> Told {
    let mut told = Told {
        insert: "INSERT OR IGNORE",
        unless_there: "",
        quote: standard,
        statements: "BEGIN;\n".into(),
    };
    told.common(keys, "TEXT COLLATE NOCASE");
    let texts = || keys.texts.iter().map(|text| standard(text));
    for collation in ["BINARY", "NOCASE", "RTRIM"] {
        told.keyed(&collation.to_lowercase(), &format!("TEXT COLLATE {collation}"), texts());
    }
    told.keyed("rowid_named", "INTEGER", keys.whole.iter().map(ToString::to_string));
    told.keyed("bytes", "BLOB", keys.bytes.iter().map(|bytes| format!("x'{}'", hex(bytes))));
    told.keyed("days", "DATE", keys.days.iter().map(|number| format!("'{}'", day(*number))));
    told.keyed("floats", "DOUBLE", keys.whole.iter().map(|number| format!("{number} / 7.0")));
    let tight: Vec<_> = texts().map(|text| format!("{text}, 'row'")).collect();
    told.table("tight", "k TEXT NOT NULL PRIMARY KEY, note TEXT", &tight);
    told.statements = told.statements.replace("note TEXT);", "note TEXT) WITHOUT ROWID;");
    told.statements += "COMMIT;\n";
    told
}

/// Tables without a key that every row has: one chunk each, and all rows all the same.
const KEYLESS: [&str; 2] = ["open", "bare"];

/// Runs from one URL to the other; each table has as many rows in the target as `count` says.
fn partitioned(setting: &Setting, from: &str, to: &str, keys: &Keys, counts: &[(String, u64)]) {
    let more = format!("entities:\n  - {{ entity: \"*\", chunk_rows: {} }}", keys.chunk_rows);
    setting.migration(from, to, &more);
    let report = setting.longhaul(&["run", "--output", "json"]).exits(0).json();
    assert_eq!(report["verdict"], "verified", "{report:#}");
    for (table, rows) in counts {
        let moved = entity(&report, table);
        assert_eq!(moved["written"], *rows, "{table}: {moved:#}");
        let (chunks, keyed) = (moved["chunks"][1].as_u64(), !KEYLESS.contains(&&**table));
        let cut = chunks.is_some_and(|chunks| chunks > 1);
        assert!(cut == (keyed && *rows > u64::from(keys.chunk_rows)), "{table}: {moved:#}");
    }
}

/// The tables that were made, by the statements that made them.
fn tables(statements: &str) -> Vec<String> {
    let name = |line: &str| Some(line.strip_prefix("CREATE TABLE ")?.split_once(' ')?.0.to_owned());
    statements.lines().filter_map(name).collect()
}

fn wait<T>(doing: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(doing)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        max_shrink_iters: 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn chunks_partition_a_table_of_postgresql(keys in keys()) {
        wait(async {
            let (setting, from) = (Setting::new(LONGHAUL), Database::new().await);
            let statements = in_postgresql(&keys).statements;
            from.run(&statements).await;
            let mut counts = Vec::new();
            for table in tables(&statements) {
                let rows = from.ask(&format!("SELECT count(*) FROM {table}")).await;
                counts.push((table, rows.parse().unwrap()));
            }
            let to = setting.sqlite("to.db", "");
            partitioned(&setting, &from.url(), &to, &keys, &counts);
        });
    }

    #[test]
    fn chunks_partition_a_table_of_mysql(keys in keys()) {
        wait(async {
            let (setting, from) = (Setting::new(LONGHAUL), Mysql::new().await);
            let statements = in_mysql(&keys).statements;
            from.run(&statements).await;
            let mut counts = Vec::new();
            for table in tables(&statements) {
                let rows = from.rows(&format!("SELECT count(*) FROM {table}")).await;
                counts.push((table, rows[0].parse().unwrap()));
            }
            let to = setting.sqlite("to.db", "");
            partitioned(&setting, &from.url(), &to, &keys, &counts);
        });
    }

    #[test]
    fn chunks_partition_a_table_of_sqlite(keys in keys()) {
        let setting = Setting::new(LONGHAUL);
        let statements = in_sqlite(&keys).statements;
        let from = setting.sqlite("from.db", &statements);
        let count = |table: String| {
            let count = format!("SELECT count(*) FROM {table}");
            let rows = setting.open("from.db").query_row(&count, [], |row| row.get::<_, i64>(0));
            (table, rows.unwrap().cast_unsigned())
        };
        let counts: Vec<_> = tables(&statements).into_iter().map(count).collect();
        let to = wait(Database::new());
        partitioned(&setting, &from, &to.url(), &keys, &counts);
    }
}
