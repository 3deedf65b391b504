//! Some minutes of chaos on real servers: `cargo run -p tests --bin chaos` does more of it.
//!
//! `LONGHAUL_CHAOS_MINUTES` says how many, `LONGHAUL_CHAOS_SEED` which. What is done, and to whom,
//! is told with the seed of a round that failed.

use std::time::Duration;

use tests::chaos::{Campaign, Engine, Recipe, World, usual};
use tests::mysql::Mysql;
use tests::scratch::Database;
use tests::setting::Setting;
use tokio::time::Instant;

/// How many minutes are spent, when nothing is said. The first of them shows that the harness can fail.
/// `./check --full` spends eight.
const MINUTES: u64 = 2;

/// How many rounds what is broken may hide in.
const FOUND_WITHIN: u32 = 4;

/// How long a round's faults last: many short rounds say more here than a few long ones.
const FAULTS_FOR: Duration = Duration::from_secs(15);

/// Rows of the largest table: some hundred chunks, so that a round takes seconds and there are many.
const ENTRIES: u32 = 6_000;

fn variable(name: &str) -> Option<u64> {
    let said = std::env::var(name).ok()?;
    Some(said.parse().unwrap_or_else(|_| panic!("{name} is a number, and not {said}")))
}

/// What is particular to MariaDB, as a target and as a source: a round each.
const ON_MARIADB: [&str; 3] =
    ["kill-worker+target-crash", "commit-lost+cut", "kill-leader+source-restart"];

fn campaign(recipes: Vec<Recipe>, broken: bool) -> Campaign {
    Campaign {
        seed: variable("LONGHAUL_CHAOS_SEED").unwrap_or_else(|| u64::from(std::process::id())),
        recipes,
        between: (Engine::Postgres, Engine::Postgres),
        executable: env!("CARGO_BIN_EXE_mortal").into(),
        broken,
        workers: 4,
        entries: ENTRIES,
        faults_for: FAULTS_FOR,
    }
}

/// One test and not two: a fleet with its servers is enough for a machine, and a second test would
/// only keep others from running while it waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_ends_its_runs_whatever_is_done_to_it_and_one_that_commits_first_is_found_out() {
    let minutes = variable("LONGHAUL_CHAOS_MINUTES").unwrap_or(MINUTES);
    let until = Instant::now() + Duration::from_secs(60 * minutes);
    let world = World::start(ENTRIES).await;
    what_is_broken_is_found(&world).await;
    mariadb_is_no_worse().await;
    let campaign = campaign(usual(), false);
    println!("chaos with the seed {} for {minutes} minutes", campaign.seed);
    for number in 0.. {
        if number > 0 && Instant::now() > until {
            break;
        }
        good(&campaign, number, &world).await;
    }
}

/// Carries out a round, which must be good.
async fn good(campaign: &Campaign, number: u32, world: &World) {
    let round = campaign.round(number);
    let outcome = round.go(world).await;
    let said = campaign.describe(&round, &outcome, false);
    println!("{said}");
    assert!(outcome.wrong.is_empty(), "{said}\n{}", outcome.said());
}

/// A fleet between two MariaDB servers, whatever is done to either.
async fn mariadb_is_no_worse() {
    let world = World::between(Engine::Mariadb, Engine::Mariadb, ENTRIES).await;
    let recipes = ON_MARIADB.iter().map(|text| Recipe::read(text).unwrap());
    let between = (Engine::Mariadb, Engine::Mariadb);
    let campaign = Campaign { between, ..campaign(recipes.collect(), false) };
    for number in 0..3 {
        good(&campaign, number, &world).await;
    }
}

/// Workers that commit first and record later write chunks twice, and the judgement says so.
async fn what_is_broken_is_found(world: &World) {
    let recipe = Recipe::read("kill-worker").unwrap();
    let campaign = campaign(vec![recipe], true);
    for number in 0..FOUND_WITHIN {
        if campaign.round(number).go(world).await.doubled > 0 {
            return;
        }
    }
    panic!("{FOUND_WITHIN} rounds of kills, and nothing was doubled");
}

#[tokio::test]
async fn how_far_a_run_has_come_is_told_of_a_target_of_either_engine() {
    let (postgres, mysql) = (Database::new().await, Mysql::new().await);
    for url in [postgres.url(), mysql.url()] {
        let setting = Setting::new(env!("CARGO_BIN_EXE_mortal"));
        let table = "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)";
        let from = setting.sqlite("from.db", table);
        setting.migration(&from, &url, "");
        let _ = setting.longhaul(&["run"]).exits(0);
    }
    let of_postgres = postgres.ask(&Engine::Postgres.standing()).await;
    let of_mysql = mysql.rows(&Engine::Mariadb.standing()).await.remove(0);
    for told in [of_postgres, of_mysql] {
        let chunks = told.strip_prefix("complete, epoch 1; ").expect(&told);
        let numbers: Vec<u32> = chunks.split(' ').filter_map(|word| word.parse().ok()).collect();
        assert!(matches!(numbers[..], [done, all, _] if done == all && all > 0), "{told}");
    }
}
