//! A way out of everything: each dead end that operators met, and the command that leaves it.

mod checks;
mod circle;
mod cleaning;
mod destroying;
mod driving;
mod foreseeing;
mod retrying;
mod revising;

use tests::moving::{Engine, Move};

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// From one engine to another, each engine once as a target.
const TARGETS: [(Engine, Engine); 3] = [
    (Engine::Sqlite, Engine::Postgres),
    (Engine::Postgres, Engine::MySql),
    (Engine::MySql, Engine::Sqlite),
];

/// Two tables, the second of which refers to the first.
const SHOP: &str = "
    CREATE TABLE customer (id INTEGER NOT NULL PRIMARY KEY, name TEXT);
    CREATE TABLE shop_order (id INTEGER NOT NULL PRIMARY KEY,
        customer_id INTEGER REFERENCES customer (id));
    INSERT INTO customer VALUES (1, 'Ada'), (2, 'Bo'), (3, 'Cy');
    INSERT INTO shop_order VALUES (10, 1), (11, 2), (12, 3)";

async fn shop(direction: (Engine, Engine)) -> Move {
    let case = Move::new(LONGHAUL, direction).await;
    case.from.run(SHOP).await;
    case
}

/// To each engine from one that has values which it lacks.
const UNFIT: [(Engine, Engine); 3] = [
    (Engine::Sqlite, Engine::Postgres),
    (Engine::Postgres, Engine::MySql),
    (Engine::Postgres, Engine::Sqlite),
];

/// A type, two values of it, one that the target lacks, and why it is rejected.
fn values(direction: (Engine, Engine)) -> [&'static str; 5] {
    match direction {
        (_, Engine::Sqlite) => ["DOUBLE PRECISION", "1.5", "2.5", "'NaN'", "not_finite"],
        (Engine::Postgres, _) => {
            ["DATE", "'2001-01-01'", "'2002-02-02'", "'0044-03-15 BC'", "out_of_range"]
        }
        (_, _) => ["DATE", "'2001-01-01'", "'2002-02-02'", "'2024-02-31'", "no_such_date"],
    }
}

/// The same tables, with one value that the target does not have.
async fn unfit(direction: (Engine, Engine)) -> Move {
    let case = Move::new(LONGHAUL, direction).await;
    let [kind, good, other, bad, _] = values(direction);
    case.from
        .run(&format!(
            "CREATE TABLE customer (id INTEGER NOT NULL PRIMARY KEY, born {kind});
             CREATE TABLE shop_order (id INTEGER NOT NULL PRIMARY KEY,
                customer_id INTEGER REFERENCES customer (id));
             INSERT INTO customer VALUES (1, {good}), (2, {bad}), (3, {other});
             INSERT INTO shop_order VALUES (10, 1), (11, 2), (12, 3)"
        ))
        .await;
    case
}

/// Writes the migration file as it is, without tolerance for rejects.
fn strict(case: &Move, more: &str) {
    let text = format!(
        "name: moves\nenvironments:\n  old: {{ url: \"{}\" }}\n  new: {{ url: \"{}\" }}\n\
         from: old\nto: new\n{more}\n",
        case.from.url(),
        case.to.url(),
    );
    std::fs::write(case.folder.path().join("longhaul.yaml"), text).unwrap();
}

/// What lets the date through.
const NULL: &str = "entities:\n  - { entity: customer, policies: { born: null } }\n  - \"*\"";

/// The run that is here.
fn id(case: &Move) -> String {
    case.longhaul(&["status"]).exits(0).json()["run"].as_str().unwrap().to_owned()
}

/// Runs a command with answers for people.
fn says(case: &Move, arguments: &[&str]) -> tests::command::Said {
    tests::command::run(case.command(arguments).args(["--progress", "plain"]))
}
