//! A run that is watched through its events while it goes on.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

use crate::command::Said;

/// A process that narrates in JSON.
#[derive(Debug)]
pub struct Watched {
    child: Child,
    narration: BufReader<ChildStderr>,
    heard: String,
}

impl Watched {
    /// Starts a command that runs something.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        command.args(["--progress", "json", "--output", "json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the executable starts");
        let narration = BufReader::new(child.stderr.take().expect("it was piped"));
        Self { child, narration, heard: String::new() }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Listens until a fact fits.
    ///
    /// # Panics
    /// With all that was heard, when it ends before.
    pub fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            let read = self.narration.read_line(&mut line).expect("it narrates in UTF-8");
            assert!(read > 0, "it ended before\n{}", self.heard);
            self.heard += &line;
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if fits(&event["data"]) {
                return event["data"].clone();
            }
        }
    }

    /// Listens until so many chunks of rows are done.
    pub fn until_copied(&mut self, chunks: usize) {
        for _ in 0..chunks {
            self.until(|fact| fact["kind"] == "done" && fact["stage"] == "copy");
        }
    }

    /// Listens to the end, and says how it ended.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn end(mut self) -> Said {
        std::io::Read::read_to_string(&mut self.narration, &mut self.heard)
            .expect("it narrates in UTF-8");
        let output = self.child.wait_with_output().expect("it can be waited for");
        Said { stderr: self.heard, ..output.into() }
    }
}
