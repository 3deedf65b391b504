//! A span: a piece of a run's time with a name, in the form that OpenTelemetry's exporter takes.
//!
//! A run's trace has the run's own id, so that whoever knows the run finds the trace, and no process has
//! to ask another what it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, Key, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use protocol::clock::Instant;
use protocol::id::RunId;
use protocol::trace::Trace;
use uuid::Uuid;

/// Bit 0 of a trace parent: it is recorded.
const RECORDED: u8 = 1;

/// The span of a run's submission, under which all others are.
pub(crate) fn root(run: RunId) -> Trace {
    of(run.0, run.0)
}

/// A new span in the trace of another.
fn beside(parent: Trace) -> Trace {
    of(Uuid::from_bytes(parent.trace()), Uuid::new_v4())
}

fn of(trace: Uuid, span: Uuid) -> Trace {
    let [.., a, b, c, d, e, f, g, h] = span.into_bytes();
    Trace::new(trace.into_bytes(), [a, b, c, d, e, f, g, h], RECORDED)
        .expect("the variant of a UUID is not zero")
}

/// One span.
pub(crate) struct Span {
    me: Trace,
    parent: Option<Trace>,
    kind: SpanKind,
    name: &'static str,
    from: Instant,
    to: Instant,
    attributes: Vec<KeyValue>,
    events: Vec<Event>,
    error: Option<String>,
}

impl Span {
    /// The first span of a run's trace.
    pub(crate) fn first(run: RunId, name: &'static str, from: Instant, to: Instant) -> Self {
        Self::new(root(run), None, name, from, to)
    }

    /// A span under another one.
    pub(crate) fn under(parent: Trace, name: &'static str, from: Instant, to: Instant) -> Self {
        Self::new(beside(parent), Some(parent), name, from, to)
    }

    fn new(
        me: Trace,
        parent: Option<Trace>,
        name: &'static str,
        from: Instant,
        to: Instant,
    ) -> Self {
        let (attributes, events) = (Vec::new(), Vec::new());
        let kind = SpanKind::Internal;
        Self { me, parent, kind, name, from, to, attributes, events, error: None }
    }

    /// What others hang under.
    pub(crate) fn trace(&self) -> Trace {
        self.me
    }

    pub(crate) fn of_kind(self, kind: SpanKind) -> Self {
        Self { kind, ..self }
    }

    pub(crate) fn until(self, to: Instant) -> Self {
        Self { to, ..self }
    }

    pub(crate) fn with(mut self, key: impl Into<Key>, value: impl Into<Value>) -> Self {
        self.attributes.push(KeyValue::new(key, value));
        self
    }

    /// A count; one that OpenTelemetry cannot hold is told as the greatest that it can.
    pub(crate) fn counting(self, key: impl Into<Key>, count: u64) -> Self {
        self.with(key, i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Something that happened in it.
    pub(crate) fn met(&mut self, what: &'static str, at: Instant, said: Vec<KeyValue>) {
        self.events.push(Event::new(what, time(at), said, 0));
    }

    pub(crate) fn failed(self, why: Option<String>) -> Self {
        Self { error: why, ..self }
    }

    pub(super) fn into_data(self) -> SpanData {
        let id = |trace: Trace| SpanId::from_bytes(trace.span());
        let mut events = SpanEvents::default();
        events.events = self.events;
        SpanData {
            span_context: SpanContext::new(
                TraceId::from_bytes(self.me.trace()),
                id(self.me),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: self.parent.map_or(SpanId::INVALID, id),
            parent_span_is_remote: false,
            span_kind: self.kind,
            name: self.name.into(),
            start_time: time(self.from),
            // Two machines' clocks may differ; a span never ends before it began.
            end_time: time(self.to.max(self.from)),
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events,
            links: SpanLinks::default(),
            status: self.error.map_or(Status::Unset, Status::error),
            instrumentation_scope: InstrumentationScope::builder("longhaul").build(),
        }
    }
}

fn time(at: Instant) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(at.0).unwrap_or_default())
}
