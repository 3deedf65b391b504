//! A process of the fleet: everything that a coordinator and a worker have in common.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use broker::{Amqp, Broker};
use ledger::Ledger;
use protocol::fault::{Code, Fault};
use protocol::id::WorkerId;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::desk::Desk;
use super::health::{Health, is_refusal};
use super::observe::Observed;
use super::traces::{self, Journeys, Traces};
use super::{admin, servers};
use crate::args::OfFleet;
use crate::assemble::Settings;
use crate::exit::{self, Answer, Failure};
use crate::notify::Manager;
use crate::signals::Signals;
use crate::{Probes, progress};

/// How long the broker is waited for before that is said; it is waited for further.
const REACH_WITHIN: Duration = Duration::from_secs(5);

/// What a role works with.
pub(crate) struct Role {
    /// Who it is; no other process has this name.
    pub(crate) id: WorkerId,
    /// The machine it runs on.
    pub(crate) host: String,
    pub(crate) desk: Arc<Desk>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) broker: Arc<dyn Broker>,
    /// Turns true at the first signal.
    pub(crate) stop: watch::Receiver<bool>,
    journeys: Option<Arc<Journeys>>,
    _admin: Option<JoinHandle<()>>,
}

impl Role {
    /// Puts it together from the file. Neither the ledger nor the broker need be there yet.
    ///
    /// # Errors
    /// Those of the file; `Code::LoginRefused` or `Code::RightsMissing` where the broker or the ledger
    /// refuses us, since waiting would not help.
    pub(crate) async fn begin(
        kind: &'static str,
        of: &OfFleet,
        slots: u32,
        admin: Option<SocketAddr>,
        probes: &Probes,
    ) -> Result<Self, Failure> {
        let settings = Settings::read(&of.between())?;
        let admin = admin.or(settings.fleet()?.admin);
        let host = host();
        let id = WorkerId(name(&host));
        let broker = Arc::new(servers::broker(&settings, &id, slots)?);
        let health = Arc::new(Health::new(broker.clone()));
        let traces = Traces::begin(settings.fleet()?, kind, &id.0);
        let (traced, journeys) = traces::around(traces, broker.clone());
        let ledger: Arc<dyn Ledger> = Arc::new(Observed {
            inner: servers::ledger(&settings)?,
            health: health.clone(),
            journeys: journeys.clone(),
        });
        let between = probes.target.clone();
        let desk = Arc::new(Desk::new(settings, ledger.clone(), health.clone(), between));
        let admin = match admin {
            None => None,
            Some(address) => {
                let (bound, serving) = admin::serve(address, health).await?;
                progress::say(&format!("admin port: http://{bound}"));
                Some(serving)
            }
        };
        reach(&broker).await?;
        ask(ledger.as_ref()).await?;
        let manager = Arc::new(Manager::named(|name| std::env::var(name).ok()));
        let stop = stop(kind, manager.clone());
        manager.ready();
        progress::say(&format!("{kind} {id} is ready"));
        Ok(Self { id, host, desk, ledger, broker: traced, stop, journeys, _admin: admin })
    }

    /// How a role ends that was asked to.
    pub(crate) async fn ended(self, ended: Result<(), Fault>) -> Answer {
        if let Some(journeys) = &self.journeys {
            journeys.traces().flush().await;
        }
        ended?;
        progress::say(&format!("{} is gone", self.id));
        Ok(exit::OK)
    }
}

/// Waits a moment for the broker. One that is away is waited for further, by whoever needs it.
async fn reach(broker: &Amqp) -> Result<(), Fault> {
    match broker.reach(REACH_WITHIN).await {
        Ok(()) => Ok(()),
        Err(fault) if fault.code() == Code::Unreachable => {
            progress::insist(&format!("waiting for the broker: {fault}"));
            Ok(())
        }
        Err(fault) => Err(fault),
    }
}

/// Asks the ledger whether it lets us in. One that is away is done without until it is back.
async fn ask(ledger: &dyn Ledger) -> Result<(), Fault> {
    match timeout(REACH_WITHIN, ledger.presences()).await {
        Ok(Err(fault)) if is_refusal(&fault) => Err(fault),
        Ok(Err(fault)) => {
            progress::insist(&format!("going on without the ledger: {fault}"));
            Ok(())
        }
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// Turns true at the first signal; the second ends the process. Whoever manages us as a service hears
/// of it, and until the end that we are alive.
fn stop(kind: &str, manager: Arc<Manager>) -> watch::Receiver<bool> {
    let first = match kind {
        "worker" => "finishing the chunks in hand; the same signal again stops now",
        _ => "handing over; the same signal again stops now",
    };
    let last = vec!["stopping now; nothing is lost, others go on".to_string()];
    let mut signals = Signals::listen(first.to_string(), last);
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(async move {
        let stopped = async {
            signals.first().await;
            manager.stopping();
            stop.send_replace(true);
            // Whoever waits for a change must not find the sender gone.
            stop.closed().await;
        };
        tokio::select! {
            () = stopped => {}
            () = manager.lives() => {}
        }
    });
    stopping
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Host, process, and a few digits: in containers, two have often the same host and process.
fn name(host: &str) -> String {
    let dice = uuid::Uuid::new_v4().simple().to_string();
    format!("{host}-{}-{}", std::process::id(), &dice[..4])
}
