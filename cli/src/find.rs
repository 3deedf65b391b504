//! Which run is meant, and where it lives.
//!
//! A run lives in a target. Where the command line says little, this machine's ledger says how the
//! run was invoked; where a file names several environments, each may be its home.

use std::sync::Arc;

use endpoint::{Address, Home, Target, open_target};
use ledger::Ledger;
use protocol::fault::{Code, Fault};
use protocol::id::{Environment, RunId};
use protocol::run::{Record, State};

use crate::args::Between;
use crate::assemble::{self, Settings};
use crate::exit::Failure;

/// A run that a command is about, with its home opened.
pub(crate) struct Found {
    /// How to open its sides.
    pub(crate) between: Between,
    /// Its target.
    pub(crate) target: Arc<dyn Target>,
    /// Where it is kept.
    pub(crate) home: Box<dyn Home>,
    /// What is known of it.
    pub(crate) record: Record,
}

/// Finds the run that is meant: the one named, or the only one that `fits`, or the latest.
///
/// Where the command line names no sides, the ledger says how the run was invoked.
pub(crate) async fn find(
    ledger: &dyn Ledger,
    wanted: Option<RunId>,
    between: &Between,
    unfinished: bool,
) -> Result<Found, Failure> {
    let said = Between { set: Vec::new(), ..between.clone() } != Between::default();
    let between = if said { between.clone() } else { from_ledger(ledger, wanted, between).await? };
    let (mut places, missing) = places(&between, wanted).await?;
    let runs: Vec<Record> = places.iter().flat_map(|place| place.runs.clone()).collect();
    let names: Vec<_> = places.iter().map(|place| place.target.place()).collect();
    let record = match choose(&runs, wanted, unfinished, &names.join(", ")) {
        // It may be in the place that could not be looked into.
        Err(fault) if fault.code() == Code::RunUnknown => {
            return Err(missing.unwrap_or(fault).into());
        }
        chosen => chosen?,
    };
    let at = places.iter().position(|place| place.runs.iter().any(|run| run.run == record.run));
    let Place { target, home, .. } = places.swap_remove(at.expect("it was chosen from these"));
    Ok(Found { between, target, home, record })
}

/// A target, with the runs that live there.
struct Place {
    target: Arc<dyn Target>,
    home: Box<dyn Home>,
    runs: Vec<Record>,
}

impl Place {
    async fn look(target: Arc<dyn Target>) -> Result<Self, Fault> {
        let mut home = target.home().await?;
        let runs = home.runs().await?;
        Ok(Self { target, home, runs })
    }

    fn holds(&self, run: RunId) -> bool {
        self.runs.iter().any(|record| record.run == run)
    }
}

/// Where the run may live: the target of the migration; and every other environment of the file,
/// where a run is wanted that is not there, or where the file describes no migration. With the
/// fault of one that could not be looked into.
async fn places(
    between: &Between,
    wanted: Option<RunId>,
) -> Result<(Vec<Place>, Option<Fault>), Failure> {
    if let (Some(url), None) = (&between.to, assemble::file(between)) {
        let target = open_target(&Address { url: url.clone(), password: None }).await?;
        return Ok((vec![Place::look(target).await?], None));
    }
    let settings = Settings::read(between)?;
    let first = settings.migration().ok().map(|migration| migration.to.clone());
    let mut names = settings.names();
    // Those that are equal keep their order; the migration's target comes first.
    names.sort_by_key(|name| Some(name) != first.as_ref());
    let (mut places, mut missing) = (Vec::<Place>::new(), None);
    for name in names {
        match look(&settings, &name).await {
            Ok(place) => places.push(place),
            Err(fault) if wanted.is_none() && first.is_some() => return Err(fault.into()),
            Err(fault) => missing = missing.or(Some(fault)),
        }
        let found = wanted.is_some_and(|run| places.last().is_some_and(|place| place.holds(run)));
        if found || (wanted.is_none() && first.is_some()) {
            break;
        }
    }
    Ok((places, missing))
}

async fn look(settings: &Settings, name: &Environment) -> Result<Place, Fault> {
    Place::look(settings.open_target(name).await?).await
}

async fn from_ledger(
    ledger: &dyn Ledger,
    wanted: Option<RunId>,
    given: &Between,
) -> Result<Between, Fault> {
    let meant = match wanted {
        Some(run) => Some(run),
        None => ledger.runs().await?.into_iter().next(),
    };
    if let Some(run) = meant
        && let Some(mut between) = assemble::recall(ledger, run).await
    {
        between.set.extend(given.set.clone());
        return Ok(between);
    }
    if assemble::file(given).is_some() {
        return Ok(given.clone());
    }
    Err(Fault::new(Code::RunUnknown, "this machine's ledger")
        .saying("it does not know where the run's databases are; passwords are not kept")
        .next("Name them again: `--from URL --to URL`, or `--file FILE`."))
}

fn choose(
    runs: &[Record],
    wanted: Option<RunId>,
    unfinished: bool,
    place: &str,
) -> Result<Record, Fault> {
    if let Some(wanted) = wanted {
        let found = runs.iter().find(|record| record.run == wanted);
        return found.cloned().ok_or_else(|| Fault::new(Code::RunUnknown, wanted.to_string()));
    }
    let open: Vec<_> = runs.iter().filter(|record| !record.state.is_final()).collect();
    match (open.as_slice(), runs) {
        ([one], _) => Ok((*one).clone()),
        ([], [latest, ..]) if !unfinished => Ok(latest.clone()),
        ([], [latest, ..]) => Err(nothing_to_resume(latest)),
        ([], []) => Err(Fault::new(Code::RunUnknown, place).saying("no run was ever stored here")),
        (several, _) => {
            let names: Vec<_> = several.iter().map(|r| r.run.to_string()).collect();
            Err(Fault::new(Code::RunAmbiguous, place)
                .saying(format!("unfinished are {}", names.join(", "))))
        }
    }
}

fn nothing_to_resume(latest: &Record) -> Fault {
    let said = match latest.state {
        State::Complete => "it is complete already",
        State::Cancelled => "it was cancelled",
        State::Void => "it was rolled back",
        State::Planning | State::Running | State::Paused => "it is not over",
    };
    Fault::new(Code::RunBusy, latest.run.to_string()).saying(said)
}

/// Refuses a run that is over.
pub(crate) fn refuse_final(record: &Record) -> Result<(), Fault> {
    if record.state.is_final() { Err(nothing_to_resume(record)) } else { Ok(()) }
}
