//! Whoever writes to the target after the run is found out, by name of table and key.

use tests::command::DIE_AT;
use tests::scratch::Database;
use tests::setting::{Setting, VALUE};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// What somebody did, and what `verify` must say of it: key and how.
const DEEDS: [(&str, &[(&str, &str)]); 5] = [
    ("UPDATE pupil SET name = 'n7!' WHERE id = 7", &[("7", "changed")]),
    ("DELETE FROM pupil WHERE id = 8", &[("8", "missing")]),
    ("INSERT INTO pupil VALUES (1000, 'new', 0)", &[("1000", "added")]),
    // Sums over columns stay as they are.
    (
        "UPDATE pupil SET mark = CASE id WHEN 9 THEN 30 ELSE 27 END WHERE id IN (9, 10)",
        &[("9", "changed"), ("10", "changed")],
    ),
    // NULL is not the empty text.
    ("UPDATE pupil SET name = '' WHERE id = 300", &[("300", "changed")]),
];

fn source() -> String {
    let rows: Vec<_> = (1..300).map(|i| format!("({i}, 'n{i}', {})", i * 3)).collect();
    format!(
        "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT, mark BIGINT);
         CREATE TABLE keyless (x BIGINT, y TEXT);
         INSERT INTO pupil VALUES {}, (300, NULL, NULL);
         INSERT INTO keyless VALUES (1, '{VALUE}'), (1, '{VALUE}'), (2, 'b')",
        rows.join(", ")
    )
}

/// Runs, tampers, verifies, and undoes; `deed` runs SQL on the target.
async fn tampered(setting: &Setting, mut deed: impl AsyncFnMut(&str)) {
    let _ = setting.longhaul(&["run"]).exits(0);
    let _ = setting.longhaul(&["verify"]).exits(0).says(&["verified", "pupil"]);
    deed("CREATE TABLE kept AS SELECT * FROM pupil").await;
    for (sql, expected) in DEEDS {
        deed(sql).await;
        let said = setting.longhaul(&["verify", "--output", "json"]).exits(5);
        let checks = said.json();
        let pupil = checks
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["entity"].as_str().unwrap().ends_with("pupil"));
        let found: Vec<_> = pupil.unwrap()["differences"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| (d["key"].as_str().unwrap(), d["how"].as_str().unwrap()))
            .collect();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        let mut sorted = found.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected, "{sql}\n{said}");
        let said = setting.longhaul(&["verify"]).exits(5);
        let _ = said.says(&["different", "differs", expected[0].0, expected[0].1]);
        deed("DELETE FROM pupil").await;
        deed("INSERT INTO pupil SELECT * FROM kept").await;
        let _ = setting.longhaul(&["verify"]).exits(0);
    }
    // Very much at once: enough is named, and that it is not all is said.
    deed("UPDATE pupil SET mark = coalesce(mark, 0) + 1").await;
    let checks = setting.longhaul(&["verify", "--output", "json"]).exits(5).json();
    let pupil = checks
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["more"].is_boolean() && c["differences"].is_array());
    assert_eq!(pupil.unwrap()["differences"].as_array().unwrap().len(), 300);
    deed("DELETE FROM pupil").await;
    deed("INSERT INTO pupil SELECT * FROM kept").await;
    // A row too many of a table without a key.
    deed(&format!("INSERT INTO keyless VALUES (1, '{VALUE}')")).await;
    let _ = setting.longhaul(&["verify"]).exits(5).says(&[
        "keyless",
        "3 rows were written, 4 are there",
        "added",
    ]);
    // Without the source, the answer is the same; only the keys are not named.
    deed("DELETE FROM pupil WHERE id = 1").await;
    std::fs::rename(setting.path("from.db"), setting.path("away.db")).unwrap();
    let _ = setting.longhaul(&["verify"]).exits(5).says(&["299 are there"]);
}

#[tokio::test]
async fn tampering_with_a_postgresql_target_is_found_out() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", &source());
    let to = Database::new().await;
    setting.migration(&from, &to.url(), "");
    tampered(&setting, async |sql| to.run(sql).await).await;
}

#[tokio::test]
async fn tampering_with_a_sqlite_target_is_found_out() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", &source());
    setting.migration(&from, "sqlite:to.db", "");
    tampered(&setting, async |sql| setting.open("to.db").execute_batch(sql).unwrap()).await;
}

#[tokio::test]
async fn tampering_while_nobody_drives_the_run_is_found_by_its_own_verification() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", &source());
    let to = Database::new().await;
    let more = "entities: [{ entity: \"*\", chunk_rows: 100 }]\nlimits: { slots: 1 }";
    setting.migration(&from, &to.url(), more);
    let dies = "worker:Committed:6";
    let _ = setting.run(setting.command(&["run"]).env(DIE_AT, dies)).killed();
    assert_ne!(to.ask("SELECT count(*) FROM pupil").await, "0");
    to.run("UPDATE pupil SET name = 'other' WHERE id = (SELECT min(id) FROM pupil)").await;
    let said = setting.longhaul(&["resume"]);
    let _ = said.fault("differs", 5, &["pupil", "different"]);
    let _ = setting.longhaul(&["verify"]).exits(5).says(&["changed"]);
    let report = setting.longhaul(&["report", "--output", "json"]).exits(5).json();
    assert_eq!(report["verdict"], "different");
}
