//! One sub-command, one file.

pub(crate) mod demo;
pub(crate) mod environments;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod forget;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod verify;
