//! One sub-command, one file.

pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod coordinator;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod environments;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod forget;
pub(crate) mod init;
pub(crate) mod limit;
pub(crate) mod pause;
pub(crate) mod plan;
pub(crate) mod rejects;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod submit;
pub(crate) mod verify;
pub(crate) mod watch;
pub(crate) mod worker;
pub(crate) mod workers;
