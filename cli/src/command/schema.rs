//! `longhaul schema`: the JSON Schema of the migration file.

use crate::exit::{self, Answer};
use crate::{config, render};

/// Prints it.
#[expect(clippy::unnecessary_wraps, reason = "commands answer alike")]
pub(crate) fn schema() -> Answer {
    render::answer_json(&config::schema());
    Ok(exit::OK)
}
