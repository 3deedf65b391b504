//! `longhaul schema`: the JSON Schema of the migration file, or of events.

use crate::args::Schema;
use crate::exit::{self, Answer};
use crate::{config, render};

/// Prints it.
#[expect(clippy::unnecessary_wraps, reason = "commands answer alike")]
pub(crate) fn schema(args: &Schema) -> Answer {
    if args.events {
        render::answer_json(&protocol::event::schema());
    } else {
        render::answer_json(&config::schema());
    }
    Ok(exit::OK)
}
