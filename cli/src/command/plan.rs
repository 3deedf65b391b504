//! `longhaul plan`: what a migration comes to, without writing anything.

use std::path::Path;

use coordinator::report::LeftBehind;
use protocol::wire;

use crate::args::{Between, Global, Output, Plan};
use crate::assemble::{self, Settings};
use crate::command::run::asked;
use crate::exit::{self, Answer};
use crate::{config, progress, render};

/// Draws and shows a plan.
pub(crate) async fn plan(global: &Global, args: Plan) -> Answer {
    let (between, _) = asked(args.what, args.between, args.asked)?;
    let settings = Settings::read(&between)?;
    let (source, target) = (settings.source().await?, settings.target().await?);
    let plan = assemble::draw(&settings, source.as_ref(), target.as_ref()).await?;
    let sampled = match args.sample {
        Some(rows) => Some(coordinator::sample::sample(&plan, source.as_ref(), rows).await?),
        None => None,
    };
    match (global.output, &sampled) {
        (Output::Json, None) => render::answer_as_json(&wire::plan_to_json(&plan)),
        (Output::Json, Some(sample)) => {
            let plan: serde_json::Value = serde_json::from_str(&wire::plan_to_json(&plan))
                .expect("it was written a moment ago");
            render::answer_json(&serde_json::json!({ "plan": plan, "sample": sample }));
        }
        (Output::Text, sampled) => {
            let places = (source.place(), target.place());
            let sample = sampled.as_deref().map(render::sample::text).unwrap_or_default();
            render::answer(&(render::plan::text(&plan, places, global.verbose) + &sample));
        }
    }
    if let Some(path) = &args.save {
        assemble::write(path, &wire::plan_to_json(&plan))?;
        progress::say(&format!("saved; carry it out with: {}", carried_out(path, &between)));
    }
    let left = LeftBehind::count(&plan.notes);
    let has_work = args.exit_code && !plan.chunks.is_empty();
    Ok(match global.strict {
        Some(strict) if strict.forbids(&left) => exit::LEFT_BEHIND,
        Some(_) | None if has_work => exit::HAS_WORK,
        Some(_) | None => exit::OK,
    })
}

/// The command that carries a saved plan out. A plan names its environments, and whoever planned
/// from URLs must name them again; passwords are left for them to fill in.
fn carried_out(plan: &Path, between: &Between) -> String {
    let mut words = vec!["longhaul".to_owned(), "run".into(), plan.display().to_string()];
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    between.file.iter().for_each(|file| add("--file", file.display().to_string()));
    let url = |side: &String| config::without_password(side);
    between.from.iter().for_each(|side| add("--from", url(side)));
    between.to.iter().for_each(|side| add("--to", url(side)));
    let open = |set: &&String| !config::holds_password(set);
    between.set.iter().filter(open).for_each(|set| add("--set", set.clone()));
    words.extend(between.asked.options());
    words.iter().map(|word| config::shell(word)).collect::<Vec<_>>().join(" ")
}
