//! Names that somebody chose to hurt: each moves as it is, or is refused before anything is
//! written. Never is one shortened, folded or understood as SQL.

use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::{Setting, VALUE};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Names of tables, and of columns in them.
const NAMES: [&str; 22] = [
    "a\"; DROP TABLE victim; --",
    "semi;colon",
    "'quoted'",
    "\"\"",
    "select",
    "table",
    "user",
    "späße 🦄",
    "пример",
    "e\u{301}combined",
    "percent %s {} {p}",
    "back\\slash",
    "new\nline\ttab",
    "[bracket]",
    "`tick`",
    "$1",
    "-- comment",
    "/* comment */",
    "dot.ted",
    " space ",
    "*?[glob]",
    "CamelCase",
];

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table for each name, with a column and an index of that name, and a foreign key to the first.
fn hostile(names: &[String]) -> String {
    let victim =
        "CREATE TABLE victim (id BIGINT NOT NULL PRIMARY KEY); INSERT INTO victim VALUES (1);";
    let table = |(at, name): (usize, &String)| {
        let q = quoted(name);
        format!(
            "CREATE TABLE {q} (id BIGINT NOT NULL PRIMARY KEY, {q} TEXT, v BIGINT REFERENCES victim (id));
             CREATE INDEX {} ON {q} ({q}); INSERT INTO {q} VALUES ({at}, '{VALUE}', 1), (99, NULL, NULL);",
            quoted(&format!("i{at} {}", name.chars().take(20).collect::<String>())),
        )
    };
    format!("{victim}{}", names.iter().enumerate().map(table).collect::<String>())
}

fn names() -> Vec<String> {
    let mut names: Vec<_> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    names.push("x".repeat(63));
    names
}

async fn all_are_on_postgresql(database: &Database, names: &[String]) {
    for (at, name) in names.iter().enumerate() {
        let q = quoted(name);
        let query = format!("SELECT sum(id) || coalesce(max({q}), 'none') FROM {q}");
        assert_eq!(database.ask(&query).await, format!("{}{VALUE}", at + 99), "{name}");
    }
    assert_eq!(database.ask("SELECT count(*) FROM victim").await, "1");
}

fn all_are_in_sqlite(setting: &Setting, file: &str, names: &[String]) {
    let file = setting.open(file);
    for (at, name) in names.iter().enumerate() {
        let q = quoted(name);
        let query = format!("SELECT sum(id) || max({q}) FROM {q}");
        let found: String = file.query_row(&query, [], |row| row.get(0)).unwrap();
        assert_eq!(found, format!("{}{VALUE}", at + 99), "{name}");
    }
}

#[tokio::test]
async fn hostile_names_move_from_postgresql_as_they_are() {
    let setting = Setting::new(LONGHAUL);
    let (from, to) = (Database::new().await, Database::new().await);
    let names = [names(), vec!["camelcase".to_owned()]].concat();
    from.run(&hostile(&names)).await;
    from.run(
        "CREATE SCHEMA \"sch;e\"\"ma\"; CREATE TABLE \"sch;e\"\"ma\".\"t;\" (id INT PRIMARY KEY)",
    )
    .await;
    let _ = setting.longhaul(&["run", "--from", &from.url(), "--to", &to.url()]).exits(0);
    all_are_on_postgresql(&to, &names).await;
    assert_eq!(to.ask("SELECT count(*) FROM \"sch;e\"\"ma\".\"t;\"").await, "0");
    let _ = setting.longhaul(&["verify"]).exits(0);
    // SQLite takes names that differ by case for one name.
    let said = setting.longhaul(&["run", "--from", &from.url(), "--to", "sqlite:to.db"]);
    let _ = said.fault("identifier-unfit", 6, &["CamelCase", "camelcase", "Give one of them"]);
    assert!(!setting.path("to.db").exists(), "something was written");
    from.run("DROP TABLE camelcase").await;
    let _ = setting.longhaul(&["run", "--from", &from.url(), "--to", "sqlite:to.db"]).exits(0);
    all_are_in_sqlite(&setting, "to.db", &names[..names.len() - 1]);
}

#[tokio::test]
async fn hostile_names_move_from_sqlite_as_they_are() {
    let setting = Setting::new(LONGHAUL);
    let to = Database::new().await;
    let from = setting.sqlite("from.db", &hostile(&names()));
    let _ = setting.longhaul(&["run", "--from", &from, "--to", &to.url()]).exits(0);
    all_are_on_postgresql(&to, &names()).await;
    let _ = setting.longhaul(&["run", "--from", &from, "--to", "sqlite:to.db"]).exits(0);
    all_are_in_sqlite(&setting, "to.db", &names());
    // And they can be named in a file, exactly.
    for (at, name) in names().iter().enumerate().filter(|(_, name)| !name.contains("/*")) {
        let to = format!("sqlite:one{at}.db");
        let entity = serde_json::to_string(name).unwrap();
        setting.migration(&from, &to, &format!("entities: [{{ entity: {entity}, top: 1 }}]"));
        let said = setting.longhaul(&["run"]).exits(0);
        let query = format!("SELECT count(*) FROM {}", quoted(name));
        let file = setting.open(&format!("one{at}.db"));
        assert_eq!(file.query_row(&query, [], |row| row.get(0)), Ok(1), "{name}\n{said}");
    }
}

/// Names that MySQL has no place for: a letter beyond the first 65,536, and a blank at the end.
const NOT_IN_MYSQL: [&str; 2] = ["späße 🦄", " space "];

#[tokio::test]
async fn hostile_names_move_to_mysql_and_back_as_they_are() {
    let setting = Setting::new(LONGHAUL);
    let (from, to, back) = (Database::new().await, Mysql::new().await, Database::new().await);
    let mut names = [names(), vec!["camelcase".to_owned()]].concat();
    from.run(&hostile(&names)).await;
    for name in NOT_IN_MYSQL {
        let said = setting.longhaul(&["run", "--from", &from.url(), "--to", &to.url()]);
        let _ = said.fault("identifier-unfit", 6, &["`to`"]);
        assert_eq!(to.rows("SHOW TABLES").await, [""; 0], "something was written");
        from.run(&format!("DROP TABLE {}", quoted(name))).await;
        names.retain(|one| one != name);
    }
    let _ = setting.longhaul(&["run", "--from", &from.url(), "--to", &to.url()]).exits(0);
    for name in &names {
        let q = format!("`{}`", name.replace('`', "``"));
        let rows = to.rows(&format!("SELECT max({q}), count(*) FROM {q}")).await;
        assert_eq!(rows, [format!("{VALUE}|2")], "{name}");
    }
    assert_eq!(to.rows("SELECT count(*) FROM victim").await, ["1"]);
    let _ = setting.longhaul(&["verify"]).exits(0);
    let _ = setting.longhaul(&["run", "--from", &to.url(), "--to", &back.url()]).exits(0);
    for name in &names {
        let q = quoted(name);
        let query = format!("SELECT max({q}) || count(*) FROM {q}");
        assert_eq!(back.ask(&query).await, format!("{VALUE}2"), "{name}");
    }
    // On its way to SQLite names that differ by case are one again.
    let said = setting.longhaul(&["run", "--from", &to.url(), "--to", "sqlite:to.db"]);
    let _ = said.fault("identifier-unfit", 6, &["CamelCase", "camelcase", "Give one of them"]);
    to.run("DROP TABLE camelcase").await;
    let again = Mysql::new().await;
    for to_url in ["sqlite:to.db", &again.url()] {
        let _ = setting.longhaul(&["run", "--from", &to.url(), "--to", to_url]).exits(0);
    }
    let said =
        setting.longhaul(&["run", "--from", "sqlite:to.db", "--to", &Mysql::new().await.url()]);
    let _ = said.exits(0);
}

#[tokio::test]
async fn names_that_are_too_long_are_cut_and_told_and_can_be_given_others() {
    let setting = Setting::new(LONGHAUL);
    let to = Database::new().await;
    let long = "y".repeat(64);
    for (table, words) in [
        (format!("CREATE TABLE {long} (id INTEGER PRIMARY KEY)"), [long.as_str(), "too long"]),
        (
            format!("CREATE TABLE t (id INTEGER PRIMARY KEY, {long} TEXT)"),
            [long.as_str(), "too long"],
        ),
        // Sixty-three characters, but more bytes.
        (
            format!("CREATE TABLE \"{}\" (id INTEGER PRIMARY KEY)", "ä".repeat(63)),
            ["ä", "too long"],
        ),
    ] {
        let _ = std::fs::remove_file(setting.path("from.db"));
        let from = setting.sqlite("from.db", &table);
        let said =
            setting.longhaul(&["plan", "--output", "json", "--from", &from, "--to", &to.url()]);
        let _ = said.exits(0).says(&words);
        assert_eq!(to.relations().await, "NULL", "something was written");
    }
    let _ = std::fs::remove_file(setting.path("from.db"));
    let from = setting.sqlite("from.db", &format!("CREATE TABLE {long} (id INTEGER PRIMARY KEY)"));
    setting.migration(&from, &to.url(), &format!("entities: [{{ entity: {long}, to: short }}]"));
    let _ = setting.longhaul(&["run"]).exits(0);
    assert_eq!(to.ask("SELECT count(*) FROM short").await, "0");
}

#[tokio::test]
async fn columns_that_differ_only_by_case_are_refused_where_that_is_no_difference() {
    let setting = Setting::new(LONGHAUL);
    let (from, to) = (Database::new().await, Database::new().await);
    from.run(
        "CREATE TABLE t (id INT PRIMARY KEY, \"Name\" TEXT, name TEXT); \
              INSERT INTO t VALUES (1, 'a', 'b')",
    )
    .await;
    let said = setting.longhaul(&["run", "--from", &from.url(), "--to", "sqlite:to.db"]);
    let _ = said.fault("identifier-unfit", 6, &["t.name", "case", "`rename`"]);
    assert!(!setting.path("to.db").exists(), "something was written");
    let _ = setting.longhaul(&["run", "--from", &from.url(), "--to", &to.url()]).exits(0);
    assert_eq!(to.ask("SELECT \"Name\" || name FROM t").await, "ab");
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_without_being_repeated() {
    use tests::setting::PASSWORD;
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)");
    for url in [
        format!("oracle://me:{PASSWORD}@h/d"),
        format!("postgres://me:{PASSWORD}@h:port/d"),
        format!("postgres://me:{PASSWORD}@h"),
        format!("postgres://me:{PASSWORD}@h/d?sslmode=perhaps"),
        format!("postgres://me:{PASSWORD}@h/d?colour={PASSWORD}"),
        format!("postgres:me:{PASSWORD}@h/d"),
        format!("mysql://me:{PASSWORD}@h:port/d"),
        format!("mysql://me:{PASSWORD}@h"),
        format!("mysql://me:{PASSWORD}@h/d?sslmode=perhaps"),
        format!("mysql:me:{PASSWORD}@h/d"),
        format!("me:{PASSWORD}@h/d://"),
        "sqlite:".into(),
        "sqlite::memory:".into(),
        "sqlite:a.db?mode=ro".into(),
    ] {
        for arguments in [["--from", &url, "--to", "sqlite:to.db"], ["--from", &from, "--to", &url]]
        {
            let said = setting.longhaul(&[&["run"], &arguments[..]].concat());
            let _ = said.fault("url-malformed", 2, &[]);
        }
    }
    assert!(!setting.path("to.db").exists());
}
