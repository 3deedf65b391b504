//! The events of a run: publishing and reading them.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::clock::Clock;
use protocol::event::{Event, Fact};
use protocol::fault::Fault;
use protocol::id::RunId;

use super::keys::Keys;
use super::link::Link;
use crate::gap::Kept;

/// Events fetched in one answer of the server, so that none takes long.
const PAGE: usize = 2000;

/// The events of all runs of a fleet. Copies are handles on the same ones.
#[derive(Clone)]
pub(super) struct Stream {
    link: Arc<Link>,
    keys: Keys,
    clock: Arc<dyn Clock>,
}

/// Entries of a stream, as Redis answers them.
type Entries = Vec<(String, HashMap<String, String>)>;

impl Stream {
    pub(super) fn new(link: Arc<Link>, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self { link, keys, clock }
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The event's JSON with a mark in each place where its number belongs.
    pub(super) fn template(&self, run: RunId, fact: Fact) -> String {
        let event = Event { sequence: 0, run, at: self.clock.now(), fact };
        event.to_json_unnumbered()
    }

    /// See [`crate::Ledger::events`].
    pub(super) async fn read(
        &self,
        run: RunId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, Fault> {
        let (gap, mut after) = self.kept(run).await?.find(run, after, self.clock.now());
        let mut events: Vec<_> = gap.into_iter().take(limit).collect();
        while events.len() < limit {
            let wanted = PAGE.min(limit - events.len());
            let page = self.range(run, after, wanted).await?;
            let last = page.len() < wanted;
            for (id, mut fields) in page {
                after = number(&id);
                // One of a newer build; whoever can read it does.
                events.extend(fields.remove("event").and_then(|json| Event::from_json(&json)));
            }
            if last {
                break;
            }
        }
        Ok(events)
    }

    async fn kept(&self, run: RunId) -> Result<Kept, Fault> {
        let [log, events] = self.keys.events(run);
        let mut ask = redis::pipe();
        ask.hmget(log, &["begun", "last"]);
        ask.xrange_count(events, "-", "+", 1);
        let ((begun, last), first): ((Option<u64>, Option<u64>), Entries) =
            self.link.ask(&ask).await?;
        Ok(Kept {
            first: first.first().map(|(id, _)| number(id)),
            last: last.unwrap_or(0),
            begun: begun.unwrap_or(0),
        })
    }

    async fn range(&self, run: RunId, after: u64, limit: usize) -> Result<Entries, Fault> {
        let [_, events] = self.keys.events(run);
        let mut ask = redis::pipe();
        ask.xrange_count(events, format!("{}-0", after.saturating_add(1)), "+", limit);
        let (entries,): (Entries,) = self.link.ask(&ask).await?;
        Ok(entries)
    }
}

/// The number in an entry's id, which we made.
fn number(id: &str) -> u64 {
    id.split('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
