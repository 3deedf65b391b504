//! `longhaul environments`: the places that a migration file names.

use std::path::{Path, PathBuf};

use protocol::fault::{Code, Fault};

use crate::args::{Environments, Global, Output};
use crate::assemble::Settings;
use crate::exit::{self, Answer};
use crate::render;

/// Lists them, or shows one. No secret is looked up.
pub(crate) fn environments(global: &Global, args: &Environments) -> Answer {
    // An environment's name has no ending and no folder.
    let is_file = |word: &&String| word.contains(['.', '/']) || Path::new(word).is_file();
    let (files, names): (Vec<_>, Vec<_>) = args.words.iter().partition(is_file);
    let file = args.file.clone().or_else(|| files.first().map(PathBuf::from));
    let between = crate::args::Between { file, set: args.set.clone(), ..Default::default() };
    let settings = Settings::read(&between)?;
    let mut views = settings.environments();
    if let Some(name) = names.first().copied() {
        views.retain(|view| view.name == *name);
        if views.is_empty() {
            let unknown = settings.config().environment(Some(name)).err();
            return Err(unknown
                .unwrap_or_else(|| Fault::new(Code::EnvironmentUnknown, name))
                .into());
        }
    }
    match global.output {
        Output::Json => render::answer_json(&views),
        Output::Text => render::answer(&render::environments(&views)),
    }
    Ok(exit::OK)
}
