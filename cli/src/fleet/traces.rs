//! Traces: each run of a fleet is one, from its submission through the queue to the commit of each
//! chunk, told to an OpenTelemetry collector where there is one.
//!
//! # Promises
//! 1. A collector that is slow, away or confused costs spans and nothing else: nobody waits for it but
//!    a process that ends, and that for [`LAST_WORDS`] at most.
//! 2. A span says names, counts and times; never a row's value, and never a secret.
//!
//! As metrics are, spans are made where messages and events pass ([`journey`]), not where work is done.

mod collector;
mod journey;
mod span;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{info, warn};

use crate::config::Fleet;

pub(crate) use journey::{Journeys, Traced};
pub(crate) use span::{Span, root};

/// Spans that wait to be sent; further ones are dropped.
const WAITING_MAX: usize = 8192;

/// Spans in one request.
const BATCH: usize = 512;

/// How often what has come together is sent.
const SEND_EVERY: Duration = Duration::from_secs(1);

/// How long a process that ends waits for what it has not sent yet.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Where the spans of this process go. Copies are handles on the same place.
#[derive(Clone)]
pub(crate) struct Traces(mpsc::Sender<Word>);

enum Word {
    Span(Box<SpanData>),
    Flush(oneshot::Sender<()>),
}

impl Traces {
    /// The collector that the variables or the file name, or none. A collector that makes no sense is
    /// said, and done without.
    pub(crate) fn begin(fleet: &Fleet, role: &'static str, id: &str) -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|said| !said.is_empty());
        let place = collector::place(&variable, fleet.traces.as_ref())?;
        match collector::exporter(&place, role, id) {
            Ok(exporter) => {
                let (say, words) = mpsc::channel(WAITING_MAX);
                tokio::spawn(send_on(exporter, words));
                Some(Self(say))
            }
            Err(why) => {
                warn!(error = %why, "this run is not traced");
                None
            }
        }
    }

    /// Takes a span, or drops it where too many wait.
    pub(crate) fn tell(&self, span: Span) {
        // An error says that there is no room, and that is what a span is worth.
        let _ = self.0.try_send(Word::Span(Box::new(span.into_data())));
    }

    /// Waits until what was told is sent, but not for long.
    pub(crate) async fn flush(&self) {
        let flushing = async {
            let (say, done) = oneshot::channel();
            self.0.send(Word::Flush(say)).await.ok()?;
            done.await.ok()
        };
        let _ = timeout(LAST_WORDS, flushing).await;
    }
}

/// Sends what comes, in batches, for as long as anybody may tell something.
async fn send_on(exporter: SpanExporter, mut words: mpsc::Receiver<Word>) {
    let mut batch = Vec::new();
    let mut well = true;
    let mut now_and_then = interval(SEND_EVERY);
    now_and_then.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let flushed = tokio::select! {
            word = words.recv() => match word {
                Some(Word::Span(span)) => {
                    batch.push(*span);
                    if batch.len() < BATCH {
                        continue;
                    }
                    None
                }
                Some(Word::Flush(done)) => Some(done),
                None => return,
            },
            _ = now_and_then.tick() => None,
        };
        if !batch.is_empty() {
            let sent = exporter.export(std::mem::take(&mut batch)).await;
            say(&mut well, sent.err().map(|error| error.to_string()));
        }
        if let Some(done) = flushed {
            // Whoever asked may have lost patience.
            let _ = done.send(());
        }
    }
}

/// Says once that the collector takes nothing, and once that it does again.
fn say(well: &mut bool, error: Option<String>) {
    match (&error, *well) {
        (Some(error), true) => warn!(error, "the collector takes no traces; the run goes on"),
        (None, false) => info!("the collector takes traces again"),
        (Some(_), false) | (None, true) => {}
    }
    *well = error.is_none();
}

/// Both sides of what a role is traced by.
pub(crate) fn around(
    traces: Option<Traces>,
    broker: Arc<dyn broker::Broker>,
) -> (Arc<dyn broker::Broker>, Option<Arc<Journeys>>) {
    match traces {
        None => (broker, None),
        Some(traces) => {
            let journeys = Arc::new(Journeys::new(traces, crate::assemble::clock()));
            (Arc::new(Traced { inner: broker, journeys: journeys.clone() }), Some(journeys))
        }
    }
}
