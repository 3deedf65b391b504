//! Every reason for which a value does not fit, on every engine that is written to, under every
//! policy: what is stored, what is refused by name, and that receipt and report count each time.

mod cases;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::moving::{Engine, Store};
use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::Setting;

use cases::{Case, Pair};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// What a migration file says of all values that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Reject,
    Null,
    Replace,
    Clamp,
}

const POLICIES: [Policy; 4] = [Policy::Reject, Policy::Null, Policy::Replace, Policy::Clamp];

impl Policy {
    /// What stands in the place of the case's value; nothing where its row is refused.
    fn expected(self, case: &Case) -> Option<String> {
        match self {
            Self::Reject => None,
            Self::Null => Some("NULL".into()),
            Self::Replace => Some(case.replace.1.into()),
            Self::Clamp => case.clamp.map(str::to_owned),
        }
    }

    /// The item of the list of entities.
    fn item(self, entity: &str, case: &Case) -> String {
        let said = match self {
            Self::Reject => "on_unfit: reject".into(),
            Self::Null => "on_unfit: null".into(),
            // Of one column, so that the plan looks whether the replacement fits it.
            Self::Replace => format!("policies: {{ v: {{ replace: {:?} }} }}", case.replace.0),
            Self::Clamp => "on_unfit: clamp".into(),
        };
        format!("  - {{ entity: {entity}, {said} }}\n")
    }
}

fn entity(at: usize) -> String {
    format!("t{at:02}")
}

/// A table for each case: a row whose value does not fit, and one without a value.
fn source(pair: &Pair) -> String {
    let table = |(at, case): (usize, &Case)| {
        let (name, kind, bad) = (entity(at), case.from, case.bad);
        // A timestamp of MySQL is never NULL unless it is told that it may be.
        let null = if pair.from == Engine::MySql { " NULL" } else { "" };
        format!(
            "CREATE TABLE {name} (id BIGINT NOT NULL PRIMARY KEY, v {kind}{null});\n\
             INSERT INTO {name} VALUES (1, {bad}), (2, NULL);\n"
        )
    };
    pair.cases.iter().enumerate().map(table).collect()
}

/// The tables that are there before, for the cases that want one of their own.
fn there(pair: &Pair) -> String {
    let table = |(at, case): (usize, &Case)| {
        let (name, kind) = (entity(at), case.to?);
        Some(format!("CREATE TABLE {name} (id BIGINT PRIMARY KEY, v {kind} NULL);\n"))
    };
    let tables: String = pair.cases.iter().enumerate().filter_map(table).collect();
    format!("{}{tables}", pair.ground)
}

async fn store(setting: &Setting, engine: Engine, file: &str) -> Store {
    match engine {
        Engine::Sqlite => Store::Sqlite(setting.path(file)),
        Engine::Postgres => Store::Postgres(Database::new().await),
        Engine::MySql => Store::MySql(Mysql::new().await),
    }
}

/// Runs statements as they stand.
async fn fill(store: &Store, statements: &str) {
    match store {
        Store::Sqlite(path) => {
            rusqlite::Connection::open(path).unwrap().execute_batch(statements).unwrap();
        }
        Store::Postgres(database) => database.run(statements).await,
        Store::MySql(database) => database.run(statements).await,
    }
}

/// The rows of a query, moments in UTC.
async fn rows(store: &Store, query: &str) -> Vec<String> {
    match store {
        Store::MySql(database) => database.rows_after("SET time_zone = '+00:00'", query).await,
        Store::Sqlite(_) | Store::Postgres(_) => store.rows(query).await,
    }
}

/// What the receipts in the target count, as often as each stands there.
async fn counted_in_receipts(target: &Store) -> BTreeMap<String, usize> {
    let table =
        if target.engine() == Engine::Postgres { "longhaul.receipt" } else { "longhaul_receipt" };
    let mut counted = BTreeMap::new();
    for policies in rows(target, &format!("SELECT policies FROM {table}")).await {
        let policies: Value = serde_json::from_str(&policies).unwrap_or_default();
        if policies.as_object().is_some_and(|policies| !policies.is_empty()) {
            *counted.entry(policies.to_string()).or_default() += 1;
        }
    }
    counted
}

async fn carries(pair: &Pair, policy: Policy) {
    let setting = Setting::new(LONGHAUL);
    let from = store(&setting, pair.from, "from.db").await;
    let to = store(&setting, pair.to, "to.db").await;
    fill(&from, &source(pair)).await;
    fill(&to, &there(pair)).await;
    let cases = || pair.cases.iter().enumerate();
    let items: String = cases().map(|(at, case)| policy.item(&entity(at), case)).collect();
    setting.migration(&from.url(), &to.url(), &format!("entities:\n{items}"));
    let refused = cases().filter(|(_, case)| policy.expected(case).is_none()).count();

    let said = setting.longhaul(&["run", "--output", "json"]);
    let report = said.exits(if refused == 0 { 0 } else { 4 }).json();
    assert_eq!(report["verdict"], "verified", "{report:#}");
    assert_eq!(report["totals"]["rejected"], refused, "{policy:?}: {:#}", report["rejected"]);
    let mut counted = BTreeMap::new();
    for (at, case) in cases() {
        let name = entity(at);
        let what = format!("{policy:?} of {case:?}");
        let stored = rows(&to, &format!("SELECT v FROM {name} WHERE id = 1")).await;
        let mine = |key: &str, value: &Value| {
            let value = value[key].as_str().unwrap_or_default();
            value == name || value.ends_with(&format!(".{name}"))
        };
        let entities = report["entities"].as_array().unwrap();
        let entity = entities.iter().find(|one| mine("target", one)).unwrap();
        let groups = report["rejected"].as_array().unwrap();
        let group = groups.iter().find(|one| mine("entity", one));
        match policy.expected(case) {
            Some(expected) => {
                assert_eq!(stored, [expected], "{what}");
                let policies = json!({ "v": { case.reason: 1 } });
                assert_eq!(entity["policies"], policies, "{what}");
                assert_eq!(group, None, "{what}");
                *counted.entry(policies.to_string()).or_default() += 1;
            }
            None => {
                assert!(stored.is_empty(), "{what}: {stored:?}");
                assert_eq!(entity["policies"], json!({}), "{what}");
                let group = group.unwrap_or_else(|| panic!("{what}: nothing is rejected"));
                assert_eq!(
                    (&group["column"], &group["reason"], &group["examples"]),
                    (&json!("v"), &json!(case.reason), &json!(["1"])),
                    "{what}"
                );
            }
        }
    }
    assert_eq!(counted_in_receipts(&to).await, counted, "{policy:?}");
}

async fn all_policies(pair: &Pair) {
    for policy in POLICIES {
        carries(pair, policy).await;
    }
}

#[tokio::test]
async fn values_of_sqlite_that_postgresql_cannot_hold() {
    all_policies(&cases::SQLITE_TO_POSTGRES).await;
}

#[tokio::test]
async fn values_of_mysql_that_postgresql_cannot_hold() {
    all_policies(&cases::MYSQL_TO_POSTGRES).await;
}

#[tokio::test]
async fn values_of_postgresql_that_mysql_cannot_hold() {
    all_policies(&cases::POSTGRES_TO_MYSQL).await;
}

#[tokio::test]
async fn values_of_sqlite_that_mysql_cannot_hold() {
    all_policies(&cases::SQLITE_TO_MYSQL).await;
}

#[tokio::test]
async fn values_of_mysql_that_another_mysql_cannot_hold() {
    all_policies(&cases::MYSQL_TO_MYSQL).await;
}

#[tokio::test]
async fn values_of_postgresql_that_sqlite_cannot_hold() {
    all_policies(&cases::POSTGRES_TO_SQLITE).await;
}

#[tokio::test]
async fn values_of_sqlite_that_another_sqlite_cannot_hold() {
    all_policies(&cases::SQLITE_TO_SQLITE).await;
}

/// Each engine is tried with every reason, but for those that it never gives.
#[test]
fn no_reason_is_left_out() {
    let given = |engine: Engine| -> BTreeSet<&str> {
        let pairs = cases::ALL.iter().filter(|pair| pair.to == engine);
        pairs.flat_map(|pair| pair.cases).map(|case| case.reason).collect()
    };
    let without = |never: &[&str]| -> BTreeSet<&str> {
        let all = protocol::cell::Reason::ALL.iter().map(|reason| reason.as_str());
        all.filter(|reason| !never.contains(reason)).collect()
    };
    // A database that lacks characters is one of its own: `pitfalls` has it.
    assert_eq!(given(Engine::Postgres), without(&["negative_zero", "no_such_character"]));
    assert_eq!(given(Engine::MySql), without(&["nul_in_text"]));
    // It keeps any text, of whatever length, and knows no enumerations.
    let never = ["no_such_character", "nul_in_text", "too_long", "no_such_label"];
    assert_eq!(given(Engine::Sqlite), without(&never));
}

/// Where no value is nearer than another, nobody may ask for the nearest.
#[tokio::test]
async fn clamp_is_refused_for_types_that_have_nothing_nearer() {
    let setting = Setting::new(LONGHAUL);
    let from = Database::new().await;
    from.run(
        "CREATE TYPE mood AS ENUM ('sad');
         CREATE TABLE t (id BIGINT PRIMARY KEY, truth BOOLEAN, name UUID, bytes BYTEA, mood mood,
            doc JSONB, list INT[], note VARCHAR(9))",
    )
    .await;
    let to = Mysql::new().await;
    for column in ["truth", "name", "bytes", "mood", "doc"] {
        let file = format!("entities: [{{ entity: t, policies: {{ {column}: clamp }} }}]");
        setting.migration(&from.url(), &to.url(), &file);
        let place = format!("t.{column}");
        let _ = setting.longhaul(&["plan"]).fault("policy-unfit", 6, &[&place, "none is nearer"]);
    }
    // Said of all columns, it holds where it can, and the plan names the others.
    setting.migration(&from.url(), &to.url(), "entities: [{ entity: t, on_unfit: clamp }]");
    let _ = setting.longhaul(&["plan"]).exits(0).says(&[
        "note: values that do not fit become the nearest that fits (policy clamp)",
        "id, truth, name, bytes, mood, doc: no policy applies there",
    ]);
    // And a reason that leaves nothing to clamp to is refused before anything is opened.
    let file = "entities: [{ entity: t, policies: { no_such_label: clamp } }]";
    setting.migration(&from.url(), &to.url(), file);
    let said = setting.longhaul(&["check"]);
    let _ = said.fault("config-malformed", 2, &["no_such_label", "nothing to clamp to"]);
    assert_eq!(to.rows("SHOW TABLES").await, [""; 0]);
}
