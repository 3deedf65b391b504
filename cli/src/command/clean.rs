//! `longhaul clean`: drops what a run made, and nothing else.

use std::time::Duration;

use coordinator::SILENT_MS;
use coordinator::clean::{Survey, survey};
use protocol::fault::{Code, Fault};
use protocol::history::{Deed, Entry};
use protocol::run::{Event, Record, State};
use serde_json::json;

use crate::args::{Clean, Global, Output};
use crate::command::{agree, resume};
use crate::exit::{self, Answer};
use crate::fleet::meant::Meant;
use crate::{assemble, find, person, progress, render};

/// How long chunks in flight may take to end.
const WITHIN: Duration = Duration::from_secs(60);

/// Shows what goes and what stays, asks, cancels the run if it is not over, and drops. Where it is cut
/// off, it can be run again.
pub(crate) async fn clean(global: &Global, args: Clean) -> Answer {
    let mut meant = Meant::find(global, &args.of, find::Which::Latest).await?;
    let run = meant.found.record.run;
    let short = run.short();
    if meant.found.record.state == State::Void {
        render::state(global.output, &meant.found.record);
        progress::say("what it made was dropped already");
        return Ok(exit::OK);
    }
    refuse_led(&meant.found.record)?;
    resume::refuse_driven(&meant.found.record, meant.found.home.as_mut()).await?;
    let found = &mut meant.found;
    let plan = found.home.plan(run).await?;
    let seen = survey(&found.record, &plan, found.target.as_ref(), found.home.as_mut()).await?;
    say(global.output, &meant, &seen);
    let title = format!("This drops what run {run} made in {}:", meant.found.target.place());
    if !seen.drops.is_empty() {
        agree::agreed(&title, &seen.drops, meant.found.target.place(), args.yes)?;
    }
    if !meant.found.record.state.is_final() {
        meant.change(Event::Cancelled, WITHIN).await?;
    }
    let deed = Deed::Cleaned { dropped: seen.drops.clone() };
    let entry = Entry { at: assemble::clock().now(), by: person::me(), deed };
    let found = &mut meant.found;
    let statements = found.target.undoing(run, &seen.undo);
    let undone = found.home.undo(run, &statements, &entry).await;
    undone.map_err(|fault| untouched(fault, found.target.capabilities().transactional_steps))?;
    progress::say(&format!("run {run} is undone; begin anew with: longhaul run"));
    progress::say(&format!("to remove what is kept of it: longhaul forget {short}"));
    Ok(exit::OK)
}

/// What became of the rest when one thing could not be dropped.
fn untouched(fault: Fault, all_or_nothing: bool) -> Fault {
    let run_again = "Remove what is in the way, then run the command again";
    if all_or_nothing {
        fault.next(format!("Nothing was dropped. {run_again}."))
    } else {
        fault.next(format!("{run_again}: it goes on with what is left."))
    }
}

/// Refuses a run that coordinators of a fleet lead.
fn refuse_led(record: &Record) -> Result<(), Fault> {
    let led = record.led_ms_ago.is_some_and(|ago| ago < SILENT_MS);
    if !record.fleet || record.state.is_final() || !led {
        return Ok(());
    }
    let run = record.run;
    let short = run.short();
    Err(Fault::new(Code::RunBusy, format!("run {run}"))
        .saying("coordinators of the fleet lead it")
        .next(format!("Cancel it first: longhaul cancel {short}")))
}

fn say(output: Output, meant: &Meant, seen: &Survey) {
    let (run, place) = (meant.found.record.run, meant.found.target.place());
    if output == Output::Json {
        let answer = json!({ "run": run, "drops": seen.drops, "left": seen.left });
        return render::answer_json(&answer);
    }
    let lines = |list: &[String]| list.iter().map(|one| format!("  {one}\n")).collect::<String>();
    let mut text = match seen.drops.len() {
        0 => format!("run {run} left nothing in {place} that can be dropped\n"),
        _ => format!("of run {run}, in {place}, goes:\n{}", lines(&seen.drops)),
    };
    if !seen.left.is_empty() {
        text += &format!("and stays:\n{}", lines(&seen.left));
    }
    render::answer(&text);
}
