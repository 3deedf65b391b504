//! Endpoints that fail as told, for tests.
//!
//! [`FaultySource`] and [`FaultyTarget`] stand in front of any endpoint and pass everything on,
//! until a [`Script`] says otherwise. A script holds a queue of moods for each [`Op`]; each
//! call takes the next one, and where there is none, the call goes through.
//!
//! # Promises
//! 1. *Refuse*: the operation is not done. *Do then fail*: it is done, and the caller hears of a
//!    fault: the lost answer. *Hold*: it is not done until the test says so.
//! 2. A call takes at most one mood, and moods are taken in the order in which they were given,
//!    over all sessions of the endpoint.
//!
//! # Not promised
//! That a session is closed after a fault; as with any session, whoever hears of one drops it.

mod home;
mod session;
mod source;
mod target;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex};

use protocol::fault::{Code, Fault};
use tokio::sync::Notify;

pub use source::FaultySource;
pub use target::FaultyTarget;

/// What can fail: the methods of the seam, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the method of that name")]
pub enum Op {
    Identity,
    Catalogue,
    Hold,
    Counters,
    Cut,
    Read,
    /// [`crate::Rows::next`], of a read or of a reading back.
    Next,
    HoldsRows,
    Repertoire,
    ReadBack,
    Home,
    Session,
    Install,
    Store,
    Runs,
    Run,
    Plan,
    Lead,
    Epoch,
    Done,
    Receipts,
    Rejects,
    KeepSample,
    Samples,
    Change,
    NoteSource,
    Forget,
    Begin,
    Start,
    Write,
    Finish,
    Savepoint,
    RollbackTo,
    Release,
    Execute,
    Reject,
    RejectedBy,
    Complete,
    Commit,
    Rollback,
}

/// How a call goes wrong.
#[derive(Debug)]
enum Mood {
    Pass,
    Refuse(Code),
    DoThenFail(Code),
    Hold(Arc<Turnstile>),
}

#[derive(Debug, Default)]
struct Turnstile {
    arrived: Notify,
    released: Notify,
}

/// What is to go wrong. Clones share one script.
#[derive(Debug, Clone, Default)]
pub struct Script {
    moods: Arc<Mutex<BTreeMap<Op, VecDeque<Mood>>>>,
}

/// A call that waits, or will. Dropping it lets the call go on.
#[derive(Debug)]
#[must_use = "dropping it releases the call"]
pub struct Held(Arc<Turnstile>);

impl Held {
    /// Waits until the call is there. Once.
    pub async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// Lets the call go on.
    pub fn release(self) {}
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.released.notify_one();
    }
}

impl Script {
    /// A call goes through. For "not this one, but the next".
    pub fn pass(&self, op: Op) -> &Self {
        self.push(op, Mood::Pass)
    }

    /// A call is refused with this code, and not done.
    pub fn refuse(&self, op: Op, code: Code) -> &Self {
        self.push(op, Mood::Refuse(code))
    }

    /// A call is done, and its answer lost: the caller hears of this code. Where the call itself
    /// meets a fault, that one is told.
    pub fn do_then_fail(&self, op: Op, code: Code) -> &Self {
        self.push(op, Mood::DoThenFail(code))
    }

    /// A call waits, undone, until it is released.
    pub fn hold(&self, op: Op) -> Held {
        let turnstile = Arc::<Turnstile>::default();
        self.push(op, Mood::Hold(Arc::clone(&turnstile)));
        Held(turnstile)
    }

    /// Whether everything that was to go wrong did.
    pub fn is_over(&self) -> bool {
        let moods = self.moods.lock().expect("nothing panics while it is held");
        moods.values().all(VecDeque::is_empty)
    }

    fn push(&self, op: Op, mood: Mood) -> &Self {
        let mut moods = self.moods.lock().expect("nothing panics while it is held");
        moods.entry(op).or_default().push_back(mood);
        drop(moods);
        self
    }

    fn take(&self, op: Op) -> Mood {
        let mut moods = self.moods.lock().expect("nothing panics while it is held");
        moods.get_mut(&op).and_then(VecDeque::pop_front).unwrap_or(Mood::Pass)
    }

    async fn around<T>(
        &self,
        op: Op,
        act: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let scripted = |code| Fault::new(code, "a scripted fault").saying(format!("{op:?}"));
        match self.take(op) {
            Mood::Pass => act.await,
            Mood::Refuse(code) => Err(scripted(code)),
            Mood::DoThenFail(code) => {
                act.await?;
                Err(scripted(code))
            }
            Mood::Hold(turnstile) => {
                turnstile.arrived.notify_one();
                turnstile.released.notified().await;
                act.await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::id::RunId;

    use super::*;
    use crate::{Memory, Target};

    fn target(script: &Script) -> FaultyTarget {
        FaultyTarget::new(Arc::new(Memory::new("faulty")), script.clone())
    }

    #[tokio::test]
    async fn moods_come_in_order_and_then_calls_go_through() {
        let script = Script::default();
        script.refuse(Op::Identity, Code::Unreachable).pass(Op::Identity);
        script.do_then_fail(Op::Identity, Code::Busy);
        let target = target(&script);
        assert_eq!(target.identity().await.unwrap_err().code(), Code::Unreachable);
        assert!(target.identity().await.is_ok());
        assert_eq!(target.identity().await.unwrap_err().code(), Code::Busy);
        assert!(target.identity().await.is_ok());
        assert!(script.is_over());
    }

    #[tokio::test]
    async fn a_lost_answer_is_of_something_done_and_a_refusal_of_nothing() {
        let script = Script::default();
        script.refuse(Op::Install, Code::Unreachable).do_then_fail(Op::Install, Code::Unreachable);
        let memory = Memory::new("faulty");
        let target = FaultyTarget::new(Arc::new(memory.clone()), script);
        let run = RunId(uuid::Uuid::nil());
        let mut home = target.home().await.unwrap();
        home.install().await.unwrap_err();
        assert!(!memory.is_installed());
        home.install().await.unwrap_err();
        assert!(memory.is_installed());
        assert_eq!(home.run(run).await.unwrap_err().code(), Code::RunUnknown);
    }

    #[tokio::test]
    async fn a_held_call_waits_for_its_release() {
        let script = Script::default();
        let held = script.hold(Op::Catalogue);
        let target = target(&script);
        let call = tokio::spawn(async move { Target::catalogue(&target).await.map(drop) });
        held.arrived().await;
        assert!(!call.is_finished());
        held.release();
        call.await.unwrap().unwrap();
    }
}
