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
use protocol::visible::{self, text};

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
        let message = short(&message.into());
        Self { code, at, message, label: None, also: None, help: None }
    }

    /// What stands under the caret.
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(short(&label.into()));
        self
    }

    /// A second place that belongs to it, of the same text.
    pub(super) fn also(mut self, at: Place, label: &'static str) -> Self {
        self.also = Some((at, label));
        self
    }

    /// What to do, in a sentence; without it, the code's own advice.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(short(&help.into()));
        self
    }

    /// The error, with the text it is in.
    pub(super) fn shown_in(self, texts: &[Text]) -> ConfigError {
        let whole = &texts[self.at.text];
        let shown = Shown::of(whole, self.at);
        let said = match &self.label {
            Some(label) => format!("{}; {label}", self.message),
            None => self.message.clone(),
        };
        let mut fault = Fault::new(self.code, position(whole, self.at.offset)).saying(said);
        if let Some(help) = self.help {
            fault = fault.next(help);
        }
        let mut labels = vec![LabeledSpan::new_primary_with_span(
            Some(self.label.unwrap_or_else(|| "here".into())),
            shown.span,
        )];
        let also = self.also.filter(|(at, _)| shown.whole && at.text == self.at.text);
        if let Some((at, label)) = also {
            labels.push(LabeledSpan::new_with_span(Some(label.into()), span(at)));
        }
        let source = Some(NamedSource::new(shown.name, shown.body));
        ConfigError(Box::new(Inner { fault, message: self.message, source, labels }))
    }
}

/// Characters of a message: what it quotes may be a whole file.
const MESSAGE_CHARS_MAX: usize = 400;

/// A message that quotes a text of others: of bearable length, and safe to look at.
fn short(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARS_MAX) {
        None => text(message).into_owned(),
        Some((end, _)) => format!("{} …", text(&message[..end])),
    }
}

/// Bytes of a line that are shown; of a longer one, and of its neighbours, only what stands around the
/// place.
const LINE_BYTES_MAX: usize = 500;

/// Bytes before and behind the place that are shown of such a line.
const AROUND_BYTES: usize = 80;

/// What is shown of a text.
struct Shown {
    name: String,
    body: String,
    span: SourceSpan,
    whole: bool,
}

impl Shown {
    fn of(text: &Text, at: Place) -> Self {
        let body = mask::masked(&text.body);
        let name = visible::text(&text.name).into_owned();
        let start = body[..at.offset].rfind('\n').map_or(0, |at| at + 1);
        let end = body[at.offset..].find('\n').map_or(body.len(), |length| at.offset + length);
        let before = body[..start].lines().next_back().map_or(0, str::len);
        let after = body[end..].lines().nth(1).map_or(0, str::len);
        if [before, end - start, after].into_iter().all(|length| length <= LINE_BYTES_MAX) {
            return Self { name, body, span: span(at), whole: true };
        }
        let from = body.floor_char_boundary(at.offset.saturating_sub(AROUND_BYTES).max(start));
        let length = at.length.clamp(1, AROUND_BYTES);
        let upto = body.floor_char_boundary((at.offset + length + AROUND_BYTES).min(end));
        let part = &body[from..upto.max(at.offset)];
        let line = text.body[..at.offset].matches('\n').count() + 1;
        Self {
            name: format!("{name}, in line {line}"),
            span: (at.offset - from, length).into(),
            body: part.to_owned(),
            whole: false,
        }
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
