//! What is wrong with an expression, and where.

use std::fmt;

use sqlparser::tokenizer::{Location, Span};

use super::value::Type;

/// The longest line of an expression that is shown whole.
const SHOWN_MAX: usize = 120;

/// A mistake in an expression. Printed, it is a sentence, and below it the line with a caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// How to put it right, where that is known.
    pub help: Option<String>,
    place: Option<Box<Place>>,
    span: Option<Span>,
}

/// Where a mistake is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// The line of the expression.
    line: String,
    /// Its first column there, from 1, counted in characters.
    start: usize,
    /// How many characters.
    length: usize,
}

impl Mistake {
    pub(super) fn saying(self, message: String) -> Self {
        Self { message, ..self }
    }

    /// An expression of another type than is needed.
    pub(crate) fn not_a(needed: &str, of: Type) -> Self {
        Self::nowhere(format!("this is {of}, and {needed} is needed"))
    }

    pub(super) fn at(span: Span, message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, place: None, span: Some(span) }
    }

    pub(super) fn nowhere(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, place: None, span: None }
    }

    pub(super) fn helped(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// What the parser says. Its errors carry their place only as text: `… at Line: 1, Column: 7`.
    pub(super) fn of_parser(said: &str) -> Self {
        let said = said.strip_prefix("sql parser error: ").unwrap_or(said);
        let Some(at) = said.rfind(" at Line: ") else { return Self::nowhere(said) };
        let mut numbers = said[at..].split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty());
        let mut number = || numbers.next().and_then(|n| n.parse().ok());
        match (number(), number()) {
            (Some(line), Some(column)) => {
                let place = Location { line, column };
                Self::at(Span::new(place, place), &said[..at])
            }
            _ => Self::nowhere(said),
        }
    }

    /// This, with the line of the expression that it is in.
    pub(super) fn shown_in(mut self, text: &str) -> Self {
        let Some(span) = self.span.filter(|span| span.start.line > 0) else { return self };
        let Some(line) = text.lines().nth(span.start.line as usize - 1) else { return self };
        let width = line.chars().count();
        if width > SHOWN_MAX {
            return self;
        }
        let start = (span.start.column as usize).clamp(1, width + 1);
        let same_line = span.end.line == span.start.line;
        let end = if same_line { span.end.column as usize } else { width + 1 };
        let length = end.saturating_sub(start).max(1);
        self.place = Some(Box::new(Place { line: line.to_owned(), start, length }));
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        if let Some(place) = &self.place {
            let (indent, caret) = (" ".repeat(place.start - 1), "^".repeat(place.length));
            write!(f, "\n  {}\n  {indent}{caret}", place.line)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistake {}
