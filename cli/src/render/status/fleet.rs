//! What a status says of a run that a fleet carries: who carries it, and what troubles it.

use coordinator::SILENT_MS;
use ledger::{Checkpoints, Holder};
use protocol::fault::Fault;
use protocol::presence::{Presence, Role};
use protocol::run::{Record, State, Steering};
use serde::Serialize;

use super::super::{steering, visible};
use crate::fleet::crew;
use crate::progress::counted;

/// No claim in the ledger is believed for longer.
const CLAIM_MINUTES_MAX: u32 = 5;

/// Who carries the run, and what is in the way.
#[derive(Debug, Serialize)]
pub(crate) struct Fleet {
    led_seconds_ago: Option<u64>,
    /// `None` where the ledger does not say.
    workers: Option<usize>,
    slots: Option<u32>,
    chunks_in_hands: Option<usize>,
    asked: Steering,
    troubles: Vec<String>,
}

impl Fleet {
    /// Adds up what the record and the processes say.
    pub(crate) fn of(
        record: &Record,
        presences: &Result<Vec<Presence>, Fault>,
        known: &Result<Option<Checkpoints>, Fault>,
    ) -> Self {
        let there = presences.as_ref().ok();
        let workers = || there.into_iter().flatten().filter(|p| p.is_worker());
        let in_hands = || workers().flat_map(|p| &p.on).filter(|busy| busy.run == record.run);
        Self {
            led_seconds_ago: record.led_ms_ago.map(|ms| ms / 1000),
            workers: there.map(|_| workers().count()),
            slots: there.map(|_| workers().map(|p| p.slots).fold(0, u32::saturating_add)),
            chunks_in_hands: there.map(|_| in_hands().count()),
            asked: record.steering.clone(),
            troubles: troubles(record, presences, known),
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let things = |n: Option<u64>, one: &str, several: &str| {
            n.map_or_else(|| format!("? {several}"), |n| counted(n, one, several))
        };
        let mut out = format!(
            "  fleet: {} in progress, {} ({})\n  overrides: {}\n",
            things(self.chunks_in_hands.and_then(|n| u64::try_from(n).ok()), "chunk", "chunks"),
            things(self.workers.and_then(|n| u64::try_from(n).ok()), "worker", "workers"),
            things(self.slots.map(u64::from), "slot", "slots"),
            steering::text(&self.asked),
        );
        for trouble in &self.troubles {
            out += &format!("  trouble: {trouble}\n");
        }
        out
    }
}

/// What keeps the run from going on, or from being seen.
fn troubles(
    record: &Record,
    presences: &Result<Vec<Presence>, Fault>,
    known: &Result<Option<Checkpoints>, Fault>,
) -> Vec<String> {
    let mut troubles = Vec::new();
    if record.state.is_final() {
        return troubles;
    }
    let led: Result<(), String> = match record.led_ms_ago {
        None => Err("no coordinator leads it yet".into()),
        Some(ms) if ms > SILENT_MS => Err(format!("no coordinator has led it for {} s", ms / 1000)),
        Some(_) => Ok(()),
    };
    troubles.extend(led.clone().err());
    match presences {
        Err(fault) => troubles.push(format!("{fault}; the run goes on, unseen")),
        Ok(there) => {
            // Who leads is there, whatever a ledger says that has just lost everything; and while the
            // run is paused, nobody need work on it.
            let wanted =
                [(Role::Coordinator, led.is_err()), (Role::Worker, record.state != State::Paused)];
            let wanted = wanted.into_iter().filter_map(|(role, wanted)| wanted.then_some(role));
            let roles: Vec<_> = wanted.collect();
            troubles.extend(crew::hindrances([&record.from, &record.to], there, &roles));
            let said =
                there.iter().filter_map(|p| Some(format!("{}: {}", p.id, p.trouble.as_ref()?)));
            troubles.extend(said);
            match known {
                Ok(known) => troubles.extend(ghosts(known.as_ref(), there)),
                Err(fault) => troubles.push(format!("{fault}; the run goes on by its receipts")),
            }
        }
    }
    troubles
}

/// Claims of workers that nobody has heard of: of one that died, for a moment; or of none that ever
/// was.
fn ghosts(known: Option<&Checkpoints>, there: &[Presence]) -> Option<String> {
    let of = |holder: &Holder| {
        let name = &holder.worker.0;
        // A slot's name is its worker's, and a number.
        name.rsplit_once('/').map_or(name.as_str(), |(worker, _)| worker).to_owned()
    };
    let claimed: Vec<String> = known?.holders.values().map(of).collect();
    let absent = claimed.iter().filter(|name| there.iter().all(|one| one.id.0 != **name));
    let absent: Vec<&String> = absent.collect();
    let first = absent.first()?;
    let count = match absent.len() {
        1 => "1 chunk is claimed by a worker that is not there".to_owned(),
        more => format!("{more} chunks are claimed by workers that are not there"),
    };
    Some(format!(
        "{count} ({}); such claims run out within {CLAIM_MINUTES_MAX} minutes, and most within seconds",
        visible::text(first)
    ))
}
