//! A sample says beforehand what would be rejected, and a draft proposes what to do about it.

use super::{NULL, UNFIT, says, strict, unfit, values};

#[tokio::test]
async fn a_sample_foresees_what_would_be_rejected() {
    for direction in UNFIT {
        let case = unfit(direction).await;
        let plan = says(&case, &["plan", "--sample", "100"]).exits(0);
        let reason = values(direction)[4];
        let foreseen = format!("born: 1 of 3 rows would be rejected: {reason} (key 2)");
        let words = ["6 rows of 2 tables", foreseen.as_str()];
        let _ = plan.says(&words);
        let answer = case.longhaul(&["plan", "--sample", "100"]).exits(0).json();
        assert_eq!(answer["sample"].as_array().unwrap().len(), 2, "{answer:#}");
        // A row at a time, none of the first is bad.
        let _ = says(&case, &["plan", "--sample", "1"]).exits(0).says(&["none of them"]);
        strict(&case, NULL);
        let plan = says(&case, &["plan", "--sample", "100"]).exits(0);
        let _ = plan.says(&["none of them", "policies would change 1 value"]);
    }
}

#[tokio::test]
async fn a_draft_proposes_policies_under_which_the_run_goes_through() {
    for direction in UNFIT {
        let case = unfit(direction).await;
        let (from, to) = (case.from.url(), case.to.url());
        let _ = says(&case, &["init", &from, &to, "-o", "drafted.yaml"]).exits(0);
        let text = std::fs::read_to_string(case.folder.path().join("drafted.yaml")).unwrap();
        assert!(text.contains("policies: { born: null }"), "{text}");
        let report = case.longhaul(&["run", "drafted.yaml"]).exits(0).json();
        assert_eq!(
            (&report["verdict"], &report["totals"]["written"]),
            (&"verified".into(), &6.into())
        );
    }
}
