//! `longhaul rejects`: the rows that were refused, on the screen or in a file.

mod again;

use std::ffi::OsStr;
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use coordinator::report::entity_of;
use protocol::fault::{Code, Fault};
use protocol::plan::Plan;
use protocol::receipt::Reject;

use crate::args::{
    ExportFormat, Global, OfRun, Output, Rejects, RejectsCommand, RejectsExport, RejectsList, Which,
};
use crate::assemble::{self, Pages};
use crate::exit::{self, Answer, Failure};
use crate::find::{self, Found};
use crate::render::rejects::{CSV_HEADINGS, Listing, Refused};
use crate::render::visible;
use crate::{Probes, progress, render};

/// Lists, exports or tries again.
pub(crate) async fn rejects(global: &Global, args: Rejects, probes: Probes) -> Answer {
    match args.command {
        RejectsCommand::List(args) => list(global, args).await,
        RejectsCommand::Export(args) => export(global, args).await,
        RejectsCommand::Retry(args) => again::retry(global, args, probes).await,
    }
}

async fn found(global: &Global, of: &OfRun) -> Result<(Found, Plan), Failure> {
    let ledger = assemble::ledger(global).await?;
    let mut found =
        find::find(ledger.as_ref(), of.run.as_ref(), &of.between, find::Which::Latest).await?;
    let plan = found.home.plan(found.record.run).await?;
    Ok((found, plan))
}

/// The reject with its entity, if it is meant.
fn chosen(plan: &Plan, which: &Which, reject: Reject) -> Option<Refused> {
    let entity = entity_of(plan, &reject);
    let named = |name: &String| {
        *name == entity || entity.rsplit_once('.').is_some_and(|(_, bare)| bare == name)
    };
    let meant = which.entity.as_ref().is_none_or(named)
        && which.reason.as_ref().is_none_or(|reason| reject.is_for(reason));
    meant.then_some(Refused { entity, reject })
}

async fn list(global: &Global, args: RejectsList) -> Answer {
    let (mut found, plan) = found(global, &args.of).await?;
    let run = found.record.run;
    let mut listing = Listing::new(run, args.limit);
    let mut add = |reject| listing.add(chosen(&plan, &args.which, reject));
    if args.resolved {
        found.home.resolved(run, u64::MAX).await?.into_iter().for_each(add);
    } else if args.evidence {
        found.home.samples(run).await?.into_iter().for_each(add);
    } else {
        let mut pages = Pages::of(found.home.as_mut(), run).await?;
        while let Some(page) = pages.next(found.home.as_mut()).await? {
            page.into_iter().for_each(&mut add);
        }
    }
    match global.output {
        Output::Json => render::answer_json(&listing),
        Output::Text => render::answer(&listing.text()),
    }
    Ok(exit::OK)
}

async fn export(global: &Global, args: RejectsExport) -> Answer {
    let (mut found, plan) = found(global, &args.of).await?;
    let run = found.record.run;
    let mut out = Out::open(args.save.as_deref())?;
    let format = args.format.unwrap_or_else(|| format_of(args.save.as_deref()));
    let mut rows = 0u64;
    if format == ExportFormat::Csv {
        out.line(CSV_HEADINGS, "\r\n")?;
    }
    let mut pages = Pages::of(found.home.as_mut(), run).await?;
    while let Some(page) = pages.next(found.home.as_mut()).await? {
        for refused in page.into_iter().filter_map(|one| chosen(&plan, &args.which, one)) {
            let written = match format {
                ExportFormat::Csv => out.line(&refused.csv(args.raw), "\r\n"),
                ExportFormat::Jsonl => out.line(&refused.json().to_string(), "\n"),
            };
            if out.left {
                return Ok(exit::OK);
            }
            written?;
            rows += 1;
        }
    }
    out.close()?;
    progress::say(&format!("{} rejected rows exported", render::report::grouped(rows)));
    Ok(exit::OK)
}

fn format_of(file: Option<&Path>) -> ExportFormat {
    match file.and_then(Path::extension).and_then(OsStr::to_str) {
        Some("json" | "jsonl" | "ndjson") => ExportFormat::Jsonl,
        _ => ExportFormat::Csv,
    }
}

/// Where an export goes. A file appears under its name when it is whole.
struct Out<'a> {
    to: Box<dyn Write + Send>,
    file: Option<(&'a Path, std::path::PathBuf)>,
    /// Whoever read our lines has gone.
    left: bool,
}

impl<'a> Out<'a> {
    fn open(file: Option<&'a Path>) -> Result<Self, Fault> {
        let Some(file) = file else {
            return Ok(Self { to: Box::new(io::stdout()), file: None, left: false });
        };
        let mut partial = file.as_os_str().to_owned();
        partial.push(".partial");
        let partial = std::path::PathBuf::from(partial);
        let to = std::fs::File::create(&partial).map_err(|error| unwritable(file, error))?;
        let to = Box::new(io::BufWriter::new(to));
        Ok(Self { to, file: Some((file, partial)), left: false })
    }

    /// To a terminal it goes as all text does; a file or a program gets it as it is.
    fn line(&mut self, text: &str, end: &str) -> Result<(), Fault> {
        let terminal = self.file.is_none() && io::stdout().is_terminal();
        let text = if terminal { visible::lines(text) } else { text.into() };
        let written = write!(self.to, "{text}{end}");
        written.map_err(|error| {
            self.left = self.file.is_none() && error.kind() == io::ErrorKind::BrokenPipe;
            unwritable(self.file.as_ref().map_or(Path::new("stdout"), |(file, _)| file), error)
        })
    }

    fn close(mut self) -> Result<(), Fault> {
        let flushed = self.to.flush();
        let Some((file, partial)) = self.file else { return Ok(()) };
        let named = flushed.and_then(|()| std::fs::rename(partial, file));
        named.map_err(|error| unwritable(file, error))
    }
}

fn unwritable(file: &Path, error: io::Error) -> Fault {
    Fault::new(Code::OutputUnwritable, file.display().to_string()).because(error)
}
