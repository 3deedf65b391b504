//! TPC-H, from PostgreSQL to PostgreSQL: Longhaul against raw COPY pipes.
//!
//! Both read one source database and write into one that was made a moment ago, in the same
//! server. They take turns, and who begins changes with every round.

mod figures;
mod longhaul;
mod pipes;
mod schema;
mod source;

use std::path::PathBuf;
use std::time::Duration;

use figures::{Load, Round};
use longhaul::{Haul, Longhaul};
use pipes::Shape;
use schema::TABLES;
use source::{Contents, Source};

use crate::Result;
use crate::server::Server;

/// What to measure, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The scale factor: 1 is 8.7 million rows, 1.4 GB of tables.
    #[arg(long, default_value_t = 1.0, value_parser = scale)]
    scale: f64,

    /// A maintenance database of the server, whose role may make databases and checkpoints.
    #[arg(
        long,
        env = "LONGHAUL_TEST_POSTGRES",
        hide_env_values = true,
        default_value = "postgres://postgres@127.0.0.1:5432/postgres"
    )]
    url: String,

    /// How often each side is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Keep the source database for the next benchmark, which then need not generate it.
    #[arg(long)]
    keep: bool,

    /// Foreign keys too, and not only primary keys.
    #[arg(long)]
    foreign_keys: bool,

    /// Ways to lay the pipes; the fastest is the baseline.
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["relay-halved", "relay"])]
    baseline: Vec<Shape>,

    /// Measure the baseline alone.
    #[arg(long)]
    baseline_only: bool,

    /// The executable [default: `longhaul` beside this one].
    #[arg(long, value_name = "PATH")]
    longhaul: Option<PathBuf>,

    /// More arguments for `longhaul run`, after `--`: `-- --set limits.slots=4`.
    #[arg(last = true)]
    more: Vec<String>,
}

/// Measures, prints, and returns whether the bars are met. Removes its databases in any case.
///
/// # Errors
/// When it could not be measured.
pub(crate) async fn run(args: &Args) -> Result<bool> {
    let server = Server::open(&args.url).await?;
    let kind = if args.foreign_keys { "_keys" } else { "" };
    let name = format!("longhaul_bench_sf{}{kind}", args.scale.to_string().replace('.', "_"));
    let (source, target) = (format!("{name}_source"), format!("{name}_target"));
    println!("TPC-H at scale {}, {}", args.scale, keys_in_words(args));
    println!("{}; {} cores", server.describe().await?, cores());
    let outcome = measure(args, &server, source.clone(), &target).await;
    server.drop(&target).await?;
    if !args.keep {
        server.drop(&source).await?;
    }
    outcome
}

async fn measure(args: &Args, server: &Server, source: String, target: &str) -> Result<bool> {
    let longhaul = match args.baseline_only {
        true => None,
        false => Some(args.longhaul()?),
    };
    let source = Source::prepare(server, source, args.scale, args.foreign_keys).await?;
    let bench = Bench { args, server, source: &source, target };
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        let round = bench.round(number, longhaul.as_ref()).await?;
        println!("round {number}: {}", in_words(&round));
        rounds.push(round);
    }
    let load = Load { rows: source.rows(), bytes: source.bytes() };
    let (page, met) = figures::judge(&rounds, load);
    println!("{page}");
    Ok(met)
}

struct Bench<'a> {
    args: &'a Args,
    server: &'a Server,
    source: &'a Source,
    target: &'a str,
}

impl Bench<'_> {
    /// Everything once. Even rounds begin with the run, odd ones with the baseline.
    async fn round(&self, number: u32, longhaul: Option<&Longhaul>) -> Result<Round> {
        let mut haul = None;
        if let (Some(longhaul), true) = (longhaul, number.is_multiple_of(2)) {
            haul = Some(self.haul(longhaul).await?);
        }
        let mut pipes = Vec::new();
        for &shape in &self.args.baseline {
            pipes.push((shape, self.pipe(shape).await?));
        }
        if let (Some(longhaul), None) = (longhaul, &haul) {
            haul = Some(self.haul(longhaul).await?);
        }
        Ok(Round { pipes, haul })
    }

    async fn haul(&self, longhaul: &Longhaul) -> Result<Haul> {
        self.clear().await?;
        longhaul.haul(self.server, self.source, self.target).await
    }

    async fn pipe(&self, shape: Shape) -> Result<Duration> {
        self.clear().await?;
        let (server, keys) = (self.server, self.args.foreign_keys);
        let took = pipes::lay(shape, server, self.source, self.target, keys).await?;
        let contents = Contents::of(&server.connect(self.target).await?).await?;
        if contents != self.source.contents {
            return Err(format!("the {} baseline left {contents:?}", shape.as_str()).into());
        }
        Ok(took)
    }

    /// An empty target, and a server with nothing left to write.
    async fn clear(&self) -> Result<()> {
        self.server.recreate(self.target).await?;
        self.server.checkpoint().await
    }
}

impl Args {
    fn longhaul(&self) -> Result<Longhaul> {
        let executable = match &self.longhaul {
            Some(path) => path.clone(),
            None => {
                let name = format!("longhaul{}", std::env::consts::EXE_SUFFIX);
                std::env::current_exe()?.with_file_name(name)
            }
        };
        // A hundred times what a slow machine needs: only what hangs is ended.
        let patience = Duration::from_secs_f64(600.0 + 6000.0 * self.scale);
        Ok(Longhaul { executable, more: self.more.clone(), patience })
    }
}

fn in_words(round: &Round) -> String {
    let pipe = |(shape, took): &(Shape, Duration)| {
        format!("{} {:.2} s", shape.as_str(), took.as_secs_f64())
    };
    let mut words: Vec<_> = round.pipes.iter().map(pipe).collect();
    if let Some(haul) = &round.haul {
        let (moved, verified) = (haul.moved.as_secs_f64(), haul.verified.as_secs_f64());
        words.push(format!("longhaul moved {moved:.2} s, and verified {verified:.2} s"));
        words.extend(haul.peak_kib.map(|kib| format!("peak {} MiB", kib / 1024)));
        words.extend(haul.flaw.as_ref().map(|flaw| format!("but {flaw}")));
    }
    words.join(", ")
}

fn keys_in_words(args: &Args) -> &'static str {
    match args.foreign_keys {
        true => "with primary and foreign keys",
        false => "with primary keys and no foreign keys",
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn scale(text: &str) -> std::result::Result<f64, String> {
    match text.parse() {
        Ok(scale) if (0.001..=1000.0).contains(&scale) => Ok(scale),
        Ok(_) | Err(_) => Err("a number from 0.001 to 1000".into()),
    }
}
