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
use tokio::time::{Instant, sleep, timeout};

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

/// How long a server may refuse us as a role begins: one that is just starting has not read yet whom
/// it lets in.
const REFUSED_FOR: Duration = Duration::from_secs(10);

/// The pause before it is asked again.
const ASKED_EVERY: Duration = Duration::from_millis(500);

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
    /// goes on refusing us for [`REFUSED_FOR`], since waiting longer would not help.
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
        unless_refused("broker", || reach(&broker)).await?;
        unless_refused("ledger", || ask(ledger.as_ref())).await?;
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

/// Asks a server, and again for [`REFUSED_FOR`] while it refuses us.
async fn unless_refused<C>(part: &str, ask: impl Fn() -> C) -> Result<(), Fault>
where
    C: Future<Output = Result<(), Fault>>,
{
    let began = Instant::now();
    let mut told = false;
    loop {
        match ask().await {
            Err(fault) if is_refusal(&fault) && began.elapsed() < REFUSED_FOR => {
                if !std::mem::replace(&mut told, true) {
                    let seconds = REFUSED_FOR.as_secs();
                    progress::insist(&format!(
                        "the {part} refuses us; asking on for {seconds} s, since it may be starting: {fault}"
                    ));
                }
                sleep(ASKED_EVERY).await;
            }
            known => return known,
        }
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

/// The name of this machine.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Host, process, and a few digits: in containers, two have often the same host and process.
fn name(host: &str) -> String {
    let dice = uuid::Uuid::new_v4().simple().to_string();
    format!("{host}-{}-{}", std::process::id(), &dice[..4])
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Asks a server that gives these answers, the last one for ever: what came of it, and when.
    async fn asked(answers: &[Option<Code>]) -> (Result<(), Code>, Duration) {
        let (began, times) = (Instant::now(), Cell::new(0));
        let ask = async || {
            let code = answers[times.get().min(answers.len() - 1)];
            times.set(times.get() + 1);
            code.map_or(Ok(()), |code| Err(Fault::new(code, "Redis")))
        };
        let ended = unless_refused("ledger", ask).await;
        (ended.map_err(|fault| fault.code()), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_starting_may_refuse_us_for_a_while() {
        let refused = [Some(Code::LoginRefused), Some(Code::RightsMissing), None];
        assert_eq!(asked(&refused).await, (Ok(()), ASKED_EVERY * 2));
        let ended = Err(Code::LoginRefused);
        assert_eq!(asked(&refused[..1]).await, (ended, REFUSED_FOR));
        let other = Err(Code::UrlMalformed);
        assert_eq!(asked(&[Some(Code::UrlMalformed)]).await, (other, Duration::ZERO));
    }
}
