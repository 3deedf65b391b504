//! What tables cost, and not rows: thousands of small ones, and hundreds bound by foreign keys.
//!
//! The baseline is `pg_dump | psql`, from a database of a server into another. Longhaul goes the same
//! way, and to MariaDB and SQLite where that is asked. Everything that a round measures follows at once.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::process::Command;

use crate::Result;
use crate::server::Server;

/// How many times `pg_dump | psql` a run may take: to PostgreSQL, and to other engines.
const BARS: [f64; 2] = [1.5, 3.0];

const SOURCE: &str = "longhaul_bench_many_source";
const TARGET: &str = "longhaul_bench_many_target";

/// Tables that are made in one statement.
const MADE_AT_ONCE: u32 = 100;

/// What to measure, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many tables.
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(2..))]
    tables: u32,

    /// How many foreign keys between them.
    #[arg(long, default_value_t = 0)]
    keys: u32,

    /// Rows in each table.
    #[arg(long, default_value_t = 20)]
    rows: u32,

    /// A maintenance database of the server, whose role may make databases.
    #[arg(
        long,
        env = "LONGHAUL_TEST_POSTGRES",
        hide_env_values = true,
        default_value = "postgres://postgres@127.0.0.1:5432/postgres"
    )]
    url: String,

    /// An empty database of MariaDB or MySQL to move to as well. It is emptied before each round by the
    /// client `mysql`, which must be installed.
    #[arg(long, value_name = "URL")]
    mysql: Option<String>,

    /// Move to a SQLite file as well.
    #[arg(long)]
    sqlite: bool,

    /// How often each is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// The executable [default: `longhaul` beside this one].
    #[arg(long, value_name = "PATH")]
    longhaul: Option<PathBuf>,
}

/// Measures, prints, and returns whether the bars are met. Removes its databases in any case.
///
/// # Errors
/// When it could not be measured.
pub(crate) async fn run(args: &Args) -> Result<bool> {
    let server = Server::open(&args.url).await?;
    println!(
        "{} tables, {} foreign keys, {} rows each; {}",
        args.tables,
        args.keys,
        args.rows,
        server.describe().await?
    );
    let outcome = measure(args, &server).await;
    server.drop(TARGET).await?;
    server.drop(SOURCE).await?;
    outcome
}

async fn measure(args: &Args, server: &Server) -> Result<bool> {
    server.recreate(SOURCE).await?;
    fill(args, server).await?;
    let mut ratios: Vec<(String, f64, Vec<f64>)> = Vec::new();
    for round in 1..=args.rounds {
        server.recreate(TARGET).await?;
        server.checkpoint().await?;
        let baseline = pipe(server).await?.as_secs_f64();
        let mut line = format!("round {round}: pg_dump | psql {baseline:.2} s");
        for (name, bar, to) in targets(args, server).await? {
            server.checkpoint().await?;
            let took = haul(args, server, &to).await?.as_secs_f64();
            write!(line, ", {name} {took:.2} s")?;
            match ratios.iter_mut().find(|(known, ..)| *known == name) {
                Some((.., all)) => all.push(took / baseline),
                None => ratios.push((name, bar, vec![took / baseline])),
            }
        }
        println!("{line}");
    }
    let mut met = true;
    for (name, bar, mut ratios) in ratios {
        ratios.sort_by(f64::total_cmp);
        let median = ratios[ratios.len() / 2];
        let word = if median <= bar { "met" } else { "NOT met" };
        println!("{name}: {median:.2} times pg_dump | psql (bar {bar:.1}: {word})");
        met &= median <= bar;
    }
    Ok(met)
}

/// Where to move, each emptied.
async fn targets(args: &Args, server: &Server) -> Result<Vec<(String, f64, String)>> {
    server.recreate(TARGET).await?;
    let mut targets = vec![("PostgreSQL".to_owned(), BARS[0], server.url_of(TARGET))];
    if let Some(url) = &args.mysql {
        empty(url).await?;
        targets.push(("MariaDB".to_owned(), BARS[1], url.clone()));
    }
    if args.sqlite {
        let file = std::env::temp_dir().join("longhaul-bench-many.db");
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", file.display()));
        }
        targets.push(("SQLite".to_owned(), BARS[1], format!("sqlite:{}", file.display())));
    }
    Ok(targets)
}

/// A database of many small tables, and keys from each to one before it.
async fn fill(args: &Args, server: &Server) -> Result<()> {
    let source = server.connect(SOURCE).await?;
    for first in (0..args.tables).step_by(MADE_AT_ONCE as usize) {
        let mut statements = String::new();
        for table in first..args.tables.min(first + MADE_AT_ONCE) {
            write!(
                statements,
                "CREATE TABLE t{table:04} (id int PRIMARY KEY, name text NOT NULL, a int, b int, \
                     made timestamptz DEFAULT now());
                 INSERT INTO t{table:04} SELECT i, 'row ' || i, i, i FROM generate_series(1, {}) i;
                 CREATE INDEX ON t{table:04} (name);",
                args.rows
            )?;
        }
        source.batch_execute(&statements).await?;
    }
    let mut statements = String::new();
    for key in 0..args.keys {
        let table = 1 + key % (args.tables - 1);
        let column = if (key / (args.tables - 1)).is_multiple_of(2) { "a" } else { "b" };
        let parent = (key * 7 + 3) % table;
        write!(
            statements,
            "ALTER TABLE t{table:04} ADD CONSTRAINT fk{key} FOREIGN KEY ({column}) REFERENCES \
             t{parent:04} (id);"
        )?;
    }
    source.batch_execute(&statements).await?;
    source.batch_execute("ANALYZE").await?;
    Ok(())
}

/// How long `pg_dump | psql` takes.
async fn pipe(server: &Server) -> Result<Duration> {
    let mut command = Command::new("sh");
    command.args(["-c", "pg_dump \"$1\" | psql -q -v ON_ERROR_STOP=1 -f - \"$2\"", "sh"]);
    command.args([server.url_of(SOURCE), server.url_of(TARGET)]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let begun = Instant::now();
    let status = command.status().await?;
    if !status.success() {
        return Err(format!("pg_dump | psql ended with {status}").into());
    }
    Ok(begun.elapsed())
}

/// How long a run takes, which must be verified.
async fn haul(args: &Args, server: &Server, to: &str) -> Result<Duration> {
    let executable = match &args.longhaul {
        Some(path) => path.clone(),
        None => {
            let name = format!("longhaul{}", std::env::consts::EXE_SUFFIX);
            std::env::current_exe()?.with_file_name(name)
        }
    };
    let state = std::env::temp_dir().join(format!("longhaul-bench-{}", std::process::id()));
    let mut command = Command::new(executable);
    command.arg("run").arg("--state").arg(&state);
    command.args(["--from", &server.url_of(SOURCE), "--to", to]);
    command.args(["--progress", "none", "--output", "json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let begun = Instant::now();
    let output = command.output().await?;
    let took = begun.elapsed();
    let _ = std::fs::remove_dir_all(&state);
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("longhaul ended with {}: {error}", output.status))?;
    if report["verdict"] != "verified" || !output.status.success() {
        return Err(format!("it ended {}, {}", report["verdict"], output.status).into());
    }
    Ok(took)
}

/// Empties a MySQL database: what a run made there before is in the way of the next.
async fn empty(url: &str) -> Result<()> {
    let (address, database) = url.rsplit_once('/').ok_or("the URL names no database")?;
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (login, place) = rest.split_once('@').unwrap_or(("root", rest));
    let (host, port) = place.split_once(':').unwrap_or((place, "3306"));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let sql = format!("DROP DATABASE IF EXISTS `{database}`; CREATE DATABASE `{database}`");
    let mut command = Command::new("mysql");
    command.args(["-h", host, "-P", port, "-u", user, "-e", &sql]).env("MYSQL_PWD", password);
    let status = command.status().await?;
    if status.success() { Ok(()) } else { Err(format!("mysql ended with {status}").into()) }
}
