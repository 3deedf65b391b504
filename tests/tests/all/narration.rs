//! What a run tells of itself while it goes on, and what its report says of where it came from.

use tests::command::DIE_AT;
use tests::scratch::Database;
use tests::setting::{PASSWORD, Setting};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// One table of 5,000 rows, in chunks of 1,000.
fn numbers() -> Setting {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite(
        "from.db",
        "CREATE TABLE number (n BIGINT NOT NULL PRIMARY KEY, word TEXT);
         WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000)
         INSERT INTO number SELECT n, 'number ' || n FROM c;
         CREATE INDEX number_word ON number (word);",
    );
    setting.migration(&from, "sqlite:to.db", "entities: [{ entity: number, chunk_rows: 1000 }]");
    setting
}

#[test]
fn a_resumed_run_counts_from_what_is_done() {
    let setting = numbers();
    let mut dies = setting.command(&["run"]);
    let _ = setting.run(dies.env(DIE_AT, "worker:Committed:4")).killed();
    let status = setting.longhaul(&["status", "--output", "json"]).exits(0).json();
    let far = &status["progress"];
    assert!(far["rows"].as_u64().unwrap() >= 1000, "{status}");
    assert!((1..100).contains(&far["percent"].as_u64().unwrap()), "{status}");
    assert_eq!((&far["tables_done"], &far["tables"]), (&0.into(), &1.into()), "{status}");
    let said = setting.longhaul(&["resume", "--progress", "plain"]).exits(0);
    let line = said.stderr.lines().find(|line| line.contains("number: ")).unwrap();
    assert!(line.contains("number: 5,000 rows (1/1 tables)"), "{line}");
    // A line begins with the time: `2026-12-01T07:05:27Z`.
    let (stamp, _) = line.split_once(' ').unwrap();
    assert!(stamp.len() == 20 && stamp.ends_with('Z') && stamp.contains('T'), "{line}");
    let status = setting.longhaul(&["status", "--output", "json"]).exits(0).json();
    assert_eq!(status["progress"]["percent"], 100, "{status}");
}

#[test]
fn the_verdict_is_the_last_line_and_no_line_is_too_long() {
    let setting = numbers();
    let said = setting.longhaul(&["run"]).exits(0);
    let lines: Vec<_> = said.stdout.lines().collect();
    assert!(lines.last().unwrap().starts_with("VERIFIED: 5,000 rows of 1 table"), "{said}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{said}");
    assert!(!said.stdout.contains('\u{1b}'), "{said}");
    let _ = said.says(&["created 1 index, 1 table"]);
}

#[tokio::test]
async fn a_report_says_who_ran_what_from_where_and_holds_no_password() {
    let (setting, to) = (numbers(), Database::new().await);
    let run = ["run", "longhaul.yaml", "--to", &to.url_with_password(), "--output", "json"];
    let report = setting.longhaul(&run).exits(0).json();
    let origin = &report["origin"];
    let text = |key: &str| origin[key].as_str().unwrap_or_default().to_owned();
    assert!(text("by").contains('@'), "{origin}");
    assert!(text("command").starts_with("longhaul run longhaul.yaml --to postgres://"), "{origin}");
    assert_eq!(text("file_digest").len(), 64, "{origin}");
    assert!(origin["from"]["server"].as_str().unwrap().starts_with("SQLite 3"), "{origin}");
    assert!(origin["to"]["server"].as_str().unwrap().starts_with("PostgreSQL "), "{origin}");
    assert!(origin["to"]["at"].as_str().unwrap().contains(to.name()), "{origin}");
    let made = report["made"].as_array().unwrap();
    let index = made.iter().find(|made| made["kind"] == "index").unwrap();
    assert_eq!((&index["done"], &index["planned"]), (&1.into(), &1.into()), "{made:?}");
    assert!(report["settings"].as_array().unwrap().iter().any(|one| one["what"] == "mode"));
    for table in ["run", "plan"] {
        let kept = to.ask(&format!("SELECT string_agg(t::text, '') FROM longhaul.{table} t")).await;
        assert!(!kept.contains(PASSWORD), "{kept}");
    }
    let page = setting.path(".longhaul/runs").read_dir().unwrap().next().unwrap().unwrap().path();
    let page = std::fs::read_to_string(page.join("report.html")).unwrap();
    for said in ["How it was run", "Objects created", "PostgreSQL ", "longhaul run longhaul.yaml"] {
        assert!(page.contains(said), "{said}");
    }
}
