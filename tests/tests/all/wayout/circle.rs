//! Zero dates led `resume`, `run`, `cancel` and `forget` in a circle.

use super::{NULL, UNFIT, id, says, strict, unfit, values};

#[tokio::test]
async fn values_that_do_not_fit_stop_a_run_and_a_changed_file_lets_it_go_on() {
    for direction in UNFIT {
        let case = unfit(direction).await;
        strict(&case, "");
        let said = says(&case, &["run"]);
        let words = ["customer", "policies", "longhaul revise", "longhaul limit", "longhaul clean"];
        let _ = said.fault("parked", 1, &words);
        let run = id(&case);
        let list = says(&case, &["rejects", "list", &run, "--evidence"]).exits(0);
        let _ = list.says(&["born", values(direction)[4]]);
        // Nothing has changed, so it is as before; and another run is refused with the ways on.
        let _ = says(&case, &["resume"]).fault("parked", 1, &["longhaul revise"]);
        let short = &run[..8];
        let ways = [format!("longhaul resume {short}"), format!("longhaul clean {short}")];
        let words = [ways[0].as_str(), ways[1].as_str(), "nobody drives it"];
        let _ = says(&case, &["run"]).fault("target-owned", 6, &words);
        // The file is changed: a resume says that it does not take that up, and what does.
        strict(&case, NULL);
        let said = says(&case, &["resume"]);
        let revise = format!("longhaul revise {short}");
        let _ = said.fault("parked", 1, &["customer: policies", &revise]);
        let revised = says(&case, &["revise", &run, "-f", "longhaul.yaml"]).exits(0);
        let _ = revised.says(&["taken over: ", "customer: policies", "longhaul resume"]);
        let report = case.longhaul(&["resume"]).exits(0).json();
        assert_eq!(report["verdict"], "verified", "{report:#}");
        let totals = &report["totals"];
        assert_eq!((&totals["written"], &totals["rejected"]), (&6.into(), &0.into()), "{report:#}");
        assert_eq!(case.to.ask("SELECT count(*) FROM customer WHERE born IS NULL").await, "1");
        let _ = says(&case, &["verify"]).exits(0);
        // It is not taken up a second time.
        let _ = says(&case, &["revise", &run]).fault("run-busy", 2, &["complete already"]);
    }
}

/// Whoever gives up drops what the run made, and begins anew.
#[tokio::test]
async fn a_run_that_is_given_up_leaves_no_rows_in_the_way() {
    for direction in UNFIT {
        let case = unfit(direction).await;
        strict(&case, "");
        let _ = says(&case, &["run"]).fault("parked", 1, &["longhaul clean"]);
        let run = id(&case);
        let _ = says(&case, &["cancel", &run]).exits(0);
        // What it wrote is named with the run that left it, and the command that drops it.
        strict(&case, NULL);
        let clean = format!("longhaul clean {}", &run[..8]);
        let words = ["shop_order", "3 rows", "cancelled", &clean, "mode=replace"];
        let _ = says(&case, &["run"]).fault("target-not-empty", 6, &words);
        let _ =
            says(&case, &["clean", &run, "--yes"]).exits(0).says(&["table", "shop_order (3 rows)"]);
        let report = case.verified();
        assert_eq!(report["totals"]["written"], 6, "{report:#}");
    }
}
