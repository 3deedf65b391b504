//! When a reader of events has missed some, and what it is told.

use protocol::clock::Instant;
use protocol::event::{Event, Fact};
use protocol::id::RunId;

/// Which events of a run there are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kept {
    /// The number of the oldest one that is kept.
    pub(crate) first: Option<u64>,
    /// The latest number that was given, to an event that is kept or not.
    pub(crate) last: u64,
    /// Every number given since the stream began is above this one.
    pub(crate) begun: u64,
}

impl Kept {
    /// What a reader at `after` is told first, and where it reads on.
    ///
    /// Numbers of movements lie between those of kept events, so what is missing is counted at
    /// most, and a reader just before the oldest kept event may be told of a gap of movements.
    pub(crate) fn find(self, run: RunId, after: u64, now: Instant) -> (Option<Event>, u64) {
        let begins = self.first.map_or(self.begun, |first| first.saturating_sub(1));
        let missed = if after == 0 {
            return (None, after);
        } else if after > self.last || after < self.begun {
            None
        } else if after < begins {
            Some(begins - after)
        } else {
            return (None, after);
        };
        (Some(Event { sequence: begins, run, at: now, fact: Fact::Gap { missed } }), begins)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn found(kept: Kept, after: u64) -> Option<(u64, Option<u64>)> {
        let (gap, from) = kept.find(RunId(Uuid::nil()), after, Instant(0));
        let gap = gap?;
        assert_eq!(gap.sequence, from, "whoever reads on after the gap finds what is left");
        let Fact::Gap { missed } = gap.fact else { panic!("{gap:?} is no gap") };
        Some((gap.sequence, missed))
    }

    #[test]
    fn a_reader_is_told_what_it_missed() {
        let kept = Kept { first: Some(10), last: 20, begun: 0 };
        assert_eq!(found(kept, 0), None, "it wants what is left");
        assert_eq!(found(kept, 4), Some((9, Some(5))));
        assert_eq!(found(kept, 9), None);
        assert_eq!(found(kept, 20), None);
        assert_eq!(found(kept, 21), Some((9, None)), "the stream began anew");
    }

    #[test]
    fn a_reader_of_a_stream_that_began_anew_is_told_so() {
        let kept = Kept { first: Some(1002), last: 1005, begun: 1000 };
        assert_eq!(found(kept, 20), Some((1001, None)));
        assert_eq!(found(Kept { first: None, last: 1001, begun: 1000 }, 20), Some((1000, None)));
        assert_eq!(found(Kept::default(), 20), Some((0, None)));
        assert_eq!(found(Kept::default(), 0), None);
    }
}
