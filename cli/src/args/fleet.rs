//! Options of the fleet's commands.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args as ClapArgs, Command, FromArgMatches};

use super::words::{self, Word};
use super::{AskedAndKept, Between, OfRun};

#[derive(Debug, ClapArgs)]
pub(crate) struct Submit {
    /// A migration file (YAML), or a plan saved with `longhaul plan -o` (JSON).
    #[arg(value_name = "FILE|PLAN")]
    pub(crate) what: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) between: Between,

    #[command(flatten)]
    pub(crate) asked: AskedAndKept,

    /// Which run goes first when several share the fleet: 0 to 9, the highest first.
    #[arg(long, value_name = "PRIORITY", value_parser = clap::value_parser!(u8).range(0..=9))]
    pub(crate) priority: Option<u8>,

    /// Remove what the plan removes from the target, without asking.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// The file of a fleet, and what overrides it.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct OfFleet {
    /// The file that describes the fleet [default: longhaul.yaml].
    #[arg(value_name = "FILE")]
    what: Option<PathBuf>,

    /// The file that describes the fleet, named by an option.
    #[arg(short, long, value_name = "FILE", conflicts_with = "what")]
    file: Option<PathBuf>,

    /// Override a setting of the file; can be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

impl OfFleet {
    /// The same as what a run is found by.
    pub(crate) fn between(&self) -> Between {
        Between {
            file: self.file.clone().or(self.what.clone()),
            set: self.set.clone(),
            ..Between::default()
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Coordinator {
    #[command(flatten)]
    pub(crate) of: OfFleet,

    /// Serve health and metrics on this address [default: as the file says].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<SocketAddr>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Worker {
    #[command(flatten)]
    pub(crate) of: OfFleet,

    /// Chunks to work on at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) slots: u32,

    /// How long chunks in flight may take to finish after SIGTERM; then they are rolled back.
    #[arg(long, default_value = "110s", value_name = "TIME", value_parser = duration)]
    pub(crate) grace: Duration,

    /// Memory for rows, over all slots.
    #[arg(long, default_value = "256MiB", value_name = "SIZE", value_parser = crate::config::bytes)]
    pub(crate) memory: u64,

    /// Serve health and metrics on this address [default: as the file says].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<SocketAddr>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) of: OfRun,

    /// Refresh every second, until the run ends.
    #[arg(short, long)]
    pub(crate) watch: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Cancel {
    #[command(flatten)]
    pub(crate) of: OfRun,

    /// How long chunks in flight may take to finish; then they are rolled back.
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = duration)]
    pub(crate) within: Duration,
}

/// What changes of a run, and of which.
#[derive(Debug)]
pub(crate) struct Limit {
    /// The run.
    pub(crate) of: OfRun,
    /// `slots=8`.
    pub(crate) changes: Vec<String>,
}

/// The command line of [`Limit`], as it is written.
#[derive(Debug, ClapArgs)]
struct WrittenLimit {
    /// The run (by its id or the first 8 digits of it), perhaps the migration file, and what changes:
    /// `slots=8`, `rows_per_second=20000`, `megabytes_per_second=40`, `rejects=100` (rows that a
    /// table may lose), `priority=7`; `none` in place of a number goes back to the plan.
    #[arg(required = true, value_name = "RUN|FILE|KEY=VALUE")]
    words: Vec<String>,

    #[command(flatten)]
    between: Between,
}

impl FromArgMatches for Limit {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let WrittenLimit { words, between } = WrittenLimit::from_arg_matches(matches)?;
        let wrong = |said: String| clap::Error::raw(ErrorKind::ValueValidation, said + "\n");
        let (changes, words): (Vec<_>, Vec<_>) = words.into_iter().partition(|w| w.contains('='));
        if changes.is_empty() {
            return Err(wrong("nothing is to change: write, for example, `slots=8`".into()));
        }
        let words: Result<Vec<Word>, _> = words.iter().map(|text| words::word(text)).collect();
        let divided = words.and_then(|words| words::divide(words, between));
        let (run, between) = divided.map_err(wrong)?;
        Ok(Self { of: OfRun { run, between }, changes })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl ClapArgs for Limit {
    fn augment_args(command: Command) -> Command {
        WrittenLimit::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        WrittenLimit::augment_args_for_update(command)
    }
}

/// `30s`, `5m`, `250ms`, `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let millis =
        number.parse::<u64>().ok().zip(factor).and_then(|(n, factor)| n.checked_mul(factor));
    millis.map(Duration::from_millis).ok_or_else(|| "write, for example, `30s` or `5m`".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["30", "s", "", "-1s", "1 s", "99999999999999999999s", "18446744073709551615h"]
        {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
