//! `longhaul completions`: a script that makes a shell complete our commands and options.

use crate::args::{self, Completions};
use crate::exit::{self, Answer};
use crate::render;

/// Prints the script.
pub(crate) fn completions(args: &Completions) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::completed(), "longhaul", &mut script);
    render::answer(&String::from_utf8_lossy(&script));
    Ok(exit::OK)
}
