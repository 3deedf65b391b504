//! What stands beside tables: made in order, at the right time, and only what was asked for.

use tests::moving::{Engine, Move};

use super::{MORTAL, assert_named, told};

/// A view over a view over two tables, what is computed from it, and who acts when rows are written.
const SHOP: &str = "
    CREATE TABLE item (id int PRIMARY KEY, price int NOT NULL);
    CREATE TABLE sale (id int PRIMARY KEY, item int REFERENCES item, at date DEFAULT '2024-01-01');
    CREATE TABLE log (what text);
    INSERT INTO item VALUES (1, 10), (2, 20);
    INSERT INTO sale VALUES (1, 1), (2, 1), (3, 2);
    CREATE VIEW sold AS SELECT i.id, i.price, count(*) AS times FROM item i JOIN sale s ON s.item = i.id
        GROUP BY i.id;
    CREATE VIEW dear AS SELECT * FROM sold WHERE price > 15;
    CREATE FUNCTION dearest() RETURNS SETOF dear LANGUAGE sql AS 'SELECT * FROM dear';
    CREATE MATERIALIZED VIEW income AS SELECT sum(price * times) AS all_of_it FROM sold;
    CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN INSERT INTO log VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
    CREATE TRIGGER noted AFTER INSERT ON item FOR EACH ROW EXECUTE FUNCTION noted();
    CREATE TRIGGER off AFTER INSERT ON sale FOR EACH ROW EXECUTE FUNCTION noted();
    ALTER TABLE sale DISABLE TRIGGER off;
    CREATE RULE kept AS ON DELETE TO item DO INSTEAD NOTHING;
    ALTER TABLE sale ENABLE ROW LEVEL SECURITY;
    CREATE POLICY late ON sale USING (at > '2024-01-01');
    GRANT SELECT ON dear TO PUBLIC;
    GRANT UPDATE (price) ON item TO PUBLIC";

async fn shop(lines: &str) -> Move {
    let moving = Move::new(MORTAL, (Engine::Postgres, Engine::Postgres)).await;
    moving.from.run(SHOP).await;
    moving.file(lines);
    moving
}

/// The notes of the plan, a line each.
fn planned(moving: &Move) -> Vec<String> {
    told(&moving.longhaul(&["plan"]).exits(0).json())
}

#[tokio::test]
async fn all_of_it_works_afterwards_and_no_trigger_fired_for_the_rows() {
    let moving = shop("").await;
    assert_named(
        &planned(&moving),
        &["views, routines, triggers, policies and rules", "grants not moved"],
    );
    moving.verified();
    for (query, expected) in [
        ("SELECT count(*) FROM log", "0"),
        ("SELECT string_agg(id::text, ',') FROM dearest()", "2"),
        ("SELECT all_of_it FROM income", "40"),
        ("SELECT relispopulated FROM pg_class WHERE relname = 'income'", "t"),
        (
            "SELECT string_agg(tgname || tgenabled::text, ',' ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal",
            "notedO,offD",
        ),
        ("SELECT polname FROM pg_policy", "late"),
        ("SELECT relrowsecurity FROM pg_class WHERE relname = 'sale'", "t"),
        (
            "SELECT count(*) FROM pg_class WHERE relacl IS NOT NULL AND relnamespace = 'public'::regnamespace",
            "0",
        ),
    ] {
        assert_eq!(moving.to.ask(query).await, expected, "{query}");
    }
    moving
        .to
        .run("INSERT INTO item VALUES (3, 1); INSERT INTO sale VALUES (4, 3); DELETE FROM item")
        .await;
    assert_eq!(moving.to.ask("SELECT string_agg(what, ',') FROM log").await, "item");
    assert_eq!(moving.to.ask("SELECT count(*) FROM item").await, "3", "the rule keeps them");
}

#[tokio::test]
async fn what_refers_to_something_that_is_not_moved_stays_and_the_plan_says_why() {
    let moving = shop("entities: [{ entity: \"*\" }, { exclude: sale }]").await;
    assert_named(
        &planned(&moving),
        &[
            "view public.sold stays behind … public.sale",
            "view public.dear stays behind … view public.sold",
            "function public.dearest stays behind … view public.dear",
            "materialized view public.income stays behind … view public.sold",
            "trigger public.sale.off stays behind … public.sale",
            "row security policy public.sale.late stays behind",
        ],
    );
    moving.verified();
    assert_eq!(
        moving.to.ask("SELECT count(*) FROM pg_views WHERE schemaname = 'public'").await,
        "0"
    );
    assert_eq!(moving.to.ask("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal").await, "1");
}

#[tokio::test]
async fn chosen_tables_bring_what_is_a_part_of_them_and_what_that_needs() {
    let moving = shop("entities: [item, log]").await;
    moving.verified();
    let functions =
        "SELECT string_agg(proname, ',') FROM pg_proc WHERE pronamespace = 'public'::regnamespace";
    assert_eq!(moving.to.ask(functions).await, "noted");
    assert_eq!(
        moving.to.ask("SELECT count(*) FROM pg_views WHERE schemaname = 'public'").await,
        "0"
    );
    assert_eq!(
        moving.to.ask("SELECT count(*) FROM pg_rules WHERE schemaname = 'public'").await,
        "1"
    );
}

#[tokio::test]
async fn only_what_is_asked_for_moves_and_what_is_there_stays() {
    let moving = shop("include: [views, grants]").await;
    moving.to.run("CREATE VIEW dear AS SELECT 7 AS seven").await;
    assert_named(
        &planned(&moving),
        &[
            "view public.dear is there in another form",
            "grants public.dear.PUBLIC stays behind: public.dear is there already",
            "function not moved … public.noted",
            "trigger not moved … public.item.noted",
            "rule not moved … public.item.kept",
            "row security policy not moved … public.sale.late",
        ],
    );
    moving.verified();
    assert_eq!(moving.to.ask("SELECT * FROM dear").await, "7");
    assert_eq!(moving.to.ask("SELECT count(*) FROM sold").await, "2");
    let rights =
        "SELECT attacl FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid = 'item'::regclass";
    assert!(moving.to.ask(rights).await.starts_with("{=w/"));
    assert_eq!(moving.to.ask("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal").await, "0");
}

#[tokio::test]
async fn another_engine_is_told_what_it_does_not_get() {
    for to in [Engine::MySql, Engine::Sqlite] {
        let moving = Move::new(MORTAL, (Engine::Postgres, to)).await;
        moving.from.run(SHOP).await;
        moving.file("include: [views]");
        assert_named(
            &planned(&moving),
            &[
                "views do not move",
                "view not moved … public.dear",
                "function not moved … public.noted",
            ],
        );
        moving.verified();
    }
}
