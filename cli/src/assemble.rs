//! From what the command line says to opened endpoints and a ledger.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use coordinator::report::Report;
use endpoint::{Address, Home, Source, Target, open_source, open_target};
use ledger::{Ledger, Local};
use protocol::clock::{Clock, SystemClock};
use protocol::fault::{Code, Fault};
use protocol::id::{Environment, RunId};
use protocol::mapping::Migration;
use protocol::plan::{Entity, Plan};
use protocol::run::{Record, State};

use crate::args::{Between, Global};
use crate::config::{self, Config, EnvironmentView};
use crate::exit::Failure;

/// The migration file that is meant when none is named.
const FILE_DEFAULT: &str = "longhaul.yaml";

/// The note under which the ledger keeps how a run was invoked.
const INVOCATION: &str = "invocation";

/// Rejects that a report lists.
const REJECTS_SHOWN: u64 = 100;

/// The clock of the house.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Opens the local ledger in the state folder.
pub(crate) async fn ledger(global: &Global) -> Result<Arc<dyn Ledger>, Fault> {
    Ok(Arc::new(Local::open(&global.state, clock()).await?))
}

/// Settings, with the sides that are meant.
pub(crate) struct Settings {
    config: Config,
}

impl Settings {
    /// Reads them from the file, the URLs, the environment's variables and `--set`.
    pub(crate) fn read(between: &Between) -> Result<Self, Failure> {
        let variables = |name: &str| std::env::var(name).ok();
        let (from, to) = (between.from.as_deref(), between.to.as_deref());
        let config = match (file(between), from, to) {
            (Some(path), ..) => {
                let set: Vec<_> = [side("from", from), side("to", to)].concat();
                config::load(&path, &[set, between.set.clone()].concat(), &variables)?
            }
            (None, Some(from), Some(to)) => {
                Config::between_with(from, to, &between.set, &variables)?
            }
            (None, ..) => return Err(nothing_named().into()),
        };
        Ok(Self { config })
    }

    /// The migration.
    pub(crate) fn migration(&self) -> &Migration {
        &self.config.migration
    }

    /// Opens the environment that is read.
    pub(crate) async fn source(&self) -> Result<Arc<dyn Source>, Fault> {
        open_source(&self.address(&self.config.migration.from)?).await
    }

    /// Opens the environment that is written.
    pub(crate) async fn target(&self) -> Result<Arc<dyn Target>, Fault> {
        open_target(&self.address(&self.config.migration.to)?).await
    }

    /// The environments, for people.
    pub(crate) fn environments(&self) -> Vec<EnvironmentView> {
        config::environments(&self.config)
    }

    fn address(&self, environment: &Environment) -> Result<Address, Fault> {
        let variables = |name: &str| std::env::var(name).ok();
        let (_, connection) = self.config.environment(Some(&environment.0))?;
        connection.address(&variables)
    }
}

/// A side named on the command line, as overrides of the file: an environment of it by name, or a
/// URL under a name of its own.
fn side(which: &str, named: Option<&str>) -> Vec<String> {
    match named {
        None => Vec::new(),
        Some(url) if config::is_url(url) => {
            let name = if which == "from" { "source" } else { "target" };
            vec![format!("environments.{name}.url={url}"), format!("{which}={name}")]
        }
        Some(name) => vec![format!("{which}={name}")],
    }
}

fn file(between: &Between) -> Option<PathBuf> {
    let default = || {
        let both = between.from.is_some() && between.to.is_some();
        Some(PathBuf::from(FILE_DEFAULT)).filter(|path| !both && path.exists())
    };
    between.file.clone().or_else(default)
}

fn nothing_named() -> Fault {
    Fault::new(Code::Usage, "the command line")
        .saying(format!("no migration is named, and there is no {FILE_DEFAULT} here"))
        .next("Name a migration file, or both `--from URL` and `--to URL`.")
}

/// Opens only the environment that is written: by `--to` alone where a URL is given.
pub(crate) async fn target_of(between: &Between) -> Result<Arc<dyn Target>, Failure> {
    match (&between.to, file(between)) {
        (Some(url), None) => Ok(open_target(&Address { url: url.clone(), password: None }).await?),
        _ => Ok(Settings::read(between)?.target().await?),
    }
}

/// Draws the plan of the migration.
pub(crate) async fn draw(
    settings: &Settings,
    source: &dyn Source,
    target: &dyn Target,
) -> Result<Plan, Fault> {
    let drawn = coordinator::plan::draw(settings.migration(), source, target).await;
    or_owned(target, drawn).await
}

/// Rows in the target that an unfinished run wrote are no reason to empty it, but to resume.
pub(crate) async fn or_owned<T>(target: &dyn Target, done: Result<T, Fault>) -> Result<T, Fault> {
    let Err(fault) = done else { return done };
    if fault.code() == Code::TargetNotEmpty
        && let Ok(mut home) = target.home().await
        && let Ok(Some(owned)) =
            owned(home.as_mut(), |entity| entity.target.to_string() == fault.place()).await
    {
        return Err(owned);
    }
    Err(fault)
}

/// The target itself refuses a second run over the same entities; here the refusal comes before
/// anything is made there, and names the command that continues the first.
pub(crate) async fn refuse_second(home: &mut dyn Home, plan: &Plan) -> Result<(), Fault> {
    let wanted = |theirs: &Entity| plan.entities.iter().any(|ours| ours.target == theirs.target);
    owned(home, wanted).await?.map_or(Ok(()), Err)
}

/// The fault of wanting entities that an unfinished run owns, if one does.
async fn owned(
    home: &mut dyn Home,
    wanted: impl Fn(&Entity) -> bool,
) -> Result<Option<Fault>, Fault> {
    for open in home.runs().await?.iter().filter(|record| !record.state.is_final()) {
        let plan = home.plan(open.run).await?;
        if let Some(entity) = plan.entities.iter().find(|entity| wanted(entity)) {
            let fault = Fault::new(Code::TargetOwned, entity.target.to_string())
                .saying(format!("run {} is {}", open.run, open.state))
                .next(format!("Continue it: longhaul resume {}", open.run));
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

/// Keeps how a run was invoked, so that later commands need not be told again. What holds a
/// password is not kept.
pub(crate) async fn remember(ledger: &dyn Ledger, run: RunId, between: &Between) {
    let said = between.from.iter().chain(&between.to).chain(&between.set);
    if said.map(String::as_str).any(config::holds_password) {
        return;
    }
    let mut whole = between.clone();
    whole.file = file(between).and_then(|path| std::path::absolute(path).ok());
    let text = serde_json::to_string(&whole).expect("paths and strings");
    let _ = ledger.note(run, INVOCATION, &text).await;
}

/// How a run was invoked, if this machine's ledger knows.
async fn recall(ledger: &dyn Ledger, run: RunId) -> Option<Between> {
    let notes = ledger.notes(run).await.ok()?;
    serde_json::from_str(notes.get(INVOCATION)?).ok()
}

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
    let target = target_of(&between).await?;
    let mut home = target.home().await?;
    let runs = home.runs().await?;
    let record = choose(&runs, wanted, unfinished, target.place())?;
    Ok(Found { between, target, home, record })
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
        && let Some(mut between) = recall(ledger, run).await
    {
        between.set.extend(given.set.clone());
        return Ok(between);
    }
    if file(given).is_some() {
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

/// Draws the report of a run from what stands in its home.
pub(crate) async fn report(home: &mut dyn Home, run: RunId) -> Result<Report, Fault> {
    let record = home.run(run).await?;
    let plan = home.plan(run).await?;
    let receipts = home.receipts(run).await?;
    let rejects = home.rejects(run, REJECTS_SHOWN).await?;
    let samples = home.samples(run).await?;
    Ok(coordinator::report::draw(&plan, &record, &receipts, rejects, samples))
}

/// Where the files of a run lie.
pub(crate) fn folder(global: &Global, run: RunId) -> PathBuf {
    global.state.join("runs").join(run.to_string())
}

/// Writes a file, or says which could not be written.
pub(crate) fn write(path: &Path, content: &str) -> Result<(), Fault> {
    let unwritable =
        |error| Fault::new(Code::OutputUnwritable, path.display().to_string()).because(error);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(unwritable)?;
    }
    std::fs::write(path, content).map_err(unwritable)
}
