//! Asking before something is lost: in a terminal a person answers, elsewhere `--yes` does.

use std::io::{BufRead as _, IsTerminal as _};

use endpoint::Target;
use protocol::fault::{Code, Fault};
use protocol::mapping::Mode;
use protocol::plan::{Plan, Work};

use crate::exit::Failure;
use crate::progress;
use crate::render::report::grouped;
use crate::render::visible;

/// Rows of a table that are counted for the question; of more it says so.
const COUNTED_MAX: u64 = 1_000_000;

/// Lets a plan go on that removes nothing, or whose losses somebody agreed to.
///
/// # Errors
/// `Code::NotAgreed`, with the list.
pub(crate) async fn to_lose(plan: &Plan, target: &dyn Target, yes: bool) -> Result<(), Failure> {
    if yes || !plan.destructive() {
        return Ok(());
    }
    let mut list = Vec::new();
    for entity in plan.entities.iter().filter(|entity| entity.mode == Mode::Replace) {
        if !entity.new {
            let rows = count(target, &entity.target).await;
            list.push(format!("all rows of {}{rows}", entity.target));
        }
    }
    for chunk in &plan.chunks {
        match &chunk.work {
            Work::Step(step) if step.destructive && list.is_empty() => list.push(step.what.clone()),
            Work::Step(_) | Work::Copy(_) | Work::Link(_) | Work::Verify { .. } => {}
        }
    }
    let place = target.place();
    agreed(&format!("This run removes from {place}:"), &list, place, false)
}

/// Whether a person agrees to the loss of what is listed.
///
/// # Errors
/// `Code::NotAgreed` where nobody can be asked, or the answer is no.
pub(crate) fn agreed(title: &str, list: &[String], place: &str, yes: bool) -> Result<(), Failure> {
    let mut said = format!("{title}\n");
    list.iter().for_each(|line| said += &format!("  {}\n", visible::text(line)));
    let not = |why: &str| {
        let list = list.join("; ");
        Fault::new(Code::NotAgreed, place).saying(format!("{why}; it would remove: {list}"))
    };
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(not("nobody was asked").into());
    }
    progress::ask(&format!("{said}Type `yes` to go on: "));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match read {
        Ok(_) if answer.trim().eq_ignore_ascii_case("yes") => Ok(()),
        Ok(_) | Err(_) => Err(not("the answer was no").into()),
    }
}

/// ` (20,000 rows)`, where they can be counted.
async fn count(target: &dyn Target, table: &protocol::schema::TableName) -> String {
    match target.count_rows(table, COUNTED_MAX).await {
        Ok(1) => " (1 row)".to_string(),
        Ok(COUNTED_MAX) => format!(" (more than {} rows)", grouped(COUNTED_MAX - 1)),
        Ok(rows) => format!(" ({} rows)", grouped(rows)),
        Err(_) => String::new(),
    }
}
