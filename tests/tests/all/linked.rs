//! Foreign keys that rows of the source break: counted by the plan, and what becomes of them is said by the
//! migration file.

use serde_json::Value;
use tests::moving::{Engine, Move, Store};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Orders of customers that are not there: two rows.
const ORPHANS: &str = "CREATE TABLE customer (id INT PRIMARY KEY);\n\
     CREATE TABLE shop_order (id INT PRIMARY KEY, customer INT, \
         CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customer (id));\n\
     INSERT INTO customer VALUES (1);\nSET foreign_key_checks = 0;\n\
     INSERT INTO shop_order VALUES (10, 1), (11, 8), (12, 9), (13, NULL);";

async fn moving(from: Engine, to: Engine, source: &str) -> Move {
    let this = Move::new(LONGHAUL, (from, to)).await;
    match &this.from {
        Store::MySql(database) => database.run(source).await,
        Store::Postgres(database) => database.run(source).await,
        Store::Sqlite(_) => this.from.run(source).await,
    }
    this
}

fn notes(this: &Move) -> Vec<String> {
    let plan = this.longhaul(&["plan"]).exits(0).json();
    let notes = plan["plan"]["notes"].as_array().or(plan["notes"].as_array()).unwrap();
    notes.iter().map(|note| note["text"].as_str().unwrap_or_default().to_owned()).collect()
}

fn says(notes: &[String], words: &[&str]) {
    let found = notes.iter().any(|note| words.iter().all(|word| note.contains(word)));
    assert!(found, "{words:?} in {notes:#?}");
}

async fn made(this: &Move) -> String {
    let count = "SELECT COUNT(*) FROM information_schema.table_constraints \
         WHERE constraint_type = 'FOREIGN KEY' AND table_name = 'shop_order'";
    match &this.to {
        Store::MySql(_) => {
            let ours = format!("{count} AND table_schema = DATABASE()");
            this.to.ask(&ours).await
        }
        Store::Postgres(_) => this.to.ask(count).await,
        Store::Sqlite(_) => {
            this.to.ask("SELECT COUNT(*) FROM pragma_foreign_key_list('shop_order')").await
        }
    }
}

#[tokio::test]
async fn rows_that_lead_nowhere_are_counted_and_the_key_is_made_without_a_look_at_them() {
    for to in [Engine::Postgres, Engine::MySql, Engine::Sqlite] {
        let this = moving(Engine::MySql, to, ORPHANS).await;
        says(
            &notes(&this),
            &["of_customer", "2 rows lead to no row", "without a look at the rows"],
        );
        this.verified();
        assert_eq!(made(&this).await, "1", "{to:?}");
        assert_eq!(this.to.ask("SELECT COUNT(*) FROM shop_order").await, "4");
    }
}

#[tokio::test]
async fn the_file_says_what_becomes_of_foreign_keys() {
    let rules = [
        ("foreign_keys: skip", "0"),
        ("entities: [{ entity: customer }, { entity: shop_order, foreign_keys: skip }]", "0"),
        (
            "entities: [{ entity: customer }, \
             { entity: shop_order, foreign_keys: { of_customer: skip } }]",
            "0",
        ),
        (
            "foreign_keys: skip\nentities: [{ entity: customer }, \
             { entity: shop_order, foreign_keys: { customer: not_valid } }]",
            "1",
        ),
    ];
    for (rule, count) in rules {
        let this = moving(Engine::MySql, Engine::Postgres, ORPHANS).await;
        this.file(rule);
        if count == "0" {
            says(&notes(&this), &["of_customer", "stays behind, as the migration says"]);
        }
        let report = this.verified();
        assert_eq!(made(&this).await, count, "{rule}\n{report:#}");
    }
    // Asked for, where no row breaks it.
    let whole = ORPHANS.replace("(11, 8), (12, 9), ", "");
    let this = moving(Engine::MySql, Engine::Postgres, &whole).await;
    this.file("foreign_keys: not_valid");
    let _: Value = this.verified();
    let valid = "SELECT convalidated FROM pg_constraint WHERE conname = 'of_customer'";
    assert_eq!(this.to.ask(valid).await, "f");
}

#[tokio::test]
async fn rows_that_match_only_without_regard_to_case_or_blanks_are_counted_with_the_reason() {
    let source = "CREATE TABLE country (code VARCHAR(8) PRIMARY KEY) COLLATE utf8mb4_general_ci;\n\
         CREATE TABLE shop_order (id INT PRIMARY KEY, code VARCHAR(8), \
             CONSTRAINT town_country FOREIGN KEY (code) REFERENCES country (code)) \
             COLLATE utf8mb4_general_ci;\n\
         INSERT INTO country VALUES ('de'), ('fr '), ('é');\n\
         INSERT INTO shop_order VALUES (1, 'DE'), (2, 'fr'), (3, 'e'), (4, 'de'), (5, NULL);";
    for to in [Engine::Postgres, Engine::Sqlite] {
        let this = moving(Engine::MySql, to, source).await;
        says(&notes(&this), &["town_country", "3 rows lead to one only where letter case"]);
        this.verified();
    }
    // The same collation there: nothing is wrong.
    let this = moving(Engine::MySql, Engine::MySql, source).await;
    assert!(!notes(&this).iter().any(|note| note.contains("lead")));
    this.verified();
}

#[tokio::test]
async fn rows_of_a_sqlite_file_and_rows_that_a_condition_leaves_behind_are_counted() {
    let source = "CREATE TABLE customer (id INTEGER PRIMARY KEY, v INTEGER); \
         CREATE TABLE shop_order (id INTEGER PRIMARY KEY, \
             customer INTEGER REFERENCES customer (id)); \
         INSERT INTO customer VALUES (1, 1), (2, 2); \
         INSERT INTO shop_order VALUES (10, 1), (11, 2), (12, 2), (13, 77)";
    let this = moving(Engine::Sqlite, Engine::Postgres, source).await;
    says(&notes(&this), &["customer", "1 row leads to no row"]);
    this.verified();
    let whole = source.replace(", (13, 77)", "");
    for from in [Engine::Sqlite, Engine::Postgres] {
        let this = moving(from, Engine::Postgres, &whole).await;
        assert!(!notes(&this).iter().any(|note| note.contains("no row")));
        this.file("entities: [{ entity: customer, where: 'v < 2' }, shop_order]");
        says(&notes(&this), &["customer", "2 rows lead to no row"]);
        this.verified();
    }
}

#[tokio::test]
async fn an_index_that_the_rows_forbid_leaves_the_rows_verified_and_is_named() {
    // Rows that come while the run is under way are not known to a plan: here the rehearsal, on empty
    // tables, finds nothing, and the rows have no room in the index.
    let long: String = (0..9000).map(|at| char::from(b'a' + (at * 7 % 26) as u8)).collect();
    let random: String = long
        .chars()
        .scan(17u32, |state, c| {
            *state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
            Some(char::from(33 + ((*state >> 16) as u8 ^ c as u8) % 90))
        })
        .map(|c| if c == '\'' || c == '\\' { 'x' } else { c })
        .collect();
    let source = format!(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); CREATE INDEX by_v ON t (v); \
         INSERT INTO t VALUES (1, '{random}'), (2, 'b')"
    );
    let this = moving(Engine::Sqlite, Engine::Postgres, &source).await;
    let said = this.longhaul(&["run"]);
    assert_eq!(said.code, Some(1), "{said}");
    let report = this.longhaul(&["report"]).exits(0).json();
    let entity = tests::moving::entity(&report, "t");
    assert_eq!(entity["verdict"], "verified", "{report:#}");
    assert!(entity["missing"].to_string().contains("by_v"), "{report:#}");
    assert_eq!(report["verdict"], "not_verified", "{report:#}");
    let text = tests::command::run(&mut this.command(&["report"]));
    assert!(text.stdout.contains("not made: "), "{text}");
}

#[tokio::test]
async fn names_too_long_for_a_target_are_cut_and_the_file_can_say_others() {
    let long = "a_column_with_a_name_of_sixty_four_characters_in_all_which_is_on";
    let table = "a_table_with_a_name_of_sixty_four_characters_in_all_which_is_one";
    assert_eq!((long.len(), table.len()), (64, 64));
    let source = format!(
        "CREATE TABLE {table} (id INT PRIMARY KEY, {long} INT, v INT CHECK (v > 0), \
             UNIQUE KEY by_it ({long}), KEY by_v (v));\nINSERT INTO {table} VALUES (1, 2, 3);"
    );
    let this = moving(Engine::MySql, Engine::Postgres, &source).await;
    this.file(&format!(
        "entities: [{{ entity: {table}, indexes: {{ rename: {{ by_v: other }} }} }}]"
    ));
    says(&notes(&this), &[long, "is called", "its name is too long"]);
    says(&notes(&this), &[table, "is called so"]);
    this.verified();
    let named = "SELECT count(*) FROM pg_indexes WHERE indexname IN ('other', 'by_it')";
    assert_eq!(this.to.ask(named).await, "2");
    let checks = "SELECT count(*) FROM pg_constraint WHERE contype = 'c' \
         AND connamespace = 'public'::regnamespace";
    assert_eq!(this.to.ask(checks).await, "1", "what does not speak of the name stays");
    // Once more, into what is there now.
    this.file(&format!("entities: [{{ entity: {table}, mode: upsert }}]"));
    let said = this.longhaul(&["run"]);
    assert!(said.code == Some(0) || said.code == Some(1), "{said}");
    assert!(!said.stderr.contains("column-unknown"), "{said}");
}

#[tokio::test]
async fn checks_of_dates_and_numbers_are_carried_and_one_that_the_target_forbids_is_named() {
    let source = "CREATE TABLE ch (id INT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY \
             CONSTRAINT positive CHECK (id > 0), d DATE CONSTRAINT recent CHECK (d > '2000-01-01'), \
             n NUMERIC CONSTRAINT enough CHECK (n >= 0 AND n < 100.5)); \
         INSERT INTO ch VALUES (1, '2024-01-01', 1.5)";
    let this = moving(Engine::Postgres, Engine::MySql, source).await;
    says(&notes(&this), &["check positive stays behind", "numbered column id"]);
    this.verified();
    let Store::MySql(database) = &this.to else { unreachable!() };
    let checks = "SELECT COUNT(*) FROM information_schema.check_constraints \
         WHERE constraint_schema = DATABASE() AND constraint_name IN ('recent', 'enough')";
    assert_eq!(database.rows(checks).await, ["2"]);
}
