//! What stands around tables of MySQL and means something else, or nothing, in another engine.

use serde_json::Value;
use tests::command::{Said, between};
use tests::mysql::Mysql;
use tests::scratch::{Database, Folder};

const MORTAL: &str = env!("CARGO_BIN_EXE_mortal");

const SHOP: &str = "
    CREATE TABLE sale (id int NOT NULL, at date NOT NULL, v int, PRIMARY KEY (id, at))
        PARTITION BY RANGE (year(at)) (PARTITION old VALUES LESS THAN (2020),
        PARTITION rest VALUES LESS THAN MAXVALUE);
    CREATE TABLE note (id int NOT NULL PRIMARY KEY, tx text NOT NULL, body mediumtext, place point NOT NULL,
        UNIQUE KEY by_tx (tx(10)), FULLTEXT KEY words (body), SPATIAL KEY by_place (place)) ENGINE=MyISAM;
    CREATE TABLE shirt (id int NOT NULL PRIMARY KEY, size enum('s','l') NOT NULL, also set('a','b'),
        colour enum('red','it''s') DEFAULT 'red', name varchar(20) COLLATE utf8mb4_general_ci);
    INSERT INTO sale SELECT seq, '2019-12-01' + INTERVAL seq DAY, seq FROM seq_1_to_100;
    INSERT INTO note SELECT seq, concat('note ', seq), repeat(md5(seq), 3000), point(seq, seq)
      FROM seq_1_to_3;
    INSERT INTO shirt VALUES (1, 's', 'a,b', NULL, 'Ann'), (2, 'l', '', 'it''s', NULL);
";

/// Puts in what a server that is not strict puts in the place of a label that it does not know.
const UNKNOWN_LABEL: &str = "SET sql_mode = '';\nINSERT INTO shirt (id, size) VALUES (3, 'xxl')";

async fn shop() -> Mysql {
    let database = Mysql::new().await;
    database.run(SHOP).await;
    database.run(UNKNOWN_LABEL).await;
    database
}

fn verified(said: &Said) -> Value {
    assert_eq!(said.code, Some(0), "{said}");
    let report = said.json();
    assert_eq!(report["verdict"], "verified", "{said}");
    report
}

/// What the plan said of each entity, a line each.
fn notes(report: &Value) -> String {
    let said = |note: &Value| {
        let of = note["entity"].as_str().unwrap_or_default();
        format!("{of}: {}\n", note["text"].as_str().unwrap())
    };
    report["notes"].as_array().unwrap().iter().map(said).collect()
}

fn says(notes: &str, lines: &[&str]) {
    for line in lines {
        assert!(notes.contains(line), "{line} is not among\n{notes}");
    }
}

#[tokio::test]
async fn what_only_mysql_has_around_a_table_is_made_anew_in_postgresql_or_said() {
    let (from, to) = (shop().await, Database::new().await);
    let report = verified(&between(MORTAL, Folder::new().path(), "run", &from.url(), &to.url()));
    assert_eq!(report["totals"]["written"], 100 + 3 + 3, "{report:#}");
    assert_eq!(report["guarantee"], "exactly_once", "{report:#}");
    assert_eq!(to.ask("SELECT count(*) FROM pg_class WHERE relpersistence = 'u'").await, "0");
    assert_eq!(to.ask("SELECT count(*) FROM sale").await, "100");
    let on = "SELECT pg_get_indexdef('by_tx'::regclass)";
    let index = to.ask(on).await;
    assert!(index.contains("UNIQUE") && index.contains("\"left\"(tx, 10)"), "{index}");
    let of_note = "SELECT count(*) FROM pg_indexes WHERE tablename = 'note'";
    assert_eq!(to.ask(of_note).await, "2", "its key, and the beginning of tx");
    for (statement, state) in [
        ("INSERT INTO shirt (id, size) VALUES (4, 'm')", "23514"),
        ("INSERT INTO shirt (id, size, colour) VALUES (4, 's', 'blue')", "23514"),
        ("INSERT INTO note (id, tx, place) VALUES (9, 'note 1', '')", "23505"),
    ] {
        let refused = to.client().await.batch_execute(statement).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), state, "{statement}");
    }
    to.run("INSERT INTO shirt (id, size, colour) VALUES (5, '', NULL)").await;
    says(
        &notes(&report),
        &[
            "sale: is partitioned in the source, and one table here",
            "note: index words stays behind: PostgreSQL has no fulltext index",
            "note: index by_place stays behind: PostgreSQL has no spatial index",
            "note: index by_tx stands on left(\"tx\", 10)",
            "shirt: size becomes text, which a check holds to its labels",
            "shirt: also is a set, and becomes text",
            "shirt: name is compared without its collation utf8mb4_general_ci",
        ],
    );
}

#[tokio::test]
async fn what_only_mysql_has_around_a_table_is_made_anew_in_sqlite_or_said() {
    let (from, folder) = (shop().await, Folder::new());
    let file = folder.sqlite("shop.db");
    let report = verified(&between(MORTAL, folder.path(), "run", &from.url(), &file));
    assert_eq!(report["totals"]["written"], 100 + 3 + 3, "{report:#}");
    let there = rusqlite::Connection::open(folder.path().join("shop.db")).unwrap();
    let again = "INSERT INTO note (id, tx, place) VALUES (9, 'note 1', x'')";
    let refused = there.execute(again, []).unwrap_err().to_string();
    assert!(refused.contains("UNIQUE constraint failed: index 'by_tx'"), "{refused}");
    let begins_alike = "INSERT INTO note (id, tx, place) VALUES (9, 'note 1 and more', x'')";
    there.execute(begins_alike, []).unwrap();
    let alike = "INSERT INTO note (id, tx, place) VALUES (10, 'note 1 and less', x'')";
    there.execute(alike, []).unwrap_err();
    assert!(there.execute("INSERT INTO shirt (id, size) VALUES (4, 'm')", []).is_err());
    says(
        &notes(&report),
        &[
            "sale: is partitioned in the source, and one table here",
            "note: index words stays behind",
            "note: index by_place stays behind",
            "note: index by_tx stands on substr(\"tx\", 1, 10)",
            "shirt: also: a set, becomes text",
            "compared byte by byte, without its collation",
        ],
    );
}

#[tokio::test]
async fn a_table_without_transactions_becomes_one_with_them_and_keeps_its_indexes() {
    let (from, to) = (Mysql::new().await, Mysql::new().await);
    // Without the label that only a server which is not strict takes.
    from.run(SHOP).await;
    from.run("ALTER TABLE shirt MODIFY name varchar(20) INVISIBLE").await;
    let report = verified(&between(MORTAL, Folder::new().path(), "run", &from.url(), &to.url()));
    let engine = "SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() \
                  AND table_name = 'note'";
    assert_eq!(to.rows(engine).await, ["InnoDB"]);
    let indexes = "SELECT index_name, index_type, sub_part FROM information_schema.statistics \
                   WHERE table_schema = DATABASE() AND table_name = 'note' ORDER BY 1";
    assert_eq!(to.rows(indexes).await, from.rows(indexes).await);
    let parts = "SELECT count(*) FROM information_schema.partitions WHERE table_name = 'sale' \
                 AND table_schema = DATABASE() AND partition_name IS NOT NULL";
    assert_eq!(to.rows(parts).await, ["2"]);
    let hidden = "SELECT extra FROM information_schema.columns WHERE table_schema = DATABASE() \
                  AND table_name = 'shirt' AND column_name = 'name'";
    assert_eq!(to.rows(hidden).await, ["INVISIBLE"]);
    says(
        &notes(&report),
        &["note: is InnoDB here: its engine in the source knows no transactions"],
    );
}

#[tokio::test]
async fn a_row_that_the_server_cannot_take_is_set_aside_by_name_and_the_others_move() {
    let (from, to, folder) = (Database::new().await, Mysql::new().await, Folder::new());
    let most: usize = to.rows("SELECT @@max_allowed_packet").await[0].parse().unwrap();
    from.run(&format!(
        "CREATE TABLE big (id int PRIMARY KEY, v text);
         INSERT INTO big SELECT i, repeat('x', CASE i WHEN 2 THEN {} ELSE {} END)
           FROM generate_series(1, 4) i",
        most + 1000,
        most / 3
    ))
    .await;
    let said = between(MORTAL, folder.path(), "run", &from.url(), &to.url()).exits(4);
    let report = said.json();
    assert_eq!(report["verdict"], "verified", "{said}");
    assert_eq!(report["totals"]["written"], 3, "{report:#}");
    assert_eq!(report["totals"]["rejected"], 1, "{report:#}");
    let retries = report["entities"][0]["retries"].as_u64().unwrap();
    assert!(retries <= 1, "careful gear, and no more: {report:#}");
    let rejected = &report["rejected"][0];
    assert_eq!(rejected["reason"], "too_large (1153)", "{report:#}");
    assert_eq!(rejected["examples"][0], "2", "{report:#}");
    let lengths = "SELECT id, length(v) FROM big ORDER BY id";
    let third = most / 3;
    let expected = [1, 3, 4].map(|id| format!("{id}|{third}"));
    assert_eq!(to.rows(lengths).await, expected);
}

#[tokio::test]
async fn a_user_who_may_not_see_all_tables_is_told_so_by_plan_and_doctor() {
    let (from, to, folder) = (shop().await, Database::new().await, Folder::new());
    let url = from.url();
    let name = url.rsplit('/').next().unwrap();
    let user = format!("lh_{}", &name[name.len() - 12..]);
    let host = url.split("//").nth(1).unwrap().split('/').next().unwrap();
    let host = host.rsplit('@').next().unwrap();
    let as_user = format!("mysql://{user}@{host}/{name}");
    from.run(&format!(
        "CREATE USER {user}@'%', {user}@'localhost';\nGRANT SELECT ON {name}.sale TO {user}@'%';\n\
         GRANT SELECT ON {name}.sale TO {user}@'localhost'"
    ))
    .await;
    let hidden = "tables and columns that it may not read are not seen";
    let report = verified(&between(MORTAL, folder.path(), "run", &as_user, &to.url()));
    says(&notes(&report), &[hidden]);
    let doctor = |url: &str| {
        let text = format!("environments: {{ old: {{ url: \"{url}\" }} }}\n");
        std::fs::write(folder.path().join("longhaul.yaml"), text).unwrap();
        let mut command = tests::command::longhaul(MORTAL, folder.path());
        tests::command::run(command.args(["doctor", "--output", "json"])).stdout
    };
    let told = doctor(&as_user);
    let all = doctor(&from.url());
    from.run(&format!("DROP USER {user}@'%', {user}@'localhost'")).await;
    assert!(told.contains(hidden), "{told}");
    assert!(!all.contains(hidden), "{all}");
}
