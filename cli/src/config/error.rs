//! What is wrong with a migration file, and where.
//!
//! For people it is a diagnostic with an excerpt of the text and a caret under the place; for the
//! machinery it is a [`Fault`]. Excerpts are masked: an error beside a password must not print it.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
    SourceSpan,
};
use protocol::fault::{Code, Fault};

use super::mask;
use super::node::{Place, Text};

/// Why a migration file, or an override of it, cannot be used.
///
/// Prints as one line; [`ConfigError::render`] and miette print the place as well.
pub struct ConfigError(Box<Inner>);

struct Inner {
    fault: Fault,
    message: String,
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
}

impl ConfigError {
    /// The fault it comes to, with `file:line:column` as its place.
    pub fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// The fault alone, for callers that print faults.
    pub fn into_fault(self) -> Fault {
        self.0.fault
    }

    /// The diagnostic as text, at most `width` columns wide, with line drawings and perhaps
    /// colours. Ends with a line break.
    pub fn render(&self, width: usize, colours: bool) -> String {
        let theme = if colours { GraphicalTheme::unicode() } else { plain_theme() };
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width);
        match handler.render_report(&mut text, self) {
            Ok(()) => text,
            Err(fmt::Error) => format!("{self}\n"),
        }
    }

    /// An error without a place in a text.
    pub(super) fn bare(fault: Fault) -> Self {
        let message = match fault.said() {
            Some(said) => format!("{} ({}): {said}", fault.code().title(), fault.place()),
            None => format!("{} ({})", fault.code().title(), fault.place()),
        };
        Self(Box::new(Inner { fault, message, source: None, labels: Vec::new() }))
    }
}

fn plain_theme() -> GraphicalTheme {
    GraphicalTheme::unicode_nocolor()
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.fault, f)
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.fault)
    }
}

impl Diagnostic for ConfigError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.0.fault.code().slug()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.0.fault.advice()))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.source.as_ref().map(|source| source as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.0.labels.iter().cloned()))
    }
}

/// Something wrong at a place, before the text is at hand to show it.
#[derive(Debug, Clone)]
pub(super) struct Complaint {
    pub(super) code: Code,
    pub(super) at: Place,
    message: String,
    label: Option<String>,
    also: Option<(Place, &'static str)>,
    help: Option<String>,
}

impl Complaint {
    /// A lower-case fragment that says what is wrong there.
    pub(super) fn new(code: Code, at: Place, message: impl Into<String>) -> Self {
        Self { code, at, message: message.into(), label: None, also: None, help: None }
    }

    /// What stands under the caret.
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// A second place that belongs to it, of the same text.
    pub(super) fn also(mut self, at: Place, label: &'static str) -> Self {
        self.also = Some((at, label));
        self
    }

    /// What to do, in a sentence; without it, the code's own advice.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The error, with the text it is in.
    pub(super) fn shown_in(self, texts: &[Text]) -> ConfigError {
        let text = &texts[self.at.text];
        let said = match &self.label {
            Some(label) => format!("{}; {label}", self.message),
            None => self.message.clone(),
        };
        let mut fault = Fault::new(self.code, position(text, self.at.offset)).saying(said);
        if let Some(help) = self.help {
            fault = fault.next(help);
        }
        let mut labels = vec![LabeledSpan::new_primary_with_span(
            Some(self.label.unwrap_or_else(|| "here".into())),
            span(self.at),
        )];
        if let Some((at, label)) = self.also.filter(|(at, _)| at.text == self.at.text) {
            labels.push(LabeledSpan::new_with_span(Some(label.into()), span(at)));
        }
        let source = Some(NamedSource::new(&text.name, mask::masked(&text.body)));
        ConfigError(Box::new(Inner { fault, message: self.message, source, labels }))
    }
}

/// At least one column wide, so that there is something to draw the caret under.
fn span(at: Place) -> SourceSpan {
    (at.offset, at.length.max(1)).into()
}

/// `file:line:column`, both counted from one, columns in characters; for an override its name.
fn position(text: &Text, offset: usize) -> String {
    if !text.file {
        return text.name.clone();
    }
    let before = &text.body[..offset];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    format!("{}:{line}:{}", text.name, before[start..].chars().count() + 1)
}

/// The known word that was probably meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let known: Vec<&str> = known.into_iter().collect();
    let synonym = SYNONYMS.iter().find(|(others, ours)| {
        known.contains(ours) && others.split(' ').any(|other| other == word)
    });
    if let Some((_, ours)) = synonym {
        return known.into_iter().find(|name| name == ours);
    }
    let distance = |name: &str| strsim::damerau_levenshtein(&word, &name.to_lowercase());
    let near = known.into_iter().map(|name| (distance(name), name));
    let (far, name) = near.min_by_key(|(far, _)| *far)?;
    (far <= name.chars().count().max(3) / 3).then_some(name)
}

/// Words that others use for what we call otherwise.
const SYNONYMS: &[(&str, &str)] = &[
    ("source src", "from"),
    ("target destination dest", "to"),
    ("filter condition", "where"),
    ("limit max_rows", "top"),
    ("threads workers parallel parallelism concurrency jobs", "slots"),
    ("batch_size batch_rows rows", "chunk_rows"),
    ("table include pattern name", "entity"),
    ("tables", "entities"),
    ("key keys primary_key", "conflict"),
    ("skip ignore", "exclude"),
    ("columns_exclude skip_columns ignore_columns", "exclude_columns"),
    ("uri dsn address connection", "url"),
    ("mode sslmode ssl_mode", "verify"),
    ("sslrootcert", "ca"),
    ("insert append", "create"),
    ("merge update", "upsert"),
    ("strict verify-full verify_full yes on", "full"),
    ("verify-ca verify_ca", "ca"),
    ("off no disable require prefer", "none"),
];
