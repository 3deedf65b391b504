//! What a target would refuse is found while planning, all at once, and a plan holds no step that is
//! known to fail. One test per kind of refusal, on the real servers.

use serde_json::Value;
use tests::command::Said;
use tests::moving::{Engine, Move, Store};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Runs statements as a person would in the engine's own words.
async fn fill(store: &Store, statements: &str) {
    match store {
        Store::MySql(database) => database.run(statements).await,
        Store::Postgres(database) => database.run(statements).await,
        Store::Sqlite(_) => store.run(statements).await,
    }
}

async fn moving(from: Engine, to: Engine, source: &str) -> Move {
    let this = Move::new(LONGHAUL, (from, to)).await;
    fill(&this.from, source).await;
    this
}

fn plan(this: &Move) -> Said {
    this.longhaul(&["plan"])
}

/// What a plan says, a sentence each, with the table in front.
fn notes(plan: &Value) -> Vec<String> {
    let note = |note: &Value| {
        let entity = note["entity"].as_str().unwrap_or("-");
        format!("{entity}: {}", note["text"].as_str().unwrap_or_default())
    };
    let notes = plan["plan"]["notes"].as_array().or(plan["notes"].as_array());
    notes.expect("a plan has notes").iter().map(note).collect()
}

/// Draws the plan, which must say all this, and carries it out: what a plan accepts works.
async fn says_and_runs(this: &Move, wanted: &[&[&str]]) -> Value {
    let said = notes(&plan(this).exits(0).json());
    for words in wanted {
        let found = said.iter().any(|note| words.iter().all(|word| note.contains(word)));
        assert!(found, "{words:?} in {said:#?}");
    }
    nothing_left(this).await;
    this.verified()
}

/// A plan leaves nothing behind.
async fn nothing_left(this: &Move) {
    match &this.to {
        Store::Postgres(database) => assert_eq!(database.relations().await, "NULL"),
        Store::MySql(database) => {
            let tables = "SELECT COUNT(*) FROM information_schema.tables \
                 WHERE table_schema = DATABASE()";
            assert_eq!(database.rows(tables).await, ["0"]);
        }
        Store::Sqlite(path) => assert!(!path.exists()),
    }
}

#[tokio::test]
async fn a_default_that_the_target_refuses_stays_behind_and_the_table_is_made() {
    let source = "CREATE TABLE a (id INT PRIMARY KEY, d DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00', \
         n INT DEFAULT 7);\nINSERT INTO a VALUES (1, '2024-01-01 00:00:00', 1);";
    let this = moving(Engine::MySql, Engine::Postgres, source).await;
    says_and_runs(&this, &[&["a: default of d stays behind", "0000-00-00"]]).await;
    let kept = "SELECT column_default FROM information_schema.columns \
         WHERE table_name = 'a' AND column_name = 'n'";
    assert_eq!(this.to.ask(kept).await, "7", "the others stay");
}

#[tokio::test]
async fn a_default_beyond_the_range_of_the_target_stays_behind() {
    let source = "CREATE TABLE d (id INT PRIMARY KEY, b TIMESTAMPTZ DEFAULT '2099-01-01 00:00:00+00', \
         a TIMESTAMPTZ DEFAULT '2024-01-01 00:00:00+00'); INSERT INTO d VALUES (1, NULL, NULL)";
    let this = moving(Engine::Postgres, Engine::MySql, source).await;
    says_and_runs(&this, &[&["d: default of b stays behind", "2099"]]).await;
    let kept = "SELECT column_default FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND table_name = 'd' AND column_name = 'a'";
    assert!(this.to.ask(kept).await.contains("2024-01-01 00:00:00"));
}

#[tokio::test]
async fn a_table_that_the_target_refuses_refuses_the_plan_with_all_others_and_its_own_words() {
    let columns: Vec<_> = (0..100).map(|at| format!("c{at} CHAR(200)")).collect();
    let wide =
        |name: &str| format!("CREATE TABLE {name} (id INT PRIMARY KEY, {})", columns.join(", "));
    let source =
        format!("{}; {}; CREATE TABLE three (id INT PRIMARY KEY)", wide("one"), wide("two"));
    let this = moving(Engine::Postgres, Engine::MySql, &source).await;
    let said = plan(&this).says(&["table one", "table two", "Row size too large", "1118"]);
    assert_eq!(said.code, Some(6), "{said}");
    assert!(said.stderr.contains("design-refused"), "{said}");
    assert!(!said.stderr.contains("three"), "{said}");
    nothing_left(&this).await;
}

#[tokio::test]
async fn foreign_keys_between_integers_of_other_widths_are_made_and_others_named() {
    let source = "CREATE TABLE par (id BIGINT PRIMARY KEY, n NUMERIC(10,0) UNIQUE, v VARCHAR(20) UNIQUE); \
         CREATE TABLE chi (id INT PRIMARY KEY, pid INT REFERENCES par (id), n INT REFERENCES par (n), \
             v VARCHAR(40) REFERENCES par (v), sm SMALLINT REFERENCES par (id), \
             must INT NOT NULL REFERENCES par (id) ON DELETE SET NULL); \
         INSERT INTO par VALUES (1, 5, 'v'); INSERT INTO chi VALUES (1, 1, 5, 'v', 1, 1)";
    let this = moving(Engine::Postgres, Engine::MySql, source).await;
    says_and_runs(
        &this,
        &[&["chi: ", "pid", "bigint", "par"], &["chi: foreign key", "n", "stays behind", "par"]],
    )
    .await;
    let made = "SELECT COUNT(*) FROM information_schema.referential_constraints \
         WHERE constraint_schema = DATABASE()";
    assert_eq!(this.to.ask(made).await, "4");
}

#[tokio::test]
async fn more_indexes_and_columns_of_an_index_than_the_target_has_are_named() {
    let columns: Vec<_> = (0..20).map(|at| format!("c{at}")).collect();
    let mut source =
        format!("CREATE TABLE many (id INT PRIMARY KEY, {} INT)", columns.join(" INT, "));
    for at in 0..70 {
        source += &format!("; CREATE INDEX i{at} ON many (c{}, c{})", at % 20, (at * 7 + 1) % 20);
    }
    source += &format!("; CREATE INDEX wide ON many ({})", columns.join(", "));
    source += "; INSERT INTO many (id) VALUES (1)";
    let this = moving(Engine::Postgres, Engine::MySql, &source).await;
    let wanted: [&[&str]; 2] =
        [&["many: index wide", "stays behind"], &["many: index i69", "stays behind"]];
    says_and_runs(&this, &wanted).await;
    let made = "SELECT COUNT(DISTINCT index_name) FROM information_schema.statistics \
         WHERE table_schema = DATABASE() AND table_name = 'many'";
    assert_eq!(this.to.ask(made).await, "64");
}

#[tokio::test]
async fn more_columns_than_the_target_has_refuse_the_plan_by_name() {
    let columns: Vec<_> = (0..1100).map(|at| format!("c{at} INT")).collect();
    let source = format!("CREATE TABLE wide (id INT PRIMARY KEY, {})", columns.join(", "));
    let this = moving(Engine::Postgres, Engine::MySql, &source).await;
    let said = plan(&this).says(&["wide", "columns"]);
    assert_eq!(said.code, Some(6), "{said}");
    nothing_left(&this).await;
}

#[tokio::test]
async fn names_that_are_too_long_are_shortened_alike_each_time_and_told() {
    let source = "CREATE TABLE parent (id INT PRIMARY KEY);\n\
         CREATE TABLE child (id INT PRIMARY KEY, p INT, q INT, \
             CONSTRAINT `inventory_management_purchaseorderline_supplier_id_8f3b2c1d_fk_i` \
                 FOREIGN KEY (p) REFERENCES parent (id), \
             UNIQUE KEY `inventory_management_purchaseorderline_supplier_id_8f3b2c1d_uniq` (p, q), \
             KEY `ähnliche_namen_mit_umlauten_äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü` (q));\n\
         INSERT INTO parent VALUES (1);\nINSERT INTO child VALUES (1, 1, 1);";
    let this = moving(Engine::MySql, Engine::Postgres, source).await;
    let said = notes(&plan(&this).exits(0).json());
    let again = notes(&plan(&this).exits(0).json());
    assert_eq!(said, again);
    says_and_runs(
        &this,
        &[&["child", "8f3b2c1d_uniq", "is called"], &["child", "äöüäöü", "is called"]],
    )
    .await;
    let all = "SELECT (SELECT count(*) FROM pg_constraint WHERE contype IN ('f', 'u') \
         AND connamespace = 'public'::regnamespace) \
         || ' ' || (SELECT count(*) FROM pg_indexes WHERE tablename = 'child')";
    assert_eq!(this.to.ask(all).await, "2 3");
}

#[tokio::test]
async fn names_that_the_server_makes_up_are_not_in_the_way() {
    let source = "CREATE TABLE a (id INT PRIMARY KEY AUTO_INCREMENT, v INT);\n\
         CREATE TABLE a_id_seq (id INT PRIMARY KEY);\n\
         CREATE TABLE c (id INT PRIMARY KEY, v INT, KEY a_pkey (v), KEY c_pkey (v, id));\n\
         CREATE TABLE u (id INT PRIMARY KEY, v INT, KEY u_v_key (id, v), UNIQUE (v));\n\
         INSERT INTO a VALUES (1, 1);\nINSERT INTO c VALUES (1, 1);\nINSERT INTO u VALUES (1, 1);";
    let this = moving(Engine::MySql, Engine::Postgres, source).await;
    says_and_runs(&this, &[]).await;
}

#[tokio::test]
async fn a_unique_constraint_called_primary_gets_another_name() {
    let source = "CREATE TABLE t (id INT PRIMARY KEY, v INT, \
         CONSTRAINT \"PRIMARY\" UNIQUE (v)); INSERT INTO t VALUES (1, 1)";
    for to in [Engine::MySql, Engine::Sqlite] {
        let this = moving(Engine::Postgres, to, source).await;
        says_and_runs(&this, &[]).await;
    }
}

#[tokio::test]
async fn computed_keys_and_tables_that_are_computed_only_move() {
    let source = "CREATE TABLE only_gen (g INT GENERATED ALWAYS AS (1 + 1) STORED); \
         INSERT INTO only_gen DEFAULT VALUES; INSERT INTO only_gen DEFAULT VALUES; \
         CREATE TABLE gen_pk (a INT, g INT GENERATED ALWAYS AS (a * 10) STORED PRIMARY KEY); \
         INSERT INTO gen_pk (a) VALUES (1), (2)";
    for to in [Engine::MySql, Engine::Sqlite, Engine::Postgres] {
        let this = moving(Engine::Postgres, to, source).await;
        this.verified();
        assert_eq!(this.to.ask("SELECT COUNT(*) FROM only_gen").await, "2", "{to:?}");
        assert_eq!(this.to.ask("SELECT SUM(g) FROM gen_pk").await, "30", "{to:?}");
    }
}

#[tokio::test]
async fn a_foreign_key_to_columns_that_are_not_unique_is_named_and_the_table_can_be_written() {
    let source = "CREATE TABLE versions (id INT, version INT, KEY by_id (id), UNIQUE KEY u (id, version));\n\
         CREATE TABLE p (a INT, b INT, PRIMARY KEY (a, b));\n\
         CREATE TABLE uses (n INT PRIMARY KEY, vid INT, a INT, \
             CONSTRAINT uses_version FOREIGN KEY (vid) REFERENCES versions (id), \
             CONSTRAINT uses_p FOREIGN KEY (a) REFERENCES p (a));\n\
         INSERT INTO versions VALUES (1, 1), (1, 2);\nINSERT INTO p VALUES (1, 1);\n\
         INSERT INTO uses VALUES (10, 1, 1);";
    for to in [Engine::Sqlite, Engine::Postgres] {
        let this = moving(Engine::MySql, to, source).await;
        let wanted: [&[&str]; 2] = [
            &["uses", "foreign key", "versions", "stays behind"],
            &["uses", "foreign key", "p", "stays behind"],
        ];
        says_and_runs(&this, &wanted).await;
        if let Store::Sqlite(path) = &this.to {
            let connection = rusqlite::Connection::open(path).unwrap();
            let write =
                "PRAGMA foreign_keys = on; INSERT INTO uses VALUES (11, 1, 1); DELETE FROM p";
            connection.execute_batch(write).unwrap();
        }
    }
}

#[tokio::test]
async fn a_text_under_a_foreign_key_that_stays_behind_is_not_cut() {
    let source = "CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT UNIQUE); \
         CREATE TABLE c (id INTEGER PRIMARY KEY, t TEXT REFERENCES p (id)); \
         INSERT INTO p VALUES (1, 'a')";
    let this = moving(Engine::Sqlite, Engine::MySql, source).await;
    says_and_runs(&this, &[&["c: foreign key", "t", "stays behind"]]).await;
    let kind = "SELECT data_type FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND table_name = 'c' AND column_name = 't'";
    assert_eq!(this.to.ask(kind).await, "longtext");
}

#[tokio::test]
async fn a_text_with_a_length_that_a_key_cuts_is_warned_of() {
    let source = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(2000) UNIQUE); \
         INSERT INTO t VALUES (1, 'x')";
    let this = moving(Engine::Postgres, Engine::MySql, source).await;
    says_and_runs(&this, &[&["t: v is in a key", "at most 768"]]).await;
}

#[tokio::test]
async fn a_user_who_may_not_create_a_database_is_told_that_nothing_was_rehearsed() {
    let this = moving(Engine::Postgres, Engine::MySql, "CREATE TABLE t (id INT PRIMARY KEY)").await;
    let Store::MySql(database) = &this.to else { unreachable!() };
    let name = database.url().rsplit('/').next().unwrap().to_owned();
    let user = format!("u{}", &name[name.len() - 12..]);
    let grants = format!(
        "CREATE USER {user}@'%' IDENTIFIED BY 'x';\nGRANT ALL ON `{name}`.* TO {user}@'%';\n\
         CREATE USER {user}@localhost IDENTIFIED BY 'x';\nGRANT ALL ON `{name}`.* TO {user}@localhost"
    );
    database.run(&grants).await;
    let url = this.to.url().replacen("root@", &format!("{user}:x@"), 1);
    let mut command = this.command(&["plan", "--output", "json"]);
    command.args(["--from", &this.from.url(), "--to", &url]);
    let said = tests::command::run(&mut command);
    let dropped = format!("DROP USER {user}@'%';\nDROP USER {user}@localhost");
    database.run(&dropped).await;
    let said = notes(&said.exits(0).json());
    assert!(said.iter().any(|note| note.contains("were not rehearsed")), "{said:#?}");
}

#[tokio::test]
async fn what_a_killed_rehearsal_left_is_dropped_by_the_next_and_what_is_not_ours_is_not() {
    let this = moving(Engine::Postgres, Engine::MySql, "CREATE TABLE t (id INT PRIMARY KEY)").await;
    let Store::MySql(database) = &this.to else { unreachable!() };
    let said = notes(&plan(&this).exits(0).json());
    let note = said.iter().find(|note| note.contains("longhaul_rehearsal_")).unwrap();
    let at = note.find("longhaul_rehearsal_").unwrap();
    let scratch: String =
        note[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let there =
        format!("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{scratch}'");
    assert_eq!(database.rows(&there).await, ["0"], "it is dropped");
    // Killed halfway: the mark and a table are there.
    let left = format!(
        "CREATE DATABASE {scratch};\nCREATE TABLE {scratch}.longhaul_rehearsal (of INT);\n\
         CREATE TABLE {scratch}.t (other INT)"
    );
    database.run(&left).await;
    let said = notes(&plan(&this).exits(0).json());
    assert!(said.iter().any(|note| note.contains("which was dropped")), "{said:#?}");
    assert_eq!(database.rows(&there).await, ["0"]);
    // Somebody's own.
    database
        .run(&format!("CREATE DATABASE {scratch};\nCREATE TABLE {scratch}.precious (id INT)"))
        .await;
    let said = notes(&plan(&this).exits(0).json());
    let tables =
        format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{scratch}'");
    assert_eq!(database.rows(&tables).await, ["1"]);
    database.run(&format!("DROP DATABASE {scratch}")).await;
    assert!(said.iter().any(|note| note.contains("did not make")), "{said:#?}");
}

#[tokio::test]
async fn hostile_settings_of_a_target_do_not_disturb_a_rehearsal() {
    let source = "CREATE TABLE t (id INT PRIMARY KEY, v INT DEFAULT 1, p INT REFERENCES t (id)); \
         CREATE INDEX ON t (v)";
    let this =
        moving(Engine::Sqlite, Engine::Postgres, &source.replace("INDEX ON", "INDEX i ON")).await;
    let Store::Postgres(database) = &this.to else { unreachable!() };
    let name = database.name();
    let settings = [
        "statement_timeout = '1ms'",
        "lock_timeout = '1ms'",
        "search_path = 'nowhere'",
        "default_transaction_read_only = on",
        "default_transaction_isolation = 'serializable'",
        "check_function_bodies = off",
        "client_min_messages = 'debug5'",
    ];
    let all = settings.map(|setting| format!("ALTER DATABASE {name} SET {setting}"));
    database.run(&all.join("; ")).await;
    this.verified();
}

#[tokio::test]
async fn a_table_that_others_have_locked_does_not_hold_a_plan_up_for_long() {
    let this = moving(
        Engine::Postgres,
        Engine::Postgres,
        "CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE c (id INT PRIMARY KEY, p INT REFERENCES p)",
    )
    .await;
    let Store::Postgres(database) = &this.to else { unreachable!() };
    database.run("CREATE TABLE p (id INT PRIMARY KEY)").await;
    let client = database.client().await;
    client.batch_execute("BEGIN; LOCK TABLE p IN ROW EXCLUSIVE MODE").await.unwrap();
    let said = notes(&plan(&this).exits(0).json());
    assert!(
        said.iter().any(|note| note.contains("not rehearsed: foreign key of public.c")),
        "{said:#?}"
    );
    client.batch_execute("ROLLBACK").await.unwrap();
    this.verified();
}
