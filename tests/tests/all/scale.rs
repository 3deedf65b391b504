//! Bad rows among many good ones: all good rows arrive, and every bad one is named.

use std::collections::BTreeSet;

use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");
const ROWS: u64 = 50_000;

/// Rows of which every `bad`-th has a mark that the target's check refuses: only the target finds
/// out, so that careful gear must.
fn source(bad: u64) -> String {
    format!(
        "CREATE TABLE pupil (id INTEGER PRIMARY KEY, name TEXT, mark BIGINT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO pupil SELECT i, 'name ' || i, CASE WHEN i % {bad} = 7 THEN -1 ELSE i END FROM n"
    )
}

async fn isolated(bad: u64) {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", &source(bad));
    let to = Database::new().await;
    to.run(
        "CREATE TABLE pupil (id BIGINT PRIMARY KEY, name TEXT, \
         mark BIGINT CONSTRAINT not_negative CHECK (mark >= 0))",
    )
    .await;
    setting.migration(
        &from,
        &to.url(),
        "entities: [{ entity: pupil, rejects: 600, chunk_rows: 20000 }]",
    );
    let mut command = setting.command(&["run", "--output", "json"]);
    let report = setting.run(command.env("LONGHAUL_LOG", "error")).exits(4).json();
    assert_eq!(report["verdict"], "verified");
    let expected: BTreeSet<_> =
        (1..=ROWS).filter(|i| i % bad == 7).map(|i| i.to_string()).collect();
    assert_eq!(report["totals"]["rejected"], expected.len() as u64);
    let good = ROWS - expected.len() as u64;
    assert_eq!(to.ask("SELECT count(*) FROM pupil WHERE mark = id").await, good.to_string());
    // All of them, and not only the hundred that the report lists.
    let _ = setting.longhaul(&["rejects", "export", "-o", "bad.jsonl"]).exits(0);
    let keys: BTreeSet<_> = setting
        .read("bad.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .inspect(|reject| {
            assert_eq!(
                (&reject["reason"], &reject["constraint"]),
                (&"check (23514)".into(), &"not_negative".into())
            );
        })
        .map(|reject| reject["key"].as_str().unwrap().to_string())
        .collect();
    assert_eq!(keys, expected);
    let listed =
        setting.longhaul(&["rejects", "list", "--entity", "pupil", "--limit", "1"]).exits(0);
    assert!(listed.stdout.contains("not_negative"), "{listed}");
}

#[tokio::test]
async fn one_bad_row_among_many_is_set_aside_alone() {
    isolated(ROWS).await;
}

#[tokio::test]
async fn one_bad_row_in_a_hundred_is_set_aside_and_the_rest_arrives() {
    isolated(100).await;
}
