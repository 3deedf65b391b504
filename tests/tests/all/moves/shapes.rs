//! Tables of every shape: many chunks, keys of every kind, none, no rows, one, wide ones, big rows.

use tests::moving::{ACROSS, DIRECTIONS, Engine, Move, entity};

use super::LONGHAUL;

/// `WITH RECURSIVE n(i)` from 1 to `rows`, to select from.
fn numbers(rows: u32) -> String {
    format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})")
}

#[tokio::test]
async fn ten_thousand_rows_in_a_hundred_chunks_arrive_once() {
    for (at, way) in DIRECTIONS.into_iter().enumerate() {
        let slots = if at == 0 { 1 } else { 4 };
        let case = Move::new(LONGHAUL, way).await;
        case.from
            .run(&format!(
                "CREATE TABLE item (id BIGINT NOT NULL PRIMARY KEY, name TEXT);
                 INSERT INTO item {} SELECT i * 7 - 35000, 'item ' || i FROM n",
                numbers(10_000)
            ))
            .await;
        case.file(&format!(
            "entities:\n  - {{ entity: item, chunk_rows: 100 }}\nlimits: {{ slots: {slots} }}"
        ));
        let report = case.verified();
        let item = entity(&report, "item");
        assert_eq!(item["written"], 10_000);
        let chunks = item["chunks"][0].as_u64().unwrap();
        assert!((95..=105).contains(&chunks), "{way:?}: {chunks} chunks");
        case.same("SELECT id, name FROM item ORDER BY id").await;
    }
}

/// Tables, each cut by a key of another kind.
fn keyed(engine: Engine) -> Vec<(&'static str, String, &'static str)> {
    let rows = 500;
    let numbers = numbers(rows);
    let uuid = match engine {
        Engine::Postgres => "md5(i::text)::uuid",
        Engine::MySql => "insert(insert(md5(i), 9, 0, '-'), 14, 0, '-')",
        Engine::Sqlite => "printf('%08x-0000-4000-8000-%012x', i * 2654435761 % 4294967296, i)",
    };
    // Texts whose order depends on who compares: case, accents, signs, the empty text.
    let text = "CASE i % 6 WHEN 0 THEN 'a' WHEN 1 THEN 'B' WHEN 2 THEN 'ä' WHEN 3 THEN '_' \
                WHEN 4 THEN 'a ''b' ELSE '€' END || i";
    let uuids = if engine == Engine::Postgres { "UUID" } else { "TEXT" };
    vec![
        (
            "composite",
            format!(
                "CREATE TABLE composite (a BIGINT NOT NULL, b TEXT NOT NULL, c BIGINT NOT NULL, v TEXT,
                     PRIMARY KEY (a, b, c));
                 INSERT INTO composite {numbers} SELECT i / 50, {text}, -i, 'v' || i FROM n"
            ),
            "SELECT a, b, c, v FROM composite",
        ),
        (
            "texts",
            format!(
                "CREATE TABLE texts (k TEXT NOT NULL PRIMARY KEY, v BIGINT);
                 INSERT INTO texts {numbers} SELECT {text}, i FROM n;
                 INSERT INTO texts VALUES ('', 0)"
            ),
            "SELECT k, v FROM texts",
        ),
        (
            "uuids",
            format!(
                "CREATE TABLE uuids (k {uuids} NOT NULL PRIMARY KEY, v BIGINT);
                 INSERT INTO uuids {numbers} SELECT {uuid}, i FROM n"
            ),
            "SELECT k, v FROM uuids",
        ),
        (
            "only_unique",
            format!(
                "CREATE TABLE only_unique (v TEXT, k BIGINT NOT NULL UNIQUE);
                 INSERT INTO only_unique {numbers} SELECT 'v' || i % 3, i FROM n"
            ),
            "SELECT k, v FROM only_unique",
        ),
    ]
}

#[tokio::test]
async fn keys_of_every_kind_cut_without_gap_or_overlap() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        let tables = keyed(way.0);
        for (_, sql, _) in &tables {
            case.from.run(sql).await;
        }
        case.file("entities:\n  - { entity: \"*\", chunk_rows: 40 }");
        let report = case.verified();
        for (table, _, query) in tables {
            let chunks = entity(&report, table)["chunks"][0].as_u64().unwrap();
            assert!(chunks >= 10, "{way:?}: {table} in {chunks}");
            let order = |engine| match engine {
                Engine::Sqlite => format!("{query} ORDER BY v || ''"),
                Engine::Postgres => format!("{query} ORDER BY v::text COLLATE \"C\""),
                Engine::MySql => query.to_owned(),
            };
            let mut from = case.from.rows(&order(way.0)).await;
            let mut to = case.to.rows(&order(way.1)).await;
            from.sort();
            to.sort();
            assert!(from == to, "{way:?}: {table}");
        }
    }
}

#[tokio::test]
async fn tables_without_keys_without_rows_and_with_one_row() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        case.from
            .run(&format!(
                "CREATE TABLE keyless (a BIGINT, b TEXT);
                 INSERT INTO keyless {} SELECT i % 3, 'same' FROM n;
                 INSERT INTO keyless VALUES (NULL, NULL), (NULL, NULL);
                 CREATE TABLE nullable_key (k BIGINT UNIQUE, v TEXT);
                 INSERT INTO nullable_key VALUES (1, 'a'), (NULL, 'b'), (NULL, 'b');
                 CREATE TABLE empty (id BIGINT NOT NULL PRIMARY KEY, name TEXT);
                 CREATE TABLE empty_keyless (name TEXT);
                 CREATE TABLE one (id BIGINT NOT NULL PRIMARY KEY, name TEXT);
                 INSERT INTO one VALUES (5, '')",
                numbers(1000)
            ))
            .await;
        case.file("entities:\n  - { entity: \"*\", chunk_rows: 10 }");
        let report = case.verified();
        for (table, rows, chunks) in [
            ("keyless", 1002, 1),
            ("nullable_key", 3, 1),
            ("empty", 0, 1),
            ("empty_keyless", 0, 1),
            ("one", 1, 1),
        ] {
            let entity = entity(&report, table);
            assert_eq!(entity["written"], rows, "{way:?}: {table}");
            assert_eq!(entity["chunks"][0], chunks, "{way:?}: {table}");
        }
        case.same("SELECT coalesce(a, -1), coalesce(b, ''), count(*) FROM keyless GROUP BY a, b ORDER BY 1").await;
        case.same("SELECT coalesce(k, -1), v FROM nullable_key ORDER BY v").await;
        case.same("SELECT id, name FROM one").await;
    }
}

#[tokio::test]
async fn a_database_without_tables_is_nothing_to_move() {
    for way in ACROSS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run("CREATE TABLE gone (a INT); DROP TABLE gone").await;
        let said = case.longhaul(&["run"]);
        let _ = said.says(&["entity-unknown"]).exits(6);
    }
}

#[tokio::test]
async fn a_table_of_two_hundred_columns() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        let text = if way.0 == Engine::MySql { "TINYTEXT" } else { "TEXT" };
        let columns: Vec<_> = (0..199).map(|at| format!("c{at} {text}")).collect();
        let values: Vec<_> = (0..199).map(|at| format!("{at} || 'x' || i")).collect();
        case.from
            .run(&format!(
                "CREATE TABLE wide (id BIGINT NOT NULL PRIMARY KEY, {});
                 INSERT INTO wide {} SELECT i, {} FROM n",
                columns.join(", "),
                numbers(300),
                values.join(", ")
            ))
            .await;
        case.file("entities:\n  - { entity: wide, chunk_rows: 100 }");
        assert_eq!(case.verified()["totals"]["written"], 300);
        case.same("SELECT * FROM wide ORDER BY id").await;
    }
}

#[tokio::test]
async fn a_row_larger_than_any_batch() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        // 5 MB of two-byte letters, so that a cut in the middle of one would show.
        let big = match way.0 {
            Engine::Sqlite => "replace(hex(zeroblob(1250000)), '0', 'ä')",
            Engine::Postgres | Engine::MySql => "repeat('ä', 2500000)",
        };
        case.from
            .run(&format!(
                "CREATE TABLE doc (id BIGINT NOT NULL PRIMARY KEY, body TEXT);
                 INSERT INTO doc VALUES (1, 'small'), (2, {big}), (3, 'small'), (4, {big}), (5, '')"
            ))
            .await;
        case.file("limits: { memory: 1MiB, chunk_bytes: 1KiB }");
        assert_eq!(case.verified()["totals"]["written"], 5);
        case.same("SELECT id, length(body) FROM doc ORDER BY id").await;
        let letters = match way.1 {
            // Its `replace` takes minutes for this.
            Engine::MySql => "SELECT trim(BOTH 'ä' FROM body) FROM doc ORDER BY id",
            Engine::Postgres | Engine::Sqlite => {
                "SELECT replace(body, 'ä', '') FROM doc ORDER BY id"
            }
        };
        assert_eq!(case.to.rows(letters).await, ["small", "", "small", "", ""]);
    }
}
