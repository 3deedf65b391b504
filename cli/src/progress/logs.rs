//! Logs on stderr: filtered, as text for people or as JSON lines for collectors.
//!
//! They are for grep. Fields say run, chunk and worker; no row value and no secret is ever one.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

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
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    // A second call in one process, as in tests, keeps the first's settings.
    let _ = if logs.json {
        lines.json().flatten_event(true).with_span_list(false).try_init()
    } else {
        lines.try_init()
    };
}

#[cfg(test)]
mod tests {
    use super::*;

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
