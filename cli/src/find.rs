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

use crate::args::{Between, RunName};
use crate::assemble::{self, Settings};
use crate::exit::{self, Failure};
use crate::progress;

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

/// How many ways in which runs were invoked are tried, where one is meant that is unfinished.
const INVOCATIONS_MAX: usize = 8;

/// Which run is meant where none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one that is unfinished, or the latest.
    Latest,
    /// The one that is unfinished, of the latest invocation: it is about to be changed.
    Unfinished,
    /// The same, or of an earlier invocation, if the latest left none: it is gone on with, which
    /// harms none.
    UnfinishedAnywhere,
}

/// Finds the run that is meant: the one named, or the only one that is unfinished, or the latest.
///
/// Where the command line names no sides, the ledger says how the run was invoked.
pub(crate) async fn find(
    ledger: &dyn Ledger,
    wanted: Option<&RunName>,
    between: &Between,
    which: Which,
) -> Result<Found, Failure> {
    let unfinished = which != Which::Latest;
    let said = Between { set: Vec::new(), ..between.clone() } != Between::default();
    if said {
        return find_in(between.clone(), wanted, unfinished).await;
    }
    if wanted.is_some() || which != Which::UnfinishedAnywhere {
        return find_in(from_ledger(ledger, wanted, between).await?, wanted, unfinished).await;
    }
    let mut latest = None;
    for between in invocations(ledger, between).await? {
        match (find_in(between, None, true).await, &latest) {
            (Err(failure), _) if is_none_here(&failure) => latest = latest.or(Some(failure)),
            // What is not there any more hides nothing of what was begun later.
            (Err(failure), Some(_)) if is_gone(&failure) => {
                progress::say(
                    "an earlier run's file or target cannot be read, and was not looked into",
                );
            }
            (found, _) => return found,
        }
    }
    Err(latest.unwrap_or_else(|| nowhere().into()))
}

/// The run that is meant, among those of one file or target.
async fn find_in(
    between: Between,
    wanted: Option<&RunName>,
    unfinished: bool,
) -> Result<Found, Failure> {
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

/// Whether the place of an earlier invocation is not there any more, or not what it was.
fn is_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::Config(_)) || failure.exit() == exit::UNREACHABLE
}

/// Whether no unfinished run is there, as far as all could be looked into.
fn is_none_here(failure: &Failure) -> bool {
    match failure {
        Failure::Fault(fault) => matches!(fault.code(), Code::RunBusy | Code::RunUnknown),
        Failure::Config(_) => false,
    }
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

    fn holds(&self, run: &RunName) -> bool {
        self.runs.iter().any(|record| run.means(record.run))
    }
}

/// Where the run may live: the target of the migration; and every other environment of the file,
/// where a run is wanted that is not there, or where the file describes no migration. With the
/// fault of one that could not be looked into.
async fn places(
    between: &Between,
    wanted: Option<&RunName>,
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

/// The run of that name that a ledger knows.
///
/// # Errors
/// `Code::RunAmbiguous` where several are meant.
pub(crate) async fn known(ledger: &dyn Ledger, name: &RunName) -> Result<Option<RunId>, Fault> {
    let runs = ledger.runs().await?.into_iter().filter(|run| name.means(*run)).collect::<Vec<_>>();
    match runs.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        several => Err(ambiguous(name, several)),
    }
}

/// Several runs begin with what was typed.
fn ambiguous(name: &RunName, several: &[RunId]) -> Fault {
    let listed = several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Fault::new(Code::RunAmbiguous, name.to_string())
        .saying(format!("{} runs begin with it: {listed}", several.len()))
        .next("Type more digits of the one you mean.")
}

async fn from_ledger(
    ledger: &dyn Ledger,
    wanted: Option<&RunName>,
    given: &Between,
) -> Result<Between, Fault> {
    let meant = match wanted {
        Some(name) => known(ledger, name).await?,
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
    Err(nowhere())
}

/// How runs were invoked of which this machine's ledger knows it, the latest first, and then what
/// the file here says; each once.
pub(crate) async fn invocations(
    ledger: &dyn Ledger,
    given: &Between,
) -> Result<Vec<Between>, Fault> {
    let mut found = Vec::new();
    for run in ledger.runs().await? {
        if found.len() == INVOCATIONS_MAX {
            break;
        }
        if let Some(mut between) = assemble::recall(ledger, run).await {
            between.set.extend(given.set.clone());
            if !found.contains(&between) {
                found.push(between);
            }
        }
    }
    if let Some(file) = assemble::file(given) {
        let file = std::path::absolute(&file).unwrap_or(file);
        if !found.iter().any(|known| known.file.as_ref() == Some(&file)) {
            found.push(given.clone());
        }
    }
    Ok(found)
}

fn nowhere() -> Fault {
    Fault::new(Code::RunUnknown, "started from this folder")
        .saying("what is remembered here (`--state`) does not say where its databases are; passwords are not kept")
        .next("Name the databases again: `--from URL --to URL`, or name the migration file.")
}

fn choose(
    runs: &[Record],
    wanted: Option<&RunName>,
    unfinished: bool,
    place: &str,
) -> Result<Record, Fault> {
    if let Some(wanted) = wanted {
        let found: Vec<_> = runs.iter().filter(|record| wanted.means(record.run)).collect();
        return match found.as_slice() {
            [] => Err(Fault::new(Code::RunUnknown, wanted.to_string())
                .saying(format!("it is not in {place}"))
                .next("List what is there with `longhaul runs`; name the file of another place with `--file FILE`.")),
            [one] => Ok((*one).clone()),
            several => {
                Err(ambiguous(wanted, &several.iter().map(|one| one.run).collect::<Vec<_>>()))
            }
        };
    }
    let open: Vec<_> = runs.iter().filter(|record| !record.state.is_final()).collect();
    match (open.as_slice(), runs) {
        ([one], _) => Ok((*one).clone()),
        ([], [latest, ..]) if !unfinished => Ok(latest.clone()),
        ([], [latest, ..]) => Err(nothing_unfinished(latest)),
        ([], []) => {
            let fault = Fault::new(Code::RunUnknown, place).saying("no run was ever stored here");
            Err(if unfinished { fault.next(BEGIN) } else { fault })
        }
        (several, _) => {
            let names: Vec<_> = several.iter().map(|r| r.run.to_string()).collect();
            Err(Fault::new(Code::RunAmbiguous, place)
                .saying(format!("unfinished are {}", names.join(", "))))
        }
    }
}

/// Nobody said which run is meant, and none is left to go on with.
fn nothing_unfinished(latest: &Record) -> Fault {
    Fault::new(Code::RunBusy, latest.run.to_string())
        .saying(format!("no run is unfinished; of this one, the latest, {}", standing(latest)))
        .next(BEGIN)
}

/// What to do where nothing is to be gone on with.
const BEGIN: &str = "Begin with `longhaul run`: a run that ended before it was stored has written nothing. Or \
                     say where the run lives that is meant: `--file FILE`.";

fn standing(record: &Record) -> &'static str {
    match record.state {
        State::Complete => "it is complete already",
        State::Cancelled => "it was cancelled",
        State::Void => "it was rolled back",
        State::Planning | State::Running | State::Paused => "it is not over",
    }
}

/// Refuses a run that is over.
pub(crate) fn refuse_final(record: &Record) -> Result<(), Fault> {
    if record.state.is_final() {
        return Err(Fault::new(Code::RunBusy, record.run.to_string()).saying(standing(record)));
    }
    Ok(())
}
