//! Rows whose parents were rejected: everything else is finished and proven, the link is named, and
//! whoever mends it goes on.

use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Two customers whose rating is no number; three orders are of one of them, and one of the other.
const SOURCE: &str = "
    CREATE TABLE customer (id INTEGER PRIMARY KEY, rating INTEGER);
    CREATE TABLE shop_order (id INTEGER PRIMARY KEY,
        customer INTEGER REFERENCES customer (id) ON DELETE CASCADE);
    CREATE TABLE item (id INTEGER PRIMARY KEY, shop_order INTEGER NOT NULL REFERENCES shop_order (id));
    INSERT INTO customer VALUES (1, 5), (2, 'good'), (3, 'bad'), (4, 1);
    INSERT INTO shop_order VALUES (10, 1), (11, 2), (12, 2), (13, 2), (14, 3), (15, NULL), (16, 4);
    INSERT INTO item VALUES (100, 10), (101, 11), (102, 16);";

enum To {
    Postgres(Database),
    Mysql(Mysql),
}

impl To {
    fn url(&self) -> String {
        match self {
            Self::Postgres(database) => database.url(),
            Self::Mysql(database) => database.url(),
        }
    }

    async fn run(&self, statement: &str) {
        match self {
            Self::Postgres(database) => database.run(statement).await,
            Self::Mysql(database) => database.run(statement).await,
        }
    }

    /// How many foreign keys a table has.
    async fn links(&self, table: &str) -> String {
        let count = "SELECT count(*) FROM information_schema.table_constraints \
             WHERE constraint_type = 'FOREIGN KEY'";
        match self {
            Self::Postgres(database) => {
                database.ask(&format!("{count} AND table_name = '{table}'")).await
            }
            Self::Mysql(database) => {
                let ours = "table_schema = database()";
                let count = format!("{count} AND {ours} AND table_name = '{table}'");
                database.rows(&count).await.remove(0)
            }
        }
    }
}

#[tokio::test]
async fn rows_of_rejected_parents_are_counted_and_all_else_is_finished_and_verified() {
    for to in [To::Postgres(Database::new().await), To::Mysql(Mysql::new().await)] {
        let setting = Setting::new(LONGHAUL);
        let from = setting.sqlite("from.db", SOURCE);
        setting.migration(&from, &to.url(), "");
        let counted = "4 rows link to rows that are not there";
        let words = ["foreign key", counted, "longhaul rejects list", "longhaul resume"];
        let said = setting.longhaul(&["run"]).fault("parked", 1, &words);
        assert_eq!(to.links("shop_order").await, "0", "{said}");
        assert_eq!(to.links("item").await, "1", "nothing waits for another link\n{said}");
        let report = setting.longhaul(&["report", "--output", "json"]).exits(0).json();
        for entity in report["entities"].as_array().unwrap() {
            assert_eq!(entity["verdict"], "verified", "{report:#}");
        }
        assert_eq!(report["verdict"], "not_verified", "the run is not complete\n{report:#}");
        let left = report["links_left"].as_array().unwrap();
        assert_eq!(left.len(), 1, "{report:#}");
        assert!(left[0].as_str().unwrap().contains("shop_order"), "{report:#}");
        let told = ["not made", "shop_order", counted, "longhaul resume"];
        let _ = setting.longhaul(&["report"]).exits(0).says(&told);
        let told = ["link-broken", "shop_order", counted, "longhaul resume"];
        let _ = setting.longhaul(&["status"]).exits(0).says(&told);
        // Half mended, it is counted anew.
        to.run("INSERT INTO customer VALUES (2, NULL)").await;
        let words = ["1 row links to a row that is not there"];
        let _ = setting.longhaul(&["resume"]).fault("parked", 1, &words);
        to.run("DELETE FROM shop_order WHERE id = 14").await;
        let said = setting.longhaul(&["resume"]).exits(4);
        assert_eq!(to.links("shop_order").await, "1", "{said}");
        let report = setting.longhaul(&["report", "--output", "json"]).exits(0).json();
        assert_eq!(
            (&report["verdict"], report["links_left"].as_array().unwrap().len()),
            (&"verified".into(), 0)
        );
    }
}
