//! A sign beside the file that somebody of another process waits for his turn to write.
//!
//! Within a process, writers queue. Between processes SQLite has whoever is kept out ask again up to
//! every tenth of a second, and a run that writes one chunk after the other leaves no such pause: a
//! `pause` from another terminal would wait until the run is over. So whoever waits puts up a sign,
//! and whoever is about to write the next chunk takes it down and waits a moment first.
//!
//! The sign is advice. One that cannot be put up costs patience; one that was left behind by a
//! process that died costs a moment, once.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::link::Place;

/// Longer than SQLite lets pass before it asks again.
const LETS_IN: Duration = Duration::from_millis(150);

/// Where the sign of a file is put up.
#[derive(Debug, Clone)]
pub(super) struct Sign(PathBuf);

impl Sign {
    /// That of a file, up or not; the same by whichever links the file is reached.
    pub(super) fn of(place: &Place) -> Self {
        let path = place.path.canonicalize().unwrap_or_else(|_| place.path.clone());
        let mut name = path.into_os_string();
        name.push("-longhaul-waits");
        Self(name.into())
    }

    /// Says that somebody waits. What stands there already, or a link there, is left as it is.
    pub(super) fn put_up(&self) {
        let _ = fs::OpenOptions::new().write(true).create_new(true).open(&self.0);
    }

    /// Says that nobody waits any more. Returns whether somebody did.
    pub(super) fn take_down(&self) -> bool {
        fs::remove_file(&self.0).is_ok()
    }

    /// Gives whoever waits the time to begin.
    pub(super) async fn let_others_in(&self) {
        if self.take_down() {
            tokio::time::sleep(LETS_IN).await;
        }
    }

    #[cfg(test)]
    pub(super) fn is_up(&self) -> bool {
        self.0.exists()
    }
}
