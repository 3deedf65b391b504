//! From what the command line says to opened endpoints and a ledger.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coordinator::report::{Groups, Refused, Report};
use endpoint::{Address, Home, Source, Target, open_source, open_target};
use ledger::{Ledger, Local};
use protocol::clock::{Clock, SystemClock};
use protocol::fault::{Code, Fault};
use protocol::history::{Deed, Entry};
use protocol::id::{ChunkId, Environment, RunId};
use protocol::mapping::Migration;
use protocol::plan::{Entity, Plan};
use protocol::receipt::Reject;
use protocol::run::{Record, State};

use crate::args::{Between, Global};
use crate::config::{self, Config, EndpointLimits, EnvironmentView, Fleet, Origin, Over};
use crate::exit::Failure;
use crate::person::{self, Driver, Pause};
use crate::progress;

/// The migration file that is meant when none is named.
const FILE_DEFAULT: &str = "longhaul.yaml";

/// The note under which the ledger keeps how a run was invoked.
const INVOCATION: &str = "invocation";

/// Rejects that a report lists.
const REJECTS_SHOWN: u64 = 100;

/// Rejects that are in memory at once.
const REJECTS_PAGE: u64 = 10_000;

/// Events that are fetched at a time.
const EVENTS_PAGE: usize = 1000;

/// The clock of the house.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The id of a new run.
pub(crate) fn new_run() -> RunId {
    RunId::born(clock().now(), uuid::Uuid::new_v4())
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
        let said = Said::of(between)?;
        let config = config::read_over(said.origin(), said.over(), &variables)?;
        for warning in config::warnings(&config) {
            progress::say(&format!("warning: {warning}"));
        }
        Ok(Self { config })
    }

    /// The migration.
    pub(crate) fn migration(&self) -> Result<&Migration, Fault> {
        self.config.migration()
    }

    /// Opens the environment that is read.
    pub(crate) async fn source(&self) -> Result<Arc<dyn Source>, Fault> {
        self.open_source(&self.migration()?.from).await
    }

    /// Opens the environment that is written.
    pub(crate) async fn target(&self) -> Result<Arc<dyn Target>, Fault> {
        self.open_target(&self.migration()?.to).await
    }

    /// The environments, by name.
    pub(crate) fn names(&self) -> Vec<Environment> {
        self.config.environments.keys().cloned().collect()
    }

    /// Opens an environment to read from it.
    pub(crate) async fn open_source(&self, name: &Environment) -> Result<Arc<dyn Source>, Fault> {
        open_source(&self.address(name)?).await
    }

    /// Opens an environment to write to it.
    pub(crate) async fn open_target(&self, name: &Environment) -> Result<Arc<dyn Target>, Fault> {
        open_target(&self.address(name)?).await
    }

    /// What an environment may be asked for, over a whole fleet.
    pub(crate) fn limits(&self, name: &Environment) -> EndpointLimits {
        self.config.environments.get(name).map(|connection| connection.limits).unwrap_or_default()
    }

    /// The slots that somebody asked for.
    pub(crate) fn slots(&self) -> Option<u32> {
        self.config.slots
    }

    /// The servers around which a fleet meets.
    pub(crate) fn fleet(&self) -> Result<&Fleet, Fault> {
        self.config.fleet()
    }

    /// The environments, for people.
    pub(crate) fn environments(&self) -> Vec<EnvironmentView> {
        config::environments(&self.config)
    }

    /// All that was read.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// How to reach an environment.
    pub(crate) fn address(&self, environment: &Environment) -> Result<Address, Fault> {
        let variables = |name: &str| std::env::var(name).ok();
        let (_, connection) = self.config.environment(Some(&environment.0))?;
        connection.address(&variables)
    }
}

/// What the command line says of a migration, in the words of `config`.
pub(crate) struct Said<'a> {
    between: &'a Between,
    file: Option<PathBuf>,
    urls: (&'a str, &'a str),
    set: Vec<String>,
}

impl<'a> Said<'a> {
    /// Whether a file is meant, or two URLs.
    ///
    /// # Errors
    /// `Code::Usage` where neither is named.
    pub(crate) fn of(between: &'a Between) -> Result<Self, Fault> {
        let (from, to) = (between.from.as_deref(), between.to.as_deref());
        let file = file(between);
        let (urls, set) = match (&file, from, to) {
            (Some(_), ..) => (("", ""), [side("from", from), side("to", to)].concat()),
            (None, Some(from), Some(to)) => ((from, to), Vec::new()),
            (None, ..) => return Err(nothing_named(from, to)),
        };
        Ok(Self { between, file, urls, set: [set, between.set.clone()].concat() })
    }

    pub(crate) fn origin(&self) -> Origin<'_> {
        match &self.file {
            Some(path) => Origin::File(path),
            None => Origin::Urls(self.urls.0, self.urls.1),
        }
    }

    pub(crate) fn over(&self) -> Over<'_> {
        Over { set: &self.set, asked: &self.between.asked }
    }
}

/// Writes what was asked as a migration file, and says where it looks for passwords.
pub(crate) fn keep(between: &Between, path: &Path) -> Result<(), Failure> {
    let variables = |name: &str| std::env::var(name).ok();
    let said = Said::of(between)?;
    let (text, passwords) = config::written(said.origin(), said.over(), &variables)?;
    write_new(
        path,
        &format!("# Written by `longhaul`; run it with: longhaul run {}\n{text}", path.display()),
    )?;
    progress::say(&format!("saved as {}", path.display()));
    for name in passwords {
        progress::say(&format!("  set the variable {name} to the password"));
    }
    Ok(())
}

/// Writes a file that does not exist yet.
pub(crate) fn write_new(path: &Path, content: &str) -> Result<(), Fault> {
    let unwritable =
        |error| Fault::new(Code::OutputUnwritable, path.display().to_string()).because(error);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(unwritable)?;
    }
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.map_err(|error| match error.kind() == ErrorKind::AlreadyExists {
        true => Fault::new(Code::OutputUnwritable, path.display().to_string())
            .saying("the file exists already, and was not changed")
            .next("Remove it, or name another file."),
        false => unwritable(error),
    })?;
    file.write_all(content.as_bytes()).map_err(unwritable)
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

pub(crate) fn file(between: &Between) -> Option<PathBuf> {
    let default = || {
        // Names of environments stand in the file.
        let url = |side: &Option<String>| side.as_deref().is_some_and(config::is_url);
        let both = url(&between.from) && url(&between.to);
        Some(PathBuf::from(FILE_DEFAULT)).filter(|path| !both && path.exists())
    };
    between.file.clone().or_else(default)
}

fn nothing_named(from: Option<&str>, to: Option<&str>) -> Fault {
    let fault = Fault::new(Code::Usage, "the command line");
    match (from, to) {
        (Some(_), None) => fault
            .saying(format!("`--to` is missing, and there is no {FILE_DEFAULT} here"))
            .next("Name the target: `--to URL`, such as `--to postgres://user@host/database`."),
        (None, Some(_)) => fault
            .saying(format!("`--from` is missing, and there is no {FILE_DEFAULT} here"))
            .next("Name the source: `--from URL`, such as `--from sqlite:legacy.db`."),
        (None, None) | (Some(_), Some(_)) => fault
            .saying(format!("no migration is named, and there is no {FILE_DEFAULT} here"))
            .next(
                "Name a migration file, or both `--from URL` and `--to URL`; `longhaul init FROM TO` \
                 writes a file.",
            ),
    }
}

/// Draws the plan of the migration.
pub(crate) async fn draw(
    settings: &Settings,
    source: &dyn Source,
    target: &dyn Target,
) -> Result<Plan, Fault> {
    let drawn = coordinator::plan::draw(settings.migration()?, source, target).await;
    or_owned(target, drawn).await
}

/// Rows in the target that an unfinished run wrote are no reason to empty it, but to resume.
pub(crate) async fn or_owned<T>(target: &dyn Target, done: Result<T, Fault>) -> Result<T, Fault> {
    let Err(fault) = done else { return done };
    if fault.code() == Code::TargetNotEmpty
        && let Ok(mut home) = target.home().await
    {
        let wanted = |entity: &Entity| entity.target.to_string() == fault.place();
        if let Ok(Some(owned)) = owned(home.as_mut(), wanted).await {
            return Err(owned);
        }
        if let Ok(Some(run)) = left_by(home.as_mut(), wanted).await {
            return Err(left_over(fault, &run));
        }
    }
    Err(fault)
}

/// The latest run that is over, was not rolled back, and wrote to what is wanted.
async fn left_by(
    home: &mut dyn Home,
    wanted: impl Fn(&Entity) -> bool,
) -> Result<Option<Record>, Fault> {
    for run in home.runs().await? {
        let over = run.state.is_final() && run.state != State::Void;
        if over && home.plan(run.run).await?.entities.iter().any(&wanted) {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

/// Rows that a run left, and the ways to be rid of them.
fn left_over(fault: Fault, record: &Record) -> Fault {
    let (run, state) = (record.run.short(), record.state);
    let said = fault.said().map(|said| format!("{said}; ")).unwrap_or_default();
    fault.saying(format!("{said}run {run} wrote to it, and is {state}")).next(format!(
        "Drop what that run made: longhaul clean {run}. Or write over it: `--set mode=replace` \
         removes all rows first, `--set mode=upsert` keeps those that the source does not have."
    ))
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
            let history = home.history(open.run).await?;
            let driver = Driver::of(open, &history);
            let alive = open.fleet || driver.as_ref().is_some_and(|driver| driver.alive);
            let driven =
                driver.map(|driver| format!("; {}", driver.sentence())).unwrap_or_default();
            let run = open.run.short();
            let next = if alive {
                format!("Watch it: longhaul status {run} --watch. End it: longhaul cancel {run}")
            } else {
                format!(
                    "Continue it: longhaul resume {run}. Give it up, and drop what it made: longhaul clean {run}"
                )
            };
            let fault = Fault::new(Code::TargetOwned, entity.target.to_string())
                .saying(format!("run {run} of {} is {}{driven}", open.migration, open.state))
                .next(next);
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

/// Notes in a run's home what we did to it. Best effort: it is evidence, and no reason to fail.
pub(crate) async fn note(home: &mut dyn Home, run: RunId, deed: Deed) {
    let entry = Entry { at: clock().now(), by: person::me(), deed };
    if let Err(fault) = home.note(run, &entry).await {
        tracing::warn!(%run, error = %fault, "what was done is not kept in the target");
    }
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
pub(crate) async fn recall(ledger: &dyn Ledger, run: RunId) -> Option<Between> {
    let notes = ledger.notes(run).await.ok()?;
    serde_json::from_str(notes.get(INVOCATION)?).ok()
}

/// Draws the report of a run from what stands in its home, and from what the ledger remembers of
/// faults: a ledger that is away or has forgotten leaves those out.
pub(crate) async fn report(
    home: &mut dyn Home,
    ledger: &dyn Ledger,
    run: RunId,
) -> Result<Report, Fault> {
    let record = home.run(run).await?;
    let plan = home.plan(run).await?;
    let receipts = home.receipts(run).await?;
    let mut groups = Groups::default();
    let mut pages = Pages::of(home, run).await?;
    while let Some(page) = pages.next(home).await? {
        page.iter().for_each(|reject| groups.add(&plan, reject));
    }
    let rejects = home.rejects(run, REJECTS_SHOWN).await?;
    let samples = home.samples(run).await?;
    let refused = Refused { groups, rejects, samples };
    let mut report = coordinator::report::draw(&plan, &record, &receipts, refused);
    let history = home.history(run).await?;
    report.learn(&plan, &record, &receipts, &history);
    let driver = || Driver::of(&record, &history).map(|driver| driver.sentence());
    let paused = Pause::of(&record, &history).map(|pause| pause.sentence());
    report.standing = paused.or_else(driver);
    let mut after = 0;
    while let Ok(events) = ledger.events(run, after, EVENTS_PAGE).await
        && let Some(last) = events.last()
    {
        after = last.sequence;
        coordinator::report::meet(&mut report.faults, &events);
    }
    Ok(report)
}

/// The rejects of a run in chunk order, page by page. A page is as many chunks as make
/// [`REJECTS_PAGE`], or one that has more.
pub(crate) struct Pages {
    run: RunId,
    rest: Vec<(ChunkId, u64)>,
}

impl Pages {
    /// All rejects of the run.
    pub(crate) async fn of(home: &mut dyn Home, run: RunId) -> Result<Self, Fault> {
        let rest = home.rejected(run).await?.into_iter().collect();
        Ok(Self { run, rest })
    }

    /// The next page, until there is none.
    pub(crate) async fn next(&mut self, home: &mut dyn Home) -> Result<Option<Vec<Reject>>, Fault> {
        let mut rows = 0;
        let fits = self.rest.iter().take_while(|(_, more)| {
            rows += more;
            rows <= REJECTS_PAGE
        });
        let chunks = fits.count().max(1).min(self.rest.len());
        let page: Vec<_> = self.rest.drain(..chunks).collect();
        match (page.first(), page.last()) {
            (Some((from, _)), Some((upto, _))) => {
                home.rejects_of(self.run, *from, *upto).await.map(Some)
            }
            (None, _) | (_, None) => Ok(None),
        }
    }
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
