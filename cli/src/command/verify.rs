//! `longhaul verify`: does the target still hold what the run wrote?

use coordinator::verify::{Sides, recheck};
use protocol::fault::{Code, Fault};
use protocol::history::Deed;
use protocol::run::State;

use crate::args::{Global, OfRun, Output};
use crate::assemble::{self, Settings};
use crate::exit::{self, Answer};
use crate::{find, progress, render};

/// Bytes per batch while reading back.
const BATCH_BYTES: usize = 1 << 20;

/// Most rejects that are looked up while searching for differences.
const REJECTS_MAX: u64 = 100_000;

/// Reads the target of a complete run back.
pub(crate) async fn verify(global: &Global, of: OfRun) -> Answer {
    let ledger = assemble::ledger(global).await?;
    let mut found =
        find::find(ledger.as_ref(), of.run.as_ref(), &of.between, find::Which::Latest).await?;
    let run = found.record.run;
    if found.record.state != State::Complete {
        return Err(Fault::new(Code::RunBusy, run.to_string())
            .saying(format!(
                "it is {}, and only a complete run can be verified",
                found.record.state
            ))
            .into());
    }
    let plan = found.home.plan(run).await?;
    let receipts = found.home.receipts(run).await?;
    let rejects = found.home.rejects(run, REJECTS_MAX).await?;
    // Without the source the answer is the same; it only helps to name what differs.
    let source = match Settings::read(&found.between) {
        Ok(settings) => settings.source().await.ok(),
        Err(_) => None,
    };
    let sides = Sides {
        plan: &plan,
        target: found.target.as_ref(),
        source: source.as_deref(),
        batch_bytes: BATCH_BYTES,
    };
    let told = |entity: &protocol::plan::Entity| {
        progress::say(&format!("reading back {}", entity.target));
    };
    let checks = recheck(sides, &receipts, &rejects, told).await?;
    let tables = checks.iter().map(render::verify::kept).collect();
    assemble::note(found.home.as_mut(), run, Deed::Verified { tables }).await;
    match global.output {
        Output::Json => render::answer_json(&checks),
        Output::Text => render::answer(&render::verify::text(&checks)),
    }
    let provable = |check: &&coordinator::verify::Check| check.unprovable.is_none();
    let equal = checks.iter().filter(provable).all(coordinator::verify::Check::equal);
    if !equal {
        render::complain(&Fault::new(Code::Differs, found.target.place()), global.output);
    }
    // The page that was written when the run ended would go on saying what is no longer so.
    let report = assemble::report(found.home.as_mut(), ledger.as_ref(), run).await?;
    render::report::save(&report, &assemble::folder(global, run))?;
    Ok(if equal { exit::OK } else { exit::DIFFERENT })
}
