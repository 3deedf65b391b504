//! Answers on stdout, and faults on stderr.

pub(crate) mod doctor;
pub(crate) mod draft;
mod notes;
pub(crate) mod plan;
pub(crate) mod rejects;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod sample;
mod spent;
pub(crate) mod status;
pub(crate) mod steering;
pub(crate) mod verify;
pub(crate) mod visible;
mod ways;
pub(crate) mod workers;

use std::error::Error as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use coordinator::Ended;
use coordinator::report::{Report, Verdict};
use protocol::fault::{Code, Fault};
use protocol::run::Record;
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::Output;
use crate::config::EnvironmentView;
use crate::execute::Outcome;
use crate::exit::{self, Failure};
use crate::progress::{self, grouped, insist, say, write};
use report::left::Strict;

/// Width of a diagnostic where the terminal does not say.
const WIDTH: usize = 100;

/// A line of an answer, or several. Fails when whoever reads it has gone.
pub(crate) fn line(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{}", visible::lines(text))
}

/// A line of JSON. Fails when whoever reads it has gone.
pub(crate) fn line_json(json: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{}", visible::json(json))
}

/// Empties the terminal, to draw an answer anew.
pub(crate) fn clear() {
    let _ = write!(std::io::stdout().lock(), "\x1b[2J\x1b[H");
}

/// Why an answer could not be written, for the end of the command: it is the command that failed then.
static UNWRITTEN: Mutex<Option<std::io::Error>> = Mutex::new(None);

/// A whole answer. A reader that left early got what it wanted; any other failure ends the command
/// with [`was_written`].
pub(crate) fn answer(text: &str) {
    note(line(text.trim_end()));
}

/// What was made safe to look at, and then given colours of ours.
fn answer_styled(safe: &str) {
    note(writeln!(std::io::stdout().lock(), "{}", safe.trim_end()));
}

/// The same, of JSON.
pub(crate) fn answer_as_json(json: &str) {
    note(line_json(json));
}

fn note(written: std::io::Result<()>) {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
        Ok(()) | Err(_) => {}
    }
}

/// The exit code of a command, unless its answer was lost.
///
/// # Errors
/// `Code::OutputUnwritable` where it was.
pub(crate) fn was_written(code: u8) -> Result<u8, Failure> {
    match UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner).take() {
        None => Ok(code),
        Some(error) => Err(Fault::new(Code::OutputUnwritable, "the answer on stdout")
            .because(error)
            .next("Send it elsewhere, or make room; then run the command again.")
            .into()),
    }
}

/// A whole answer, as JSON.
pub(crate) fn answer_json(value: &impl Serialize) {
    let json = serde_json::to_string_pretty(value).expect("our answers have string keys only");
    answer_as_json(&json);
}

/// Says on stderr why a command failed; where JSON is spoken, as JSON.
pub(crate) fn failure(failure: &Failure, output: Output) {
    match failure {
        Failure::Fault(fault) => complain(fault, output),
        Failure::Config(error) if speaks_json(output) => complain(error.fault(), output),
        Failure::Config(error) => {
            let colours = std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal();
            let (code, picture) = (error.fault().code(), error.render(WIDTH, colours));
            // Its first line is the code alone.
            let below = picture.split_once('\n').map_or("", |(_, below)| below).trim_end();
            write(&format!("error[{code}]: {}", code.title()));
            // Its excerpt was made safe to look at before it was coloured.
            progress::write_styled(below);
            code.untouched().iter().for_each(|words| write(&format!("  {words}.")));
            write(&format!("  more: longhaul explain {code}"));
        }
    }
}

/// Says on stderr what is wrong.
pub(crate) fn complain(fault: &Fault, output: Output) {
    if speaks_json(output) {
        progress::write_json(&fault_json(fault).to_string());
    } else {
        write(&fault_text(fault));
    }
}

fn speaks_json(output: Output) -> bool {
    output == Output::Json || progress::is_json()
}

fn fault_text(fault: &Fault) -> String {
    let mut text = format!("error[{}]: {}", fault.code(), fault.headline());
    match (fault.sentence(), fault.server_code()) {
        (Some(sentence), Some(code)) => {
            text += &format!("\n  server: {} [{code}]", visible::text(sentence))
        }
        (None, Some(code)) => text += &format!(" [server code {code}]"),
        (_, None) => {}
    }
    let mut cause = fault.source();
    while let Some(error) = cause {
        text += &format!("\n  because: {}", visible::text(&error.to_string()));
        cause = error.source();
    }
    text += &fault.untouched().map(|words| format!("\n  {words}.")).unwrap_or_default();
    text += &format!("\n  next: {}", visible::text(fault.advice()));
    text += &format!("\n  more: longhaul explain {}", fault.code());
    text
}

fn fault_json(fault: &Fault) -> Value {
    json!({
        "code": fault.code().slug(),
        "message": fault.to_string(),
        "place": fault.place(),
        "server": fault.sentence(),
        "untouched": fault.untouched(),
        "cause": fault.source().map(ToString::to_string),
        "next": fault.advice(),
        "exit": fault.code().exit(),
    })
}

/// A code's page.
pub(crate) fn code_page(code: Code) -> String {
    format!(
        "{}: {}\n\n{}\n\nNext: {}\nExit code: {}",
        code.slug(),
        code.title(),
        wrapped(code.about()),
        code.advice(),
        code.exit(),
    )
}

/// A code's page, for programs.
pub(crate) fn code_json(code: Code) -> Value {
    json!({
        "code": code.slug(),
        "title": code.title(),
        "about": code.about(),
        "next": code.advice(),
        "exit": code.exit(),
    })
}

fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        if column > 0 && column + 1 + word.len() > 80 {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out += word;
        column += word.len();
    }
    out
}

/// The environments of a migration file.
pub(crate) fn environments(views: &[EnvironmentView]) -> String {
    let mut out = String::new();
    for view in views {
        let marks = [(view.from, "from"), (view.to, "to"), (view.default, "default")];
        let marks: Vec<_> = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        let password = view.password.as_deref().unwrap_or("none");
        out += &format!(
            "{:<16} {:<10} {}\n  password {password}, tls {}{}{}\n",
            view.name,
            view.engine.to_string(),
            view.url,
            view.tls.as_deref().unwrap_or("none"),
            if marks.is_empty() { "" } else { ", is " },
            marks.join(", "),
        );
    }
    out
}

/// In which state an operator left a run.
pub(crate) fn state(output: Output, record: &Record) {
    match output {
        Output::Json => answer_json(&json!({ "run": record.run, "state": record.state })),
        Output::Text => answer(&format!("run {} is {}", record.run.short(), record.state)),
    }
}

/// How a run ended.
pub(crate) struct End<'a> {
    pub(crate) report: &'a Report,
    pub(crate) outcome: Outcome,
    pub(crate) signal: Option<u8>,
    pub(crate) folder: &'a Path,
    /// Whether a fleet carries it.
    pub(crate) fleet: bool,
    /// What counts as a loss, where that shows in the exit code.
    pub(crate) strict: Option<Strict>,
}

/// Says how a run ended, and returns the exit code.
pub(crate) fn end(output: Output, end: &End<'_>) -> u8 {
    let report = end.report;
    match output {
        Output::Json => answer_json(report),
        Output::Text => {
            let safe = visible::lines(&report::summary(report)).into_owned();
            answer_styled(&report::coloured(report, &safe));
        }
    }
    say(&format!("report: {}", end.folder.join("report.html").display()));
    let resume = format!("continue with: longhaul resume {}", report.run.short());
    match &end.outcome {
        Outcome::Ended(Ended::Complete) => return complete(report, end.strict, output),
        Outcome::Ended(Ended::Stuck) => {
            complain(&ways::parked(report, stuck(report)), output);
            let retry = format!("try them again with: longhaul retry {}", report.run.short());
            insist(if end.fleet { &retry } else { &resume });
        }
        Outcome::Paused(fault) => {
            complain(fault, output);
            insist(&resume);
        }
        Outcome::Ended(Ended::Paused | Ended::Stopped) => insist(&resume),
        Outcome::Ended(Ended::Cancelled) => {
            complain(&Fault::new(Code::Cancelled, report.run.to_string()), output);
        }
    }
    end.outcome.exit(end.signal).unwrap_or(exit::FAILED)
}

/// Why a run does not go on: what failed, and what is in place all the same.
fn stuck(report: &Report) -> Fault {
    let parked: u64 = report.faults.iter().map(|met| met.parked).sum();
    let run = format!("run {}", report.run.short());
    let first = report.faults.iter().find(|met| met.parked > 0);
    let Some(first) = first else { return Fault::new(Code::Parked, run) };
    let missing = report.links_left.len();
    let mut said = match parked {
        1 => format!("{}: {}", first.what, first.message),
        several => format!("{several} of them; the first is {}: {}", first.what, first.message),
    };
    let copied = report.entities.iter().all(|entity| entity.chunks.0 == entity.chunks.1);
    if copied {
        let rows = grouped(report.totals.written);
        said += &match missing {
            0 => format!(". All {rows} rows are in place"),
            1 => format!(". All {rows} rows are in place; only this foreign key is missing"),
            n => format!(". All {rows} rows are in place; {n} foreign keys are missing"),
        };
    }
    Fault::new(Code::Parked, run).saying(said).next(format!(
        "{} Details: longhaul report {}",
        first.advice,
        report.run.short()
    ))
}

/// Says what speaks against a complete run, and returns its exit code.
pub(crate) fn complete(report: &Report, strict: Option<Strict>, output: Output) -> u8 {
    match report.verdict {
        Verdict::Different => {
            complain(&Fault::new(Code::Differs, report.to.environment.to_string()), output);
            exit::DIFFERENT
        }
        Verdict::NotVerified if report.broken_promise => {
            complain(&Fault::new(Code::PromiseBroken, report.from.environment.to_string()), output);
            exit::FAILED
        }
        Verdict::Verified | Verdict::NotVerified if report.totals.rejected > 0 => exit::REJECTS,
        Verdict::Verified | Verdict::NotVerified
            if strict.is_some_and(|strict| strict.forbids(&report.left_behind)) =>
        {
            exit::LEFT_BEHIND
        }
        // Complete, and where something could not be verified, the plan said so beforehand.
        Verdict::Verified | Verdict::NotVerified => exit::OK,
    }
}
