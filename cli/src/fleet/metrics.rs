//! What a coordinator or worker shows to Prometheus.
//!
//! Counters are told of facts as they are published; gauges are taken from what the leader of a
//! run last saw. Nothing here decides anything, and nobody below `cli` knows of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use ledger::Checkpoints;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use protocol::chunk::State;
use protocol::event::Fact;
use protocol::id::RunId;
use protocol::receipt::Spent;
use tokio::time::Instant;

/// A run that was not looked at for so long is led by somebody else, or over.
const SEEN_FOR: Duration = Duration::from_secs(10);

/// Upper bounds of a chunk's parts, in seconds: chunks aim at half a second to five.
const SECONDS: [f64; 10] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// The states that a chunk is counted under.
const STATES: [&str; 5] = ["waiting", "ready", "claimed", "done", "parked"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRun {
    run: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    run: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSlots {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPart {
    part: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCode {
    code: String,
}

type Histograms = Family<OfPart, Histogram, fn() -> Histogram>;

/// All that is counted in this process.
pub(crate) struct Metrics {
    registry: Registry,
    rows: Counter,
    bytes: Counter,
    rejects: Counter,
    faults: Family<OfCode, Counter>,
    seconds: Histograms,
    chunks: Family<OfState, Gauge>,
    pending: Gauge,
    leading: Family<OfRun, Gauge>,
    slots: Family<OfSlots, Gauge>,
    trouble: Family<OfPart, Gauge>,
    seen: Mutex<BTreeMap<RunId, Seen>>,
}

/// How a run stood when it was last looked at.
struct Seen {
    at: Instant,
    chunks: [u64; STATES.len()],
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("longhaul"),
            rows: Counter::default(),
            bytes: Counter::default(),
            rejects: Counter::default(),
            faults: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            chunks: Family::default(),
            pending: Gauge::default(),
            leading: Family::default(),
            slots: Family::default(),
            trouble: Family::default(),
            seen: Mutex::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let all = &mut self.registry;
        all.register("rows", "Rows written by chunks that are done", self.rows.clone());
        all.register("bytes", "Bytes written by chunks that are done", self.bytes.clone());
        all.register("rejects", "Rows refused by chunks that are done", self.rejects.clone());
        all.register("faults", "Faults that chunks met, by code", self.faults.clone());
        let (name, help) = ("chunk", "Where the time of chunks goes, by part");
        all.register_with_unit(name, help, Unit::Seconds, self.seconds.clone());
        all.register("chunks", "Chunks of the runs led here, by state", self.chunks.clone());
        let help = "Chunks ready or in hands, of the runs led here";
        all.register("pending_chunks", help, self.pending.clone());
        all.register("leading", "1 for each run that is led here", self.leading.clone());
        all.register("slots", "Slots of this worker, busy and free", self.slots.clone());
        let help = "1 where something outside is in trouble: broker, ledger, target";
        all.register("trouble", help, self.trouble.clone());
    }

    /// Counts what a fact says.
    pub(crate) fn hear(&self, fact: &Fact) {
        match fact {
            Fact::Done { rows, rejected, bytes, again: false, spent, .. } => {
                self.spent(spent);
                self.rows.inc_by(*rows);
                self.rejects.inc_by(*rejected);
                self.bytes.inc_by(*bytes);
            }
            Fact::Faulted { code, .. } => {
                self.faults.get_or_create(&OfCode { code: code.clone() }).inc();
            }
            Fact::Run { .. }
            | Fact::Stage { .. }
            | Fact::Entity { .. }
            | Fact::Claimed { .. }
            | Fact::Moving { .. }
            | Fact::Done { .. }
            | Fact::Finding { .. }
            | Fact::Worker { .. }
            | Fact::Gap { .. } => {}
        }
    }

    fn spent(&self, spent: &Spent) {
        let queue = spent.queue.map(|queue| ("queue", queue));
        for (part, micros) in spent.parts().into_iter().chain(queue) {
            let seconds = Duration::from_micros(micros).as_secs_f64();
            self.seconds.get_or_create(&OfPart { part }).observe(seconds);
        }
    }

    /// Notes how a run stands that is led here.
    pub(crate) fn saw(&self, run: RunId, known: &Checkpoints) {
        let mut chunks = [0; STATES.len()];
        for state in &known.states {
            chunks[place(*state)] += 1;
        }
        self.seen().insert(run, Seen { at: Instant::now(), chunks });
    }

    /// Notes how many slots are busy.
    pub(crate) fn slots(&self, busy: u32, all: u32) {
        for (state, slots) in [("busy", busy), ("free", all.saturating_sub(busy))] {
            self.slots.get_or_create(&OfSlots { state }).set(slots.into());
        }
    }

    /// Notes whether something outside is in trouble.
    pub(crate) fn trouble(&self, part: &'static str, is: bool) {
        self.trouble.get_or_create(&OfPart { part }).set(is.into());
    }

    /// All of it, in the text that Prometheus reads.
    pub(crate) fn text(&self) -> String {
        self.refresh();
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a text takes all that is written to it");
        text
    }

    /// Draws the gauges anew, without the runs that nobody here looks at any more.
    fn refresh(&self) {
        let mut seen = self.seen();
        seen.retain(|_, seen| seen.at.elapsed() < SEEN_FOR);
        self.chunks.clear();
        self.leading.clear();
        let mut pending = 0;
        for (run, seen) in seen.iter() {
            self.leading.get_or_create(&OfRun { run: run.to_string() }).set(1);
            for (state, chunks) in STATES.into_iter().zip(seen.chunks) {
                let of = OfState { run: run.to_string(), state };
                self.chunks.get_or_create(&of).set(gauged(chunks));
            }
            pending += seen.chunks[1] + seen.chunks[2];
        }
        self.pending.set(gauged(pending));
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<RunId, Seen>> {
        self.seen.lock().expect("nothing panics while it is held")
    }
}

fn gauged(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Which of [`STATES`] it is.
fn place(state: State) -> usize {
    match state {
        State::Waiting => 0,
        State::Ready => 1,
        State::Claimed(_) => 2,
        State::Done => 3,
        State::Parked => 4,
    }
}

#[cfg(test)]
mod tests {
    use protocol::id::{AttemptId, ChunkId};
    use protocol::plan::Stage;

    use super::*;

    const RUN: RunId = RunId(uuid::Uuid::nil());

    fn known(states: Vec<State>) -> Checkpoints {
        Checkpoints { states, attempts: BTreeMap::new(), holders: BTreeMap::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn the_gauges_are_of_the_runs_led_here_and_go_with_them() {
        let metrics = Metrics::default();
        let claimed = State::Claimed(AttemptId(uuid::Uuid::nil()));
        metrics.saw(RUN, &known(vec![State::Done, State::Ready, claimed, State::Waiting]));
        let text = metrics.text();
        let run = RUN.to_string();
        for line in [
            format!("longhaul_chunks{{run=\"{run}\",state=\"done\"}} 1"),
            format!("longhaul_leading{{run=\"{run}\"}} 1"),
            "longhaul_pending_chunks 2".into(),
        ] {
            assert!(text.lines().any(|l| l == line), "no `{line}` in {text}");
        }
        tokio::time::advance(SEEN_FOR).await;
        let text = metrics.text();
        assert!(text.contains("longhaul_pending_chunks 0") && !text.contains(&run), "{text}");
    }

    #[test]
    fn a_chunk_counts_when_it_is_done_and_not_when_that_is_heard_again() {
        let metrics = Metrics::default();
        let done = |again| Fact::Done {
            chunk: ChunkId(0),
            entity: None,
            stage: Stage::Copy,
            what: String::new(),
            rows: 7,
            rejected: 2,
            bytes: 70,
            again,
            spent: Spent { queue: Some(10_000), write: 300_000, ..Spent::default() },
        };
        metrics.hear(&done(false));
        metrics.hear(&done(true));
        let text = metrics.text();
        for line in [
            "longhaul_rows_total 7",
            "longhaul_bytes_total 70",
            "longhaul_rejects_total 2",
            "longhaul_chunk_seconds_sum{part=\"write\"} 0.3",
            "longhaul_chunk_seconds_sum{part=\"queue\"} 0.01",
            "longhaul_chunk_seconds_count{part=\"lock\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "no `{line}` in {text}");
        }
    }
}
