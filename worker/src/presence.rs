//! What a worker says about itself while it is there.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::clock::Instant;
use protocol::id::{ChunkId, RunId};
use protocol::presence::{Busy, Presence, Role};
use protocol::wire::FORMAT;

use crate::serve::Service;

/// How often it says so.
pub(crate) const PRESENT_EVERY: Duration = Duration::from_secs(2);

/// How long it is believed.
const PRESENT_TTL: Duration = Duration::from_secs(6);

/// What the slots are at.
pub(crate) struct Present {
    since: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    on: BTreeMap<u32, Busy>,
    draining: bool,
    /// What kept a run's chunk from being worked on, most recently.
    trouble: BTreeMap<RunId, String>,
}

impl Present {
    pub(crate) fn new(since: Instant) -> Self {
        Self { since, state: Mutex::default() }
    }

    pub(crate) fn begins(&self, slot: u32, run: RunId, chunk: ChunkId, since: Instant) {
        self.state().on.insert(slot, Busy { run, chunk, since });
    }

    pub(crate) fn ends(&self, slot: u32) {
        self.state().on.remove(&slot);
    }

    pub(crate) fn drains(&self) {
        self.state().draining = true;
    }

    /// What keeps a run's chunks from being worked on here; `None` when they are.
    pub(crate) fn troubled(&self, run: RunId, trouble: Option<String>) {
        match trouble {
            Some(trouble) => self.state().trouble.insert(run, trouble),
            None => self.state().trouble.remove(&run),
        };
    }

    /// Says it, best effort.
    pub(crate) async fn say(&self, service: &Service) {
        self.tell(service, false).await;
    }

    /// Says that this is the last word, best effort.
    pub(crate) async fn goes(&self, service: &Service) {
        self.drains();
        self.tell(service, true).await;
    }

    async fn tell(&self, service: &Service, left: bool) {
        let of_broker = service.broker.trouble().await;
        let presence = {
            let state = self.state();
            let of_runs =
                || state.trouble.iter().next().map(|(run, said)| format!("{run}: {said}"));
            Presence {
                id: service.id.clone(),
                role: Role::Worker,
                host: service.host.clone(),
                pid: std::process::id(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                protocol: FORMAT,
                slots: if left { 0 } else { service.slots.max(1) },
                since: self.since,
                on: state.on.values().copied().filter(|_| !left).collect(),
                leads: Vec::new(),
                draining: state.draining,
                trouble: of_broker.or_else(of_runs),
                left,
                knows: Some(service.desk.knows()),
            }
        };
        let _ = service.ledger.present(&presence, PRESENT_TTL).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
