//! How a run is begun: by whom, with which command line, from what to what.

use std::path::Path;
use std::sync::OnceLock;

use endpoint::{Source, Target};
use protocol::origin::{Origin, Place};
use protocol::wire;

use crate::args::Between;
use crate::{assemble, config, person};

/// The command line of this process.
static COMMAND: OnceLock<String> = OnceLock::new();

/// Keeps the command line, without passwords.
pub(crate) fn remember<'a>(arguments: impl Iterator<Item = &'a std::ffi::OsString>) {
    let words = arguments.map(|word| config::without_password(&word.to_string_lossy()));
    let mut words: Vec<_> = words.map(|word| config::shell(&word)).collect();
    // Wherever it is installed, it is called by its name.
    if let Some(program) = words.first_mut() {
        *program = "longhaul".into();
    }
    // A second call in one process, as in tests, keeps the first's.
    let _ = COMMAND.set(words.join(" "));
}

/// How the run between these two is begun. What a server does not tell is left out.
pub(crate) async fn of(between: &Between, source: &dyn Source, target: &dyn Target) -> Origin {
    let file = assemble::file(between);
    let me = person::me();
    let digest = |path: &Path| std::fs::read(path).ok().map(|bytes| wire::digest(&bytes));
    Origin {
        version: env!("CARGO_PKG_VERSION").into(),
        by: format!("{}@{}", me.user, me.host),
        command: COMMAND.get().cloned().unwrap_or_default(),
        file_digest: file.as_deref().and_then(digest),
        file: file.map(|path| path.display().to_string()),
        from: Place {
            server: source.server().await.unwrap_or_default(),
            at: source.place().into(),
        },
        to: Place { server: target.server().await.unwrap_or_default(), at: target.place().into() },
    }
}
