//! What a run made is dropped, and nothing else.

use tests::command::{DIE_AT, run};
use tests::moving::{Engine, Move};

use super::{LONGHAUL, TARGETS, id, says, shop};

#[tokio::test]
async fn a_run_is_undone_wherever_it_died_and_what_others_made_stays() {
    for direction in TARGETS {
        let case = shop(direction).await;
        case.to
            .run("CREATE TABLE other (id INTEGER PRIMARY KEY); INSERT INTO other VALUES (7)")
            .await;
        case.file("entities: [{ entity: \"*\", chunk_rows: 1 }]\nlimits: { slots: 1 }");
        for place in
            ["worker:Committed:1", "worker:Stepped:2", "worker:Wrote:2", "worker:Committed:6"]
        {
            let _ = run(case.command(&["run"]).env(DIE_AT, place)).killed();
            let run = id(&case);
            // Nobody can be asked here; the list is shown all the same.
            let asked = says(&case, &["clean", &run]).fault("not-agreed", 2, &["--yes"]);
            assert!(asked.stdout.contains("table ") || asked.stdout.contains("nothing"), "{asked}");
            let _ = says(&case, &["clean", &run, "--yes"]).exits(0).says(&["longhaul run"]);
            // Once more there is nothing to do.
            let _ = says(&case, &["clean", &run, "--yes"]).exits(0).says(&["dropped already"]);
            let status = case.longhaul(&["status", &run]).exits(0).json();
            assert_eq!(status["state"], "void", "died at {place}: {status:#}");
        }
        assert_eq!(case.to.ask("SELECT id FROM other").await, "7");
        let report = case.verified();
        assert_eq!(report["totals"]["written"], 6, "{report:#}");
        // A complete run, too.
        let _ = says(&case, &["clean", "--yes"]).exits(0).says(&["customer (3 rows)"]);
        let _ = case.verified();
    }
}

#[tokio::test]
async fn rows_of_others_and_what_refers_to_a_table_keep_it() {
    for direction in TARGETS {
        let case = shop(direction).await;
        let report = case.verified();
        let run = report["run"].as_str().unwrap();
        case.to.run("INSERT INTO shop_order VALUES (99, 1)").await;
        let said = says(&case, &["clean", run, "--yes"]).exits(0);
        let _ = said.says(&["more rows than the 3 that this run wrote", "refers to it, and stays"]);
        assert_eq!(case.to.ask("SELECT count(*) FROM shop_order").await, "4");
        assert_eq!(case.to.ask("SELECT count(*) FROM customer").await, "3");
    }
}

#[tokio::test]
async fn rows_written_to_tables_that_were_there_go_and_the_tables_stay() {
    for direction in TARGETS {
        let case = shop(direction).await;
        let there = "CREATE TABLE customer (id INTEGER NOT NULL PRIMARY KEY, name TEXT)";
        case.to.run(there).await;
        case.file("entities: [customer]");
        let report = case.verified();
        let run = report["run"].as_str().unwrap();
        let said = says(&case, &["clean", run, "--yes"]).exits(0);
        let _ = said.says(&["3 rows of ", "which was there before"]);
        assert_eq!(case.to.ask("SELECT count(*) FROM customer").await, "0");
        // Rows that were mingled with others cannot be told from them.
        case.to.run("INSERT INTO customer VALUES (1, 'old'), (9, 'other')").await;
        case.file("entities: [{ entity: customer, mode: upsert }]");
        let report = case.moves();
        let said = says(&case, &["clean", report["run"].as_str().unwrap(), "--yes"]).exits(0);
        let _ = said.says(&["mode upsert"]);
        assert_eq!(case.to.ask("SELECT count(*) FROM customer").await, "4");
    }
}

/// Schemas and types go with the tables, and a schema that was there before stays.
#[tokio::test]
async fn types_and_schemas_go_unless_they_were_there_before() {
    let case = Move::new(LONGHAUL, (Engine::Postgres, Engine::Postgres)).await;
    case.from
        .run(
            "CREATE SCHEMA app; CREATE SCHEMA old; CREATE TYPE app.mood AS ENUM ('good', 'bad');
             CREATE TABLE app.person (id INT PRIMARY KEY, mood app.mood);
             CREATE TABLE old.person (id INT PRIMARY KEY);
             INSERT INTO app.person VALUES (1, 'good'); INSERT INTO old.person VALUES (1)",
        )
        .await;
    case.to.run("CREATE SCHEMA old").await;
    let _ = case.verified();
    let said = says(&case, &["clean", "--yes"]).exits(0);
    let schemas = "SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace \
                   WHERE nspname IN ('app', 'old')";
    assert_eq!(case.to.ask(schemas).await, "old", "{said}");
    assert_eq!(case.to.ask("SELECT count(*) FROM pg_type WHERE typname = 'mood'").await, "0");
    let _ = case.verified();
}
