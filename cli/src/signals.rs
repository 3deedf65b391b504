//! Ctrl-C, SIGTERM and SIGHUP: the first asks for an orderly end, the second ends at once.
//!
//! SIGHUP comes when the terminal or the SSH session is gone from which a run was started. Under `nohup`
//! it is ignored, and stays so.

use tokio::sync::watch;

use crate::exit;
use crate::progress;

/// Listens for them, from now on.
pub(crate) struct Signals {
    /// The exit code of the signal that was caught.
    pub(crate) caught: watch::Receiver<Option<u8>>,
}

impl Signals {
    /// Says `first` at the first signal, and `last` before the second ends the process.
    pub(crate) fn listen(first: String, last: Vec<String>) -> Self {
        let (tell, caught) = watch::channel(None);
        tokio::spawn(async move {
            loop {
                let code = next_signal().await;
                if tell.borrow().is_some() {
                    last.iter().for_each(|line| progress::insist(line));
                    end_now(code);
                }
                progress::insist(&first);
                tell.send_replace(Some(code));
            }
        });
        Self { caught }
    }

    /// The same, with nothing said: for commands that only look.
    pub(crate) fn only_looking() -> Self {
        let (tell, caught) = watch::channel(None);
        tokio::spawn(async move {
            let code = next_signal().await;
            tell.send_replace(Some(code));
        });
        Self { caught }
    }

    /// Waits for the first, and returns its exit code.
    pub(crate) async fn first(&mut self) -> u8 {
        let caught = self.caught.wait_for(Option::is_some).await.map(|code| *code);
        match caught {
            Ok(Some(code)) => code,
            // Nobody listens any more: then nothing will be caught.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the second signal asks for exactly this")]
fn end_now(code: u8) {
    std::process::exit(code.into());
}

async fn next_signal() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    let hung_up = async {
        if is_ignored(1) {
            return std::future::pending().await;
        }
        match signal(SignalKind::hangup()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => exit::INTERRUPTED,
        _ = terminated => exit::TERMINATED,
        _ = hung_up => exit::HUNG_UP,
    }
}

/// Whether whoever started this process told it to ignore that signal, as `nohup` does. Listening would
/// undo that. Known on Linux only.
fn is_ignored(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}
