//! Bad input before a run: each is a named fault with place, cause, next step and exit code, and
//! nothing was written anywhere.

use tests::scratch::Database;
use tests::setting::{PASSWORD, Setting, VALUE};
use tests::strict::Strict;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

fn source() -> String {
    format!(
        "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT);
         INSERT INTO pupil VALUES (1, '{VALUE}'), (2, 'b')"
    )
}

/// A target on PostgreSQL that must stay as it is.
struct Untouched {
    database: Database,
    before: String,
}

impl Untouched {
    async fn with(statements: &str) -> Self {
        let database = Database::new().await;
        database.run(statements).await;
        let before = database.relations().await;
        Self { database, before }
    }

    async fn is(&self) {
        assert_eq!(self.database.relations().await, self.before, "something was written");
    }
}

#[tokio::test]
async fn a_closed_port_is_unreachable_and_may_be_tried_again() {
    let setting = Setting::new(LONGHAUL);
    let to = Untouched::with("").await;
    let closed = format!("postgres://me:{PASSWORD}@127.0.0.1:1/school");
    let words = ["postgres://127.0.0.1:1/school", "refused", "Check host, port"];
    for (from, to) in [(&closed, &to.database.url()), (&to.database.url(), &closed)] {
        let said = setting.longhaul(&["run", "--from", from, "--to", to]);
        let _ = said.fault("unreachable", 75, &words);
    }
    to.is().await;
}

#[tokio::test]
async fn an_unknown_database_is_refused_by_name() {
    let setting = Setting::new(LONGHAUL);
    let to = Untouched::with("").await;
    let url = to.database.url_with_password();
    let (before, _) = url.rsplit_once('/').unwrap();
    let unknown = format!("{before}/longhaul_no_such_database");
    let said = setting.longhaul(&["run", "--from", &unknown, "--to", &url]);
    let words = ["longhaul_no_such_database", "no such database", "Create the database"];
    let _ = said.fault("login-refused", 6, &words);
    to.is().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_the_right_one_is_never_shown() {
    let Some(server) = Strict::start(PASSWORD) else { return };
    let setting = Setting::new(LONGHAUL);
    let to = setting.sqlite("to.db", "");
    for login in ["postgres:wrong", "postgres", "nobody:wrong"] {
        let said = setting.longhaul(&["run", "--from", &server.url(login), "--to", &to]);
        let _ = said.fault(
            "login-refused",
            6,
            &["127.0.0.1", "password", "Nothing was read or written"],
        );
    }
    let right = server.url(&format!("postgres:{PASSWORD}"));
    let client = tests::scratch::connect(&right).await;
    client.batch_execute(&source()).await.unwrap();
    let _ = setting.longhaul(&["run", "--from", &right, "--to", &to]).exits(0);
    // A password that was on the command line was not kept, so it must be given again.
    let words = ["--from URL --to URL"];
    let _ = setting.longhaul(&["resume"]).fault("run-unknown", 2, &words);
    // By reference it may stand in a file.
    let file = "environments: { old: { url: \"URL\", password: env:TEST_PASSWORD }, new: { url: \"TO\" } }\n\
                from: old\nto: new\n";
    let other = setting.sqlite("other.db", "");
    setting.write(
        "longhaul.yaml",
        &file.replace("URL", &server.url("postgres")).replace("TO", &other),
    );
    let _ = setting.longhaul(&["run"]).fault("secret-missing", 2, &["TEST_PASSWORD"]);
    let _ = setting.run(setting.command(&["run"]).env("TEST_PASSWORD", PASSWORD)).exits(0);
}

#[tokio::test]
async fn a_role_that_may_not_create_in_the_target_writes_nothing() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", &source());
    let role = Role::new("writer").await;
    let to = Untouched::with("").await;
    let said = setting.longhaul(&["run", "--from", &from, "--to", &to.database.url_as(&role.0)]);
    let _ = said.fault("rights-missing", 6, &["postgres://127.0.0.1", "right", "Grant"]);
    to.is().await;
    // With the right to make schemas, but not to make tables in the one that is meant.
    let grant = format!("GRANT CREATE ON DATABASE {} TO {}", to.database.name(), role.0);
    to.database.run(&grant).await;
    let said = setting.longhaul(&["run", "--from", &from, "--to", &to.database.url_as(&role.0)]);
    let _ = said.fault("rights-missing", 6, &["public", "Grant"]);
    to.is().await;
}

#[tokio::test]
async fn a_role_that_may_not_write_to_a_table_that_is_there_writes_nothing() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", &source());
    let role = Role::new("inserter").await;
    let to = Untouched::with(&format!(
        "CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, name TEXT);
         GRANT SELECT ON pupil TO {}",
        role.0
    ))
    .await;
    to.database
        .run(&format!("GRANT CREATE ON DATABASE {} TO {}", to.database.name(), role.0))
        .await;
    let said = setting.longhaul(&["run", "--from", &from, "--to", &to.database.url_as(&role.0)]);
    let _ = said.fault("rights-missing", 6, &["public.pupil", "Grant"]);
    to.is().await;
}

#[tokio::test]
async fn a_role_that_may_not_read_the_source_writes_nothing() {
    let setting = Setting::new(LONGHAUL);
    let role = Role::new("reader").await;
    for table in ["(id BIGINT NOT NULL PRIMARY KEY, name TEXT)", "(id BIGINT, name TEXT)"] {
        let from = Untouched::with(&format!("CREATE TABLE pupil {table}")).await;
        let to = Untouched::with("").await;
        let url = from.database.url_as(&role.0);
        let said = setting.longhaul(&["run", "--from", &url, "--to", &to.database.url()]);
        let _ = said.fault("rights-missing", 6, &["pupil", "Grant"]);
        to.is().await;
        from.is().await;
    }
}

#[tokio::test]
async fn rows_that_a_policy_hides_are_not_taken_for_rows_that_are_not_there() {
    let setting = Setting::new(LONGHAUL);
    let role = Role::new("policed").await;
    for table in ["(id BIGINT NOT NULL PRIMARY KEY, name TEXT)", "(id BIGINT, name TEXT)"] {
        let from = Untouched::with(&format!(
            "CREATE TABLE pupil {table}; INSERT INTO pupil VALUES (1, 'a'), (2, '{VALUE}');
             ALTER TABLE pupil ENABLE ROW LEVEL SECURITY;
             CREATE POLICY one ON pupil USING (id = 1); GRANT SELECT ON pupil TO {}",
            role.0
        ))
        .await;
        let to = Untouched::with("").await;
        let url = from.database.url_as(&role.0);
        let said = setting.longhaul(&["run", "--from", &url, "--to", &to.database.url()]);
        let _ = said.fault("rights-missing", 6, &["pupil", "Grant"]);
        to.is().await;
    }
}

#[tokio::test]
async fn a_type_that_only_its_own_engine_knows_is_refused_or_told() {
    let setting = Setting::new(LONGHAUL);
    let from = Untouched::with(
        "CREATE TYPE address AS (street TEXT, town TEXT);
         CREATE TABLE pupil (id BIGINT NOT NULL PRIMARY KEY, home address)",
    )
    .await;
    let url = from.database.url();
    let said = setting.longhaul(&["plan", "--from", &url, "--to", "sqlite:to.db"]);
    match said.code {
        Some(6) => {
            let _ = said.fault("type-unsupported", 6, &["pupil.home", "address", "Exclude"]);
        }
        _ => {
            let _ = said.exits(0).says(&["home", "address"]);
        }
    }
    // Into a column that is there and of another kind, it is refused.
    let to = setting.sqlite("there.db", "CREATE TABLE pupil (id INTEGER PRIMARY KEY, home BLOB)");
    let said = setting.longhaul(&["run", "--from", &url, "--to", &to]);
    let _ = said.fault("type-unsupported", 6, &["pupil.home", "address", "Exclude"]);
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
    assert_eq!(setting.open("there.db").query_row(tables, [], |row| row.get(0)), Ok(1));
}

#[tokio::test]
async fn a_target_that_is_not_empty_keeps_its_rows() {
    let setting = Setting::new(LONGHAUL);
    let from = setting.sqlite("from.db", &source());
    let to = Untouched::with(&source()).await;
    let words = ["pupil", "already hold rows", "--mode replace"];
    let said = setting.longhaul(&["run", "--from", &from, "--to", &to.database.url()]);
    let _ = said.fault("target-not-empty", 6, &words);
    to.is().await;
    assert_eq!(to.database.ask("SELECT sum(id) FROM pupil").await, "3");
    let file = setting.sqlite("to.db", &source());
    let said = setting.longhaul(&["run", "--from", &from, "--to", &file]);
    let _ = said.fault("target-not-empty", 6, &words);
    let all = "SELECT (SELECT count(*) FROM sqlite_schema) + (SELECT sum(id) FROM pupil)";
    // One table and the index of its key, and the keys 1 and 2.
    assert_eq!(setting.open("to.db").query_row(all, [], |row| row.get(0)), Ok(5));
}

#[tokio::test]
async fn a_malformed_file_is_shown_with_line_and_column() {
    let setting = Setting::new(LONGHAUL);
    for (text, code, words) in [
        ("from: [", "config-malformed", &["longhaul.yaml", "1:"][..]),
        ("", "config-malformed", &["the file is empty"]),
        ("\u{0}\u{1}", "config-malformed", &["longhaul.yaml"]),
        (
            "environments:\n  a: { url: \"sqlite:a.db\" }\n  b: { url: \"sqlite:b.db\" }\nfrom: a\nto: b\n\
          limits: { slotz: 2 }\n",
            "config-malformed",
            &["longhaul.yaml:6:11", "slotz", "slots"],
        ),
        (
            "environments:\n  a: { url: \"oracle://a\" }\nfrom: a\nto: a\n",
            "url-malformed",
            &["longhaul.yaml:2:"],
        ),
        (
            "environments:\n  a: { url: \"sqlite:a.db\" }\nfrom: a\nto: bb\n",
            "environment-unknown",
            &["longhaul.yaml:4:", "bb"],
        ),
    ] {
        setting.write("longhaul.yaml", text);
        let said = setting.longhaul(&["run"]);
        assert_eq!(said.code, Some(2), "{text}\n{said}");
        let said = said.says(words);
        assert!(said.stderr.contains(code), "{text}\n{said}");
        let json = setting.longhaul(&["plan", "--output", "json", "--log", "off"]);
        let fault: serde_json::Value = serde_json::from_str(json.stderr.trim()).unwrap();
        assert_eq!((fault["code"].as_str(), fault["exit"].as_i64()), (Some(code), Some(2)));
        assert!(fault["next"].as_str().is_some_and(|next| next.ends_with(['.', '`'])), "{fault}");
    }
    let _ = setting.longhaul(&["run", "no.yaml"]).fault("config-unreadable", 2, &["no.yaml"]);
    let password = format!(
        "environments: {{ a: {{ url: \"postgres://me:{PASSWORD}@h/d\" }} }}\nfrom: a\nto: a\n"
    );
    setting.write("longhaul.yaml", &password);
    let said = setting.longhaul(&["run"]);
    assert_eq!(said.code, Some(2), "{said}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_not_written_to() {
    let setting = Setting::new(LONGHAUL);
    let good = setting.sqlite("from.db", &source());
    let text = format!("not a database, but a letter: {VALUE}, ").repeat(9);
    setting.write("letter.db", &text);
    for (from, to) in [("sqlite:letter.db", "sqlite:to.db"), (&good, "sqlite:letter.db")] {
        let said = setting.longhaul(&["run", "--from", from, "--to", to]);
        let words = ["sqlite:letter.db", "not a SQLite database", "Check the path"];
        let _ = said.fault("database-unopened", 6, &words);
    }
    assert_eq!(setting.read("letter.db"), text);
    let said = setting.longhaul(&["run", "--from", "sqlite:none.db", "--to", "sqlite:to.db"]);
    let words = ["sqlite:none.db", "the source's file is not there", "Correct the path"];
    let _ = said.fault("database-unopened", 6, &words);
    assert!(!setting.path("none.db").exists());
    let said = setting.longhaul(&["run", "--from", &good, "--to", "sqlite:no/such/folder/to.db"]);
    let words = ["sqlite:no/such/folder/to.db", "the folder of the target's file is not there"];
    let _ = said.fault("database-unopened", 6, &words);
    // A plan looks, and leaves nothing where nothing was.
    let _ = setting.longhaul(&["plan", "--from", &good, "--to", "sqlite:to.db"]).exits(0);
    assert!(!setting.path("to.db").exists(), "a plan made a file");
}

#[tokio::test]
async fn source_and_target_must_differ() {
    let setting = Setting::new(LONGHAUL);
    let file = setting.sqlite("same.db", &source());
    std::os::unix::fs::symlink(setting.path("same.db"), setting.path("link.db")).unwrap();
    for to in [file.as_str(), "sqlite:same.db", "sqlite:./same.db", "sqlite:link.db"] {
        let said = setting.longhaul(&["run", "--from", &file, "--to", to]);
        let _ = said.fault("same-database", 6, &["same", "Name another target"]);
    }
    let one = Untouched::with(&source()).await;
    let other = one.database.url().replace("127.0.0.1", "localhost");
    let said = setting.longhaul(&["run", "--from", &one.database.url(), "--to", &other]);
    let _ = said.fault("same-database", 6, &["Name another target"]);
    one.is().await;
}

/// A role, dropped when dropped.
struct Role(String);

impl Role {
    async fn new(name: &str) -> Self {
        let name = format!("longhaul_test_{name}_{}", std::process::id());
        let client = tests::scratch::connect(&tests::scratch::server()).await;
        client.batch_execute(&format!("CREATE ROLE {name} LOGIN")).await.unwrap();
        Self(name)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let name = self.0.clone();
        // Its databases are dropped first: locals are dropped in reverse order of their making.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let client = tests::scratch::connect(&tests::scratch::server()).await;
                let _ = client.batch_execute(&format!("DROP ROLE IF EXISTS {name}")).await;
            });
        });
        let _ = dropping.join();
    }
}
