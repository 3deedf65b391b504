//! A run that has begun takes up a changed file, as far as that touches nothing that is done.

use tests::command::{DIE_AT, run};

use super::{TARGETS, id, says, shop, strict};

#[tokio::test]
async fn what_touches_no_done_chunk_is_taken_over_and_the_rest_is_named() {
    for direction in TARGETS {
        let case = shop(direction).await;
        case.from
            .run("CREATE TABLE late (id INTEGER NOT NULL PRIMARY KEY); INSERT INTO late VALUES (1)")
            .await;
        // Both tables are made, the first is copied, and the second is not.
        let entities = "entities: [customer, shop_order]\nlimits: { slots: 1 }";
        strict(&case, entities);
        let mut dies = 0;
        loop {
            dies += 1;
            assert!(dies < 20, "a place between the two copies");
            let place = format!("worker:Committed:{dies}");
            let _ = run(case.command(&["run"]).env(DIE_AT, &place)).killed();
            let status = case.longhaul(&["status"]).exits(0).json();
            let copied = status["stages"][1]["done"].as_u64().unwrap();
            if copied == 1 {
                break;
            }
            let _ = says(&case, &["clean", "--yes"]).exits(0);
        }
        let first = case.to.ask("SELECT count(*) FROM customer").await == "3";
        let where_ =
            |table: &str| format!("{{ entity: {table}, where: \"id <> 2 AND id <> 11\" }}");
        let all = format!("entities: [{}, {}, late]", where_("customer"), where_("shop_order"));
        strict(&case, &format!("{all}\nlimits: {{ slots: 2, rejects: 5 }}"));
        let check = says(&case, &["revise", "--check"]).exits(0);
        let (done, open) =
            if first { ("customer", "shop_order") } else { ("shop_order", "customer") };
        let words = [
            "taken over: limits.slots",
            "taken over: limits.rejects",
            &format!("{open}: where"),
            "late: comes in",
            "rows of it were copied already",
        ];
        let _ = check.says(&words);
        let said = says(&case, &["revise", &id(&case)]).exits(0).says(&words);
        assert!(
            said.stdout.contains("not taken: ") && said.stdout.contains(&format!("{done}: where"))
        );
        // A customer that is missing may leave an order without: then the key alone is not made.
        let code = if first { 0 } else { 1 };
        let report = case.longhaul(&["resume"]).exits(code).json();
        assert_eq!(case.to.ask(&format!("SELECT count(*) FROM {done}")).await, "3", "{report:#}");
        assert_eq!(case.to.ask(&format!("SELECT count(*) FROM {open}")).await, "2", "{report:#}");
        assert_eq!(case.to.ask("SELECT count(*) FROM late").await, "1", "{report:#}");
        for entity in report["entities"].as_array().unwrap() {
            assert_eq!(entity["verdict"], "verified", "{report:#}");
        }
    }
}
