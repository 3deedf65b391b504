//! Make one chunk true.
//!
//! A worker takes tasks from the broker, one per free slot, and carries each chunk from the source
//! to the target under the chunk protocol. It keeps nothing: kill it at any point, and what it had
//! not committed never happened, and what it had is found by its receipt.
//!
//! # Promises
//! 1. A delivery is settled only after the chunk's outcome is visible in the target, or when the
//!    chunk is somebody else's or nobody's business.
//! 2. Rows and receipt of a chunk become visible together, and only if `read = written + filtered
//!    + rejected` by the target's own count.
//! 3. A chunk begins only when the receipts say that what it comes after is done, whatever ledger and
//!    broker say.
//! 4. A session is reused only after a clean commit or rollback; after any fault it is dropped.
//! 5. Memory is bounded, whatever the chunk: one [`Budget`] over all slots, and beside it at most one
//!    batch for each slot, with what a driver holds of one row more.
//!
//! # Not promised
//! That a chunk is tried only once, or that two workers never try one at the same time. The
//! receipt in the target decides.
//!
//! Read `carrier` first, then `carry`: those two screens are what the rest serves. [`Worker`] works
//! for one run in this process, [`serve`](serve()) for all runs of a fleet.

mod again;
mod budget;
mod carrier;
mod carry;
mod fleet;
mod heartbeat;
mod input;
mod isolate;
mod others;
mod pace;
mod point;
mod presence;
mod prior;
mod rejects;
mod runs;
mod serve;
mod share;
mod sieve;
mod tally;
mod tell;
mod work;

pub use budget::Budget;
pub use pace::Pace;
pub use point::{Point, Probe, no_probe};
pub use serve::{Desk, Opened, Place, Service, serve};
pub use work::{Options, Parts, Worker};
