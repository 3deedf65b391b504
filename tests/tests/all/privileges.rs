//! The SQL of `docs/privileges.md`, run as it is printed: a migration as those users ends verified.

use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::Setting;

use crate::cargo::root;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Two tables and a sequence's worth of numbering, in words that both servers understand.
const TABLES: &str = "CREATE TABLE parent (id INT PRIMARY KEY, name VARCHAR(20));
    CREATE TABLE child (id INT PRIMARY KEY, parent_id INT, FOREIGN KEY (parent_id) REFERENCES parent (id));
    INSERT INTO parent VALUES (1, 'a'), (2, 'b');
    INSERT INTO child VALUES (1, 1), (2, 2), (3, 2);";

/// A block of the page, with the names that this test has for its databases and users.
fn block(name: &str, names: &[(&str, &str)]) -> String {
    let page = std::fs::read_to_string(root().join("docs/privileges.md")).unwrap();
    let fence = format!("```sql {name}\n");
    let after = page.split(&fence).nth(1).unwrap_or_else(|| panic!("the page has no block {name}"));
    let mut sql = after.split("```").next().unwrap().to_owned();
    for (printed, ours) in names {
        assert!(sql.contains(printed), "{name} says nothing of {printed}");
        sql = sql.replace(printed, ours);
    }
    sql
}

/// The URL of a server's database as somebody else, with the password of the page.
fn url_as(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, rest) = rest.split_once('@').unwrap();
    format!("{scheme}://{user}:choose%20one@{rest}")
}

/// The database that a URL names.
fn name(url: &str) -> String {
    let path = url.rsplit('/').next().unwrap();
    path.split('?').next().unwrap().to_owned()
}

fn moves(from: &str, to: &str, more: &[&str]) {
    let setting = Setting::new(LONGHAUL);
    let arguments = [&["run", "--from", from, "--to", to, "--progress", "plain"], more].concat();
    let _ = setting.longhaul(&arguments).exits(0).says(&["VERIFIED"]);
}

#[tokio::test]
async fn users_of_postgresql_with_the_printed_rights_move_a_database() {
    let (from, to) = (Database::new().await, Database::new().await);
    let reader = format!("{}_reader", from.name());
    let writer = format!("{}_writer", to.name());
    from.run(TABLES).await;
    from.run(&block("postgres-source", &[("legacy", from.name()), ("longhaul_reader", &reader)]))
        .await;
    to.run(&block("postgres-target", &[("school", to.name()), ("longhaul_writer", &writer)])).await;
    let (source, target) = (url_as(&from.url(), &reader), url_as(&to.url(), &writer));
    moves(&source, &target, &[]);
    to.run("CREATE TABLE later (id INT PRIMARY KEY)").await;
    from.run("CREATE TABLE later (id INT PRIMARY KEY); INSERT INTO later VALUES (1)").await;
    from.run(&format!("GRANT SELECT ON later TO {reader}")).await;
    let existing = block("postgres-target-existing", &[("longhaul_writer", &writer)]);
    to.run(&existing).await;
    for mode in ["upsert", "append"] {
        from.run("DELETE FROM later; INSERT INTO later SELECT 1 + floor(random() * 1e9)::int")
            .await;
        let (mode, only) = (format!("mode={mode}"), "entities=[\"later\"]");
        let setting = Setting::new(LONGHAUL);
        let arguments = ["run", "--from", &source, "--to", &target, "--set", &mode, "--set", only];
        let _ = setting.longhaul(&arguments).exits(0);
    }
    for (database, role) in [(&from, &reader), (&to, &writer)] {
        database.run(&format!("REASSIGN OWNED BY {role} TO CURRENT_USER")).await;
        database.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    }
}

#[tokio::test]
async fn users_of_mysql_with_the_printed_rights_move_a_database() {
    let (from, to) = (Mysql::new().await, Mysql::new().await);
    let (legacy, school) = (name(&from.url()), name(&to.url()));
    let (reader, writer) = (format!("{legacy}_r"), format!("{school}_w"));
    from.run(TABLES).await;
    from.run(&block("mysql-source", &[("legacy", &legacy), ("longhaul_reader", &reader)])).await;
    to.run(&block("mysql-target", &[("school", &school), ("longhaul_writer", &writer)])).await;
    moves(&url_as(&from.url(), &reader), &url_as(&to.url(), &writer), &[]);
    from.run(&format!("DROP USER '{reader}'@'%'; DROP USER '{writer}'@'%'")).await;
}
