//! `longhaul check`: whether a migration file says something that can be meant. Opens nothing.

use serde_json::json;

use crate::args::{Between, Check, Global, Output};
use crate::assemble::Settings;
use crate::exit::{self, Answer};
use crate::render;

/// Reads the file and its overrides, and says what they come to.
pub(crate) fn check(global: &Global, args: Check) -> Answer {
    let between = Between { file: args.what.or(args.file), set: args.set, ..Between::default() };
    let settings = Settings::read(&between)?;
    // A file of a coordinator or worker need not describe a migration.
    let migration = settings.migration().ok();
    let environments = settings.environments();
    match global.output {
        Output::Json => render::answer_json(&json!({
            "migration": migration,
            "environments": environments,
        })),
        Output::Text => {
            let said = match migration {
                Some(one) => format!(
                    "{}: from {} to {}, {} rules for entities, {} environments",
                    one.name,
                    one.from,
                    one.to,
                    one.entities.len(),
                    environments.len(),
                ),
                None => format!("no migration, {} environments", environments.len()),
            };
            render::answer(&format!("the file is sound\n{said}"));
        }
    }
    Ok(exit::OK)
}
