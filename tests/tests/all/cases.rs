//! Small databases from public reports, each moved in every direction.
//!
//! Of each move one of three things is true: it is refused before anything is written, with a code; or
//! it ends with every table verified, every row counted, nothing parked, and every thing of the source
//! either there or named by a note; or [`expected`] says what is otherwise, and why. A fault that is
//! listed there as known and that is not seen fails the test, so that the list shrinks.

mod expected;

use std::collections::{BTreeMap, BTreeSet};

use expected::{EXPECTED, Expect};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tests::cases::{Case, all, fill};
use tests::command::{Said, run};
use tests::conserved::{notes, silent};
use tests::facts::{Fact, facts};
use tests::moving::{Engine, Move};
use tests::mysql::Mysql;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

const ENGINES: [Engine; 3] = [Engine::Postgres, Engine::MySql, Engine::Sqlite];

/// Moves at the same time: the machine's cores are few, and its servers shared.
const AT_ONCE: usize = 2;

/// What a move came to.
enum Outcome {
    /// With this code, and nothing was written.
    Refused(String),
    /// All rows arrived, but for so many that are rejects by name and reason.
    Moved { rejected: u64 },
    /// What is against the rules, a line each.
    Wrong(Vec<String>),
}

impl Outcome {
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Moved { rejected } => vec![format!("{rejected} rows were rejected")],
            Self::Refused(code) => vec![format!("refused: {code}")],
            Self::Wrong(lines) => lines.clone(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cases_of_postgresql() {
    all_of(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cases_of_mysql() {
    all_of(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cases_of_sqlite() {
    all_of(Engine::Sqlite).await;
}

async fn all_of(engine: Engine) {
    let Some(mut cases) = all() else {
        println!("there is no folder of cases beside the repository: not tested");
        return;
    };
    cases.retain(|case| case.engine == engine);
    let moves = cases.iter().flat_map(|case| ENGINES.map(|to| (case.clone(), to)));
    let judged = stream::iter(moves)
        .map(async |(case, to)| {
            let here = format!("{} to {to:?}", case.name);
            let judged = tokio::spawn(async move { judge(&case, to).await }).await;
            judged
                .unwrap_or_else(|panic| Some(panic.to_string()))
                .map(|why| format!("{here}: {why}"))
        })
        .buffer_unordered(AT_ONCE);
    let mut wrong: Vec<_> = judged.filter_map(async |one| one).collect().await;
    wrong.sort();
    assert!(wrong.is_empty(), "{} moves:\n{}", wrong.len(), wrong.join("\n"));
}

/// What a move came to against what was expected of it, if that is not the same.
async fn judge(case: &Case, to: Engine) -> Option<String> {
    let outcome = outcome(case, to).await;
    let expected = EXPECTED.iter().find(|(name, engine, _)| {
        *engine == to && case.name.split_once('-').is_some_and(|(number, _)| number == *name)
    });
    let expected = expected.map(|(_, _, expect)| expect);
    let as_expected = match (&outcome, expected) {
        (Outcome::Moved { rejected }, None) => *rejected == 0,
        (Outcome::Moved { rejected }, Some(Expect::Rejects(rows, _))) => rejected == rows,
        (Outcome::Refused(code), Some(Expect::Refused(is, _))) => code == is,
        (outcome, Some(Expect::Known(seen))) => {
            outcome.lines().iter().any(|line| line.contains(seen))
        }
        (_, None | Some(Expect::Rejects(..) | Expect::Refused(..))) => false,
    };
    let seen = outcome.lines().join("\n    ");
    (!as_expected).then(|| match expected {
        Some(expected) => format!("expected: {expected}. Seen: {seen}"),
        None => seen,
    })
}

async fn outcome(case: &Case, to: Engine) -> Outcome {
    let scene = expected::scene(case);
    let moving = Move::new(LONGHAUL, (case.engine, to)).await;
    moving.file("limits: { rejects: 1000 }");
    let elsewhere = Elsewhere::of(case).await;
    fill(&moving.from, &elsewhere.named(&scene.sql(case))).await;
    fill(&moving.to, scene.there(to)).await;
    let (source, before) = (facts(&moving.from).await, facts(&moving.to).await);
    for store in [&moving.from, &moving.to] {
        fill(store, &scene.hostile(store.engine(), store.name())).await;
    }
    let said = tokio::task::block_in_place(|| longhaul(&moving));
    for store in [&moving.from, &moving.to] {
        fill(store, &scene.friendly(store.engine(), store.name())).await;
    }
    let Ok(report) = serde_json::from_str::<Value>(&said.stdout) else {
        return refused(&said.stderr, &before, &facts(&moving.to).await);
    };
    let target = facts(&moving.to).await;
    let mut wrong = parked(&said.stderr);
    wrong.extend(unverified(&report));
    if wrong.is_empty() {
        let moved = if case.engine == to { BTreeMap::new() } else { renamed(&report) };
        wrong.extend(silent(&source, &target, &notes(&report), &moved));
        wrong.extend(uncounted(&moving, &source, &target, &report).await);
    }
    match wrong.is_empty() {
        true => Outcome::Moved { rejected: report["totals"]["rejected"].as_u64().unwrap() },
        false => Outcome::Wrong(wrong),
    }
}

fn longhaul(moving: &Move) -> Said {
    run(&mut moving.command(&["run", "--progress", "json", "--output", "json"]))
}

/// Whether what ended without a report was refused as it should be.
fn refused(stderr: &str, before: &BTreeSet<Fact>, after: &BTreeSet<Fact>) -> Outcome {
    if before != after {
        let new = after.difference(before).map(|fact| format!("{fact} was made, and then:"));
        return Outcome::Wrong(new.chain(stderr.lines().map(str::to_owned)).collect());
    }
    let fault = events(stderr).find(|event| event["exit"].is_u64());
    match fault {
        Some(fault) if fault["exit"] != 70 => {
            Outcome::Refused(fault["code"].as_str().unwrap_or_default().to_owned())
        }
        _ => Outcome::Wrong(vec![format!("it ended without a report: {stderr}")]),
    }
}

fn events(stderr: &str) -> impl Iterator<Item = Value> {
    stderr.lines().filter_map(|line| serde_json::from_str(line).ok())
}

/// Chunks that wait for a person.
fn parked(stderr: &str) -> Vec<String> {
    let parked = events(stderr).filter(|event| event["data"]["parked"] == true);
    let line = |event: Value| format!("parked: {}", event["data"]["message"].as_str().unwrap());
    parked.map(line).collect()
}

/// Tables that are not verified.
fn unverified(report: &Value) -> Vec<String> {
    let entities = report["entities"].as_array().unwrap();
    let bad = entities.iter().filter(|entity| entity["verdict"] != "verified");
    let mut lines: Vec<_> = bad
        .map(|entity| format!("{} is {}: {}", entity["target"], entity["verdict"], entity["why"]))
        .collect();
    if lines.is_empty() && report["verdict"] != "verified" && report["totals"]["rejected"] == 0 {
        lines.push(format!("the run is {}", report["verdict"]));
    }
    lines
}

/// Which table became which.
fn renamed(report: &Value) -> BTreeMap<String, String> {
    let name = |value: &Value| value.as_str().unwrap().to_owned();
    let entities = report["entities"].as_array().unwrap().iter();
    entities.map(|entity| (name(&entity["source"]), name(&entity["target"]))).collect()
}

/// Tables that have other numbers of rows on both sides than the report says.
async fn uncounted(
    moving: &Move,
    source: &BTreeSet<Fact>,
    target: &BTreeSet<Fact>,
    report: &Value,
) -> Vec<String> {
    let (source, target) = (tables(source), tables(target));
    let mut wrong = Vec::new();
    for entity in report["entities"].as_array().unwrap() {
        let name = |side: &str| entity[side].as_str().unwrap().to_owned();
        let number = |what: &str| entity[what].as_u64().unwrap();
        let read = number("written") + number("rejected") + number("filtered");
        for (store, there, name, expected) in [
            (&moving.from, source.get(&name("source")), name("source"), read),
            (&moving.to, target.get(&name("target")), name("target"), number("written")),
        ] {
            let Some(fact) = there else {
                wrong.push(format!("{name} is no table of {:?}", store.engine()));
                continue;
            };
            let rows = store.ask(&count(store.engine(), &quoted(fact))).await;
            if rows != expected.to_string() {
                wrong.push(format!("{name} has {rows} rows, and the report says {expected}"));
            }
        }
    }
    wrong
}

/// Counts the rows of a table, without those of tables that inherit from it.
fn count(engine: Engine, table: &str) -> String {
    let all = format!("SELECT count(*) FROM {table}");
    let oid = format!("'{}'::regclass", table.replace('\'', "''"));
    match engine {
        Engine::Postgres => format!(
            "{all} AS t WHERE t.tableoid = {oid} \
             OR (SELECT relkind = 'p' FROM pg_class WHERE oid = {oid})"
        ),
        Engine::Sqlite | Engine::MySql => all,
    }
}

fn tables(facts: &BTreeSet<Fact>) -> BTreeMap<String, &Fact> {
    let table = |fact: &&Fact| fact.kind == "table";
    facts.iter().filter(table).map(|fact| (fact.home(), fact)).collect()
}

fn quoted(table: &Fact) -> String {
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    match table.schema.as_str() {
        "" => quote(&table.name),
        schema => format!("{}.{}", quote(schema), quote(&table.name)),
    }
}

/// Another database of MySQL's server that a case speaks of, gone when dropped.
struct Elsewhere(Option<Mysql>);

impl Elsewhere {
    const NAME: &str = "bug_38_other";

    async fn of(case: &Case) -> Self {
        Self(if case.sql.contains(Self::NAME) { Some(Mysql::new().await) } else { None })
    }

    fn named(&self, sql: &str) -> String {
        match &self.0 {
            Some(other) => sql.replace(Self::NAME, other.name()),
            None => sql.to_owned(),
        }
    }
}
