//! A run of the fleet, watched from any machine until it ends.
//!
//! Told by the ledger's events where it has them; where it is away or forgot, drawn from the
//! receipts in the run's home. The home alone says when the run is over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use coordinator::Ended;
use endpoint::{Home, Target};
use ledger::Ledger;
use protocol::chunk;
use protocol::event::{Event, Fact};
use protocol::fault::Fault;
use protocol::id::{ChunkId, RunId};
use protocol::plan::Plan;
use protocol::receipt::Receipt;
use protocol::run::{Record, State};
use tokio::time;

use crate::args::Global;
use crate::execute::Outcome;
use crate::exit::Answer;
use crate::fleet::meant::Meant;
use crate::progress::{self, Drawing};
use crate::signals::Signals;
use crate::{assemble, render};

/// Events fetched in one go.
const PAGE: usize = 1000;

/// How often to look for events.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often to ask the home.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How often to read the receipts while the ledger says nothing.
const READ_EVERY: Duration = Duration::from_secs(2);

/// For how long nothing may move before parked chunks count as holding up the rest.
const STUCK_AFTER: Duration = Duration::from_secs(3);

/// When to stop watching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// When the run is over.
    Over,
    /// Also when it waits for a person: paused, or held up by parked chunks.
    Waiting,
}

/// Narrates the run, and ends as it does.
pub(crate) async fn watch(global: &Global, meant: Meant, until: Until) -> Answer {
    let Meant { mut found, ledger, .. } = meant;
    let run = found.record.run;
    let plan = Arc::new(found.home.plan(run).await?);
    let mut signals = Signals::only_looking();
    let mut watcher = Watcher {
        run,
        plan: plan.clone(),
        ledger,
        target: found.target,
        home: Some(found.home),
        drawing: progress::drawing(global.progress, plan),
        heard: Heard::default(),
        away: Away::default(),
        until,
    };
    let ended = tokio::select! {
        ended = watcher.follow() => Ok(ended),
        code = signals.first() => Err(code),
    };
    watcher.drawing.end();
    match ended {
        Ok(ended) => answer(global, run, watcher.target, watcher.ledger, ended).await,
        Err(code) => {
            progress::insist(&format!(
                "the run goes on; watch it with: longhaul watch {}",
                run.short()
            ));
            Ok(code)
        }
    }
}

async fn answer(
    global: &Global,
    run: RunId,
    target: Arc<dyn Target>,
    ledger: Arc<dyn Ledger>,
    ended: Ended,
) -> Answer {
    let mut home = target.home().await?;
    let report = assemble::report(home.as_mut(), ledger.as_ref(), run).await?;
    let folder = assemble::folder(global, run);
    let files = render::report::save(&report, &folder);
    let outcome = Outcome::Ended(ended);
    let strict = global.strict;
    let end = render::End {
        report: &report,
        outcome,
        signal: None,
        folder: &folder,
        fleet: true,
        strict,
    };
    let code = render::end(global.output, &end);
    files?;
    Ok(code)
}

struct Watcher {
    run: RunId,
    plan: Arc<Plan>,
    ledger: Arc<dyn Ledger>,
    target: Arc<dyn Target>,
    /// Opened anew after a fault.
    home: Option<Box<dyn Home>>,
    drawing: Drawing,
    heard: Heard,
    away: Away,
    until: Until,
}

/// What was heard so far.
#[derive(Default)]
struct Heard {
    after: u64,
    /// Chunks that were drawn as done, so that receipts do not count them twice.
    done: BTreeSet<ChunkId>,
    state: Option<State>,
    /// Since when parked chunks have held up the rest.
    stuck: Option<time::Instant>,
    read: Option<time::Instant>,
}

/// What does not answer, so that it is said once.
#[derive(Default)]
struct Away {
    ledger: bool,
    home: bool,
}

impl Watcher {
    /// Until the end, however long that takes; what is away meanwhile is said once and tried again.
    async fn follow(&mut self) -> Ended {
        let mut asked = None::<time::Instant>;
        loop {
            self.listen().await;
            self.drawing.tick();
            if asked.is_none_or(|at| at.elapsed() >= ASK_EVERY) {
                asked = Some(time::Instant::now());
                match self.ask().await {
                    Ok(Some(ended)) => return ended,
                    Ok(None) => self.away.home = false,
                    Err(fault) => self.lost_home(&fault),
                }
            }
            time::sleep(LOOK_EVERY).await;
        }
    }

    /// Draws the events that came; all of them, from the beginning.
    async fn listen(&mut self) {
        loop {
            match self.ledger.events(self.run, self.heard.after, PAGE).await {
                Ok(page) => {
                    if self.away.ledger {
                        self.away.ledger = false;
                        progress::say("the ledger is there again");
                    }
                    for event in &page {
                        self.draw(event);
                    }
                    if page.len() < PAGE {
                        return;
                    }
                }
                Err(fault) => {
                    if !self.away.ledger {
                        self.away.ledger = true;
                        progress::say(&format!("{fault}; looking at the receipts instead"));
                    }
                    return;
                }
            }
        }
    }

    fn draw(&mut self, event: &Event) {
        self.heard.after = event.sequence;
        match &event.fact {
            Fact::Done { chunk, .. } if !self.heard.done.insert(*chunk) => return,
            // What is missing stands in the receipts.
            Fact::Gap { .. } => self.heard.read = None,
            Fact::Run { .. }
            | Fact::Stage { .. }
            | Fact::Entity { .. }
            | Fact::Claimed { .. }
            | Fact::Moving { .. }
            | Fact::Done { .. }
            | Fact::Faulted { .. }
            | Fact::Finding { .. }
            | Fact::Worker { .. } => {}
        }
        self.drawing.event(event);
    }

    /// Asks the home how the run stands.
    async fn ask(&mut self) -> Result<Option<Ended>, Fault> {
        let mut home = match self.home.take() {
            Some(home) => home,
            None => self.target.home().await?,
        };
        let record = home.run(self.run).await?;
        let first = self.heard.read.is_none();
        let due = self.heard.read.is_none_or(|at| at.elapsed() >= READ_EVERY);
        if first || (self.away.ledger && due) || record.state.is_final() {
            self.heard.read = Some(time::Instant::now());
            for receipt in home.receipts(self.run).await? {
                self.take(&receipt);
            }
        }
        self.home = Some(home);
        self.tell_state(&record);
        Ok(match record.state {
            State::Complete => Some(Ended::Complete),
            State::Cancelled | State::Void => Some(Ended::Cancelled),
            State::Paused if self.until == Until::Waiting => Some(Ended::Paused),
            State::Paused => None,
            State::Planning | State::Running => self.stuck().await.then_some(Ended::Stuck),
        })
    }

    /// Draws a receipt that no event told of.
    fn take(&mut self, receipt: &Receipt) {
        let Some(chunk) = self.plan.chunk(receipt.chunk) else { return };
        if !self.heard.done.insert(receipt.chunk) {
            return;
        }
        let fact = Fact::Done {
            chunk: receipt.chunk,
            entity: chunk.entity,
            stage: chunk.stage,
            what: self.plan.what(chunk),
            rows: receipt.written.rows,
            rejected: receipt.rejected,
            bytes: receipt.bytes,
            again: true,
            spent: receipt.spent,
        };
        let (sequence, run, at) = (self.heard.after, self.run, receipt.finished);
        self.drawing.event(&Event { sequence, run, at, fact });
    }

    /// Says in words what changed, where people read.
    fn tell_state(&mut self, record: &Record) {
        let before = self.heard.state.replace(record.state);
        if before == Some(record.state) {
            return;
        }
        let run = self.run;
        match record.state {
            State::Paused => {
                progress::say(&format!("paused; continue with: longhaul resume {}", run.short()))
            }
            State::Running if before == Some(State::Paused) => progress::say("running again"),
            State::Planning | State::Running | State::Cancelled | State::Complete | State::Void => {
            }
        }
    }

    /// Whether parked chunks hold up the rest, for a while now. Only the ledger knows.
    async fn stuck(&mut self) -> bool {
        let known = match self.ledger.checkpoints(self.run).await {
            Ok(Some(known)) if self.until == Until::Waiting => known,
            Ok(_) | Err(_) => return false,
        };
        let count = |is: fn(&chunk::State) -> bool| known.states.iter().any(is);
        let moves = count(|state| matches!(state, chunk::State::Ready | chunk::State::Claimed(_)));
        if moves || !count(|state| *state == chunk::State::Parked) {
            self.heard.stuck = None;
            return false;
        }
        let since = self.heard.stuck.get_or_insert_with(time::Instant::now);
        since.elapsed() >= STUCK_AFTER
    }

    fn lost_home(&mut self, fault: &Fault) {
        self.home = None;
        if !self.away.home {
            self.away.home = true;
            progress::say(&format!("{fault}; asking again"));
        }
    }
}
