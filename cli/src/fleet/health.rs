//! How a coordinator or worker is: what troubles it, and its metrics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use broker::Broker;
use protocol::fault::{Code, Fault};

use super::metrics::Metrics;

/// What is known of the process at this moment.
pub(crate) struct Health {
    pub(crate) metrics: Metrics,
    broker: Arc<dyn Broker>,
    /// Why the ledger, or a target, could not be reached when last asked.
    ledger: Mutex<Option<String>>,
    target: Mutex<Option<String>>,
    /// Whether the ledger is there and refuses us.
    refused: AtomicBool,
}

/// Whether a server is there and refuses us, so that waiting does not help.
pub(crate) fn is_refusal(fault: &Fault) -> bool {
    matches!(fault.code(), Code::LoginRefused | Code::RightsMissing)
}

impl Health {
    /// All is well so far.
    pub(crate) fn new(broker: Arc<dyn Broker>) -> Self {
        let (ledger, target) = (Mutex::default(), Mutex::default());
        let refused = AtomicBool::new(false);
        Self { metrics: Metrics::default(), broker, ledger, target, refused }
    }

    /// Notes how the ledger answered. It is told once when that changes, for whoever reads logs.
    pub(crate) fn ledger(&self, trouble: Option<&Fault>) {
        let refusal = trouble.filter(|fault| is_refusal(fault));
        let before = self.refused.swap(refusal.is_some(), Ordering::Relaxed);
        if let Some(fault) = refusal.filter(|_| !before) {
            tracing::warn!(part = "ledger", error = %fault, next = fault.advice(), "it refuses us");
        }
        note(&self.ledger, "ledger", trouble.map(ToString::to_string));
    }

    /// Notes how the targets answered.
    pub(crate) fn target(&self, trouble: Option<String>) {
        note(&self.target, "target", trouble);
    }

    /// What keeps it from working. A ledger that is away does not; one that refuses us does, since a
    /// person must mend that, and nobody sees the run meanwhile.
    pub(crate) async fn hindrance(&self) -> Option<String> {
        if let Some(why) = self.broker.trouble().await {
            return Some(format!("broker: {why}"));
        }
        let refused = self.refused.load(Ordering::Relaxed);
        let ledger = held(&self.ledger).filter(|_| refused).map(|why| format!("ledger: {why}"));
        ledger.or_else(|| held(&self.target).map(|why| format!("target: {why}")))
    }

    /// Its metrics, now.
    pub(crate) async fn scrape(&self) -> String {
        let broker = self.broker.trouble().await.is_some();
        self.metrics.trouble("broker", broker);
        self.metrics.trouble("ledger", held(&self.ledger).is_some());
        self.metrics.trouble("target", held(&self.target).is_some());
        self.metrics.text()
    }
}

fn held(place: &Mutex<Option<String>>) -> Option<String> {
    place.lock().expect("nothing panics while it is held").clone()
}

fn note(place: &Mutex<Option<String>>, part: &str, trouble: Option<String>) {
    let mut held = place.lock().expect("nothing panics while it is held");
    match (&*held, &trouble) {
        (None, Some(why)) => tracing::warn!(part, error = %why, "in trouble"),
        (Some(_), None) => tracing::info!(part, "well again"),
        (Some(_), Some(_)) | (None, None) => {}
    }
    *held = trouble;
}
