//! The executable under test: run it, kill it at a point, read what it said.

use std::path::Path;
use std::process::{Command, Output};

/// The variable that says where to die: `worker:Committed:2`, the second time it is passed.
pub const DIE_AT: &str = "LONGHAUL_TEST_DIE_AT";

/// The variable that chooses a broken variant: `commit-first`.
pub const BROKEN: &str = "LONGHAUL_TEST_BROKEN";

/// What a command came to.
#[derive(Debug)]
pub struct Said {
    /// The exit code; `None` when a signal killed it.
    pub code: Option<i32>,
    /// Its answer.
    pub stdout: String,
    /// Its narration.
    pub stderr: String,
}

impl Said {
    /// The answer as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e} in {self}"))
    }

    /// This, if the exit code is that one.
    ///
    /// # Panics
    /// With all that was said, if it is not.
    #[must_use]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// This, if a signal killed it.
    ///
    /// # Panics
    /// With all that was said, if it ended by itself.
    #[must_use]
    pub fn killed(self) -> Self {
        assert_eq!(self.code, None, "it was to be killed, and was not\n{self}");
        self
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The executable, to be run in a folder of its own, where its state lies too.
///
/// # Panics
/// When `CARGO_BIN_EXE_mortal` was not built.
pub fn longhaul(executable: &str, folder: &Path) -> Command {
    let mut command = Command::new(executable);
    command.current_dir(folder).env_remove(DIE_AT).env_remove(BROKEN).env("NO_COLOR", "1");
    for variable in ["LONGHAUL_STATE", "LONGHAUL_LOG"] {
        command.env_remove(variable);
    }
    command
}

/// Runs it to its end.
///
/// # Panics
/// When it cannot be started.
pub fn run(command: &mut Command) -> Said {
    command.output().expect("the executable starts").into()
}

/// Runs a command (`run`, `plan`) over everything between two URLs, answering in JSON. Some rows may be
/// rejected.
///
/// # Panics
/// When it cannot be started.
pub fn between(executable: &str, folder: &Path, command: &str, from: &str, to: &str) -> Said {
    let arguments = [command, "--from", from, "--to", to, "--output", "json", "--progress", "none"];
    let rejects = ["--set", "limits.rejects=1000"];
    run(longhaul(executable, folder).args(arguments).args(rejects))
}
