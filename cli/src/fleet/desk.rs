//! The desk: opens what coordinators and workers ask for, by the names of environments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use endpoint::{Source, Target};
use ledger::Ledger;
use protocol::fault::{Code, Fault};
use protocol::id::{Environment, RunId};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::HOME;
use super::health::Health;
use crate::Between;
use crate::assemble::Settings;
use crate::config::EndpointLimits;

/// How long an environment may take to be opened.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// How long after a failure an environment is asked again, so that one that is away for long does
/// not make the others wait each time.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Opens endpoints, and keeps targets open from one call to the next. A target that is open
/// connects anew for each home and session, so it outlives its server's restarts.
pub(crate) struct Desk {
    settings: Settings,
    ledger: Arc<dyn Ledger>,
    health: Arc<Health>,
    /// Stands between a run and its target; nothing does, but in tests.
    between: Between,
    targets: Mutex<BTreeMap<Environment, Known>>,
}

/// What is known of an environment's target.
enum Known {
    Open(Arc<dyn Target>),
    Failed { code: Code, said: String, at: Instant },
}

impl Desk {
    /// A desk over the environments of a file.
    pub(crate) fn new(
        settings: Settings,
        ledger: Arc<dyn Ledger>,
        health: Arc<Health>,
        between: Between,
    ) -> Self {
        Self { settings, ledger, health, between, targets: Mutex::default() }
    }

    async fn open_target(&self, name: &Environment) -> Result<Arc<dyn Target>, Fault> {
        let mut targets = self.targets.lock().await;
        match targets.get(name) {
            Some(Known::Open(target)) => return Ok(target.clone()),
            Some(Known::Failed { code, said, at }) if at.elapsed() < AGAIN_AFTER => {
                return Err(Fault::new(*code, &name.0).saying(said));
            }
            Some(Known::Failed { .. }) | None => {}
        }
        let opened = within(name, self.settings.open_target(name)).await;
        let known = match &opened {
            Ok(target) => Known::Open((self.between)(target.clone())),
            Err(fault) => {
                Known::Failed { code: fault.code(), said: fault.to_string(), at: Instant::now() }
            }
        };
        targets.insert(name.clone(), known);
        opened.map(|target| (self.between)(target))
    }

    async fn targets(&self) -> Vec<(Environment, Result<Arc<dyn Target>, Fault>)> {
        let mut targets = Vec::new();
        for name in self.settings.names() {
            let opened = self.open_target(&name).await;
            targets.push((name, opened));
        }
        let trouble = targets.iter().find_map(|(_, opened)| opened.as_ref().err());
        self.health.target(trouble.map(ToString::to_string));
        targets
    }

    /// What environments allow, where the file says anything of it.
    fn places(&self, names: [&Environment; 2]) -> Vec<worker::Place> {
        let place = |name: &Environment| {
            let limits = self.settings.limits(name);
            (limits != EndpointLimits::default()).then(|| worker::Place {
                environment: name.clone(),
                connections_max: limits.connections_max,
                rows_per_second: limits.rows_per_second,
                bytes_per_second: limits.bytes_per_second,
            })
        };
        names.into_iter().filter_map(place).collect()
    }

    async fn open_source(&self, name: &Environment) -> Result<Arc<dyn Source>, Fault> {
        within(name, self.settings.open_source(name)).await
    }

    /// The target in which a run lives: where the ledger says, or else where it is found.
    async fn home_of(&self, run: RunId) -> Result<Arc<dyn Target>, Fault> {
        let noted = self.ledger.notes(run).await.ok();
        let noted = noted.and_then(|notes| notes.get(HOME).cloned()).map(Environment);
        let named = noted.filter(|name| self.settings.names().contains(name));
        if let Some(name) = named
            && let Ok(target) = self.open_target(&name).await
            && lives_in(target.as_ref(), run).await?
        {
            return Ok(target);
        }
        let mut missing = None;
        for (_, opened) in self.targets().await {
            match opened {
                Ok(target) if lives_in(target.as_ref(), run).await? => return Ok(target),
                Ok(_) => {}
                Err(fault) => missing = missing.or(Some(fault)),
            }
        }
        Err(missing.unwrap_or_else(|| Fault::new(Code::RunUnknown, run.to_string())))
    }
}

async fn lives_in(target: &dyn Target, run: RunId) -> Result<bool, Fault> {
    match target.home().await?.run(run).await {
        Ok(_) => Ok(true),
        Err(fault) if fault.code() == Code::RunUnknown => Ok(false),
        Err(fault) => Err(fault),
    }
}

async fn within<T>(
    name: &Environment,
    opening: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    timeout(OPEN_WITHIN, opening).await.unwrap_or_else(|_| {
        let said = format!("no answer within {} s", OPEN_WITHIN.as_secs());
        Err(Fault::new(Code::Unreachable, &name.0).saying(said))
    })
}

#[async_trait]
impl coordinator::Desk for Desk {
    async fn homes(&self) -> Vec<(Environment, Result<Arc<dyn Target>, Fault>)> {
        self.targets().await
    }

    fn knows(&self) -> Vec<Environment> {
        self.settings.names()
    }

    async fn source(&self, environment: &Environment) -> Result<Arc<dyn Source>, Fault> {
        self.open_source(environment).await
    }
}

#[async_trait]
impl worker::Desk for Desk {
    async fn open(&self, run: RunId) -> Result<worker::Opened, Fault> {
        let target = self.home_of(run).await?;
        let mut home = target.home().await?;
        let record = home.run(run).await?;
        let plan = Arc::new(home.plan(run).await?);
        let source = self.open_source(&record.from).await?;
        let places = self.places([&record.from, &record.to]);
        Ok(worker::Opened { record, plan, source, target, places })
    }

    fn knows(&self) -> Vec<Environment> {
        self.settings.names()
    }
}
