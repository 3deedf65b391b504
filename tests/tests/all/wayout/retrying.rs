//! Rejected rows are written after all, and nothing else is touched.

use tests::command::{DIE_AT, run};
use tests::moving::{Engine, Move};

use super::{NULL, UNFIT, id, says, strict, unfit, values};

/// It is corrected in the source.
async fn mend(case: &Move, direction: (Engine, Engine)) {
    let good = values(direction)[2];
    case.from.run(&format!("UPDATE customer SET born = {good} WHERE id = 2")).await;
}

#[tokio::test]
async fn rejected_rows_are_read_again_and_the_foreign_key_is_made() {
    for direction in UNFIT {
        let case = unfit(direction).await;
        let reason = values(direction)[4];
        case.file("");
        let said = says(&case, &["run"]);
        let _ = said.fault("parked", 1, &["foreign key", "longhaul rejects retry", "-f FILE"]);
        let run = id(&case);
        strict(&case, &format!("{NULL}\nlimits: {{ rejects: 1000 }}"));
        let nowhere = ["rejects", "retry", &run, "--table", "shop_order"];
        let _ = says(&case, &nowhere).fault("usage", 2, &["customer"]);
        let report =
            case.longhaul(&["rejects", "retry", &run, "-f", "longhaul.yaml"]).exits(0).json();
        assert_eq!(report["verdict"], "verified", "{report:#}");
        let totals = &report["totals"];
        assert_eq!(
            (&totals["read"], &totals["written"], &totals["rejected"]),
            (&6.into(), &6.into(), &0.into()),
            "{report:#}"
        );
        assert_eq!(report["links_left"].as_array().unwrap().len(), 0, "{report:#}");
        assert_eq!(case.to.ask("SELECT count(*) FROM customer WHERE born IS NULL").await, "1");
        let _ = says(&case, &["verify"]).exits(0);
        let list = says(&case, &["rejects", "list", &run]).exits(0);
        assert!(!list.stdout.contains(reason), "{list}");
        let _ = says(&case, &["rejects", "list", &run, "--resolved"]).exits(0).says(&[reason]);
        let _ = says(&case, &["rejects", "retry", &run]).exits(0).says(&["no rejected rows"]);
    }
}

/// A complete run is opened again, and a death in the middle loses and doubles nothing.
#[tokio::test]
async fn a_death_in_the_middle_of_a_retry_loses_and_doubles_nothing() {
    for direction in UNFIT {
        for place in ["worker:Wrote:1", "worker:Completed:1", "worker:Committed:1"] {
            let case = unfit(direction).await;
            case.file("entities: [customer]");
            let report = case.longhaul(&["run"]).exits(4).json();
            assert_eq!(report["totals"]["rejected"], 1, "{report:#}");
            let id = report["run"].as_str().unwrap().to_owned();
            mend(&case, direction).await;
            let retry = ["rejects", "retry", &id];
            let _ = run(case.command(&retry).env(DIE_AT, place)).killed();
            let status = case.longhaul(&["status", &id]).exits(0).json();
            assert_eq!(status["state"], "running", "{status:#}");
            let report = case.longhaul(&["resume", &id]).exits(0).json();
            assert_eq!(report["verdict"], "verified", "died at {place}: {report:#}");
            assert_eq!(report["totals"]["rejected"], 0, "{report:#}");
            assert!(report["consistency"].as_str().unwrap().contains("read again later"));
            case.same("SELECT id, born FROM customer ORDER BY id").await;
            let _ = says(&case, &["verify"]).exits(0);
        }
    }
}

/// What is refused once more stays a reject, with its reason of now; and once it is right, it goes.
#[tokio::test]
async fn what_is_refused_again_stays_and_can_be_tried_again() {
    for direction in UNFIT {
        let case = unfit(direction).await;
        case.file("entities: [customer]");
        let report = case.longhaul(&["run"]).exits(4).json();
        let id = report["run"].as_str().unwrap().to_owned();
        let report = case.longhaul(&["rejects", "retry", &id]).exits(4).json();
        assert_eq!(
            (
                &report["totals"]["read"],
                &report["totals"]["written"],
                &report["totals"]["rejected"]
            ),
            (&3.into(), &2.into(), &1.into()),
            "{report:#}"
        );
        mend(&case, direction).await;
        let report = case.longhaul(&["rejects", "retry", &id]).exits(0).json();
        assert_eq!(
            (&report["verdict"], &report["totals"]["rejected"]),
            (&"verified".into(), &0.into())
        );
    }
}
