//! What should happen next.
//!
//! The coordinator draws a plan, keeps it in the target, rings for chunks as they become ready,
//! closes the run when the target agrees that everything is done, and says what it came to.
//!
//! # Promises
//! 1. [`next`](mod@next) decides, and is pure; [`drive`](drive()) carries out, and each action is
//!    safe to carry out twice.
//! 2. A run is complete only when every planned chunk has a receipt in the target.
//! 3. A new run, a resumed one, and one whose ledger was wiped go through the same code.
//! 4. A stored plan changes only by [`revise`], under the run's gate, and no chunk that is done is another
//!    afterwards.
//! 5. A report is green only where reading the target back gave what the receipts say.
//!
//! # Not promised
//! That it is the only one. Two coordinators waste messages; the target decides.

pub mod clean;
mod drive;
mod hold;
pub mod next;
pub mod plan;
mod point;
pub mod report;
pub mod revise;
pub mod sample;
mod serve;
pub mod verify;

pub use drive::{Ended, Parts, drive};
pub use point::{Point, Probe, no_probe};
pub use serve::{Desk, SILENT_MS, Service, serve};
