//! What a fleet's roles and commands are put together from: servers from a file, a desk that opens
//! endpoints, and an admin port.
//!
//! Everything concrete is named here; `coordinator` and `worker` know seams only.

pub(crate) mod admin;
pub(crate) mod crew;
pub(crate) mod desk;
mod doorman;
pub(crate) mod health;
pub(crate) mod meant;
mod metrics;
mod observe;
pub(crate) mod role;
pub(crate) mod servers;
pub(crate) mod traces;

/// The note under which the fleet's ledger keeps in which environment a run lives. It only saves
/// looking; the run is found without it.
pub(crate) const HOME: &str = "home";
