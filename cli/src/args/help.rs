//! What the command line says of itself: commands in groups, examples, and what was probably meant.

use clap::builder::styling::Style;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _};

use super::Args;

/// Commands, in the groups in which they are listed.
const GROUPS: &[(&str, &[&str])] = &[
    ("Start", &["demo", "init", "check", "plan", "run"]),
    (
        "Run",
        &[
            "status", "watch", "pause", "resume", "retry", "limit", "revise", "cancel", "clean",
            "forget",
        ],
    ),
    ("Inspect", &["runs", "report", "verify", "rejects", "events", "environments", "doctor"]),
    ("Fleet", &["submit", "coordinator", "worker", "workers"]),
    ("Reference", &["explain", "schema", "completions", "man", "help"]),
];

const EXIT_CODES: &str = "\
Exit codes: 0 verified · 1 failed, resumable · 2 usage or configuration · 3 plan has work (with \
--exit-code) · 4 rejects within the limit, or with --strict something was not moved · 5 verification \
found differences · 6 preflight failed, nothing written · 7 paused · 75 a server is unreachable · 130/143 interrupted, resumable

`longhaul COMMAND --help` says more, `longhaul explain CODE` explains an error.";

/// What is said below the options of a command.
const MORE: &str =
    "`--state`, `--progress`, `--output` and `--log` fit every command: see `longhaul --help`.";

/// Examples of the commands that newcomers meet.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "run",
        "  longhaul run shop.yaml
  longhaul run --from mysql://app@db/shop --to postgres://app@new/shop
  longhaul run --from prod --to dev --table account,contact --exclude 'tmp_*' --top 100
  longhaul run plan.json",
    ),
    (
        "plan",
        "  longhaul plan shop.yaml
  longhaul plan --from sqlite:legacy.db --to postgres://app@new/shop -o plan.json",
    ),
    (
        "init",
        "  longhaul init sqlite:legacy.db postgres://app@new/shop
  longhaul init --from prod --to dev --file fleet.yaml --table 'account,contact' -o part.yaml",
    ),
    (
        "submit",
        "  longhaul submit shop.yaml --priority 7
  longhaul submit --from prod --to dev --table account --mode upsert",
    ),
    (
        "status",
        "  longhaul status
  longhaul status 6a1d2f3c
  longhaul status shop.yaml --watch",
    ),
    ("limit", "  longhaul limit 6a1d2f3c slots=8 rows_per_second=20000"),
    (
        "completions",
        "  longhaul completions bash > ~/.local/share/bash-completion/completions/longhaul
  longhaul completions zsh > ~/.zfunc/_longhaul
  longhaul completions fish > ~/.config/fish/completions/longhaul.fish",
    ),
    ("man", "  longhaul man ~/.local/share/man/man1"),
];

impl Args {
    /// Reads a command line. Without any word it asks for help.
    ///
    /// # Errors
    /// What does not fit, with what was probably meant; and help, where that is asked for.
    pub(crate) fn read(
        arguments: impl IntoIterator<Item = std::ffi::OsString>,
    ) -> Result<Self, clap::Error> {
        let mut arguments: Vec<_> = arguments.into_iter().collect();
        if arguments.len() == 1 {
            arguments.push("--help".into());
        }
        let mut command = command();
        let matches = command.try_get_matches_from_mut(arguments).map_err(meant)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// The command line, with its help in groups. Options that fit every command are listed once.
pub(crate) fn command() -> Command {
    let whole = Args::command();
    let hidden: Vec<Arg> = whole
        .get_arguments()
        .filter(|one| one.is_global_set())
        .map(|one| one.clone().hide(true))
        .collect();
    let names: Vec<_> = whole.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    let template = template(&whole);
    let whole = whole.help_template(template).after_help(EXIT_CODES);
    names.into_iter().fold(whole, |whole, name| {
        whole.mut_subcommand(&name, |one| one.args(&hidden).after_help(below(&name)))
    })
}

/// The command line as shells complete it: every option where it fits.
pub(crate) fn completed() -> Command {
    Args::command()
}

fn below(name: &str) -> String {
    let example = EXAMPLES.iter().find(|(of, _)| *of == name);
    let heading = heading("Examples:");
    example.map(|(_, lines)| format!("{heading}\n{lines}\n\n")).unwrap_or_default() + MORE
}

fn heading(text: &str) -> String {
    let style: Style = *clap::builder::Styles::styled().get_header();
    format!("{}{text}{}", style.render(), style.render_reset())
}

/// The page of `longhaul --help`, but for the options.
fn template(whole: &Command) -> String {
    let mut out = String::from("{about-with-newline}\n{usage-heading} {usage}\n");
    for (title, names) in GROUPS {
        out += &format!("\n{}\n", heading(&format!("{title}:")));
        for name in *names {
            let about = match *name {
                "help" => Some("Show the help of a command.".to_string()),
                _ => whole
                    .find_subcommand(name)
                    .and_then(Command::get_about)
                    .map(ToString::to_string),
            };
            let about = about.map(|about| about.trim_end_matches('.').to_owned());
            out += &about.map(|about| format!("  {name:<13} {about}\n")).unwrap_or_default();
        }
    }
    out + &format!("\n{}\n{{options}}{{after-help}}", heading("Options:"))
}

/// Options that other tools have, and what ours is called.
const OPTIONS: &[(&str, &str)] = &[
    ("--dry-run -n --check --preview", "Use `longhaul plan`, which writes nothing."),
    ("--tables --include --only -t --stream", "Use `--table NAMES`."),
    ("--source --src --src-conn --source-url", "Use `--from URL`."),
    ("--target --dest --destination --dst --tgt-conn", "Use `--to URL`."),
    ("--jobs --parallel --threads --workers -j", "Use `--slots NUMBER`."),
    ("--limit --rows --max-rows", "Use `--top NUMBER`."),
    ("--config -c", "Use `--file FILE`, or name the file without an option."),
    ("--json", "Use `--output json`."),
    ("--quiet -q", "Use `--progress none`."),
    ("--debug -d", "Use `--log debug`."),
    ("--drop --truncate --overwrite", "Use `--mode replace`: it empties the target tables first."),
    ("--upsert --merge", "Use `--mode upsert`."),
    ("--append", "Use `--mode append`."),
    (
        "--password -p -W",
        "Put `password: env:NAME` into a migration file, or the password into the URL.",
    ),
];

/// Commands that other tools have, and what ours is called.
const COMMANDS: &[(&str, &str)] = &[
    ("migrate copy move sync transfer load start execute", "run"),
    ("preview diff dry-run show-plan", "plan"),
    ("validate lint", "check"),
    ("new create generate", "init"),
    ("stop abort kill", "cancel"),
    ("continue restart", "resume"),
    ("list ls ps history", "runs"),
    ("info progress", "status"),
    ("log logs tail follow", "events"),
    ("errors failures rejected", "rejects"),
    ("compare test", "verify"),
    ("ping health", "doctor"),
    ("completion", "completions"),
];

/// An error of the command line, with what was probably meant.
fn meant(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::UnknownArgument {
        // The tip to put it behind `--` is never what was meant: no command takes such values.
        error.remove(ContextKind::Suggested);
        let written = context(&error, ContextKind::InvalidArg);
        let written = written.split('=').next().unwrap_or_default();
        if let Some(tip) = known(OPTIONS, written) {
            error.remove(ContextKind::SuggestedArg);
            error.insert(ContextKind::Suggested, styled(tip));
        } else if is_file(written) {
            let tip = "A command takes one file; name it right behind the command.";
            error.insert(ContextKind::Suggested, styled(tip));
        }
    }
    if error.kind() == ErrorKind::InvalidSubcommand {
        let written = context(&error, ContextKind::InvalidSubcommand);
        let run = is_file(&written).then(|| format!("run {written}"));
        if let Some(meant) = run.or_else(|| known(COMMANDS, &written).map(str::to_owned)) {
            error.remove(ContextKind::SuggestedSubcommand);
            let tip = format!("Did you mean `longhaul {meant}`?");
            error.insert(ContextKind::Suggested, styled(&tip));
        }
    }
    error
}

fn styled(tip: &str) -> ContextValue {
    ContextValue::StyledStrs(vec![tip.to_owned().into()])
}

fn is_file(word: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| word.ends_with(end))
}

fn context(error: &clap::Error, kind: ContextKind) -> String {
    let Some(ContextValue::String(text)) = error.get(kind) else { return String::new() };
    text.clone()
}

fn known(table: &'static [(&str, &'static str)], written: &str) -> Option<&'static str> {
    let found = table.iter().find(|(words, _)| words.split(' ').any(|word| word == written));
    found.map(|(_, tip)| *tip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(words: &[&str]) -> String {
        let words = words.iter().map(std::ffi::OsString::from);
        Args::read(words).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
        completed().debug_assert();
    }

    #[test]
    fn every_command_stands_in_one_group() {
        let listed: Vec<&str> =
            GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        for one in completed().get_subcommands().filter(|one| !one.is_hide_set()) {
            let times = listed.iter().filter(|name| **name == one.get_name()).count();
            assert_eq!(times, 1, "add `{}` to a group in args/help.rs", one.get_name());
        }
    }

    #[test]
    fn without_a_word_and_on_request_the_commands_are_shown_in_groups() {
        assert_eq!(help(&["longhaul"]), help(&["longhaul", "--help"]));
        let page = help(&["longhaul"]);
        for words in
            ["Start:", "Inspect:", "Fleet:", "  worker        Run a fleet worker", "--state"]
        {
            assert!(page.contains(words), "{words}\n{page}");
        }
    }

    #[test]
    fn options_that_fit_every_command_are_shown_once() {
        for words in
            [["longhaul", "run", "--help"].as_slice(), &["longhaul", "rejects", "list", "-h"]]
        {
            let page = help(words);
            assert!(!page.contains("--progress <"), "{page}");
        }
        let page = help(&["longhaul", "run", "--help"]);
        assert!(page.contains("Examples:\n  longhaul run shop.yaml"), "{page:?}");
        let words = ["longhaul", "rejects", "list", "--progress", "none", "--output", "json"];
        let read = Args::read(words.iter().map(std::ffi::OsString::from)).unwrap();
        assert_eq!(read.global.output, crate::args::Output::Json);
        assert_eq!(read.global.progress, crate::args::ProgressMode::None);
    }

    #[test]
    fn words_of_other_tools_are_answered_with_ours() {
        for (words, said) in [
            (
                ["longhaul", "run", "--dry-run"].as_slice(),
                "Use `longhaul plan`, which writes nothing.",
            ),
            (&["longhaul", "run", "--tables=a,b"], "Use `--table NAMES`."),
            (&["longhaul", "migrate"], "Did you mean `longhaul run`?"),
            (&["longhaul", "shop.yaml"], "Did you mean `longhaul run shop.yaml`?"),
        ] {
            let page = help(words);
            assert!(page.contains(said), "{said}\n{page}");
            assert!(!page.contains("as a value"), "{page}");
        }
    }
}
