//! What is particular to MySQL, on a server.

use protocol::batch::Batch;
use protocol::fault::Code;
use protocol::id::EntityId;
use protocol::mapping::{Consistency, Mode};
use protocol::plan::{ColumnMap, Entity, Lane, Range};
use protocol::schema::{Logical, Table, TableName};

use super::connect::{Door, Duty, Link};
use super::read::Select;
use super::testing::Scratch;
use super::way::Way;
use crate::{Cut, Read, Write};

const INT: Logical = Logical::Integer { bits: 64 };
const TEXT: Logical = Logical::Text { length: None };

async fn link(scratch: &Scratch) -> Link {
    let door = std::sync::Arc::new(Door::parse(&scratch.address()).unwrap());
    door.open("longhaul:test", Duty::Write).await.unwrap()
}

async fn table(scratch: &Scratch, name: &str) -> Table {
    let source = crate::open_source(&scratch.address()).await.unwrap();
    let catalogue = source.catalogue().await.unwrap();
    catalogue.table(&TableName::bare(name)).unwrap().clone()
}

fn whole(table: &Table) -> Read {
    Read {
        table: table.name.clone(),
        columns: table.columns.iter().map(|c| (c.name.clone(), c.logical.clone())).collect(),
        key: table.cutting_key().unwrap_or_default(),
        range: Range::default(),
        filter: None,
        top: None,
        lane: Lane::Text,
        batch_bytes: 4096,
        label: "longhaul:test".into(),
    }
}

async fn rows(scratch: &Scratch, read: &Read) -> Vec<Vec<Option<String>>> {
    let source = crate::open_source(&scratch.address()).await.unwrap();
    let mut stream = source.read(read).await.unwrap();
    let mut rows = Vec::new();
    while let Some(batch) = stream.next().await.unwrap() {
        assert_eq!(batch.misfits(), []);
        let text = |cell: Option<&[u8]>| cell.map(|c| String::from_utf8_lossy(c).into_owned());
        rows.extend(batch.iter().map(|row| row.cells().map(text).collect::<Vec<_>>()));
    }
    rows
}

/// Keys of every kind, in MySQL's words, and whether the table can be cut by them.
const KEYS: &[(&str, &[&str], bool)] = &[
    ("int", &["-5", "0", "7", "100"], true),
    ("bigint unsigned", &["0", "18446744073709551615", "9223372036854775808"], true),
    ("decimal(20,5)", &["-1.5", "0.00001", "99999.99999"], true),
    (
        "varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        &["'a'", "'B'", "'é1'", "'it''s'", "'Z'"],
        true,
    ),
    (
        "varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
        &["'a'", "'ü'", "'ß'", "'z'"],
        true,
    ),
    (
        "varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        &["'a'", "'A'", "'日本'", "''"],
        true,
    ),
    ("char(3)", &["'a'", "'b'", "'ab'"], true),
    ("varbinary(8)", &["x'00'", "x'ff00'", "x''", "x'27'"], true),
    ("date", &["'0000-00-00'", "'1999-12-31'", "'2024-02-29'"], true),
    ("datetime(6)", &["'2024-01-01 00:00:00.000001'", "'2024-01-01'", "'1000-01-01'"], true),
    (
        "timestamp(3) NOT NULL DEFAULT '2000-01-01'",
        &["'2024-01-01 00:00:00.125'", "'2024-01-01'"],
        true,
    ),
    ("time(3)", &["'-838:59:59'", "'-00:00:01'", "'12:00:00.5'", "'100:00:00'"], true),
    ("year", &["0", "1901", "2155"], true),
    ("bit(10)", &["b'0'", "b'1111111111'", "b'101'"], true),
    ("enum('z','a','m')", &["'a'", "'z'", "'m'"], false),
    ("float", &["0.1", "0.2", "-3.5"], false),
    ("double", &["0.1", "0.30000000000000004"], false),
];

#[tokio::test]
async fn ranges_partition_tables_by_keys_of_every_kind() {
    let scratch = Scratch::new("").await;
    for (at, (kind, keys, cuttable)) in KEYS.iter().enumerate() {
        scratch.run(&format!("CREATE TABLE t{at} (k {kind}, v int, PRIMARY KEY (k))")).await;
        for key in *keys {
            let insert = format!("INSERT INTO t{at} VALUES ({key}, 1)");
            scratch.run(&format!("SET sql_mode = 'ALLOW_INVALID_DATES';\n{insert}")).await;
        }
        let table = table(&scratch, &format!("t{at}")).await;
        let read = whole(&table);
        let source = crate::open_source(&scratch.address()).await.unwrap();
        let cut = Cut {
            table: table.name.clone(),
            key: read.key.clone(),
            filter: None,
            rows: 1,
            about: None,
        };
        let bounds = source.cut(&cut).await.unwrap();
        let expected = if *cuttable { keys.len() - 1 } else { 0 };
        assert_eq!(bounds.len(), expected, "{kind}");
        let mut found = Vec::new();
        for at in 0..=bounds.len() {
            let after = at.checked_sub(1).map(|before| bounds[before].clone());
            let range = Range { after, upto: bounds.get(at).cloned() };
            found.extend(rows(&scratch, &Read { range, ..read.clone() }).await);
        }
        let mut all = rows(&scratch, &read).await;
        all.sort();
        found.sort();
        assert_eq!(found, all, "{kind}");
        assert_eq!(all.len(), keys.len(), "{kind}");
    }
}

#[tokio::test]
async fn a_range_of_a_composite_key_is_read_by_its_index() {
    let scratch = Scratch::new(
        "CREATE TABLE t (a int, b varchar(20), c date, v text, PRIMARY KEY (a, b, c));\n\
         INSERT INTO t SELECT seq DIV 50, seq, '2024-01-01', repeat('x', 100) FROM seq_1_to_5000;\n\
         ANALYZE TABLE t",
    )
    .await;
    let table = table(&scratch, "t").await;
    let source = crate::open_source(&scratch.address()).await.unwrap();
    let cut = Cut {
        table: table.name.clone(),
        key: whole(&table).key,
        filter: None,
        rows: 700,
        about: None,
    };
    let bounds = source.cut(&cut).await.unwrap();
    assert_eq!(bounds.len(), 7);
    let range = Range { after: Some(bounds[2].clone()), upto: Some(bounds[3].clone()) };
    let read = Read { range, ..whole(&table) };
    let select = Select::range(&read, &std::collections::BTreeSet::new()).unwrap();
    let plan = link(&scratch).await.query(&format!("EXPLAIN {}", select.sql)).await.unwrap();
    let words: Vec<_> = plan[0].iter().flatten().map(String::as_str).collect();
    assert!(words.contains(&"range") && words.contains(&"PRIMARY"), "{plan:?}");
    assert_eq!(rows(&scratch, &read).await.len(), 700);
}

fn entity(table: &str, columns: &[(&str, Logical, &str)]) -> Entity {
    let map = |(name, logical, native): &(&str, Logical, &str)| ColumnMap {
        source: (*name).into(),
        target: (*name).into(),
        from: logical.clone(),
        to: logical.clone(),
        native: (*native).into(),
        compared: true,
    };
    Entity {
        id: EntityId(0),
        source: TableName::bare(table),
        target: TableName::bare(table),
        new: false,
        mode: Mode::Create,
        lane: Lane::Text,
        columns: columns.iter().map(map).collect(),
        key: vec![columns[0].0.into()],
        conflict: vec![columns[0].0.into()],
        links: Vec::new(),
        filter: None,
        top: None,
        silent: false,
        rows_estimate: 0,
        bytes_estimate: 0,
        policies: std::collections::BTreeMap::new(),
        rejects_max: None,
        shape: None,
    }
}

fn batch(rows: &[&[Option<&str>]]) -> Batch {
    let mut batch = Batch::default();
    for row in rows {
        batch.push_row(row.iter().map(|cell| cell.map(str::as_bytes)));
    }
    batch
}

const ALL: Write = Write::Rows { blank_links: false };

#[tokio::test]
async fn what_a_load_would_swallow_is_a_refusal_that_names_the_column() {
    let scratch = Scratch::new(
        "CREATE TABLE t (id bigint AUTO_INCREMENT PRIMARY KEY, v varchar(3), n tinyint, d date, \
         l varchar(9) CHARACTER SET latin1)",
    )
    .await;
    let columns = [
        ("id", INT, "bigint(20)"),
        ("v", TEXT, "varchar(3)"),
        ("n", TEXT, "tinyint(4)"),
        ("d", TEXT, "date"),
        ("l", TEXT, "varchar(9)"),
    ];
    let entity = entity("t", &columns);
    let good = |id: &'static str| [Some(id), Some("a"), Some("1"), Some("2024-01-01"), Some("ü")];
    for load in [true, false] {
        let mut link = link(&scratch).await;
        for (at, wrong, column) in [
            (1, "abcd", "v"),
            (2, "300", "n"),
            (2, "x", "n"),
            (3, "2024-13-01", "d"),
            (4, "日本", "l"),
        ] {
            let mut row = good("2");
            row[at] = Some(wrong);
            link.run("START TRANSACTION").await.unwrap();
            let mut way = Way::open(&mut link, &entity, &ALL, load).await.unwrap();
            let fault = way.write(&mut link, &batch(&[&good("1"), &row])).await.unwrap_err();
            assert_eq!(fault.code(), Code::ValueRefused, "{fault}");
            assert_eq!(fault.named().unwrap().column.as_deref(), Some(column), "{fault}");
            assert!(!fault.to_string().contains(wrong) || wrong == "x", "{fault}");
            link.run("ROLLBACK").await.unwrap();
        }
        let mut way = Way::open(&mut link, &entity, &ALL, load).await.unwrap();
        let mut null = good("1");
        null[0] = None;
        let fault = way.write(&mut link, &batch(&[&null])).await.unwrap_err();
        assert_eq!(fault.named().unwrap().column.as_deref(), Some("id"), "no number is made up");
        let id = if load { "0" } else { "-1" };
        way.write(&mut link, &batch(&[&good(id)])).await.unwrap();
        assert_eq!(way.finish(&mut link).await.unwrap(), 1);
    }
    assert_eq!(scratch.text("SELECT group_concat(id ORDER BY id) FROM t").await.unwrap(), "-1,0");
}

#[tokio::test]
async fn a_table_that_knows_no_transactions_is_refused() {
    let scratch = Scratch::new("CREATE TABLE t (id bigint) ENGINE=MyISAM").await;
    let entity = entity("t", &[("id", INT, "bigint(20)")]);
    let mut link = link(&scratch).await;
    let Err(fault) = Way::open(&mut link, &entity, &ALL, true).await else { panic!("it opened") };
    assert_eq!(fault.code(), Code::Refused);
    let target = crate::open_target(&scratch.address()).await.unwrap();
    assert_eq!(target.may_write(&[&entity]).await.unwrap_err().code(), Code::Refused);
}

#[tokio::test]
async fn an_upsert_meets_rows_by_the_key_it_names_and_by_no_other() {
    let scratch = Scratch::new(
        "CREATE TABLE t (id bigint PRIMARY KEY, code varchar(9) UNIQUE);\n\
         INSERT INTO t VALUES (1, 'a'), (2, 'b')",
    )
    .await;
    let mut entity = entity("t", &[("id", INT, "bigint(20)"), ("code", TEXT, "varchar(9)")]);
    entity.mode = Mode::Upsert;
    let mut link = link(&scratch).await;
    let mut way = Way::open(&mut link, &entity, &ALL, true).await.unwrap();
    way.write(&mut link, &batch(&[&[Some("1"), Some("c")], &[Some("3"), None]])).await.unwrap();
    assert_eq!(way.finish(&mut link).await.unwrap(), 2);
    let mut way = Way::open(&mut link, &entity, &ALL, true).await.unwrap();
    way.write(&mut link, &batch(&[&[Some("4"), Some("b")]])).await.unwrap();
    let fault = way.finish(&mut link).await.unwrap_err();
    assert_eq!(fault.named().unwrap().constraint.as_deref(), Some("code"), "not written over 2");
    let all = "SELECT group_concat(id, code ORDER BY id) FROM t WHERE code IS NOT NULL";
    assert_eq!(scratch.text(all).await.unwrap(), "1c,2b");
}

#[tokio::test]
async fn a_session_that_sits_on_a_chunk_is_ended_by_its_name() {
    let scratch = Scratch::new("").await;
    let target = crate::open_target(&scratch.address()).await.unwrap();
    target.home().await.unwrap().install().await.unwrap();
    let label = format!("longhaul:{}:7:", uuid::Uuid::now_v7());
    let _stopped = target.session(&format!("{label}1")).await.unwrap();
    let _other = target.session("longhaul:another:7:1").await.unwrap();
    assert_eq!(target.end_sessions(&label).await.unwrap(), 1);
    assert_eq!(target.end_sessions("longhaul:another:").await.unwrap(), 1);
    assert_eq!(target.end_sessions("longhaul:nobody:").await.unwrap(), 0);
}

#[tokio::test]
async fn a_read_that_is_dropped_is_killed_on_the_server() {
    let scratch = Scratch::new(
        "CREATE TABLE t (id int PRIMARY KEY, v text);\n\
         INSERT INTO t SELECT seq, repeat('x', 4000) FROM seq_1_to_20000",
    )
    .await;
    let table = table(&scratch, "t").await;
    let source = crate::open_source(&scratch.address()).await.unwrap();
    let mut stream = source.read(&whole(&table)).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    let mut link = link(&scratch).await;
    let still = "SELECT count(*) FROM information_schema.processlist \
         WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    let ended = async {
        while link.one(still).await.unwrap().as_deref() != Some("0") {
            link.query("SELECT SLEEP(0.02)").await.unwrap();
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), ended).await.expect("it is gone");
}

#[tokio::test]
async fn a_deadlock_ends_the_session_and_not_only_the_statement() {
    let scratch =
        Scratch::new("CREATE TABLE t (id int PRIMARY KEY);\nINSERT INTO t VALUES (1), (2)").await;
    let (mut one, mut other) = (link(&scratch).await, link(&scratch).await);
    for (link, id) in [(&mut one, 1), (&mut other, 2)] {
        link.run("START TRANSACTION").await.unwrap();
        link.run(&format!("UPDATE t SET id = id WHERE id = {id}")).await.unwrap();
        link.query(&format!("SELECT id FROM t WHERE id = {id} FOR UPDATE")).await.unwrap();
    }
    let (first, second) = tokio::join!(
        one.query("SELECT id FROM t WHERE id = 2 FOR UPDATE"),
        other.query("SELECT id FROM t WHERE id = 1 FOR UPDATE")
    );
    let (victim, fault) = match (first, second) {
        (Err(fault), Ok(_)) => (&mut one, fault),
        (Ok(_), Err(fault)) => (&mut other, fault),
        both => panic!("{both:?}"),
    };
    assert_eq!(fault.code(), Code::Busy);
    let fault = victim.run("INSERT INTO t VALUES (3)").await.unwrap_err();
    assert_eq!(fault.code(), Code::Busy, "nothing is written outside the transaction");
}

#[tokio::test]
async fn whoever_looks_at_a_server_finds_it_able() {
    let scratch = Scratch::new("").await;
    let target = crate::open_target(&scratch.address()).await.unwrap();
    let found = target.examine().await;
    assert!(found.iter().any(|finding| finding.topic == "version"), "{found:?}");
    assert!(found.iter().all(|finding| finding.topic != "answer"), "{found:?}");
}

#[tokio::test]
async fn a_moment_whose_holder_is_gone_is_lost_until_another_is_held() {
    let scratch =
        Scratch::new("CREATE TABLE t (id int PRIMARY KEY);\nINSERT INTO t VALUES (1)").await;
    let table = table(&scratch, "t").await;
    let source = crate::open_source(&scratch.address()).await.unwrap();
    let count = async || {
        let mut stream = source.read(&whole(&table)).await?;
        let mut rows = 0;
        while let Some(batch) = stream.next().await? {
            rows += batch.rows();
        }
        Ok::<_, protocol::fault::Fault>(rows)
    };
    let kill = async || {
        let holder = "SELECT id FROM information_schema.processlist \
             WHERE db = DATABASE() AND id <> CONNECTION_ID() AND command = 'Sleep'";
        let holder = scratch.text(holder).await.unwrap();
        scratch.run(&format!("KILL CONNECTION {holder}")).await;
    };
    source.hold(Consistency::Snapshot).await.unwrap();
    scratch.run("INSERT INTO t VALUES (2)").await;
    source.hold(Consistency::Snapshot).await.unwrap();
    assert_eq!(count().await.unwrap(), 1, "nothing new is held while the moment lives");
    kill().await;
    assert_eq!(count().await.unwrap_err().code(), Code::SnapshotLost);
    assert_eq!(count().await.unwrap_err().code(), Code::SnapshotLost, "now is not read instead");
    source.hold(Consistency::Snapshot).await.unwrap();
    assert_eq!(count().await.unwrap(), 2);
    kill().await;
    source.hold(Consistency::Snapshot).await.unwrap();
    assert_eq!(count().await.unwrap(), 2, "it is found to be gone without a read");
}

/// The settings of the server do not matter, and neither does a set's shape.
#[tokio::test]
async fn a_character_set_has_what_comes_back_from_it() {
    let scratch = Scratch::new("").await;
    let target = crate::open_target(&scratch.address()).await.unwrap();
    let one = "Zoë €";
    for (set, has, lacks) in [
        ("latin1", one, "学😀\u{80}"),
        ("ascii", "Zo?\0\\'\u{1a}", "ë€学😀"),
        ("gbk", "Zo学漢é", "ë한😀"),
        ("swe7", "ZÄö", "[{ë"),
        ("utf8mb3", "Zoë 学\u{ffff}", "😀\u{10ffff}"),
    ] {
        let repertoire = target.repertoire(set).await.unwrap().unwrap().has;
        assert!(has.chars().all(|c| repertoire.has(c)), "{set}: {repertoire:?}");
        assert!(!lacks.chars().any(|c| repertoire.has(c)), "{set}: {repertoire:?}");
    }
    for whole in ["utf8mb4", "utf16", "utf32"] {
        assert_eq!(target.repertoire(whole).await.unwrap(), None);
    }
    let _ = target.repertoire("latin1) --").await.unwrap_err();
}
