//! Every type, with the values at its borders, from MySQL to each engine.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;
use tests::command::between;
use tests::mariadb::MariaDb;
use tests::mysql::{Mysql, server};
use tests::scratch::{Database, Folder};

use super::types::{Becomes, OF_MARIADB, SORTS, Sort};

const MORTAL: &str = env!("CARGO_BIN_EXE_mortal");

/// Rows of table `n` have ids from `n * SPREAD`, so that an id tells its table.
const SPREAD: usize = 100;

/// What arrived, or why it did not, by id.
type Cells = BTreeMap<i64, Option<String>>;

async fn sorts(database: &Mysql) -> Vec<Sort> {
    let version = database.rows("SELECT version()").await.remove(0);
    let own = OF_MARIADB.iter().filter(|_| version.contains("MariaDB"));
    SORTS.iter().chain(own).copied().collect()
}

/// A database with one table per type.
async fn source(server: &str) -> (Mysql, Vec<Sort>) {
    let database = Mysql::on(server).await;
    let sorts = sorts(&database).await;
    let mut sql = String::new();
    for (n, (native, values)) in sorts.iter().enumerate() {
        sql += &format!("CREATE TABLE t{n} (id int PRIMARY KEY, v {native} NULL);\n");
        for (i, (value, _)) in values.iter().enumerate() {
            sql += &format!("INSERT INTO t{n} VALUES ({}, {value});\n", n * SPREAD + i);
        }
        sql += &format!("INSERT INTO t{n} VALUES ({}, NULL);\n", n * SPREAD + SPREAD - 1);
    }
    database.run(&sql).await;
    (database, sorts)
}

/// Runs, and expects just these rows to be refused.
fn carry(from: &str, to: &str, folder: &Folder, refused: &BTreeMap<i64, String>) {
    let said = between(MORTAL, folder.path(), "run", from, to);
    assert_eq!(said.code, Some(if refused.is_empty() { 0 } else { 4 }), "{said}");
    let report = said.json();
    let rejects = report["rejects"].as_array().unwrap();
    let reason = |reject: &serde_json::Value| {
        let key = reject["key"].as_str().unwrap().parse().unwrap();
        (key, reject["reason"].as_str().unwrap().to_owned())
    };
    let found: BTreeMap<i64, String> = rejects.iter().map(reason).collect();
    assert_eq!(&found, refused, "refused rows, by key");
    assert_eq!(report["verdict"], "verified", "{said}");
}

/// What is expected in PostgreSQL, and what is refused there.
async fn expected(from: &Mysql, sorts: &[Sort]) -> (Cells, BTreeMap<i64, String>) {
    let (mut arriving, mut refused) = (Cells::new(), BTreeMap::new());
    for (n, (native, values)) in sorts.iter().enumerate() {
        for (i, (_, becomes)) in values.iter().enumerate() {
            let id = n * SPREAD + i;
            let key = id as i64;
            match becomes {
                Becomes::Text(text) => drop(arriving.insert(key, Some((*text).to_owned()))),
                Becomes::Bytes => {
                    let cell = from.cells(&format!("SELECT v FROM t{n} WHERE id = {id}")).await;
                    let bytes = cell[0][0].clone().unwrap();
                    let text = if native.contains("text") {
                        String::from_utf8(bytes).unwrap()
                    } else {
                        format!("\\x{}", hex(&bytes))
                    };
                    arriving.insert(key, Some(text));
                }
                Becomes::Refused(reason) => drop(refused.insert(key, (*reason).to_owned())),
            }
        }
        arriving.insert((n * SPREAD + SPREAD - 1) as i64, None);
    }
    (arriving, refused)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn assert_same(from: &Cells, to: &Cells, sorts: &[Sort]) {
    for (id, value) in from {
        let sort = sorts[usize::try_from(*id).unwrap() / SPREAD].0;
        match to.get(id) {
            Some(there) => assert!(there == value, "{sort} {id}: {value:.90?} became {there:.90?}"),
            None => panic!("{sort} {id}: {value:.90?} is missing"),
        }
    }
    assert_eq!(from.len(), to.len(), "rows that came from nowhere");
}

#[tokio::test]
async fn every_type_goes_from_mysql_to_postgresql_or_is_refused_by_name() {
    to_postgresql(&server()).await;
}

async fn to_postgresql(server: &str) {
    let (from, sorts) = source(server).await;
    let (to, folder) = (Database::new().await, Folder::new());
    let (arriving, refused) = expected(&from, &sorts).await;
    carry(&from.url(), &to.url(), &folder, &refused);
    let client = to.client().await;
    client.batch_execute("SET TimeZone = 'UTC'; SET extra_float_digits = 1").await.unwrap();
    let mut arrived = Cells::new();
    for n in 0..sorts.len() {
        let select = format!(
            "SELECT id::int8, CASE WHEN pg_typeof(v) = 'character'::regtype THEN v::text ELSE format('%s', v) END, v IS NULL FROM t{n}"
        );
        for row in client.query(&select, &[]).await.unwrap() {
            let text: Option<String> = row.get(1);
            arrived.insert(row.get(0), text.filter(|_| !row.get::<_, bool>(2)));
        }
    }
    assert_same(&arriving, &arrived, &sorts);
}

#[tokio::test]
async fn every_type_goes_from_mysql_to_mysql_as_it_was() {
    to_mysql(&server()).await;
}

/// Whatever the server, the user's database included, has as defaults, nothing changes. The one has
/// all that is odd, the other all that is lax.
const HOSTILE: [&[&str]; 2] = [
    &[
        "--sql-mode=ANSI,PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES,NO_ZERO_DATE,NO_ZERO_IN_DATE,\
TIME_ROUND_FRACTIONAL,STRICT_ALL_TABLES",
        "--default-time-zone=+05:30",
        "--character-set-server=latin1",
        "--autocommit=0",
        "--completion-type=RELEASE",
        "--transaction-isolation=SERIALIZABLE",
        "--max-allowed-packet=2M",
        "--wait-timeout=3",
        "--net-read-timeout=3",
        "--max-statement-time=30",
        "--lower-case-table-names=1",
        "--log-bin=bin",
        "--server-id=9",
        "--binlog-format=STATEMENT",
        "--transaction-read-only=1",
    ],
    &[
        "--sql-mode=",
        "--default-time-zone=-11:00",
        "--character-set-server=ucs2",
        "--local-infile=0",
        "--explicit-defaults-for-timestamp=0",
        "--innodb-strict-mode=0",
        "--completion-type=CHAIN",
        "--transaction-isolation=READ-UNCOMMITTED",
        "--max-join-size=1",
        "--default-storage-engine=MyISAM",
        "--idle-transaction-timeout=1",
        "--old-mode=ZERO_DATE_TIME_CAST",
    ],
];

#[tokio::test]
async fn a_server_whose_defaults_are_hostile_changes_nothing() {
    for options in HOSTILE {
        let server = MariaDb::start(options).await;
        server.execute("mysql", "SET GLOBAL sql_select_limit = 3").await;
        to_postgresql(&server.url()).await;
        to_mysql(&server.url()).await;
    }
}

async fn to_mysql(server: &str) {
    let (from, sorts) = source(server).await;
    let (to, folder) = (Mysql::on(server).await, Folder::new());
    // What a database has as defaults is no more than a default.
    to.run("ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_german2_ci").await;
    carry(&from.url(), &to.url(), &folder, &BTreeMap::new());
    for (n, (native, _)) in sorts.iter().enumerate() {
        let select = format!("SELECT id, v, v * 1e0 FROM t{n} ORDER BY id");
        let plain = format!("SELECT id, v FROM t{n} ORDER BY id");
        let number = native.starts_with("float") || native.starts_with("double");
        let select = if number { &select } else { &plain };
        assert_eq!(from.cells(select).await, to.cells(select).await, "{native}");
        let columns = "SELECT column_type, collation_name, is_nullable \
             FROM information_schema.columns WHERE table_schema = database() AND table_name = ";
        let columns = format!("{columns}'t{n}' ORDER BY ordinal_position");
        assert_eq!(from.rows(&columns).await, to.rows(&columns).await, "{native}");
    }
}

#[tokio::test]
async fn every_type_goes_from_mysql_to_sqlite_and_back_to_mysql() {
    let (from, sorts) = source(&server()).await;
    let folder = Folder::new();
    carry(&from.url(), &folder.sqlite("middle.db"), &folder, &BTreeMap::new());
    let file = Connection::open(folder.path().join("middle.db")).unwrap();
    let (arriving, refused) = expected(&from, &sorts).await;
    for (n, (native, _)) in sorts.iter().enumerate() {
        let mut rows = file.prepare(&format!("SELECT id, v FROM t{n}")).unwrap();
        let cells = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, Value>(1)?))).unwrap();
        for cell in cells {
            let (id, value): (i64, Value) = cell.unwrap();
            if refused.contains_key(&id) {
                assert!(value != Value::Null, "{native} {id}: what only MySQL has is kept as text");
                continue;
            }
            let printed = match value {
                Value::Null => None,
                Value::Integer(number) => Some(number.to_string()),
                Value::Text(text) => Some(text),
                Value::Blob(bytes) => Some(format!("\\x{}", hex(&bytes))),
                Value::Real(number) => {
                    let there: f64 = arriving[&id].as_ref().unwrap().parse().unwrap();
                    let same = there == number
                        || there as f32 == number as f32 && native.starts_with("float");
                    assert!(same, "{native} {id}: {number}");
                    continue;
                }
            };
            // A whole number of a decimal column stands as an integer.
            let number = |text: &Option<String>| text.as_ref().and_then(|t| t.parse::<f64>().ok());
            let same = printed == arriving[&id]
                || native.starts_with("decimal") && number(&printed) == number(&arriving[&id]);
            assert!(same, "{native} {id}: {:.90?} became {printed:.90?}", arriving[&id]);
        }
    }
}
