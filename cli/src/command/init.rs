//! `longhaul init`: a migration file to begin with, from two URLs.

use std::io::Write as _;

use endpoint::{open_source, open_target};
use protocol::fault::{Code, Fault};
use protocol::schema::Catalogue;

use crate::args::{Global, Init};
use crate::config::{self, Config};
use crate::exit::{self, Answer};
use crate::progress;
use crate::render::draft::{Draft, Side};

/// The variables in which the file looks for the passwords.
const PASSWORDS: [&str; 2] = ["LONGHAUL_SOURCE_PASSWORD", "LONGHAUL_TARGET_PASSWORD"];

/// Looks at both sides and writes the file. Nothing is written to either.
pub(crate) async fn init(_global: &Global, args: Init) -> Answer {
    let config = Config::between(&args.from, &args.to)?;
    let migration = config.migration()?.clone();
    let no_variables = |_: &str| None;
    let address = |name| config.environment(Some(name))?.1.address(&no_variables);
    let source = open_source(&address("source")?).await?;
    let target = open_target(&address("target")?).await?;
    let catalogue: Catalogue = source.catalogue().await?;
    let drawn = coordinator::plan::draw(&migration, source.as_ref(), target.as_ref()).await;
    let [from, to] =
        [(&args.from, PASSWORDS[0]), (&args.to, PASSWORDS[1])].map(|(url, name)| Side {
            url: config::without_password(url),
            password: config::holds_password(url).then_some(name),
        });
    let draft = Draft { from, to, catalogue: &catalogue, drawn: drawn.as_ref() };
    let unwritable =
        |error| Fault::new(Code::OutputUnwritable, args.save.display().to_string()).because(error);
    if let Some(parent) = args.save.parent() {
        std::fs::create_dir_all(parent).map_err(unwritable)?;
    }
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&args.save);
    let mut file = file.map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            return Fault::new(Code::OutputUnwritable, args.save.display().to_string())
                .saying("the file is there already")
                .next("Remove it, or name another with `-o`.");
        }
        unwritable(error)
    })?;
    file.write_all(draft.text().as_bytes()).map_err(unwritable)?;
    progress::say(&format!("written: {}", args.save.display()));
    for name in draft.passwords() {
        progress::say(&format!("its password is looked for in the variable {name}"));
    }
    progress::say(&format!("next: longhaul plan {}", args.save.display()));
    Ok(exit::OK)
}
