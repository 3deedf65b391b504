//! How a command ends: an exit code, and a fault where there is one.

use protocol::fault::Fault;

use crate::config::ConfigError;

/// Everything is as it should be; a run is verified.
pub(crate) const OK: u8 = 0;
/// A run failed and can be resumed.
pub(crate) const FAILED: u8 = 1;
/// A plan has work to do, and the caller asked.
pub(crate) const HAS_WORK: u8 = 3;
/// Verified, with rows rejected within the limit.
pub(crate) const REJECTS: u8 = 4;
/// Something of the source was not moved, and the caller asked.
pub(crate) const LEFT_BEHIND: u8 = 4;
/// The target does not hold what was written.
pub(crate) const DIFFERENT: u8 = 5;
/// Something must be mended before a run can begin.
pub(crate) const UNFIT: u8 = 6;
/// The run is paused.
pub(crate) const PAUSED: u8 = 7;
/// A server that is needed cannot be reached.
pub(crate) const UNREACHABLE: u8 = 75;
/// Interrupted by Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;
/// Ended by SIGHUP: the terminal or the connection it was started from is gone.
pub(crate) const HUNG_UP: u8 = 129;
/// Ended by SIGTERM.
pub(crate) const TERMINATED: u8 = 143;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A fault, with its code and remedy.
    Fault(Fault),
    /// A fault in a migration file, with the place marked.
    Config(ConfigError),
}

impl Failure {
    /// The exit code of a command that ends with it.
    pub(crate) fn exit(&self) -> u8 {
        match self {
            Self::Fault(fault) => fault.code().exit(),
            Self::Config(error) => error.fault().code().exit(),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

/// What every command returns.
pub(crate) type Answer = Result<u8, Failure>;
