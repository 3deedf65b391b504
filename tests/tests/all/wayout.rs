//! A way out of everything: each dead end that operators met, and the command that leaves it.

mod checks;
mod destroying;
mod driving;

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

/// Runs a command with answers for people.
fn says(case: &Move, arguments: &[&str]) -> tests::command::Said {
    tests::command::run(case.command(arguments).args(["--progress", "plain"]))
}
