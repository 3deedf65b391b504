//! Names and texts of others steer no terminal: one function prints them, and every command goes
//! through it.

use std::path::{Path, PathBuf};

use protocol::visible::is_hidden;
use tests::command::Said;
use tests::setting::Setting;

const LONGHAUL: &str = env!("CARGO_BIN_EXE_mortal");

/// Words of the standard library and of the drawing library by which something reaches a terminal.
const PRINTING: [&str; 11] = [
    "println!",
    "print!(",
    "eprint!",
    "eprintln!",
    "dbg!(",
    "io::stdout()",
    "io::stderr()",
    ".println(",
    ".set_message(",
    ".set_prefix(",
    ".with_message(",
];

/// Where they may stand: how often in each file. All else is to call `render::line`, `answer` and
/// `answer_json`, or `progress::say`, `insist` and `write`.
const PRINTERS: [(&str, usize); 8] = [
    // Four ways to stdout: text, text with colours, JSON, and the emptying of the terminal; and whether
    // stderr is one.
    ("render/mod.rs", 5),
    // The two ways to stderr, lines and questions, and whether it is a terminal.
    ("progress/mod.rs", 5),
    // What is drawn at the bottom of a terminal, of lines made safe; and whether it is a terminal.
    ("progress/screen.rs", 3),
    // Logs, by a writer that makes them safe; and whether it is a terminal.
    ("progress/logs.rs", 3),
    // Exports, which are data to all but a terminal; and whether it is one.
    ("command/rejects.rs", 2),
    // Whether it is a terminal.
    ("command/status.rs", 1),
    ("command/agree.rs", 1),
    ("render/report/summary.rs", 1),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn nothing_prints_but_what_makes_text_safe() {
    let root = crate::cargo::root().join("cli/src");
    let mut wrong = Vec::new();
    for path in sources(&root) {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let prints = lines.filter(|line| PRINTING.iter().any(|word| line.contains(word)));
        let prints: Vec<_> = prints.map(str::trim).collect();
        let allowed = PRINTERS.iter().find(|(of, _)| *of == name).map_or(0, |(_, times)| *times);
        if prints.len() > allowed {
            wrong.push(format!("{name}: {} of {allowed}: {prints:#?}", prints.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// It clears the terminal, sets its title and the clipboard, goes back to the beginning of a line,
/// turns letters around, and begins a line that looks like a verdict.
pub(crate) const HOSTILE: &str =
    "n\u{1b}[2J\u{1b}]0;t\u{7}\u{1b}]52;c;eA==\u{7}\r\u{202e}x\u{9b}2J\nVERIFIED: all";

pub(crate) fn is_safe(said: Said) -> Said {
    let shown = format!("{}{}", said.stdout, said.stderr);
    let hidden = |c: char| c != '\n' && is_hidden(c);
    assert!(!shown.contains(hidden), "{shown:?}");
    let forged = shown.lines().find(|line| line.starts_with("VERIFIED: all"));
    assert_eq!(forged, None, "{shown}");
    said
}

/// A source whose tables, columns, indexes, checks and views are called so, and a row that is refused.
fn source() -> String {
    let name = format!("\"{HOSTILE}\"");
    format!(
        "CREATE TABLE {name} (id INTEGER PRIMARY KEY, {name} TEXT, CHECK ({name} <> 'x'));
         CREATE INDEX \"i{HOSTILE}\" ON {name} ({name});
         CREATE VIEW \"v{HOSTILE}\" AS SELECT 1;
         INSERT INTO {name} VALUES (1, 'a'), (2, 'b'), (3, x'00ff')"
    )
}

#[test]
fn hostile_names_are_printed_safely_by_every_command() {
    let setting = Setting::new(LONGHAUL);
    setting.sqlite("old.db", &source());
    setting.migration("sqlite:old.db", "sqlite:new.db", "limits: { rejects: 10 }\n");
    let run = |arguments: &[&str]| is_safe(setting.longhaul(arguments));
    for arguments in [
        &["check"][..],
        &["doctor"],
        &["environments"],
        &["plan"],
        &["plan", "--output", "json"],
        &["run", "--progress", "plain"],
        &["status"],
        &["status", "--output", "json"],
        &["report"],
        &["report", "--output", "json"],
        &["rejects", "list"],
        &["verify"],
        &["verify", "--output", "json"],
        &["events"],
        &["runs"],
        &["init", "--from", "sqlite:old.db", "--to", "sqlite:other.db"],
    ] {
        let said = run(arguments);
        assert!(!said.stdout.is_empty() || !said.stderr.is_empty(), "{arguments:?}");
    }
    let _ = run(&["plan", "--from", &format!("sqlite:{HOSTILE}.db")]);
    let states = std::fs::read_dir(setting.path(".longhaul/runs")).unwrap();
    let reports = states
        .filter_map(|run| std::fs::read_to_string(run.unwrap().path().join("report.txt")).ok());
    let text: String = reports.collect();
    assert!(text.contains(r"\u{1b}[2J"), "the report names it: {text}");
    assert!(!text.contains(|c: char| c != '\n' && is_hidden(c)), "{text:?}");
}
