//! What tests of whole runs share: databases to throw away, and the executable to run and kill.
//!
//! The tests themselves are one binary, `tests/tests/all/main.rs`, so that they are linked once.

pub mod broken;
pub mod cases;
pub mod certificates;
pub mod chaos;
pub mod command;
pub mod conserved;
pub mod facts;
pub mod fleet;
pub mod mariadb;
pub mod moving;
pub mod mysql;
pub mod patience;
mod port;
pub mod rabbit;
pub mod redis;
pub mod scratch;
pub mod servers;
pub mod setting;
pub mod strict;
pub mod watched;
