//! How a coordinator or worker is: what troubles it, and its metrics.

use std::sync::{Arc, Mutex};

use broker::Broker;

use super::metrics::Metrics;

/// What is known of the process at this moment.
pub(crate) struct Health {
    pub(crate) metrics: Metrics,
    broker: Arc<dyn Broker>,
    /// Why the ledger, or a target, could not be reached when last asked.
    ledger: Mutex<Option<String>>,
    target: Mutex<Option<String>>,
}

impl Health {
    /// All is well so far.
    pub(crate) fn new(broker: Arc<dyn Broker>) -> Self {
        let (ledger, target) = (Mutex::default(), Mutex::default());
        Self { metrics: Metrics::default(), broker, ledger, target }
    }

    /// Notes how the ledger answered. It is told once when that changes, for whoever reads logs.
    pub(crate) fn ledger(&self, trouble: Option<String>) {
        note(&self.ledger, "ledger", trouble);
    }

    /// Notes how the targets answered.
    pub(crate) fn target(&self, trouble: Option<String>) {
        note(&self.target, "target", trouble);
    }

    /// What keeps it from working; a ledger that is away does not.
    pub(crate) async fn hindrance(&self) -> Option<String> {
        match self.broker.trouble().await {
            Some(why) => Some(format!("broker: {why}")),
            None => held(&self.target).map(|why| format!("target: {why}")),
        }
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
        (Some(_), Some(_)) | (None, None) => return,
    }
    *held = trouble;
}
