//! Mode upsert: rows that are there are overwritten, others are added.

use tests::moving::{ACROSS, DIRECTIONS, Engine, Move, entity};

use super::LONGHAUL;

const SOURCE: &str = "
    CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, no BIGINT NOT NULL, name TEXT);
    INSERT INTO pupil
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
    SELECT i, 1000 + i, 'new ' || i FROM n";

#[tokio::test]
async fn rows_that_are_there_are_overwritten_and_others_added() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(SOURCE).await;
        case.to
            .run(
                "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT, no BIGINT NOT NULL,
                     ours TEXT DEFAULT 'ours');
                 INSERT INTO pupil VALUES (7, 'old', -1, 'kept'), (9999, 'of another', -2, 'kept')",
            )
            .await;
        case.file("mode: upsert\nentities:\n  - { entity: pupil, chunk_rows: 70 }");
        let said = tests::command::run(&mut case.command(&["plan"])).exits(0).stdout;
        assert!(said.contains("holds rows already"), "{said}");
        let report = case.moves();
        let pupil = entity(&report, "pupil");
        assert_eq!((&pupil["read"], &pupil["written"]), (&500.into(), &500.into()), "{way:?}");
        assert_eq!(pupil["verdict"], "not_verified");
        assert_eq!(pupil["why"], "the target held rows before");
        assert_eq!(report["verdict"], "not_verified");
        let rows = "SELECT id, name, no, ours FROM pupil WHERE id IN (6, 7, 9999) ORDER BY id";
        assert_eq!(
            case.to.rows(rows).await,
            ["6|new 6|1006|ours", "7|new 7|1007|kept", "9999|of another|-2|kept"],
            "{way:?}"
        );
        assert_eq!(case.to.ask("SELECT count(*) FROM pupil").await, "501");
        // Again, over what is there now: nothing is doubled.
        case.from.run("UPDATE pupil SET name = 'newer' WHERE id = 500").await;
        case.moves();
        assert_eq!(case.to.ask("SELECT count(*) FROM pupil").await, "501");
        assert_eq!(case.to.ask("SELECT name FROM pupil WHERE id = 500").await, "newer");
    }
}

#[tokio::test]
async fn other_columns_than_the_primary_key_may_say_which_row_is_meant() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(SOURCE).await;
        let id = match way.1 {
            Engine::Sqlite => "INTEGER PRIMARY KEY",
            Engine::Postgres => "BIGSERIAL PRIMARY KEY",
            Engine::MySql => "BIGINT AUTO_INCREMENT PRIMARY KEY",
        };
        case.to
            .run(&format!(
                "CREATE TABLE pupil (id {id}, number BIGINT NOT NULL, name TEXT);
                 CREATE UNIQUE INDEX by_number ON pupil (number);
                 INSERT INTO pupil VALUES (70000, 1007, 'old')"
            ))
            .await;
        case.file(
            "entities:\n  - { entity: pupil, mode: upsert, conflict: [number], \
             rename: { no: number }, exclude_columns: [id], chunk_rows: 100 }",
        );
        let report = case.moves();
        assert_eq!(report["totals"]["written"], 500, "{way:?}");
        let row = "SELECT id, name FROM pupil WHERE number = 1007";
        assert_eq!(case.to.ask(row).await, "70000|new 7", "{way:?}");
        assert_eq!(case.to.ask("SELECT count(*) FROM pupil").await, "500");
    }
}

#[tokio::test]
async fn an_upsert_into_an_empty_or_new_table_is_verified() {
    for way in ACROSS {
        for there in
            ["", "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, no BIGINT, name TEXT)"]
        {
            let case = Move::new(LONGHAUL, way).await;
            case.from.run(SOURCE).await;
            if !there.is_empty() {
                case.to.run(there).await;
            }
            case.file("mode: upsert");
            let report = case.verified();
            assert_eq!(report["totals"]["written"], 500, "{way:?}");
            case.same("SELECT id, no, name FROM pupil ORDER BY id").await;
        }
    }
}

#[tokio::test]
async fn without_a_key_an_upsert_is_refused() {
    for way in ACROSS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(SOURCE).await;
        case.to.run("CREATE TABLE pupil (id BIGINT, no BIGINT, name TEXT)").await;
        case.file("mode: upsert");
        let _ = case.longhaul(&["run"]).exits(6).says(&["key-missing", "pupil", "no primary key"]);
        case.file("entities:\n  - { entity: pupil, mode: upsert, conflict: [no, name] }");
        let _ = case.longhaul(&["run"]).exits(6).says(&["key-missing", "(no, name)"]);
        if way.1 == Engine::MySql {
            continue;
        }
        // A unique index that holds for some rows only says nothing of the others.
        case.to.run("CREATE UNIQUE INDEX positive ON pupil (no) WHERE no > 0").await;
        case.file("entities:\n  - { entity: pupil, mode: upsert, conflict: [no] }");
        let _ = case.longhaul(&["run"]).exits(6).says(&["key-missing", "(no)"]);
    }
}

#[tokio::test]
async fn an_upsert_keeps_children_of_rows_that_are_overwritten() {
    for way in ACROSS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(SOURCE).await;
        case.to
            .run(
                "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, no BIGINT, name TEXT);
                 CREATE TABLE visit (pupil BIGINT REFERENCES pupil (id) ON DELETE CASCADE);
                 INSERT INTO pupil VALUES (7, 1, 'old'); INSERT INTO visit VALUES (7)",
            )
            .await;
        case.file("mode: upsert");
        case.moves();
        assert_eq!(case.to.ask("SELECT count(*) FROM visit").await, "1", "{way:?}");
        assert_eq!(case.to.ask("SELECT name FROM pupil WHERE id = 7").await, "new 7");
    }
}
