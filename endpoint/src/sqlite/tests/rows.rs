//! Reading: ranges, slices, cells, moments.

use super::*;

/// Cuts a table after every so many rows, reads all ranges, and expects each row once.
async fn partitions(sql: &str, key: &[&str], rows: u64, expected: usize) {
    let scratch = Scratch::with(sql);
    let source = source(&scratch).await;
    let cut = Cut {
        table: TableName::bare("t"),
        key: key.iter().map(|name| (*name).into()).collect(),
        filter: None,
        rows,
        about: None,
    };
    let bounds = source.cut(&cut).await.unwrap();
    assert_eq!(bounds.len(), (expected - 1) / usize::try_from(rows).unwrap());
    let afters = std::iter::once(None).chain(bounds.iter().cloned().map(Some));
    let uptos = bounds.iter().cloned().map(Some).chain(std::iter::once(None));
    let mut ids = Vec::new();
    for (after, upto) in afters.zip(uptos) {
        let read =
            Read { range: Range { after, upto }, ..read_of("t", &[("id", Logical::Any)], key) };
        let part = drain(source.read(&read).await.unwrap()).await;
        assert!(!part.is_empty() && part.len() <= usize::try_from(rows).unwrap());
        ids.extend(part.into_iter().map(|row| row[0].clone().unwrap()));
    }
    let read = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((read, ids.len()), (expected, expected));
}

#[tokio::test]
async fn ranges_between_bounds_partition_a_table_whatever_its_key() {
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)";
    let fill = |key: &str| format!("{many} INSERT INTO t SELECT i, {key} FROM n");
    let single = format!("CREATE TABLE t (id INTEGER PRIMARY KEY, x); {}", fill("NULL"));
    partitions(&single, &["id"], 7, 100).await;
    partitions(&single, &["id"], 100, 100).await;
    partitions(&single, &["id"], 10, 100).await;
    let composite = format!(
        "CREATE TABLE t (id, a INT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (a, b)); {}",
        fill("i % 3, char(97 + i % 2) || i")
    );
    partitions(&composite, &["a", "b"], 9, 100).await;
    let mixed = format!(
        "CREATE TABLE t (id, k TEXT COLLATE NOCASE NOT NULL UNIQUE); {}",
        fill("iif(i % 2, 'K', 'k') || i")
    );
    partitions(&mixed, &["k"], 6, 100).await;
    let blobs = format!(
        "CREATE TABLE t (id, k BLOB PRIMARY KEY NOT NULL) WITHOUT ROWID; {}",
        fill(
            "CASE i % 4 WHEN 0 THEN i WHEN 1 THEN i / 7.0 WHEN 2 THEN 't' || i ELSE randomblob(5) || i END"
        )
    );
    partitions(&blobs, &["k"], 8, 100).await;
    let hostile = format!(
        "CREATE TABLE t (id, \"a\"\"); DROP TABLE t; --\" INT PRIMARY KEY NOT NULL); {}",
        fill("i")
    );
    partitions(&hostile, &["a\"); DROP TABLE t; --"], 30, 100).await;
}

#[tokio::test]
async fn cells_are_canonical_and_what_is_something_else_is_noted() {
    let scratch = Scratch::with(
        "CREATE TABLE t (i INTEGER, b BOOLEAN, d NUMERIC(9,2), f DOUBLE, s TEXT, x BLOB, at DATETIME);
         INSERT INTO t VALUES (7, 1, 1.5, 0.1, 'a', x'ff', '2024-01-01 00:00:00'),
           (NULL, NULL, 3, 1e20, '', x'', NULL),
           ('no', 2, 'no', 'no', x'00', 'text', 20240101),
           (1.5, 0, -0.25, -1, CAST(x'ff' AS TEXT), 1, 1.5)",
    );
    let columns = ["i", "b", "d", "f", "s", "x", "at"];
    let natives = ["INTEGER", "BOOLEAN", "NUMERIC(9,2)", "DOUBLE", "TEXT", "BLOB", "DATETIME"];
    let columns: Vec<_> = columns.into_iter().zip(natives.map(types::logical)).collect();
    let mut read = read_of("t", &columns, &[]);
    read.batch_bytes = 10_000;
    let mut rows = source(&scratch).await.read(&read).await.unwrap();
    let batch = rows.next().await.unwrap().unwrap();
    let cells: Vec<Vec<_>> = batch.iter().map(|row| row.cells().collect()).collect();
    let cell = |text: &'static [u8]| Some(text);
    assert_eq!(
        cells[0],
        [
            cell(b"7"),
            cell(b"t"),
            cell(b"1.50"),
            cell(b"0.1"),
            cell(b"a"),
            cell(b"\xff"),
            cell(b"2024-01-01 00:00:00"),
        ]
    );
    assert_eq!(cells[1], [None, None, cell(b"3.00"), cell(b"1e+20"), cell(b""), cell(b""), None]);
    let misfits: Vec<_> = batch.misfits().iter().map(|one| (one.row, one.column)).collect();
    // A text where a decimal should be is left to whoever fits it; it may be one of many digits.
    // Bytes that are a text stand as one, a text stands as its bytes, and a fraction where it may be
    // rounded.
    let expected = [(2, 0), (2, 1), (2, 3), (2, 6), (3, 4), (3, 5), (3, 6)];
    assert_eq!(misfits, expected);
    let invalid = batch.misfits().iter().find(|one| (one.row, one.column) == (3, 4)).unwrap();
    assert_eq!(invalid.reason, Reason::InvalidEncoding);
    assert_eq!(cells[3][4], cell(b"\xff"), "it can be mended only where it is seen");
    assert_eq!(cells[3][2], cell(b"-0.25"));
}

#[tokio::test]
async fn the_raw_lane_carries_every_cell_as_it_is() {
    let sql = "CREATE TABLE t (k INTEGER PRIMARY KEY, a, b NUMERIC)";
    let from = Scratch::with(&format!(
        "{sql}; INSERT INTO t VALUES (1, x'ff', 'x'), (2, CAST(x'ff' AS TEXT), 1.5), \
         (3, -0.0, NULL), (4, 9e999, 7), (5, '', x'')"
    ));
    let to = Scratch::new();
    let target = target(&to).await;
    to.execute(sql);
    let columns = [("k", "INTEGER"), ("a", ""), ("b", "NUMERIC")];
    let mut entity = entity("t", &columns, Mode::Create);
    entity.lane = Lane::Raw;
    let mut home = target.home().await.unwrap();
    home.install().await.unwrap();
    let plan = plan(&entity, 1);
    home.store(&record(1, &plan), &plan).await.unwrap();
    let mut read = read_of("t", &columns.map(|(name, native)| (name, types::logical(native))), &[]);
    read.lane = Lane::Raw;
    let mut rows = source(&from).await.read(&read).await.unwrap();
    let mut session = target.session("s").await.unwrap();
    let this = chunk(0, Work::Copy(Range::default()));
    session.begin(RunId(Uuid::from_u128(1)), &this, attempt(1)).await.unwrap();
    session.start(&entity, &ROWS, false).await.unwrap();
    let mut sent = Digest::default();
    while let Some(batch) = rows.next().await.unwrap() {
        sent.add_batch(&batch);
        session.write(batch).await.unwrap();
    }
    session.finish().await.unwrap();
    session.complete(&receipt(0, attempt(1), 5)).await.unwrap();
    session.commit().await.unwrap();
    let mut back = Digest::default();
    for index in 0..3 {
        let mut rows = target.read_back(&entity, index, 3, 100).await.unwrap();
        while let Some(batch) = rows.next().await.unwrap() {
            back.add_batch(&batch);
        }
    }
    assert_eq!(back, sent);
    assert_eq!(back.rows, 5);
}

#[tokio::test]
async fn slices_partition_tables_with_and_without_rowids() {
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)";
    for (table, ids) in [
        ("t (k INTEGER PRIMARY KEY)", "i * i"),
        ("t (k INTEGER PRIMARY KEY)", "i - 25 + 9223372036854775000 * (i % 2)"),
        ("t (k TEXT PRIMARY KEY) WITHOUT ROWID", "i"),
        ("t (k, rowid, _rowid_)", "i, i, i"),
        ("t (k, rowid, _rowid_, oid)", "i, i, i, i"),
    ] {
        let scratch = Scratch::with(&format!(
            "CREATE TABLE {table}; {many} INSERT INTO t SELECT {ids} FROM n"
        ));
        let target = target(&scratch).await;
        let entity = entity("t", &[("k", "")], Mode::Create);
        for of in [1, 7] {
            let mut all = Vec::new();
            for index in 0..of {
                all.extend(drain(target.read_back(&entity, index, of, 64).await.unwrap()).await);
            }
            assert_eq!(all.len(), 50, "{table} in {of}");
            all.sort();
            all.dedup();
            assert_eq!(all.len(), 50, "{table} in {of}");
        }
    }
}

#[tokio::test]
async fn a_condition_is_the_operators_own_and_so_is_its_mistake() {
    let scratch = Scratch::with("CREATE TABLE t (a INT NOT NULL); INSERT INTO t VALUES (1), (2)");
    let source = source(&scratch).await;
    let read = |filter: &str| Read {
        filter: Some(filter.into()),
        ..read_of("t", &[("a", Logical::Integer { bits: 64 })], &["a"])
    };
    let rows = source.read(&read("a > 1 -- only these")).await.unwrap();
    assert_eq!(drain(rows).await, [[Some("2".to_owned())]]);
    for wrong in ["nothing = 1", "a >", "a = \"text\"", "1); DROP TABLE t; --"] {
        let fault = source.read(&read(wrong)).await.err().unwrap();
        assert_eq!(fault.code(), Code::FilterInvalid, "{wrong}");
        let cut = Cut {
            table: TableName::bare("t"),
            key: vec!["a".into()],
            filter: Some(wrong.into()),
            rows: 1,
            about: None,
        };
        assert_eq!(source.cut(&cut).await.unwrap_err().code(), Code::FilterInvalid, "{wrong}");
    }
    let gone = read_of("t", &[("gone", text())], &[]);
    assert_eq!(source.read(&gone).await.err().unwrap().code(), Code::SourceChanged);
    let top = Read { top: Some(1), ..read_of("t", &[("a", text())], &["a"]) };
    assert_eq!(drain(source.read(&top).await.unwrap()).await.len(), 1);
}

#[tokio::test]
async fn what_is_no_database_is_not_opened() {
    let scratch = Scratch::new();
    let fault = open_source(&scratch.address()).await.err().unwrap();
    assert_eq!(fault.code(), Code::DatabaseUnopened);
    assert!(fault.to_string().contains("scratch.db"));
    assert!(!scratch.path().exists(), "a source is never made");
    std::fs::write(scratch.path(), "this is a text and no database, ".repeat(40)).unwrap();
    for code in [
        open_source(&scratch.address()).await.err().unwrap().code(),
        open_target(&scratch.address()).await.err().unwrap().code(),
    ] {
        assert_eq!(code, Code::DatabaseUnopened);
    }
}

#[tokio::test]
async fn a_snapshot_shows_one_moment_and_counters_tell_of_writers() {
    let scratch = Scratch::with("PRAGMA journal_mode = WAL; CREATE TABLE t (a)");
    let source = source(&scratch).await;
    source.hold(Consistency::Snapshot).await.unwrap();
    let before = source.counters(&[]).await.unwrap();
    assert_eq!(source.counters(&[]).await.unwrap(), before);
    scratch.execute("INSERT INTO t VALUES (1)");
    assert_ne!(source.counters(&[]).await.unwrap(), before);
    let read = read_of("t", &[("a", Logical::Any)], &[]);
    assert_eq!(drain(source.read(&read).await.unwrap()).await.len(), 0);
    let later = self::source(&scratch).await;
    assert_eq!(drain(later.read(&read).await.unwrap()).await.len(), 1);
    assert_eq!(later.identity().await.unwrap(), source.identity().await.unwrap());
}

#[tokio::test]
async fn a_read_that_is_dropped_gives_its_connection_back() {
    let scratch = Scratch::with(
        "CREATE TABLE t (a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
         WHERE i < 1000) INSERT INTO t SELECT i FROM n",
    );
    let source = source(&scratch).await;
    source.hold(Consistency::Snapshot).await.unwrap();
    let read = read_of("t", &[("a", Logical::Any)], &[]);
    for _ in 0..20 {
        let mut rows = source.read(&read).await.unwrap();
        assert!(rows.next().await.unwrap().is_some());
    }
    assert_eq!(drain(source.read(&read).await.unwrap()).await.len(), 1000);
}
