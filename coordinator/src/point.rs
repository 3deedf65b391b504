//! The places where a coordinator can be stopped dead, by name; see the worker's points.

use std::sync::Arc;

/// A step of the drive that was just taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// Run and plan were stored in the home target.
    Stored,
    /// The epoch was raised.
    Led,
    /// The ledger was told what the receipts say.
    Restored,
    /// Chunks were released.
    Released,
    /// A task was put on the broker.
    Rung,
    /// Everything is done; the run is about to be closed.
    Completing,
    /// The run was closed.
    Completed,
}

impl Point {
    /// All points, in the order of a run.
    pub const ALL: [Self; 7] = [
        Self::Stored,
        Self::Led,
        Self::Restored,
        Self::Released,
        Self::Rung,
        Self::Completing,
        Self::Completed,
    ];
}

/// Told of each point as it is passed. It may kill the process; it may not block.
pub type Probe = Arc<dyn Fn(Point) + Send + Sync>;

/// The probe of every day: nobody listens.
pub fn no_probe() -> Probe {
    Arc::new(|_| {})
}
