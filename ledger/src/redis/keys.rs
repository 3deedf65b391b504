//! What things are called in Redis. One table:
//!
//! | key | a | holds |
//! |---|---|---|
//! | `longhaul:1:FLEET:runs` | set | runs of which anything is known |
//! | `{longhaul:1:FLEET:fleet}:ends`, `…:presences` | sorted set, hash | until when who is there; what they said |
//! | `longhaul:1:FLEET:rate:BUCKET` | hash | what was taken and has not flowed back, and when it was so |
//! | `longhaul:1:FLEET:place:PLACE` | sorted set | who is in it, until when |
//! | `longhaul:1:FLEET:{RUN}:meta` | hash | the number of chunks |
//! | `…:done`, `…:released` | bitmap | a bit per chunk |
//! | `…:parked` | set | chunks |
//! | `…:claims`, `…:held` | sorted set, hash | until when a chunk is claimed; by which attempt and worker |
//! | `…:tries` | hash | how often a chunk was tried in vain |
//! | `…:log` | hash | the first and the last number of an event |
//! | `…:events` | stream | kept events: CloudEvents JSON in the field `event`, under `NUMBER-0` |
//! | `…:notes` | hash | notes |
//!
//! The 1 is the format's version: processes that cannot read each other's memory do not see it,
//! and each rebuilds its own from the target. What belongs to one run, or one fleet, has one hash
//! tag, so that a script's keys lie on one node of a cluster.
//!
//! Two channels: `longhaul:1:FLEET:live` tells every event, `longhaul:1:FLEET:nudge` that a run's
//! chunks or notes changed, and by whose hand.

use protocol::id::RunId;

/// The names of one fleet.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    fleet: String,
}

impl Keys {
    pub(super) fn of(fleet: &str) -> Self {
        Self { fleet: format!("longhaul:1:{fleet}") }
    }

    pub(super) fn live(&self) -> String {
        format!("{}:live", self.fleet)
    }

    pub(super) fn nudge(&self) -> String {
        format!("{}:nudge", self.fleet)
    }

    pub(super) fn runs(&self) -> String {
        format!("{}:runs", self.fleet)
    }

    /// When presences end, and what they say.
    pub(super) fn presences(&self) -> [String; 2] {
        ["ends", "presences"].map(|what| format!("{{{}:fleet}}:{what}", self.fleet))
    }

    pub(super) fn bucket(&self, bucket: &str) -> String {
        format!("{}:rate:{bucket}", self.fleet)
    }

    pub(super) fn place(&self, place: &str) -> String {
        format!("{}:place:{place}", self.fleet)
    }

    /// What [`super::Redis::trouble`] writes, to see whether it can.
    pub(super) fn probe(&self) -> String {
        format!("{}:probe", self.fleet)
    }

    fn run(&self, run: RunId, what: &str) -> String {
        format!("{}:{{{run}}}:{what}", self.fleet)
    }

    /// The keys of every script about chunks, in its order.
    pub(super) fn chunks(&self, run: RunId) -> [String; 7] {
        ["meta", "done", "released", "parked", "claims", "held", "tries"]
            .map(|what| self.run(run, what))
    }

    /// The keys of the script about events, in its order.
    pub(super) fn events(&self, run: RunId) -> [String; 2] {
        ["log", "events"].map(|what| self.run(run, what))
    }

    pub(super) fn notes(&self, run: RunId) -> String {
        self.run(run, "notes")
    }
}
