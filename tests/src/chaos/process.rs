//! Processes of ours: each in a group of its own, killed by its id, and never left behind.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{Instant, sleep};

use crate::patience::{LOOK, block_until};

/// A process with all its children.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts a command; what it says is added to a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file = file.expect("the folder is writable");
        let twin = file.try_clone().expect("a second handle");
        command.stdin(Stdio::null()).stdout(file).stderr(twin).process_group(0);
        let started = command.spawn();
        Self(started.unwrap_or_else(|error| panic!("{command:?} does not start: {error}")))
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal to it and its children. One that has just ended does not mind.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process_group(Pid::from_child(&self.0), signal);
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("a child can be waited for")
    }

    /// Waits until it ends, at most so long.
    pub(crate) async fn wait(&mut self, bound: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + bound;
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            if Instant::now() >= until {
                return None;
            }
            sleep(LOOK).await;
        }
    }
}

impl Process {
    /// Waits until it ends, at most so long, and does nothing else meanwhile.
    pub(crate) fn block(&mut self, bound: Duration) {
        let _ = block_until(bound, || self.ended());
    }
}

/// How long a server that ended by itself is left so.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Where the process of a server stands, or stood, or will stand.
#[derive(Debug, Default)]
pub(crate) struct Place(Mutex<Option<(Process, Instant)>>);

impl Place {
    /// Takes away what stands there.
    pub(crate) fn clear(&self) -> Option<Process> {
        self.lock().take().map(|(process, _)| process)
    }

    /// Starts it where nothing stands. One that ended by itself is started again, as a manager of
    /// services would: after a crash it may not find its port or its files free at once.
    pub(crate) fn keep(&self, start: impl FnOnce() -> Process) {
        let mut place = self.lock();
        let stands = place.as_mut().is_some_and(|(process, since)| {
            process.ended().is_none() || since.elapsed() < AGAIN_AFTER
        });
        if !stands {
            *place = Some((start(), Instant::now()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Process, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.0.wait();
    }
}
