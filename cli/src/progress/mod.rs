//! Narration on stderr: what a run is doing, for whoever watches.
//!
//! A narrator listens to the ledger's events and draws them in one of four ways. It decides
//! nothing, and a run does not notice whether anybody narrates.

mod bars;
mod logs;
mod pace;
mod plain;
mod screen;
mod tally;

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ledger::Ledger;
use protocol::event::{Change, Event, Fact};
use protocol::id::RunId;
use protocol::plan::Plan;
use protocol::receipt::Receipt;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) use logs::init_logs;
pub(crate) use tally::{counted, grouped, span, whole};

use crate::args::ProgressMode;
use crate::render::visible;

/// Draws events.
trait Narrator: Send + Sync {
    fn event(&mut self, event: &Event);
    /// Called every [`TICK`].
    fn tick(&mut self) {}
    fn end(&mut self);
}

/// How often what is drawn is drawn again.
const TICK: Duration = Duration::from_millis(250);

/// A narrator at work.
pub(crate) struct Narration {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Narration {
    /// Draws what is left to draw, and ends.
    pub(crate) async fn end(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// Begins to narrate a run.
pub(crate) fn narrate(
    mode: ProgressMode,
    plan: &Arc<Plan>,
    ledger: &Arc<dyn Ledger>,
    run: RunId,
    receipts: &[Receipt],
) -> Narration {
    let mut events = ledger.subscribe();
    let mut narrator = narrator(mode, plan.clone(), receipts);
    let (stop, mut stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        let mut tick = tokio::time::interval(TICK);
        loop {
            let event = tokio::select! {
                biased;
                _ = tick.tick() => {
                    narrator.tick();
                    continue;
                }
                event = events.recv() => event,
                _ = &mut stopped => break,
            };
            match event {
                Ok(event) if event.run == run => narrator.event(&event),
                // Whoever draws too slowly misses some; the next ones say how far things are.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => break,
            }
        }
        narrator.end();
    });
    Narration { stop, task }
}

/// A narrator that is told event by event.
pub(crate) struct Drawing(Box<dyn Narrator>);

/// Begins to draw a run whose events come from elsewhere.
pub(crate) fn drawing(mode: ProgressMode, plan: Arc<Plan>) -> Drawing {
    Drawing(narrator(mode, plan, &[]))
}

impl Drawing {
    /// Draws an event.
    pub(crate) fn event(&mut self, event: &Event) {
        self.0.event(event);
    }

    /// Draws what there is anew; to be called a few times in a second.
    pub(crate) fn tick(&mut self) {
        self.0.tick();
    }

    /// Takes away what should not stay.
    pub(crate) fn end(&mut self) {
        self.0.end();
    }
}

fn narrator(mode: ProgressMode, plan: Arc<Plan>, receipts: &[Receipt]) -> Box<dyn Narrator> {
    match mode {
        ProgressMode::Auto if std::io::stderr().is_terminal() => {
            Box::new(bars::Bars::new(plan, receipts))
        }
        ProgressMode::Auto | ProgressMode::Plain => Box::new(plain::Plain::new(plan, receipts)),
        ProgressMode::Bars => Box::new(bars::Bars::new(plan, receipts)),
        ProgressMode::Json => Box::new(Json),
        ProgressMode::None => Box::new(Silent),
    }
}

struct Json;

impl Narrator for Json {
    fn event(&mut self, event: &Event) {
        write_json(&event.to_json());
    }
    fn end(&mut self) {}
}

struct Silent;

impl Narrator for Silent {
    fn event(&mut self, _: &Event) {}
    fn end(&mut self) {}
}

/// How this process narrates.
static MODE: OnceLock<ProgressMode> = OnceLock::new();

/// Says how this process narrates, once and for all.
pub(crate) fn init(mode: ProgressMode) {
    // A second call in one process, as in tests, keeps the first's mode.
    let _ = MODE.set(mode);
}

/// Whether every line on stderr is JSON.
pub(crate) fn is_json() -> bool {
    MODE.get() == Some(&ProgressMode::Json)
}

/// A line of narration, for people who want one.
pub(crate) fn say(line: &str) {
    match MODE.get() {
        Some(ProgressMode::Json | ProgressMode::None) => {}
        Some(ProgressMode::Auto | ProgressMode::Bars | ProgressMode::Plain) | None => write(line),
    }
}

/// A line that is said however quiet a run is to be: what went wrong, and what to do next.
pub(crate) fn insist(line: &str) {
    if is_json() {
        write_json(&serde_json::json!({ "message": line }).to_string());
    } else {
        write(line);
    }
}

/// One line on stderr, or several, above what is drawn there. A reader that has gone is nobody's fault.
pub(crate) fn write(line: &str) {
    write_styled(&visible::lines(line));
}

/// One line of JSON on stderr.
pub(crate) fn write_json(json: &str) {
    write_styled(&visible::json(json));
}

/// A question on stderr, which is answered in the same line.
pub(crate) fn ask(question: &str) {
    let mut asked = std::io::stderr();
    let _ = write!(asked, "{}", visible::lines(question));
    let _ = asked.flush();
}

/// What was made safe to look at, and then given colours of ours.
pub(crate) fn write_styled(safe: &str) {
    if !screen::above(safe) {
        let _ = writeln!(std::io::stderr(), "{safe}");
    }
}

/// How far something is that is no run: a line that is drawn anew in a terminal, and said now and then
/// elsewhere.
pub(crate) struct Gauge {
    what: String,
    all: u64,
    told: Instant,
    bars: bool,
}

impl Gauge {
    /// Of so many rows.
    pub(crate) fn new(mode: ProgressMode, what: &str, all: u64) -> Self {
        let bars = match mode {
            ProgressMode::Auto => std::io::stderr().is_terminal(),
            ProgressMode::Bars => true,
            ProgressMode::Plain | ProgressMode::Json | ProgressMode::None => false,
        };
        Self { what: what.into(), all, told: Instant::now(), bars }
    }

    /// So many are done.
    pub(crate) fn far(&mut self, rows: u64) {
        let every = if self.bars { TICK } else { TICK * 20 };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        let share = tally::percent(rows, self.all.max(rows));
        let line = format!(
            "{} {share:>3}%  {} of ~{} rows",
            self.what,
            grouped(rows),
            grouped(self.all.max(rows))
        );
        if self.bars {
            screen::draw(vec![line]);
        } else {
            say(&line);
        }
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        if self.bars {
            screen::clear();
        }
    }
}

/// Whether a fact says that something went wrong, and what.
fn trouble(fact: &Fact) -> Option<String> {
    match fact {
        Fact::Faulted { what, message, advice, parked: true, .. } => {
            let [what, message, advice] = [what, message, advice].map(|said| visible::text(said));
            Some(format!("parked: {what}: {message}\n        {advice}"))
        }
        Fact::Faulted { what, message, attempt, parked: false, .. } => {
            let [what, message] = [what, message].map(|said| visible::text(said));
            Some(format!("{what}: attempt {attempt} failed and is repeated shortly: {message}"))
        }
        Fact::Finding { code, message } => {
            let [code, message] = [code, message].map(|said| visible::text(said));
            Some(format!("finding [{code}]: {message}"))
        }
        Fact::Worker { worker, change: Change::Lost, .. } => {
            Some(format!("worker {worker} was lost; its chunks are reassigned"))
        }
        Fact::Run { .. }
        | Fact::Worker { .. }
        | Fact::Stage { .. }
        | Fact::Entity { .. }
        | Fact::Claimed { .. }
        | Fact::Moving { .. }
        | Fact::Done { .. }
        | Fact::Gap { .. } => None,
    }
}
