//! How far a run has come, and how it is closed.

use endpoint::Home;
use protocol::chunk::State;
use protocol::clock::Instant;
use protocol::event::Fact;
use protocol::fault::{Code, Fault};
use protocol::id::ChunkId;
use protocol::run;

use super::{Drive, Ended, Parts};
use crate::hold;
use crate::next::Open;
use crate::point::Point;

impl Drive {
    /// Closes the run, if the target agrees that everything is done.
    pub(super) async fn complete(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
        now: Instant,
    ) -> Result<Option<Ended>, Fault> {
        (parts.probe)(Point::Completing);
        match home.change(parts.run, run::Event::Completed, now).await {
            Ok(state) => {
                (parts.probe)(Point::Completed);
                let fact = Fact::Run { state, epoch: self.epoch };
                // It is closed, whether or not anybody hears of it.
                let _ = self.recall.publish(fact).await;
                Ok(Some(Ended::Complete))
            }
            // The ledger believed more than the target knows: the target is right.
            Err(fault) if fault.code() == Code::Parked => {
                self.rebuild(parts, home).await?;
                Ok(None)
            }
            // It is closed already: the answer to our first asking was lost.
            Err(fault) if fault.code() == Code::RunBusy => match home.run(parts.run).await?.state {
                run::State::Complete => Ok(Some(Ended::Complete)),
                run::State::Cancelled | run::State::Void => Ok(Some(Ended::Cancelled)),
                run::State::Planning | run::State::Running | run::State::Paused => Err(fault),
            },
            Err(fault) => Err(fault),
        }
    }

    /// Publishes the stages and entities that began or ended since the last look, and tests the
    /// promise of a quiesced source when the last row was read.
    pub(super) async fn tell_progress(
        &mut self,
        parts: &Parts,
        home: &mut dyn Home,
        states: &[State],
    ) -> Result<(), Fault> {
        let open = Open::count(&parts.plan, states);
        for fact in self.seen.news(&parts.plan, &open) {
            self.recall.publish(fact).await?;
        }
        let is_done = |chunk: ChunkId| states.get(chunk.index()) == Some(&State::Done);
        if !self.promise_tested && hold::readers(&parts.plan).all(is_done) {
            let source = parts.source.as_ref();
            if let Err(fault) = hold::keep_promise(&parts.plan, parts.run, source, home).await {
                if fault.code() != Code::PromiseBroken {
                    return Err(fault);
                }
                let (code, message) = (fault.code().to_string(), fault.to_string());
                self.recall.publish(Fact::Finding { code, message }).await?;
            }
            self.promise_tested = true;
        }
        Ok(())
    }
}
