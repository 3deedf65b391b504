//! The places where a worker can be stopped dead, by name.
//!
//! Every step of the chunk protocol is a place to die, and a test that kills the process at each
//! needs to name it. In production nobody listens.

use std::sync::Arc;

/// A step of the protocol that was just taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// A task was delivered.
    Delivered,
    /// The chunk was claimed in the ledger.
    Claimed,
    /// The first batch was read from the source.
    Read,
    /// The receipt was inserted as open.
    Begun,
    /// The first batch was sent to the target.
    Wrote,
    /// All rows were sent, and the target counted them.
    Finished,
    /// The statements of a step were run.
    Stepped,
    /// The receipt was completed.
    Completed,
    /// The transaction was committed.
    Committed,
    /// The ledger was told.
    Recorded,
    /// The delivery was settled.
    Settled,
}

impl Point {
    /// All points, in the order of the protocol.
    pub const ALL: [Self; 11] = [
        Self::Delivered,
        Self::Claimed,
        Self::Read,
        Self::Begun,
        Self::Wrote,
        Self::Finished,
        Self::Stepped,
        Self::Completed,
        Self::Committed,
        Self::Recorded,
        Self::Settled,
    ];
}

/// Told of each point as it is passed. It may kill the process; it may not block.
pub type Probe = Arc<dyn Fn(Point) + Send + Sync>;

/// The probe of every day: nobody listens.
pub fn no_probe() -> Probe {
    Arc::new(|_| {})
}
