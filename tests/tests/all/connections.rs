//! More slots than the server has connections for the user: the plan says so, and those that get none
//! wait for those that do.

use tests::scratch::Database;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// A role that may be connected so often, and owns a database.
async fn limited(database: &Database, connections: u32) -> String {
    let name = format!("{}_few", database.name());
    database
        .run(&format!(
            "CREATE ROLE {name} LOGIN CONNECTION LIMIT {connections};
             GRANT ALL ON DATABASE {} TO {name}; GRANT ALL ON SCHEMA public TO {name}",
            database.name()
        ))
        .await;
    name
}

#[tokio::test]
async fn slots_without_a_connection_wait_and_nothing_is_parked() {
    let (from, to) = (Database::new().await, Database::new().await);
    from.run(
        "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT);
         INSERT INTO pupil SELECT i, 'n' || i FROM generate_series(1, 4000) i; ANALYZE pupil",
    )
    .await;
    let few = limited(&to, 5).await;
    let setting = Setting::new(LONGHAUL);
    let url = to.url_as(&few);
    setting.migration(
        &from.url(),
        &url,
        "entities: [{ entity: \"*\", chunk_rows: 100 }]\nlimits: { slots: 16 }\n",
    );
    let said = setting.longhaul(&["plan"]).exits(0);
    let _ = said.says(&["16 slots may want 38 connections to source and target", "wait"]);
    let said = setting.longhaul(&["run"]).exits(0).says(&["VERIFIED"]);
    assert!(!said.stderr.contains("parked: "), "{said}");
    assert_eq!(to.ask("SELECT count(*) FROM pupil").await, "4000");
    to.run(&format!("DROP OWNED BY {few}; DROP ROLE {few}")).await;
}
