//! `longhaul man`: manual pages, made from what the command line knows of itself.

use std::io;
use std::path::Path;

use protocol::fault::{Code, Fault};

use crate::args::{self, Man};
use crate::exit::{self, Answer};
use crate::{progress, render};

/// Prints the first page, or writes all of them into a folder.
pub(crate) fn man(args: &Man) -> Answer {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(args::command()).render(&mut page);
        rendered.map_err(|error| unwritable(Path::new("stdout"), error))?;
        render::answer(&String::from_utf8_lossy(&page));
        return Ok(exit::OK);
    };
    std::fs::create_dir_all(dir).map_err(|error| unwritable(dir, error))?;
    clap_mangen::generate_to(args::command(), dir).map_err(|error| unwritable(dir, error))?;
    progress::say(&format!("man pages written to {}", dir.display()));
    Ok(exit::OK)
}

fn unwritable(place: &Path, error: io::Error) -> Fault {
    Fault::new(Code::OutputUnwritable, place.display().to_string()).because(error)
}
