//! Logs on stderr: filtered, as text for people or as JSON lines for collectors.
//!
//! They are for grep. Fields say run, chunk and worker; no row value and no secret is ever one.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write};

use tracing_subscriber::EnvFilter;

use crate::render::visible;

/// What is logged where nothing was said. The AMQP driver calls a question whose answer is no an
/// error; the broker says itself what is wrong.
const FILTER_DEFAULT: &str = "error,lapin=off";

/// The same for a process that nobody watches.
const SERVICE_DEFAULT: &str = "info,lapin=off";

/// How and what to log.
#[derive(Debug, PartialEq, Eq)]
struct Logs {
    json: bool,
    filter: String,
}

impl Logs {
    /// Reads what was asked for: the words `text` and `json`, and filters; filters of the option
    /// stand in place of those of the variable.
    fn read(option: Option<&str>, variable: Option<&str>, otherwise: &str) -> Self {
        let words = |text: Option<&str>| {
            let words = text.unwrap_or_default().split(',').map(str::trim);
            words.filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let (option, variable) = (words(option), words(variable));
        let form = |words: &[String]| words.iter().rev().find(|word| is_form(word)).cloned();
        let filter = |words: &[String]| {
            let filters: Vec<_> = words.iter().filter(|word| !is_form(word)).cloned().collect();
            (!filters.is_empty()).then(|| filters.join(","))
        };
        let json = form(&option).or_else(|| form(&variable)).is_some_and(|form| form == "json");
        let filter = filter(&option).or_else(|| filter(&variable));
        Self { json, filter: filter.unwrap_or_else(|| otherwise.into()) }
    }
}

fn is_form(word: &str) -> bool {
    matches!(word, "text" | "json")
}

/// Begins to log. `service` is true of a process that nobody watches, which tells more by itself.
pub(crate) fn init_logs(option: Option<&str>, service: bool) {
    let variable = std::env::var("LONGHAUL_LOG").ok();
    let otherwise = if service { SERVICE_DEFAULT } else { FILTER_DEFAULT };
    let logs = Logs::read(option, variable.as_deref(), otherwise);
    let filter = EnvFilter::try_new(&logs.filter).unwrap_or_else(|_| EnvFilter::new(otherwise));
    let colours = std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal();
    let json = logs.json;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Safe { json, colours })
        .with_ansi(colours);
    // A second call in one process, as in tests, keeps the first's settings.
    let _ = if logs.json {
        lines.json().flatten_event(true).with_span_list(false).try_init()
    } else {
        lines.try_init()
    };
}

/// Stderr, by way of what makes text safe to look at. Each line of a log comes in one piece.
struct Safe {
    json: bool,
    colours: bool,
}

impl Safe {
    fn shown<'a>(&self, line: &'a str) -> Cow<'a, str> {
        if self.json {
            return visible::json(line);
        }
        if !self.colours {
            return visible::lines(line);
        }
        // Its own colours stay; those of a value were spelled out before they were put beside them.
        let parts = line.split('\u{1b}').map(visible::lines);
        Cow::Owned(parts.collect::<Vec<_>>().join("\u{1b}"))
    }
}

impl Write for Safe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        io::stderr().write_all(self.shown(&line).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_log_steers_no_terminal() {
        let line = "run \u{202e}x\u{9b}2J\n";
        for (json, shown) in [(true, r"run \u202ex\u009b2J"), (false, r"run \u{202e}x\u{9b}2J")] {
            assert_eq!(Safe { json, colours: false }.shown(line).trim_end(), shown);
        }
        let coloured = Safe { json: false, colours: true }.shown("\u{1b}[31mERROR\u{1b}[0m \u{7}");
        assert_eq!(coloured, "\u{1b}[31mERROR\u{1b}[0m \\u{7}");
    }

    fn logs(json: bool, filter: &str) -> Logs {
        Logs { json, filter: filter.into() }
    }

    #[test]
    fn form_and_filter_are_said_together_or_apart() {
        let read = |option, variable| Logs::read(option, variable, "error");
        assert_eq!(read(None, None), logs(false, "error"));
        assert_eq!(read(Some("json"), Some("info")), logs(true, "info"));
        assert_eq!(read(Some("worker=debug"), Some("json,info")), logs(true, "worker=debug"));
        assert_eq!(read(Some("text"), Some("json")), logs(false, "error"));
        assert_eq!(read(Some("json,info,lapin=off"), None), logs(true, "info,lapin=off"));
    }
}
