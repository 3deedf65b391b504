//! `longhaul plan`: what a migration comes to, without writing anything.

use protocol::wire;

use crate::args::{Global, Output, Plan};
use crate::assemble::{self, Settings};
use crate::command::run::divide;
use crate::exit::{self, Answer};
use crate::{progress, render};

/// Draws and shows a plan.
pub(crate) async fn plan(global: &Global, args: Plan) -> Answer {
    let (between, _) = divide(args.what, args.between);
    let settings = Settings::read(&between)?;
    let (source, target) = (settings.source().await?, settings.target().await?);
    let plan = assemble::draw(&settings, source.as_ref(), target.as_ref()).await?;
    match global.output {
        Output::Json => render::answer(&wire::plan_to_json(&plan)),
        Output::Text => {
            let places = (source.place(), target.place());
            render::answer(&render::plan::text(&plan, places));
        }
    }
    if let Some(path) = &args.save {
        assemble::write(path, &wire::plan_to_json(&plan))?;
        progress::say(&format!("saved; carry it out with: longhaul run {}", path.display()));
    }
    let has_work = args.exit_code && !plan.chunks.is_empty();
    Ok(if has_work { exit::HAS_WORK } else { exit::OK })
}
