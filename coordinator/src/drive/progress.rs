//! Which stages and entities were seen to begin and end, and what is said of worn-out chunks.

use std::collections::BTreeSet;

use protocol::event::Fact;
use protocol::fault::{Code, Fault};
use protocol::id::{ChunkId, EntityId};
use protocol::plan::{Plan, Stage};

use crate::next::Open;

/// What is said of a chunk whose every try ended with the worker.
pub(super) fn worn_out(plan: &Plan, id: ChunkId) -> Fact {
    let chunk = plan.chunk(id).expect("only planned chunks wear out");
    let (what, attempt) = (plan.what(chunk), plan.limits.attempts);
    let fault = Fault::new(Code::Unknown, &what)
        .saying(format!("whoever worked on it ended before it was done, {attempt} times"))
        .next("Look at why, then `longhaul resume`.");
    Fact::Faulted {
        chunk: id,
        entity: chunk.entity,
        what,
        code: fault.code().to_string(),
        message: fault.to_string(),
        advice: fault.advice().to_string(),
        attempt,
        parked: true,
    }
}

/// Which stages and entities were seen to begin and end.
pub(super) struct Progress {
    begun: [bool; Stage::ALL.len()],
    /// What has chunks and was not seen to end, in the order of the plan.
    going: BTreeSet<(EntityId, Stage)>,
}

impl Progress {
    pub(super) fn of(plan: &Plan) -> Self {
        let told = |stage: Stage| matches!(stage, Stage::Copy | Stage::Verify);
        let chunks = plan.chunks.iter().filter(|chunk| told(chunk.stage));
        let going = chunks.filter_map(|chunk| Some((chunk.entity?, chunk.stage))).collect();
        Self { begun: [false; Stage::ALL.len()], going }
    }

    pub(super) fn news(&mut self, plan: &Plan, open: &Open) -> Vec<Fact> {
        let mut news = Vec::new();
        for (at, stage) in Stage::ALL.into_iter().enumerate() {
            let before_done = open.stages[..at].iter().all(|left| *left == 0);
            if before_done && open.stages[at] > 0 && !std::mem::replace(&mut self.begun[at], true) {
                news.push(Fact::Stage { stage, chunks: open.stages[at] });
            }
        }
        let ended = |of: &(EntityId, Stage)| !open.entities.contains_key(of);
        for (id, stage) in self.going.extract_if(.., |of| ended(of)) {
            let name = plan.entity(id).target.to_string();
            news.push(Fact::Entity { entity: id, name, stage });
        }
        news
    }
}
