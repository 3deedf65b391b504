//! `longhaul init`: a migration file to begin with, from two URLs or two environments.

use protocol::fault::{Code, Fault};
use protocol::schema::Catalogue;

use crate::args::{Between, Global, Init};
use crate::assemble::{self, Said, Settings};
use crate::config;
use crate::exit::{self, Answer};
use crate::progress;
use crate::render::draft::Draft;

/// Rows of each table that are read to foresee which would be rejected.
const SAMPLE_ROWS: u64 = 1000;

/// Looks at both sides and writes the file. Nothing is written to either.
pub(crate) async fn init(_global: &Global, args: Init) -> Answer {
    let between = sides(&args)?;
    let settings = Settings::read(&between)?;
    let migration = settings.migration()?;
    let (source, target) = (settings.source().await?, settings.target().await?);
    let catalogue: Catalogue = source.catalogue().await?;
    let drawn = coordinator::plan::draw(migration, source.as_ref(), target.as_ref()).await;
    let variables = |name: &str| std::env::var(name).ok();
    let said = Said::of(&between)?;
    let (written, passwords) = config::written(said.origin(), said.over(), &variables)?;
    let sampled = match &drawn {
        // Foreseeing is a courtesy: where it fails, the file is written without it.
        Ok(plan) => coordinator::sample::sample(plan, source.as_ref(), SAMPLE_ROWS).await,
        Err(_) => Ok(Vec::new()),
    };
    let sampled = sampled.unwrap_or_default();
    let (drawn, sampled) = (drawn.as_ref(), sampled.as_slice());
    let draft = Draft { written: &written, catalogue: &catalogue, drawn, sampled };
    assemble::write_new(&args.save, &draft.text())?;
    progress::say(&format!("written: {}", args.save.display()));
    for name in passwords {
        progress::say(&format!("set the variable {name} to the password"));
    }
    progress::say(&format!("next: longhaul plan {}", args.save.display()));
    Ok(exit::OK)
}

/// The sides that are named, by position or by option. A `longhaul.yaml` that happens to be here is
/// not meant where both are URLs.
fn sides(args: &Init) -> Result<Between, Fault> {
    let between = args.between.clone().asking(args.asked.clone());
    let from = between.from.clone().or_else(|| args.source.clone());
    let to = between.to.clone().or_else(|| args.target.clone());
    let file = || between.file.is_some();
    if (from.is_none() || to.is_none()) && !file() {
        return Err(Fault::new(Code::Usage, "the command line")
            .saying("source and target are not both named")
            .next("Write `longhaul init FROM TO`, such as `longhaul init sqlite:legacy.db postgres://user@host/database`."));
    }
    Ok(Between { from, to, ..between })
}
