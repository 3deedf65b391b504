//! Bad rows among good ones, on every engine: the good arrive, the bad are kept with their reasons.

use std::collections::BTreeMap;

use serde_json::Value;
use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Rows of the source.
const ROWS: i64 = 3000;

/// The table that is there already, with all that it refuses.
const TARGET: &str = "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, code VARCHAR(20) NOT NULL,
    mark INT NOT NULL, CONSTRAINT mark_positive CHECK (mark > 0), CONSTRAINT code_once UNIQUE (code))";

/// Where rows go.
enum To {
    Sqlite(Setting),
    Postgres(Setting, Database),
    Mysql(Setting, Mysql),
}

impl To {
    async fn each(source: &str) -> [Self; 3] {
        let setting = || {
            let setting = Setting::new(LONGHAUL);
            let _ = setting.sqlite("from.db", source);
            setting
        };
        let sqlite = setting();
        let _ = sqlite.sqlite("to.db", TARGET);
        let (postgres, mysql) = (Database::new().await, Mysql::new().await);
        postgres.run(TARGET).await;
        mysql.run(TARGET).await;
        [Self::Sqlite(sqlite), Self::Postgres(setting(), postgres), Self::Mysql(setting(), mysql)]
    }

    fn setting(&self) -> &Setting {
        match self {
            Self::Sqlite(setting) | Self::Postgres(setting, _) | Self::Mysql(setting, _) => setting,
        }
    }

    fn runs(&self, more: &str, exit: i32) -> Value {
        let setting = self.setting();
        let to = match self {
            Self::Sqlite(_) => setting.sqlite("to.db", ""),
            Self::Postgres(_, database) => database.url(),
            Self::Mysql(_, database) => database.url(),
        };
        setting.migration(&setting.sqlite("from.db", ""), &to, more);
        setting.longhaul(&["run", "--output", "json"]).exits(exit).json()
    }

    /// Ids of the rows that are there, in order.
    async fn ids(&self) -> Vec<i64> {
        let all = "SELECT id FROM pupil ORDER BY id";
        match self {
            Self::Sqlite(setting) => {
                let target = setting.open("to.db");
                let mut rows = target.prepare(all).unwrap();
                rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            }
            Self::Postgres(_, database) => {
                let rows = database.client().await.query(all, &[]).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            Self::Mysql(_, database) => {
                database.rows(all).await.iter().map(|id| id.parse().unwrap()).collect()
            }
        }
    }

    /// What is exported of the rejects: column or constraint, by key. Each has a reason.
    fn exported(&self) -> BTreeMap<i64, String> {
        let setting = self.setting();
        let file = setting.path("rejects.csv").display().to_string();
        let _ = setting.longhaul(&["rejects", "export", "--out", &file]).exits(0);
        let text = setting.read("rejects.csv");
        let reject = |line: &str| -> (i64, String) {
            let cells: Vec<_> = line.split(',').collect();
            assert!(!cells[3].is_empty(), "no reason in {line}");
            (cells[1].parse().unwrap(), format!("{} {}", cells[2], cells[4]))
        };
        text.lines().skip(1).map(reject).collect()
    }
}

/// Rows from 1 to `rows`, of which these are bad: by a mark of zero, or by the code of the row
/// before.
fn source(rows: i64, zero: &[i64], twice: &[i64]) -> String {
    let list = |ids: &[i64]| {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        ids.join(", ")
    };
    format!(
        "CREATE TABLE pupil (id INTEGER PRIMARY KEY, code TEXT NOT NULL, mark INTEGER NOT NULL);
         INSERT INTO pupil
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         SELECT i, 'code ' || CASE WHEN i IN ({1}) THEN i - 1 ELSE i END,
             CASE WHEN i IN ({0}) THEN 0 ELSE 1 END FROM n",
        list(zero),
        list(twice)
    )
}

#[tokio::test]
async fn every_good_row_arrives_and_every_bad_one_is_kept_with_key_and_reason() {
    // The first and the last, neighbours, some that stand alone, and twins in one piece.
    let zero = [1, 2, 500, 501, 502, 1234, 1999, ROWS];
    let twice = [50, 700, 702, 704, 2500, 2501];
    for to in To::each(&source(ROWS, &zero, &twice)).await {
        // 2501 has the code of 2500, which itself was refused, so that it is good.
        let bad: Vec<_> = zero.iter().chain(&twice[..5]).copied().collect();
        let report = to.runs("entities: [{ entity: pupil, chunk_rows: 1000 }]", 4);
        assert_eq!(report["verdict"], "verified", "{report:#}");
        assert_eq!(report["totals"]["rejected"], bad.len(), "{report:#}");
        let good: Vec<_> = (1..=ROWS).filter(|id| !bad.contains(id)).collect();
        assert_eq!(to.ids().await, good);
        let exported = to.exported();
        let mut sorted = bad.clone();
        sorted.sort_unstable();
        assert_eq!(exported.keys().copied().collect::<Vec<_>>(), sorted);
        for (id, named) in exported {
            let word = if zero.contains(&id) { "mark" } else { "code" };
            assert!(named.contains(word), "{id} was refused for {named}");
        }
    }
}

#[tokio::test]
async fn where_all_rows_are_bad_none_arrives_and_all_are_kept() {
    let all: Vec<_> = (1..=400).collect();
    for to in To::each(&source(400, &all, &[])).await {
        let report = to.runs("limits: { rejects: 400 }", 4);
        assert_eq!(report["totals"]["rejected"], 400, "{report:#}");
        assert!(to.ids().await.is_empty());
        assert_eq!(to.exported().len(), 400);
    }
}

#[tokio::test]
async fn past_the_limit_the_entity_stops_with_a_sample_and_without_its_rows() {
    let zero: Vec<_> = (1..=ROWS).filter(|id| id % 10 == 0).collect();
    for to in To::each(&source(ROWS, &zero, &[])).await {
        let report = to.runs("entities: [{ entity: pupil, rejects: 30 }]", 1);
        assert!(to.ids().await.is_empty());
        assert!(!report["samples"].as_array().unwrap().is_empty(), "{report:#}");
    }
}
