//! `longhaul environments`: the places that a migration file names.

use protocol::fault::{Code, Fault};

use crate::args::{Environments, Global, Output};
use crate::assemble::Settings;
use crate::exit::{self, Answer};
use crate::render;

/// Lists them, or shows one. No secret is looked up.
pub(crate) fn environments(global: &Global, args: &Environments) -> Answer {
    let between = crate::args::Between {
        file: args.file.clone(),
        set: args.set.clone(),
        ..Default::default()
    };
    let mut views = Settings::read(&between)?.environments();
    if let Some(name) = &args.name {
        views.retain(|view| view.name == *name);
        if views.is_empty() {
            return Err(Fault::new(Code::EnvironmentUnknown, name).into());
        }
    }
    match global.output {
        Output::Json => render::answer_json(&views),
        Output::Text => render::answer(&render::environments(&views)),
    }
    Ok(exit::OK)
}
