//! What the processes of a fleet share, as a ledger in this process remembers it: who is there,
//! how fast they may go together, and how many may be in a place.
//!
//! Pure: time comes in, nothing goes out.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::clock::Instant;
use protocol::id::WorkerId;
use protocol::presence::Presence;

/// Parts of an amount that are counted, so that a slow bucket fills smoothly.
const FINE: u128 = 1_000_000;

/// What a fleet shares.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    present: BTreeMap<WorkerId, (Presence, Instant)>,
    buckets: BTreeMap<String, Bucket>,
    places: BTreeMap<String, BTreeMap<String, Instant>>,
}

/// What was taken out of a bucket and has not flowed back yet, in [`FINE`] parts, and when it was
/// so. An empty one is forgotten.
#[derive(Debug, Default)]
struct Bucket {
    taken: u128,
    at: Instant,
}

impl Fleet {
    /// See [`crate::Ledger::present`].
    pub(crate) fn present(&mut self, presence: &Presence, now: Instant, ttl: Duration) {
        self.present.insert(presence.id.clone(), (presence.clone(), after(now, ttl)));
    }

    /// See [`crate::Ledger::leave`].
    pub(crate) fn leave(&mut self, who: &WorkerId) {
        self.present.remove(who);
    }

    /// See [`crate::Ledger::presences`].
    pub(crate) fn presences(&mut self, now: Instant) -> Vec<Presence> {
        self.present.retain(|_, (_, until)| *until > now);
        self.present.values().map(|(presence, _)| presence.clone()).collect()
    }

    /// See [`crate::Ledger::admit`].
    pub(crate) fn admit(
        &mut self,
        bucket: &str,
        per_second: u64,
        amount: u64,
        now: Instant,
    ) -> Duration {
        let rate = u128::from(per_second.max(1));
        let bucket = self.buckets.entry(bucket.to_owned()).or_default();
        // Rate times microseconds is the amount in millionths.
        let flowed = rate * u128::from(now.micros_since(bucket.at));
        bucket.taken = bucket.taken.saturating_sub(flowed) + u128::from(amount) * FINE;
        bucket.at = now;
        let over = bucket.taken.saturating_sub(rate * FINE);
        Duration::from_micros(u64::try_from(over.div_ceil(rate)).unwrap_or(u64::MAX))
    }

    /// See [`crate::Ledger::enter`].
    pub(crate) fn enter(
        &mut self,
        place: &str,
        max: u32,
        holder: &str,
        now: Instant,
        ttl: Duration,
    ) -> bool {
        let inside = self.places.entry(place.to_owned()).or_default();
        inside.retain(|_, until| *until > now);
        let free = inside.len() < max as usize || inside.contains_key(holder);
        if free {
            inside.insert(holder.to_owned(), after(now, ttl));
        }
        free
    }

    /// See [`crate::Ledger::depart`].
    pub(crate) fn depart(&mut self, place: &str, holder: &str) {
        if let Some(inside) = self.places.get_mut(place) {
            inside.remove(holder);
        }
    }
}

fn after(now: Instant, ttl: Duration) -> Instant {
    now.plus_millis(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
}
