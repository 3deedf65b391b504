//! Leading the runs of a fleet: find those that nobody leads, and drive each.
//!
//! # Promises
//! 1. A fleet run whose leader was not heard of for [`SILENT_MS`] by its home's clock is taken over.
//! 2. A run that cannot be led is tried again after growing pauses, and where trying again is no use
//!    it is paused, with the reason published.
//!
//! # Not promised
//! That one coordinator leads a run at a time. Two waste messages; the one with the older epoch
//! stops at its next beat.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use broker::Broker;
use endpoint::{Home, Source, Target};
use ledger::Ledger;
use protocol::clock::Clock;
use protocol::event::Fact;
use protocol::fault::{Class, Code, Fault, bulkhead, contained};
use protocol::history::{Deed, Entry, Person};
use protocol::id::{Environment, RunId, WorkerId};
use protocol::presence::{Presence, Role};
use protocol::run::{self, Record};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::{Ended, Parts, Probe, drive};

/// How often the homes are asked for runs that nobody leads.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A leader that was silent for so long, by the home's clock, is taken for dead.
pub const SILENT_MS: u64 = 6_000;

/// Whoever leads is heard of within this time: two beats.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// How long this coordinator is believed to be there after it said so.
const PRESENT_TTL: Duration = Duration::from_secs(6);

/// How often it is tried to begin a term before that is given up.
const BEGINS_MAX: u32 = 5;

/// How often a run that fails for a reason that nobody knows is led anew before it is paused.
const UNKNOWN_MAX: u32 = 5;

/// The longest pause before a run that could not be led is tried again.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Opens what a run needs. Endpoints may be kept open from one call to the next.
#[async_trait]
pub trait Desk: Send + Sync {
    /// The targets in which runs may be kept: the environment's name, and its target or why it
    /// cannot be opened.
    async fn homes(&self) -> Vec<(Environment, Result<Arc<dyn Target>, Fault>)>;

    /// The names by which it opens environments.
    fn knows(&self) -> Vec<Environment>;

    /// A source to take hold of for one run: a fresh one, since what is held is held by it.
    async fn source(&self, environment: &Environment) -> Result<Arc<dyn Source>, Fault>;
}

/// What a coordinator of a fleet is put together from.
#[derive(Clone)]
pub struct Service {
    /// Who it is.
    pub id: WorkerId,
    /// The machine it runs on, for people.
    pub host: String,
    /// Opens what a run needs.
    pub desk: Arc<dyn Desk>,
    /// What runs have done, and who is watching.
    pub ledger: Arc<dyn Ledger>,
    /// Where ready tasks wait. It is never closed from here.
    pub broker: Arc<dyn Broker>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who listens at the points of each drive.
    pub probe: Probe,
    /// Turns true when it should end. What was rung goes on without it.
    pub stop: watch::Receiver<bool>,
}

/// Leads runs of a fleet until told to stop.
///
/// # Errors
/// None at present: what fails for one run holds up no other, and is tried again.
pub async fn serve(service: Service) -> Result<(), Fault> {
    let mut stop = service.stop.clone();
    let mut homes = Homes::default();
    let mut led = Led::default();
    info!(coordinator = %service.id, "looking for runs to lead");
    let since = service.clock.now();
    while !*stop.borrow() {
        say(&service, since, led.now.iter().copied().collect()).await;
        let orphans = homes.orphans(service.desk.as_ref());
        match contained(|| "the homes of runs".into(), orphans).await {
            Ok(orphans) => {
                orphans.into_iter().for_each(|(record, target)| led.lead(&service, record, target));
            }
            Err(fault) => warn!(error = %fault, "the homes cannot be asked for runs"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Some(ended) = led.tasks.join_next() => led.ended(ended),
            // A sender that is gone will not tell us; then there is nobody left to serve.
            changed = stop.changed() => if changed.is_err() { break },
        }
    }
    while let Some(ended) = led.tasks.join_next().await {
        led.ended(ended);
    }
    let _ = service.ledger.leave(&service.id).await;
    Ok(())
}

/// Says that this coordinator is there, best effort.
async fn say(service: &Service, since: protocol::clock::Instant, leads: Vec<RunId>) {
    let presence = Presence {
        id: service.id.clone(),
        role: Role::Coordinator,
        host: service.host.clone(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: protocol::wire::FORMAT,
        slots: 0,
        since,
        on: Vec::new(),
        leads,
        draining: false,
        trouble: service.broker.trouble().await,
        left: false,
        knows: Some(service.desk.knows()),
    };
    let _ = service.ledger.present(&presence, PRESENT_TTL).await;
}

/// The homes of runs, each on a connection that is kept.
#[derive(Default)]
struct Homes {
    open: BTreeMap<Environment, Box<dyn Home>>,
    /// What was last said about a home that does not answer, so that it is said once.
    silent: BTreeMap<Environment, String>,
}

impl Homes {
    /// Fleet runs that are not over and that nobody leads.
    async fn orphans(&mut self, desk: &dyn Desk) -> Vec<(Record, Arc<dyn Target>)> {
        let mut orphans = BTreeMap::new();
        for (environment, target) in desk.homes().await {
            let runs = match &target {
                Ok(target) => {
                    // What one home sends is no trouble of the others.
                    let asked = self.runs(&environment, target.as_ref());
                    bulkhead(|| target.place().to_owned(), asked).await
                }
                Err(fault) => Err(Fault::new(fault.code(), fault.place())),
            };
            match (runs, target) {
                (Ok(runs), Ok(target)) => {
                    self.silent.remove(&environment);
                    let orphaned = runs.into_iter().filter(is_orphan);
                    // Two names may lead to one home.
                    orphans.extend(orphaned.map(|r| (r.run, (r, target.clone()))));
                }
                (Err(fault), _) | (_, Err(fault)) => self.say(environment, &fault),
            }
        }
        orphans.into_values().collect()
    }

    async fn runs(
        &mut self,
        environment: &Environment,
        target: &dyn Target,
    ) -> Result<Vec<Record>, Fault> {
        let mut home = match self.open.remove(environment) {
            Some(home) => home,
            None => target.home().await?,
        };
        // Kept only after an answer: a broken connection is opened anew next time.
        let runs = home.runs().await?;
        self.open.insert(environment.clone(), home);
        Ok(runs)
    }

    fn say(&mut self, environment: Environment, fault: &Fault) {
        let said = fault.to_string();
        if self.silent.get(&environment) != Some(&said) {
            warn!(%environment, error = %fault, "this home cannot be asked for runs");
            self.silent.insert(environment, said);
        }
    }
}

/// Whether a run waits for a leader.
fn is_orphan(record: &Record) -> bool {
    let silent = record.led_ms_ago.is_none_or(|ago| ago > SILENT_MS);
    record.fleet && !record.state.is_final() && silent
}

/// The runs that are led from here.
#[derive(Default)]
struct Led {
    tasks: JoinSet<(RunId, Result<Ended, Fault>)>,
    now: BTreeSet<RunId>,
    /// Runs that could not be led: how often, and not before when they are tried again.
    failed: BTreeMap<RunId, (u32, Instant)>,
}

impl Led {
    fn lead(&mut self, service: &Service, record: Record, target: Arc<dyn Target>) {
        let run = record.run;
        let early = |(_, until): &(u32, Instant)| Instant::now() < *until;
        if self.now.contains(&run) || self.failed.get(&run).is_some_and(early) {
            return;
        }
        self.now.insert(run);
        let service = service.clone();
        let times = self.failed.get(&run).map_or(0, |(times, _)| *times);
        self.tasks.spawn(async move {
            let led = lead(&service, &record, target.clone());
            let ended = bulkhead(|| format!("run {run}"), led).await;
            if let Err(fault) = &ended {
                let gives_up = give_up(&service, run, target.as_ref(), fault, times);
                let _ = contained(String::new, gives_up).await;
            }
            (run, ended)
        });
    }

    /// A panic outside of any run goes on here, and ends the process: another coordinator takes over.
    fn ended(&mut self, ended: Result<(RunId, Result<Ended, Fault>), JoinError>) {
        let (run, ended) = ended.unwrap_or_else(|end| std::panic::resume_unwind(end.into_panic()));
        self.now.remove(&run);
        match ended {
            Ok(ended) => {
                info!(%run, ?ended, "no longer leading");
                self.failed.remove(&run);
            }
            Err(fault) => {
                warn!(%run, code = %fault.code(), error = %fault, "no longer leading");
                let times = self.failed.get(&run).map_or(0, |(times, _)| *times);
                let pause = (LOOK_EVERY * (1 << times.min(6))).min(PAUSE_MAX);
                self.failed.insert(run, (times + 1, Instant::now() + pause));
            }
        }
    }
}

/// Leads one run to its end, unless somebody else came first.
///
/// A connection that breaks as a term begins leaves the run with a leader that is none, and all would
/// wait until it counts as silent. So it is tried again at once, as long as nobody else came.
async fn lead(service: &Service, found: &Record, target: Arc<dyn Target>) -> Result<Ended, Fault> {
    let mut before = None;
    for _ in 1..BEGINS_MAX {
        match lead_once(service, found, target.clone(), &mut before).await {
            Err(fault) if fault.class() == Class::Transient && !*service.stop.borrow() => {
                warn!(run = %found.run, error = %fault, "could not begin to lead; trying again");
            }
            ended => return ended,
        }
    }
    lead_once(service, found, target, &mut before).await
}

/// One try; `before` is the epoch that the last one found.
async fn lead_once(
    service: &Service,
    found: &Record,
    target: Arc<dyn Target>,
    before: &mut Option<u64>,
) -> Result<Ended, Fault> {
    let run = found.run;
    let mut home = target.home().await?;
    let plan = Arc::new(home.plan(run).await?);
    // A large plan takes a while to read, and another may have begun to lead meanwhile.
    let mut record = home.run(run).await?;
    if before.is_some_and(|before| record.epoch == before + 1) {
        // We, and the answer was lost or what followed failed; or somebody else, who beats.
        if stopped_within(HEARD_WITHIN, &service.stop).await {
            return Ok(Ended::Stopped);
        }
        record = home.run(run).await?;
    }
    let silent = record.led_ms_ago.is_none_or(|ago| u128::from(ago) >= HEARD_WITHIN.as_millis());
    let is_ours = before
        .is_some_and(|before| record.epoch == before || (record.epoch == before + 1 && silent));
    if !is_orphan(&record) && !is_ours {
        return Err(Fault::new(Code::Deposed, run.to_string()));
    }
    let found = Some(record.epoch);
    *before = found;
    drop(home);
    let source = service.desk.source(&record.from).await?;
    drive(Parts {
        run,
        on_snapshot_lost: plan.on_snapshot_lost,
        plan,
        target,
        source,
        ledger: service.ledger.clone(),
        broker: service.broker.clone(),
        clock: service.clock.clone(),
        probe: service.probe.clone(),
        stop: service.stop.clone(),
        embedded: false,
        found,
    })
    .await
}

/// Waits for so long, or until told to stop: true then.
pub(crate) async fn stopped_within(pause: Duration, stop: &watch::Receiver<bool>) -> bool {
    let mut stop = stop.clone();
    tokio::select! {
        // A sender that is gone will not tell us.
        Ok(_) = stop.wait_for(|stop| *stop) => true,
        () = tokio::time::sleep(pause) => false,
    }
}

/// Where nobody could lead the run as things stand, it is paused and says why; a person's `resume`
/// tries again. What nobody knows is tried a few times first. Best effort: a home that is away hears
/// it the next time.
async fn give_up(service: &Service, run: RunId, target: &dyn Target, fault: &Fault, times: u32) {
    let hopeless = match fault.class() {
        Class::Fatal | Class::Resource | Class::Data => fault.code() != Code::Deposed,
        Class::Unknown => times + 1 >= UNKNOWN_MAX,
        Class::Transient | Class::Slow => false,
    };
    if !hopeless {
        return;
    }
    let (code, message) = (fault.code().to_string(), fault.to_string());
    let _ = service.ledger.publish(run, Fact::Finding { code, message }).await;
    let Ok(mut home) = target.home().await else { return };
    if let Ok(state) = home.change(run, run::Event::Paused, service.clock.now()).await {
        let epoch = home.epoch(run).await.unwrap_or_default();
        let _ = service.ledger.publish(run, Fact::Run { state, epoch }).await;
        let (host, pid) = (service.host.clone(), std::process::id());
        let by = Person { host, pid, ..Person::default() };
        let deed = Deed::Paused { why: Some(fault.into()) };
        let _ = home.note(run, &Entry { at: service.clock.now(), by, deed }).await;
    }
}
