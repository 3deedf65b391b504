//! Chaos: a fleet of processes on servers of its own, and everything that may go wrong with either.
//!
//! # Promises
//! 1. What is tried is the executable, from outside: its commands, and what stands in the target.
//! 2. A round is good only if the run ended by itself within a bound, nobody having touched it; if
//!    every table of the target equals the source row for row, also the one in
//!    which a doubled row would be welcome; if every chunk has one receipt, and is done; if the
//!    report says `verified`; and if no session of the run is left.
//! 3. Servers are private, on free ports, and gone with the world that started them.
//! 4. Victims and times follow from a seed, which a failed round prints.
//!
//! # Not promised
//! That the same seed fails again: which statement a fault meets is the machine's choice. Nor that
//! a power loss was tried: processes are killed, machines are not.

mod alone;
mod campaign;
mod cost;
mod dice;
mod fault;
mod figures;
mod fleet;
mod inject;
mod judge;
mod log;
mod postgres;
pub(crate) mod process;
mod proxy;
mod rabbit;
mod redis;
mod relay;
mod round;
mod school;
mod server;
mod world;

pub use alone::alone;
pub use campaign::Campaign;
pub use cost::{Cost, cost};
pub use fault::{Fault, Recipe, usual};
pub use figures::Bench;
pub use log::Log;
pub use round::{Outcome, Round};
pub use server::Engine;
pub use world::World;
