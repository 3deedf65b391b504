//! Moves of whole databases, in every direction: what is chosen, how it is cut, what was there
//! before, and how much of everything is used.

mod choice;
mod limits;
mod shapes;
mod there;
mod upsert;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");
