//! Ways out of a run that cannot go on by itself.

use coordinator::report::{Met, Report};
use protocol::fault::{Code, Fault};

/// What holds up a run, and the commands that lead on, in place of what the first fault advises.
pub(super) fn parked(report: &Report, stuck: Fault) -> Fault {
    let parked: Vec<&Met> = report.faults.iter().filter(|met| met.parked > 0).collect();
    stuck.next(next(report, &parked))
}

fn next(report: &Report, parked: &[&Met]) -> String {
    let run = report.run.short();
    let any = |code: Code| parked.iter().any(|met| met.code == code.slug());
    let give_up = format!("Or give up, and drop what the run made: longhaul clean {run}");
    if any(Code::RejectLimit) || any(Code::ValueRefused) {
        return format!(
            "See the rows: longhaul rejects list {run} --evidence. Say in the file what becomes of such \
             values (`policies`), then: longhaul revise {run} -f FILE. Or allow the loss: longhaul limit \
             {run} rejects=NUMBER. Then: longhaul resume {run}. {give_up}"
        );
    }
    if any(Code::LinkBroken) && report.totals.rejected > 0 {
        return format!(
            "See the rejected rows: longhaul rejects list {run}. Correct them in the source, or say in \
             the file what becomes of their values; then: longhaul rejects retry {run} -f FILE. {give_up}"
        );
    }
    format!(
        "See why: longhaul report {run}. Correct the cause, or change the file and type: longhaul \
         revise {run} -f FILE. Then: longhaul resume {run}. {give_up}"
    )
}
