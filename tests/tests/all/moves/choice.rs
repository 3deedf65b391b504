//! Which rows, columns and entities move, and what they are called in the target.

use tests::moving::{ACROSS, DIRECTIONS, Engine, Move, entity};

use super::LONGHAUL;

/// `pupil` with 1000 rows, ids 1 to 1000.
const PUPILS: &str = "
    CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT, class BIGINT, notes TEXT);
    INSERT INTO pupil
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
    SELECT i, 'name ' || i, i % 10, 'private' FROM n";

#[tokio::test]
async fn a_condition_in_the_sources_own_sql_is_asked_of_the_source() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(PUPILS).await;
        // Each engine has words that the other does not understand.
        let condition = match way.0 {
            Engine::Sqlite => "class = 3 AND name GLOB 'name *'",
            Engine::MySql => "class = 3 AND name REGEXP '^name ' AND id <=> id",
            Engine::Postgres => "class = 3 AND name ~ '^name ' AND id <> ALL ('{-1}')",
        };
        case.file(&format!(
            "entities:\n  - {{ entity: pupil, where: \"{condition}\", chunk_rows: 10 }}"
        ));
        let report = case.verified();
        let pupil = entity(&report, "pupil");
        assert_eq!((&pupil["read"], &pupil["written"]), (&100.into(), &100.into()), "{way:?}");
        assert_eq!(pupil["filtered"], 0);
        // Cut by the rows that match, not by those that are there: ten chunks of ten, or so.
        let chunks = pupil["chunks"][0].as_u64().unwrap();
        assert!((9..=11).contains(&chunks), "{way:?}: {chunks} chunks");
        let there = "SELECT count(*), min(id), max(id), min(class), max(class) FROM pupil";
        assert_eq!(case.to.ask(there).await, "100|3|993|3|3", "{way:?}");
    }
}

#[tokio::test]
async fn a_condition_cannot_end_what_it_stands_in() {
    for way in [(Engine::Sqlite, Engine::Sqlite), (Engine::Postgres, Engine::Sqlite)] {
        for condition in ["class = 3 OR class = 4", "class = 3 OR class = 4 -- and no more"] {
            let case = Move::new(LONGHAUL, way).await;
            case.from.run(PUPILS).await;
            case.file(&format!(
                "entities:\n  - {{ entity: pupil, where: \"{condition}\", chunk_rows: 30 }}"
            ));
            let report = case.verified();
            assert_eq!(report["totals"]["read"], 200, "{way:?}: {condition}");
        }
    }
}

#[tokio::test]
async fn a_condition_that_the_source_does_not_understand_stops_before_anything_is_written() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(PUPILS).await;
        case.from.run("CREATE TABLE mark (mark TEXT)").await;
        case.file("entities:\n  - { entity: mark, where: \"no_such_column = 1\" }");
        let _ = case.longhaul(&["run"]).exits(6).says(&["filter-invalid", "mark"]);
        case.file("entities:\n  - { entity: pupil, where: \"no_such_column = 1\" }");
        let _ = case.longhaul(&["run"]).exits(6).says(&["filter-invalid", "pupil"]);
        case.file("entities:\n  - { entity: pupil, where: \"no_such_column = 1\", top: 5 }");
        let _ = case.longhaul(&["run"]).exits(6).says(&["filter-invalid", "pupil"]);
        if let tests::moving::Store::Sqlite(path) = &case.to {
            assert!(!path.exists(), "{way:?}");
        }
    }
}

#[tokio::test]
async fn top_takes_the_first_rows_by_key() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(PUPILS).await;
        case.from
            .run("CREATE TABLE mark (mark TEXT); INSERT INTO mark VALUES ('a'), ('b'), ('c')")
            .await;
        case.file(
            "entities:\n  - { entity: pupil, top: 25, where: \"class <> 1\" }\n  \
             - { entity: mark, top: 2 }",
        );
        let report = case.verified();
        assert_eq!(report["totals"]["read"], 27);
        let ids = "SELECT count(*), min(id), max(id) FROM pupil";
        // 1, 11 and 21 are left out.
        assert_eq!(case.to.ask(ids).await, "25|2|28", "{way:?}");
        assert_eq!(case.to.ask("SELECT count(*) FROM mark").await, "2");
    }
}

#[tokio::test]
async fn top_of_more_than_there_is_takes_all() {
    let case = Move::new(LONGHAUL, (Engine::Postgres, Engine::Postgres)).await;
    case.from.run(PUPILS).await;
    case.file("entities:\n  - { entity: pupil, top: 18446744073709551615 }");
    assert_eq!(case.verified()["totals"]["read"], 1000);
}

#[tokio::test]
async fn columns_are_renamed_and_left_out_with_what_hangs_on_them() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(PUPILS).await;
        let more = "CREATE UNIQUE INDEX pupil_name ON pupil (name);
                    CREATE INDEX pupil_notes ON pupil (notes);
                    CREATE TABLE visit (day TEXT NOT NULL, pupil_id BIGINT NOT NULL
                        REFERENCES pupil (id), PRIMARY KEY (pupil_id, day));
                    INSERT INTO visit SELECT 'monday', id FROM pupil";
        case.from.run(more).await;
        case.file(
            "entities:\n  - { entity: pupil, rename: { id: pupil_no, name: called }, \
             exclude_columns: [notes], chunk_rows: 300 }\n  \
             - { entity: visit, rename: { pupil_id: pupil_no, day: \"Day of Week\" } }",
        );
        let report = case.verified();
        let notes = report["notes"].to_string();
        assert!(notes.contains("pupil_notes"), "{notes}");
        let from = case.from.rows("SELECT id, name, class FROM pupil ORDER BY id").await;
        let to = case.to.rows("SELECT pupil_no, called, class FROM pupil ORDER BY pupil_no").await;
        assert!(from == to, "{way:?}");
        let visits = "SELECT count(*) FROM visit WHERE \"Day of Week\" = 'monday'";
        assert_eq!(case.to.ask(visits).await, "1000");
        // The key and the link go by the new names.
        let columns = match way.1 {
            Engine::Sqlite => {
                "SELECT (SELECT group_concat(name) FROM pragma_table_info('pupil')),
                        (SELECT \"from\" || '>' || \"to\" FROM pragma_foreign_key_list('visit')),
                        (SELECT name FROM pragma_index_info('pupil_name'))"
            }
            Engine::Postgres => {
                "SELECT (SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute
                          WHERE attrelid = 'pupil'::regclass AND attnum > 0),
                        (SELECT k.attname || '>' || r.attname FROM pg_constraint c
                           JOIN pg_attribute k ON k.attrelid = c.conrelid AND k.attnum = c.conkey[1]
                           JOIN pg_attribute r ON r.attrelid = c.confrelid
                            AND r.attnum = c.confkey[1] WHERE c.contype = 'f'),
                        (SELECT attname FROM pg_attribute
                          WHERE attrelid = 'pupil_name'::regclass)"
            }
            Engine::MySql => {
                "SELECT (SELECT group_concat(column_name ORDER BY ordinal_position)
                           FROM information_schema.columns
                          WHERE table_schema = database() AND table_name = 'pupil'),
                        (SELECT concat(column_name, '>', referenced_column_name)
                           FROM information_schema.key_column_usage
                          WHERE table_schema = database() AND referenced_table_name = 'pupil'),
                        (SELECT column_name FROM information_schema.statistics
                          WHERE table_schema = database() AND table_name = 'pupil'
                            AND index_name <> 'PRIMARY')"
            }
        };
        // Unique indexes of MySQL are constraints, and those have no names in SQLite.
        let nameless = way == (Engine::MySql, Engine::Sqlite);
        let index = if nameless { "NULL" } else { "called" };
        let there = format!("pupil_no,called,class|pupil_no>pupil_no|{index}");
        assert_eq!(case.to.ask(columns).await, there, "{way:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_left_out_leaves_the_rows_without_one() {
    for way in ACROSS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(PUPILS).await;
        case.file("entities:\n  - { entity: pupil, exclude_columns: [id], chunk_rows: 200 }");
        let report = case.verified();
        assert_eq!(report["totals"]["written"], 1000, "{way:?}");
        case.same("SELECT name, class, notes FROM pupil ORDER BY 1, 2, 3").await;
    }
}

#[tokio::test]
async fn an_entity_goes_to_another_name_and_schema() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(PUPILS).await;
        case.from
            .run(
                "CREATE TABLE visit (pupil_id BIGINT REFERENCES pupil (id));
             INSERT INTO visit SELECT id FROM pupil",
            )
            .await;
        let to = if way.1 == Engine::Postgres { "people.student" } else { "student" };
        case.file(&format!("entities:\n  - {{ entity: pupil, to: {to} }}\n  - visit"));
        let report = case.verified();
        assert_eq!(entity(&report, "student")["written"], 1000);
        assert_eq!(case.to.ask(&format!("SELECT count(*) FROM {to}")).await, "1000");
        let link = match way.1 {
            Engine::Sqlite => "SELECT \"table\" FROM pragma_foreign_key_list('visit')",
            Engine::Postgres => "SELECT confrelid::regclass FROM pg_constraint WHERE contype = 'f'",
            Engine::MySql => {
                "SELECT referenced_table_name FROM information_schema.key_column_usage
                  WHERE table_schema = database() AND referenced_table_name IS NOT NULL"
            }
        };
        assert_eq!(case.to.ask(link).await, to, "{way:?}");
    }
}

#[tokio::test]
async fn schemas_are_kept_or_become_part_of_the_name() {
    for to in [Engine::Sqlite, Engine::Postgres, Engine::MySql] {
        let case = Move::new(LONGHAUL, (Engine::Postgres, to)).await;
        case.from
            .run(
                "CREATE SCHEMA sales; CREATE SCHEMA \"Kä se\";
             CREATE TABLE sales.item (id INT PRIMARY KEY); INSERT INTO sales.item VALUES (1), (2);
             CREATE TABLE \"Kä se\".item (id INT PRIMARY KEY, of INT REFERENCES sales.item);
             INSERT INTO \"Kä se\".item VALUES (7, 1);
             CREATE TABLE item (id INT PRIMARY KEY); INSERT INTO item VALUES (3)",
            )
            .await;
        let report = case.verified();
        assert_eq!(report["totals"]["written"], 4);
        let (sales, cheese) = match to {
            Engine::Sqlite | Engine::MySql => ("sales_item", "\"Kä se_item\""),
            Engine::Postgres => ("sales.item", "\"Kä se\".item"),
        };
        assert_eq!(case.to.ask(&format!("SELECT sum(id) FROM {sales}")).await, "3");
        assert_eq!(case.to.ask(&format!("SELECT id, of FROM {cheese}")).await, "7|1");
        assert_eq!(case.to.ask("SELECT id FROM item").await, "3");
    }
}

#[tokio::test]
async fn patterns_choose_and_leave_out() {
    for way in ACROSS {
        let case = Move::new(LONGHAUL, way).await;
        let tables = ["order_2023", "order_2024", "order_tmp", "tmp_a", "other"];
        for table in tables {
            case.from.run(&format!(
                "CREATE TABLE {table} (id BIGINT NOT NULL PRIMARY KEY, a TEXT); INSERT INTO {table} VALUES (1, 'a'), (2, 'b')"
            )).await;
        }
        // A name beats a pattern; an exclusion beats an inclusion.
        case.file(
            "entities:\n  - \"order_*\"\n  - exclude: \"*tmp*\"\n  - { entity: order_2024, top: 1 }",
        );
        let report = case.verified();
        let names: Vec<_> = report["entities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["target"].as_str().unwrap().trim_start_matches("public."))
            .collect();
        assert_eq!(names, ["order_2023", "order_2024"], "{way:?}");
        assert_eq!(entity(&report, "order_2024")["written"], 1);
        assert_eq!(entity(&report, "order_2023")["written"], 2);
    }
    let case = Move::new(LONGHAUL, DIRECTIONS[0]).await;
    case.from.run("CREATE TABLE a (x INT); CREATE TABLE b (x INT)").await;
    case.file("entities:\n  - exclude: a");
    assert_eq!(case.verified()["entities"].as_array().unwrap().len(), 1);
    case.file("entities: [nothing_like_it]");
    let _ = case.longhaul(&["plan"]).exits(6).says(&["entity-unknown", "nothing_like_it"]);
}
