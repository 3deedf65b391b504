//! What PostgreSQL alone must be tested for; the rest is in the conformance suite.

use protocol::batch::Batch;
use protocol::fault::{Code, Fault};
use protocol::mapping::Consistency;
use protocol::plan::{Bound, Lane, Range};
use protocol::schema::TableName;

use super::testing::{Scratch, address, url_of};
use super::{Postgres, connect, range, snapshot};
use crate::{Cut, Read, Source, Target, open_source};

/// A read of everything in a table of `public`.
async fn whole(source: &dyn Source, table: &str, lane: Lane) -> Read {
    let name = TableName::within("public", table);
    let catalogue = source.catalogue().await.unwrap();
    let table = catalogue.table(&name).unwrap();
    Read {
        columns: table.columns.iter().map(|c| (c.name.clone(), c.logical.clone())).collect(),
        key: table.cutting_key().unwrap_or_default(),
        table: name,
        range: Range::default(),
        filter: None,
        top: None,
        lane,
        batch_bytes: 1 << 16,
        label: "longhaul:test".into(),
    }
}

async fn batches(source: &dyn Source, read: &Read) -> Result<Vec<Batch>, Fault> {
    let mut rows = source.read(read).await?;
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().await? {
        batches.push(batch);
    }
    Ok(batches)
}

/// The rows as text, `∅` for NULL, in the order of the first cell.
async fn texts(source: &dyn Source, read: &Read) -> Vec<Vec<String>> {
    let text = |cell: Option<&[u8]>| match cell {
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        None => "∅".to_owned(),
    };
    let batches = batches(source, read).await.unwrap();
    let rows = batches.iter().flat_map(Batch::iter);
    let mut rows: Vec<Vec<_>> = rows.map(|row| row.cells().map(text).collect()).collect();
    rows.sort();
    rows
}

/// Values whose text depends on settings, one per column.
const SENSITIVE: &str = "
    CREATE TABLE t (id int PRIMARY KEY, f4 real, f8 double precision, d date, ts timestamp,
        tz timestamptz, i interval, b bytea, c char(5), n numeric, a text[], m money);
    INSERT INTO t VALUES
        (1, 0.1, 0.1::float8 + 0.2::float8, '2024-02-03', '2024-02-03 04:05:06.7',
         '2024-02-03 04:05:06+02', '1 year 2 days 03:04:05', '\\x00ff', 'ab', 1.50,
         '{NULL,\"NULL\",\"a b\"}', 1234.5),
        (2, 'NaN', '-Infinity', 'infinity', '-infinity', '0044-03-15 12:00:00+00 BC', NULL, '', '',
         'NaN', '{}', NULL)";

fn sensitive() -> Vec<Vec<String>> {
    let rows = [
        [
            "1",
            "0.1",
            "0.30000000000000004",
            "2024-02-03",
            "2024-02-03 04:05:06.7",
            "2024-02-03 02:05:06+00",
            "1 year 2 days 03:04:05",
            "\0\u{fffd}",
            "ab",
            "1.50",
            "{NULL,\"NULL\",\"a b\"}",
            "$1,234.50",
        ],
        [
            "2",
            "NaN",
            "-Infinity",
            "infinity",
            "-infinity",
            "0044-03-15 12:00:00+00 BC",
            "∅",
            "",
            "",
            "NaN",
            "{}",
            "∅",
        ],
    ];
    rows.map(|row| row.map(String::from).to_vec()).to_vec()
}

#[tokio::test]
async fn values_read_as_canonical_text() {
    let scratch = Scratch::new(SENSITIVE).await;
    let source = scratch.open().await;
    let mut read = whole(&*source, "t", Lane::Text).await;
    assert_eq!(texts(&*source, &read).await, sensitive());
    read.batch_bytes = 1;
    assert_eq!(texts(&*source, &read).await, sensitive());
}

#[tokio::test]
async fn defaults_of_the_database_change_nothing() {
    let scratch = Scratch::new(SENSITIVE).await;
    let quiet = texts(&*scratch.open().await, &{
        let source = scratch.open().await;
        whole(&*source, "t", Lane::Text).await
    })
    .await;
    for setting in [
        "timezone = 'Asia/Tokyo'",
        "datestyle = 'German, DMY'",
        "intervalstyle = 'sql_standard'",
        "extra_float_digits = -5",
        "bytea_output = 'escape'",
        "search_path = 'nowhere'",
        "standard_conforming_strings = off",
        "statement_timeout = 1",
        "lock_timeout = 1",
        "idle_in_transaction_session_timeout = 1",
        "default_transaction_read_only = on",
        "default_transaction_isolation = 'serializable'",
        "array_nulls = off",
        "transform_null_equals = on",
        "quote_all_identifiers = on",
        "client_min_messages = 'debug1'",
    ] {
        scratch.run(&format!("ALTER DATABASE {} SET {setting}", scratch.name())).await;
    }
    let source = scratch.open().await;
    let mut read = whole(&*source, "t", Lane::Text).await;
    assert_eq!(texts(&*source, &read).await, quiet);
    read.range.after = Some(Bound(vec!["1".into()]));
    assert_eq!(texts(&*source, &read).await, quiet[1..]);
    // And what comes in means the same: a backslash is a backslash, and the target can be written.
    let mut home = source.home().await.unwrap();
    home.install().await.unwrap();
    assert_eq!(home.runs().await.unwrap(), []);
}

#[tokio::test]
async fn raw_rows_are_the_servers_own_bytes() {
    let scratch =
        Scratch::new("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (7, NULL)").await;
    let source = scratch.open().await;
    let read = whole(&*source, "t", Lane::Raw).await;
    let batches = batches(&*source, &read).await.unwrap();
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].framed(), b"\0\x02\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff");
}

#[tokio::test]
async fn rows_of_partitions_are_read_through_the_root_and_those_of_heirs_are_not() {
    let scratch = Scratch::new(
        "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
         INSERT INTO p SELECT generate_series(5, 14);
         CREATE TABLE base (id int); CREATE TABLE heir () INHERITS (base);
         INSERT INTO base VALUES (1); INSERT INTO heir VALUES (2);",
    )
    .await;
    let source = scratch.open().await;
    let read = whole(&*source, "p", Lane::Text).await;
    assert_eq!(texts(&*source, &read).await.len(), 10);
    let read = whole(&*source, "base", Lane::Text).await;
    assert_eq!(texts(&*source, &read).await, [["1"]]);
}

#[tokio::test]
async fn keys_of_every_kind_come_back_as_bounds() {
    let scratch = Scratch::new(
        "CREATE EXTENSION citext;
         CREATE TYPE mood AS ENUM ('zzz', 'aaa');
         CREATE TABLE t (c citext, m mood, f float8, n numeric, d timestamptz, b bytea, h char(3),
                         x text COLLATE \"C\", PRIMARY KEY (c, m, f, n, d, b, h, x));
         INSERT INTO t SELECT (ARRAY['B', 'a', 'C', 'D', 'e'])[1 + g % 5], m, g / 7.0, g / 3.0,
                              '2024-01-01'::timestamptz + g * '1 hour'::interval,
                              decode(lpad(to_hex(g), 4, '0'), 'hex'), 'x', 'it''s \\' || g
           FROM generate_series(1, 50) g, unnest(ARRAY['zzz', 'aaa']::mood[]) m",
    )
    .await;
    let source = scratch.open().await;
    let read = whole(&*source, "t", Lane::Text).await;
    let cut = Cut {
        table: read.table.clone(),
        key: read.key.clone(),
        filter: None,
        rows: 9,
        about: None,
    };
    let bounds = source.cut(&cut).await.unwrap();
    assert_eq!(bounds.len(), 11);
    let ends: Vec<_> = bounds.iter().cloned().map(Some).chain([None]).collect();
    let (mut after, mut sizes) = (None, Vec::new());
    for upto in ends {
        let range = Range { after: after.take(), upto: upto.clone() };
        sizes.push(texts(&*source, &Read { range, ..read.clone() }).await.len());
        after = upto;
    }
    assert_eq!(sizes, [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 1]);
}

#[tokio::test]
async fn a_sampled_cut_is_about_even_and_partitions_the_table() {
    let scratch = Scratch::new(
        "CREATE TABLE t (a int, lh_at text, PRIMARY KEY (lh_at, a));
         INSERT INTO t SELECT g, 'k' || g % 7 FROM generate_series(1, 100000) g",
    )
    .await;
    let source = scratch.open().await;
    let read = whole(&*source, "t", Lane::Text).await;
    let cut = Cut {
        table: read.table.clone(),
        key: read.key.clone(),
        filter: None,
        rows: 10_000,
        about: Some(100_000),
    };
    let bounds = source.cut(&cut).await.unwrap();
    assert_eq!(source.cut(&cut).await.unwrap(), bounds, "the same rows, the same bounds");
    let ends: Vec<_> = bounds.iter().cloned().map(Some).chain([None]).collect();
    let (mut after, mut sizes) = (None, Vec::new());
    for upto in ends {
        let range = Range { after: after.take(), upto: upto.clone() };
        sizes.push(texts(&*source, &Read { range, ..read.clone() }).await.len());
        after = upto;
    }
    assert_eq!(sizes.iter().sum::<usize>(), 100_000);
    assert!((8..=12).contains(&sizes.len()), "{sizes:?}");
    assert!(sizes.iter().all(|size| (3_000..=20_000).contains(size)), "{sizes:?}");
}

#[tokio::test]
async fn ranges_and_cuts_use_the_index_of_the_key() {
    let scratch = Scratch::new(
        "CREATE TABLE t (a int, b text, v text, PRIMARY KEY (a, b));
         INSERT INTO t SELECT g, 'k' || g, repeat('x', 50) FROM generate_series(1, 20000) g;
         ANALYZE t",
    )
    .await;
    let source = scratch.open().await;
    let link = source.door.open("longhaul:test", connect::Duty::Read).await.unwrap();
    snapshot::join(&link, None).await.unwrap();
    let table = TableName::within("public", "t");
    let shape = range::Shape::ask(&link, &table).await.unwrap();
    let bound = |a: &str, b: &str| Some(Bound(vec![a.into(), b.into()]));
    let range = Range { after: bound("500", "k500"), upto: bound("900", "k900") };
    let key = ["a".to_owned(), "b".to_owned()];
    let condition = shape.condition(&table, &key, &range, None).unwrap();
    let from = shape.from(&table);
    let plan = link.query(&format!("EXPLAIN SELECT v FROM {from}{condition}")).await.unwrap();
    let plan: String = plan.iter().map(|row| row.get::<_, String>(0) + "\n").collect();
    assert!(plan.contains("Index Cond: ((ROW(a, b) > ROW(500,"), "{plan}");
    let order = range::order(&table, &key);
    let step = format!("EXPLAIN SELECT a, b FROM {from}{condition} ORDER BY {order} LIMIT 2");
    let plan = link.query(&step).await.unwrap();
    let plan: String = plan.iter().map(|row| row.get::<_, String>(0) + "\n").collect();
    assert!(plan.contains("Index Only Scan") && !plan.contains("Sort"), "{plan}");
}

#[tokio::test]
async fn a_filter_finds_what_the_database_is_configured_to_find() {
    let scratch = Scratch::new(
        "CREATE EXTENSION citext; CREATE TABLE t (id int PRIMARY KEY, mail citext);
         INSERT INTO t VALUES (1, 'A@B'), (2, 'c')",
    )
    .await;
    let source = scratch.open().await;
    let mut read = whole(&*source, "t", Lane::Text).await;
    read.filter = Some("mail = 'a@b' -- case does not matter".into());
    assert_eq!(texts(&*source, &read).await, [["1", "A@B"]]);
    for nonsense in ["mail = ", "no_such_column = 1", "1 / (id - id) = 1", "true) OR (tru"] {
        read.filter = Some(nonsense.into());
        let fault = batches(&*source, &read).await.unwrap_err();
        assert_eq!(fault.code(), Code::FilterInvalid, "{nonsense}: {fault}");
    }
}

#[tokio::test]
async fn a_snapshot_whose_holder_is_gone_is_lost_and_not_replaced() {
    let scratch = Scratch::new("CREATE TABLE t (id int PRIMARY KEY)").await;
    let source = scratch.open().await;
    let read = whole(&*source, "t", Lane::Text).await;
    source.hold(Consistency::Snapshot).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
               WHERE datname = current_database() AND application_name = 'longhaul:snapshot'";
    assert_eq!(scratch.text(end).await.as_deref(), Some("t"));
    let fault = batches(&*source, &read).await.unwrap_err();
    assert_eq!(fault.code(), Code::SnapshotLost);
}

#[tokio::test]
async fn another_process_reads_the_moment_that_one_holds() {
    let scratch =
        Scratch::new("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let (leader, worker) = (scratch.open().await, scratch.open().await);
    let read = whole(&*worker, "t", Lane::Text).await;
    let held = leader.hold(Consistency::Snapshot).await.unwrap().expect("its name");
    assert_eq!(leader.hold(Consistency::Snapshot).await.unwrap().as_ref(), Some(&held));
    scratch.run("INSERT INTO t VALUES (2)").await;
    assert_eq!(texts(&*worker, &read).await, [["1"], ["2"]], "before it joins");
    worker.join(&held).await.unwrap();
    assert_eq!(texts(&*worker, &read).await, [["1"]]);
    drop(leader);
    let next = scratch.open().await;
    let later = next.hold(Consistency::Snapshot).await.unwrap().expect("its name");
    worker.join(&later).await.unwrap();
    assert_eq!(texts(&*worker, &read).await, [["1"], ["2"]], "no idle reader of the old moment");
    worker.join("00000003-0000001B-1").await.unwrap();
    let fault = batches(&*worker, &read).await.unwrap_err();
    assert_eq!(fault.code(), Code::SnapshotLost, "nobody holds it");
}

#[tokio::test]
async fn a_session_that_sits_on_a_chunk_is_ended_by_its_name() {
    let scratch = Scratch::new("CREATE TABLE t (id int)").await;
    let target = crate::open_target(&scratch.address()).await.unwrap();
    let label = format!("longhaul:{}:7:", uuid::Uuid::now_v7());
    let _stopped = target.session(&format!("{label}1")).await.unwrap();
    let _other = target.session("longhaul:another:7:1").await.unwrap();
    assert_eq!(target.end_sessions(&label).await.unwrap(), 1);
    assert_eq!(target.end_sessions("longhaul:another:").await.unwrap(), 1);
}

#[tokio::test]
async fn truncate_and_rewriting_show_in_the_counters() {
    let scratch = Scratch::new("CREATE TABLE t (id int); INSERT INTO t VALUES (1)").await;
    let source = scratch.open().await;
    let tables = [TableName::within("public", "t")];
    let before = source.counters(&tables).await.unwrap();
    scratch.run("TRUNCATE t").await;
    assert_ne!(source.counters(&tables).await.unwrap(), before);
}

#[tokio::test]
async fn a_table_that_is_not_what_the_snapshot_shows_is_not_taken_for_an_empty_one() {
    let partitioned = "CREATE TABLE t (id int) PARTITION BY LIST (id);
                       CREATE TABLE a PARTITION OF t FOR VALUES IN (1);
                       CREATE TABLE b PARTITION OF t FOR VALUES IN (2)";
    let plain = "CREATE TABLE t (id int)";
    for (table, change) in [
        (plain, "TRUNCATE t; INSERT INTO t VALUES (1), (2)"),
        (plain, "ALTER TABLE t ALTER id TYPE bigint"),
        (plain, "ALTER TABLE t RENAME TO old; CREATE TABLE t (id int)"),
        (plain, "DROP TABLE t; CREATE TABLE t (id int)"),
        (partitioned, "TRUNCATE a"),
        (partitioned, "DROP TABLE b"),
        (partitioned, "ALTER TABLE t DETACH PARTITION b"),
    ] {
        let scratch = Scratch::new(&format!("{table}; INSERT INTO t VALUES (1), (2)")).await;
        let source = scratch.open().await;
        let read = whole(&*source, "t", Lane::Text).await;
        source.hold(Consistency::Snapshot).await.unwrap();
        assert_eq!(texts(&*source, &read).await, [["1"], ["2"]]);
        scratch.run("INSERT INTO t VALUES (1)").await;
        assert_eq!(texts(&*source, &read).await, [["1"], ["2"]]);
        scratch.run(change).await;
        let fault = batches(&*source, &read).await.unwrap_err();
        assert_eq!(fault.code(), Code::SnapshotLost, "{change}");
    }
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why() {
    let unknown = address(url_of("no_such_database_here"));
    let fault = open_source(&unknown).await.err().unwrap();
    assert_eq!(fault.code(), Code::LoginRefused);
    // A port on which nobody listens: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let closed = address(format!("postgres://nobody:secret@127.0.0.1:{port}/d"));
    let fault = open_source(&closed).await.err().unwrap();
    assert_eq!(fault.code(), Code::Unreachable);
    assert!(!format!("{fault:?}").contains("secret"));
    let nobody = url_of("postgres").replacen("postgres@", "no_such_user_here@", 1);
    let fault = open_source(&address(nobody)).await.err().unwrap();
    assert_eq!(fault.code(), Code::LoginRefused);
}

#[tokio::test]
async fn encryption_is_as_strong_as_was_asked_for() {
    let scratch = Scratch::new("").await;
    let with = |mode: &str| {
        let url = url_of(scratch.name());
        let mark = if url.contains('?') { '&' } else { '?' };
        address(format!("{url}{mark}sslmode={mode}"))
    };
    let offered = scratch.text("SELECT current_setting('ssl')").await.as_deref() == Some("on");
    for (mode, opens) in [
        ("disable", true),
        ("prefer", true),
        ("require", offered),
        // No authority vouches for a test server.
        ("verify-full", false),
    ] {
        let opened = Postgres::open(&with(mode)).await;
        let Ok(opened) = opened else {
            assert!(!opens, "{mode}");
            assert_eq!(opened.err().unwrap().code(), Code::TlsRefused, "{mode}");
            continue;
        };
        assert!(opens, "{mode}");
        let link = opened.door.open("longhaul:test", connect::Duty::Read).await.unwrap();
        let mine = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(link.one::<bool>(mine).await.unwrap(), offered && mode != "disable", "{mode}");
    }
}

#[tokio::test]
async fn a_policy_on_rows_is_an_error_and_not_an_empty_table() {
    let scratch = Scratch::new("CREATE TABLE t (id int); INSERT INTO t VALUES (1)").await;
    let role = format!("{}_reader", scratch.name());
    scratch
        .run(&format!(
            "CREATE ROLE {role} LOGIN; GRANT SELECT ON t TO {role};
             ALTER TABLE t ENABLE ROW LEVEL SECURITY"
        ))
        .await;
    let url = url_of(scratch.name()).replacen("postgres@", &format!("{role}@"), 1);
    let found = async {
        let source = Postgres::open(&address(url)).await?;
        let read = whole(&source, "t", Lane::Text).await;
        batches(&source, &read).await
    };
    let found = found.await;
    scratch.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    assert_eq!(found.unwrap_err().code(), Code::RightsMissing);
}

#[tokio::test]
async fn a_read_that_is_dropped_ends_on_the_server() {
    let scratch = Scratch::new(
        "CREATE TABLE t (v text); INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 50000)",
    )
    .await;
    let source = scratch.open().await;
    let mut read = whole(&*source, "t", Lane::Text).await;
    read.label = "longhaul:dropped".into();
    let mut rows = source.read(&read).await.unwrap();
    rows.next().await.unwrap().unwrap();
    drop(rows);
    // The server sees the socket close and ends the session; it is asked until it has.
    let alive = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'longhaul:dropped' \
                 AND datname = current_database()";
    let gone = async { while scratch.text(alive).await.as_deref() != Some("0") {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), gone).await.unwrap();
}

#[tokio::test]
async fn a_column_that_is_gone_is_named() {
    let scratch = Scratch::new("CREATE TABLE t (id int PRIMARY KEY, v text)").await;
    let source = scratch.open().await;
    let mut read = whole(&*source, "t", Lane::Text).await;
    read.key = vec!["gone".into()];
    read.range.after = Some(Bound(vec!["1".into()]));
    let fault = batches(&*source, &read).await.unwrap_err();
    assert_eq!((fault.code(), fault.place()), (Code::SourceChanged, "public.t.gone"));
    read.table = TableName::within("public", "nothing");
    let fault = batches(&*source, &read).await.unwrap_err();
    assert_eq!(fault.code(), Code::SourceChanged);
}
