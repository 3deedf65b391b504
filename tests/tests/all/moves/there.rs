//! Mode create into tables that are there and empty: what they say about rows is kept.

use serde_json::Value;
use tests::moving::{ACROSS, DIRECTIONS, Engine, Move, Store, entity};

use super::LONGHAUL;

const POSTGRES: [(Engine, Engine); 2] =
    [(Engine::Sqlite, Engine::Postgres), (Engine::Postgres, Engine::Postgres)];

/// Families: a family's house, and a person's family and boss.
const FAMILIES: &str = "
    CREATE TABLE a_person (id BIGINT NOT NULL PRIMARY KEY, name TEXT,
        boss BIGINT REFERENCES a_person (id), family BIGINT NOT NULL);
    CREATE TABLE b_family (id BIGINT NOT NULL PRIMARY KEY, name TEXT, house BIGINT NOT NULL);
    CREATE TABLE c_house (id BIGINT NOT NULL PRIMARY KEY, street TEXT);
    INSERT INTO c_house
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 49)
    SELECT i, 'street ' || i FROM n;
    INSERT INTO b_family SELECT id, 'family ' || id, (id * 7) % 50 FROM c_house;
    INSERT INTO a_person
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199)
    SELECT i, 'person ' || i, CASE WHEN i % 5 > 0 THEN (i * 31) % 200 END, i % 50 FROM n";

/// The first plan of a move, as it is printed.
fn plan(case: &Move) -> String {
    let said = tests::command::run(&mut case.command(&["plan"]));
    said.exits(0).stdout
}

fn notes(report: &Value) -> String {
    report["notes"].to_string()
}

#[tokio::test]
async fn parents_come_first_and_a_link_to_the_own_table_second() {
    for way in POSTGRES {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run(FAMILIES).await;
        case.to
            .run(
                "CREATE TABLE c_house (id BIGINT PRIMARY KEY, street TEXT);
                 CREATE TABLE b_family (id BIGINT PRIMARY KEY, name TEXT,
                     house BIGINT NOT NULL REFERENCES c_house);
                 CREATE TABLE a_person (id BIGINT PRIMARY KEY, name TEXT,
                     boss BIGINT REFERENCES a_person, family BIGINT NOT NULL REFERENCES b_family)",
            )
            .await;
        case.file("entities:\n  - { entity: \"*\", chunk_rows: 20 }\nlimits: { slots: 4 }");
        let said = plan(&case);
        assert!(said.contains("boss: filled in a second pass"), "{said}");
        let report = case.verified();
        assert_eq!(entity(&report, "a_person")["rejected"], 0);
        case.same("SELECT id, name, boss, family FROM a_person ORDER BY id").await;
        case.same("SELECT id, name, house FROM b_family ORDER BY id").await;
        let constraints = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated";
        assert_eq!(case.to.ask(constraints).await, "3");
    }
}

#[tokio::test]
async fn a_cycle_is_loaded_in_two_passes_where_a_link_may_be_null() {
    for way in POSTGRES {
        let case = Move::new(LONGHAUL, way).await;
        case.from
            .run(
                "CREATE TABLE school (id BIGINT NOT NULL PRIMARY KEY, head BIGINT);
                 CREATE TABLE staff (id BIGINT NOT NULL PRIMARY KEY, school BIGINT NOT NULL);
                 INSERT INTO school VALUES (1, 10), (2, 11), (3, NULL);
                 INSERT INTO staff VALUES (10, 1), (11, 1), (12, 3)",
            )
            .await;
        case.to
            .run(
                "CREATE TABLE school (id BIGINT PRIMARY KEY, head BIGINT);
                 CREATE TABLE staff (id BIGINT PRIMARY KEY, school BIGINT NOT NULL REFERENCES school);
                 ALTER TABLE school ADD FOREIGN KEY (head) REFERENCES staff",
            )
            .await;
        case.verified();
        case.same("SELECT id, coalesce(head, -1) FROM school ORDER BY id").await;
        case.same("SELECT id, school FROM staff ORDER BY id").await;
    }
}

#[tokio::test]
async fn a_cycle_of_links_that_forbid_null_is_spelled_out_before_anything_is_written() {
    for way in [POSTGRES[0]] {
        let case = Move::new(LONGHAUL, way).await;
        let tables = "CREATE TABLE school (id BIGINT NOT NULL PRIMARY KEY, head BIGINT NOT NULL);
             CREATE TABLE staff (id BIGINT NOT NULL PRIMARY KEY, school BIGINT NOT NULL)";
        case.from
            .run(&format!(
                "{tables}; INSERT INTO school VALUES (1, 10); INSERT INTO staff VALUES (10, 1)"
            ))
            .await;
        case.to.run(tables).await;
        case.to
            .run(
                "ALTER TABLE school ADD FOREIGN KEY (head) REFERENCES staff;
                 ALTER TABLE staff ADD FOREIGN KEY (school) REFERENCES school",
            )
            .await;
        let said = case.longhaul(&["run"]).exits(6);
        let _ = said.says(&[
            "cycle-unsolvable",
            "school (head) → public.staff",
            "staff (school) → public.school",
        ]);
        let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'longhaul'";
        assert_eq!(case.to.ask(schemas).await, "0");
        // What the target makes itself has no such trouble: links come last.
        let fresh = Move::new(LONGHAUL, way).await;
        fresh.from.run(tables).await;
        fresh.from.run("INSERT INTO school VALUES (1, 10); INSERT INTO staff VALUES (10, 1)").await;
        fresh.verified();
    }
}

#[tokio::test]
async fn columns_may_stand_in_another_order_be_wider_or_have_defaults() {
    for way in ACROSS {
        let case = Move::new(LONGHAUL, way).await;
        case.from
            .run(
                "CREATE TABLE pupil (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(20), age SMALLINT);
                 INSERT INTO pupil VALUES (1, 'Ada', 7), (2, 'Bo', NULL), (3, '', -3)",
            )
            .await;
        case.to
            .run(
                "CREATE TABLE pupil (age BIGINT, added VARCHAR(9) NOT NULL DEFAULT 'by us',
                     name TEXT, free TEXT, id BIGINT NOT NULL PRIMARY KEY)",
            )
            .await;
        let report = case.verified();
        assert_eq!(entity(&report, "pupil")["written"], 3, "{way:?}");
        case.same("SELECT id, name, coalesce(age, 0) FROM pupil ORDER BY id").await;
        let rest = "SELECT added, coalesce(free, 'none') FROM pupil";
        assert_eq!(case.to.rows(rest).await, ["by us|none"; 3]);
    }
}

#[tokio::test]
async fn a_column_that_would_stay_empty_or_is_not_there_stops_the_plan() {
    for way in ACROSS {
        let pupil = "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT)";
        let cases = [
            ("CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY)", "column-unknown", "pupil.name"),
            (
                "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT, class TEXT NOT NULL)",
                "column-unfilled",
                "pupil.class",
            ),
            (&format!("{pupil}; INSERT INTO pupil VALUES (7, 'old')"), "target-not-empty", "pupil"),
        ];
        for (there, code, place) in cases {
            let case = Move::new(LONGHAUL, way).await;
            case.from.run(&format!("{pupil}; INSERT INTO pupil VALUES (1, 'a')")).await;
            case.to.run(there).await;
            for command in ["plan", "run"] {
                let _ = case.longhaul(&[command]).exits(6).says(&[code, place]);
            }
        }
    }
}

#[tokio::test]
async fn constraints_that_are_there_speak() {
    for way in ACROSS {
        let case = Move::new(LONGHAUL, way).await;
        case.from
            .run(
                "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, age BIGINT);
                 INSERT INTO pupil VALUES (1, 7), (2, -1), (3, 8), (4, 7)",
            )
            .await;
        case.to
            .run(
                "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY,
                     age BIGINT UNIQUE CHECK (age > 0))",
            )
            .await;
        let report = case.longhaul(&["run"]).exits(4).json();
        assert_eq!(
            (&report["totals"]["written"], &report["totals"]["rejected"]),
            (&2.into(), &2.into())
        );
        assert_eq!(report["verdict"], "verified");
        assert_eq!(case.to.ask("SELECT count(*), min(id), max(id) FROM pupil").await, "2|1|3");
    }
}

#[tokio::test]
async fn triggers_that_are_there_are_told_beforehand_and_fire() {
    for way in ACROSS {
        let case = Move::new(LONGHAUL, way).await;
        let pupil = "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT)";
        case.from.run(&format!("{pupil}; INSERT INTO pupil VALUES (1, 'a'), (2, 'b')")).await;
        let trigger = match case.to {
            Store::Sqlite(_) => {
                "CREATE TRIGGER count_pupils AFTER INSERT ON pupil BEGIN
                     INSERT INTO seen VALUES (new.id); END"
            }
            Store::Postgres(_) => {
                "CREATE FUNCTION count_pupils() RETURNS trigger LANGUAGE plpgsql AS
                     'BEGIN INSERT INTO seen VALUES (new.id); RETURN new; END';
                 CREATE TRIGGER count_pupils AFTER INSERT ON pupil
                     FOR EACH ROW EXECUTE FUNCTION count_pupils()"
            }
            Store::MySql(_) => {
                "CREATE TRIGGER count_pupils AFTER INSERT ON pupil FOR EACH ROW
                     INSERT INTO seen VALUES (new.id)"
            }
        };
        case.to.run(&format!("{pupil}; CREATE TABLE seen (id BIGINT); {trigger}")).await;
        let said = plan(&case);
        assert!(said.contains("triggers will fire: count_pupils"), "{way:?}: {said}");
        let report = case.verified();
        assert!(notes(&report).contains("triggers will fire: count_pupils"), "{report:#}");
        assert_eq!(case.to.ask("SELECT count(*) FROM seen").await, "2", "{way:?}");
    }
}

#[tokio::test]
async fn triggers_that_are_to_be_off_do_not_fire_and_are_as_they_were_afterwards() {
    let case = Move::new(LONGHAUL, (Engine::Sqlite, Engine::Postgres)).await;
    let pupil = "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT, class BIGINT)";
    let rows = "INSERT INTO pupil VALUES (1, 'a', 7), (2, 'b', 7), (3, 'c', 8), (4, 'd', NULL)";
    case.from.run(&format!("{pupil}; {rows}")).await;
    case.to
        .run(&format!(
            "{pupil}; CREATE TABLE class (id BIGINT PRIMARY KEY); INSERT INTO class VALUES (7);
             ALTER TABLE pupil ADD FOREIGN KEY (class) REFERENCES class DEFERRABLE INITIALLY DEFERRED;
             CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN RAISE EXCEPTION ''it fired''; END';
             CREATE TRIGGER a BEFORE INSERT ON pupil FOR EACH ROW EXECUTE FUNCTION fail();
             CREATE TRIGGER b BEFORE INSERT ON pupil FOR EACH ROW EXECUTE FUNCTION fail();
             CREATE TRIGGER c BEFORE INSERT ON pupil FOR EACH ROW EXECUTE FUNCTION fail();
             ALTER TABLE pupil ENABLE ALWAYS TRIGGER b; ALTER TABLE pupil DISABLE TRIGGER c"
        ))
        .await;
    case.file("entities: [{ entity: pupil, triggers: off, chunk_rows: 1 }]");
    assert!(plan(&case).contains("triggers are off for the rows of this run: a, b"));
    let report = case.longhaul(&["run"]).exits(4).json();
    assert_eq!(report["verdict"], "verified", "{report:#}");
    assert_eq!(report["rejected"][0]["reason"], "foreign_key (23503)", "foreign keys still speak");
    assert_eq!(case.to.ask("SELECT count(*), min(id), max(id) FROM pupil").await, "3|1|4");
    let states = "SELECT string_agg(tgname || tgenabled::text, '' ORDER BY tgname) FROM pg_trigger \
                  WHERE NOT tgisinternal";
    assert_eq!(case.to.ask(states).await, "aObAcD");
}

#[tokio::test]
async fn triggers_that_cannot_be_off_are_refused_by_the_plan() {
    let case = Move::new(LONGHAUL, (Engine::Postgres, Engine::Sqlite)).await;
    let pupil = "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT)";
    case.from.run(pupil).await;
    let trigger = "CREATE TRIGGER count_pupils AFTER INSERT ON pupil BEGIN SELECT 1; END";
    case.to.run(&format!("{pupil}; {trigger}")).await;
    case.file("entities: [{ entity: pupil, triggers: off }]");
    let _ = case.longhaul(&["plan"]).exits(6).says(&["triggers-unable", "count_pupils"]);
    case.file("entities: [pupil]");
    let _ = case.longhaul(&["plan"]).exits(0);
}

#[tokio::test]
async fn a_trigger_that_swallows_rows_is_noticed() {
    let case = Move::new(LONGHAUL, (Engine::Sqlite, Engine::Postgres)).await;
    let pupil = "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT)";
    case.from.run(&format!("{pupil}; INSERT INTO pupil VALUES (1, 'a'), (2, 'b')")).await;
    case.to
        .run(&format!(
            "{pupil};
             CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN IF new.id = 2 THEN RETURN NULL; END IF; RETURN new; END';
             CREATE TRIGGER swallow BEFORE INSERT ON pupil FOR EACH ROW EXECUTE FUNCTION swallow()"
        ))
        .await;
    case.file("retry: { attempts: 1 }");
    let _ = case.longhaul(&["run"]).exits(1).says(&["2 rows were sent, and the target counted 1"]);
    assert_eq!(case.to.ask("SELECT count(*) FROM pupil").await, "0");
}

#[tokio::test]
async fn numbering_goes_on_after_the_last_value() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        // The last number given is greater than the greatest that is left.
        match way.0 {
            Engine::Sqlite => {
                case.from.run("CREATE TABLE pupil (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
                     INSERT INTO pupil VALUES (1, 'a'), (2, 'b'), (41, 'gone'); DELETE FROM pupil WHERE id = 41;
                     CREATE TABLE fresh (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)").await;
            }
            Engine::Postgres => {
                case.from.run("CREATE TABLE pupil (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name TEXT);
                     INSERT INTO pupil VALUES (1, 'a'), (2, 'b');
                     SELECT setval('pupil_id_seq', 41);
                     CREATE TABLE fresh (id BIGSERIAL PRIMARY KEY, name TEXT);
                     CREATE TABLE strict (id INT GENERATED ALWAYS AS IDENTITY (START WITH 5 INCREMENT BY 5) PRIMARY KEY, name TEXT);
                     INSERT INTO strict (name) VALUES ('five'), ('ten')").await;
            }
            Engine::MySql => {
                case.from.run("CREATE TABLE pupil (id BIGINT AUTO_INCREMENT PRIMARY KEY, name TEXT);
                     INSERT INTO pupil VALUES (1, 'a'), (2, 'b'), (41, 'gone'); DELETE FROM pupil WHERE id = 41;
                     CREATE TABLE fresh (id BIGINT AUTO_INCREMENT PRIMARY KEY, name TEXT)").await;
            }
        }
        case.verified();
        case.to.run("INSERT INTO pupil (name) VALUES ('next'); INSERT INTO fresh (name) VALUES ('first')").await;
        assert_eq!(case.to.ask("SELECT max(id) FROM pupil").await, "42", "{way:?}");
        assert_eq!(case.to.ask("SELECT max(id) FROM fresh").await, "1", "{way:?}");
        if way.0 == Engine::Postgres {
            case.to.run("INSERT INTO strict (name) VALUES ('fifteen')").await;
            assert_eq!(case.to.ask("SELECT max(id) FROM strict").await, "15", "{way:?}");
        }
    }
}

#[tokio::test]
async fn numbering_of_tables_that_are_there_goes_on_too() {
    for way in DIRECTIONS {
        let case = Move::new(LONGHAUL, way).await;
        case.from.run("CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT); INSERT INTO pupil VALUES (1, 'a'), (30, 'b')").await;
        let there = match way.1 {
            Engine::Sqlite => {
                "CREATE TABLE pupil (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)"
            }
            Engine::Postgres => "CREATE TABLE pupil (id BIGSERIAL PRIMARY KEY, name TEXT)",
            Engine::MySql => "CREATE TABLE pupil (id BIGINT AUTO_INCREMENT PRIMARY KEY, name TEXT)",
        };
        case.to.run(there).await;
        case.verified();
        case.to.run("INSERT INTO pupil (name) VALUES ('next')").await;
        assert_eq!(case.to.ask("SELECT max(id) FROM pupil").await, "31", "{way:?}");
    }
}

#[tokio::test]
async fn numbering_that_is_ahead_already_is_never_set_back() {
    for way in [POSTGRES[0]] {
        let case = Move::new(LONGHAUL, way).await;
        case.from
            .run("CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY); INSERT INTO pupil VALUES (3), (4)")
            .await;
        case.to
            .run(
                "CREATE TABLE pupil (id BIGSERIAL PRIMARY KEY); SELECT setval('pupil_id_seq', 900)",
            )
            .await;
        let report = case.verified();
        assert_eq!(report["steps"], serde_json::json!([1, 1]));
        assert_eq!(case.to.ask("SELECT nextval('pupil_id_seq')").await, "901");
        let other = Move::new(LONGHAUL, way).await;
        other.from.run("CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY); INSERT INTO pupil VALUES (3), (4)").await;
        let there =
            "CREATE TABLE pupil (id BIGINT GENERATED ALWAYS AS IDENTITY (START 500) PRIMARY KEY)";
        other.to.run(there).await;
        other.verified();
        let next = "INSERT INTO pupil DEFAULT VALUES RETURNING id";
        assert_eq!(other.to.ask(next).await, "500");
    }
}
