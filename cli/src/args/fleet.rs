//! Options of the fleet's commands.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use protocol::id::RunId;

use super::{Between, OfRun};

#[derive(Debug, ClapArgs)]
pub(crate) struct Submit {
    /// A migration file (YAML), or a plan saved with `longhaul plan -o` (JSON).
    #[arg(value_name = "FILE|PLAN")]
    pub(crate) what: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) between: Between,

    /// Which run goes first where several share the fleet: 0 to 9, greater is sooner.
    #[arg(long, value_name = "PRIORITY", value_parser = clap::value_parser!(u8).range(0..=9))]
    pub(crate) priority: Option<u8>,
}

/// The file of a fleet, and what overrides it.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct OfFleet {
    /// The file that describes the fleet [default: longhaul.yaml].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Override a setting.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

impl OfFleet {
    /// The same as what a run is found by.
    pub(crate) fn between(&self) -> Between {
        Between { file: self.file.clone(), set: self.set.clone(), ..Between::default() }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Coordinator {
    #[command(flatten)]
    pub(crate) of: OfFleet,

    /// Show health and metrics here [default: as the file says].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<SocketAddr>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Worker {
    #[command(flatten)]
    pub(crate) of: OfFleet,

    /// Chunks that are worked on at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) slots: u32,

    /// How long chunks in hand may take to end after SIGTERM; then they are undone.
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = duration)]
    pub(crate) grace: Duration,

    /// Bytes of rows held at once, over all slots: `256MiB`.
    #[arg(long, default_value = "256MiB", value_name = "SIZE", value_parser = crate::config::bytes)]
    pub(crate) memory: u64,

    /// Show health and metrics here [default: as the file says].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<SocketAddr>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) of: OfRun,

    /// Draw it again each second, until the run ends.
    #[arg(short, long)]
    pub(crate) watch: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Cancel {
    #[command(flatten)]
    pub(crate) of: OfRun,

    /// How long chunks in flight may take to end; then they are undone.
    #[arg(long, default_value = "30s", value_name = "TIME", value_parser = duration)]
    pub(crate) within: Duration,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Limit {
    /// The run.
    #[arg(value_parser = super::run_id)]
    pub(crate) run: RunId,

    /// What changes: `slots=8`, `rows_per_second=20000`, `megabytes_per_second=40`, `rejects=100`
    /// (rows that an entity may lose), `priority=7`; `none` in place of a number goes back to the
    /// plan.
    #[arg(required = true, value_name = "KEY=VALUE")]
    pub(crate) changes: Vec<String>,

    #[command(flatten)]
    pub(crate) between: Between,
}

impl Limit {
    /// The run that is meant.
    pub(crate) fn of(&self) -> OfRun {
        OfRun { run: Some(self.run), between: self.between.clone() }
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
