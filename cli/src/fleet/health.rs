//! How a coordinator or worker is: what troubles it, and its metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use broker::Broker;
use protocol::fault::{Code, Fault};
use tokio::time::Instant;

use super::metrics::Metrics;

/// What a ledger answered to one kind of question, and to no other, counts until that one is answered
/// well; or until nobody has asked it for so long, since then it hinders nobody.
const HINDERS_FOR: Duration = Duration::from_secs(60);

/// What is known of the process at this moment.
pub(crate) struct Health {
    pub(crate) metrics: Metrics,
    broker: Arc<dyn Broker>,
    ledger: Mutex<Ledger>,
    /// Why a target could not be reached when last asked.
    target: Mutex<Option<String>>,
}

/// What is known of the ledger.
#[derive(Default)]
struct Ledger {
    /// Why it could not be asked at all when last asked.
    away: Option<Trouble>,
    /// To which questions it answered that it will not, or cannot: it may answer others meanwhile.
    denied: BTreeMap<&'static str, Trouble>,
}

struct Trouble {
    code: Code,
    said: String,
    at: Instant,
}

/// Whether a server is there and refuses us, so that waiting does not help.
pub(crate) fn is_refusal(fault: &Fault) -> bool {
    is_refused(fault.code())
}

fn is_refused(code: Code) -> bool {
    matches!(code, Code::LoginRefused | Code::RightsMissing)
}

/// Whether an answer says something of this one question only.
fn is_denied(code: Code) -> bool {
    matches!(code, Code::RightsMissing | Code::LedgerUnusable)
}

impl Health {
    /// All is well so far.
    pub(crate) fn new(broker: Arc<dyn Broker>) -> Self {
        let (ledger, target) = (Mutex::default(), Mutex::default());
        Self { metrics: Metrics::default(), broker, ledger, target }
    }

    /// Notes how the ledger answered a question. It is told once when it begins to refuse us, or is
    /// otherwise in trouble, and once when it is well again, for whoever reads logs.
    pub(crate) fn ledger(&self, question: &'static str, trouble: Option<&Fault>) {
        let mut ledger = self.known();
        let (before, refused_before) = (ledger.trouble().is_some(), ledger.refusal().is_some());
        // What is too old to hinder was told all the same.
        let told = before || !ledger.denied.is_empty();
        ledger.note(question, trouble);
        let refused = ledger.refusal().is_some();
        match trouble {
            Some(fault) if refused && !refused_before => {
                tracing::warn!(part = "ledger", error = %fault, next = fault.advice(), "it refuses us");
            }
            Some(fault) if !before => {
                tracing::warn!(part = "ledger", error = %fault, "in trouble");
            }
            Some(_) | None => {
                if told && ledger.trouble().is_none() {
                    tracing::info!(part = "ledger", "well again");
                }
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("nothing panics while it is held")
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
        let ledger = self.known().refusal().map(|why| format!("ledger: {}", why.said));
        ledger.or_else(|| held(&self.target).map(|why| format!("target: {why}")))
    }

    /// Its metrics, now.
    pub(crate) async fn scrape(&self) -> String {
        let broker = self.broker.trouble().await.is_some();
        self.metrics.trouble("broker", broker);
        self.metrics.trouble("ledger", self.known().trouble().is_some());
        self.metrics.trouble("target", held(&self.target).is_some());
        self.metrics.text()
    }
}

impl Trouble {
    /// Whether what it was answered to was asked lately.
    fn hinders(&self) -> bool {
        self.at.elapsed() < HINDERS_FOR
    }
}

impl Ledger {
    fn note(&mut self, question: &'static str, trouble: Option<&Fault>) {
        self.denied.retain(|_, trouble| trouble.hinders());
        let of = |fault: &Fault| Trouble {
            code: fault.code(),
            said: fault.to_string(),
            at: Instant::now(),
        };
        match trouble {
            Some(fault) if is_denied(fault.code()) => {
                // It was there to deny it.
                self.away = None;
                self.denied.insert(question, of(fault));
            }
            Some(fault) => self.away = Some(of(fault)),
            None => {
                self.away = None;
                self.denied.remove(question);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Trouble> {
        self.away.iter().chain(self.denied.values().filter(|trouble| trouble.hinders()))
    }

    fn trouble(&self) -> Option<&Trouble> {
        self.all().next()
    }

    /// Why it refuses us, although it is there.
    fn refusal(&self) -> Option<&Trouble> {
        self.all().find(|trouble| is_refused(trouble.code))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: Code) -> Fault {
        Fault::new(code, "Redis at here:6379")
    }

    fn health() -> Health {
        Health::new(Arc::new(broker::Memory::default()))
    }

    /// Whether it is ready, and whether anything troubles the ledger.
    async fn is(health: &Health) -> (bool, bool) {
        let in_trouble = health.known().trouble().is_some();
        (health.hindrance().await.is_none(), in_trouble)
    }

    #[tokio::test]
    async fn a_forbidden_question_hinders_until_that_one_is_answered() {
        let health = health();
        health.ledger("claim", Some(&fault(Code::RightsMissing)));
        for _ in 0..3 {
            health.ledger("present", None);
            assert_eq!(is(&health).await, (false, true));
            health.ledger("claim", Some(&fault(Code::RightsMissing)));
            assert_eq!(is(&health).await, (false, true));
        }
        health.ledger("claim", None);
        assert_eq!(is(&health).await, (true, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_forbidden_question_that_nobody_asks_any_more_hinders_nobody() {
        let health = health();
        health.ledger("claim", Some(&fault(Code::RightsMissing)));
        tokio::time::advance(HINDERS_FOR - Duration::from_millis(1)).await;
        health.ledger("present", None);
        assert_eq!(is(&health).await, (false, true));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(is(&health).await, (true, false), "whether or not anything else is asked");
        health.ledger("present", None);
        assert_eq!(is(&health).await, (true, false));
    }

    #[tokio::test]
    async fn a_refused_login_hinders_until_anything_is_answered_and_an_absence_does_not() {
        let health = health();
        health.ledger("claim", Some(&fault(Code::LoginRefused)));
        assert_eq!(is(&health).await, (false, true));
        health.ledger("present", None);
        assert_eq!(is(&health).await, (true, false));
        health.ledger("claim", Some(&fault(Code::Unreachable)));
        assert_eq!(is(&health).await, (true, true));
        health.ledger("claim", Some(&fault(Code::LedgerUnusable)));
        health.ledger("present", None);
        assert_eq!(is(&health).await, (true, true), "it is there, and of no use");
    }
}
