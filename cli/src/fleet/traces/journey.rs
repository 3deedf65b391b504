//! Chunks on their way: rung for, waiting, in hands, done. What passes between a role and its broker
//! and ledger says all that a trace needs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use broker::{Broker, Delivery, Task};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use protocol::clock::{Clock, Instant};
use protocol::event::Fact;
use protocol::fault::Fault;
use protocol::finding::Finding;
use protocol::id::{ChunkId, RunId};

use super::{Span, Traces, root};

/// Chunks that are remembered at once. Those that were sent away or given back are never heard of
/// again, so the oldest gives way; no worker has nearly so many slots.
const OPEN_MAX: usize = 1024;

/// The chunks that are in the hands of this process.
pub(crate) struct Journeys {
    traces: Traces,
    clock: Arc<dyn Clock>,
    chunks: Mutex<Chunks>,
}

/// Apart, since a double of a task may come while its chunk is in hands.
#[derive(Default)]
struct Chunks {
    /// Those whose tasks came.
    came: BTreeMap<(RunId, ChunkId), Journey>,
    /// Those that are claimed.
    claimed: BTreeMap<(RunId, ChunkId), Journey>,
}

/// A chunk in hands.
struct Journey {
    span: Span,
    came: Instant,
}

impl Journeys {
    pub(super) fn new(traces: Traces, clock: Arc<dyn Clock>) -> Self {
        Self { traces, clock, chunks: Mutex::default() }
    }

    /// Where spans go.
    pub(crate) fn traces(&self) -> &Traces {
        &self.traces
    }

    /// A task came out of the queue.
    fn came(&self, task: &Task) {
        let came = self.clock.now();
        let parent = task.trace.unwrap_or_else(|| root(task.run));
        let span = Span::under(parent, "chunk", came, came)
            .of_kind(SpanKind::Consumer)
            .with("longhaul.run", task.run.to_string())
            .counting("longhaul.chunk", task.chunk.0.into());
        if let (Some(rung), Some(_)) = (task.rung, task.trace) {
            self.traces.tell(Span::under(parent, "queue", rung.min(came), came));
        }
        remember(&mut self.chunks().came, (task.run, task.chunk), Journey { span, came });
    }

    /// Something was told of a run.
    pub(crate) fn hear(&self, run: RunId, fact: &Fact) {
        let now = self.clock.now();
        let mut chunks = self.chunks();
        match fact {
            Fact::Claimed { chunk, stage, what, worker, .. } => {
                let Some(journey) = chunks.came.remove(&(run, *chunk)) else { return };
                let span = journey
                    .span
                    .with("longhaul.stage", stage.as_str())
                    .with("longhaul.what", what.clone())
                    .with("longhaul.worker", worker.0.clone());
                let journey = Journey { span, ..journey };
                remember(&mut chunks.claimed, (run, *chunk), journey);
            }
            Fact::Faulted { chunk, code, attempt, parked, .. } => {
                let Some(mut journey) = chunks.claimed.remove(&(run, *chunk)) else { return };
                let said = vec![
                    KeyValue::new("longhaul.code", code.clone()),
                    KeyValue::new("longhaul.attempt", i64::from(*attempt)),
                ];
                journey.span.met("fault", now, said);
                if *parked {
                    self.traces.tell(journey.span.until(now).failed(Some(code.clone())));
                } else {
                    chunks.claimed.insert((run, *chunk), journey);
                }
            }
            Fact::Done { chunk, rows, rejected, bytes, again, spent, .. } => {
                let Some(journey) = chunks.claimed.remove(&(run, *chunk)) else { return };
                let mut span = journey
                    .span
                    .until(now)
                    .with("longhaul.again", *again)
                    .counting("longhaul.rows", *rows)
                    .counting("longhaul.rejected", *rejected)
                    .counting("longhaul.bytes", *bytes);
                // What is read from an older receipt was spent by somebody else.
                for (part, micros) in spent.parts().into_iter().filter(|_| !again) {
                    span = span.counting(format!("longhaul.spent.{part}_us"), micros);
                }
                self.traces.tell(span);
            }
            Fact::Run { .. }
            | Fact::Stage { .. }
            | Fact::Entity { .. }
            | Fact::Moving { .. }
            | Fact::Finding { .. }
            | Fact::Worker { .. }
            | Fact::Gap { .. } => {}
        }
    }

    fn chunks(&self) -> MutexGuard<'_, Chunks> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(
    chunks: &mut BTreeMap<(RunId, ChunkId), Journey>,
    which: (RunId, ChunkId),
    journey: Journey,
) {
    chunks.insert(which, journey);
    if chunks.len() > OPEN_MAX {
        let oldest = chunks.iter().min_by_key(|(_, journey)| journey.came);
        let oldest = oldest.map(|(which, _)| *which);
        oldest.and_then(|oldest| chunks.remove(&oldest));
    }
}

/// A broker whose tasks are parts of traces.
pub(crate) struct Traced {
    pub(super) inner: Arc<dyn Broker>,
    pub(super) journeys: Arc<Journeys>,
}

#[async_trait]
impl Broker for Traced {
    async fn publish(&self, task: Task) -> Result<(), Fault> {
        let now = || self.journeys.clock.now();
        let from = now();
        let span = Span::under(root(task.run), "publish", from, from)
            .of_kind(SpanKind::Producer)
            .with("longhaul.run", task.run.to_string())
            .counting("longhaul.chunk", task.chunk.0.into())
            .counting("longhaul.epoch", task.epoch);
        let published = self.inner.publish(Task { trace: Some(span.trace()), ..task }).await;
        let failed = published.as_ref().err().map(|fault| fault.code().to_string());
        self.journeys.traces.tell(span.until(now()).failed(failed));
        published
    }

    async fn next(&self) -> Result<Option<Delivery>, Fault> {
        let delivery = self.inner.next().await?;
        if let Some(delivery) = &delivery {
            self.journeys.came(delivery.task());
        }
        Ok(delivery)
    }

    async fn purge(&self) -> Result<(), Fault> {
        self.inner.purge().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    async fn trouble(&self) -> Option<String> {
        self.inner.trouble().await
    }

    async fn examine(&self) -> Result<Vec<Finding>, Fault> {
        self.inner.examine().await
    }
}
